// history.ts: what was said. A batch is appended to chat.db (SQLite) in one transaction and is on disk when `append` resolves: given
// its places, refused where an id or an inbox says so, and stored as the very lines that are sent. Where lines lie is runs.ts's
// business, which ids are taken ids.ts's, and how far somebody has read positions.ts's. Never delivers anything and knows nobody's connection.

import type { Database } from "bun:sqlite";
import type { Message, Partner, Refusal } from "../protocol.ts";
import { encode, LIMITS } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { answeredIn, inboxOf, ownerOf, partnerOf } from "./conversations.ts";
import type { Act } from "./acts.ts";
import type { Opened } from "./database.ts";
import { copyDatabase } from "./copies.ts";
import { openDatabase } from "./database.ts";
import { Ids, SPAN } from "./ids.ts";
import type { Position } from "./positions.ts";
import { Positions } from "./positions.ts";
import { offsetOf, Runs } from "./runs.ts";
import type { Range, Search, Walk } from "./search.ts";
import { Filter } from "./search.ts";

/** A message before it has a place: `to` is a room or an account, `text` is ready to be stored. Without an `id` it is given
 *  "~" and its seq, in the conversation that answers its sender; such ids are the server's. */
export interface Draft {
  to: string;
  from: string;
  id?: string | undefined;
  text: string;
  cut?: number | undefined; // characters that were cut off
  host?: true | undefined; // a host says it
  act?: Act | undefined;
}
/** Who may say what, asked for each draft in its order, with all before it in the batch stored. */
export interface Judge {
  /** Why a draft that is not stored yet must not be. */
  refuse(draft: Draft): Refusal | undefined;
  /** A draft was given its place. The transaction may still fail. */
  stored(draft: Draft, message: Message): void;
}
/** What is set in a place; `of`: about whom, "" if about nobody. */
export interface StoredSetting {
  place: string;
  key: string;
  of: string;
  value: string;
  by: string;
}
/** One copy of a stored message. A room's message has one; a direct message one in either inbox ("@alice"). */
export interface Copy {
  conversation: string;
  message: Message;
  line: string; // as it is stored and sent, LF included
}
/** What became of a draft: stored; already there, so this is the stored one; or refused. */
export type Outcome = { stored: Copy[] } | { repeated: Message } | { refused: Refusal };

/** Messages of a conversation that follow each other, oldest first, as they are stored and sent: a line each. */
export interface Page {
  lines: Buffer;
  last: number; // seq of the last one; of an empty page, up to where there is nothing
}

