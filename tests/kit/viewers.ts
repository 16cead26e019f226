// viewers.ts: whether everybody who reads frames saw every message of a conversation once, in order, and the same as all
// others, judged while it happens. Keeps one number a message and one a viewer and conversation.

import type { Message } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import { hash } from "./calls.ts";
import type { Report, Stored } from "./checker.ts";

/** seq; `undefined` until the first message where it is not known where it begins. */
type Last = number | undefined;

export class Viewers {
  readonly #report: Report;
  readonly #places = new Map<string, Map<string, Last>>(); // by viewer, by conversation
  readonly #handedOn = new Map<string, number>(); // conversation to the last seq that a process handed on; an inbox's are of its account
  readonly #shown = new Map<string, number[]>(); // by conversation, by seq: what was shown there

  constructor(report: Report) {
    this.#report = report;
  }

  watch(viewer: string, conversation: string, after: number | undefined): void {
    const places = this.#places.get(viewer) ?? new Map<string, Last>();
    this.#places.set(viewer, places.set(conversation, after));
  }

  has(viewer: string): boolean {
    return this.#places.has(viewer);
  }

  gone(viewer: string): void {
    this.#places.delete(viewer);
  }

  /** A viewer was shown a message. `answer`: it answers a say of this very connection. */
  shown(viewer: string, user: string, message: Stored, answer: boolean): void {
    const { to, from, seq } = message;
    const conversation = isRoom(to) ? to : inboxOf(user);
    const places = this.#places.get(viewer);
    if (places === undefined || !places.has(conversation) || (!isRoom(to) && user !== to && user !== from)) {
      this.#report("leaked", `${viewer} saw ${brief(message)} to ${to}, which is not theirs`);
      return;
    }
    this.compare(conversation, message, viewer);
    const seen = this.#handedOn.get(conversation) ?? 0;
    // Where an inbox begins is the server's to know, but never past what its account has been shown.
    const last = places.get(conversation) ?? Math.min(seen, seq - 1);
    if (seq !== last + 1 && !(answer && seq <= last))
      this.#report("out of sequence", `${viewer} saw ${conversation} ${brief(message)} after ${last}`);
    places.set(conversation, Math.max(last, seq));
    if (!viewer.includes("/")) this.#handedOn.set(conversation, Math.max(seen, seq));
  }

  reset(viewer: string, conversation: string): void {
    this.#report("reset", `${viewer} was told to start ${conversation} over`);
    this.#places.get(viewer)?.set(conversation, undefined);
  }

  /** Compares what somebody has at a place with what everybody else has there. */
  compare(conversation: string, message: Stored, who: string): void {
    const { seq, from, id, to, text } = message;
    const shown = this.#shown.get(conversation) ?? [];
    if (shown.length === 0) this.#shown.set(conversation, shown);
    const digest = hash(`${from} ${id} ${to} ${text}`);
    const before = shown[seq];
    shown[seq] = digest;
    if (before !== undefined && before !== digest)
      this.#report("diverged", `${who} saw ${conversation} ${brief(message)}; somebody else saw another there`);
  }

  /** At the end, with everybody still there: who has not seen everything, up to the heads. */
  finish(present: readonly string[], heads: ReadonlyMap<string, number>): void {
    for (const process of present)
      for (const [conversation, place] of this.#places.get(process) ?? []) {
        // Whose account had confirmed all of its inbox before it came has nothing to see there.
        const last = place ?? this.#handedOn.get(conversation) ?? 0;
        const head = heads.get(conversation) ?? 0;
        if (last < head) this.#report("behind", `${process} saw ${conversation} up to ${last} of ${head}`);
      }
    for (const [conversation, shown] of this.#shown) {
      const [last, head] = [shown.length - 1, heads.get(conversation) ?? 0];
      if (last > head) this.#report("phantom", `${conversation} was shown up to ${last}; the log ends at ${head}`);
    }
  }
}

export function brief({ seq, from, text }: Pick<Message, "seq" | "from" | "text">): string {
  return `${seq} ${from} "${shorten(text)}"`;
}

function shorten(text: string): string {
  return text.length <= 24 ? text : `${text.slice(0, 23)}…`;
}
