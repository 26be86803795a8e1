import { describe, expect, it } from "vitest";
import { chordCells, rewritten, signAt, toggled, withBar, writtenOut } from "../src/chart";
import { barsOf, counted, positionNow, stepsOf, type Session } from "../src/session";

function session(meters: [number, string][] = [[1, "4/4"]], position = 0, playing = false): Session {
  return {
    revision: 1,
    transport: { playing, position, tempo: 120, meter: meters[0]?.[1] ?? "4/4" },
    tempo_map: [{ beat: 0, bpm: 120, ramp: false }],
    meter_map: meters.map(([bar, meter]) => ({ bar, meter })),
    from: 0, key: null, chords: null, chord_changes: [], drums: {}, drum_hits: [], melody: [],
    prompt: "", engine: "sketch", bars: 4, takes: 1, seed: -1, target: "",
  };
}

describe("counting", () => {
  it.each([
    [0, 1, 1], [3.99, 1, 4], [4, 2, 1], [17.5, 5, 2],
  ])("beat %d of 4/4 is bar %d, beat %d", (at, bar, beat) => {
    expect(counted(session(), at)).toMatchObject({ bar, beat });
  });

  it("follows changes of meter", () => {
    const changing = session([[1, "4/4"], [3, "7/8"], [4, "3/4"]]);
    expect(counted(changing, 8)).toMatchObject({ bar: 3, beat: 1, meter: { numerator: 7, denominator: 8 } });
    expect(counted(changing, 11)).toMatchObject({ bar: 3, beat: 7 });
    expect(counted(changing, 11.5)).toMatchObject({ bar: 4, beat: 1 });
    expect(barsOf(changing, 5).map((bar) => bar.start)).toEqual([0, 4, 8, 11.5, 14.5]);
    expect(barsOf(changing, 3).map((bar) => stepsOf(bar.meter))).toEqual([16, 16, 14]);
  });

  it("goes on while the song plays, and stands while it does not", () => {
    expect(positionNow(session([[1, "4/4"]], 4, true), 1.5)).toBe(7);
    expect(positionNow(session([[1, "4/4"]], 4), 1.5)).toBe(4);
    expect(positionNow(session([[1, "4/4"]], 4, true), -1)).toBe(4);
  });
});

describe("the chord lane", () => {
  const bars = barsOf(session(), 3);
  const changes = [{ beat: 0, chord: "Am7" }, { beat: 4, chord: "Dm7" }, { beat: 7, chord: "G7" }];

  it("shows each bar's chords and whether they share it equally", () => {
    expect(chordCells(bars, changes).map(({ text, even }) => [text, even])).toEqual([
      ["Am7", true], ["Dm7 G7", false], ["", true],
    ]);
  });

  it("rewrites one bar and leaves the others to the tick", () => {
    expect(withBar(chordCells(bars, changes), 2, "C  F/A")).toEqual([
      ...changes, { beat: 8, chord: "C" }, { beat: 10, chord: "F/A" },
    ]);
    expect(withBar(chordCells(bars, changes), 1, "")).toEqual([{ beat: 0, chord: "Am7" }]);
    expect(rewritten({ number: 1, start: 3, beats: 3, meter: { numerator: 3, denominator: 4 } }, "A B C")).toEqual([
      { beat: 3, chord: "A" }, { beat: 4, chord: "B" }, { beat: 5, chord: "C" },
    ]);
  });
});

describe("the drum lane", () => {
  it("goes from rest to hit to accent to ghost to rest", () => {
    let pattern = "................";
    const seen = [];
    for (let click = 0; click < 4; click++) seen.push((pattern = toggled(pattern, 4, 16))[4]);
    expect(seen).toEqual(["x", "X", "o", "."]);
    expect(pattern).toBe("................");
  });

  it("fills up to whole bars", () => {
    expect(toggled("x...", 17, 16)).toHaveLength(32);
    expect(toggled("", 0, 14)).toBe("x.............");
  });

  it("repeats, and can be written out", () => {
    expect(signAt("x...", 9)).toBe(".");
    expect(signAt("x...", 8)).toBe("x");
    expect(writtenOut("x.o.", 8)).toBe("x.o.x.o.");
    expect(writtenOut("", 4)).toBe("....");
  });
});
