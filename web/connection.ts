// connection.ts: the page's lasting connection. Comes back by itself, signs in by token, resumes every room and the inbox where
// it stopped, sends what is unanswered again, and hands on every message once and in order. Touches nothing that is shown.
// Called by page.ts. The terminal client's connection.ts keeps the same promises over TCP.

import type { Event, Failure, Message, Ok, Presence, Request } from "../protocol.ts";
import { encode, LIMITS } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { Unanswered } from "../shared/unanswered.ts";
import { decodeEvent } from "../shared/decode.ts";
import { isRoom, LOBBY } from "../shared/names.ts";

/** What the connection hands on: what others do, and what becomes of itself. */
export type Occurrence =
  | Message
  | Presence
  | { type: "notice"; text: string }
  | { type: "entered"; to: string; users: string[]; seq: number } // a room, at first and after every return
  | { type: "settled" } // one of ours waits no longer
  | { type: "inbox"; seq: number } // its head, before what waits in it
  | { type: "reset"; to: string } // the server was restored from an older copy of this conversation
  | { type: "online"; missed: number; token: string }
  | { type: "offline"; reason: string; retry: number } // ms until the next try
  | { type: "refused"; failure: Failure; waiting?: Waiting } // what the server did not take, and will never
  | { type: "signed out"; text: string };

const BACKOFF = { first: 1_000, most: 30_000 }; // ms, doubled from try to try, jittered so that a class does not return at once
const SILENCE = { connecting: 10_000, online: 45_000 }; // ms without a word after which the connection is lost; the server asks after 30 s
const PROBE = 5_000; // ms a connection has to prove itself after the device was asleep

