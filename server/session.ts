// session.ts: one connection's conversation. Takes lines in their turn, reads them as frames or as typed commands, asks the
// rule table, and answers in order; paces who is too fast and lets go of who is silent. Never touches a socket itself.
// Called by server.ts and web.ts with whole lines. Main path: receive → take → perform → run → a handler in requests.ts.

import { help, parseCommand } from "../shared/commands.ts";
import type { Local } from "../shared/commands.ts";
import type { Event, Ok, Refusal, Request, RequestOf, Verb } from "../protocol.ts";
import { encode, failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Answer, Caller, Rule, Services } from "./requests.ts";
import { RULES } from "./requests.ts";
import type { Batch } from "./pipeline.ts";
import { Payload } from "./delivery.ts";
import { RequestLimiter } from "./rates.ts";
import { answeredIn } from "./conversations.ts";
import { decode } from "../shared/decode.ts";
import { LOBBY } from "../shared/names.ts";
import { render } from "../shared/render.ts";

/** The connection a session speaks over. */
export interface Link {
  readonly address: string;
  readonly network: string;
  send(payload: Payload): void;
  /** Resolves when little enough waits that another page may be sent. */
  drained(): Promise<void>;
  /** Stops or goes on reading. */
  pause(on: boolean): void;
  /** Sends what waits, then closes. */
  end(): void;
}

const SIGN_IN = 30_000; // ms from the start until somebody must be signed in
const QUIET = 30_000; // ms without a frame after which a JSON session is asked whether it is there
const MOST_WAITING = 1024 * 1024; // characters that may wait where a connection cannot be paused

export class Session implements Caller {
  readonly services: Services;
  readonly link: Link;
  readonly in = new Set<string>();
  user = "";
  text = false;
  partner: string | undefined;
  stalled: string | undefined;
  room: string = LOBBY;
  saying: { batch: Batch; answeredIn: string } | undefined;

  #dialect: "unknown" | "frames" | "lines" = "unknown";
  #waiting: (string | null)[] = []; // lines whose turn has not come
  #size = 0; // characters in them
  #paused = false; // the link is not read because lines wait
  #busy = false; // a request is under way that later lines must wait for
  #ended = false; // the other side will send no more
  #closed = false;
  #answers = ""; // written together at the end of a turn
  readonly #limiter: RequestLimiter;
  readonly #start: number;
  #heard: number;
  #asked = false; // sent a `ping` and heard nothing since

  constructor(services: Services, link: Link) {
    this.services = services;
    this.link = link;
    this.#start = this.#heard = services.elapsed();
    this.#limiter = new RequestLimiter(services.rate, services.elapsed);
  }

  get address(): string {
    return this.link.address;
  }
  get network(): string {
    return this.link.network;
  }

  get gone(): boolean {
    return this.#closed;
  }

  /** Whether nothing is under way, and nothing was for this long (ms). */
  isIdleFor(ms: number): boolean {
    return !this.#busy && this.services.elapsed() - this.#heard >= ms;
  }

  /** How long an unfinished line may grow now, in bytes: little for a stranger with nothing under way. */
  get lineLimit(): number {
    return this.user !== "" || this.#busy ? LIMITS.line : LIMITS.lineBeforeSignIn;
  }

