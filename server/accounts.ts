// accounts.ts: users.json. Accounts by name, each with a password hash; read whole, replaced whole, and shared with whoever
// else edits the file: `bun users.ts` beside a running server, or a person with an editor. Never sees a password.

import { existsSync, readFileSync, statSync } from "node:fs";
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { foldName } from "../shared/names.ts";

export interface Account {
  password: string; // an argon2id hash in PHC form
}

const LOCK_WAIT = 20; // ms between two tries for the lock
const LOCK_STALE = 5_000; // ms; a change takes a few, so a program that holds it longer was killed

/** One account as it will be; `undefined` removes it. `known`: whether the name has to exist before, or must not. */
interface Change {
  name: string;
  account: Account | undefined;
  known: boolean;
}
type Changes = ReadonlyMap<string, Account | undefined>;

/** The text of the file without its end: a line for each account, most of them as slices of bytes already. */
interface Text {
  slices: readonly Uint8Array[];
  tail: readonly string[]; // fewer than SLICE
}

const SLICE = 1_000; // accounts serialised before the event loop goes on, about half a millisecond
const SLICES_AT_ONCE = 500; // of one system call, which takes 1,024 at most

export class Accounts {
  readonly file: string;
  /** How often accounts may have been replaced or removed: here, or in a version of the file that somebody else wrote. */
  revision = 0;
  #accounts: Map<string, Account>;
  #text: Text | undefined; // of `#accounts`, once it was made: a new account then costs its own line only
  #version: string; // of the file as we know it
  #damaged = ""; // the version that was reported as damaged
  #waiting: { change: Change; resolve: (applied: boolean) => void; reject: (problem: unknown) => void }[] = [];
  #writing = false;

  /** Reads the file; an absent one holds no accounts. Throws an Error that says in one sentence what is wrong with it. */
  constructor(file: string) {
    this.file = file;
    this.#version = versionOf(file);
    this.#accounts = read(file);
  }

