// history.ts: what was said. One table of messages in chat.db (SQLite); a batch is appended in one transaction and is on
// disk when `append` resolves. Never delivers anything and knows nobody's connection. Called by rooms.ts.

import { Database, type SQLiteError } from "bun:sqlite";
import { closeSync, openSync, read } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import type { ErrorCode, Message } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { answeredIn, inboxOf } from "./conversations.ts";
import { isRoom } from "../shared/names.ts";

/** A message before it has a place: `to` is a room or an account, `text` is ready to be stored. */
export interface Draft {
  to: string;
  from: string;
  id: string;
  text: string;
  cut?: number;
}
/** One copy of a stored message. A room's message has one; a direct message one in either inbox ("@alice"). */
export interface Copy {
  conversation: string;
  message: Message;
}
/** What became of a draft: stored; already there, so this is the stored one; or refused. */
export type Outcome = { stored: Copy[] } | { repeated: Message } | { refused: ErrorCode };

export interface History {
  /** Stores drafts in their order and confirms inboxes (account to seq), all in one transaction, durable on return.
   *  Rejects, having stored nothing of it, when the disk cannot take it. */
  append(drafts: readonly Draft[], confirmed?: ReadonlyMap<string, number>): Promise<Outcome[]>;
  /** The messages with `after` < seq ≤ `upTo`, oldest first, at most one page: ask again from the last one. */
  read(conversation: string, after: number, upTo: number): Promise<Message[]>;
  /** The newest `limit` messages with seq < `before`, oldest first; with `match` of those that contain it, ignoring case. */
  newest(conversation: string, limit: number, before?: number, match?: string): Promise<Message[]>;
  /** The highest seq of a conversation, 0 if nothing was said in it. */
  head(conversation: string): Promise<number>;
  /** How far an account has confirmed its inbox. */
  confirmed(account: string): Promise<number>;
  /** Writes all that is stored now into a new file, private and on disk on return, while appends go on; one at a time.
   *  Rejects, with the file half written, when the disk cannot take it or `signal` says stop: before `close` it must. */
  copy(file: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Another program holds the file. */
export class InUse extends Error {}

const SCHEMA_VERSION = 1;
// A direct message is stored in two inboxes; only the copy that answers its sender is looked up again by id.
const ANSWERING = "recipient is null or conversation = '@' || sender";
const SCHEMA = `
  create table messages (
    conversation text not null,    -- "#lab", or "@bob": bob's inbox, which holds what he received and what he sent
    seq integer not null,          -- 1, 2, 3 ... within the conversation, without holes
    sender text not null,
    id text not null,              -- chosen by the sender: a retry with the same id is the same message
    recipient text,                -- of a direct message
    at integer not null,           -- ms since 1970, UTC
    text text not null,
    cut integer                    -- characters cut off, if any
  ) strict;
  create unique index place on messages (conversation, seq);
  create unique index once on messages (conversation, sender, id) where ${ANSWERING};
  create table confirmed (account text primary key, seq integer not null) strict;
  pragma user_version = ${SCHEMA_VERSION};`;

const COLUMNS = "seq, sender, id, recipient, at, text, cut";
/** What a search looks at between two turns of the event loop, in rows and in characters: about 2 ms, at most some 10. */
const SEARCH_STEP = { rows: 2_000, size: 512 * 1024 };
const COPY_STEP = 1024 * 1024; // bytes; also how often a copy is made durable, so that no fsync of an append waits long
const CHECKPOINT = 4000; // pages of the log, 16 MB: fewer checkpoints, p99 of an append 0.6 instead of 2 ms

interface Row {
  seq: number;
  sender: string;
  id: string;
  recipient: string | null;
  at: number;
  text: string;
  cut: number | null;
}

/** Opens (or makes) the history in `file` and locks it: a second server on the same file is refused.
 *  Throws an Error (`InUse`, if it is) whose message is one sentence for people when the file is in use or damaged;
 *  changes nothing then. */
export function openHistory(file: string, now: () => number = Date.now): History {
  const { db, fd } = openDatabase(file);
  let closed = false; // closing twice could close whatever has got the descriptor's number since
  const one = {
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

  const headOf = (conversation: string): number => one.head.get(conversation)?.seq ?? 0;
  const confirmedBy = (account: string): number => one.confirmed.get(account)?.seq ?? 0;

  const store = (draft: Draft, at: number, heads: Map<string, number>): Outcome => {
    const { to, from, id, text, cut } = draft;
    const direct = !isRoom(to);
    const own = answeredIn(draft);
    const known = (): Outcome | undefined => {
      const row = one.known.get(own, from, id);
      if (row === null) return undefined;
      const same = row.text === text && row.recipient === (direct ? to : null);
      return same ? { repeated: toMessage(own, row) } : { refused: "id_reused" };
    };
    const last = (conversation: string): number => {
      const seq = heads.get(conversation) ?? headOf(conversation);
      heads.set(conversation, seq);
      return seq;
    };
    const insert = (conversation: string): Copy | undefined => {
      const seq = last(conversation) + 1;
      const recipient = direct ? to : null;
      if (one.insert.run(conversation, seq, from, id, recipient, at, text, cut ?? null).changes === 0) return undefined;
      heads.set(conversation, seq);
      const message: Message = { type: "message", to, seq, from, id, at, text };
      if (cut !== undefined) message.cut = cut;
      return { conversation, message };
    };

    const theirs = direct && to !== from ? inboxOf(to) : undefined;
    // Looking up how much is confirmed is needless while the whole inbox is smaller than the limit.
    if (direct && last(inboxOf(to)) >= LIMITS.inbox && last(inboxOf(to)) - confirmedBy(to) >= LIMITS.inbox)
      return known() ?? { refused: "inbox_full" };
    const copy = insert(own);
    if (copy === undefined) return known()!;
    return { stored: theirs === undefined ? [copy] : [copy, insert(theirs)!] };
  };

  return {
    async append(drafts, confirmed) {
      const at = now();
      const heads = new Map<string, number>();
      one.begin.run();
      try {
        const outcomes = drafts.map((draft) => store(draft, at, heads));
        for (const [account, seq] of confirmed ?? []) one.confirm.run(account, seq);
        one.commit.run();
        return outcomes;
      } catch (problem) {
        if (db.inTransaction) one.rollback.run();
        throw problem;
      }
    },

    async read(conversation, after, upTo) {
      return page(conversation, one.forward.iterate(conversation, after, upTo, LIMITS.page));
    },

    async newest(conversation, limit, before = Number.MAX_SAFE_INTEGER, match) {
      const most = Math.min(limit, LIMITS.page);
      if (match === undefined) return page(conversation, one.backward.iterate(conversation, before, most)).reverse();
      const needle = match.toLowerCase();
      const found: Row[] = [];
      for (let next = before, more = true; more && found.length < most;) {
        more = false;
        let size = 0;
        for (const row of one.backward.iterate(conversation, next, SEARCH_STEP.rows)) {
          if (row.text.toLowerCase().includes(needle)) found.push(row);
          next = row.seq;
          size += row.text.length;
          more = true;
          if (size >= SEARCH_STEP.size) break;
        }
        await new Promise((resume) => setImmediate(resume));
      }
      return page(conversation, found.slice(0, most)).reverse();
    },

    async head(conversation) {
      return headOf(conversation);
    },

    async confirmed(account) {
      return confirmedBy(account);
    },

    // Between two checkpoints SQLite writes to its log only, so the file itself stands still and can be read at leisure.
    async copy(to, signal) {
      const copy = await open(to, "wx", 0o600);
      try {
        const state = db.query<{ log: number; checkpointed: number }, []>("pragma wal_checkpoint").get()!;
        if (state.log !== state.checkpointed) throw new Error("its log could not be written back");
        db.run("pragma wal_autocheckpoint = 0");
        const chunk = Buffer.allocUnsafe(COPY_STEP);
        for (let at = 0, count; (count = await readAt(fd, chunk, at)) > 0; at += count) {
          await copy.write(chunk, 0, count);
          await copy.datasync();
          signal.throwIfAborted();
        }
        await copy.sync();
      } finally {
        db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
        await copy.close();
      }
    },

    close() {
      if (closed) return;
      closed = true;
      db.close();
      closeSync(fd);
    },
  };
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

/** The database, and a descriptor of its file to copy it by: closing any descriptor of a file takes the process's locks
 *  on it away (POSIX), so this one stays open until the database is closed. */
function openDatabase(file: string): { db: Database; fd: number } {
  let db: Database | undefined;
  let fd: number | undefined;
  try {
    fd = openSync(file, "a+", 0o600); // private from the start, and its -wal with it
    db = new Database(file, { create: true, strict: true });
    db.run("pragma locking_mode = exclusive"); // the lock on the data folder, and 15 % faster: no shared memory file
    const version = db.query<{ user_version: number }, []>("pragma user_version").get()!.user_version;
    if (version > SCHEMA_VERSION) throw new Error("it was made by a newer Banter");
    if (version === 0 && db.query("select 1 from sqlite_schema").get() !== null)
      throw new Error("it holds no messages of Banter");
    db.run("pragma journal_mode = wal");
    db.run("pragma synchronous = full"); // a commit returns after its fdatasync
    db.run("pragma fullfsync = on"); // on macOS, where fsync alone leaves the disk's own cache unwritten; no effect elsewhere
    db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
    db.run("pragma cache_size = -32768"); // KiB: a hundred inboxes written at once do not fit the default of 2 MB
    db.run("begin exclusive");
    if (version === 0) db.run(SCHEMA);
    db.run("commit");
    const verdict = db.query<{ quick_check: string }, []>("pragma quick_check(1)").get()!.quick_check;
    if (verdict !== "ok") throw new Error(verdict.replaceAll(/\s+/g, " "));
    return { db, fd };
  } catch (problem) {
    db?.close();
    if (fd !== undefined) closeSync(fd);
    const { message, code } = problem as SQLiteError;
    if (code?.startsWith("SQLITE_BUSY"))
      throw new InUse(
        `${file} is in use by another Banter server. Stop that one first, or choose another --data folder.`,
      );
    if (code?.startsWith("SQLITE_CANTOPEN") || code?.startsWith("SQLITE_READONLY"))
      throw new Error(
        `Cannot open ${file}: ${message}. Check the folder and its owner, or choose another --data folder.`,
      );
    throw new Error(`${file} is damaged (${message}). Restore a copy.`);
  }
}
