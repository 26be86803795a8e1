import { expect, it } from "vitest";
import { entry } from "../src/entry";

const song = { playing: true, beats_to_bar: 1, bar_at: 8, from: 0, tempo: 120, length_s: 8 };

it("begins at once and from the start while the song stands", () => {
  expect(entry({ ...song, playing: false })).toEqual({ wait_s: 0, offset_s: 0 });
});

it("waits for the bar line, and enters where that bar lies in the loop", () => {
  expect(entry(song)).toEqual({ wait_s: 0.5, offset_s: 4 });
  expect(entry({ ...song, bar_at: 16 })).toEqual({ wait_s: 0.5, offset_s: 0 });
  expect(entry({ ...song, from: 4 }).offset_s).toBeCloseTo(2);
});

it("counts backwards before the beat that the clip was made for", () => {
  expect(entry({ ...song, bar_at: 4, from: 8 }).offset_s).toBeCloseTo(6);
});

it("is never at the very end of the loop", () => {
  expect(entry({ ...song, bar_at: 16 - 1e-9 }).offset_s).toBe(0);
});
