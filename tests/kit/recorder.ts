// recorder.ts: writes a run down for the checker, in the order in which things happen: what processes say, what becomes of
// it, what they hand on, and what each of their connections gets over the wire. Judges nothing. Called by workload.ts.

import type { OnWire } from "../../client/tcp.ts";
import type { Event, Message, Request } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import type { Connection } from "../../shared/connection.ts";
import { Refused } from "../../shared/link.ts";
import type { Step, Stored } from "./checker.ts";
import { inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";

export class Recorder {
  readonly steps: Step[] = [];
  counts = { said: 0, stored: 0, refused: 0, shown: 0, connections: 0, resumed: 0, repeated: 0 };
  /** Says of each process that have no outcome yet. */
  readonly open = new Map<string, number>();
  /** The last seq each process has handed on: process and conversation to seq; and any process of an account: inbox to seq. */
  readonly positions = new Map<string, number>();
  #waiting: (() => void)[] = [];

  /** Says something and writes down what becomes of it. */
  say(process: string, connection: Connection, to: string, text: string): void {
    const call = ++this.counts.said;
    this.steps.push({ step: "say", call, by: process, from: connection.user, to, text });
    this.open.set(process, (this.open.get(process) ?? 0) + 1);
    const settled = (): void => {
      this.open.set(process, this.open.get(process)! - 1);
      this.#happened();
    };
    connection.say(to, text).then(
      (message) => {
        this.counts.stored++;
        this.steps.push({ step: "stored", call, message: stored(message) });
        settled();
      },
      (problem) => {
        // A client that goes away does not learn what became of it.
        if (!(problem instanceof Refused)) throw problem;
        if (problem.code === "closed") return;
        this.counts.refused++;
        this.steps.push({ step: "refused", call, code: problem.code });
        settled();
      },
    );
  }

  /** A process has handed on a message. */
  shown(process: string, user: string, message: Message): void {
    this.counts.shown++;
    this.steps.push({ step: "shown", viewer: process, user, message: stored(message) });
    const conversation = isRoom(message.to) ? message.to : inboxOf(user);
    this.positions.set(`${process} ${conversation}`, message.seq);
    if (conversation.startsWith("@")) this.positions.set(conversation, message.seq);
    this.#happened();
  }

  /** A process was told to start a room ("#lab") or its inbox ("@") over. */
  reset(process: string, user: string, to: string): void {
    this.steps.push({ step: "reset", viewer: process, conversation: to === "@" ? inboxOf(user) : to });
  }

  /** What to give a process's connections as `onWire`. A connection begins with its sign-in. */
  wire(process: string, user: string): OnWire {
    let viewer = process;
    let links = 0;
    let asked = new Map<string, Request>();
    const watched = new Set<string>();
    const watch = (conversation: string, after: number | undefined): void => {
      const where = { step: "watch", user, conversation, ...(after !== undefined && { after }) } as const;
      this.steps.push({ ...where, viewer });
      if (watched.has(conversation)) return;
      watched.add(conversation);
      this.steps.push({ ...where, viewer: process });
    };
    return (direction, line) => {
      if (!line.startsWith("{")) return;
      const frame: Request | Event = JSON.parse(line);
      if (direction === "out") {
        const request = frame as Request;
        if (request.type === "login") {
          viewer = `${process}/${++links}`;
          asked = new Map();
          this.counts.connections++;
          if (request.since !== undefined) this.counts.resumed++;
        }
        if (request.id !== undefined) asked.set(request.id, request);
      } else if (frame.type === "message") {
        const message = frame as Message;
        const conversation = isRoom(message.to) ? message.to : inboxOf(user);
        const answer = message.from === user && asked.has(message.id);
        const key = `${viewer} ${conversation}`;
        if (answer && message.seq <= (this.positions.get(key) ?? 0)) this.counts.repeated++;
        this.positions.set(key, Math.max(message.seq, this.positions.get(key) ?? 0));
        this.steps.push({ step: "shown", viewer, user, message: stored(message), ...(answer && { answer }) });
      } else if (frame.type === "ok" && frame.id !== undefined) {
        const request = asked.get(frame.id);
        const { seq = 0, reset } = frame;
        if (request?.type === "login") watch(inboxOf(user), reset ? undefined : request.since);
        if (request?.type === "join")
          watch(request.to, (reset ? undefined : request.since) ?? Math.max(0, seq - LIMITS.backlog));
      }
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

function stored({ to, seq, from, id, text }: Message): Stored {
  return { to, seq, from, id, text };
}
