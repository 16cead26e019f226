// connection.ts: a client's side of the promises. One account's lasting connection to a server: it comes back by
// itself, signs in again, resumes every room and the inbox where it stopped, sends what is unanswered again, and hands
// on every message once and in order. Knows no socket (link.ts), never prints and never asks a person.

import type { Event, Failure, Message, Ok, Request } from "../protocol.ts";
import { failure } from "../protocol.ts";
import { Dialer } from "./dialer.ts";
import type { ClientEvent } from "./feed.ts";
import { Feed } from "./feed.ts";
import type { Credentials } from "./handshake.ts";
import { Handshake } from "./handshake.ts";
import type { Silence } from "./heartbeat.ts";
import { Ids } from "./ids.ts";
import type { Link } from "./link.ts";
import { Refused } from "./link.ts";
import { isRoom } from "./names.ts";
import { Positions } from "./positions.ts";
import type { Answer, Waiting } from "./unanswered.ts";
import { Unanswered } from "./unanswered.ts";

export interface ConnectionOptions {
  credentials: Credentials;
  /** Opens a link to the server, for every try a new one. Rejects with `Refused`. */
  open: () => Promise<Link>;
  rooms?: readonly string[] | undefined; // joined at the start
  backlog?: boolean | undefined; // whether a room's last messages come first (true); a bot that answers says false
  /** Whether a message of the inbox is confirmed when the event after it is asked for (true), or by `seen` alone. */
  autoConfirm?: boolean | undefined;
  silence?: Silence | undefined; // see heartbeat.ts
}

/** Everything that happens, each once, until the connection is closed. A message of the inbox counts as seen when the
 *  next event is asked for. One reader at a time. */
export async function* receiveMessages(connection: Connection): AsyncGenerator<ClientEvent> {
  for (let next; (next = await connection.next()) !== undefined;) yield next;
}

export class Connection {
  readonly #credentials: Credentials;
  readonly #autoConfirm: boolean;
  readonly #dialer: Dialer;
  readonly #feed = new Feed();
  readonly #positions: Positions;
  readonly #unanswered = new Unanswered((request) => this.#dialer.link?.send(this.#positions.resume(request)));
  #handshake: Handshake | undefined; // with the link there is
  readonly #ids = new Ids();
  #missed = 0; // messages that came during the sign-in under way
  #seen = 0; // inbox seq that may be confirmed
  #confirmed = 0; // inbox seq that was confirmed over this link
  #closed = false;
  #unsent: Waiting[] = []; // when it was closed

