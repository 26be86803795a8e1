import { signal } from "@preact/signals";
import type { Take } from "./api";
import { entry } from "./entry";
import { beatsOf, counted, positionNow } from "./session";
import { daemon, eachFrame, heardAt, session, tellError } from "./store";

/** The take that is heard, and how far into it, in seconds. */
export const sounding = signal<string | null>(null);
export const soundingAt = signal(0);

const FADE_S = 0.02;
/** Takes that are kept decoded have so many samples in all at most, 256 MiB; the one that is heard is kept whatever it has. */
const MOST_SAMPLES = 64 << 20;

let context: AudioContext | undefined;
let playing: { source: AudioBufferSourceNode; level: GainNode; began: number; length: number } | undefined;
const decoded = new Map<string, AudioBuffer>();
/** What is wished for while a take is on its way: the latest counts. */
let wishes = 0;

async function bufferOf(audio: AudioContext, take: Take): Promise<AudioBuffer> {
  const known = decoded.get(take.id);
  if (known) return known;
  const buffer = await audio.decodeAudioData(await daemon.bytes(`api/clips/${encodeURIComponent(take.id)}/audio`));
  decoded.set(take.id, buffer);
  let samples = 0;
  for (const [id, one] of [...decoded].reverse()) {
    samples += one.length * one.numberOfChannels;
    if (samples > MOST_SAMPLES && id !== take.id) decoded.delete(id);
  }
  return buffer;
}

/** Hear a take in a loop: in time with the song while that plays. What was heard before goes on until then. */
export async function hear(take: Take): Promise<void> {
  const wish = ++wishes;
  try {
    context ??= new AudioContext({ latencyHint: "interactive" });
    await context.resume();
    const buffer = await bufferOf(context, take);
    if (wish === wishes) begin(context, buffer, take);
  } catch (error) {
    tellError(error);
  }
}

function begin(audio: AudioContext, buffer: AudioBuffer, take: Take): void {
  const now = session.value;
  if (!now) return;
  const at = positionNow(now, (performance.now() - heardAt.value) / 1000);
  const place = counted(now, at);
  const to_bar = beatsOf(place.meter) - (((place.beat - 1 + place.share) * 4) / place.meter.denominator);
  const { wait_s, offset_s } = entry({
    playing: now.transport.playing, beats_to_bar: to_bar, bar_at: at + to_bar, from: take.start,
    tempo: now.transport.tempo, length_s: take.seconds,
  });
  const source = new AudioBufferSourceNode(audio, { buffer, loop: true, loopStart: 0, loopEnd: take.seconds });
  const level = new GainNode(audio, { gain: 0 });
  source.connect(level).connect(audio.destination);
  const start = audio.currentTime + wait_s;
  level.gain.setValueAtTime(0, start);
  level.gain.linearRampToValueAtTime(1, start + FADE_S);
  source.start(start, offset_s);
  end(start);
  playing = { source, level, began: start - offset_s, length: take.seconds };
  sounding.value = take.id;
}

function end(at: number): void {
  if (!playing) return;
  const { source, level } = playing;
  level.gain.cancelScheduledValues(at);
  level.gain.setValueAtTime(1, at);
  level.gain.linearRampToValueAtTime(0, at + FADE_S);
  source.stop(at + FADE_S);
  playing = undefined;
}

/** Silence, faded over a few milliseconds. */
export function stopHearing(): void {
  wishes++;
  if (context) end(context.currentTime);
  sounding.value = null;
  soundingAt.value = 0;
}

/** How far into the take it is now; read with each picture. */
eachFrame.push(() => {
  if (!playing || !context) return;
  const into = context.currentTime - playing.began;
  soundingAt.value = into > 0 ? into % playing.length : 0;
});
