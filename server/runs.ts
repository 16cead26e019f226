// runs.ts: where the lines of messages lie in chat.db, how they get there and how they are found by their place. A reader never
// writes, so that it works on a full disk. Knows neither ids nor what a line says. Part of history.ts.

import type { Database } from "bun:sqlite";
import { crc32 } from "node:zlib";
import { damaged } from "./faults.ts";
import type { Run } from "./lines.ts";
import { withOthers } from "./lines.ts";

const CHUNK = 16 * 1024; // characters of lines before the next run begins another chunk
/** Runs that are noted in their chunks only, and bytes of them. Their places are kept in memory, and read at the start. */
const MAX_RECENT = { runs: 1_000, bytes: 4 * 1024 * 1024 };
const MOST_TO_MERGE = 512 * 1024; // bytes of recent runs; if there are more they are large enough to be read well where they are

interface Place {
  conversation: string;
  first: number;
  last: number;
  chunk: number;
  start: number; // bytes
  size: number;
}
interface Summed {
  lines: Uint8Array;
  sum: number; // CRC-32
}
type Stored = Omit<Place, "conversation" | "chunk"> & Summed;
/** A place as it is noted in its chunk. */
type Noted = [conversation: string, first: number, last: number, start: number, size: number];
/** A run of the batch that is being gathered. */
interface Growing {
  conversation: string;
  first: number;
  last: number;
  text: string;
}
/** A run and whose it is. */
interface Packed extends Run {
  conversation: string;
}

export class Runs {
  readonly #file: string;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #recent = new Map<string, Place[]>(); // by conversation
  #recentCount = 0; // of them
  #recentSize = 0; // bytes
  #lastChunk = 0;
  #lastIndexed = 0; // chunk whose runs are in the index, as are those of all before it
  // Of the batch that is being stored:
  readonly #batch: Growing[] = [];
  readonly #growing = new Map<string, Growing>(); // the last run of each conversation

  /** `file` is what a message for people calls the database. */
  constructor(db: Database, file: string) {
    this.#file = file;
    this.#statements = prepareStatements(db);
    this.#readRecent();
  }

  // ---- writing; within the transaction of a batch ----

  /** The seq of a conversation's last message, those of the batch included; 0 if there is none. */
  head(conversation: string): number {
    const growing = this.#growing.get(conversation);
    if (growing !== undefined) return growing.last;
    const recent = this.#recent.get(conversation);
    if (recent !== undefined) return recent.at(-1)!.last;
    return this.#statements.head.get(conversation)?.last ?? 0;
  }

  /** Adds a line to the batch; its seq is the one after the head. */
  add(conversation: string, seq: number, line: string): void {
    const growing = this.#growing.get(conversation);
    if (growing !== undefined && growing.text.length < CHUNK) {
      growing.last = seq;
      growing.text += line;
      return;
    }
    const begun = { conversation, first: seq, last: seq, text: line };
    this.#batch.push(begun);
    this.#growing.set(conversation, begun);
  }