  constructor(options: ConnectionOptions) {
    this.#credentials = options.credentials;
    this.#autoConfirm = options.autoConfirm ?? true;
    this.#positions = new Positions(options.rooms ?? [], options.backlog ?? true);
    this.#dialer = new Dialer(
      {
        open: options.open,
        signIn: (link) => this.#signIn(link),
        onOnline: () => this.#resumed(),
        onLost: (why) => this.#lost(why),
        onOffline: ({ code = "unreachable", message }, retry) =>
          this.#feed.tell({ type: "offline", code, reason: message, retry }),
        onSignedOut: () => this.#signedOut(),
      },
      options.silence,
    );
  }

  get user(): string {
    return this.#credentials.user;
  }
  get online(): boolean {
    return this.#dialer.online;
  }
  /** The rooms it is in, or will be when it is back. */
  get rooms(): string[] {
    return this.#positions.rooms;
  }
  /** Messages that are not stored yet, in order; once it is closed, those that were not. */
  get waiting(): Waiting[] {
    return this.#closed ? this.#unsent : this.#unanswered.waiting;
  }

  // ---- coming and going ----

  /** Connects and signs in. Rejects with `Refused` when this first try fails, as `open` or the server said it, and is
   *  closed then. After a success it keeps coming back until it is closed. */
  async start(): Promise<void> {
    try {
      await this.#dialer.dial();
    } catch (problem) {
      await this.close();
      throw problem;
    }
  }
  /** Connects and signs in, however many tries it takes; what becomes of them comes as events. */
  keepTrying(): void {
    this.#dialer.keepTrying();
  }

  /** Tries at once instead of waiting for the next try. */
  retryNow(): void {
    this.#dialer.retryNow();
  }
  /** The device woke up or found a network: what is open has to prove itself soon, what is not is tried at once. */
  probe(): void {
    this.#dialer.probe();
  }
  /** The device lost its network. */
  unplug(): void {
    this.#dialer.drop("This device is offline.");
  }

  /** Leaves; resolves when the server has let go, or after a second. What was not answered by then is refused. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#confirm();
    this.#unsent = this.#unanswered.waiting;
    this.#closed = true;
    this.#unanswered.giveUp();
    this.#feed.close();
    await this.#dialer.close();
  }

  // ---- asking ----

  /** Says something to a room or a person; resolves with the stored message, however often the connection is lost
   *  before. Rejects with `Refused` when the server will never take it. */
  say(to: string, text: string): Promise<Message> {
    return this.ask({ type: "say", to, text }) as Promise<Message>;
  }

  /** Asks anything, with the request's own `id` if it has one. Resolves at once when the answer comes, from this link
   *  or a later one, even while older events are not read: the reader itself may wait for it. */
  ask(request: Request): Promise<Ok | Message> {
    const answer = new Promise<Ok | Message>((resolve, reject) =>
      this.#request(request, (answer) => {
        if (answer === undefined)
          reject(new Refused({ code: "closed", text: "The connection was closed before the answer." }));
        else if (answer.type === "error") reject(new Refused(answer));
        else resolve(answer);
      }),
    );
    answer.catch(() => {}); // who does not wait for the answer must not be ended by a refusal
    return answer;
  }

  /** Asks anything. The answer comes as an event, `answered`, in its place: after all that came before it. There is
   *  none when the connection is closed before. */
  send(request: Request): void {
    this.#request(request, (answer) => {
      if (answer !== undefined) this.#feed.tell({ type: "answered", request, answer });
    });
  }

  #request(request: Request, onAnswer: (answer: Answer | undefined) => void): void {
    const id = request.id ?? this.#ids.next(request);
    if (this.#closed) return onAnswer(undefined);
    if (this.#unanswered.has(id)) return onAnswer(failure({ code: "id_reused", id }));
    this.#unanswered.add({ ...request, id }, (answer) => {
      if (answer?.type === "ok") this.#granted(request, answer);
      onAnswer(answer);
    });
    this.#pace();
  }

  // ---- signing in ----

  /** Signs in and enters every room where it was left. Rejects with `Refused`, also when the link is lost meanwhile. */
  async #signIn(link: Link): Promise<void> {
    this.#handshake = new Handshake(link);
    this.#missed = 0;
    this.#confirmed = 0;
    this.#feed.hold();
    link.listen((event) => this.#receive(event, link));
    const credentials = this.#credentials;
    let answer = await this.#exchange(credentials.request);
    if (answer.type === "error" && answer.code === "bad_login" && credentials.refused())
      answer = await this.#exchange(credentials.request);
    if (answer.type === "error") throw new Refused(answer);
    credentials.accepted(answer);
    await Promise.all(this.rooms.map((to) => this.#enter(to)));
    await this.#exchange({ type: "ping" }); // its answer comes after everything that was missed
    this.#positions.inboxEnds(answer.seq ?? 0);
  }

  async #enter(to: string): Promise<void> {
    const answer = await this.#exchange({ type: "join", to });
    if (answer.type === "ok") return;
    this.#positions.leave(to);
    this.#feed.tell(answer);
  }

  #exchange(request: Request): Promise<Ok | Failure> {
    const asked = { ...this.#positions.resume(request), id: this.#ids.next(request) };
    return this.#handshake!.ask(asked, (answer) => this.#granted(request, answer));
  }

  #resumed(): void {
    this.#feed.release(true);
    this.#feed.tell({ type: "caught up", missed: this.#missed });
    this.#unanswered.start();
    this.#pace();
  }

  #lost(why: string): void {
    this.#unanswered.stop();
    this.#feed.release(false);
    this.#handshake?.fail(why);
  }

  #signedOut(): void {
    const text = "Your password was changed or your account was removed, so you are signed out.";
    this.#feed.tell({ type: "error", code: "bad_login", text });
    void this.close();
  }

  // ---- receiving ----

  #receive(event: Event, link: Link): void {
    if (this.#closed || this.#dialer.link !== link) return;
    switch (event.type) {
      case "ping":
        link.send({ type: "ping" });
        break;
      case "ok":
      case "error":
        this.#settle(event);
        break;
      case "message":
        this.#hear(event);
        break;
      default:
        this.#feed.tell(event);
    }
    this.#pace();
  }

  #settle(answer: Ok | Failure): void {
    const { id = "" } = answer;
    if (this.#handshake?.settle(answer)) return;
    if (this.#unanswered.has(id)) this.#unanswered.settle(id, answer);
    else if (answer.type === "error") this.#feed.tell(answer);
  }

  #granted(request: Request, answer: Ok): void {
    for (const event of this.#positions.granted(request, answer)) {
      if (event.type === "reset" && event.to === "@") this.#seen = 0;
      this.#feed.tell(event);
    }
  }

  #hear(message: Message): void {
    const isAnswer = message.from === this.user && this.#unanswered.has(message.id);
    const place = this.#positions.take(message);
    if (place === "gap") return this.#dialer.drop("Something was missing."); // come back and resume before it
    if (place === "new" && !this.online) this.#missed++;
    // A retry from an earlier life of this program is answered by an old message: handed on, for it was asked for.
    if (place === "new" || isAnswer) this.#feed.tell(message);
    if (isAnswer) this.#unanswered.settle(message.id, message);
  }

  // ---- reading ----

  /** The next event, `undefined` when the connection is closed and all was read. */
  async next(): Promise<ClientEvent | undefined> {
    if (this.#autoConfirm) this.#confirm();
    const next = await this.#feed.next();
    this.#pace();
    if (this.#autoConfirm && next?.type === "message" && !isRoom(next.to)) this.#seen = Math.max(this.#seen, next.seq);
    return next;
  }

  /** Confirms the inbox up to a place, if it is online. Lost on the way, it is said again by the next call. */
  seen(seq: number): void {
    if (!this.online) return;
    this.#seen = Math.max(this.#seen, seq);
    this.#confirm();
  }
  #confirm(): void {
    if (this.#seen <= this.#confirmed || !this.online) return;
    this.#confirmed = this.#seen;
    this.#dialer.link?.send({ type: "seen", seq: this.#seen });
  }

  #pace(): void {
    const isAsking = this.#unanswered.size > 0 || this.#handshake?.isAsking === true;
    this.#dialer.link?.pause(this.#feed.isFull(isAsking));
  }
}
