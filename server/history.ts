// history.ts: what was said. One table of messages in chat.db (SQLite); a batch is appended in one transaction and is on
// disk when `append` resolves. Never delivers anything and knows nobody's connection.

import type { Database } from "bun:sqlite";
import { closeSync, read } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import type { ErrorCode, Message } from "../protocol.ts";
import { encode, LIMITS } from "../protocol.ts";
import { answeredIn, inboxOf } from "./conversations.ts";
import { isRoom } from "../shared/names.ts";
import { ANSWERING, CHECKPOINT, markCopy, openDatabase } from "./database.ts";

/** A message before it has a place: `to` is a room or an account, `text` is ready to be stored. */
export interface Draft {
  to: string;
  from: string;
  id: string;
  text: string;
  cut?: number | undefined;
}
/** One copy of a stored message. A room's message has one; a direct message one in either inbox ("@alice"). */
export interface Copy {
  conversation: string;
  message: Message;
  line: string; // the message as it is sent, LF included
}
/** What became of a draft: stored; already there, so this is the stored one; or refused. */
export type Outcome = { stored: Copy[] } | { repeated: Message } | { refused: ErrorCode };

/** What a search looks for, ignoring case, and when it may go on: asked before each step, of some ms; `false` ends it there. */
export interface Search {
  match: string;
  goOn: () => Promise<boolean>;
}

