// migration.ts: chat.db of 1.0.0, a row a message, as the runs and ids of today. The new file is written beside the old one, which is
// whole until the new one takes its place: who is killed meanwhile begins again at the next start.

import { Database } from "bun:sqlite";
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Message } from "../protocol.ts";
import { encode } from "../protocol.ts";
import { answeredIn, inboxOf } from "./conversations.ts";
import { syncFolderSync, targetOf } from "./durable.ts";
import { damaged, fault } from "./faults.ts";
import { Ids } from "./ids.ts";
import { Runs } from "./runs.ts";
import { canBeSaid, EPOCH, SCHEMA } from "./schema.ts";

const BATCH = 5_000; // messages between two transactions
const PAUSE = 1_000; // ms between two reports
const HAS_OPEN_RENAME = process.platform !== "win32"; // a file that is open can be replaced

interface Row {
  conversation: string;
  seq: number;
  sender: string;
  id: string;
  recipient: string | null;
  at: number;
  text: string;
  cut: number | null;
}

/** Replaces the file of a database of 1.0.0 by one of today's format; `close` closes the old one, for which it holds the lock. `report`
 *  is told once a second how far it is, and at the end. Throws a sentence for people when it cannot, with the old file as it was, and
 *  not closed. */
export function convert(old: Database, close: () => void, file: string, report: (progress: string) => void): void {
  const target = targetOf(file);
  const unfinished = `${target}.converted`;
  const { count } = old.query<{ count: number }, []>("select count(*) as count from messages").get()!;
  try {
    for (const name of [unfinished, `${unfinished}-journal`]) rmSync(name, { force: true });
    closeSync(openSync(unfinished, "wx", 0o600));
    const db = new Database(unfinished, { readwrite: true, strict: true });
    try {
      fill(db, old, file, count, report);
    } finally {
      db.close();
    }
    syncFile(unfinished);
    // No log of the old file may be left: SQLite would write it into the new one.
    old.run("pragma journal_mode = delete");
    // Whoever opens the old file before it is replaced finds it locked, or not there any more.
    if (!HAS_OPEN_RENAME) close();
    renameSync(unfinished, target);
    syncFolderSync(dirname(target));
  } catch (problem) {
    rmSync(unfinished, { force: true });
    throw (problem as { code?: string }).code === undefined ? problem : fault("write", unfinished, problem);
  }
  if (HAS_OPEN_RENAME) close();
  report(`Converted ${file}: ${count.toLocaleString("en")} messages are in the format of this version.`);
}

/** The rows of a database of 1.0.0 into an empty one. */
function fill(db: Database, old: Database, file: string, count: number, report: (progress: string) => void): void {
  db.run("pragma locking_mode = exclusive");
  db.run("pragma journal_mode = off"); // a file that is not finished is thrown away
  db.run("pragma synchronous = off");
  db.run("pragma secure_delete = on"); // what is removed one day is in no page that is free
  db.run(SCHEMA);
  const runs = new Runs(db, file);
  const ids = new Ids(db);
  let done = 0;
  let reported = performance.now();
  db.run("begin");
  const write = (): void => {
    runs.write();
    ids.write();
    db.run("commit");
    ids.committed();
    db.run("begin");
    if (performance.now() - reported < PAUSE) return;
    reported = performance.now();
    report(`Converting ${file}: ${done.toLocaleString("en")} of ${count.toLocaleString("en")} messages`);
  };
  for (const row of old.query<Row, []>("select * from messages order by conversation, seq").iterate()) {
    const { conversation, seq } = row;
    const message = toMessage(row);
    if (seq !== runs.head(conversation) + 1)
      throw damaged(file, `a message of ${conversation} before ${seq} is missing`);
    if (answeredIn(message) === conversation) ids.take(ids.find(conversation, message.from, message.id), seq);
    runs.add(conversation, seq, encode(message));
    if (++done % BATCH === 0) write();
  }
  write();
  for (const { account, seq } of old.query<{ account: string; seq: number }, []>("select * from confirmed").iterate())
    db.run("insert into seen values (?, ?, ?)", [account, inboxOf(account), seq]);
  if (canBeSaid(old, "select id, is_copy from epoch")) {
    db.run(EPOCH);
    for (const { id, is_copy } of old.query<{ id: string; is_copy: number }, []>("select * from epoch").all())
      db.run("insert into epoch values (?, ?)", [id, is_copy]);
  }
  db.run("commit");
}

function toMessage({ conversation, seq, sender: from, id, recipient, at, text, cut }: Row): Message {
  const message: Message = { type: "message", to: recipient ?? conversation, seq, from, id, at, text };
  if (cut !== null) message.cut = cut;
  return message;
}

function syncFile(file: string): void {
  const fd = openSync(file, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
