// recorder.ts: tells the checker of a run, in the order in which things happen: what processes say, what becomes of it, what
// they hand on, and what each of their connections gets over the wire. Judges nothing. Called by devices.ts and typist.ts.

import type { Message, Request, RequestOf } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import type { Connection } from "../../shared/connection.ts";
import { Ids } from "../../shared/ids.ts";
import type { Link } from "../../shared/link.ts";
import { Refused } from "../../shared/link.ts";
import { isRoom } from "../../shared/names.ts";
import { toldIn } from "../../shared/settings.ts";
import type { Deed } from "./calls.ts";
import type { Checker, Step } from "./checker.ts";
import { Passing } from "./passing.ts";

/** What a host asks for, or whoever removes what they said. */
export type Act = RequestOf<"set"> | RequestOf<"remove">;

export class Recorder {
  counts = {
    ...{ said: 0, typed: 0, stored: 0, refused: 0, shown: 0, acts: 0, quiet: 0, out: 0, empty: 0 },
    ...{ connections: 0, resumed: 0, repeated: 0, sessions: 0 },
  };
  /** Says of each process that have no outcome yet. */
  readonly open = new Map<string, number>();
  /** Processes that have been told all that they had missed, once at least. */
  readonly ready = new Set<string>();
  /** The last seq that each process has handed on: by process and conversation; and that any process of an account has: by inbox. */
  readonly positions = new Map<string, number>();
  /** Up to where the server has taken what accounts have read, by account and conversation. */
  readonly confirmed = new Map<string, number>();
  readonly #checker: Checker;
  readonly #watched = new Map<string, Set<string>>(); // by process: the conversations that it is in
  readonly #ids = new Map<string, Ids>(); // by process
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

  /** Says something and writes down what becomes of it; `onStored` is called if it is stored. */
  say(process: string, connection: Connection, to: string, text: string, onStored?: (message: Message) => void): void {
    const request = this.#named(process, { type: "say", to, text });
    const call = ++this.counts.said;
    const { id } = request;
    this.take({ step: "say", call, by: process, from: connection.user, to, text, id, at: Date.now() });
    this.#ask(process, connection, call, request, onStored);
  }

  /** The same of an act. `aims`: the id of the direct message that it removes. */
  act(process: string, connection: Connection, act: Act, aims?: string): void {
    const request = this.#named(process, act);
    const call = ++this.counts.said;
    const { id, type, to, ...deed } = request;
    const of = to === "*" ? to : deed.of;
    const asked = { by: process, from: connection.user, to: toldIn(to), id, at: Date.now() };
    this.take({ step: "act", call, ...asked, deed: { act: type, ...deed, ...(of !== undefined && { of }) }, aims });
    this.#ask(process, connection, call, request, () => void this.counts.acts++);
  }

  /** A request with the id that its connection would give it. */
  #named<R extends Request>(process: string, request: R): R & { id: string } {
    const ids = this.#ids.get(process) ?? new Ids();
    this.#ids.set(process, ids);
    return { ...request, id: ids.next(request) };
  }

  #ask(
    process: string,
    connection: Connection,
    call: number,
    request: Request,
    onStored: ((message: Message) => void) | undefined,
  ): void {
    this.open.set(process, (this.open.get(process) ?? 0) + 1);
    const settled = (): void => {
      this.open.set(process, this.open.get(process)! - 1);
      this.#happened();
    };
    connection.ask(request).then(
      (answer) => {
        const message = answer as Message;
        this.counts.stored++;
        this.take({ step: "stored", call, message, at: Date.now() });
        onStored?.(message);
        settled();
      },
      (problem) => {
        // A client that goes away does not learn what became of it.
        if (!(problem instanceof Refused)) throw problem;
        if (problem.code === "closed") return;
        this.counts.refused++;
        if (problem.code === "quiet") this.counts.quiet++;
        this.take({ step: "refused", call, code: problem.code, at: Date.now() });
        settled();
      },
    );
  }

  /** A line was typed at a text session; the number of the say. */
  typed(by: string, from: string, to: string, text: string): number {
    const call = ++this.counts.said;
    this.counts.typed++;
    this.take({ step: "say", call, by, from, to, text, typed: true, at: Date.now() });
    return call;
  }
  /** The same of an act. */
  typedAct(by: string, from: string, to: string, deed: Deed): number {
    const call = ++this.counts.said;
    this.take({ step: "act", call, by, from, to, deed, at: Date.now() });
    return call;
  }

  /** A process has entered a conversation, of which it is handed on what comes after `after`. */
  entered(process: string, user: string, conversation: string, after: number | undefined): void {
    const watched = this.#watched.get(process) ?? new Set();
    this.#watched.set(process, watched);
    if (watched.has(conversation)) return;
    watched.add(conversation);
    const where = { viewer: process, user, conversation, ...(after !== undefined && { after }) };
    this.take({ step: "watch", ...where });
  }
  /** A process has been told all that it had missed. */
  caughtUp(process: string): void {
    this.ready.add(process);
    this.#happened();
  }
  /** Whether a process is in a conversation, by what it was handed on so far. */
  isIn(process: string, conversation: string): boolean {
    return this.#watched.get(process)?.has(conversation) ?? false;
  }
  /** A process is in a room no more. */
  out(process: string, room: string): void {
    if (!this.#watched.get(process)?.delete(room)) return;
    this.counts.out++;
    this.positions.delete(`${process} ${room}`);
    this.take({ step: "out", viewer: process, conversation: room });
  }

  /** A process has handed on a message. */
  shown(process: string, user: string, message: Message): void {
    this.counts.shown++;
    if (message.removed !== undefined) this.counts.empty++;
    this.take({ step: "shown", viewer: process, user, message });
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
    this.#watched.delete(process);
    this.#ids.delete(process);
    for (const conversation of conversations) this.positions.delete(`${process} ${conversation}`);
    this.take({ step: "gone", viewer: process, how: "cut" });
  }

  /** Makes the function that a process gives each of its links to, so that what passes over it is written down. */
  wire(process: string, user: string): (link: Link) => Link {
    let links = 0;
    return (link) => {
      const viewer = `${process}/${++links}`;
      this.counts.connections++;
      const passing = new Passing(viewer, user, this);
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
