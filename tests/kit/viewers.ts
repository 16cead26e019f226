// viewers.ts: whether everybody who reads frames saw every message of a conversation once, in order, and the same as all
// others, judged while it happens; and whether they know what was removed. Keeps two numbers and a name a message, and one place a
// viewer and conversation.

import type { Message } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import { hash } from "./calls.ts";
import type { Report, Stored } from "./checker.ts";
import { Emptied } from "./folding.ts";

/** What a viewer has of a conversation. */
interface Place {
  first: number | undefined; // seq of the first message; `undefined` until it comes where it is not known where it begins
  last: number | undefined; // of the last one
  emptied: Emptied;
}
/** What is known of the messages of a conversation, by seq. */
interface Known {
  shapes: number[]; // hashes of whose they are
  texts: number[]; // hashes of what they say, if anybody saw it
  authors: string[]; // "" of acts
  removed: Map<number, string>; // by whom, where anybody saw that
}

export class Viewers {
  readonly #report: Report;
  readonly #places = new Map<string, Map<string, Place>>(); // by viewer, by conversation
  readonly #asked = new Map<string, Map<string, number>>(); // by viewer, by conversation: the step in which it asked to see it
  readonly #returning = new Set<string>(); // viewers and rooms that they were put out of
  readonly #handedOn = new Map<string, number>(); // conversation to the last seq that a process handed on; an inbox's are of its account
  readonly #known = new Map<string, Known>(); // by conversation

  constructor(report: Report) {
    this.#report = report;
  }

