// faults.ts: why a file cannot be read or written, as a sentence for people. A file is called damaged only when it was
// read: who is told so puts a copy over it, which is wrong when a permission is missing.

import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { dirname } from "node:path";

const PERMISSION = [
  "permission denied",
  "Check whose it and its folder are (ls -la), and run this program as that account",
] as const;
const FULL = ["the disk is full", "Make room"] as const;
const DESCRIPTORS = ["too many files are open", "Raise the limit (ulimit -n)"] as const;
/** By the code of the system: what happened, and what to do. */
const REASONS: Record<string, readonly [why: string, remedy: string]> = {
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: ["its disk is read-only", "Make it writable, or choose another --data folder"],
  ENOSPC: FULL,
  EDQUOT: FULL,
  SQLITE_FULL: FULL,
  EEXIST: ["there is something else of that name", "Move it away, or choose another --data folder"],
  EISDIR: ["it is a folder", "Move that folder away, or choose another --data folder"],
  ENOENT: ["its folder is not there", "Make that folder, or choose another --data folder"],
  ENOTDIR: ["a part of its path is no folder", "Choose another --data folder"],
  ELOOP: ["its links lead in a circle", "Mend the links"],
  EMFILE: DESCRIPTORS,
  ENFILE: DESCRIPTORS,
};

/** "Cannot read PATH: why. What to do.", as an Error. `problem`: what the system threw; the path is the one it names, if it names one. */
export function fault(deed: "read" | "write" | "open" | "make", file: string, problem: unknown): Error {
  const { code, message, path = file, dest = path } = problem as NodeJS.ErrnoException & { dest?: string };
  const [why, remedy] = REASONS[code ?? ""] ?? [inWords(message), "Check the file and its folder"];
  return new Error(`Cannot ${deed} ${dest}: ${why}. ${remedy}.`);
}

/** What the system says without its abbreviations: "EIO: i/o error, read" is an i/o error. */
function inWords(message: string): string {
  return message.replace(/^E[A-Z\d]+: ([^,]+),.*$/s, "$1");
}

/** The same about a database. SQLite does not tell what the system said, so its folder is asked, where it makes files, and its log. */
export function databaseFault(file: string, problem: unknown): Error {
  try {
    accessSync(dirname(realpathSync(file)), constants.W_OK);
  } catch (refused) {
    return fault("open", file, Object.assign(refused as Error, { path: file }));
  }
  const log = `${file}-wal`;
  try {
    if (existsSync(log)) accessSync(log, constants.R_OK | constants.W_OK);
  } catch (refused) {
    return fault("open", log, refused);
  }
  return fault("open", file, problem);
}

/** What was read from a file cannot be right; in `why` is what. */
export function damaged(file: string, why: string): Error {
  return new Error(`${file} is damaged (${why}). Restore a copy.`);
}
