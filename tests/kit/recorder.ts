// recorder.ts: tells the checker of a run, in the order in which things happen: what processes say, what becomes of it, what
// they hand on, and what each of their connections gets over the wire. Judges nothing. Called by devices.ts and typist.ts.

import type { Event, Followed, Message, Ok, Request } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import type { Connection } from "../../shared/connection.ts";
import type { Link } from "../../shared/link.ts";
import { Refused } from "../../shared/link.ts";
import { isRoom } from "../../shared/names.ts";
import type { Checker, Step, Stored } from "./checker.ts";

const MAX_SEEN = 1_000; // more than may be under way

export class Recorder {
  counts = { said: 0, typed: 0, stored: 0, refused: 0, shown: 0, connections: 0, resumed: 0, repeated: 0, sessions: 0 };
  /** Says of each process that have no outcome yet. */
  readonly open = new Map<string, number>();
  /** The last seq that each process has handed on: by process and conversation; and that any process of an account has: by inbox. */
  readonly positions = new Map<string, number>();
  /** Up to where the server has taken what accounts have read, by account and conversation. */
  readonly confirmed = new Map<string, number>();
  readonly #checker: Checker;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  take(step: Step): void {
    if (this.#isClosed) return;
    this.#checker.take(step);
    if (step.step === "line") this.counts.shown++;
  }

  /** From now on nothing is told: what happens when everybody goes is no part of the run. */
  close(): void {
    this.#isClosed = true;
  }

  /** Says something and writes down what becomes of it. */
  say(process: string, connection: Connection, to: string, text: string): void {
    const call = ++this.counts.said;
    this.take({ step: "say", call, by: process, from: connection.user, to, text });
    this.open.set(process, (this.open.get(process) ?? 0) + 1);
    const settled = (): void => {
      this.open.set(process, this.open.get(process)! - 1);
      this.#happened();
    };
    connection.say(to, text).then(
      (message) => {
        this.counts.stored++;
        this.take({ step: "stored", call, message: stored(message) });
        settled();
      },
      (problem) => {
        // A client that goes away does not learn what became of it.
        if (!(problem instanceof Refused)) throw problem;
        if (problem.code === "closed") return;
        this.counts.refused++;
        this.take({ step: "refused", call, code: problem.code });
        settled();
      },
    );
  }

  /** A line was typed at a text session; the number of the say. */
  typed(by: string, from: string, to: string, text: string): number {
    const call = ++this.counts.said;
    this.counts.typed++;
    this.take({ step: "say", call, by, from, to, text, typed: true });
    return call;
  }

  /** A process has handed on a message. */
  shown(process: string, user: string, message: Message): void {
    this.counts.shown++;
    this.take({ step: "shown", viewer: process, user, message: stored(message) });
    const conversation = isRoom(message.to) ? message.to : inboxOf(user);
    this.positions.set(`${process} ${conversation}`, message.seq);
    if (conversation.startsWith("@"))
      this.positions.set(conversation, Math.max(message.seq, this.positions.get(conversation) ?? 0));
    this.#happened();
  }

  /** A process was told to start a room ("#lab") or its inbox ("@") over. */
  reset(process: string, user: string, to: string): void {
    this.take({ step: "reset", viewer: process, conversation: to === "@" ? inboxOf(user) : to });
  }

  /** A process is gone. */
  gone(process: string, conversations: readonly string[]): void {
    this.open.delete(process);
    for (const conversation of conversations) this.positions.delete(`${process} ${conversation}`);
    this.take({ step: "gone", viewer: process, how: "cut" });
  }

  /** Makes the function that a process gives each of its links to, so that what passes over it is written down. */
  wire(process: string, user: string): (link: Link) => Link {
    const watched = new Set<string>();
    let links = 0;
    return (link) => {
      const viewer = `${process}/${++links}`;
      this.counts.connections++;
      const passing = new Passing(viewer, process, user, this, watched);
      void link.gone.then(() => this.take({ step: "gone", viewer, how: "cut" }));
      return {
        get heard() {
          return link.heard;
        },
        gone: link.gone,
        send(request) {
          passing.sent(request);
          link.send(request);
        },
        listen: (onEvent) =>
          link.listen((event) => {
            passing.came(event);
            onEvent(event);
          }),
        pause: (on) => link.pause(on),
        end: () => link.end(),
        cut: () => link.cut(),
      };
    };
  }