export class Chat {
  readonly user: string;
  readonly #tell: (occurrence: Occurrence) => void;
  readonly #prefix = Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("");
  #serial = 0;
  #token: string;
  readonly #rooms: Set<string>;
  readonly #positions = new Map<string, number>(); // seq of the last message handed on, by room, "@" for the inbox
  readonly #unanswered = new Unanswered((request) => {
    const since = request.type === "join" ? this.#positions.get(request.to) : undefined;
    this.#write(since === undefined ? request : { ...request, since });
  });
  #exchanges = new Map<string, (answer: Ok | Failure) => void>(); // of the sign-in under way
  #socket: WebSocket | undefined;
  #online = false;
  #missed = 0;
  #failures = 0;
  #heard = 0; // ms, when something last came
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #watch = setInterval(() => this.#look(), 1_000);

  /** `waiting`: what an earlier page could not send any more; it keeps its ids. */
  constructor(
    account: { user: string; token: string },
    rooms: readonly string[],
    waiting: readonly Waiting[],
    tell: (occurrence: Occurrence) => void,
  ) {
    this.user = account.user;
    this.#token = account.token;
    this.#rooms = new Set([LOBBY, ...rooms]);
    this.#tell = tell;
    for (const one of waiting) this.#keep(one);
    this.#attempt();
  }

  get online(): boolean {
    return this.#online;
  }
  get rooms(): string[] {
    return [...this.#rooms];
  }
  /** Messages that are not stored yet, in order. */
  get waiting(): Waiting[] {
    return this.#unanswered.waiting;
  }

  /** Says something, now or as soon as it can be. It comes back as a message, or as `refused`. */
  say(to: string, text: string): void {
    this.#keep({ id: this.#nextId(), to, text });
  }
  #keep(waiting: Waiting): void {
    this.#unanswered.add({ type: "say", ...waiting }, (answer) =>
      this.#tell(answer?.type === "error" ? { type: "refused", failure: answer, waiting } : { type: "settled" }),
    );
  }

  /** Asks anything but a `say`; the answer may come from a later connection than the one that was asked. */
  ask(request: Exclude<Request, { type: "say" }>): Promise<Ok | Failure> {
    return new Promise((resolve) =>
      this.#unanswered.add({ ...request, id: this.#nextId() }, (answer) => {
        if (answer === undefined || answer.type === "message") return;
        if (answer.type === "ok") this.#arrive(request, answer);
        if (request.type === "leave") this.#forget(request.to);
        resolve(answer);
      }),
    );
  }

  /** Confirms the inbox. Lost on the way, it is said again with the next one. */
  seen(seq: number): void {
    if (this.#online) this.#write({ type: "seen", seq });
  }

  /** Tries at once instead of waiting for the next try. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#attempt();
  }

  /** The device woke up or found a network: whatever was open has to prove itself soon. */
  probe(): void {
    if (!this.#online) return this.retryNow();
    this.#heard = Math.min(this.#heard, Date.now() - SILENCE.online + PROBE);
    this.#write({ type: "ping" });
  }

  /** The device lost its network. */
  unplug(): void {
    if (this.#socket !== undefined) this.#lost("This device is offline.");
  }

  close(): void {
    this.#write({ type: "exit" });
    this.#socket?.close();
    this.#socket = undefined;
    this.#online = false;
    this.#unanswered.stop();
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
  }

  // ---- connecting ----

  #attempt(): void {
    this.#retry = undefined;
    this.#heard = Date.now();
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
    this.#socket = socket;
    const mine = () => this.#socket === socket;
    socket.onopen = () => {
      if (mine()) void this.#resume();
      else socket.close();
    };
    socket.onmessage = ({ data }) => {
      if (!mine()) return;
      this.#heard = Date.now();
      for (const line of String(data).split("\n")) {
        const event = decodeEvent(line);
        if (event !== undefined && mine()) this.#receive(event);
      }
    };
    socket.onclose = () => {
      if (mine()) this.#lost(this.#online ? "The connection was lost." : "The server cannot be reached.");
    };
  }

  /** Signs in, enters every room where it was left, then sends what waits. A connection lost meanwhile ends it. */
  async #resume(): Promise<void> {
    this.#missed = 0;
    const since = this.#positions.get("@");
    const signedIn = await this.#exchange({
      ...{ type: "login", user: this.user, token: this.#token },
      ...(since !== undefined && { since }),
    });
    if (signedIn.type === "error") {
      if (signedIn.code !== "bad_login") return this.#lost(signedIn.text, signedIn.after);
      this.close();
      return this.#tell({
        type: "signed out",
        text: "Your sign-in has ended. Sign in again; what you wrote waits here.",
      });
    }
    this.#token = signedIn.token ?? this.#token;
    await Promise.all(Array.from(this.#rooms, (to) => this.#enter(to)));
    await this.#exchange({ type: "ping" }); // its answer comes after everything that was missed
    // All of the inbox was confirmed. Keep its head: what another device confirms while we are away must still come to us.
    if (!this.#positions.has("@")) this.#positions.set("@", signedIn.seq ?? 0);
    this.#failures = 0;
    this.#online = true;
    this.#tell({ type: "online", missed: this.#missed, token: this.#token });
    this.#unanswered.start();
  }

  async #enter(to: string): Promise<void> {
    const since = this.#positions.get(to);
    const answer = await this.#exchange({ type: "join", to, ...(since !== undefined && { since }) });
    if (answer.type === "ok") return;
    this.#rooms.delete(to);
    this.#tell({ type: "refused", failure: answer });
  }

  /** Asks within the sign-in of this connection. Its answer never comes if the connection is lost. */
  #exchange(request: Request): Promise<Ok | Failure> {
    const id = this.#nextId();
    return new Promise((resolve) => {
      this.#exchanges.set(id, (answer) => {
        if (answer.type === "ok") this.#arrive(request, answer);
        resolve(answer);
      });
      this.#write({ ...request, id });
    });
  }

  /** Where a conversation begins for us, told by the `ok` that comes before its messages. */
  #arrive(request: Request, { seq = 0, users = [], reset }: Ok): void {
    const to = request.type === "join" ? request.to : "@";
    if (request.type !== "join" && request.type !== "login") return;
    if (reset) {
      this.#positions.delete(to);
      this.#tell({ type: "reset", to });
    }
    if (to === "@") return this.#tell({ type: "inbox", seq });
    this.#rooms.add(to);
    if (!this.#positions.has(to)) this.#positions.set(to, Math.max(0, seq - LIMITS.backlog));
    this.#tell({ type: "entered", to, users, seq });
  }

  #lost(reason: string, after = 0): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#exchanges = new Map();
    this.#online = false;
    this.#unanswered.stop();
    const ceiling = Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.#failures++);
    const retry = Math.max(Math.round(ceiling * (0.5 + Math.random() / 2)), after * 1000);
    this.#retry = setTimeout(() => this.#attempt(), retry);
    this.#tell({ type: "offline", reason, retry });
  }

  #look(): void {
    const silent = Date.now() - this.#heard;
    if (this.#socket !== undefined && silent > (this.#online ? SILENCE.online : SILENCE.connecting))
      this.#lost("The server does not answer.");
  }

  // ---- asking ----

  #write(request: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(encode(request as Request));
  }

  #forget(room: string): void {
    this.#rooms.delete(room);
    this.#positions.delete(room);
  }

  #nextId(): string {
    return `${this.#prefix}-${++this.#serial}`;
  }

  // ---- receiving ----

  #receive(event: Event): void {
    switch (event.type) {
      case "ping":
        return this.#write({ type: "ping" });
      case "ok":
      case "error": {
        const { id = "" } = event;
        const exchange = this.#exchanges.get(id);
        this.#exchanges.delete(id);
        if (exchange !== undefined) exchange(event);
        else if (this.#unanswered.has(id)) this.#unanswered.settle(id, event);
        else if (event.type === "error") this.#tell({ type: "refused", failure: event });
        return;
      }
      case "message": {
        if (event.from === this.user) this.#unanswered.settle(event.id, event);
        const conversation = isRoom(event.to) ? event.to : "@";
        const last = this.#positions.get(conversation);
        if (last !== undefined && event.seq <= last) return;
        if (last !== undefined && event.seq > last + 1) return this.#lost("Something was missing."); // resume before the hole
        this.#positions.set(conversation, event.seq);
        if (!this.#online) this.#missed++;
        return this.#tell(event);
      }
      default:
        return this.#tell(event);
    }
  }
}
