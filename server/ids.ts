// ids.ts: which ids are taken, for ever, without a row for every message. An id PREFIX-N belongs to a row of consecutive numbers, as
// clients that count make them; any other id is a prefix by itself. Says where a stored message is to be looked for, and never
// reads one. Part of history.ts.

import type { Database } from "bun:sqlite";

/** Seqs that the messages of a row reach over at most, so that a retry is found by a short look. */
export const SPAN = 1_000;
const MAX_CACHED = 10_000; // rows

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
    const { prefix, number } = split(id);
    const { last, before } = this.#statements;
    const key = keyOf(conversation, sender, prefix);
    let row = this.#last.get(key);
    if (row === undefined) {
      row = last.get(conversation, sender, prefix) ?? nothing(conversation, sender, prefix);
      this.#last.set(key, row);
    }
    if (number < row.low) {
      this.write();
      row = before.get(conversation, sender, prefix, number) ?? nothing(conversation, sender, prefix);
    }
    return { number, row, isTaken: number <= row.high };
  }

  /** Takes an id that was free, for the message with this seq. */
  take({ number, row }: Slot, seq: number): void {
    const { conversation, sender, prefix, high } = row;
    const key = keyOf(conversation, sender, prefix);
    const isLast = number > this.#last.get(key)!.high;
    if (high > 0 && number === high + 1 && seq < row.seq + SPAN) row.high = number;
    else row = { conversation, sender, prefix, low: number, high: number, seq };
    this.#changed.add(row);
    if (isLast) this.#last.set(key, row);
  }

  /** Writes what was taken. */
  write(): void {
    for (const { conversation, sender, prefix, low, high, seq } of this.#changed)
      this.#statements.write.run(conversation, sender, prefix, low, high, seq);
    this.#changed.clear();
  }

  /** What was written is stored. */
  committed(): void {
    if (this.#last.size > MAX_CACHED) this.#last.clear();
  }

  /** What was taken since the last commit was not stored. */
  rolledBack(): void {
    this.#last.clear();
    this.#changed.clear();
  }
}

/** A number has one spelling: "p-7" is one of p, "p-07" is a prefix. */
function split(id: string): { prefix: string; number: number } {
  const dash = id.lastIndexOf("-");
  const digits = id.slice(dash + 1);
  const number = Number(digits);
  if (dash > 0 && number > 0 && Number.isSafeInteger(number) && String(number) === digits)
    return { prefix: id.slice(0, dash), number };
  return { prefix: id, number: 0 };
}

function keyOf(conversation: string, sender: string, prefix: string): string {
  return `${conversation} ${sender} ${prefix}`; // none of them contains a space
}

function nothing(conversation: string, sender: string, prefix: string): Row {
  return { conversation, sender, prefix, low: 0, high: -1, seq: 0 };
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
