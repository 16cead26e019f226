// feed.ts: what has happened on a connection and was not read yet: a bounded queue for one reader. Holds back what was
// missed while a connection resumes, so that its number can be told first. Knows no socket. Called by connection.ts.

import type { Event } from "../protocol.ts";
import { MAX_MESSAGE_LENGTH } from "../protocol.ts";
import { truncateMessage } from "../shared/text.ts";

/** What a connection hands on: what others do, and what becomes of the connection itself. `missed` messages follow an
 *  `online` that ended an `offline`, whose `code` is "lost" or why a try failed (see `connect`); `reset` says that the
 *  server was restored from an older copy of this conversation. */
export type Occurrence =
  | Exclude<Event, { type: "ok" | "ping" }>
  | { type: "online"; missed: number }
  | { type: "offline"; code: string; reason: string; retry: number } // ms until the next try
  | { type: "reset"; to: string };

const MOST_UNREAD = 1_000; // events that may wait for the reader before the socket is no longer read
const MOST_EVER = 10_000; // also while an answer is waited for, which a hostile server may never give
const MOST_HELD = 2_000; // missed messages that are counted before they are handed on
const MOST_NAMES = 1_000; // of one `joined` or `left`

export class Feed {
  readonly #onChange: () => void;
  /** Much waits: nothing more should come in until the reader has caught up; "over": whatever else there is to wait for. */
  full: boolean | "over" = false;
  #unread: Occurrence[] = [];
  #held: Occurrence[] | undefined;
  #reader: (() => void) | undefined;
  #closed = false;
  #read = 0; // occurrences the reader is done with
  #taken: 0 | 1 = 0; // one that it is busy with
  #waiters: { mark: number; resolve: () => void }[] = [];

  /** `onChange` is called when `full` has changed. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  tell(occurrence: Occurrence): void {
    if (this.#held !== undefined) {
      this.#held.push(bounded(occurrence));
      if (this.#held.length >= MOST_HELD) this.release(true);
      return;
    }
    this.#unread.push(bounded(occurrence));
    if (this.#unread.length >= MOST_UNREAD) this.#fill(this.#unread.length >= MOST_EVER ? "over" : true);
    this.#wake();
  }

  /** From now on everything is held back. */
  hold(): void {
    this.#held = [];
  }

  /** Hands on what was held back; the number of its messages first, if that is because we are online. */
  release(online: boolean): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    if (online) this.tell({ type: "online", missed: held.filter(({ type }) => type === "message").length });
    for (const occurrence of held) this.tell(occurrence);
  }

  /** Where in the order of things we are now; see `passed`. */
  get mark(): number {
    return this.#read + this.#taken + this.#unread.length;
  }
  /** Resolves when the reader is done with everything that was told before the mark. */
  async passed(mark: number): Promise<void> {
    if (this.#read < mark && !this.#closed) await new Promise<void>((resolve) => this.#waiters.push({ mark, resolve }));
  }

  /** The next occurrence, `undefined` when the feed is closed and all was read. The one before it is done with. */
  async next(): Promise<Occurrence | undefined> {
    this.#read += this.#taken;
    this.#taken = 0;
    this.#letPass();
    while (this.#unread.length === 0) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => (this.#reader = resolve));
    }
    const next = this.#unread.shift();
    this.#taken = 1;
    if (this.#unread.length < MOST_UNREAD / 2) this.#fill(false);
    return next;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
    this.#letPass();
  }

  #letPass(): void {
    const free = this.#waiters.filter(({ mark }) => this.#closed || mark <= this.#read);
    if (free.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !free.includes(waiter));
    for (const { resolve } of free) resolve();
  }

  #fill(full: boolean | "over"): void {
    if (full === this.full) return;
    this.full = full;
    this.#onChange();
  }

  #wake(): void {
    this.#reader?.();
    this.#reader = undefined;
  }
}

/** No larger than an honest server sends it, so that what waits for the reader stays bounded. */
function bounded(occurrence: Occurrence): Occurrence {
  if ("users" in occurrence && occurrence.users.length > MOST_NAMES)
    return { ...occurrence, users: occurrence.users.slice(0, MOST_NAMES) };
  if ("text" in occurrence && occurrence.text.length > MAX_MESSAGE_LENGTH)
    return { ...occurrence, text: truncateMessage(occurrence.text).text };
  return occurrence;
}