export interface History {
  /** Which history this is: another one when it was replaced by an older copy. */
  readonly epoch: string;
  /** Stores drafts in their order, and positions, which never go backwards, all in one transaction, durable on return.
   *  Rejects, having stored nothing of it, when the disk cannot take it. */
  append(drafts: readonly Draft[], positions?: Iterable<Position>, judge?: Judge): Promise<Outcome[]>;
  settings(): Promise<StoredSetting[]>;
  removed(conversation: string, from: number, through: number): Promise<ReadonlyMap<number, string>>;
  find(conversation: string, from: string, id: string, walk: Walk): Promise<number | undefined>;
  erase(): Promise<boolean>;
  /** The messages with `after` < seq ≤ `upTo`, at most one page: ask again from its last one. Rejects when they are damaged. */
  read(conversation: string, after: number, upTo: number): Promise<Page>;
  /** The newest `limit` messages with `after` < seq < `before`, oldest first, at most one page; with `search` of those that it finds.
   *  Rejects when they are damaged. */
  newest(conversation: string, limit: number, range?: Range, search?: Search): Promise<Message[]>;
  /** The accounts with whom an account wrote, newest first, `limit` at most. Rejects when its messages are damaged. */
  partners(account: string, limit: number, walk: Walk): Promise<Partner[]>;
  /** The highest seq of a conversation, 0 if nothing was said in it. */
  head(conversation: string): Promise<number>;
  /** How far an account has read its inbox and the rooms it follows, by conversation. */
  positions(account: string): Promise<ReadonlyMap<string, number>>;
  /** Writes all that is stored now into a new file, private and on disk on return, while appends go on; one at a time. It
   *  is another history: opened, it has another epoch.
   *  Rejects, with the file half written, when the disk cannot take it or `signal` says stop: before `close` it must. */
  copy(file: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

const OWN = "~"; // begins an id that the server gave
const LF = 10;
const STEP = 256 * 1024; // bytes that one step of a search looks through for one word
const PARSING = 4; // times what a look for a word costs

/** Opens (or makes) the history in `file` and locks it: a second server on the same file is refused. `now` in ms since 1970; `report`
 *  is told how far the data of an older version was converted, if there is some. Throws as `openDatabase` does. */
export function openHistory(
  file: string,
  now: () => number = Date.now,
  report: (progress: string) => void = () => {},
): History {
  return new SqliteHistory(openDatabase(file, report), file, now);
}

/** The messages of a page, parsed. */
export function messagesOf({ lines }: Pick<Page, "lines">): Message[] {
  return messagesIn(lines.toString("utf8"));
}
function messagesIn(lines: string): Message[] {
  const each = lines.split("\n").slice(0, -1);
  return each.map((line) => JSON.parse(line));
}

function prepareStatements(db: Database) {
  return {
    begin: db.query("begin immediate"),
    commit: db.query("commit"),
    rollback: db.query("rollback"),
  };
}

class SqliteHistory implements History {
  readonly epoch: string;
  readonly #opened: Opened;
  readonly #now: () => number;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #runs: Runs;
  readonly #ids: Ids;
  readonly #positions: Positions;
  #areIdsKnown = false; // also those of recent runs
  #isClosed = false;

  constructor(opened: Opened, file: string, now: () => number) {
    this.#opened = opened;
    this.epoch = opened.epoch;
    this.#now = now;
    this.#statements = prepareStatements(opened.db);
    this.#runs = new Runs(opened.db, file);
    this.#ids = new Ids(opened.db);
    this.#positions = new Positions(opened.db);
  }

  async append(drafts: readonly Draft[], positions: Iterable<Position> = []): Promise<Outcome[]> {
    const { begin, commit, rollback } = this.#statements;
    const at = this.#now();
    begin.run();
    try {
      if (!this.#areIdsKnown) this.#learnIds();
      const outcomes = drafts.map((draft) => this.#store(draft, at));
      const isIndexed = this.#runs.write();
      if (isIndexed || this.#ids.isDue) this.#ids.write();
      this.#positions.write(positions);
      commit.run();
      this.#ids.committed();
      return outcomes;
    } catch (problem) {
      if (this.#opened.db.inTransaction) rollback.run();
      this.#areIdsKnown = false;
      this.#ids.rolledBack();
      this.#runs.rolledBack();
      throw problem;
    }
  }

  async settings(): Promise<StoredSetting[]> {
    return [];
  }
  async removed(): Promise<ReadonlyMap<number, string>> {
    return new Map();
  }
  async find(): Promise<number | undefined> {
    return undefined;
  }
  async erase(): Promise<boolean> {
    return false;
  }
  async read(conversation: string, after: number, upTo: number): Promise<Page> {
    const end = Math.min(upTo, after + LIMITS.page);
    const parts: Buffer[] = [];
    let [last, room] = [after, LIMITS.pageBytes];
    for (const run of this.#runs.after(conversation, after)) {
      const from = offsetOf(run, last + 1);
      let to = from;
      while (to < run.lines.length && last < end) {
        const next = run.lines.indexOf(LF, to) + 1;
        room -= next - to;
        if (room < 0 && last > after) break;
        [to, last] = [next, last + 1];
      }
      parts.push(run.lines.subarray(from, to));
      if (last === end || to < run.lines.length) break;
    }
    return { lines: parts.length === 1 ? parts[0]! : Buffer.concat(parts), last: last > after ? last : upTo };
  }

  async newest(conversation: string, limit: number, range: Range = {}, search?: Search): Promise<Message[]> {
    const max = Math.min(limit, LIMITS.page);
    const partner = search?.with === undefined ? undefined : { owner: ownerOf(conversation), user: search.with };
    const filter = new Filter(search?.match ?? "", partner);
    const found: Message[] = [];
    const look = (lines: string): boolean => {
      found.push(...filter.find(lines, max - found.length));
      return found.length < max;
    };
    await this.#lookBack(conversation, range, filter.cost, look, search?.goOn);
    return page(found).reverse();
  }

  async partners(account: string, limit: number, { goOn }: Walk): Promise<Partner[]> {
    const found = new Map<string, number>();
    const look = (lines: string): boolean => {
      for (const message of messagesIn(lines).reverse()) {
        const partner = partnerOf(message, account);
        if (!found.has(partner) && found.size < limit) found.set(partner, message.seq);
      }
      return found.size < limit;
    };
    await this.#lookBack(inboxOf(account), {}, PARSING, look, goOn);
    return Array.from(found, ([user, seq]) => ({ user, seq }));
  }

  async head(conversation: string): Promise<number> {
    return this.#runs.head(conversation);
  }

  async positions(account: string): Promise<ReadonlyMap<string, number>> {
    return this.#positions.all(account);
  }

  async copy(to: string, signal: AbortSignal): Promise<void> {
    await copyDatabase(this.#opened, to, signal);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#opened.close();
  }

  /** Walks a conversation back, run by run, as long as `look` wants more; a step for each look at STEP bytes, of which one costs
   *  `cost` times as much as a look for a word. */
  async #lookBack(
    conversation: string,
    { after = 0, before = Number.MAX_SAFE_INTEGER }: Range,
    cost: number,
    look: (lines: string) => boolean,
    goOn: Walk["goOn"] = () => Promise.resolve(true),
  ): Promise<void> {
    let next = before;
    while (next > after + 1 && (await goOn()) && !this.#isClosed) {
      let left = STEP;
      for (const run of this.#runs.before(conversation, next)) {
        const lines = run.lines.subarray(offsetOf(run, after + 1), offsetOf(run, next));
        if (!look(lines.toString("utf8"))) return;
        next = run.first;
        left -= lines.length * cost;
        if (left < 0 || next <= after + 1) break;
      }
      if (left >= 0) return;
    }
  }

  /** The ids of runs that are not in the index are in their lines only: a batch whose ids go to many places of that table would take
   *  a third longer. */
  #learnIds(): void {
    for (const run of this.#runs.recent())
      for (const message of messagesOf(run)) {
        if (answeredIn(message) !== run.conversation || message.id.startsWith(OWN)) continue;
        const slot = this.#ids.find(run.conversation, message.from, message.id);
        if (!slot.isTaken) this.#ids.take(slot, message.seq);
      }
    this.#areIdsKnown = true;
  }

  // ---- one draft of a batch ----

  #store(draft: Draft, at: number): Outcome {
    const { to, from, id } = draft;
    const own = answeredIn(draft);
    const slot = id === undefined ? undefined : this.#ids.find(own, from, id);
    if (slot?.isTaken) {
      const known = this.#find(own, from, id!, slot.row.seq);
      return known.text === draft.text && known.to === to ? { repeated: known } : { refused: { code: "id_reused" } };
    }
    if (!isRoom(to) && this.#isInboxFull(to)) return { refused: { code: "inbox_full" } };
    const seq = this.#runs.head(own) + 1;
    if (slot !== undefined) this.#ids.take(slot, seq);
    const copy = this.#add(draft, own, seq, id ?? `${OWN}${seq}`, at);
    if (isRoom(to) || to === from) return { stored: [copy] };
    const theirs = inboxOf(to);
    return { stored: [copy, this.#add(draft, theirs, this.#runs.head(theirs) + 1, copy.message.id, at)] };
  }

  #add({ to, from, text, cut }: Draft, conversation: string, seq: number, id: string, at: number): Copy {
    const message: Message = { type: "message", to, seq, from, id, at, text };
    if (cut !== undefined) message.cut = cut;
    const line = encode(message);
    this.#runs.add(conversation, seq, line);
    return { conversation, message, line };
  }

  /** Whether more is unconfirmed than an inbox may hold. While the whole inbox is smaller, what is confirmed need not be read. */
  #isInboxFull(account: string): boolean {
    const last = this.#runs.head(inboxOf(account));
    return last >= LIMITS.inbox && last - this.#positions.of(account, inboxOf(account)) >= LIMITS.inbox;
  }

  /** The message with an id that is taken; it is among those that follow the first one of the id's row. */
  #find(conversation: string, from: string, id: string, seq: number): Message {
    const spelled = JSON.stringify(id);
    for (const run of this.#runs.after(conversation, seq - 1)) {
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

/** The first of these messages, up to a page's size in characters, but one at least. */
function page(messages: readonly Message[]): Message[] {
  let room: number = LIMITS.pageBytes;
  const end = messages.findIndex(({ text }, i) => (room -= text.length) < 0 && i > 0);
  return messages.slice(0, end < 0 ? messages.length : end);
}
