/**
 * Where a loop is entered: how long to wait, in seconds, and how far into it to begin.
 *
 * While the song plays a take is entered at the next bar line, at the place in the loop where that bar lies after the
 * beat it was made for; else at once, from its start.
 */
export function entry(options: {
  playing: boolean; beats_to_bar: number; bar_at: number; from: number; tempo: number; length_s: number;
}): { wait_s: number; offset_s: number } {
  if (!options.playing) return { wait_s: 0, offset_s: 0 };
  const into_s = ((options.bar_at - options.from) * 60) / options.tempo;
  const offset_s = ((into_s % options.length_s) + options.length_s) % options.length_s;
  return { wait_s: (options.beats_to_bar * 60) / options.tempo, offset_s: offset_s > options.length_s - 1e-6 ? 0 : offset_s };
}
