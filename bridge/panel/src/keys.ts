/** What a key does, by its name; the help and the tests read the same table. */
export const KEYS = {
  " ": ["play", "Play or stop the song"],
  g: ["generate", "Generate"],
  n: ["next", "Another take of the same"],
  Escape: ["cancel", "Cancel, or leave a field"],
  j: ["down", "The next take in the list"],
  k: ["up", "The take before it"],
  Enter: ["hear", "Hear the chosen take, or stop it"],
  s: ["keep", "Keep the chosen take"],
  x: ["reject", "Reject it"],
  a: ["again", "Make it again with the chart as it is now"],
  o: ["player", "Switch the daemon's player on or off"],
  l: ["launch", "Play the chosen take in the player, from the next bar on"],
  u: ["audition", "Hear it alone in the player"],
  h: ["halt", "Stop what the player plays"],
  "-": ["softer", "The player softer, by 3 dB"],
  "+": ["louder", "The player louder"],
  ".": ["panic", "Silence at once, and the player off"],
  p: ["prompt", "Write the prompt"],
  c: ["chords", "Write chords"],
  d: ["drums", "Edit drums"],
  "/": ["search", "Search takes"],
  "?": ["help", "Show these keys"],
} as const;

export type Action = (typeof KEYS)[keyof typeof KEYS][0];

/** The action of a key press; none while something is written, but for leaving it. */
export function actionOf(event: { key: string; ctrlKey: boolean; metaKey: boolean; altKey: boolean }, writing: boolean): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || writing) return null;
  const found = Object.entries(KEYS).find(([key]) => key === event.key);
  return found ? found[1][0] : null;
}
