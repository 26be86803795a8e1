import type { Action } from "./keys";
import { hear, stopHearing, sounding } from "./hearing";
import { chosen, helping, say, session, takes } from "./store";

/** Carry out what a key or a button stands for. */
export function perform(action: Action): void {
  ACTIONS[action]();
}

const ACTIONS: Record<Action, () => void> = {
  play: () => say(session.value?.transport.playing ? "/sideman/stop" : "/sideman/play"),
  generate: () => say("/sideman/generate"),
  next: () => say("/sideman/next"),
  cancel: () => {
    helping.value = false;
    stopHearing();
    say("/sideman/cancel");
  },
  down: () => move(1),
  up: () => move(-1),
  hear: () => {
    const take = taken();
    if (!take) return;
    if (sounding.value === take.id) stopHearing();
    else void hear(take);
  },
  keep: () => withTake((id, take) => say("/sideman/keep", id, take)),
  reject: () => withTake((id, take) => say("/sideman/reject", id, take)),
  again: () => withTake((id, take) => say("/sideman/again", id, take)),
  prompt: () => focus("prompt"),
  chords: () => focus("chord-1"),
  drums: () => focus("step-0-0"),
  search: () => focus("search"),
  help: () => {
    helping.value = !helping.value;
  },
};

function taken() {
  return takes.value.find(({ id }) => id === chosen.value);
}

function withTake(act: (request: string, take: number) => void): void {
  const take = taken();
  if (take) act(take.request_id, take.take);
}

function move(by: number): void {
  const place = takes.value.findIndex(({ id }) => id === chosen.value);
  const next = takes.value[Math.min(takes.value.length - 1, Math.max(0, place + by))];
  if (!next) return;
  chosen.value = next.id;
  document.getElementById(`take-${next.id}`)?.scrollIntoView({ block: "nearest" });
}

function focus(id: string): void {
  document.getElementById(id)?.focus();
}
