// history.ts: what was said. A batch is appended to chat.db (SQLite) in one transaction and is on disk when `append` resolves: given
// its places (ledger.ts) and stored as the very lines that are sent. Where lines lie is runs.ts's business, which ids are taken ids.ts's,
// how far somebody has read positions.ts's, what is set settings.ts's and what was removed removals.ts's. Never delivers anything and
// knows nobody's connection.

import type { Database } from "bun:sqlite";
import type { Message, Partner } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { answeredIn, inboxOf, ownerOf, partnerOf } from "./conversations.ts";
import type { Opened } from "./database.ts";
import { copyDatabase } from "./copies.ts";
import { clearLog, openDatabase } from "./database.ts";
import { overwriteUnallocated } from "./erasure.ts";
import { Ids } from "./ids.ts";
import type { Copy, Draft, Judge, Outcome } from "./ledger.ts";
import { Ledger, OWN } from "./ledger.ts";
import { LF, messagesIn, offsetOf } from "./lines.ts";
import type { Position } from "./positions.ts";
import { Positions } from "./positions.ts";
import { Removals } from "./removals.ts";
import { Runs } from "./runs.ts";
import type { Range, Search, Walk } from "./search.ts";
import { Filter, firstPage } from "./search.ts";
import type { StoredSetting } from "./settings.ts";
import { StoredSettings } from "./settings.ts";

export type { Copy, Draft, Judge, Outcome, StoredSetting };

/** Messages of a conversation that follow each other, oldest first, as they are stored and sent: a line each. */
export interface Page {
  lines: Buffer;
  last: number; // seq of the last one; of an empty page, up to where there is nothing
}

export interface History {
  /** Which history this is: another one when it was replaced by an older copy. */
  readonly epoch: string;
  /** Stores drafts in their order, each unless `judge` refuses it, and positions, which never go backwards, all in one transaction,
   *  durable on return. Rejects, having stored nothing of it, when the disk cannot take it. */
  append(drafts: readonly Draft[], positions?: Iterable<Position>, judge?: Judge): Promise<Outcome[]>;
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
  /** The accounts that follow a room and are wanted, sorted, at most `max`, of the first ten thousand. */
  followers(room: string, max: number, isWanted: (account: string) => boolean): Promise<string[]>;
  /** All that is set, by place. */
  settings(): Promise<StoredSetting[]>;
  /** What removed messages of a room said, by seq, as far as it is kept. */
  removed(conversation: string, from: number, through: number): Promise<ReadonlyMap<number, string>>;
  /** The place of a message with this id in a conversation; undefined if it is not there, or the walk may not go on. */
  find(conversation: string, from: string, id: string, walk: Walk): Promise<number | undefined>;
  /** Forgets what removed messages said long enough ago, and leaves no byte of it in the file or its log, nor of messages whose text
   *  is not kept; true if there was something. Appends go on meanwhile. Rejects when the disk cannot take it. */
  erase(): Promise<boolean>;
  /** Writes all that is stored now into a new file, private and on disk on return, while appends go on; one at a time. It
   *  is another history: opened, it has another epoch.
   *  Rejects, with the file half written, when the disk cannot take it or `signal` says stop: before `close` it must. */
  copy(file: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

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
  readonly #settings: StoredSettings;
  readonly #removals: Removals;
  readonly #ledger: Ledger;
  readonly #file: string;
  #isFree: Promise<unknown> = Promise.resolve(); // the file is not copied, and nothing is erased in it
  #areIdsKnown = false; // also those of recent runs
  #isClosed = false;

  constructor(opened: Opened, file: string, now: () => number) {
    this.#opened = opened;
    this.#file = file;
    this.epoch = opened.epoch;
    this.#now = now;
    this.#statements = prepareStatements(opened.db);
    this.#runs = new Runs(opened.db, file);
    this.#ids = new Ids(opened.db);
    this.#positions = new Positions(opened.db);
    this.#settings = new StoredSettings(opened.db);
    this.#removals = new Removals(opened.db, this.#runs);
    this.#ledger = new Ledger({
      runs: this.#runs,
      ids: this.#ids,
      positions: this.#positions,
      settings: this.#settings,
      removals: this.#removals,
    });
  }

  async append(drafts: readonly Draft[], positions: Iterable<Position> = [], judge?: Judge): Promise<Outcome[]> {
    const { begin, commit, rollback } = this.#statements;
    const at = this.#now();
    begin.run();
    try {
      if (!this.#areIdsKnown) this.#learnIds();
      const outcomes = this.#ledger.store(drafts, at, judge);
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
    return firstPage(found).reverse();
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

  async followers(room: string, max: number, isWanted: (account: string) => boolean): Promise<string[]> {
    return this.#positions.followers(room, max, isWanted);
  }

  async settings(): Promise<StoredSetting[]> {
    return this.#settings.all();
  }

  async removed(conversation: string, from: number, through: number): Promise<ReadonlyMap<number, string>> {
    return this.#removals.texts(conversation, from, through);
  }

  async find(conversation: string, from: string, id: string, { goOn }: Walk): Promise<number | undefined> {
    const spelled = JSON.stringify(id);
    let seq: number | undefined;
    const look = (lines: string): boolean => {
      if (lines.includes(spelled))
        seq = messagesIn(lines).find((message) => message.id === id && message.from === from)?.seq;
      return seq === undefined;
    };
    await this.#lookBack(conversation, {}, 1, look, goOn);
    return seq;
  }

  async erase(): Promise<boolean> {
    return this.#whileFree(async () => {
      if (this.#isClosed) return false;
      const removals = this.#removals;
      removals.forget(this.#now());
      const time = removals.traces;
      if (time === 0) return false;
      await overwriteUnallocated(this.#opened, () => !this.#isClosed).catch((problem) => {
        if (!this.#isClosed) throw problem;
      });
      if (this.#isClosed) return false;
      removals.erased(time);
      clearLog(this.#opened.db, this.#file);
      return true;
    });
  }

  async copy(to: string, signal: AbortSignal): Promise<void> {
    await this.#whileFree(() => copyDatabase(this.#opened, to, signal));
  }

  /** A copy is of a file that stands still. */
  #whileFree<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#isFree.then(work);
    this.#isFree = done.catch(() => {});
    return done;
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
}
