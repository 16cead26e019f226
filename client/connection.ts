// connection.ts: a client's side of the promises. One account's lasting connection to a server: it comes back by itself,
// signs in by token, resumes every room and the inbox where it stopped, sends what is unanswered again, and hands on every
// message once and in order. Never prints and never asks a person. Called by client.ts and by bots.

import type { Occurrence } from "./feed.ts";
import { Feed } from "./feed.ts";
import type { Encryption, Link, OnWire } from "./tcp.ts";
import { openLink, Refused } from "./tcp.ts";
import type { Event, Failure, Message, Ok, Request } from "../protocol.ts";
import { failure, LIMITS } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { Unanswered } from "../shared/unanswered.ts";
import { isRoom } from "../shared/names.ts";

export type { Occurrence };
export interface ConnectOptions {
  host?: string; // "localhost"
  port?: number; // 12345
  /** TLS, checked again on every return; absent: none. `{}` believes the authorities everybody knows, `{ ca }` those in a
   *  PEM (a server's own `tls-cert.pem` is one), `{ judge }` also decides about a fingerprint. */
  encryption?: Encryption;
  user: string;
  password?: string; // this or a token
  token?: string;
  register?: boolean; // create the account
  rooms?: string[]; // joined at the start
  backlog?: boolean; // whether a room's last messages come first (true); a bot that answers says false
  onWire?: OnWire;
}

const BACKOFF = { first: 1_000, most: 30_000 }; // ms, doubled from try to try, jittered so that a class does not return at once
const GOODBYE = 1_000; // ms a server may take to answer `exit`

/** Connects and signs in. Rejects with `Refused` when the first try fails: `bad_login`, `name_taken` and so on as the
 *  server said it, `unreachable`, or `untrusted` for a certificate that is not believed. After that it keeps coming back
 *  until it is closed; a server that is not believed any more is told nothing. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const connection = new Connection(options);
  await connection.start();
  return connection;
}

/** Everything that happens, each once, until the connection is closed. An inbox message counts as seen when the next
 *  occurrence is asked for. One reader at a time. */
export async function* receiveMessages(connection: Connection): AsyncGenerator<Occurrence> {
  for (let next; (next = await connection.next()) !== undefined;) yield next;
}

