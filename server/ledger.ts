// ledger.ts: what becomes of the drafts of a batch, one after the other, each with all before it done: it is there already, it is
// refused, or it gets its place, and an act does what it says. Begins no transaction. Part of history.ts.

import type { Message, Refusal } from "../protocol.ts";
import { encode, isRefusal, LIMITS } from "../protocol.ts";
import { isTime, removeText } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import type { Key } from "../shared/settings.ts";
import type { Act } from "./acts.ts";
import { answeredIn, inboxOf } from "./conversations.ts";
import type { Ids } from "./ids.ts";
import { SPAN } from "./ids.ts";
import type { Positions } from "./positions.ts";
import type { Removal, Removals } from "./removals.ts";
import type { Runs } from "./runs.ts";
import type { StoredSettings } from "./settings.ts";

/** A message before it has a place: `to` is a room or an account, `text` is ready to be stored. Without an `id` it is given
 *  "~" and its seq, in the conversation that answers its sender; such ids are the server's. */
export interface Draft {
  to: string;
  from: string;
  id?: string | undefined;
  text: string;
  cut?: number | undefined; // characters that were cut off
  host?: true | undefined; // a host says it
  act?: Act | undefined; // it is no talk; the text of one that removes is given here
  refusal?: Refusal | undefined; // why it must not be stored; if it was stored before, that answers it
}
/** One copy of a stored message. A room's message has one; a direct message one in either inbox ("@alice"). */
export interface Copy {
  conversation: string;
  message: Message;
  line: string; // as it is stored and sent, LF included
}
/** What became of a draft: stored; already there, so this is the stored one; or refused. What a later draft of the batch has removed
 *  is told as it is then. */
export type Outcome = { stored: Copy[] } | { repeated: Message } | { refused: Refusal };

/** Who may say what, asked for each draft in its order, with all before it in the batch stored. */
export interface Judge {
  /** Why a draft that is not stored yet must not be. */
  refuse(draft: Draft): Refusal | undefined;
  /** A draft is refused for another reason. The transaction may still fail. */
  refused(draft: Draft, refusal: Refusal): void;
  /** A draft was given its place. The transaction may still fail. */
  stored(draft: Draft, message: Message): void;
}
/** What the drafts of a batch change. */
interface Tables {
  runs: Runs;
  ids: Ids;
  positions: Positions;
  settings: StoredSettings;
  removals: Removals;
}

export const OWN = "~"; // begins an id that the server gave

export class Ledger {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  store(drafts: readonly Draft[], at: number, judge: Judge | undefined): Outcome[] {
    const outcomes: Outcome[] = [];
    for (const draft of drafts) outcomes.push(this.#store(draft, at, judge, outcomes));
    return outcomes;
  }

  /** `before`: what became of those before it in the batch. */
  #store(draft: Draft, at: number, judge: Judge | undefined, before: readonly Outcome[]): Outcome {
    const { to, from, id, act } = draft;
    const { ids, runs, removals } = this.#tables;
    const own = answeredIn(draft);
    const slot = id === undefined ? undefined : ids.find(own, from, id);
    if (slot?.isTaken) {
      const known = this.#find(own, from, id!, slot.row.seq);
      const isKnown = draft.refusal !== undefined || isRetry(draft, known);
      return isKnown ? { repeated: known } : { refused: { code: "id_reused" } };
    }
    if (draft.refusal !== undefined) return { refused: draft.refusal };
    const refused = judge?.refuse(draft);
    if (refused !== undefined) return { refused };
    const isFull = act === undefined && !isRoom(to) && this.#isInboxFull(to);
    const removed = act?.act === "remove" ? removals.find(to, from, act) : undefined;
    if (isFull || isRefusal(removed)) {
      const impossible: Refusal = isRefusal(removed) ? removed : { code: "inbox_full" };
      judge?.refused(draft, impossible);
      return { refused: impossible };
    }

