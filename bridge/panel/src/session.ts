/** The session as the daemon tells it (`/sideman/state`): the fields that the panel shows. */
export interface Session {
  revision: number;
  transport: { playing: boolean; position: number; tempo: number; meter: string };
  tempo_map: { beat: number; bpm: number; ramp: boolean }[];
  meter_map: { bar: number; meter: string }[];
  from: number;
  key: string | null;
  chords: string | null;
  chord_changes: ChordChange[];
  drums: Record<string, string>;
  drum_hits: { beat: number; voice: string; velocity: number }[];
  melody: { beat: number; length: number; pitch: number; velocity: number }[];
  /** The least length of each chart in bars; null for as long as what is written. */
  chart_bars: { chords: number | null; drums: number | null; melody: number | null };
  jobs: { running: string | null; waiting: string[] };
  /** When this daemon was started: another one counts its revisions anew. */
  started: string;
  prompt: string;
  engine: string;
  bars: number;
  takes: number;
  seed: number;
  target: string;
  player: Player;
}

/** A take that the player knows, by the name it was asked for with: a request's, or a clip's. */
export interface Named {
  id: string;
  take: number;
}

/** The daemon's player: takes in time with the session, on its own audio device. */
export interface Player {
  on: boolean;
  /** The audio device, or null where there is none. */
  device: string | null;
  playing: Named | null;
  /** What enters at the next bar line. */
  waiting: Named | null;
  /** What is heard alone. */
  auditioning: Named | null;
  level_db: number;
}

/** What a player does with a clip: it plays, waits, or is heard alone; empty for nothing. */
export function roleOf(player: Player, clip: { id: string; request_id: string; take: number }): "" | "plays" | "waits" | "alone" {
  const is = (named: Named | null): boolean =>
    named !== null && (named.id === clip.id || (named.id === clip.request_id && named.take === clip.take));
  if (is(player.auditioning)) return "alone";
  if (is(player.waiting)) return "waits";
  return is(player.playing) ? "plays" : "";
}

export const LEVELS = { low: -48, high: 12, step: 3 } as const;

/** A level so many steps away, within what the panel offers. */
export function levelBy(level_db: number, steps: number): number {
  return Math.min(LEVELS.high, Math.max(LEVELS.low, level_db + steps * LEVELS.step));
}

export interface ChordChange {
  beat: number;
  chord: string;
}

export interface Meter {
  numerator: number;
  denominator: number;
}

/** A meter as `7/8` writes it; 4/4 where it cannot be read. */
export function readMeter(text: string): Meter {
  const [numerator, denominator] = text.split("/").map(Number);
  return numerator && denominator ? { numerator, denominator } : { numerator: 4, denominator: 4 };
}

/** Quarter notes in a bar. */
export function beatsOf(meter: Meter): number {
  return (meter.numerator * 4) / meter.denominator;
}

/** Sixteenths in a bar: the steps of a drum pattern. */
export function stepsOf(meter: Meter): number {
  return Math.floor((meter.numerator * 16) / meter.denominator);
}

/** A bar of the song: its number from 1, where it begins, and its length, both in quarter notes. */
export interface Bar {
  number: number;
  start: number;
  beats: number;
  meter: Meter;
}

/** The meter of a bar. */
export function meterAt(session: Session, bar: number): Meter {
  const point = session.meter_map.reduce<{ bar: number; meter: string } | undefined>(
    (found, one) => (one.bar <= bar && (!found || one.bar > found.bar) ? one : found), undefined);
  return readMeter(point?.meter ?? session.transport.meter);
}

/** So many bars of the song from bar 1 on, under the session's meter map. */
export function barsOf(session: Session, count: number): Bar[] {
  const map = [...session.meter_map].sort((a, b) => a.bar - b.bar);
  const bars: Bar[] = [];
  let start = 0;
  for (let number = 1; number <= count; number++) {
    const meter = readMeter(map.findLast((point) => point.bar <= number)?.meter ?? session.transport.meter);
    const beats = beatsOf(meter);
    bars.push({ number, start, beats, meter });
    start += beats;
  }
  return bars;
}

/** Where the song is now, as musicians count: bar and beat from 1, and the share of the beat that has gone by. */
export interface Counted {
  bar: number;
  beat: number;
  share: number;
  meter: Meter;
}

/** Count a position in quarter notes. A beat is the meter's own: an eighth in 7/8. */
export function counted(session: Session, position: number): Counted {
  const map = [...session.meter_map].sort((a, b) => a.bar - b.bar);
  const first = map[0] ?? { bar: 1, meter: session.transport.meter };
  let [bar, start] = [1, 0];
  let meter = readMeter(first.meter);
  for (const point of map.slice(1)) {
    const next = start + (point.bar - bar) * beatsOf(meter);
    if (next > position + 1e-9) break;
    [bar, start, meter] = [point.bar, next, readMeter(point.meter)];
  }
  const into = Math.max(0, position - start) + 1e-9;
  const whole = Math.floor(into / beatsOf(meter));
  const beats = ((into - whole * beatsOf(meter)) * meter.denominator) / 4;
  return { bar: bar + whole, beat: Math.floor(beats) + 1, share: beats % 1, meter };
}

/** The position now, from the one that was told `elapsed_s` ago. A ramp between two tellings is taken as steady. */
export function positionNow(session: Session, elapsed_s: number): number {
  const { playing, position, tempo } = session.transport;
  return playing ? position + (Math.max(0, elapsed_s) * tempo) / 60 : position;
}