export class Connection {
  readonly #options: ConnectOptions;
  readonly #prefix = crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);
  #serial = 0;
  #token: string | undefined;
  #registered = false; // the account exists, so that a token that has ended is followed by a login
  #rooms = new Set<string>();
  #positions = new Map<string, number>(); // seq of the last message handed on, by room, "@" for the inbox
  readonly #unanswered = new Unanswered((request) => {
    const since = request.type === "join" ? this.#positions.get(request.to) : undefined;
    this.#link?.send(request.type === "join" && since !== undefined ? { ...request, since } : request);
  });
  #exchanges = new Map<string, (answer: Ok | Failure) => void>(); // of the sign-in under way
  #link: Link | undefined;
  #online = false;
  #failures = 0;
  #retry: Timer | undefined;
  #started = false; // the first try has succeeded
  #paused = false; // the socket is not read
  #closed = false;

  readonly #marks = new WeakMap<object, number>(); // how many occurrences came before an answer
  readonly #feed = new Feed(() => this.#pace());
  #seen = 0; // inbox seq handed on
  #confirmed = 0; // inbox seq the server was told of

  constructor(options: ConnectOptions) {
    this.#options = options;
    this.#token = options.token;
    for (const room of options.rooms ?? []) this.#rooms.add(room);
  }

  get user(): string {
    return this.#options.user;
  }
  get online(): boolean {
    return this.#online;
  }
  get waiting(): Waiting[] {
    return this.#unanswered.waiting;
  }

  /** The first try; see `connect`. */
  async start(): Promise<void> {
    try {
      await this.#attempt();
      this.#started = true;
      this.#pace();
    } catch (problem) {
      await this.close();
      throw problem;
    }
  }

  /** Says something to a room or a person; resolves with the stored message, however often the connection is lost
   *  before. Rejects with `Refused` when the server will never take it. */
  say(to: string, text: string): Promise<Message> {
    return this.ask({ type: "say", to, text }) as Promise<Message>;
  }

  /** Asks anything, with the request's own `id` if it has one; the answer may come from a later connection than the one
   *  that was asked. */
  ask(request: Request): Promise<Ok | Message> {
    const { promise, resolve, reject } = Promise.withResolvers<Ok | Message>();
    promise.catch(() => {}); // who does not wait for the answer must not be ended by a refusal
    const id = request.id ?? this.#nextId();
    const closed = () => reject(new Refused({ code: "closed", text: "The connection was closed before the answer." }));
    if (this.#closed) closed();
    else if (this.#unanswered.has(id)) reject(new Refused(failure({ code: "id_reused" })));
    else
      this.#unanswered.add({ ...request, id }, (answer) => {
        this.#pace();
        if (answer === undefined) return closed();
        if (answer.type === "error") return reject(this.#marked(new Refused(answer)));
        this.#answered(request, answer);
        resolve(this.#marked(answer));
      });
    this.#pace();
    return promise;
  }

  /** Tries at once instead of waiting for the next try; a person asks for it, so the next one comes soon as well. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    this.#failures = 0;
    void this.#again();
  }

  /** The next occurrence, `undefined` when the connection is closed and all was read. */
  async next(): Promise<Occurrence | undefined> {
    this.#confirm();
    const next = await this.#feed.next();
    if (next?.type === "message" && !isRoom(next.to)) this.#seen = Math.max(this.#seen, next.seq);
    return next;
  }

  /** Resolves when the reader is done with everything that came before this answer or refusal. */
  async passed(answer: object): Promise<void> {
    await this.#feed.passed(this.#marks.get(answer) ?? 0);
  }

  /** Leaves; resolves when the server has let go, or after a second. What was not answered by then is rejected. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#confirm();
    this.#closed = true;
    this.#online = false;
    clearTimeout(this.#retry);
    this.#unanswered.giveUp();
    this.#feed.close();
    if (this.#link === undefined) return;
    const link = this.#link;
    link.send({ type: "exit" });
    const timeout = setTimeout(() => link.cut(), GOODBYE);
    await link.gone;
    clearTimeout(timeout);
  }

  // ---- connecting ----

  async #again(): Promise<void> {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    try {
      await this.#attempt();
    } catch (problem) {
      if (this.#closed) return;
      const code = problem instanceof Refused ? problem.code : "unreachable";
      if (code === "bad_login" && this.#token !== undefined && this.#options.password !== undefined) {
        this.#token = undefined; // the token has ended; the password may still do
        return this.#again();
      }
      if (code === "bad_login") {
        this.#feed.tell({ type: "error", code, text: "Your password was changed, so you are signed out." });
        return void this.close();
      }
      this.#later(code, (problem as Error).message, problem instanceof Refused ? problem.after : undefined);
    }
  }

  /** One try: connect, sign in, resume, then send what waits. */
  async #attempt(): Promise<void> {
    const { host = "localhost", port = 12345, user, password, register, onWire, encryption } = this.#options;
    const link = await openLink(host, port, onWire, encryption);
    if (this.#closed) return link.end();
    this.#link = link;
    this.#paused = false;
    this.#feed.hold();
    link.listen(
      (event) => this.#receive(event, link),
      () => this.#lost(link),
    );
    const proof = this.#token !== undefined ? { token: this.#token } : { password: password ?? "" };
    const since = this.#positions.get("@");
    const signIn: Request =
      register && !this.#registered
        ? { type: "register", user, password: password ?? "" }
        : { type: "login", user, ...proof, ...(since !== undefined && { since }) };
    const signedIn = await this.#exchange(signIn);
    if (signedIn.type === "error") {
      link.end();
      throw new Refused(signedIn);
    }
    this.#token = signedIn.token;
    this.#registered = true;
    this.#place("@", signedIn);
    await Promise.all(Array.from(this.#rooms, (to) => this.#enter(to)));
    await this.#exchange({ type: "ping" }); // its answer comes after everything that was missed
    // Nothing came, so all of the inbox was confirmed before; what comes while we are away is ours, whoever confirms it.
    if (!this.#positions.has("@")) this.#positions.set("@", signedIn.seq ?? 0);
    this.#failures = 0;
    this.#online = true;
    this.#feed.release(true);
    this.#unanswered.start();
  }

  async #enter(to: string): Promise<void> {
    const since = this.#positions.get(to);
    const answer = await this.#exchange({ type: "join", to, ...(since !== undefined && { since }) });
    if (answer.type === "error") {
      this.#rooms.delete(to);
      this.#feed.tell(answer);
    }
  }

  /** Where a conversation begins for us, told by the `ok` that comes before its messages. */
  #place(to: string, { seq = 0, reset }: Ok): void {
    if (reset) {
      this.#positions.delete(to);
      this.#feed.tell({ type: "reset", to });
    }
    if (this.#positions.has(to)) return;
    if (to !== "@") this.#positions.set(to, this.#options.backlog === false ? seq : Math.max(0, seq - LIMITS.backlog));
    else if (reset) this.#seen = this.#confirmed = 0;
  }

  /** Asks within the sign-in of this connection; rejects when the connection is lost before the answer. */
  #exchange(request: Request): Promise<Ok | Failure> {
    const link = this.#link;
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      const lost = (why = "The connection was lost.") => reject(new Refused({ code: "unreachable", text: why }));
      if (link === undefined) return lost();
      this.#exchanges.set(id, (answer) => {
        if (request.type === "join" && answer.type === "ok") this.#place(request.to, answer);
        resolve(answer);
      });
      void link.gone.then(lost);
      link.send({ ...request, id });
    });
  }

  #lost(link: Link): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    this.#exchanges.clear();
    this.#unanswered.stop();
    this.#feed.release(false);
    if (!this.#online) return; // a try that failed says so itself
    this.#online = false;
    if (!this.#closed) this.#later("lost", "The connection was lost.");
  }

  #later(code: string, reason: string, after?: number): void {
    const ceiling = Math.min(BACKOFF.most, BACKOFF.first * 2 ** this.#failures++);
    const retry = Math.max(Math.round(ceiling * (0.5 + Math.random() / 2)), (after ?? 0) * 1000);
    this.#feed.tell({ type: "offline", code, reason, retry });
    this.#retry = setTimeout(() => void this.#again(), retry);
  }

  // ---- asking ----

  /** What an answer says about where we are. */
  #answered(request: Request, answer: Ok | Message): void {
    if (request.type === "join" && answer.type === "ok") {
      this.#rooms.add(request.to);
      this.#place(request.to, answer);
    }
    if (request.type === "leave") {
      this.#rooms.delete(request.to);
      this.#positions.delete(request.to);
    }
  }

  /** Remembers where among the occurrences an answer came. */
  #marked<Answer extends object>(answer: Answer): Answer {
    this.#marks.set(answer, this.#feed.mark);
    return answer;
  }

  #nextId(): string {
    return `${this.#prefix}-${++this.#serial}`;
  }

  // ---- receiving ----

  #receive(event: Event, link: Link): void {
    if (this.#link !== link) return;
    switch (event.type) {
      case "ping":
        return link.send({ type: "ping" });
      case "ok":
      case "error": {
        const exchange = this.#exchanges.get(event.id ?? "");
        if (exchange !== undefined) {
          this.#exchanges.delete(event.id!);
          exchange(event);
        } else if (event.id !== undefined) this.#unanswered.settle(event.id, event);
        else if (event.type === "error") this.#feed.tell(event);
        return;
      }
      case "message": {
        const conversation = isRoom(event.to) ? event.to : "@";
        const last = this.#positions.get(conversation);
        if (last !== undefined && event.seq > last + 1) return link.cut(); // a hole: come back and resume before it
        const answers = event.from === this.user && this.#unanswered.has(event.id);
        // A retry from an earlier life of this program is answered by a message from before: told, for it was asked for.
        const fresh = last === undefined || event.seq > last;
        if (fresh) this.#positions.set(conversation, event.seq);
        if (fresh || answers) this.#feed.tell(event);
        if (answers) this.#unanswered.settle(event.id, event);
        return;
      }
      default:
        return this.#feed.tell(event);
    }
  }

  /** Stops reading the socket while much waits for the reader; but not while somebody waits for an answer, which may be
   *  the reader itself: it could not go on, and the answer would stay in the socket. There is an end to that too. */
  #pace(): void {
    const { full } = this.#feed;
    const pause = full === "over" || (this.#started && this.#unanswered.size === 0 && full === true);
    if (pause !== this.#paused) this.#link?.pause((this.#paused = pause));
  }

  /** Tells the server how far the inbox was read. Lost on the way, it is told again with the next message. */
  #confirm(): void {
    if (this.#seen <= this.#confirmed || this.#link === undefined) return;
    this.#confirmed = this.#seen;
    this.#link.send({ type: "seen", seq: this.#seen });
  }
}
