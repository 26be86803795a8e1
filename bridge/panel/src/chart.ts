import { type Bar, barsOf, type ChordChange, counted, type Session, stepsOf } from "./session";

/** Two places are one where they are nearer than this, in quarter notes. */
const SAME = 1e-6;

/** A bar of the chord lane: what is written in it, and whether its chords share it equally, as bar notation has them. */
export interface ChordCell {
  bar: Bar;
  text: string;
  even: boolean;
  changes: ChordChange[];
  /** It lies after the end of the chart, which goes on from its beginning here. */
  repeats?: boolean;
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

/** The bars of the chord chart until it repeats: its progression, its changes, and the length that was set. */
export function periodOf(now: Session): number {
  const last = Math.max(0, ...now.chord_changes.map(({ beat }) => counted(now, beat).bar));
  return Math.max(last, now.chords ? now.chords.split("|").length : 0, last || now.chords ? (now.chart_bars.chords ?? 0) : 0);
}

/** Every change of the chart before it repeats: its progression from bar 1 on, and single changes laid over it. */
export function changesOf(now: Session): ChordChange[] {
  const texts = now.chords ? now.chords.split("|").map((text) => text.trim()) : [];
  const symbols = barsOf(now, texts.length).flatMap((bar, index) => rewritten(bar, texts[index] ?? ""));
  const under = symbols.filter((symbol) => !now.chord_changes.some(({ beat }) => Math.abs(beat - symbol.beat) < SAME));
  return [...under, ...now.chord_changes].sort((a, b) => a.beat - b.beat);
}

/**
 * Every bar of the chord chart, and at least so many of the song: those after the chart's end are its repetition. All
 * bars that are written are there, however many are shown, so that writing one loses none.
 */
export function cellsOf(now: Session, least: number): ChordCell[] {
  const period = periodOf(now);
  const cells = chordCells(barsOf(now, Math.max(period, least)), changesOf(now));
  if (!period) return cells;
  return cells.map((cell, index) => {
    const source = cells[index % period] as ChordCell;
    if (index < period) return cell;
    const moved = source.changes.map(({ beat, chord }) => ({ chord, beat: cell.bar.start + Math.min(beat - source.bar.start, cell.bar.beats) }));
    return { bar: cell.bar, text: source.text, even: source.even, changes: source.even ? rewritten(cell.bar, source.text) : moved, repeats: true };
  });
}

/** The bars that are to be written when one is: those of the chart; and its repetitions too, when that one is among them. */
export function cellsToWrite(cells: ChordCell[], index: number): ChordCell[] {
  return cells[index]?.repeats ? cells : cells.filter(({ repeats }) => !repeats);
}

/** The signs of a drum step, in the order that a click goes through them: rest, hit, accent, ghost. */
export const STEPS = [".", "x", "X", "o"] as const;

/** A bar of the drum patterns: its first step from the patterns' beginning, and how many it has under its meter. */
export interface DrumPage {
  bar: Bar;
  start: number;
  steps: number;
}

function bare(pattern: string): string {
  return pattern.replace(/[\s|]/g, "");
}

/** The first bars of the song as bars of drum patterns, which follow the meters from bar 1 on. */
export function drumPages(now: Session, count: number): DrumPage[] {
  let start = 0;
  return barsOf(now, count).map((bar) => {
    const page = { bar, start, steps: stepsOf(bar.meter) };
    start += page.steps;
    return page;
  });
}

/** How many bars a pattern fills; the last one may be begun. */
export function pagesFilled(pattern: string, pages: DrumPage[]): number {
  const { length } = bare(pattern);
  const past = pages.findIndex(({ start }) => start >= length);
  return past < 0 ? pages.length : past;
}

/** The sign that sounds at a step of a bar: a pattern repeats by bars. */
export function signAt(pattern: string, pages: DrumPage[], page: number, step: number): string {
  const own = pagesFilled(pattern, pages);
  const source = own ? pages[page % own] : undefined;
  return source && step < source.steps ? (bare(pattern)[source.start + step] ?? ".") : ".";
}

/** A pattern written out over so many bars, and never fewer than it has, so that one can be changed without its repetitions. */
export function writtenOut(pattern: string, pages: DrumPage[], count: number): string {
  const most = Math.max(count, pagesFilled(pattern, pages));
  return pages
    .slice(0, most)
    .map(({ steps }, page) => Array.from({ length: steps }, (_, step) => signAt(pattern, pages, page, step)).join(""))
    .join("");
}

/** A pattern that is written out, with one step changed to the next sign. */
export function toggled(pattern: string, at: number): string {
  const signs = [...pattern];
  const place = STEPS.indexOf((signs[at] ?? ".") as (typeof STEPS)[number]);
  signs[at] = STEPS[(place + 1) % STEPS.length] ?? ".";
  return signs.join("");
}
