// lock.ts: who may change a file that several programs change: whoever holds the lock beside it. It is a lock of the system, taken by
// way of SQLite, since Bun offers no other: it ends with the program that holds it, so no clock says which is stale, and none is ever
// taken from a program that is alive. Its file is empty, and is there while somebody holds it, or was killed then.

import { Database } from "bun:sqlite";
import { accessSync, closeSync, constants, openSync, statSync, unlinkSync } from "node:fs";
import { fault } from "./faults.ts";

const WAIT = 10_000; // ms; a change takes a few, on a slow disk some thousand
const AGAIN = 20; // ms between two tries

/** Takes the lock whose file is `path`; resolves with how to give it back. Rejects with a sentence for people when another program
 *  holds it for 10 s, or when there can be no such file. `elapsed`: ms on a clock that never jumps. */
export async function takeLock(path: string, elapsed: () => number): Promise<() => void> {
  const start = elapsed();
  for (;;) {
    const lock = tryLock(path);
    if (lock !== undefined)
      return () => {
        remove(path); // before it is free: who waits for this file then sees that it is not the one any more
        lock.close();
      };
    if (elapsed() - start >= WAIT)
      throw new Error(
        `Another program has held ${path} for ${WAIT / 1000} seconds. Nothing was changed. Try again, or end that program.`,
      );
    await Bun.sleep(AGAIN);
  }
}

// Somebody holds it, or has just given it back: its file is gone.
const NOT_NOW = ["SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_IOERR_FSTAT", "ENOENT"];

/** Undefined when it cannot be had now. */
function tryLock(path: string): Database | undefined {
  make(path);
  let lock: Database | undefined;
  try {
    const file = idOf(path);
    accessSync(path, constants.R_OK | constants.W_OK);
    lock = new Database(path, { readwrite: true });
    lock.run("begin exclusive");
    if (file === idOf(path)) return lock;
  } catch (problem) {
    if (!NOT_NOW.includes((problem as { code?: string }).code!)) throw fault("open", path, problem);
  }
  lock?.close();
  return undefined;
}

/** A file that is there is not opened: to close it would take away a lock that this program has on it (POSIX). */
function make(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== "EEXIST") throw fault("write", path, problem);
  }
}

function idOf(path: string): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats && `${stats.dev} ${stats.ino}`;
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Windows keeps a file that is open. It does no harm.
  }
}
