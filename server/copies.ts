// copies.ts: a copy of chat.db made while it is written to, and whether one is whole. Where copies go is backups.ts's business.

import { Database } from "bun:sqlite";
import { read } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import type { Locked } from "./database.ts";
import { CHECKPOINT, checkPages } from "./database.ts";
import { canBeSaid } from "./schema.ts";

const STEP = 1024 * 1024; // bytes; also how often a copy is made durable, so that no fsync of an append waits long

/** Writes all that is stored now into a new file, private and on disk when it resolves, while the database is written to; one at a time.
 *  It is another history: opened, it has another epoch. Rejects, with the file half written, when the disk cannot take it or `signal`
 *  says stop. */
export async function copyDatabase({ db, fd }: Locked, to: string, signal: AbortSignal): Promise<void> {
  const copy = await open(to, "wx", 0o600);
  try {
    // Between two checkpoints SQLite writes to its log only, so the file itself stands still and can be read at leisure.
    const state = db.query<{ log: number; checkpointed: number }, []>("pragma wal_checkpoint").get()!;
    if (state.log !== state.checkpointed) throw new Error("its log could not be written back");
    db.run("pragma wal_autocheckpoint = 0");
    const chunk = Buffer.allocUnsafe(STEP);
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
  markCopy(to);
}

async function readAt(fd: number, into: Buffer, position: number): Promise<number> {
  const { bytesRead } = await promisify(read)(fd, into, 0, into.length, position);
  return bytesRead;
}

/** Throws a sentence for people when a copy is damaged; it reads all of it. */
export function checkCopy(file: string): void {
  using copy = openCopy(file);
  checkPages(copy, file);
}

/** Marks a copy of a history, so that its first start takes a new epoch; on disk on return. */
function markCopy(file: string): void {
  using copy = openCopy(file);
  copy.run("pragma synchronous = full");
  if (canBeSaid(copy, "select is_copy from epoch")) copy.run("update epoch set is_copy = 1");
}

function openCopy(file: string): Database {
  const copy = new Database(file, { readwrite: true, strict: true });
  copy.run("pragma locking_mode = exclusive"); // without a file of shared memory
  return copy;
}
