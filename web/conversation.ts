// conversation.ts: the thread that is open: its messages in the timeline, what waits below them, and older ones as they
// are wanted. While much is caught up with, nothing is drawn; it is shown once at the end.

import type { Message } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { keep } from "./memory.ts";
import type { Note, Thread, Threads } from "./threads.ts";
import { Timeline } from "./timeline.ts";

const OLDER = 100; // messages that are asked for at a time

export class Conversation {
  readonly #connection: Connection;
  readonly #threads: Threads;
  readonly #timeline: Timeline;
  readonly #onChange: () => void;
  #thread: Thread;
  #isLive = false; // all that was missed has come
  #loading = false;

  /** `onChange` is called when counters may be out of date; `jump` when a reader wants to see the newest. */
  constructor(connection: Connection, threads: Threads, name: string, onChange: () => void, jump: () => void) {
    this.#connection = connection;
    this.#threads = threads;
    this.#thread = threads.get(name);
    this.#onChange = onChange;
    this.#timeline = new Timeline(connection.user, { wantsOlder: () => void this.showOlder(), moved: onChange, jump });
  }

  get thread(): Thread {
    return this.#thread;
  }
  get name(): string {
    return this.#thread.name;
  }
  /** Whether somebody sees the newest message, and the next one as it comes. */
  get isLookedAt(): boolean {
    return this.#isLive && this.#timeline.following && !document.hidden;
  }

  /** Shows a thread from its first unseen message on, or its end. */
  show(name: string): void {
    if (this.name !== name) this.#thread.fresh = undefined;
    this.#thread = this.#threads.get(name);
    this.#timeline.show(this.#thread, this.#connection.waiting);
    if (this.#thread.entries.length === 0) void this.showOlder();
  }
  /** Shows the same again, with the reader where they were. */
  refresh(): void {
    this.#timeline.refresh();
  }

  /** What is missed from now on is not drawn line by line. */
  offline(): void {
    this.#isLive = false;
    this.#timeline.refresh();
  }
  /** All that was missed has come. */
  caughtUp(): void {
    this.#isLive = true;
  }

  /** A message has come, to whatever thread. */
  said(message: Message): void {
    const thread = this.#threads.of(message);
    const isShown = thread === this.#thread;
    const isSeen = isShown && this.isLookedAt;
    const place = this.#threads.add(message);
    if (place === "known") return;
    if (!isSeen && this.#threads.isUnread(thread, message)) thread.fresh ??= message.seq;
    const isTrimmed = (!isShown || this.#timeline.following) && this.#threads.trim(thread);
    if (!isShown || !this.#isLive) return;
    if (place === "between" || isTrimmed) this.#timeline.refresh();
    else this.#timeline.append(message);
  }

  /** A note has come, to whatever thread, or the last one has changed. */
  noted(note: Note | undefined): void {
    if (note !== undefined && this.#thread.entries.includes(note)) this.#timeline.append(note);
  }

  /** Reads what was said before. */
  async showOlder(limit = OLDER): Promise<void> {
    const thread = this.#thread;
    if (this.#loading || this.#threads.isComplete(thread) || !this.#connection.online) return;
    this.#loading = true;
    await this.#threads.older(thread, limit);
    this.#loading = false;
    if (thread === this.#thread) this.#timeline.refresh();
    else if (this.#thread.entries.length === 0) void this.showOlder();
    this.#onChange();
  }

  /** Something of ours is on its way: whoever writes has read what is above. */
  showOwn(): void {
    if (this.#thread.fresh !== undefined) {
      this.#thread.fresh = undefined;
      this.#timeline.refresh();
    }
    this.showWaiting();
    this.#timeline.toEnd();
    this.#onChange();
  }

  /** What is not stored yet stands below the messages, and outlives this page. */
  showWaiting(): void {
    const { user, waiting } = this.#connection;
    keep("session", `waiting.${user}`, waiting);
    this.#timeline.showWaiting(waiting);
  }

  showButtons(): void {
    const unread = this.#threads.unread(this.#thread).length;
    this.#timeline.showButtons(unread, !this.#threads.isComplete(this.#thread));
  }

  toEnd(): void {
    this.#timeline.toEnd();
  }
}
