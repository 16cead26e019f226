// lock.ts: who may change a file that several programs change: whoever holds the lock beside it. It is a lock of the system, taken by
// way of SQLite, since Bun offers no other: it ends with the program that holds it, so no clock says which is stale, and none is ever
// taken from a program that is alive. Its file is empty, and is there while somebody holds it, or was killed then.

import { constants, Database } from "bun:sqlite";
import { accessSync, closeSync, constants as modes, openSync, unlinkSync } from "node:fs";
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
    accessSync(path, modes.R_OK | modes.W_OK);
    lock = new Database(path, { readwrite: true });
    lock.run("begin exclusive");
    if (!hasMoved(lock)) return lock;
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

/** Whether the file that is locked is not the one of that name any more: whoever held it has given it back. Asked of SQLite, which has
 *  the file open: by its path alone it cannot be told from a later file, which may get the number of one that is gone. */
function hasMoved(lock: Database): boolean {
  const answer = new Int32Array(2); // the least that Bun takes
  lock.fileControl(constants.SQLITE_FCNTL_HAS_MOVED, answer); // not known on Windows, where a file that is open is not removed
  return answer[0] !== 0;
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Windows keeps a file that is open. It does no harm.
  }
}
