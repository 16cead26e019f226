// conversation.ts: the thread that is open: its messages in the timeline, what waits below them, and older ones as they
// are wanted. While much is caught up with, nothing is drawn; it is shown once at the end.

import type { Message, Presence } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { keep } from "./memory.ts";
import type { Reader } from "./message.ts";
import type { Note, Thread, Threads } from "./threads.ts";
import { Timeline } from "./timeline.ts";

export interface ConversationHooks {
  reader: Reader;
  /** Counters may be out of date. */
  onChange: () => void;
  /** A reader wants to see the newest. */
  jump: () => void;
  /** A reader wants to see what was written with somebody. */
  open: (user: string) => void;
}

export class Conversation {
  readonly #connection: Connection;
  readonly #threads: Threads;
  readonly #timeline: Timeline;
  readonly #onChange: () => void;
  #thread: Thread;
  #isLive = false; // all that was missed has come
  #isLoading = false;
  #isFilling = false; // what one wants to see first is not here yet

  constructor(
    connection: Connection,
    threads: Threads,
    name: string,
    { reader, onChange, jump, open }: ConversationHooks,
  ) {
    this.#connection = connection;
    this.#threads = threads;
    this.#thread = threads.get(name);
    this.#onChange = onChange;
    this.#timeline = new Timeline(reader, { wantsOlder: () => void this.showOlder(), moved: onChange, jump, open });
  }

  get thread(): Thread {
    return this.#thread;
  }
  get name(): string {
    return this.#thread.name;
  }
  /** Whether somebody sees the newest message, and the next one as it comes. */
  get isLookedAt(): boolean {
    const isHere = this.#isLive && !this.#isFilling && !this.#threads.isArriving(this.#thread);
    return isHere && this.#timeline.following && !document.hidden;
  }
  get #unread(): number {
    return this.#threads.reading.unread(this.name);
  }

  /** Shows a thread from its first unread message on, or its end. */
  show(name: string): void {
    if (this.name !== name) this.#thread.fresh = undefined;
    this.#thread = this.#threads.get(name);
    this.#begin();
    this.#isFilling = this.#isLive && this.#threads.isShort(this.#thread);
    void this.#fill();
  }
  #begin(): void {
    this.#mark();
    this.#timeline.show(this.#thread, this.#connection.waiting);
  }
  /** What is unread begins where one stopped. */
  #mark(): void {
    if (this.#unread > 0) this.#thread.fresh = this.#threads.reading.position(this.name);
  }

  /** Reads what one wants to see first, and shows it at once. */
  async #fill(): Promise<void> {
    const thread = this.#thread;
    if (!this.#isFilling || this.#isLoading) return;
    this.#isLoading = true;
    await this.#threads.fill(thread);
    this.#isLoading = false;
    if (thread !== this.#thread) return this.#fill();
    this.#isFilling = false;
    this.#begin();
    this.#onChange();
  }

  /** What is missed from now on is not drawn line by line. */
  offline(): void {
    this.#isLive = false;
    this.#timeline.refresh();
  }
  /** All that was missed has come. Who read along goes on where they stopped; who has scrolled up stays there. */
  caughtUp(): void {
    this.#isLive = true;
    if (this.#timeline.following) return this.show(this.name);
    this.#mark();
    this.#timeline.refresh();
  }
  /** Somebody looks at the page again, and goes on where they stopped. */
  returned(): void {
    if (this.#isLive && this.#timeline.following && this.#unread > 0) this.show(this.name);
  }

  /** A message has come, to whatever thread. */
  said(message: Message): void {
    const thread = this.#threads.of(message);
    if (message.act === "remove") this.#empty(message);
    if (thread === this.#thread) this.#saidHere(message);
    else if (this.#threads.add(message)) this.#threads.trim(thread);
  }
  #empty(act: Message): void {
    const gone = this.#threads.empty(act);
    if (this.#threads.of(act) === this.#thread) for (const message of gone) this.#timeline.empty(message);
  }
  #saidHere(message: Message): void {
    const thread = this.#thread;
    const isSeen = this.isLookedAt;
    const wasRead = this.#unread === 0;
    const wasArriving = this.#threads.isArriving(thread);
    if (!this.#threads.add(message)) return;
    const isMoved = wasRead && !isSeen && thread.fresh !== undefined; // the line that says what is new
    if (isSeen) this.#threads.reading.read(this.name);
    else if (wasRead) this.#mark();
    const isTrimmed = this.#timeline.following && !this.#isFilling && this.#threads.trim(thread);
    if (!this.#isLive || this.#threads.isArriving(thread)) return;
    if (wasArriving) this.#begin();
    else if (isMoved || isTrimmed) this.#timeline.refresh();
    else this.#timeline.append(message);
  }

  /** Somebody came or went. */
  came(presence: Presence): void {
    const told = this.#threads.presence(presence);
    if (told !== undefined) this.#noted(told.thread, told.note);
  }
  /** Adds a line of the page's own to a thread. */
  note(text: string, name: string): void {
    const thread = this.#threads.get(name);
    this.#noted(thread, this.#threads.note(thread, text));
  }
  #noted(thread: Thread, note: Note): void {
    if (thread === this.#thread) this.#timeline.note(note);
  }

  /** Reads what was said before. */
  async showOlder(limit?: number): Promise<void> {
    const thread = this.#thread;
    if (this.#isLoading || this.#threads.isComplete(thread) || !this.#isLive) return;
    this.#isLoading = true;
    await this.#threads.older(thread, limit);
    this.#isLoading = false;
    if (thread === this.#thread) this.#timeline.refresh();
    void this.#fill();
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

  /** What may be done to the messages has changed. */
  redraw(): void {
    this.#timeline.refresh();
  }
  /** Whether the next message that comes here is shown, and read out, at once. */
  get isLive(): boolean {
    return this.#isLive && !this.#threads.isArriving(this.#thread);
  }

  showButtons(): void {
    this.#timeline.showButtons(this.#unread, !this.#threads.isComplete(this.#thread));
  }

  toEnd(): void {
    this.#timeline.toEnd();
  }
}
