// database.ts: chat.db as a file: opened, locked, checked, converted if it is of an older version. What is written into it is
// history.ts's business.

import { Database, type SQLiteError } from "bun:sqlite";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  writeSync,
} from "node:fs";
import { damaged, databaseFault, fault } from "./faults.ts";
import { convert } from "./migration.ts";
import { checkLines } from "./runs.ts";
import { canBeSaid, EPOCH, FOLLOWERS, FORMATS, HOSTING, SCHEMA, SCHEMA_VERSION } from "./schema.ts";

/** Another program holds the file. */
export class InUse extends Error {}

/** A database that nobody else can use, as long as it is open. */
export interface Locked {
  readonly db: Database;
  /** A descriptor of the file to copy it by, and to overwrite what is no part of it. It stays open as long as the database: closing any descriptor of a file takes the
   *  process's locks on it away (POSIX). */
  readonly fd: number;
  /** `SCHEMA_VERSION` or an older one; 0 while it is empty. */
  readonly format: number;
  close(): void;
}
export interface Opened extends Locked {
  readonly epoch: string;
}

export const CHECKPOINT = 4000; // pages of the write-ahead log, 16 MB: fewer checkpoints, p99 of an append 0.6 instead of 2 ms
const FRAME = 4096 + 24; // bytes of a page in the write-ahead log
/** Bytes of a file that is always checked. A larger one is checked when it was not closed by its server: that takes about
 *  0.2 s for a million messages. */
const SMALL = 8 * 1024 * 1024;

/** Opens (or makes) the database in `file` and locks it; one of an older version is converted first, `report` is told how far.
 *  Throws an Error (`InUse`, if it is) whose message is one sentence for people when the file is in use, damaged, of another program or
 *  a newer Banter, or cannot be opened; changes nothing then. */
export function openDatabase(file: string, report: (progress: string) => void): Opened {
  let locked: Locked | undefined;
  try {
    locked = lockDatabase(file);
    if (locked.format > 0 && locked.format < SCHEMA_VERSION) {
      convert(locked.db, locked.close, file, report);
      locked = lockDatabase(file);
    }
    const { db } = locked;
    db.run("pragma journal_mode = wal");
    db.run("pragma synchronous = full"); // a commit returns after its fsync
    db.run("pragma fullfsync = on"); // on macOS, where fsync alone leaves the disk's own cache unwritten; no effect elsewhere
    db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
    db.run("pragma secure_delete = on");
    db.run("begin exclusive");
    if (locked.format === 0) db.run(SCHEMA);
    db.run(HOSTING);
    db.run(FOLLOWERS);
    const epoch = takeEpoch(db);
    db.run("commit");
    extendLog(`${file}-wal`);
    return { ...locked, epoch };
  } catch (problem) {
    locked?.close();
    throw asSentence(problem, file);
  }
}

/** Opens (or makes) the database in `file` and locks it, of whichever version it is; changes nothing in it. Throws as `openDatabase`
 *  does. */
export function lockDatabase(file: string): Locked {
  let db: Database | undefined;
  let fd: number | undefined;
  const close = (): void => {
    db?.close();
    if (fd !== undefined) closeSync(fd);
  };
  try {
    fd = openPrivate(file);
    checkHeader(fd, file);
    const wasClosed = isEmpty(`${file}-wal`); // SQLite removes it when a database is closed
    db = new Database(file, { create: true, strict: true });
    db.run("pragma locking_mode = exclusive"); // the lock on the data folder, and 15 % faster: no shared memory file
    db.run("pragma cache_size = -32768"); // KiB: a hundred inboxes written at once do not fit the default of 2 MB
    const format = formatOf(db, file);
    if (format > 0 && !(wasClosed && format === SCHEMA_VERSION && fstatSync(fd).size > SMALL)) checkPages(db, file);
    db.run("begin exclusive; commit"); // takes the lock
    checkInode(fd, file);
    return { db, fd, format, close };
  } catch (problem) {
    close();
    throw asSentence(problem, file);
  }
}

