// accounts.ts: users.json. Accounts by name, each with a password hash, and names that were removed; read whole, replaced whole, and
// shared with whoever else edits the file: `bun users.ts` beside a running server, or a person with an editor. What it does not know
// of an account it keeps. Never sees a password.

import { readFileSync, type Stats, statSync } from "node:fs";
import { replaceFile, targetOf } from "./durable.ts";
import { fault } from "./faults.ts";
import { takeLock } from "./lock.ts";
import type { Account, Registry, Role } from "./registry.ts";
import { foldName } from "../shared/names.ts";

/** What stays of an account that was removed: its name is nobody else's, for its messages stay too. */
interface Retired {
  readonly removed: string; // when, ISO 8601
  readonly [field: string]: unknown;
}
type Entry = Account | Retired;
type State = "unknown" | "living" | "retired";

/** What a name's entry becomes, if it is in the state `from`. */
interface Change {
  name: string;
  from: State;
  to: (old: Entry | undefined) => Entry;
}
type Entries = ReadonlyMap<string, Entry>;

/** The text of the file without its end: a line for each account, most of them as slices of bytes already. */
interface Text {
  slices: readonly Uint8Array[];
  tail: readonly string[]; // fewer than SLICE
}

const GONE = "ENOENT"; // the version of a file that is not there
const SLICE = 1_000; // accounts serialised before the event loop goes on, about half a millisecond

export class Accounts implements Registry {
  readonly file: string;
  /** How often accounts may have been replaced or removed: here, or in a version of the file that somebody else wrote. */
  revision = 0;
  readonly #elapsed: () => number;
  #entries: Map<string, Entry> = new Map();
  readonly #hosts = new Set<string>(); // among the entries
  #text: Text | undefined; // of `#entries`, once it was made: a new account then costs its own line only
  #version: string; // of the file as we know it
  #reported: string | undefined; // the version that `refresh` has thrown about
  #waiting: { change: Change; resolve: (applied: boolean) => void; reject: (problem: unknown) => void }[] = [];
  #writing = false;

  /** Reads the file; an absent one holds no accounts. `elapsed`: ms on a clock that never jumps. Throws an Error that says in one
   *  sentence what is wrong with the file. */
  constructor(file: string, elapsed: () => number = () => performance.now()) {
    this.file = file;
    this.#elapsed = elapsed;
    this.#version = versionOf(file);
    this.#take(read(file));
  }

