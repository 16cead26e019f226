// connection.ts: a client's side of the promises. One account's lasting connection to a server: it comes back by itself, signs in again,
// resumes every room and the inbox where it stopped, sends what is unanswered again, and hands on every message once and in order. Knows
// no socket (link.ts), never prints and never asks a person.

import type { Event, Failure, Message, Ok, Request } from "../protocol.ts";
import { failure } from "../protocol.ts";
import { expels } from "./acts.ts";
import { Dialer } from "./dialer.ts";
import type { ClientEvent } from "./feed.ts";
import { Feed } from "./feed.ts";
import { Following } from "./following.ts";
import type { Credentials } from "./handshake.ts";
import { Handshake } from "./handshake.ts";
import type { Silence } from "./heartbeat.ts";
import { Ids } from "./ids.ts";
import type { Link } from "./link.ts";
import { Refused } from "./link.ts";
import { isRoom } from "./names.ts";
import type { Beginning } from "./positions.ts";
import { Positions } from "./positions.ts";
import type { Answer, Waiting } from "./unanswered.ts";
import { Unanswered } from "./unanswered.ts";

const isLate = ({ id, code }: Failure) => !id && code === "not_in_room"; // of a `seen`: the room was left meanwhile
const SIGNED_OUT = "Your password was changed or your account was removed, so you are signed out.";

export interface ConnectionOptions extends Beginning {
  credentials: Credentials;
  /** Opens a link, for every try a new one, to the server at this place of `servers`. Rejects with `Refused`. */
  open: (place: number) => Promise<Link>;
  servers?: readonly string[] | undefined; // names of those that are one chat, in the order in which they are tried; absent: one
  /** Whether a message of the inbox is confirmed when the event after it is asked for (true), or by `seen` alone. */
  autoConfirm?: boolean | undefined;
  /** Whether the rooms that this account follows are entered, and those that are entered are followed (false). */
  follows?: boolean | undefined;
  silence?: Silence | undefined; // see heartbeat.ts
}

/** Everything that happens, each once, until it is closed. A message of the inbox is seen when the next event is asked for. One reader. */
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
  readonly #following: Following;
  #missed = 0; // messages that came during the sign-in under way
  #read: number | undefined; // inbox seq of the message that was handed on last
  #closed = false;
  #unsent: Waiting[] = []; // when it was closed

  constructor(options: ConnectionOptions) {
    this.#credentials = options.credentials;
    this.#autoConfirm = options.autoConfirm ?? true;
    this.#following = new Following(
      {
        confirm: (to, seq) => this.#dialer.link?.send({ type: "seen", to, seq }),
        ask: (request, granted) => this.#request(request, (answer) => answer?.type === "ok" && granted?.()),
        enter: (to) => this.#positions.join(to),
        gone: (to, isExpelled) => this.#left(to, { type: "gone", to, ...(isExpelled && { isExpelled }) }),
      },
      options.follows ?? false,
    );
    this.#positions = new Positions(options);
    this.#dialer = new Dialer(
      {
        open: options.open,
        signIn: (link) => this.#signIn(link),
        onOnline: () => this.#resumed(),
        onLost: (why) => this.#lost(why),
        onOffline: ({ code = "unreachable", message: reason }, retry) =>
          this.#feed.tell({ type: "offline", code, reason, retry, server: this.#dialer.server }),
        onSignedOut: ({ code, message }) => {
          this.#feed.tell({ type: "error", code, text: code === "bad_login" ? SIGNED_OUT : message });
          void this.close();
        },
      },
      ...[options.servers, options.silence],
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

  /** Connects and signs in. Rejects with `Refused` when this first try fails at every server, as `open` or a server said
   *  it, and is closed then. After a success it keeps coming back until it is closed. */
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
    if (this.#read !== undefined) this.#following.read("@", this.#read);
    this.#following.finish();
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

  /** Asks anything. The answer comes as an event, `answered`, in its place: after all before it. None comes once it is closed. */
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

  async #signIn(link: Link): Promise<void> {
    this.#handshake = new Handshake(
      link,
      (request) => ({ ...this.#positions.resume(request), id: this.#ids.next(request) }),
      (request, answer) => this.#granted(request, answer),
    );
    this.#missed = 0;
    this.#feed.hold(this.#dialer.server);
    link.listen((event) => this.#receive(event, link));
    const refused = (to: string, why: Failure) => this.#left(to, why);
    this.#positions.inboxEnds(await this.#handshake.signIn(this.#credentials, () => this.rooms, refused));
  }

  /** A room was left without a request of ours to leave it. */
  #left(to: string, why: ClientEvent): void {
    this.#positions.leave(to);
    this.#feed.tell(why);
  }

  #resumed(): void {
    this.#feed.release(true);
    this.#feed.tell({ type: "caught up", missed: this.#missed });
    this.#unanswered.start();
    this.#following.start();
    this.#pace();
  }

  #lost(why: string): void {
    this.#unanswered.stop();
    this.#following.stop();
    this.#feed.release(false);
    this.#handshake?.fail(why);
  }

  // ---- receiving and reading ----

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
      case "seen":
        if (this.#following.readElsewhere(event)) this.#feed.tell(event);
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
    else if (answer.type === "error" && !isLate(answer)) this.#feed.tell(answer);
  }

  #granted(request: Request, answer: Ok): void {
    const events = this.#positions.granted(request, answer);
    if (request.type === "leave") this.#following.forget(request.to);
    for (const event of events) {
      if (event.type === "reset") this.#following.forget(event.to);
      if (event.type === "reset" && event.to === "@") this.#read = undefined;
      if (event.type === "entered") event.seen = this.#following.entered(event.to, event.seq, answer);
      this.#feed.tell(event);
    }
    if (request.type === "login" || request.type === "register") this.#following.signedIn(answer.follows);
  }

  #hear(message: Message): void {
    const isAnswer = message.from === this.user && this.#unanswered.has(message.id);
    const place = this.#positions.take(message);
    if (place === "gap") return this.#dialer.drop("Something was missing."); // come back and resume before it
    if (place === "new" && !this.online) this.#missed++;
    // A retry from an earlier life of this program is answered by an old message: handed on, for it was asked for.
    if (place === "new" || isAnswer) this.#feed.tell(message);
    if (isAnswer) this.#unanswered.settle(message.id, message);
    if (place === "new" && this.#positions.isLive(message) && expels(message, this.user))
      this.#following.gone(message.to, true);
  }

  /** The next event, `undefined` when the connection is closed and all was read. */
  async next(): Promise<ClientEvent | undefined> {
    if (this.#read !== undefined) this.#following.read("@", this.#read);
    const next = await this.#feed.next();
    this.#pace();
    if (this.#autoConfirm && next?.type === "message" && !isRoom(next.to)) this.#read = next.seq;
    return next;
  }

  /** Confirms a room that one is in, or the inbox ("@"), up to a place; what is lost on the way is said again. */
  seen(to: string, seq: number): void {
    this.#following.read(to, seq);
  }
  /** Confirms at once what waits: the program may end without a `close`. */
  confirmNow(): void {
    this.#following.hurry();
  }

  #pace(): void {
    const isAsking = this.#unanswered.size > 0 || this.#handshake?.isAsking === true;
    this.#dialer.link?.pause(this.#feed.isFull(isAsking));
  }
}
