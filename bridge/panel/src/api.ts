import type { Session } from "./session";

export type Argument = number | string;

/** What the daemon says: the address of the reply, and its arguments by name. */
export interface Said {
  address: string;
  arguments: Record<string, Argument>;
}

/** A clip of the daemon, as its list has it. */
export interface Take {
  id: string;
  request_id: string;
  take: number;
  bars: number;
  seconds: number;
  tempo: number;
  meter: string;
  key: string | null;
  start: number;
  /** Seconds to each bar line inside it, under its own tempo and meter. */
  bar_lines: number[];
  engine: string;
  prompt: string;
  created_at: string;
  total_score: number | null;
  kept: boolean;
  rejected: boolean;
  placed: string;
  tags: string[];
  /** What of its chart has changed since: none where it is as it was, null where that cannot be told. */
  stale: string[] | null;
}

/** A clip's waveform: the lowest and highest sample of each of some stretches, channel by channel. */
export interface Peaks {
  channels: { min: number[]; max: number[] }[];
}

/** The words that may be chosen: from the daemon's own tables. */
export interface Vocabulary {
  engines: string[];
  voices: string[];
}

export interface Heard {
  session(session: Session): void;
  said(message: Said): void;
  connected(yes: boolean): void;
}

const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;

/** A connection over which nothing came for so long is asked after, and given up when nothing comes for as long again. */
const SILENCE_MS = 6000;

/** The daemon, over HTTP and one WebSocket that is opened anew whenever it is lost. */
export class Daemon {
  #socket: WebSocket | undefined;
  #pause = FIRST_PAUSE_MS;
  #closed = false;
  #heard_at = 0;
  #asked = false;
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly base: string,
    private readonly heard: Heard,
  ) {}

  /** Open the connection, now and after each loss. Where the daemon has a token, the browser shows its cookie. */
  connect(): void {
    const url = new URL("api/events", this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.#heardFrom();
      clearInterval(this.#watch);
      this.#watch = setInterval(() => this.#look(socket), SILENCE_MS / 2);
      this.heard.connected(true);
    };
    socket.onmessage = (event) => {
      this.#heardFrom();
      this.#take(String(event.data));
    };
    socket.onclose = () => this.#lost(socket);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#watch);
    this.#socket?.close();
  }

  #heardFrom(): void {
    this.#heard_at = performance.now();
    this.#asked = false;
  }

  /** A broken link closes nothing by itself: the browser goes on to believe in it for minutes. */
  #look(socket: WebSocket): void {
    const silent_ms = performance.now() - this.#heard_at;
    if (this.#asked && silent_ms > 2 * SILENCE_MS) {
      socket.close();
      this.#lost(socket);
    } else if (silent_ms > SILENCE_MS) {
      this.#asked = this.say("/sideman/ping");
    }
  }

  #lost(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    clearInterval(this.#watch);
    if (this.#closed) return;
    this.heard.connected(false);
    setTimeout(() => this.connect(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
  }

  #take(data: string): void {
    const message = JSON.parse(data) as Said | { session: Session };
    if ("session" in message) this.heard.session(message.session);
    else this.heard.said(message);
  }

  /** Say a command; false where there is no connection, so that nothing is taken to be said. */
  say(address: string, ...args: Argument[]): boolean {
    return this.#send({ address, arguments: args });
  }

  /** Say commands that count as a whole. */
  sayAll(commands: [address: string, ...args: Argument[]][]): boolean {
    return this.#send(commands.map(([address, ...args]) => ({ address, arguments: args })));
  }

  #send(value: object): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(value));
    return true;
  }

  /** The address of something of the daemon's, for fetching, playing or dragging. */
  url(path: string): string {
    return new URL(path, this.base).href;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#asked_for(path)).json()) as T;
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this.#asked_for(path)).arrayBuffer();
  }

  async #asked_for(path: string): Promise<Response> {
    const answer = await fetch(this.url(path));
    if (answer.ok) return answer;
    const told = (await answer.json().catch(() => null)) as { error?: { message?: string } } | null;
    throw new Error(told?.error?.message ?? `${path}: ${answer.status} ${answer.statusText}`);
  }
}
