import type { Bar, ChordChange } from "./session";

/** Two places are one where they are nearer than this, in quarter notes. */
const SAME = 1e-6;

/** A bar of the chord lane: what is written in it, and whether its chords share it equally, as bar notation has them. */
export interface ChordCell {
  bar: Bar;
  text: string;
  even: boolean;
  changes: ChordChange[];
}

/** The chords of each bar. A bar without a change of its own has the empty text: the chord before goes on. */
export function chordCells(bars: Bar[], changes: ChordChange[]): ChordCell[] {
  return bars.map((bar) => {
    const inside = changes.filter(({ beat }) => beat >= bar.start - SAME && beat < bar.start + bar.beats - SAME);
    const step = bar.beats / Math.max(1, inside.length);
    const even = inside.every(({ beat }, index) => Math.abs(beat - bar.start - index * step) < SAME);
    return { bar, text: inside.map(({ chord }) => chord).join(" "), even, changes: inside };
  });
}

/** The changes of a bar that is rewritten: its chords share it equally. */
export function rewritten(bar: Bar, text: string): ChordChange[] {
  const words = text.trim().split(/\s+/).filter(Boolean);
  return words.map((chord, index) => ({ beat: bar.start + (index * bar.beats) / words.length, chord }));
}

/** Every change of the lane after the text of one bar was rewritten; all other bars keep theirs to the tick. */
export function withBar(cells: ChordCell[], index: number, text: string): ChordChange[] {
  return cells.flatMap((cell, place) => (place === index ? rewritten(cell.bar, text) : cell.changes));
}

/** The signs of a drum step, in the order that a click goes through them: rest, hit, accent, ghost. */
export const STEPS = [".", "x", "X", "o"] as const;

/** A pattern with one step changed to the next sign; it is filled up with rests, and to whole bars. */
export function toggled(pattern: string, step: number, steps_a_bar: number): string {
  const bare = pattern.replace(/[\s|]/g, "");
  const length = Math.ceil(Math.max(bare.length, step + 1) / steps_a_bar) * steps_a_bar;
  const signs = [...bare.padEnd(length, ".")];
  const place = STEPS.indexOf((signs[step] ?? ".") as (typeof STEPS)[number]);
  signs[step] = STEPS[(place + 1) % STEPS.length] ?? ".";
  return signs.join("");
}

/** The sign that sounds at a step: a pattern repeats. */
export function signAt(pattern: string, step: number): string {
  const bare = pattern.replace(/[\s|]/g, "");
  return bare ? (bare[step % bare.length] ?? ".") : ".";
}

/** A pattern written out over so many steps, so that one step can be changed without its repetitions. */
export function writtenOut(pattern: string, steps: number): string {
  return Array.from({ length: steps }, (_, step) => signAt(pattern, step)).join("");
}
