// session.ts: one connection's conversation. Takes lines in their turn, reads them as frames or as typed commands, asks the
// rule table, and answers in order; slows down who asks too fast and ends who is silent. Never touches a socket itself.
// The main path: receive → turns.ts → take → #pace → #keepOrder → #dispatch → a handler in requests.ts → #reply.

import type { Event, Ok, Refusal, Request, Verb } from "../protocol.ts";
import { failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Place } from "../shared/arguments.ts";
import { LOBBY } from "../shared/names.ts";
import { Answers } from "./answers.ts";
import type { Answer, Caller, Rule } from "./caller.ts";
import type { Payload } from "./delivery.ts";
import type { Read } from "./dialect.ts";
import { Dialect, isRequest, isSay, localLines } from "./dialect.ts";
import { Patience } from "./patience.ts";
import { isCostly, RequestLimiter } from "./rates.ts";
import { RULES } from "./requests.ts";
import { Says } from "./says.ts";
import type { Services } from "./services.ts";
import { Share } from "./slices.ts";
import type { Transport } from "./transport.ts";
import { REPLAY_MARK } from "./transport.ts";
import type { Taker } from "./turns.ts";
import { Turns } from "./turns.ts";

const LONG_LINE = 4 * 1024; // characters; reading one may take a millisecond or more

export class Session implements Caller, Taker, Place {
  readonly services: Services;
  readonly says = new Says();
  readonly #transport: Transport;
  readonly #limiter: RequestLimiter;
  readonly #patience: Patience;
  #user = ""; // "" before sign-in
  hash = ""; // of the password it signed in with
  #room: string = LOBBY;
  #partner: string | undefined; // who sent the last direct message (text sessions)
  readonly #dialect = new Dialect();
  readonly #turns = new Turns(this);
  readonly #share: Share;
  #atWork: Verb | undefined; // whose handler is under way
  #isEnded = false; // the other side will send no more
  #isClosed = false;
  readonly #answers: Answers;

