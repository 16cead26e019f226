// session.ts: one connection's conversation. Takes lines in their turn, reads them as frames or as typed commands, asks the
// rule table, and answers in order; slows down who asks too fast and ends who is silent. Never touches a socket itself.
// The main path: receive → turns.ts → take → #pace → #keepOrder → #dispatch → a handler in requests.ts → #reply.

import type { Event, Ok, Refusal, Request, RequestOf, Verb } from "../protocol.ts";
import { failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Local } from "../shared/commands.ts";
import { help, parseCommand } from "../shared/commands.ts";
import { decode } from "../shared/decode.ts";
import { LOBBY } from "../shared/names.ts";
import { Answers } from "./answers.ts";
import { answeredIn } from "./conversations.ts";
import type { Payload } from "./delivery.ts";
import { RequestLimiter } from "./rates.ts";
import type { Answer, Caller, Rule } from "./requests.ts";
import { RULES } from "./requests.ts";
import { Says } from "./says.ts";
import type { Services } from "./services.ts";
import type { Transport } from "./transport.ts";
import type { Taker } from "./turns.ts";
import { Turns } from "./turns.ts";

const SIGN_IN = 30_000; // ms from the start until somebody must be signed in
const QUIET = 30_000; // ms without a frame after which a JSON session is asked whether it is there
const MAX_WAITING = 1024 * 1024; // characters that may wait where a connection cannot be paused

/** What a line asks for, or why it asks for nothing. */
type Read = Request | Refusal | Local;

export class Session implements Caller, Taker {
  readonly services: Services;
  readonly says = new Says();
  readonly #transport: Transport;
  readonly #limiter: RequestLimiter;
  readonly #start: number; // ms
  #user = ""; // "" before sign-in
  hash = ""; // of the password it signed in with
  #room: string = LOBBY;
  #partner: string | undefined; // who sent the last direct message (text sessions)
  #dialect: "unknown" | "frames" | "lines" = "unknown";
  readonly #turns = new Turns(this);
  #isEnded = false; // the other side will send no more
  #isClosed = false;
  readonly #answers: Answers;
  #heard: number; // ms
  #isAsked = false; // sent a `ping` and heard nothing since

  constructor(services: Services, transport: Transport) {
    this.services = services;
    this.#transport = transport;
    this.#answers = new Answers(transport);
    this.#start = this.#heard = services.elapsed();
    this.#limiter = new RequestLimiter(services.rate, services.elapsed);
  }

  get address(): string {
    return this.#transport.address;
  }
  get network(): string {
    return this.#transport.network;
  }
  get user(): string {
    return this.#user;
  }
  get room(): string {
    return this.#room;
  }
  get text(): boolean {
    return this.#dialect === "lines";
  }
  get gone(): boolean {
    return this.#isClosed;
  }

  /** Whether nothing is under way, and nothing was for this long (ms). */
  isIdleFor(ms: number): boolean {
    return !this.#turns.isBusy && this.services.elapsed() - this.#heard >= ms;
  }

  /** How long an unfinished line may grow now, in bytes: little before sign-in with nothing under way. */
  get lineLimit(): number {
    return this.#user !== "" || this.#turns.isBusy ? LIMITS.line : LIMITS.lineBeforeSignIn;
  }

  /** Takes lines in the order they came; those that come while a request is under way wait for their turn. */
  receive(lines: readonly (string | null)[]): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#heard = this.services.elapsed();
    this.#isAsked = false;
    this.#turns.add(lines);
    if (this.#turns.size > MAX_WAITING)
      this.refuse({ code: "too_many", text: "Too many requests wait; sign in again." });
  }