  /** A viewer asks to see a conversation. */
  asks(viewer: string, conversation: string, now: number): void {
    if (this.#places.get(viewer)?.has(conversation)) return; // what it asked for before may be on its way
    const asked = this.#asked.get(viewer) ?? new Map<string, number>();
    this.#asked.set(viewer, asked.set(conversation, now));
  }
  /** When it did, 0 if nobody knows. */
  asked(viewer: string, conversation: string): number {
    return this.#asked.get(viewer)?.get(conversation) ?? 0;
  }

  watch(viewer: string, conversation: string, after: number | undefined): void {
    const places = this.#places.get(viewer) ?? new Map<string, Place>();
    const place = { first: after === undefined ? undefined : after + 1, last: after, emptied: new Emptied() };
    this.#places.set(viewer, places.set(conversation, place));
  }

  /** A viewer was put out of a room. */
  out(viewer: string, conversation: string): void {
    if (this.#places.get(viewer)?.delete(conversation)) this.#returning.add(`${viewer} ${conversation}`);
  }

  has(viewer: string): boolean {
    return this.#places.has(viewer);
  }

  gone(viewer: string): void {
    this.#places.delete(viewer);
    this.#asked.delete(viewer);
  }

  /** A viewer was shown a message. `answer`: it answers a say of this very connection. */
  shown(viewer: string, user: string, message: Stored, answer: boolean): void {
    const { to, from, seq } = message;
    const conversation = isRoom(to) ? to : inboxOf(user);
    const place = this.#places.get(viewer)?.get(conversation);
    if (place === undefined && isRoom(to) && from === user && answer)
      return this.compare(conversation, message, viewer); // it said so before it was put out
    if (place === undefined || (!isRoom(to) && user !== to && user !== from)) {
      this.#report("leaked", `${viewer} saw ${brief(message)} to ${to}, which is not theirs`);
      return;
    }
    this.compare(conversation, message, viewer);
    const seen = this.#handedOn.get(conversation) ?? 0;
    // Where an inbox begins is the server's to know, but never past what its account has been shown.
    const last = place.last ?? Math.min(seen, seq - 1);
    // What it said before it was put out of the room, and is answered now that it is back.
    const isBack = viewer.includes("/") && this.#returning.has(`${viewer} ${conversation}`);
    const isEarlier = from === user && seq < (isBack ? last + 1 : (place.first ?? 0));
    if (seq !== last + 1 && !(answer && seq <= last) && !isEarlier)
      this.#report("out of sequence", `${viewer} saw ${conversation} ${brief(message)} after ${last}`);
    place.first ??= seq;
    place.last = Math.max(last, seq);
    if (viewer.includes("/")) return;
    this.#handedOn.set(conversation, Math.max(seen, seq));
    if (message.removed !== undefined && seq > last) place.emptied.by.set(seq, message.removed);
    if (message.act === "remove")
      place.emptied.take(message, (seq) => this.#known.get(conversation)?.authors[seq] ?? "", place.first);
  }

  reset(viewer: string, conversation: string): void {
    this.#report("reset", `${viewer} was told to start ${conversation} over`);
    this.watch(viewer, conversation, undefined);
  }

  /** Compares what somebody has at a place with what everybody else has there. */
  compare(conversation: string, message: Stored, who: string): void {
    const { seq, from, id, to, text, act, key, value, of, on, through, removed } = message;
    const known: Known = this.#known.get(conversation) ?? { shapes: [], texts: [], authors: [], removed: new Map() };
    if (known.shapes.length === 0) this.#known.set(conversation, known);
    const differs = (before: number | string | undefined, now: number | string) =>
      before !== undefined && before !== now;
    const shape = hash(`${from} ${id} ${to} ${act ?? ""}`);
    const words = hash(JSON.stringify([text, key, value, of, on, through]));
    const isOther = differs(known.shapes[seq], shape);
    known.shapes[seq] = shape;
    known.authors[seq] = act === undefined ? from : "";
    const isOtherText =
      removed === undefined ? differs(known.texts[seq], words) : differs(known.removed.get(seq), removed);
    if (removed === undefined) known.texts[seq] = words;
    else known.removed.set(seq, removed);
    if (isOther || isOtherText)
      this.#report("diverged", `${who} saw ${conversation} ${brief(message)}; somebody else saw another there`);
  }

  /** At the end, with everybody still there: who has not seen everything, up to the heads, and who does not know what is `emptied`
   *  by whom. */
  finish(
    present: readonly string[],
    heads: ReadonlyMap<string, number>,
    emptied: ReadonlyMap<string, ReadonlyMap<number, string>>,
  ): void {
    for (const process of present)
      for (const [conversation, place] of this.#places.get(process) ?? []) {
        // Whose account had confirmed all of its inbox before it came has nothing to see there.
        const last = place.last ?? this.#handedOn.get(conversation) ?? 0;
        const head = heads.get(conversation) ?? 0;
        if (last < head) this.#report("behind", `${process} saw ${conversation} up to ${last} of ${head}`);
        this.#compareEmptied(process, conversation, place, emptied.get(conversation) ?? new Map());
      }
    for (const [conversation, { shapes }] of this.#known) {
      const [last, head] = [shapes.length - 1, heads.get(conversation) ?? 0];
      if (last > head) this.#report("phantom", `${conversation} was shown up to ${last}; the log ends at ${head}`);
    }
  }

  #compareEmptied(process: string, conversation: string, place: Place, emptied: ReadonlyMap<number, string>): void {
    const { first = Infinity, last = 0 } = place;
    const isSeen = (seq: number) => first <= seq && seq <= last;
    const own = place.emptied.by;
    const differing = new Set([...own.keys(), ...emptied.keys()]);
    for (const seq of differing)
      if (isSeen(seq) && own.get(seq) !== emptied.get(seq)) {
        const says = (by: string | undefined) => (by === undefined ? "not emptied" : `emptied by ${by}`);
        const what = `${process} has ${conversation} ${seq} ${says(own.get(seq))}`;
        this.#report("unfolded", `${what}; the log has it ${says(emptied.get(seq))}`);
      }
  }
}

export function brief({ seq, from, text }: Pick<Message, "seq" | "from" | "text">): string {
  return `${seq} ${from} "${shorten(text)}"`;
}

function shorten(text: string): string {
  return text.length <= 24 ? text : `${text.slice(0, 23)}…`;
}