  get(name: string): Account | undefined {
    return this.#accounts.get(name);
  }
  has(name: string): boolean {
    return this.#accounts.has(name);
  }
  names(): string[] {
    return [...this.#accounts.keys()];
  }

  /** Adds an account; false if the name is taken. Resolves when it is safe on disk. */
  add(name: string, account: Account): Promise<boolean> {
    return this.#change({ name, account, known: false });
  }
  /** Replaces an account; false if there is none. */
  replace(name: string, account: Account): Promise<boolean> {
    return this.#change({ name, account, known: true });
  }
  /** Removes an account; false if there is none. */
  remove(name: string): Promise<boolean> {
    return this.#change({ name, account: undefined, known: true });
  }

  /** Picks up what somebody else wrote. True if there was something. Throws about a damaged file, once, and goes on with
   *  the accounts as they were; until it is mended nothing is written over it. */
  refresh(): boolean {
    const version = versionOf(this.file);
    if (this.#writing || version === this.#version || version === this.#damaged) return false;
    this.#damaged = version;
    this.#read(version);
    return true;
  }

  #read(version: string): void {
    this.#accounts = read(this.file);
    this.#text = undefined;
    this.#version = version;
    this.revision++;
  }

  #change(change: Change): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      if (!this.#writing) void this.#write();
    });
  }

  /** Writes as long as changes wait; those that came while one write was under way share the next. */
  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        const applied = await this.#apply(batch.map(({ change }) => change));
        for (const [i, { resolve }] of batch.entries()) resolve(applied[i]!);
      } catch (problem) {
        for (const { reject } of batch) reject(problem);
      }
    }
    this.#writing = false;
  }

  /** Applies changes in their order to what is in the file now, under the lock; returns which of them applied. */
  async #apply(wanted: readonly Change[]): Promise<boolean[]> {
    const unlock = await lock(`${this.file}.lock`);
    try {
      const version = versionOf(this.file);
      if (version !== this.#version) this.#read(version);
      const changes = new Map<string, Account | undefined>();
      const has = (name: string) => (changes.has(name) ? changes.get(name) !== undefined : this.has(name));
      const applied = wanted.map(({ name, account, known }) => {
        if (has(name) !== known) return false;
        changes.set(name, account);
        return true;
      });
      if (changes.size > 0) await this.#store(changes);
      return applied;
    } finally {
      await unlock();
    }
  }

  /** Writes changes to disk, and only then into memory. */
  async #store(changes: Changes): Promise<void> {
    const isOnlyNew = changes.keys().every((name) => !this.#accounts.has(name));
    const text =
      this.#text !== undefined && isOnlyNew
        ? await appendLines(this.#text, merged(new Map(), changes))
        : await appendLines({ slices: [], tail: [] }, merged(this.#accounts, changes));
    await replaceFile(this.file, text);
    this.#text = text;
    this.#version = versionOf(this.file);
    if (!isOnlyNew) this.revision++;
    for (const [name, account] of changes)
      if (account === undefined) this.#accounts.delete(name);
      else this.#accounts.set(name, account);
  }
}

/** What tells one state of the file from another without reading it. */
function versionOf(file: string): string {
  const { ino, size, mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
  return `${ino} ${size} ${mtimeMs}`;
}

function read(file: string): Map<string, Account> {
  if (!existsSync(file)) return new Map();
  const damaged = (why: string) => new Error(`${file} is damaged (${why}). Restore a copy, or mend it by hand.`);
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, "utf8"));
  } catch (problem) {
    throw damaged(problem instanceof Error ? problem.message : "not JSON");
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw damaged("not a JSON object");
  const accounts = new Map<string, Account>();
  for (const [name, account] of Object.entries(data)) {
    if (foldName(name) !== name) throw damaged(`${JSON.stringify(name.slice(0, 40))} cannot be a name`);
    if (typeof account?.password !== "string") throw damaged(`${name} has no password hash`);
    accounts.set(name, { password: account.password });
  }
  return accounts;
}

/** A text with more accounts, one a line, so that a person can read, compare and edit it. Serialised in slices, between which
 *  the event loop goes on: a hundred thousand accounts at once would block it for 60 ms. They must not change meanwhile. */
async function appendLines(text: Text, accounts: Iterable<[string, Account]>): Promise<Text> {
  const slices = [...text.slices];
  let tail = [...text.tail];
  for (const [name, account] of accounts) {
    const lead = slices.length + tail.length === 0 ? "{\n" : ",\n";
    tail.push(`${lead}  ${JSON.stringify(name)}: ${JSON.stringify(account)}`);
    if (tail.length < SLICE) continue;
    slices.push(Buffer.from(tail.join("")));
    tail = [];
    await new Promise((resume) => setImmediate(resume));
  }
  return { slices, tail };
}

/** The accounts as they will be: each in its place, new ones last. */
function* merged(accounts: ReadonlyMap<string, Account>, changes: Changes): Generator<[string, Account]> {
  for (const [name, old] of accounts) {
    const account = changes.has(name) ? changes.get(name) : old;
    if (account !== undefined) yield [name, account];
  }
  for (const [name, account] of changes) if (account !== undefined && !accounts.has(name)) yield [name, account];
}

/** Replaces a file as a whole: after a crash it is the old one or the new one, and on disk when this resolves. */
async function replaceFile(file: string, text: Text): Promise<void> {
  const temporary = `${file}.tmp`;
  try {
    const handle = await open(temporary, "w", 0o600);
    try {
      await write(handle, text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (problem) {
    await unlink(temporary).catch(() => {});
    throw problem;
  }
  if (process.platform === "win32") return; // a folder cannot be opened there, and needs no fsync
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function write(handle: FileHandle, { slices, tail }: Text): Promise<void> {
  const end = slices.length + tail.length === 0 ? "{}\n" : "\n}\n";
  const parts = [...slices, Buffer.from(tail.join("") + end)];
  for (let i = 0; i < parts.length; i += SLICES_AT_ONCE) {
    const some = parts.slice(i, i + SLICES_AT_ONCE);
    const { bytesWritten } = await handle.writev(some);
    if (bytesWritten < some.reduce((sum, { length }) => sum + length, 0)) throw new Error("the disk is full");
  }
}

/** Takes the lock file that every writer takes; resolves with how to give it back. A stale one, of a program that was killed, is
 *  removed. */
async function lock(path: string): Promise<() => Promise<void>> {
  for (;;) {
    try {
      await (await open(path, "wx", 0o600)).close();
      return () => unlink(path).catch(() => {});
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code !== "EEXIST")
        throw new Error(`Cannot write beside ${basename(path, ".lock")}: ${(problem as Error).message}`);
    }
    const held = await stat(path).catch(() => undefined);
    if (held !== undefined && Date.now() - held.mtimeMs > LOCK_STALE) await unlink(path).catch(() => {});
    else await Bun.sleep(LOCK_WAIT);
  }
}