  /** The other side has sent its last line: answer everything, then close. */
  finish(): void {
    this.#isEnded = true;
    if (!this.#turns.isBusy) this.allTaken();
  }

  /** Ends the session with a last word. */
  refuse(refusal: Refusal): void {
    this.#answer(failure(refusal));
    this.#close();
  }

  /** Ends the session because the server stops. */
  dismiss(text: string): void {
    this.#answer({ type: "notice", text });
    this.#close();
  }

  /** Called every second: asks a quiet JSON session whether it is there, and ends one that is not. */
  tick(): void {
    if (this.#isClosed || this.#turns.isBusy) return;
    const now = this.services.elapsed();
    if (this.#user === "") {
      if (now - this.#start < SIGN_IN) return;
      if (this.#dialect === "unknown") this.#dialect = "lines"; // who has said nothing at all is a person who reads
      this.refuse({ code: "not_signed_in", text: "Nobody signed in within 30 seconds, so this connection closes." });
    } else if (!this.text) {
      if (now - this.#heard >= LIMITS.silence * 1000)
        this.dismiss("Nothing was heard from you, so this connection closes.");
      else if (now - this.#heard >= QUIET && !this.#isAsked) {
        this.#isAsked = true;
        this.#answer({ type: "ping" });
        this.#answers.write();
      }
    }
  }

  /** The connection is gone. */
  closed(reason: string): void {
    this.#isClosed = true;
    this.#turns.stop();
    this.services.rooms.leaveAll(this);
    this.services.log.info(`${this.#who()} disconnected (${reason})`);
  }

  // ---- what rooms and handlers do with it ----

  send(payload: Payload): void {
    if (payload.text === "") return;
    this.#answers.write();
    this.#transport.send(payload);
  }

  drained(): Promise<void> {
    this.#answers.write();
    return this.#transport.drained();
  }

  wasWrittenBy(from: string): void {
    this.#partner = from;
  }
  signIn(user: string, hash: string): void {
    [this.#user, this.hash] = [user, hash];
    this.#transport.signedIn();
  }
  moveTo(room: string): void {
    this.#room = room;
  }

  ok(fields: Omit<Ok, "type" | "id">, asked?: Request): void {
    this.#answer({ type: "ok", ...(asked?.id !== undefined && { id: asked.id }), ...fields }, asked);
  }

  // ---- the way in: what turns.ts asks for, then one step after the other ----

  take(line: string | null): Promise<void> | undefined {
    return this.#pace(line)?.catch((problem) => this.#crash(problem));
  }

  allTaken(): void {
    this.#answers.write();
    if (this.#isEnded && !this.#turns.isBusy && !this.#isClosed) void this.#finishSaying();
  }

  pause(on: boolean): void {
    this.#transport.pause(on);
  }

  async #finishSaying(): Promise<void> {
    await this.says.blocks();
    this.#close();
  }

  /** Reads a line and counts it; what comes faster than the rate waits. */
  #pace(line: string | null): Promise<void> | undefined {
    let read: Read | undefined;
    try {
      read = this.#read(line);
    } catch (problem) {
      this.#crash(problem);
    }
    const wait = this.#limiter.take(isRequest(read) ? read : undefined);
    if (read === undefined) return undefined;
    return wait > 0 ? Bun.sleep(wait).then(() => this.#keepOrder(read)) : this.#keepOrder(read);
  }

  /** What a line asks for; the first that is not blank decides the dialect. */
  #read(line: string | null): Read | undefined {
    let text = line;
    if (this.#dialect === "unknown") {
      text = line?.trimStart() ?? null; // it may begin with a byte order mark
      if (text !== "") this.#dialect = this.#transport.opening === "{" ? "frames" : "lines";
    }
    if (text === "") return undefined;
    if (this.#user === "" && text !== null && Buffer.byteLength(text) > LIMITS.lineBeforeSignIn)
      return { code: "line_too_long" };
    if (!this.text) return decode(text);
    if (text === null) return { code: "bad_request", text: "That line is not valid UTF-8. Nothing was sent." };
    return parseCommand(text, { user: this.#user || undefined, room: this.#room, partner: this.#partner });
  }

  /** `say`s to one conversation travel together; anything else waits until they are answered, so that requests take
   *  effect and are answered in the order they were sent. */
  #keepOrder(read: Read): Promise<void> | undefined {
    const conversation = isSay(read) ? answeredIn({ to: read.to, from: this.#user }) : undefined;
    const blocked = this.says.blocks(conversation);
    return blocked === undefined ? this.#dispatch(read) : blocked.then(() => this.#dispatch(read));
  }

  /** Checks a request against its rule and runs its handler. */
  #dispatch(read: Read): Promise<void> | undefined {
    if (this.#isClosed) return undefined; // while it waited
    if (isRefusal(read)) return this.#reply(read, read.id);
    if (read.type === "help") {
      for (const line of help(this.#user !== "")) this.#answer({ type: "notice", text: line });
      return undefined;
    }
    const { needs, run } = RULES[read.type] as Rule<Verb>; // the one cast: the key and its variant belong together
    if (needs === "account" && this.#user === "") return this.#reply({ code: "not_signed_in" }, read.id);
    if (needs === "no account" && this.#user !== "") return this.#reply({ code: "already_signed_in" }, read.id);
    try {
      const answer = run(this, read);
      if (!(answer instanceof Promise)) return this.#reply(answer, read.id, read);
      return answer.then(
        (later) => this.#reply(later, read.id, read),
        (problem) => this.#crash(problem, read.id),
      );
    } catch (problem) {
      this.#crash(problem, read.id);
      return undefined;
    }
  }

  // ---- the way out ----

  /** The one place where a request is answered. */
  #reply(answer: Answer, id: string | undefined, asked?: Request): Promise<void> | undefined {
    if (answer === undefined) return undefined;
    if (isRefusal(answer)) {
      // A refused `say` must not be answered before the ones that were sent ahead of it.
      const blocked = this.says.blocks();
      if (blocked !== undefined) return blocked.then(() => this.#reply(answer, id));
      this.#answer(failure(answer, id));
      if (answer.code === "line_too_long") this.#close();
    } else this.ok(answer, asked);
    if (asked?.type === "exit") this.#close();
    return undefined;
  }

  #answer(event: Event, asked?: Request): void {
    if (this.#isClosed) return;
    this.#answers.add(event, this.text ? { user: this.#user, ...(asked && { asked }) } : undefined);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#answers.write();
    this.#isClosed = true;
    this.#turns.stop();
    this.#transport.end();
  }

  /** Something here is broken: say where in the log, tell the client no details, and end this connection. */
  #crash(problem: unknown, id?: string): void {
    this.services.log.error(`${this.#who()} met a bug`, problem);
    this.refuse({ code: "internal", ...(id !== undefined && { id }) });
  }

  #who(): string {
    return this.#user === "" ? this.address : `${this.#user} (${this.address})`;
  }
}

function isRequest(read: Read | undefined): read is Request {
  return read !== undefined && !isRefusal(read) && Object.hasOwn(RULES, read.type);
}

function isSay(read: Read): read is RequestOf<"say"> {
  return !isRefusal(read) && read.type === "say";
}
