// log.ts: one line an event, to the console and to log/app.log, as `2024-11-04 11:40:11,590 - INFO - Server listening`.
// Holds no message text and no secret: callers name events, never contents. Never throws and never waits: a full disk
// or a closed pipe costs log lines, not the chat.

import { closeSync, existsSync, fstatSync, mkdirSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fault } from "./faults.ts";

const MAX_BYTES = 10 * 1024 * 1024; // of one file; then it becomes app.log.1, and so on
const CLOSED = -1;
const LOOK = 1_000; // ms between two looks whether the file is still there: one takes as long as writing a line
const MAX_FILES = 5; // app.log and four older ones: a full log folder is 50 MiB

export const LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface Log {
  debug(event: string): void;
  info(event: string): void;
  warning(event: string): void;
  /** `problem` adds what was thrown and where, on the same line. */
  error(event: string, problem?: unknown): void;
  /** Opens the file anew, after somebody has moved it away. */
  reopen(): void;
  close(): void;
}

/** Opens the log. `file`: its path, folders are made. `console`: where each line goes as well. Throws a sentence for people when it
 *  cannot. */
export function openLog(options: {
  file: string;
  level?: Level;
  console?: ((line: string) => void) | undefined;
  now?: () => number; // ms since 1970
  maxBytes?: number;
}): Log {
  const { file, level = "info", console, now = Date.now, maxBytes = MAX_BYTES } = options;
  const least = LEVELS.indexOf(level);
  let fd = CLOSED;
  let size = 0;
  let inode = 0;
  let looked = 0; // ms, when `file` was last looked at

  const open = (): void => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const next = openSync(file, "a", 0o600);
    if (fd !== CLOSED) closeSync(fd);
    fd = next;
    ({ size, ino: inode } = fstatSync(fd));
  };
  /** Moves each file one place on, from the first place that is free: that is behind the last file, unless this was interrupted or
   *  a file was removed. So only the oldest is ever overwritten, wherever this fails or the program is killed. */
  const rotate = (): void => {
    let place = 1;
    while (place < MAX_FILES - 1 && existsSync(`${file}.${place}`)) place++;
    for (; place > 1; place--) renameSync(`${file}.${place - 1}`, `${file}.${place}`);
    renameSync(file, `${file}.1`);
    open();
  };
  /** Now and then before a line: the descriptor is that of `file`, also after somebody has removed it, or it could not be opened anew. */
  const settle = (): void => {
    if (statSync(file, { throwIfNoEntry: false })?.ino !== inode) open();
    if (size >= maxBytes) rotate();
  };
  try {
    open();
  } catch (problem) {
    throw fault("write", file, problem);
  }
  const write = (of: Level, event: string): void => {
    if (LEVELS.indexOf(of) < least) return;
    const time = now();
    const line = `${stamp(time)} - ${of.toUpperCase()} - ${oneLine(event)}\n`;
    if (fd !== CLOSED) {
      if (size >= maxBytes || Math.abs(time - looked) >= LOOK) {
        looked = time;
        attempt(settle);
      }
      attempt(() => (size += writeSync(fd, line)));
    }
    console?.(line); // after the file, so that a line seen on the console is in the file
  };
  return {
    debug: (event) => write("debug", event),
    info: (event) => write("info", event),
    warning: (event) => write("warning", event),
    error: (event, problem) => write("error", problem === undefined ? event : `${event}: ${describe(problem)}`),
    reopen: () => attempt(open),
    close: () => {
      closeSync(fd);
      fd = CLOSED;
    },
  };
}

/** A log that cannot be written, on a full disk or in a folder that is gone, must not stop the chat. */
function attempt(work: () => unknown): void {
  try {
    work();
  } catch {
    // The lines are lost; there is nowhere to say so.
  }
}

/** An exception as one line: what it says and the first place of its stack that is ours. */
function describe(problem: unknown): string {
  if (!(problem instanceof Error)) return String(problem);
  const place = /[ (]((?!bun:|node:)[^\s()]+:\d+):\d+\)?$/m.exec(
    problem.stack?.replace(problem.message, "") ?? "",
  )?.[1];
  return `${problem.name}: ${problem.message}${place === undefined ? "" : ` at ${basename(place)}`}`;
}

/** Nothing a log line quotes may start another line or drive a terminal. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, " ").slice(0, 1000);
}

/** Local time, as Python's logging writes it. */
function stamp(ms: number): string {
  const date = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return date.toISOString().replace("T", " ").replace("Z", "").replace(".", ",");
}