  /** Puts other lines, by seq, into the places of some of a conversation, those of the batch included. Nothing moves but the runs
   *  that lie in the same chunks. */
  replace(conversation: string, others: ReadonlyMap<number, string>): void {
    const seqs = [...others.keys()];
    const [lowest, highest] = [Math.min(...seqs), Math.max(...seqs)];
    const isTouched = ({ first, last }: { first: number; last: number }) => first <= highest && last >= lowest;
    for (const run of this.#batch)
      if (run.conversation === conversation && isTouched(run)) run.text = withOthers(run.text, run.first, others);
    const chunks = new Set((this.#recent.get(conversation) ?? []).filter(isTouched).map(({ chunk }) => chunk));
    for (const place of this.#statements.places.iterate(conversation, lowest)) {
      if (!isTouched(place)) break;
      chunks.add(place.chunk);
    }
    for (const chunk of chunks) this.#rewrite(chunk, conversation, others);
  }

  #rewrite(chunk: number, conversation: string, others: ReadonlyMap<number, string>): void {
    const { places, lines, sum } = this.#statements.whole.get(chunk)!;
    check(lines, sum, this.#file);
    const parts: Buffer[] = [];
    const noted: Noted[] = [];
    let at = 0;
    for (const [name, first, last, start, size] of JSON.parse(places) as Noted[]) {
      let part = Buffer.from(lines.buffer, lines.byteOffset + start, size);
      if (name === conversation) part = Buffer.from(withOthers(part.toString("utf8"), first, others));
      parts.push(part);
      noted.push([name, first, last, at, part.length]);
      if (chunk <= this.#lastIndexed) this.#statements.move.run(at, part.length, name, last);
      else
        Object.assign(
          this.#recent.get(name)!.find((place) => place.last === last)!,
          { start: at, size: part.length },
        );
      at += part.length;
    }
    const all = Buffer.concat(parts);
    this.#statements.rewrite.run(JSON.stringify(noted), all, crc32(all), chunk);
  }

  /** Writes the batch; whether all runs are in the index now. */
  write(): boolean {
    let packed: Packed[] = [];
    let size = 0; // characters
    for (const [i, { conversation, first, last, text }] of this.#batch.entries()) {
      packed.push({ conversation, first, last, lines: Buffer.from(text) });
      size += text.length;
      if (size < CHUNK && i < this.#batch.length - 1) continue;
      for (const place of this.#insert(packed)) this.#remember(place);
      [packed, size] = [[], 0];
    }
    this.#batch.length = 0;
    this.#growing.clear();
    if (this.#recentCount < MAX_RECENT.runs && this.#recentSize < MAX_RECENT.bytes) return false;
    this.#indexRecent();
    return true;
  }

  /** The batch was not stored. */
  rolledBack(): void {
    this.#batch.length = 0;
    this.#growing.clear();
    this.#readRecent();
  }

  #readRecent(): void {
    this.#forgetRecent();
    this.#lastChunk = this.#statements.lastChunk.get()?.n ?? 0;
    this.#lastIndexed = this.#statements.lastIndexed.get()!.chunk;
    for (const { n: chunk, places } of this.#statements.recent.all(this.#lastIndexed))
      for (const [conversation, first, last, start, size] of JSON.parse(places) as Noted[])
        this.#remember({ conversation, first, last, chunk, start, size });
  }
  #remember(place: Place): void {
    const known = this.#recent.get(place.conversation);
    if (known === undefined) this.#recent.set(place.conversation, [place]);
    else known.push(place);
    this.#recentCount++;
    this.#recentSize += place.size;
  }
  #forgetRecent(): void {
    this.#recent = new Map();
    this.#recentCount = 0;
    this.#recentSize = 0;
  }

  /** Writes one chunk; where its runs lie. */
  #insert(packed: readonly Packed[]): Place[] {
    const chunk = this.#lastChunk + 1;
    let start = 0;
    const places: Place[] = [];
    for (const { conversation, first, last, lines } of packed) {
      places.push({ conversation, first, last, chunk, start, size: lines.length });
      start += lines.length;
    }
    const lines = packed.length === 1 ? packed[0]!.lines : Buffer.concat(packed.map(({ lines }) => lines));
    const noted = places.map(({ conversation, first, last, start, size }) => [conversation, first, last, start, size]);
    this.#statements.insert.run(chunk, JSON.stringify(noted), lines, crc32(lines));
    this.#lastChunk = chunk;
    return places;
  }

  #indexRecent(): void {
    const recent = [...this.#recent.values()];
    const places = (this.#recentSize < MOST_TO_MERGE ? this.#merge(recent) : recent).flat();
    for (const { conversation, first, last, chunk, start, size } of places)
      this.#statements.index.run(conversation, first, last, chunk, start, size);
    this.#statements.indexed.run(this.#lastChunk);
    this.#lastIndexed = this.#lastChunk;
    this.#forgetRecent();
  }

  /** Writes short runs anew, those of a conversation together, and removes their chunks: where one message comes at a time, a page
   *  and a search then read one run and not one for every message. */
  #merge(conversations: readonly Place[][]): Place[][] {
    const [oldest, newest] = [this.#lastIndexed + 1, this.#lastChunk];
    const merged = conversations.map((places) => {
      const { conversation } = places[0]!;
      const made: Place[] = [];
      let [parts, size, first]: [Buffer[], number, number] = [[], 0, places[0]!.first];
      for (const [i, place] of places.entries()) {
        parts.push(this.#read(place).lines);
        size += place.size;
        if (size < CHUNK && i < places.length - 1) continue;
        made.push(...this.#insert([{ conversation, first, last: place.last, lines: Buffer.concat(parts) }]));
        [parts, size, first] = [[], 0, place.last + 1];
      }
      return made;
    });
    this.#statements.remove.run(oldest, newest);
    return merged;
  }

  // ---- reading ----

  /** The runs that hold what was said after a seq, oldest first; at last those of the batch. Throws when one is damaged. */
  *after(conversation: string, seq: number): Generator<Run> {
    for (const stored of this.#statements.after.iterate(conversation, seq)) yield this.#take(stored);
    for (const place of this.#recent.get(conversation) ?? []) if (place.last > seq) yield this.#read(place);
    for (const { conversation: name, first, last, text } of this.#batch)
      if (name === conversation && last > seq) yield { first, last, lines: Buffer.from(text) };
  }

  /** The runs that hold what was said before a seq, newest first, at first those of the batch. Throws when one is damaged. */
  *before(conversation: string, seq: number): Generator<Run> {
    for (const { conversation: name, first, last, text } of this.#batch.toReversed())
      if (name === conversation && first < seq) yield { first, last, lines: Buffer.from(text) };
    const recent = this.#recent.get(conversation) ?? [];
    for (let i = recent.length - 1; i >= 0; i--) if (recent[i]!.first < seq) yield this.#read(recent[i]!);
    for (const stored of this.#statements.before.iterate(conversation, seq)) yield this.#take(stored);
  }

  /** The runs that are not in the index yet. Throws when one is damaged. */
  *recent(): Generator<Packed> {
    for (const [conversation, places] of this.#recent)
      for (const place of places) yield { conversation, ...this.#read(place) };
  }

  #read({ chunk, first, last, start, size }: Place): Run {
    return this.#take({ first, last, start, size, ...this.#statements.chunk.get(chunk)! });
  }
  #take({ first, last, start, size, lines, sum }: Stored): Run {
    check(lines, sum, this.#file);
    return { first, last, lines: Buffer.from(lines.buffer, lines.byteOffset + start, size) };
  }
}

/** Reads all lines, and throws when some are not those that were written. */
export function checkLines(db: Database, file: string): void {
  for (const { lines, sum } of db.query<Summed, []>("select lines, sum from chunks").iterate()) check(lines, sum, file);
}

function check(lines: Uint8Array, sum: number, file: string): void {
  if (crc32(lines) !== sum) throw damaged(file, "what was said has another checksum than it was written with");
}

/** `+?` and not `?` where a row is sought and the order matters: SQLite, which may choose a plan by a value, prepares the statement anew for
 *  each one otherwise, in several times the time that reading takes. */
function prepareStatements(db: Database) {
  return {
    lastChunk: db.query<{ n: number }, []>("select n from chunks order by n desc limit 1"),
    lastIndexed: db.query<{ chunk: number }, []>("select chunk from indexed"),
    recent: db.query<{ n: number; places: string }, [number]>("select n, places from chunks where n > ? order by n"),
    insert: db.query<unknown, [number, string, Uint8Array, number]>("insert into chunks values (?, ?, ?, ?)"),
    chunk: db.query<Summed, [number]>("select lines, sum from chunks where n = ?"),
    whole: db.query<Summed & { places: string }, [number]>("select places, lines, sum from chunks where n = ?"),
    rewrite: db.query<unknown, [string, Uint8Array, number, number]>(
      "update chunks set places = ?, lines = ?, sum = ? where n = ?",
    ),
    move: db.query<unknown, [number, number, string, number]>(
      "update runs set start = ?, size = ? where conversation = +? and last = +?",
    ),
    remove: db.query<unknown, [number, number]>("delete from chunks where n between ? and ?"),
    index: db.query<unknown, [string, number, number, number, number, number]>(
      "insert into runs values (?, ?, ?, ?, ?, ?)",
    ),
    indexed: db.query<unknown, [number]>("update indexed set chunk = ?"),
    places: db.query<{ first: number; last: number; chunk: number }, [string, number]>(
      "select first, last, chunk from runs where conversation = +? and last >= +? order by last",
    ),
    head: db.query<{ last: number }, [string]>(
      "select last from runs where conversation = +? order by last desc limit 1",
    ),
    after: db.query<Stored, [string, number]>(
      `select first, last, start, size, lines, sum from runs join chunks on n = chunk
         where conversation = +? and last > +? order by last`,
    ),
    // The run that holds the seq before is the first one that ends there or later.
    before: db.query<Stored, [string, number]>(
      `select first, last, start, size, lines, sum from runs join chunks on n = chunk
         where conversation = +?1 and first < +?2 and last <= coalesce(
           (select last from runs where conversation = +?1 and last >= +?2 - 1 order by last limit 1), ?2)
         order by last desc`,
    ),
  };
}
