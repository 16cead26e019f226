// excerpt.ts: a stretch of a thread around one message, as the server has it, that is not joined with what is loaded at the thread's end.
// It grows both ways until it meets that. Shows nothing, and counts nothing as read.

import type { Message } from "../protocol.ts";
import { LIMITS, MAX_MESSAGE_LENGTH } from "../protocol.ts";
import type { Entry, Stretch, Thread, Threads } from "./threads.ts";

const AROUND = 50; // messages before and after the one that it is about

export class Excerpt implements Stretch {
  readonly thread: Thread;
  readonly fresh = undefined;
  entries: Entry[] = [];
  from = 0; // seq from which on all is here
  readonly #threads: Threads;
  #to = 0; // seq up to which all is here
  #span = AROUND; // places that are read at a time; in an inbox few of them may be of one person

  constructor(threads: Threads, thread: Thread) {
    this.#threads = threads;
    this.thread = thread;
  }
  get name(): string {
    return this.thread.name;
  }
  /** Whether what comes next is loaded in the thread. */
  get isJoined(): boolean {
    return this.#to + 1 >= this.thread.from;
  }

  /** Reads a message and what was said around it; says why it cannot. */
  async open(seq: number): Promise<string | undefined> {
    const messages = await this.#threads.read(this, { before: seq + 1, limit: AROUND + 1 });
    if (messages === undefined) return "This message cannot be read now.";
    if (messages.at(-1)?.seq !== seq) return "This message is not there any more.";
    this.entries = messages;
    this.from = messages[0]!.seq;
    this.#to = seq;
    return this.newer();
  }

  /** Reads what was said after it. An answer has the newest of a range, so the range must be so small that it has all. */
  async newer(): Promise<undefined> {
    for (let wanted = AROUND; wanted > 0 && !this.isJoined;) {
      const before = Math.min(this.thread.from, this.#to + 1 + this.#span);
      const messages = await this.#threads.read(this, { after: this.#to, before, limit: LIMITS.page });
      if (messages === undefined) return;
      const places = before - this.#to - 1;
      if (!isWhole(messages, places)) this.#span = Math.ceil(places / 2);
      else {
        this.entries = [...this.entries, ...messages];
        this.#to = before - 1;
        wanted -= messages.length;
        if (messages.length < places / 4) this.#span *= 2;
      }
    }
  }
}

/** Whether an answer about so many places has all that is there: another message would have fitted in. */
function isWhole(messages: readonly Message[], places: number): boolean {
  const length = messages.reduce((sum, { text }) => sum + text.length, 0);
  const fits = messages.length < LIMITS.page && length + 2 * MAX_MESSAGE_LENGTH <= LIMITS.pageBytes;
  return fits || messages.length === places;
}
