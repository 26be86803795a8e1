import { computed, effect, signal } from "@preact/signals";
import { type Argument, Daemon, type Said, type Take, type Vocabulary } from "./api";
import { counted, positionNow, type Session } from "./session";

const MOST_LINES = 50;
const NOT_THERE = "The daemon is not there: nothing was changed. It is looked for again.";
/** While the song plays its position is asked for this often: ramps, and clocks that drift. */
const RESYNC_MS = 1000;
/** After a change of the chart takes may be stale; while it is being written that can wait. */
const STALE_MS = 400;

export const session = signal<Session | null>(null);
export const heardAt = signal(0);
export const connected = signal<boolean | null>(null);
export const takes = signal<Take[]>([]);
export const chosen = signal<string | null>(null);
export const vocabulary = signal<Vocabulary>({ engines: [], voices: [] });
export const lines = signal<{ kind: "notice" | "error"; text: string }[]>([]);
export const helping = signal(false);
/** What is looked for in the library; empty for the newest takes. */
export const searched = signal("");
/** The requests under way, with the share of each that is done. */
export const jobs = signal<Map<string, number>>(new Map());
export const busy = computed(() => jobs.value.size > 0);
/** The position in quarter notes, as far as the last picture frame. */
export const position = signal(0);
/** The bar of the song, and the sixteenth in it: they change seldom, so what shows them is drawn seldom. */
export const barNow = computed(() => (session.value ? counted(session.value, position.value).bar : 1));
export const stepNow = computed(() => {
  if (!session.value) return 0;
  const { beat, share, meter } = counted(session.value, position.value);
  return Math.floor(((beat - 1 + share) * 16) / meter.denominator);
});
export const beatNow = computed(() => (session.value ? counted(session.value, position.value).beat : 1));
/** How many takes there are, of which the newest are listed. */
export const takesInAll = signal(0);

const ENDS = ["/sideman/done", "/sideman/cancelled", "/sideman/superseded"];
const LOST_EDIT = "The connection was lost while the chart was being changed: see whether the last change is there.";
const CHANGES_TAKES = ["clip", "score", "kept", "rejected", "tagged", "placed", "done"].map((name) => `/sideman/${name}`);
/** States of the player that a producer has to know of; the others are seen. */
const PLAYER_NEWS = ["lost", "underruns", "opened"];

export const daemon = new Daemon(document.baseURI, {
  session(told) {
    const under_way = [told.jobs.running, ...told.jobs.waiting].filter((id) => id !== null);
    jobs.value = new Map(under_way.map((id) => [id, jobs.value.get(id) ?? 0]));
    take_session(told);
  },
  said,
  connected(yes) {
    connected.value = yes;
    if (!yes) {
      jobs.value = new Map();
      if (unanswered) tell("error", LOST_EDIT);
      unanswered = 0;
      return;
    }
    void refreshTakes();
    void daemon.get<{ words: Vocabulary }>("api/commands").then(({ words }) => (vocabulary.value = words), tellError);
  },
});

/** Edits of the chart that the daemon has not answered: until then what it tells of the chart may be older. */
let unanswered = 0;

function take_session(told: Session): void {
  const now = session.value;
  // An answer that was asked for before may come after what the daemon told since.
  if (now && now.started === told.started && told.revision < now.revision) return;
  if (now && now.revision !== told.revision) refreshSoon(STALE_MS);
  session.value = now && unanswered ? { ...told, chords: now.chords, chord_changes: now.chord_changes, chart_bars: now.chart_bars, drums: now.drums } : told;
  heardAt.value = performance.now();
}

async function answered(): Promise<void> {
  if (!unanswered) return; // the connection itself was asked after
  unanswered = Math.max(0, unanswered - 1);
  if (!unanswered) await daemon.get<Session>("api/session").then(take_session, tellError);
}

function said({ address, arguments: told }: Said): void {
  const id = String(told["id"] ?? "");
  if (address === "/sideman/pong") void answered();
  if (address === "/sideman/accepted") setJob(id, 0);
  if (address === "/sideman/progress") setJob(id, Number(told["share"]));
  if (ENDS.includes(address)) setJob(id, null);
  if (address === "/sideman/player" && PLAYER_NEWS.includes(String(told["state"]))) tell("notice", String(told["message"]));
  if (address === "/sideman/notice") tell("notice", String(told["message"]));
  if (address === "/sideman/error") {
    setJob(id, null);
    tell("error", String(told["message"]));
  }
  if (CHANGES_TAKES.includes(address)) refreshSoon();
}

function setJob(id: string, share: number | null): void {
  const next = new Map(jobs.value);
  if (share === null) next.delete(id);
  else next.set(id, share);
  jobs.value = next;
}

export function tell(kind: "notice" | "error", text: string): void {
  lines.value = [{ kind, text }, ...lines.value].slice(0, MOST_LINES);
}

export function tellError(error: unknown): void {
  tell("error", error instanceof Error ? error.message : String(error));
}

/**
 * Change the chart by commands that count as one, and show it changed at once: who writes fast writes on what they see.
 * The daemon answers a ping after them; then the chart is as it has it.
 */
export function edit(commands: [address: string, ...args: Argument[]][], changed: Partial<Session>): void {
  if (!session.value || !daemon.sayAll(commands) || !daemon.say("/sideman/ping")) {
    tell("error", NOT_THERE);
    return;
  }
  unanswered++;
  session.value = { ...session.value, ...changed };
}

/** Say something to the daemon; where it is not there, the user is told and nothing is lost. */
export function say(address: string, ...args: Argument[]): void {
  if (!daemon.say(address, ...args)) tell("error", NOT_THERE);
}

let refreshing: ReturnType<typeof setTimeout> | undefined;

function refreshSoon(pause_ms = 60): void {
  clearTimeout(refreshing);
  refreshing = setTimeout(() => void refreshTakes(), pause_ms);
}

/** Look for takes in the library's words, once the writer pauses. */
export function search(text: string): void {
  searched.value = text;
  refreshSoon(200);
}

let lookups = 0;

export async function refreshTakes(): Promise<void> {
  const lookup = ++lookups;
  try {
    const query = searched.value.trim();
    const found = await daemon.get<{ clips: Take[]; total: number }>(`api/clips?limit=100${query ? `&query=${encodeURIComponent(query)}` : ""}`);
    if (lookup !== lookups) return; // a later one is on its way, or was faster
    takes.value = found.clips;
    takesInAll.value = found.total;
    if (!found.clips.some(({ id }) => id === chosen.value)) chosen.value = found.clips[0]?.id ?? null;
  } catch (error) {
    if (lookup === lookups) tellError(error);
  }
}

/** What is done for every picture. */
export const eachFrame: (() => void)[] = [];

/** Follow the song: the position in every picture, and the session again from time to time. */
export function follow(): void {
  const frame = (): void => {
    const now = session.value;
    if (now) position.value = positionNow(now, (performance.now() - heardAt.value) / 1000);
    for (const act of eachFrame) act();
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  effect(() => {
    if (!connected.value || !session.value?.transport.playing) return undefined;
    const timer = setInterval(() => void daemon.get<Session>("api/session").then(take_session, () => undefined), RESYNC_MS);
    return () => clearInterval(timer);
  });
}
