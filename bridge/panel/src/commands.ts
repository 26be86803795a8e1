import type { Action } from "./keys";
import { hear, stopHearing, sounding } from "./hearing";
import { levelBy } from "./session";
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
    if (helping.value) {
      helping.value = false;
      return;
    }
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
  keep: () => withTake((id) => say("/sideman/keep", id)),
  reject: () => withTake((id) => say("/sideman/reject", id)),
  again: () => withTake((id) => say("/sideman/again", id)),
  player: () => say(session.value?.player.on ? "/sideman/player/off" : "/sideman/player/on"),
  launch: () => withTake((id) => inPlayer("/sideman/player/play", id)),
  audition: () => withTake((id) => inPlayer("/sideman/player/audition", id)),
  halt: () => say("/sideman/player/stop"),
  panic: () => say("/sideman/player/panic"),
  softer: () => level(-1),
  louder: () => level(1),
  prompt: () => focus("prompt"),
  chords: () => focus("chord-1"),
  drums: () => document.querySelector<HTMLElement>(".step[tabindex='0']")?.focus(),
  search: () => focus("search"),
  help: () => {
    helping.value = !helping.value;
  },
};

function taken() {
  return takes.value.find(({ id }) => id === chosen.value);
}

/** A take is meant by its file's name: two requests of different days may have one id. */
function withTake(act: (id: string) => void): void {
  const take = taken();
  if (take) act(take.id);
}

/** A take is played where one can hear it: a player that is off is switched on first. */
function inPlayer(address: string, id: string): void {
  if (!session.value?.player.on) say("/sideman/player/on");
  say(address, id);
}

/** The level that was asked for last: who presses a key fast goes on from there, whatever was told since. */
let asked = { level_db: 0, at: -Infinity };
const ASKED_MS = 1000;

function level(steps: number): void {
  if (!session.value) return;
  const from = performance.now() - asked.at < ASKED_MS ? asked.level_db : session.value.player.level_db;
  asked = { level_db: levelBy(from, steps), at: performance.now() };
  say("/sideman/player/level", asked.level_db);
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