    const seq = runs.head(own) + 1;
    if (slot !== undefined) ids.take(slot, seq);
    const copy = this.#add(draft, own, seq, id ?? `${OWN}${seq}`, at, removed?.[0]);
    const stored = [copy];
    if (!isRoom(to) && to !== from) {
      const theirs = inboxOf(to);
      stored.push(this.#add(draft, theirs, runs.head(theirs) + 1, copy.message.id, at, removed?.[1]));
    }
    if (act?.act === "set") this.#tables.settings.apply(copy.message, act.members);
    for (const removal of removed ?? []) correct(before, removal.conversation, removals.empty(removal, from, at));
    judge?.stored(draft, copy.message);
    return { stored };
  }

  #add(draft: Draft, conversation: string, seq: number, id: string, at: number, removal: Removal | undefined): Copy {
    const { to, from, text, cut, host, act } = draft;
    const message: Message = { type: "message", to, seq, from, id, at, text };
    if (cut !== undefined) message.cut = cut;
    if (host) message.host = true;
    if (act !== undefined) Object.assign(message, fieldsOf(act, from, removal));
    const line = encode(message);
    this.#tables.runs.add(conversation, seq, line);
    return { conversation, message, line };
  }

  /** Whether more is unconfirmed than an inbox may hold. While the whole inbox is smaller, what is confirmed need not be read. */
  #isInboxFull(account: string): boolean {
    const last = this.#tables.runs.head(inboxOf(account));
    return last >= LIMITS.inbox && last - this.#tables.positions.of(account, inboxOf(account)) >= LIMITS.inbox;
  }

  /** The message with an id that is taken; it is among those that follow the first one of the id's row. */
  #find(conversation: string, from: string, id: string, seq: number): Message {
    const spelled = JSON.stringify(id);
    for (const run of this.#tables.runs.after(conversation, seq - 1)) {
      if (run.first >= seq + SPAN) break;
      for (const line of run.lines.toString("utf8").split("\n")) {
        if (!line.includes(spelled)) continue;
        const message: Message = JSON.parse(line);
        if (message.id === id && message.from === from) return message;
      }
    }
    throw new Error(`The message ${id} of ${from} in ${conversation} is not where it should be`);
  }
}

/** What an act adds to its message; one that removes has removed this of the message's conversation. */
function fieldsOf(act: Act, from: string, removal: Removal | undefined): Partial<Message> {
  if (act.act === "set") {
    const { key, value, of } = act;
    return { act: "set", key, value, ...(of !== undefined && { of }) };
  }
  const { of } = act;
  const { length } = removal!.messages;
  const [on, through] = [removal!.messages[0]!.seq, removal!.messages[length - 1]!.seq];
  return { text: removeText(of, from, length), act: "remove", value: String(length), of, on, through };
}

/** Whether a draft says again what is stored under its id. What was removed has nothing left to compare. */
function isRetry({ to, text, act }: Draft, known: Message): boolean {
  if (known.to !== to || known.act !== act?.act) return false;
  if (act === undefined) return known.removed !== undefined || known.text === text;
  if (known.of !== act.of) return false;
  if (act.act === "set")
    return known.key === act.key && (known.value === act.value || areTimes(act.key, known.value, act.value));
  // Stored is what was removed, which may be less than what was asked for.
  return act.on === undefined || (known.on! >= act.on && known.through! <= (act.through ?? act.on));
}
/** A request may say a time as "in ten minutes", which is another one each time. */
function areTimes(key: Key, one: string | undefined, other: string): boolean {
  return one !== undefined && isTime(key, one) && isTime(key, other);
}

/** Outcomes as they are after some messages were emptied: nobody is told what was removed a moment later. */
function correct(outcomes: readonly Outcome[], conversation: string, emptied: ReadonlyMap<number, Message>): void {
  for (const outcome of outcomes)
    if ("stored" in outcome) {
      for (const copy of outcome.stored) {
        const left = copy.conversation === conversation ? emptied.get(copy.message.seq) : undefined;
        if (left !== undefined) Object.assign(copy, { message: left, line: encode(left) });
      }
    } else if ("repeated" in outcome && answeredIn(outcome.repeated) === conversation)
      outcome.repeated = emptied.get(outcome.repeated.seq) ?? outcome.repeated;
}