  constructor(services: Services, transport: Transport) {
    this.services = services;
    this.#transport = transport;
    this.#answers = new Answers(transport);
    this.#patience = new Patience(services.elapsed);
    this.#limiter = new RequestLimiter(services.rate, services.elapsed);
    this.#share = new Share(services.slices);
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
  get partner(): string | undefined {
    return this.#partner;
  }
  get text(): boolean {
    return this.#dialect.isText;
  }
  get gone(): boolean {
    return this.#isClosed;
  }

  /** Whether the server works on nothing for it (a request that waits for its rate counts as nothing), and nothing came for this long (ms). */
  isIdleFor(ms: number): boolean {
    return this.#atWork === undefined && this.#patience.isSilentFor(ms);
  }

  /** Whether its password waits to be checked, or is being checked. */
  get isPasswordUnderWay(): boolean {
    return this.#user === "" && (this.#atWork === "login" || this.#atWork === "register");
  }

  /** How long an unfinished line may grow now, in bytes: little before sign-in with nothing under way. */
  get lineLimit(): number {
    return this.#user !== "" || this.#turns.isBusy ? LIMITS.line : LIMITS.lineBeforeSignIn;
  }

  /** Takes lines in the order they came; those that come while a request is under way wait for their turn. */
  receive(lines: readonly (string | null)[]): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#patience.heard();
    this.#turns.add(lines);
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

  /** Called every second: ends who did not sign in; asks a quiet JSON session whether it is there, and ends one that is not. */
  tick(): void {
    if (this.#isClosed) return;
    if (this.#user === "") {
      if (this.#patience.isSignInOver(this.text) && !this.isPasswordUnderWay) this.#endTooLate();
    } else if (this.#turns.isBusy) {
      this.#patience.heard(); // it waits for us, and may not even be read: its silence begins afterwards
    } else if (!this.text) {
      const due = this.#patience.due();
      if (due === "end") this.dismiss("Nothing was heard from you, so this connection closes.");
      if (due === "ask") this.#answer({ type: "ping" });
      this.#answers.write();
    }
  }

  /** The connection is gone. */
  closed(reason: string): void {
    this.#isClosed = true;
    this.#turns.stop();
    this.services.rooms.leaveAll(this, "lost");
    this.services.log.info(`${this.#who()} disconnected (${reason})`);
  }

  // ---- what rooms and handlers do with it ----

  send(payload: Payload): void {
    if (payload.isEmpty) return;
    this.#answers.write();
    this.#transport.send(payload);
  }

  /** The pages of a long replay take turns with the work of all others; a short one is done at once. */
  async readyForPage(isLast: boolean): Promise<void> {
    await this.#drained();
    await (isLast ? this.#share.wait(false) : this.services.slices.next());
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
  wasPutOut(room: string): void {
    if (this.#room === room) this.moveTo(LOBBY);
  }

  ok(fields: Omit<Ok, "type" | "id">, asked?: Request): void {
    this.#answer({ type: "ok", ...(asked?.id !== undefined && { id: asked.id }), ...fields }, asked);
  }

  // ---- the way in: what turns.ts asks for, then one step after the other ----

  /** Answers that are not read are not followed by more of them, and who has had a slice lets the others go first. */
  mustWait(line: string | null): Promise<void> | undefined {
    if (this.#answers.size + this.#transport.queued > REPLAY_MARK) return this.#drained();
    return this.#share.wait(line !== null && line.length > LONG_LINE);
  }

  take(line: string | null): Promise<void> | undefined {
    try {
      return this.#pace(line)?.catch((problem) => this.#crash(problem));
    } catch (problem) {
      return this.#crash(problem);
    }
  }

  allTaken(): void {
    this.#answers.write();
    if (!this.#turns.isBusy) this.#share.rest();
    if (this.#isEnded && !this.#turns.isBusy && !this.#isClosed) void this.#finishSaying();
  }

  pause(on: boolean): void {
    this.#transport.pause(on);
  }

  async #finishSaying(): Promise<void> {
    await this.says.blocks();
    this.#close("lost"); // it has not said that it leaves, and may come back
  }

  /** Reads a line and counts it; what comes faster than the rate waits. A blank line asks for nothing and costs nothing. */
  #pace(line: string | null): Promise<void> | undefined {
    if (this.#user === "" && this.#patience.isSignInOver(this.text)) return this.#endTooLate();
    const read = this.#dialect.read(line, this.#transport.opening, this);
    if (read === undefined) return undefined;
    const wait = this.#limiter.take(isRequest(read) ? read : undefined);
    return wait > 0 ? Bun.sleep(wait).then(() => this.#takeTurn(read)) : this.#takeTurn(read);
  }

  /** What takes long waits for its turn of the event loop, if there was enough to do in this one. */
  #takeTurn(read: Read): Promise<void> | undefined {
    const turn = isRequest(read) && isCostly(read) ? this.#share.wait(true) : undefined;
    return turn === undefined ? this.#keepOrder(read) : turn.then(() => this.#keepOrder(read));
  }

  /** `say`s to one conversation travel together; anything else waits until they are answered, so that requests take
   *  effect and are answered in the order they were sent. */
  #keepOrder(read: Read): Promise<void> | undefined {
    const blocked = this.says.blocks(isSay(read) ? read.to : undefined);
    return blocked === undefined ? this.#dispatch(read) : blocked.then(() => this.#dispatch(read));
  }

  /** Checks a request against its rule and runs its handler. */
  #dispatch(read: Read): Promise<void> | undefined {
    if (this.#isClosed) return undefined; // while it waited
    if (isRefusal(read)) return this.#reply(read, read.id);
    if (!isRequest(read)) {
      for (const text of localLines(read, this.#user, this.services.house)) this.#answer({ type: "notice", text });
      return undefined;
    }
    const { needs, run } = RULES[read.type] as Rule<Verb>; // the one cast: the key and its variant belong together
    if (needs === "account" && this.#user === "") return this.#reply({ code: "not_signed_in" }, read.id);
    if (needs === "no account" && this.#user !== "") return this.#reply({ code: "already_signed_in" }, read.id);
    try {
      const answer = run(this, read);
      if (!(answer instanceof Promise)) return this.#reply(answer, read.id, read);
      this.#atWork = read.type;
      return answer
        .then(
          (later) => this.#reply(later, read.id, read),
          (problem) => this.#crash(problem, read.id),
        )
        .finally(() => (this.#atWork = undefined));
    } catch (problem) {
      return this.#crash(problem, read.id);
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

  #drained(): Promise<void> {
    this.#answers.write();
    return this.#transport.drained();
  }

  #answer(event: Event, asked?: Request): void {
    if (this.#isClosed) return;
    const size = this.#answers.add(event, this.text ? { user: this.#user, room: this.#room, asked } : undefined);
    if (asked !== undefined) this.#limiter.answered(asked, size);
  }

  #endTooLate(): undefined {
    this.refuse(this.#dialect.tooLate());
  }

  #close(how: "left" | "lost" = "left"): void {
    if (this.#isClosed) return;
    this.#answers.write();
    this.#isClosed = true;
    this.#turns.stop();
    this.services.rooms.leaveAll(this, how); // who has heard the last word hears no more, and nothing counts as shown
    this.#transport.end();
  }

  /** Something here is broken: say where in the log, tell the client no details, and end this connection. */
  #crash(problem: unknown, id?: string): undefined {
    this.services.log.error(`${this.#who()} met a bug`, problem);
    this.refuse({ code: "internal", ...(id !== undefined && { id }) });
  }

  #who(): string {
    return this.#user === "" ? this.address : `${this.#user} (${this.address})`;
  }
}
