// log.ts: one line an event, to the console and to log/app.log, as `2024-11-04 11:40:11,590 - INFO - Server listening`.
// Holds no message text and no secret: callers name events, never contents. Never throws and never waits: a full disk
// or a closed pipe costs log lines, not the chat. Called by server, session and web.

import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { basename, dirname } from "node:path";

export const LEVELS = ["debug", "info", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

export interface Log {
  debug(event: string): void;
  info(event: string): void;
  warning(event: string): void;
  /** `problem` adds what was thrown and where, on the same line. */
  error(event: string, problem?: unknown): void;
  close(): void;
}

/** Opens the log. `file`: its path, folders are made. `console`: where each line goes as well. */
export function openLog(options: {
  file: string;
  level?: Level;
  console?: (line: string) => void;
  now?: () => number;
}): Log {
  const { file, level = "info", console, now = Date.now } = options;
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(file, "a", 0o600);
  const least = LEVELS.indexOf(level);

  const write = (of: Level, event: string): void => {
    if (LEVELS.indexOf(of) < least) return;
    const line = `${stamp(now())} - ${of.toUpperCase()} - ${oneLine(event)}\n`;
    console?.(line);
    try {
      writeSync(fd, line);
    } catch {
      // A full disk must not stop the chat.
    }
  };
  return {
    debug: (event) => write("debug", event),
    info: (event) => write("info", event),
    warning: (event) => write("warning", event),
    error: (event, problem) => write("error", problem === undefined ? event : `${event}: ${describe(problem)}`),
    close: () => closeSync(fd),
  };
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