  /** Takes lines in the order they came; those that come while a request is under way wait for their turn. */
  receive(lines: readonly (string | null)[]): void {
    if (this.#closed || this.#ended) return;
    this.#heard = this.services.elapsed();
    this.#asked = false;
    for (const line of lines) {
      this.#waiting.push(line);
      this.#size += line?.length ?? 0;
    }
    this.#work();
    if (this.#size > MOST_WAITING) this.refuse({ code: "too_many", text: "Too many requests wait; sign in again." });
  }

  /** The other side has sent its last line: answer everything, then close. */
  finish(): void {
    this.#ended = true;
    if (!this.#busy) this.#work();
  }

  /** Ends the session with a last word. */
  refuse(refusal: Refusal): void {
    if (this.#closed) return;
    this.#answer(failure(refusal));
    this.#close();
  }

  /** Ends the session because the server stops. */
  dismiss(text: string): void {
    if (this.#closed) return;
    this.#answer({ type: "notice", text });
    this.#close();
  }

  /** Called every few seconds: asks a quiet JSON session whether it is there, and lets go of one that is not. */
  tick(): void {
    if (this.#closed || this.#busy) return;
    const now = this.services.elapsed();
    if (this.user === "") {
      if (now - this.#start < SIGN_IN) return;
      this.text = this.#dialect !== "frames"; // who has said nothing at all is a person who reads
      this.refuse({ code: "not_signed_in", text: "Nobody signed in within 30 seconds, so this connection closes." });
    } else if (!this.text) {
      if (now - this.#heard >= LIMITS.silence * 1000)
        this.dismiss("Nothing was heard from you, so this connection closes.");
      else if (now - this.#heard >= QUIET && !this.#asked) {
        this.#asked = true;
        this.#answer({ type: "ping" });
        this.#write();
      }
    }
  }

  /** The connection is gone. */
  closed(reason: string): void {
    this.#closed = true;
    this.#waiting = [];
    this.services.rooms.leaveAll(this);
    this.services.log.info(`${this.#who()} disconnected (${reason})`);
  }

  // ---- Member: what rooms hand to this connection ----

  send(payload: Payload): void {
    if (payload.text === "") return;
    this.#write();
    this.link.send(payload);
  }

  drained(): Promise<void> {
    this.#write();
    return this.link.drained();
  }

  // ---- the way in ----

  #work(): void {
    let next = 0;
    while (next < this.#waiting.length && !this.#busy && !this.#closed) {
      const line = this.#waiting[next++]!;
      this.#size -= line?.length ?? 0;
      const pending = this.#take(line);
      if (pending === undefined) continue;
      this.#busy = true;
      void pending
        .catch((problem) => this.#crash(problem))
        .finally(() => {
          this.#busy = false;
          this.#work();
        });
    }
    if (next > 0) this.#waiting = next === this.#waiting.length ? [] : this.#waiting.slice(next);
    if (this.#ended && !this.#busy && !this.#closed) void this.#settled().then(() => this.#close());
    this.#write();
    const full = this.#waiting.length > 0;
    if (full !== this.#paused && !this.#closed) this.link.pause((this.#paused = full));
  }

  #take(line: string | null): Promise<void> | undefined {
    let request: Request | Refusal | Local | undefined;
    try {
      request = this.#read(line);
    } catch (problem) {
      this.#crash(problem);
    }
    const wait = this.#limiter.take(isRequest(request) ? request : undefined);
    if (request === undefined) return undefined;
    if (wait) return Bun.sleep(wait).then(() => (this.#closed ? undefined : this.#perform(request)));
    return this.#perform(request);
  }

  /** A line to what it asks; the first that is not empty decides the dialect. */
  #read(line: string | null): Request | Refusal | Local | undefined {
    if (this.#dialect === "unknown" && line !== "") {
      const first = line?.replace(/^\ufeff/, "") ?? "";
      this.#dialect = first.startsWith("{") ? "frames" : "lines";
      this.text = this.#dialect === "lines";
      if (line !== null) line = first;
    }
    if (line === "") return undefined;
    if (this.user === "" && line !== null && Buffer.byteLength(line) > LIMITS.lineBeforeSignIn)
      return { code: "line_too_long" };
    if (!this.text) return decode(line);
    if (line === null) return { code: "bad_request", text: "That line is not valid UTF-8. Nothing was sent." };
    return parseCommand(line, { user: this.user || undefined, room: this.room, partner: this.partner });
  }

  /** `say`s to one conversation travel together; anything else waits until they are answered, so that requests take
   *  effect and are answered in the order they were sent. */
  #perform(request: Request | Refusal | Local): Promise<void> | undefined {
    const { saying } = this;
    if (saying !== undefined && !saying.batch.delivered) {
      const together = isSay(request) && saying.answeredIn === answeredIn({ to: request.to, from: this.user });
      if (!together) return saying.batch.settled.then(() => this.#run(request));
    }
    return this.#run(request);
  }

  #run(request: Request | Refusal | Local): Promise<void> | undefined {
    if (isRefusal(request)) return this.#reply(request, request.id);
    if (request.type === "help") {
      for (const line of help(this.user !== "")) this.#answer({ type: "notice", text: line });
      return undefined;
    }
    const { needs, run } = RULES[request.type] as Rule<Verb>; // the one cast: the key and its variant belong together
    if (needs === "account" && this.user === "") return this.#reply({ code: "not_signed_in" }, request.id);
    if (needs === "no account" && this.user !== "") return this.#reply({ code: "already_signed_in" }, request.id);
    try {
      const answer = run(this, request);
      if (answer instanceof Promise)
        return answer.then(
          (later) => this.#reply(later, request.id, request),
          (problem) => this.#crash(problem, request.id),
        );
      return this.#reply(answer, request.id, request);
    } catch (problem) {
      this.#crash(problem, request.id);
      return undefined;
    }
  }

  /** The one place where a request is answered. */
  #reply(answer: Answer, id: string | undefined, asked?: Request): Promise<void> | undefined {
    if (answer === undefined) return undefined;
    if (isRefusal(answer)) {
      // A refused `say` must not be answered before the ones that were sent ahead of it.
      if (this.saying !== undefined && !this.saying.batch.delivered)
        return this.saying.batch.settled.then(() => this.#reply(answer, id));
      this.#answer(failure(answer, id));
      if (answer.code === "line_too_long") this.#close();
    } else this.ok(answer, asked);
    if (asked?.type === "exit") this.#close();
    return undefined;
  }

  ok(fields: Omit<Ok, "type" | "id">, asked?: Request): void {
    this.#answer({ type: "ok", ...(asked?.id !== undefined && { id: asked.id }), ...fields }, asked);
  }

  #answer(event: Event, asked?: Request): void {
    if (this.#closed) return;
    if (!this.text) this.#answers += encode(event);
    else for (const line of render(event, { user: this.user, ...(asked && { asked }) })) this.#answers += line + "\n";
  }

  #write(): void {
    if (this.#answers === "") return;
    const answers = this.#answers;
    this.#answers = "";
    this.link.send(new Payload(answers));
  }

  // ---- the end ----

  #close(): void {
    if (this.#closed) return;
    this.#write();
    this.#closed = true;
    this.link.end();
  }

  /** Something here is broken: say where in the log, tell the client no details, and let this connection go. */
  #crash(problem: unknown, id?: string): void {
    this.services.log.error(`${this.#who()} met a bug`, problem);
    this.refuse({ code: "internal", ...(id !== undefined && { id }) });
  }

  #settled(): Promise<void> {
    return this.saying?.batch.settled ?? Promise.resolve();
  }

  #who(): string {
    return this.user === "" ? this.address : `${this.user} (${this.address})`;
  }
}

function isRequest(typed: Request | Refusal | Local | undefined): typed is Request {
  return typed !== undefined && !isRefusal(typed) && Object.hasOwn(RULES, typed.type);
}

function isSay(request: Request | Refusal | Local | undefined): request is RequestOf<"say"> {
  return request !== undefined && !isRefusal(request) && request.type === "say";
}
