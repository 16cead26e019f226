// backups.ts: a copy of everything, made while people chat: whoever puts a file called `backup-now` into the data folder gets
// backup/TIME/ with chat.db, users.json and secret.key, a data folder of its own. A file asks, because files work the same on
// every system, in containers and from cron, and who may write there owns the data anyway. Never deletes an old copy.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { readFile, rename, rm, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "./durable.ts";
import { fault } from "./faults.ts";
import type { History } from "./history.ts";
import type { Log } from "./log.ts";

/** The file that asks for a copy. It is gone when the copy is made, or has failed. */
const REQUEST = "backup-now";
const FOLDER = "backup";
const UNFINISHED = ".tmp"; // ends the name of a copy that is under way, or was when the server was killed
const ANSWER = 100; // ms between two looks whether the server has answered
const PATIENCE = 10_000; // ms a server may take to begin

/** What writes all messages into a new file; a `History` does. */
export type CopiesMessages = Pick<History, "copy">;

/** Copies all that a chat consists of into a new folder inside `data`/backup, private and on disk on return; its path.
 *  The folder appears whole or not at all. Rejects when the disk cannot take it or `signal` says stop. */
export async function makeBackup(
  data: string,
  messages: CopiesMessages,
  now: () => number,
  signal: AbortSignal,
): Promise<string> {
  const time = new Date(now()).toISOString().slice(0, 19).replaceAll(":", "-") + "Z"; // a colon is no part of a name on Windows
  for (const name of copies(data)) if (isUnfinished(name)) await rm(join(data, FOLDER, name), { recursive: true });
  let path = join(data, FOLDER, time);
  for (let more = 2; existsSync(path); more++) path = join(data, FOLDER, `${time}-${more}`);
  const unfinished = path + UNFINISHED;
  try {
    mkdirSync(unfinished, { recursive: true, mode: 0o700 });
    await messages.copy(join(unfinished, "chat.db"), signal);
    // After the messages, so that nobody who said one is missing.
    for (const name of ["users.json", "secret.key"])
      if (existsSync(join(data, name))) await copyPrivate(join(data, name), join(unfinished, name));
    await syncFolder(unfinished);
    await rename(unfinished, path);
  } catch (problem) {
    await rm(unfinished, { recursive: true, force: true }).catch(() => {}); // the next copy removes it
    throw isOfSystem(problem) ? fault("write", unfinished, problem) : problem;
  }
  for (const folder of [join(data, FOLDER), data]) await syncFolder(folder);
  return path;
}

/** Asks the server that holds the data for a copy; its path. Rejects with an Error whose message is a sentence for people. */
export async function requestBackup(data: string): Promise<string> {
  const request = join(data, REQUEST);
  const before = new Set(copies(data));
  await writeFile(request, "", { mode: 0o600 }).catch((problem) => Promise.reject(fault("write", request, problem)));
  const start = Date.now();
  while (existsSync(request)) {
    if (Date.now() - start > PATIENCE && !copies(data).some(isUnfinished)) {
      await unlink(request).catch(() => {});
      throw new Error(`Whoever uses ${join(data, "chat.db")} makes no backup when asked. Is it an older server?`);
    }
    await Bun.sleep(ANSWER);
  }
  const made = copies(data).find((name) => !before.has(name) && !isUnfinished(name));
  if (made === undefined) throw new Error(`The backup failed; ${join(data, "log", "app.log")} says why.`);
  return join(data, FOLDER, made);
}

function isOfSystem(problem: unknown): boolean {
  return typeof (problem as { code?: unknown }).code === "string"; // AbortError's is a number
}

function copies(data: string): string[] {
  try {
    return readdirSync(join(data, FOLDER));
  } catch {
    return []; // there is none yet
  }
}
function isUnfinished(name: string): boolean {
  return name.endsWith(UNFINISHED);
}

async function copyPrivate(from: string, to: string): Promise<void> {
  const bytes = await readFile(from).catch((problem) => Promise.reject(fault("read", from, problem)));
  await writeFile(to, bytes, { mode: 0o600, flush: true });
}

/** A server's side: looks whether a copy is asked for and makes it, one at a time. */
export class Backups {
  readonly #data: string;
  readonly #history: History;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #isDisabled = false; // the request file cannot be removed, so it would be answered again and again

  constructor(data: string, history: History, log: Log, now: () => number) {
    this.#data = data;
    this.#history = history;
    this.#log = log;
    this.#now = now;
  }

  /** Called every second. */
  tick(): void {
    if (this.#running === undefined && !this.#isDisabled && existsSync(join(this.#data, REQUEST)))
      this.#running = this.#run().finally(() => (this.#running = undefined));
  }

  /** Gives up a copy under way; resolves when the history may be closed. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the server stops"));
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const path = await makeBackup(this.#data, this.#history, this.#now, this.#stop.signal);
      this.#log.info(`Backup made: ${path}`);
    } catch (problem) {
      this.#log.error("Cannot make a backup", problem);
    }
    try {
      await unlink(join(this.#data, REQUEST));
    } catch (problem) {
      this.#isDisabled = true;
      this.#log.error("No more backups until the next start", problem);
    }
  }
}