  /** Waits until this is so, at most `bound` ms. */
  async until(condition: () => boolean, bound: number): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#happened();
    }, bound);
    while (!condition() && !late) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    clearTimeout(timer);
  }

  #happened(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** What passes over one link. */
class Passing {
  readonly #viewer: string;
  readonly #process: string;
  readonly #user: string;
  readonly #recorder: Recorder;
  readonly #watched: Set<string>; // conversations that the process has begun
  readonly #asked = new Map<string, Request>(); // that are not answered
  readonly #unnamed: Request[] = []; // those without an id, in order
  readonly #least = new Map<string, ReadonlyMap<string, number>>(); // what was confirmed when each sign-in and join was asked
  readonly #seen = new Set<string>(); // ids of says that were seen once, the last ones
  readonly #last = new Map<string, number>(); // seq, by conversation

  constructor(viewer: string, process: string, user: string, recorder: Recorder, watched: Set<string>) {
    this.#viewer = viewer;
    this.#process = process;
    this.#user = user;
    this.#recorder = recorder;
    this.#watched = watched;
  }

  sent(request: Request): void {
    if (request.type === "login" && request.since !== undefined) this.#recorder.counts.resumed++;
    if (request.id === undefined) return void this.#unnamed.push(request);
    this.#asked.set(request.id, request);
    if (request.type === "login" || request.type === "join")
      this.#least.set(request.id, new Map(this.#recorder.confirmed));
  }

  came(event: Event): void {
    if (event.type === "message") return this.#message(event);
    if (event.type !== "ok" && event.type !== "error") return;
    const request = event.id === undefined ? this.#unnamed.shift() : this.#asked.get(event.id);
    this.#asked.delete(event.id ?? "");
    if (event.type === "ok" && request !== undefined) this.#granted(request, event);
  }

  #message(message: Message): void {
    const { from, id, seq } = message;
    const conversation = isRoom(message.to) ? message.to : inboxOf(this.#user);
    const answer = from === this.#user && this.#isAnswer(id);
    const last = this.#last.get(conversation) ?? 0;
    if (answer && seq <= last) this.#recorder.counts.repeated++;
    this.#last.set(conversation, Math.max(seq, last));
    const shown = { step: "shown", viewer: this.#viewer, user: this.#user, message: stored(message) } as const;
    this.#recorder.take({ ...shown, ...(answer && { answer }) });
  }

  /** Whether a message of one's own answers a say of this connection. One that an earlier connection had sent already, and
   *  that arrived late, is first seen like everybody's and then once more as the answer to its retry. */
  #isAnswer(id: string): boolean {
    if (!this.#asked.delete(id)) return this.#seen.delete(id);
    this.#seen.add(id);
    const [oldest] = this.#seen;
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(oldest!);
    return true;
  }

  #granted(request: Request, answer: Ok): void {
    const { seq = 0, seen = 0, reset, follows = [] } = answer;
    const inbox = inboxOf(this.#user);
    switch (request.type) {
      case "login":
        this.#watch(inbox, reset ? undefined : request.since);
        for (const room of [{ to: inbox, seen, seq }, ...follows]) this.#position(room, answer);
        break;
      case "join":
        this.#watch(request.to, (reset ? undefined : request.since) ?? Math.max(0, seq - LIMITS.backlog));
        this.#position({ to: request.to, seen, seq }, answer);
        break;
      case "seen": {
        const key = `${this.#user} ${request.to === undefined || request.to === "@" ? inbox : request.to}`;
        this.#recorder.confirmed.set(key, Math.max(request.seq, this.#recorder.confirmed.get(key) ?? 0));
        break;
      }
    }
    if (answer.id !== undefined) this.#least.delete(answer.id);
  }

  #position({ to: conversation, seen, seq: head }: Followed, { id = "" }: Ok): void {
    const least = this.#least.get(id)?.get(`${this.#user} ${conversation}`) ?? 0;
    this.#recorder.take({ step: "position", user: this.#user, conversation, seen, least, head });
  }

  #watch(conversation: string, after: number | undefined): void {
    const where = { step: "watch", user: this.#user, conversation, ...(after !== undefined && { after }) } as const;
    this.#recorder.take({ ...where, viewer: this.#viewer });
    if (this.#watched.has(conversation)) return;
    this.#watched.add(conversation);
    this.#recorder.take({ ...where, viewer: this.#process });
  }
}

function stored({ to, seq, from, id, text }: Message): Stored {
  return { to, seq, from, id, text };
}