function asSentence(problem: unknown, file: string): Error {
  const { code, message } = problem as SQLiteError;
  if (!code?.startsWith("SQLITE_")) return problem as Error; // it is a sentence
  if (code.startsWith("SQLITE_BUSY")) return inUse(file);
  return /^SQLITE_(CORRUPT|NOTADB)/.test(code) ? damaged(file, message) : databaseFault(file, problem);
}
const inUse = (file: string) =>
  new InUse(`${file} is in use by another Banter server. Stop that one first, or choose another --data folder.`);
const foreign = (file: string) =>
  new Error(`${file} holds no messages of Banter: another program made it. Choose another --data folder.`);

/** Private from the start, and its -wal with it. */
function openPrivate(file: string): number {
  try {
    return openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (problem) {
    throw fault("open", file, problem);
  }
}

function isEmpty(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** Refuses what the first bytes tell, before SQLite has the file: it would write into it what a program that was killed has left in
 *  the write-ahead log (https://sqlite.org/fileformat2.html#the_database_header). */
function checkHeader(fd: number, file: string): void {
  const header = Buffer.alloc(64);
  if (readSync(fd, header, 0, header.length, 0) === 0) return; // it is new
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw damaged(file, "it does not begin as a database");
  checkVersion(header.readInt32BE(60), file);
  const size = header.readUInt16BE(16) * header.readUInt32BE(28); // of a page, and how many
  if (fstatSync(fd).size < size) throw damaged(file, "its end is missing");
}

function checkVersion(version: number, file: string): void {
  if (version > SCHEMA_VERSION)
    throw new Error(
      `${file} was made by a newer Banter (format ${version}; this one knows ${SCHEMA_VERSION}). Run that one, or choose another --data folder.`,
    );
}

/** The file's format, 0 if nothing is in it yet. Throws when something else is, or an index of ours is missing; reads only. */
function formatOf(db: Database, file: string): number {
  const version = db.query<{ user_version: number }, []>("pragma user_version").get()!.user_version;
  checkVersion(version, file);
  if (version === 0 && db.query("select 1 from sqlite_schema").get() === null) return 0;
  const format = FORMATS[version];
  if (!format?.tables.every((sql) => canBeSaid(db, sql))) throw foreign(file);
  for (const [name, sql] of Object.entries(format.indexes))
    if (!canBeSaid(db, sql)) throw damaged(file, `its index "${name}" is missing`);
  return version;
}

/** Reads a whole database of ours, and throws when a page of it is damaged, or what was said is not what was written. */
export function checkPages(db: Database, file: string): void {
  try {
    const verdict = db.query<{ quick_check: string }, []>("pragma quick_check(1)").get()!.quick_check;
    if (verdict !== "ok") throw damaged(file, verdict.replaceAll(/\s+/g, " "));
    if (formatOf(db, file) === SCHEMA_VERSION) checkLines(db, file);
  } catch (problem) {
    throw asSentence(problem, file);
  }
}

/** The file that was opened can have been replaced by a converted one before it was locked. */
function checkInode(fd: number, file: string): void {
  const now = statSync(file, { throwIfNoEntry: false });
  if (process.platform !== "win32" && fstatSync(fd).ino !== now?.ino) throw inUse(file);
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

/** Leaves nothing in the write-ahead log: all of it is written back. */
export function clearLog(db: Database, file: string): void {
  const { busy } = db.query<{ busy: number }, []>("pragma wal_checkpoint(truncate)").get()!;
  extendLog(`${file}-wal`);
  if (busy !== 0) throw new Error("its log could not be written back");
}

/** Gives the write-ahead log its full size at once: to sync what is written over takes half as long as what makes a file longer. What
 *  lies behind its last frame is no frame to SQLite, as after every checkpoint. */
function extendLog(log: string): void {
  let fd: number | undefined;
  let size: number | undefined;
  try {
    fd = openSync(log, "r+");
    size = fstatSync(fd).size;
    const zeros = Buffer.alloc(1024 * 1024);
    for (let at = size; at < CHECKPOINT * FRAME; at += zeros.length) writeSync(fd, zeros, 0, zeros.length, at);
    fsyncSync(fd);
  } catch {
    if (size !== undefined) ftruncateSync(fd!, size); // the disk is full: the log grows as it is needed
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