  #living(name: string): Account | undefined {
    const entry = this.#entries.get(name);
    return entry !== undefined && isLiving(entry) ? entry : undefined;
  }
  has(name: string): boolean {
    return this.#living(name) !== undefined;
  }
  mayExist(name: string): boolean {
    return this.has(name);
  }
  async get(name: string): Promise<Account | undefined> {
    return this.#living(name);
  }
  async getAll(names: readonly string[]): Promise<Map<string, Account>> {
    return new Map(
      names.flatMap((name) => {
        const account = this.#living(name);
        return account === undefined ? [] : [[name, account]];
      }),
    );
  }
  /** Whether nobody can register this name: somebody has it, or had it. */
  isTaken(name: string): boolean {
    return this.#entries.has(name);
  }
  async taken(names: readonly string[]): Promise<Set<string>> {
    return new Set(names.filter((name) => this.isTaken(name)));
  }
  names(): string[] {
    return [...this.#entries.keys()].filter((name) => this.has(name));
  }
  isHost(name: string): boolean {
    return this.#hosts.has(name);
  }
  /** The names of the hosts, sorted. */
  hosts(): string[] {
    return [...this.#hosts].sort();
  }

  /** Adds an account; false if the name is taken. Resolves when it is safe on disk, as all changes do. */
  add(name: string, account: Account): Promise<boolean> {
    return this.#change({ name, from: "unknown", to: () => account });
  }
  /** Changes these fields of an account and keeps its others; false if there is none. */
  replace(name: string, fields: Account): Promise<boolean> {
    return this.#change({ name, from: "living", to: (old) => ({ ...old, ...fields }) });
  }
  /** Makes an account a host, or a member; false if there is none. */
  setRole(name: string, role: Role): Promise<boolean> {
    return this.#change({ name, from: "living", to: (old) => withRole(old as Account, role) });
  }
  /** Removes an account and keeps its name from everybody; false if there is none. */
  remove(name: string, at = new Date()): Promise<boolean> {
    return this.#change({ name, from: "living", to: () => ({ removed: at.toISOString() }) });
  }
  /** Gives a name that was removed to an account; false if it was not. */
  restore(name: string, account: Account): Promise<boolean> {
    return this.#change({ name, from: "retired", to: () => account });
  }

  /** Picks up what somebody else wrote. True if there was something. Throws about a file that cannot be used, once, and goes on with
   *  the accounts as they were; until it is mended nothing is written over it. */
  refresh(): boolean {
    const version = versionOf(this.file);
    if (this.#writing || version === this.#version || version === this.#reported) return false;
    this.#reported = version;
    this.#read(version);
    return true;
  }

  /** A file that is gone says nothing of who has an account: an editor may be about to write it. */
  #read(version: string): void {
    if (version === GONE) throw new Error(`${this.file} is gone; the next change writes it anew.`);
    this.#take(read(this.file));
    this.#text = undefined;
    this.#version = version;
    this.revision++;
  }

  #take(entries: Map<string, Entry>): void {
    this.#entries = entries;
    this.#hosts.clear();
    for (const [name, entry] of entries) if (isHost(entry)) this.#hosts.add(name);
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
    const target = targetOf(this.file); // the lock is beside it, for whoever comes by another link
    const unlock = await takeLock(`${target}.lock`, this.#elapsed);
    try {
      const version = versionOf(this.file);
      if (version !== this.#version && version !== GONE) this.#read(version);
      const changes = new Map<string, Entry>();
      const applied = wanted.map(({ name, from, to }) => {
        const old = changes.get(name) ?? this.#entries.get(name);
        if (stateOf(old) !== from) return false;
        changes.set(name, to(old));
        return true;
      });
      if (changes.size > 0) await this.#store(target, changes);
      return applied;
    } finally {
      unlock();
    }
  }

  /** Writes changes to disk, and only then into memory. */
  async #store(target: string, changes: Entries): Promise<void> {
    const isOnlyNew = changes.keys().every((name) => !this.#entries.has(name));
    const text =
      this.#text !== undefined && isOnlyNew
        ? await appendLines(this.#text, changes)
        : await appendLines({ slices: [], tail: [] }, merged(this.#entries, changes));
    const parts = [...text.slices, Buffer.from(`${text.tail.join("")}\n}\n`)];
    this.#version = stamp(await replaceFile(target, parts));
    this.#text = text;
    if (!isOnlyNew) this.revision++;
    for (const [name, entry] of changes) {
      this.#entries.set(name, entry);
      if (isHost(entry)) this.#hosts.add(name);
      else this.#hosts.delete(name);
    }
  }
}

function isLiving(entry: Entry): entry is Account {
  return typeof entry.removed !== "string";
}
function isHost(entry: Entry): boolean {
  return isLiving(entry) && entry.role === "host";
}
function withRole({ role: _, ...account }: Account, role: Role): Account {
  return role === "host" ? { ...account, role } : account;
}
function stateOf(entry: Entry | undefined): State {
  return entry === undefined ? "unknown" : isLiving(entry) ? "living" : "retired";
}

/** What tells one state of the file from another without reading it. */
function versionOf(file: string): string {
  try {
    return stamp(statSync(file));
  } catch (problem) {
    return (problem as { code: string }).code; // reading it says more
  }
}
function stamp({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

function read(file: string): Map<string, Entry> {
  const damaged = (why: string) => new Error(`${file} is damaged (${why}). Restore a copy, or mend it by hand.`);
  const text = readText(file);
  if (text === undefined) return new Map();
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (problem) {
    throw damaged(problem instanceof Error ? problem.message : "not JSON");
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw damaged("not a JSON object");
  const entries = new Map<string, Entry>();
  for (const [name, entry] of Object.entries(data)) {
    if (foldName(name) !== name) throw damaged(`${JSON.stringify(name.slice(0, 40))} cannot be a name`);
    if (typeof entry?.password !== "string" && typeof entry?.removed !== "string")
      throw damaged(`${name} has no password hash`);
    entries.set(name, entry);
  }
  return entries;
}

/** Without the byte order mark that some editors put first; undefined if there is no such file. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (problem) {
    if ((problem as { code: string }).code === "ENOENT") return undefined;
    throw fault("read", file, problem);
  }
}

/** A text with more accounts, one a line, so that a person can read, compare and edit it. Serialised in slices, between which
 *  the event loop goes on: a hundred thousand accounts at once would block it for 60 ms. They must not change meanwhile. */
async function appendLines(text: Text, entries: Iterable<[string, Entry]>): Promise<Text> {
  const slices = [...text.slices];
  let tail = [...text.tail];
  for (const [name, entry] of entries) {
    const lead = slices.length + tail.length === 0 ? "{\n" : ",\n";
    tail.push(`${lead}  ${JSON.stringify(name)}: ${JSON.stringify(entry)}`);
    if (tail.length < SLICE) continue;
    slices.push(Buffer.from(tail.join("")));
    tail = [];
    await new Promise((resume) => setImmediate(resume));
  }
  return { slices, tail };
}

/** The accounts as they will be: each in its place, new ones last. */
function* merged(entries: Entries, changes: Entries): Generator<[string, Entry]> {
  for (const [name, entry] of entries) yield [name, changes.get(name) ?? entry];
  for (const [name, entry] of changes) if (!entries.has(name)) yield [name, entry];
}
