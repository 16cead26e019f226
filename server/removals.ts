// removals.ts: messages that are removed: which ones an act means, what is left in their places, and what they said, which is kept for a
// while (table `removed` of chat.db). Begins no transaction. Part of history.ts.

import type { Database } from "bun:sqlite";
import type { Message, Refusal } from "../protocol.ts";
import { encode, LIMITS } from "../protocol.ts";
import { emptied } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import type { RemoveAct } from "./acts.ts";
import { inboxOf } from "./conversations.ts";
import { messagesIn, offsetOf } from "./lines.ts";
import type { Runs } from "./runs.ts";

/** How far one act looks for what it removes: everybody waits for it. */
const MOST = { messages: 1_000, bytes: 512 * 1024 };
const KEPT = 7 * 86_400_000; // ms that hosts can read what was removed in a room

/** What an act removes in a conversation: oldest first, one at least. */
export interface Removal {
  conversation: string;
  messages: readonly Message[];
}

export class Removals {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #runs: Runs;

  constructor(db: Database, runs: Runs) {
    this.#statements = prepareStatements(db);
    this.#runs = runs;
  }

  /** What an act of `from` on `to` removes: in the conversation that answers it, and of a direct message in the other inbox, too. */
  find(to: string, from: string, act: RemoveAct): Removal[] | Refusal {
    if (!isRoom(to)) return this.#findDirect(to, from, act);
    const { of, on, through = on, last } = act;
    const found = on === undefined ? this.#findLast(to, of, last) : this.#findRange(to, of, on, through!);
    if (!Array.isArray(found)) return found;
    if (found.length > LIMITS.removed) return tooMany(found.length);
    return found.length === 0 ? nothing(of) : [{ conversation: to, messages: found }];
  }

  /** Empties messages in their places, and keeps what they said if it was said in a room; what they are now, by seq. */
  empty({ conversation, messages }: Removal, by: string, now: number): ReadonlyMap<number, Message> {
    const all = new Map<number, Message>();
    const lines = new Map<number, string>();
    for (const message of messages) {
      const { seq, text } = message;
      const left = emptied(message, by);
      all.set(seq, left);
      lines.set(seq, encode(left));
      if (isRoom(conversation)) this.#statements.keep.run(conversation, seq, text, now);
    }
    this.#runs.replace(conversation, lines);
    this.#statements.trace.run();
    return all;
  }

  /** What removed messages of a room said, by seq, as far as it is kept. */
  texts(conversation: string, from: number, through: number): Map<number, string> {
    const rows = this.#statements.texts.all(conversation, from, through);
    return new Map(rows.map(({ seq, text }) => [seq, text]));
  }

  /** Forgets what was kept long enough. */
  forget(now: number): void {
    if (this.#statements.forget.run(now - KEPT).changes > 0) this.#statements.trace.run();
  }
  /** The last time that something was removed or forgotten of which there may still be traces in the file; 0 if there is none. */
  get traces(): number {
    return this.#statements.traces.get()?.n ?? 0;
  }
  /** Of what was removed or forgotten up to that time there are none any more. */
  erased(time: number): void {
    this.#statements.erased.run(time);
  }

  // ---- which messages ----

  #findDirect(to: string, from: string, { of, on, theirs }: RemoveAct): Removal[] | Refusal {
    const sent = of === from ? this.#at(inboxOf(from), of, on) : undefined;
    if (sent?.to !== to) return nothing(of);
    const copy = { conversation: inboxOf(from), messages: [sent] };
    if (to === from) return [copy];
    const received = this.#at(inboxOf(to), of, theirs);
    if (received?.to !== to || received.id !== sent.id) return nothing(of);
    return [copy, { conversation: inboxOf(to), messages: [received] }];
  }

  #at(conversation: string, of: string, seq: number | undefined): Message | undefined {
    const found = seq === undefined ? [] : this.#findRange(conversation, of, seq, seq);
    return Array.isArray(found) ? found[0] : undefined;
  }

  #findRange(conversation: string, of: string, on: number, through: number): Message[] | Refusal {
    if (through - on >= MOST.messages) return TOO_FAR;
    const found: Message[] = [];
    let left = MOST.bytes;
    for (const run of this.#runs.after(conversation, on - 1)) {
      if (run.first > through) break;
      const lines = run.lines.subarray(offsetOf(run, on), offsetOf(run, through + 1));
      if ((left -= lines.length) < 0 && on < through) return TOO_FAR;
      found.push(...removable(lines, of));
    }
    return found;
  }

  /** The last messages of somebody, oldest first, as far as one look reaches. */
  #findLast(conversation: string, of: string, count: number): Message[] | Refusal {
    if (count > LIMITS.removed) return tooMany(count);
    let found: Message[] = [];
    const left = { ...MOST };
    for (const run of this.#runs.before(conversation, Number.MAX_SAFE_INTEGER)) {
      found = [...removable(run.lines, of), ...found];
      left.messages -= run.last - run.first + 1;
      left.bytes -= run.lines.length;
      if (found.length >= count) break;
      if (left.messages > 0 && left.bytes > 0) continue;
      if (found.length === 0) return nothing(of, `among the last ${MOST.messages - left.messages} messages`);
      break;
    }
    return found.slice(-count);
  }
}

/** The messages of somebody among these lines that can be removed: no acts, and none that was removed already. */
function removable(lines: Buffer, of: string): Message[] {
  const field = `"from":${JSON.stringify(of)}`; // in a text a quotation mark is escaped
  if (!lines.includes(field)) return [];
  return messagesIn(lines.toString("utf8")).filter(
    ({ from, act, removed }) => from === of && act === undefined && removed === undefined,
  );
}

const TOO_FAR: Refusal = {
  code: "bad_request",
  text: "That reaches over too many messages. Name a shorter range. Nothing was removed.",
};
function tooMany(count: number): Refusal {
  const text = `One act removes at most ${LIMITS.removed} messages, and these are ${count}. Name fewer. Nothing was removed.`;
  return { code: "bad_request", text };
}
function nothing(of: string, where = "here"): Refusal {
  return { code: "bad_request", text: `There is nothing of ${of} to remove ${where}.` };
}

function prepareStatements(db: Database) {
  return {
    keep: db.query<unknown, [string, number, string, number]>("insert into removed values (?, ?, ?, ?)"),
    texts: db.query<{ seq: number; text: string }, [string, number, number]>(
      "select seq, text from removed where conversation = ? and seq between ? and ?",
    ),
    forget: db.query<unknown, [number]>("delete from removed where at <= ?"),
    trace: db.query<unknown, []>("insert into traces values (null)"),
    traces: db.query<{ n: number }, []>("select n from traces order by n desc limit 1"),
    erased: db.query<unknown, [number]>("delete from traces where n <= ?"),
  };
}
