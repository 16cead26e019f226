// ids.ts: which ids are taken, for ever, without a row for every message. An id PREFIX-N belongs to a row of consecutive numbers, as
// clients that count make them; any other id is a prefix by itself. Says where a stored message is to be looked for, and never
// reads one. Part of history.ts.

import type { Database } from "bun:sqlite";

/** Seqs that the messages of a row reach over at most, so that a retry is found by a short look. */
export const SPAN = 1_000;
const MAX_UNWRITTEN = 1_000; // rows
const MAX_CACHED = 10_000; // rows
const MAX_DIGITS = 15; // of a number; larger ones are not exact in JavaScript

/** The ids PREFIX-low to PREFIX-high of one sender; PREFIX itself where both are 0. */
interface Row {
  readonly conversation: string;
  readonly sender: string;
  readonly prefix: string;
  readonly low: number;
  high: number;
  readonly seq: number; // of the message with the first of them
}
/** An id, and the row that holds it or that it may continue. */
export interface Slot {
  readonly key: string; // of the prefix
  readonly number: number;
  readonly row: Row;
  readonly isTaken: boolean;
}

export class Ids {
  readonly #statements: ReturnType<typeof prepareStatements>;
  /** The last row of a prefix. Only that one is kept: a row before it could hide one that was added between them. */
  readonly #last = new Map<string, Row>();
  readonly #changed = new Set<Row>(); // to be written

  constructor(db: Database) {
    this.#statements = prepareStatements(db);
  }

  /** Looks an id up among those of a sender in the conversation that answers it. */
  find(conversation: string, sender: string, id: string): Slot {
    const end = endOfPrefix(id);
    const prefix = id.slice(0, end);
    const number = end < id.length ? Number(id.slice(end + 1)) : 0;
    const key = `${conversation} ${sender} ${prefix}`; // none of them contains a space
    let row = this.#last.get(key);
    if (row === undefined) {
      row =
        this.#statements.last.get(conversation, sender, prefix) ??
        ({ conversation, sender, prefix, low: 0, high: -1, seq: 0 } satisfies Row);
      this.#last.set(key, row);
    }
    if (number < row.low) {
      this.write();
      row = this.#statements.before.get(conversation, sender, prefix, number) ?? { ...row, low: 0, high: -1 };
    }
    return { key, number, row, isTaken: number <= row.high };
  }

  /** Takes an id that was free, for the message with this seq. */
  take({ key, number, row }: Slot, seq: number): void {
    if (row.high > 0 && number === row.high + 1 && seq < row.seq + SPAN) row.high = number;
    else {
      const isLast = number > this.#last.get(key)!.high;
      row = { ...row, low: number, high: number, seq };
      if (isLast) this.#last.set(key, row);
    }
    this.#changed.add(row);
  }

  /** Whether there is so much to write that it should not wait. */
  get isDue(): boolean {
    return this.#changed.size >= MAX_UNWRITTEN || this.#last.size >= MAX_CACHED;
  }

  /** Writes what was taken. */
  write(): void {
    for (const { conversation, sender, prefix, low, high, seq } of this.#changed)
      this.#statements.write.run(conversation, sender, prefix, low, high, seq);
    this.#changed.clear();
  }

  /** What was written is stored. */
  committed(): void {
    if (this.#changed.size === 0 && this.#last.size >= MAX_CACHED) this.#last.clear();
  }

  /** Forgets what was taken and is not stored: also what was taken before and not written. */
  rolledBack(): void {
    this.#last.clear();
    this.#changed.clear();
  }
}

/** Where the prefix of an id ends and "-" and its number begin; the end of an id without one. A number has one spelling: "p-7" is one
 *  of p, "p-07" is a prefix. */
function endOfPrefix(id: string): number {
  let at = id.length - 1;
  while (at > 0 && isDigit(id.charCodeAt(at))) at--;
  const digits = id.length - 1 - at;
  const isNumber = digits > 0 && digits <= MAX_DIGITS && id[at] === "-" && id[at + 1] !== "0";
  return isNumber && at > 0 ? at : id.length;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** `+?` as in runs.ts. */
function prepareStatements(db: Database) {
  const columns = "conversation, sender, prefix, low, high, seq";
  return {
    last: db.query<Row, [string, string, string]>(
      `select ${columns} from ids where conversation = +? and sender = +? and prefix = +? order by low desc limit 1`,
    ),
    before: db.query<Row, [string, string, string, number]>(
      `select ${columns} from ids where conversation = +? and sender = +? and prefix = +? and low <= +?
         order by low desc limit 1`,
    ),
    write: db.query<unknown, [string, string, string, number, number, number]>(
      "insert into ids values (?, ?, ?, ?, ?, ?) on conflict do update set high = excluded.high",
    ),
  };
}
