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

/** The token that the page was opened with; a daemon on loopback needs none. */
export function tokenOf(location: { hash: string; search: string }): string | null {
  return new URLSearchParams(location.hash.replace(/^#/, "")).get("token") ?? new URLSearchParams(location.search).get("token");
}

/** The daemon, over HTTP and one WebSocket that is opened anew whenever it is lost. */
export class Daemon {
  #socket: WebSocket | undefined;
  #pause = FIRST_PAUSE_MS;
  #closed = false;

  constructor(
    private readonly base: string,
    private readonly token: string | null,
    private readonly heard: Heard,
  ) {}

  /** Open the connection, now and after each loss. */
  connect(): void {
    const url = new URL("api/events", this.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.token) url.searchParams.set("token", this.token);
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#pause = FIRST_PAUSE_MS;
      this.heard.connected(true);
    };
    socket.onmessage = (event) => this.#take(String(event.data));
    socket.onclose = () => {
      if (this.#closed) return;
      this.heard.connected(false);
      setTimeout(() => this.connect(), this.#pause);
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
    };
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
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
    const url = new URL(path, this.base);
    if (this.token) url.searchParams.set("token", this.token);
    return url.href;
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(this.url(path));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
    return (await answer.json()) as T;
  }

  async bytes(path: string): Promise<ArrayBuffer> {
    const answer = await fetch(this.url(path));
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
    return answer.arrayBuffer();
  }
}
