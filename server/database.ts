// database.ts: chat.db as a file: opened, locked, checked, and its schema. What is written into it is history.ts's business.

import { Database, type SQLiteError } from "bun:sqlite";
import { closeSync, openSync, readSync } from "node:fs";
import { databaseFault, fault } from "./faults.ts";

/** Another program holds the file. */
export class InUse extends Error {}

const SCHEMA_VERSION = 1;
// A direct message is stored in two inboxes; only the copy that answers its sender is looked up again by id.
export const ANSWERING = "recipient is null or conversation = '@' || sender";
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

/** A copy of the history becomes another one at its first start: what is said in it from then on has places that the first
 *  history gave to other messages. 1.0.0 opens a file with this table, and makes none. */
const EPOCH = `create table if not exists epoch (
    id text not null,             -- which history this is; clients that remember another one have no place in it
    is_copy integer not null      -- 1: this file is a copy that was not used yet
  ) strict;`;

export const CHECKPOINT = 4000; // pages of the write-ahead log, 16 MB: fewer checkpoints, p99 of an append 0.6 instead of 2 ms

/** Opens (or makes) the database in `file` and locks it; also a descriptor of the file to copy it by, which stays open until
 *  the database is closed: closing any descriptor of a file takes the process's locks on it away (POSIX). Throws an Error
 *  (`InUse`, if it is) whose message is one sentence for people when the file is in use, damaged, of another program or a newer
 *  Banter, or cannot be opened; changes nothing then. */
export function openDatabase(file: string): { db: Database; fd: number; epoch: string } {
  let db: Database | undefined;
  let fd: number | undefined;
  try {
    fd = openPrivate(file);
    checkHeader(fd, file);
    db = new Database(file, { create: true, strict: true });
    db.run("pragma locking_mode = exclusive"); // the lock on the data folder, and 15 % faster: no shared memory file
    db.run("pragma cache_size = -32768"); // KiB: a hundred inboxes written at once do not fit the default of 2 MB
    const isNew = check(db, file) === "new";
    db.run("pragma journal_mode = wal");
    db.run("pragma synchronous = full"); // a commit returns after its fdatasync
    db.run("pragma fullfsync = on"); // on macOS, where fsync alone leaves the disk's own cache unwritten; no effect elsewhere
    db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
    db.run("begin exclusive");
    if (isNew) db.run(SCHEMA);
    const epoch = takeEpoch(db);
    db.run("commit");
    return { db, fd, epoch };
  } catch (problem) {
    db?.close();
    if (fd !== undefined) closeSync(fd);
    throw asSentence(problem, file);
  }
}

function asSentence(problem: unknown, file: string): Error {
  const { code, message } = problem as SQLiteError;
  if (!code?.startsWith("SQLITE_")) return problem as Error; // it is a sentence
  if (code.startsWith("SQLITE_BUSY"))
    return new InUse(
      `${file} is in use by another Banter server. Stop that one first, or choose another --data folder.`,
    );
  return /^SQLITE_(CORRUPT|NOTADB)/.test(code) ? damaged(file, message) : databaseFault(file, problem);
}
const damaged = (file: string, why: string) => new Error(`${file} is damaged (${why}). Restore a copy.`);
const foreign = (file: string) =>
  new Error(`${file} holds no messages of Banter: another program made it. Choose another --data folder.`);

/** Private from the start, and its -wal with it. */
function openPrivate(file: string): number {
  try {
    return openSync(file, "a+", 0o600);
  } catch (problem) {
    throw fault("open", file, problem);
  }
}

/** Refuses what the first bytes tell, before SQLite has the file: it would write into it what a program that was killed has left in
 *  the write-ahead log. */
function checkHeader(fd: number, file: string): void {
  const header = Buffer.alloc(64);
  if (readSync(fd, header, 0, header.length, 0) === 0) return; // it is new
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw damaged(file, "it does not begin as a database");
  checkVersion(header.readInt32BE(60), file);
}

function checkVersion(version: number, file: string): void {
  if (version > SCHEMA_VERSION)
    throw new Error(
      `${file} was made by a newer Banter (format ${version}; this one knows ${SCHEMA_VERSION}). Run that one, or choose another --data folder.`,
    );
}

/** What can be said to tables that are ours, and to the indexes without which a place is given twice or a retry is stored twice. It
 *  is prepared and never run. */
const TABLES = [
  "select conversation, seq, sender, id, recipient, at, text, cut from messages",
  "select account, seq from confirmed",
];
const INDEXES = {
  place: "insert into messages select * from messages where true on conflict (conversation, seq) do nothing",
  once: `insert into messages select * from messages where true
    on conflict (conversation, sender, id) where ${ANSWERING} do nothing`,
};

/** Whether the file holds our messages, whole, or nothing yet; reads only. */
function check(db: Database, file: string): "new" | "ours" {
  const version = db.query<{ user_version: number }, []>("pragma user_version").get()!.user_version;
  checkVersion(version, file);
  if (version === 0 && db.query("select 1 from sqlite_schema").get() === null) return "new";
  if (version < 1 || !TABLES.every((sql) => canBeSaid(db, sql))) throw foreign(file);
  for (const [name, sql] of Object.entries(INDEXES))
    if (!canBeSaid(db, sql)) throw damaged(file, `its index "${name}" is missing`);
  const verdict = db.query<{ quick_check: string }, []>("pragma quick_check(1)").get()!.quick_check;
  if (verdict !== "ok") throw damaged(file, verdict.replaceAll(/\s+/g, " "));
  return "ours";
}

function canBeSaid(db: Database, sql: string): boolean {
  try {
    db.prepare(sql).finalize();
    return true;
  } catch (problem) {
    if ((problem as SQLiteError).code === "SQLITE_ERROR") return false;
    throw problem;
  }
}

/** The epoch of an open history; a new one at the first start of a copy, or of a file of 1.0.0. */
function takeEpoch(db: Database): string {
  db.run(EPOCH);
  const known = db.query<{ id: string; is_copy: number }, []>("select id, is_copy from epoch").get();
  if (known?.is_copy === 0) return known.id;
  const id = crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36).padStart(13, "0");
  db.run("delete from epoch");
  db.run("insert into epoch values (?, 0)", [id]);
  return id;
}

/** Marks a copy of a history, so that its first start takes a new epoch; on disk on return. */
export function markCopy(file: string): void {
  const copy = new Database(file, { readwrite: true, strict: true });
  try {
    copy.run("pragma locking_mode = exclusive");
    copy.run("pragma synchronous = full");
    copy.run("update epoch set is_copy = 1");
  } finally {
    copy.close();
  }
}
