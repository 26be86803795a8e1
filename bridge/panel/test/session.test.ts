import { describe, expect, it } from "vitest";
import {
  cellsOf, cellsToWrite, changesOf, chordCells, drumPages, pagesFilled, periodOf, rewritten, signAt, toggled, withBar, writtenOut,
} from "../src/chart";
import { barsOf, counted, levelBy, positionNow, roleOf, stepsOf, type Player, type Session } from "../src/session";

function session(meters: [number, string][] = [[1, "4/4"]], position = 0, playing = false): Session {
  return {
    revision: 1,
    transport: { playing, position, tempo: 120, meter: meters[0]?.[1] ?? "4/4" },
    tempo_map: [{ beat: 0, bpm: 120, ramp: false }],
    meter_map: meters.map(([bar, meter]) => ({ bar, meter })),
    from: 0, key: null, chords: null, chord_changes: [], drums: {}, drum_hits: [], melody: [],
    prompt: "", engine: "sketch", bars: 4, takes: 1, seed: -1, target: "",
    chart_bars: { chords: null, drums: null, melody: null }, jobs: { running: null, waiting: [] }, started: "", player: SILENT,
  };
}

const SILENT: Player = { on: true, device: "a device", playing: null, waiting: null, auditioning: null, level_db: 0 };

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

describe("a chart of another length than the clip", () => {
  const texts = (now: Session) => cellsOf(now, now.bars).map(({ text, repeats }) => (repeats ? `(${text})` : text));

  it("keeps bars that the clip does not reach, and bars that are not shown", () => {
    const long = { ...session(), chords: Array.from({ length: 80 }, (_, bar) => (bar % 2 ? "F" : "Am")).join(" | ") };
    const cells = cellsToWrite(cellsOf(long, 4), 0);
    const changes = withBar(cells, 0, "Dm");
    expect(cells).toHaveLength(80);
    expect(changes).toHaveLength(80);
    expect(changes.at(-1)).toEqual({ beat: 316, chord: "F" });
  });

  it("begins again after its end, and is written out when a repetition is changed", () => {
    const short = { ...session(), chords: "Am | Dm G", bars: 5 };
    expect(texts(short)).toEqual(["Am", "Dm G", "(Am)", "(Dm G)", "(Am)"]);
    expect(cellsToWrite(cellsOf(short, 5), 1)).toHaveLength(2);
    const written = cellsToWrite(cellsOf(short, 5), 2);
    expect(withBar(written, 2, "C").map(({ beat, chord }) => `${beat} ${chord}`)).toEqual([
      "0 Am", "4 Dm", "6 G", "8 C", "12 Dm", "14 G", "16 Am",
    ]);
  });

  it("repeats by bars under other meters, and as long as it was said to be", () => {
    const odd = { ...session([[1, "4/4"], [3, "6/8"]]), chords: "Am | Dm G", bars: 4 };
    expect(cellsOf(odd, 4)[3]?.changes).toEqual([{ beat: 11, chord: "Dm" }, { beat: 12.5, chord: "G" }]);
    const said = { ...session(), chord_changes: [{ beat: 0, chord: "C" }], chart_bars: { chords: 2, drums: null, melody: null } };
    expect(periodOf(said)).toBe(2);
    expect(texts(said)).toEqual(["C", "", "(C)", "()"]);
    expect(periodOf(session())).toBe(0);
    expect(texts(session())).toEqual(["", "", "", ""]);
  });

  it("has single changes laid over its progression", () => {
    const both = { ...session(), chords: "Am | F", chord_changes: [{ beat: 2, chord: "E7" }, { beat: 4, chord: "G" }] };
    expect(changesOf(both)).toEqual([{ beat: 0, chord: "Am" }, { beat: 2, chord: "E7" }, { beat: 4, chord: "G" }]);
  });
});

describe("the drum lane", () => {
  const pages = drumPages(session(), 4);

  it("goes from rest to hit to accent to ghost to rest", () => {
    let pattern = "................";
    const seen = [];
    for (let click = 0; click < 4; click++) seen.push((pattern = toggled(pattern, 4))[4]);
    expect(seen).toEqual(["x", "X", "o", "."]);
    expect(pattern).toBe("................");
  });

  it("is written in whole bars, and never in fewer than it has", () => {
    expect(writtenOut("", pages, 1)).toBe("................");
    const long = "x...............".repeat(3);
    expect(pagesFilled(long, pages)).toBe(3);
    expect(writtenOut(long, pages, 1)).toBe(long);
    expect(writtenOut("x...............", pages, 2)).toBe("x...............".repeat(2));
  });

  it("follows the meters from bar 1 on", () => {
    const changing = drumPages(session([[1, "4/4"], [2, "7/8"]]), 3);
    expect(changing.map(({ start, steps }) => [start, steps])).toEqual([[0, 16], [16, 14], [30, 14]]);
    const pattern = "x...x...x...x..." + "o.............";
    expect(signAt(pattern, changing, 1, 0)).toBe("o");
    expect(signAt(pattern, changing, 2, 12)).toBe("x");
    expect(toggled(writtenOut(pattern, changing, 2), 16)).toHaveLength(30);
    expect(writtenOut(pattern, changing, 3)).toHaveLength(44);
  });

  it("begins again by bars", () => {
    expect(signAt("x...............", pages, 3, 0)).toBe("x");
    expect(signAt("", pages, 0, 0)).toBe(".");
  });
});

describe("the player", () => {
  const clip = { id: "20261130-1-t1", request_id: "verse", take: 1 };
  it.each([
    ["playing", { id: "verse", take: 1 }, "plays"],
    ["playing", { id: "verse", take: 0 }, ""],
    ["playing", { id: "20261130-1-t1", take: 0 }, "plays"],
    ["waiting", { id: "verse", take: 1 }, "waits"],
    ["auditioning", { id: "20261130-1-t1", take: 0 }, "alone"],
  ] as const)("has a take as %s by either name", (part, named, role) => {
    expect(roleOf({ ...SILENT, [part]: named }, clip)).toBe(role);
  });

  it("says of a take that is heard alone that it is, whatever else it does", () => {
    const named = { id: "verse", take: 1 };
    expect(roleOf({ ...SILENT, playing: named, waiting: named }, clip)).toBe("waits");
    expect(roleOf({ ...SILENT, playing: named, waiting: named, auditioning: named }, clip)).toBe("alone");
    expect(roleOf(SILENT, clip)).toBe("");
  });

  it("stays within the levels that it offers", () => {
    expect(levelBy(0, -1)).toBe(-3);
    expect(levelBy(11, 1)).toBe(12);
    expect(levelBy(-96, -1)).toBe(-48);
  });
});