export interface History {
  /** Which history this is: another one when it was replaced by an older copy. */
  readonly epoch: string;
  /** Stores drafts in their order and confirms inboxes (account to seq), all in one transaction, durable on return.
   *  Rejects, having stored nothing of it, when the disk cannot take it. */
  append(drafts: readonly Draft[], confirmed?: ReadonlyMap<string, number>): Promise<Outcome[]>;
  /** The messages with `after` < seq ≤ `upTo`, oldest first, at most one page: ask again from the last one. */
  read(conversation: string, after: number, upTo: number): Promise<Message[]>;
  /** The newest `limit` messages with seq < `before`, oldest first; with `search` of those that it finds. */
  newest(conversation: string, limit: number, before?: number, search?: Search): Promise<Message[]>;
  /** The highest seq of a conversation, 0 if nothing was said in it. */
  head(conversation: string): Promise<number>;
  /** How far an account has confirmed its inbox. */
  confirmed(account: string): Promise<number>;
  /** Writes all that is stored now into a new file, private and on disk on return, while appends go on; one at a time. It
   *  is another history: opened, it has another epoch.
   *  Rejects, with the file half written, when the disk cannot take it or `signal` says stop: before `close` it must. */
  copy(file: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

const COLUMNS = "seq, sender, id, recipient, at, text, cut";
/** What one step of a search reads, in rows and in characters: about 2 ms, at most some 10. */
const SEARCH_STEP = { rows: 2_000, size: 512 * 1024 };
const COPY_STEP = 1024 * 1024; // bytes; also how often a copy is made durable, so that no fsync of an append waits long

interface Row {
  seq: number;
  sender: string;
  id: string;
  recipient: string | null;
  at: number;
  text: string;
  cut: number | null;
}

/** Opens (or makes) the history in `file` and locks it: a second server on the same file is refused. `now` in ms since 1970.
 *  Throws as `openDatabase` does. */
export function openHistory(file: string, now: () => number = Date.now): History {
  const { db, fd, epoch } = openDatabase(file);
  return new SqliteHistory(db, fd, epoch, now);
}

function prepareStatements(db: Database) {
  return {
    begin: db.query("begin immediate"),
    commit: db.query("commit"),
    rollback: db.query("rollback"),
    insert: db.query<unknown, [string, number, string, string, string | null, number, string, number | null]>(
      `insert into messages values (?, ?, ?, ?, ?, ?, ?, ?)
         on conflict (conversation, sender, id) where ${ANSWERING} do nothing`,
    ),
    known: db.query<Row, [string, string, string]>(
      `select ${COLUMNS} from messages where conversation = ? and sender = ? and id = ? and (${ANSWERING})`,
    ),
    head: db.query<{ seq: number | null }, [string]>("select max(seq) as seq from messages where conversation = ?"),
    forward: db.query<Row, [string, number, number, number]>(
      `select ${COLUMNS} from messages where conversation = ? and seq > ? and seq <= ? order by seq limit ?`,
    ),
    backward: db.query<Row, [string, number, number]>(
      `select ${COLUMNS} from messages where conversation = ? and seq < ? order by seq desc limit ?`,
    ),
    confirmed: db.query<{ seq: number }, [string]>("select seq from confirmed where account = ?"),
    confirm: db.query<unknown, [string, number]>(
      "insert into confirmed values (?, ?) on conflict (account) do update set seq = max(seq, excluded.seq)",
    ),
  };
}

class SqliteHistory implements History {
  readonly epoch: string;
  readonly #db: Database;
  readonly #fd: number;
  readonly #now: () => number;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #isClosed = false; // closing twice could close whatever has got the descriptor's number since

  constructor(db: Database, fd: number, epoch: string, now: () => number) {
    this.#db = db;
    this.#fd = fd;
    this.epoch = epoch;
    this.#now = now;
    this.#statements = prepareStatements(db);
  }

  async append(drafts: readonly Draft[], confirmed?: ReadonlyMap<string, number>): Promise<Outcome[]> {
    const { begin, commit, rollback, confirm } = this.#statements;
    const at = this.#now();
    const heads = new Map<string, number>();
    begin.run();
    try {
      const outcomes = drafts.map((draft) => this.#store(draft, at, heads));
      for (const [account, seq] of confirmed ?? []) confirm.run(account, seq);
      commit.run();
      return outcomes;
    } catch (problem) {
      if (this.#db.inTransaction) rollback.run();
      throw problem;
    }
  }

  async read(conversation: string, after: number, upTo: number): Promise<Message[]> {
    return page(conversation, this.#statements.forward.iterate(conversation, after, upTo, LIMITS.page));
  }

  async newest(
    conversation: string,
    limit: number,
    before = Number.MAX_SAFE_INTEGER,
    search?: Search,
  ): Promise<Message[]> {
    const max = Math.min(limit, LIMITS.page);
    const rows =
      search === undefined
        ? this.#statements.backward.iterate(conversation, before, max)
        : await this.#search(conversation, max, before, search);
    return page(conversation, rows).reverse();
  }

  /** The newest `max` rows before a seq that contain a text, newest first; step by step, until it may not go on. */
  async #search(conversation: string, max: number, before: number, { match, goOn }: Search): Promise<Row[]> {
    const needle = match.toLowerCase();
    const found: Row[] = [];
    let next = before;
    let isAtEnd = false;
    while (!isAtEnd && found.length < max && (await goOn()) && !this.#isClosed) {
      isAtEnd = true;
      let size = 0;
      for (const row of this.#statements.backward.iterate(conversation, next, SEARCH_STEP.rows)) {
        if (row.text.toLowerCase().includes(needle)) found.push(row);
        next = row.seq;
        size += row.text.length;
        isAtEnd = false;
        if (size >= SEARCH_STEP.size) break;
      }
    }
    return found.slice(0, max);
  }

  async head(conversation: string): Promise<number> {
    return this.#headOf(conversation);
  }

  async confirmed(account: string): Promise<number> {
    return this.#confirmedBy(account);
  }

  // Between two checkpoints SQLite writes to its log only, so the file itself stands still and can be read at leisure.
  async copy(to: string, signal: AbortSignal): Promise<void> {
    const copy = await open(to, "wx", 0o600);
    try {
      const state = this.#db.query<{ log: number; checkpointed: number }, []>("pragma wal_checkpoint").get()!;
      if (state.log !== state.checkpointed) throw new Error("its log could not be written back");
      this.#db.run("pragma wal_autocheckpoint = 0");
      const chunk = Buffer.allocUnsafe(COPY_STEP);
      for (let at = 0, count; (count = await readAt(this.#fd, chunk, at)) > 0; at += count) {
        await copy.write(chunk, 0, count);
        await copy.datasync();
        signal.throwIfAborted();
      }
      await copy.sync();
    } finally {
      this.#db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
      await copy.close();
    }
    markCopy(to);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#db.close();
    closeSync(this.#fd);
  }

  // ---- one draft of a batch; `heads` are the last seqs of the conversations that the batch has touched ----

  #store(draft: Draft, at: number, heads: Map<string, number>): Outcome {
    const { to, from } = draft;
    const own = answeredIn(draft);
    if (!isRoom(to) && this.#isInboxFull(to, heads)) return this.#known(draft, own) ?? { refused: "inbox_full" };
    const copy = this.#insert(draft, own, at, heads);
    if (copy === undefined) return this.#known(draft, own)!;
    if (isRoom(to) || to === from) return { stored: [copy] };
    return { stored: [copy, this.#insert(draft, inboxOf(to), at, heads)!] };
  }

  /** Whether more is unconfirmed than an inbox may hold. While the whole inbox is smaller, what is confirmed need not be read. */
  #isInboxFull(account: string, heads: Map<string, number>): boolean {
    const last = this.#last(inboxOf(account), heads);
    return last >= LIMITS.inbox && last - this.#confirmedBy(account) >= LIMITS.inbox;
  }

  /** The copy in one conversation; `undefined` if its sender has used this id before. */
  #insert(draft: Draft, conversation: string, at: number, heads: Map<string, number>): Copy | undefined {
    const { to, from, id, text, cut } = draft;
    const seq = this.#last(conversation, heads) + 1;
    const recipient = isRoom(to) ? null : to;
    const { insert } = this.#statements;
    if (insert.run(conversation, seq, from, id, recipient, at, text, cut ?? null).changes === 0) return undefined;
    heads.set(conversation, seq);
    const message: Message = { type: "message", to, seq, from, id, at, text };
    if (cut !== undefined) message.cut = cut;
    return { conversation, message, line: encode(message) };
  }

  /** What is stored already under the id of a draft, if something is. */
  #known({ to, from, id, text }: Draft, own: string): Outcome | undefined {
    const row = this.#statements.known.get(own, from, id);
    if (row === null) return undefined;
    const isSame = row.text === text && row.recipient === (isRoom(to) ? null : to);
    return isSame ? { repeated: toMessage(own, row) } : { refused: "id_reused" };
  }

  #last(conversation: string, heads: Map<string, number>): number {
    const known = heads.get(conversation);
    if (known !== undefined) return known;
    const seq = this.#headOf(conversation);
    heads.set(conversation, seq);
    return seq;
  }

  #headOf(conversation: string): number {
    return this.#statements.head.get(conversation)?.seq ?? 0;
  }
  #confirmedBy(account: string): number {
    return this.#statements.confirmed.get(account)?.seq ?? 0;
  }
}

/** Rows up to a page's size in characters, but one at least. */
function page(conversation: string, rows: Iterable<Row>): Message[] {
  const messages: Message[] = [];
  let size = 0;
  for (const row of rows) {
    size += row.text.length;
    if (messages.length > 0 && size > LIMITS.pageBytes) break;
    messages.push(toMessage(conversation, row));
  }
  return messages;
}

function toMessage(conversation: string, row: Row): Message {
  const { seq, sender: from, id, at, text } = row;
  const message: Message = { type: "message", to: row.recipient ?? conversation, seq, from, id, at, text };
  if (row.cut !== null) message.cut = row.cut;
  return message;
}

async function readAt(fd: number, into: Buffer, position: number): Promise<number> {
  const { bytesRead } = await promisify(read)(fd, into, 0, into.length, position);
  return bytesRead;
}
