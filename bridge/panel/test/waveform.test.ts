import { expect, it, vi } from "vitest";

vi.mock("../src/store", () => ({ daemon: {}, tellError: () => undefined }));
const { barLines, loudest } = await import("../src/Waveform");

it("has the bar lines of the take's own meters and tempo", () => {
  expect(barLines({ bar_lines: [2, 3.75], seconds: 5 })).toEqual([0.4, 0.75]);
  expect(barLines({ bar_lines: [], seconds: 2 })).toEqual([]);
});

it("shows the loudest of all channels", () => {
  expect(loudest({ channels: [{ min: [-0.1, -0.9], max: [0.2, 0.1] }, { min: [-0.5, 0], max: [0, 0] }] })).toEqual([0.5, 0.9]);
});
