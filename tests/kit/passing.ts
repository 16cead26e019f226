// passing.ts: what passes over one link of a process, for the checker: what is asked, what is answered, and every message in the order
// of the wire. Part of recorder.ts.

import type { Event, Followed, Message, Ok, Request } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import { expels } from "../../shared/acts.ts";
import { isRoom } from "../../shared/names.ts";
import type { Recorder } from "./recorder.ts";

const MAX_SEEN = 1_000; // ids; more than may be under way

/** What passes over one link. */
export class Passing {
  readonly #viewer: string;
  readonly #user: string;
  readonly #recorder: Recorder;
  readonly #asked = new Map<string, Request>(); // that are not answered
  readonly #unnamed: Request[] = []; // those without an id, in order
  readonly #least = new Map<string, ReadonlyMap<string, number>>(); // what was confirmed when each sign-in and join was asked
  readonly #seen = new Set<string>(); // ids of says that were seen once, the last ones
  readonly #last = new Map<string, number>(); // seq, by conversation
  readonly #heads = new Map<string, number>(); // seq, by room, when it was entered: what comes up to there is old

  constructor(viewer: string, user: string, recorder: Recorder) {
    this.#viewer = viewer;
    this.#user = user;
    this.#recorder = recorder;
  }

  sent(request: Request): void {
    if (request.type === "login" && request.since !== undefined) this.#recorder.counts.resumed++;
    if (request.id === undefined) return void this.#unnamed.push(request);
    this.#asked.set(request.id, request);
    if (request.type !== "login" && request.type !== "join") return;
    this.#least.set(request.id, new Map(this.#recorder.confirmed));
    const conversation = request.type === "join" ? request.to : inboxOf(this.#user);
    this.#recorder.take({ step: "asks", viewer: this.#viewer, conversation });
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
    const shown = { step: "shown", viewer: this.#viewer, user: this.#user, message } as const;
    this.#recorder.take({ ...shown, ...(answer && { answer }) });
    if (expels(message, this.#user) && seq > (this.#heads.get(conversation) ?? 0))
      this.#recorder.take({ step: "out", viewer: this.#viewer, conversation });
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
        this.#heads.set(request.to, seq);
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
    const where = { user: this.#user, conversation, ...(after !== undefined && { after }) };
    this.#recorder.take({ step: "watch", viewer: this.#viewer, ...where });
  }
}
