// conversation.ts: the thread that is open: its messages in the timeline, what waits below them, and older ones as they
// are wanted; or an excerpt of it, while one reads there. While much is caught up with, nothing is drawn; it is shown once at the end.

import type { Message, Presence } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { isRoom } from "../shared/names.ts";
import { Excerpt } from "./excerpt.ts";
import { keep } from "./memory.ts";
import type { Reader } from "./message.ts";
import type { Note, Stretch, Thread, Threads } from "./threads.ts";
import { emptyIn } from "./threads.ts";
import { Timeline } from "./timeline.ts";

export interface ConversationHooks {
  reader: Reader;
  /** Counters may be out of date. */
  onChange: () => void;
  /** A reader wants to see the newest. */
  jump: () => void;
  /** A reader wants to see what was written with somebody. */
  open: (user: string) => void;
  /** Another thread is shown, for a message that was found there. */
  turnTo: (name: string) => void;
}

export class Conversation {
  readonly #connection: Connection;
  readonly #threads: Threads;
  readonly #timeline: Timeline;
  readonly #onChange: () => void;
  readonly #turnedTo: (name: string) => void;
  #thread: Thread;
  #excerpt: Excerpt | undefined; // what is shown of it
  #seeking: object | undefined; // a message that is looked for, as long as nobody goes elsewhere
  #isLive = false; // all that was missed has come
  #isLoading = false;
  #isFilling = false; // what one wants to see first is not here yet

  constructor(
    connection: Connection,
    threads: Threads,
    name: string,
    { reader, onChange, jump, open, turnTo }: ConversationHooks,
  ) {
    this.#connection = connection;
    this.#threads = threads;
    this.#thread = threads.get(name);
    this.#onChange = onChange;
    this.#turnedTo = turnTo;
    this.#timeline = new Timeline(reader, {
      wantsOlder: () => void this.showOlder(),
      wantsNewer: () => void this.#showNewer(),
      moved: onChange,
      jump,
      open,
    });
  }

  get thread(): Thread {
    return this.#thread;
  }
  get name(): string {
    return this.#thread.name;
  }
  get #shown(): Stretch {
    return this.#excerpt ?? this.#thread;
  }
  /** Whether the reader is not at the end of the thread. */
  get isAway(): boolean {
    return !this.#timeline.following;
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
    this.#turnTo(this.#threads.get(name));
    this.#begin();
    this.#isFilling = this.#isLive && this.#threads.isShort(this.#thread);
    void this.#fill();
  }
  #turnTo(thread: Thread, excerpt?: Excerpt): void {
    if (this.#thread !== thread) this.#thread.fresh = undefined;
    this.#thread = thread;
    this.#excerpt = excerpt;
    this.#seeking = undefined;
    this.#isFilling = false;
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
    if (!this.#isFilling) return this.#timeline.refresh(); // one went to a message that was found
    this.#isFilling = false;
    this.#begin();
    this.#onChange();
  }

  // ---- a message that was found ----

  /** Finds the place of a message, which may have to be read; returns what shows it, or why that cannot be: "" if the reader went
   *  elsewhere meanwhile. */
  async seek(message: Message): Promise<(() => void) | string> {
    const { to, seq } = message;
    const isOut = () => isRoom(to) && !this.#connection.rooms.includes(to);
    if (isOut()) return `You are not in ${to} any more.`;
    if (!this.#isLive) return "There is no connection now. Try again when it is back.";
    const seeking = (this.#seeking = {});
    const thread = this.#threads.of(message);
    if (this.#threads.isShort(thread)) await this.#threads.fill(thread); // what is unread belongs to its end
    const known = [this.#excerpt, thread].find((stretch) => stretch?.name === thread.name && has(stretch, seq));
    const excerpt = known === undefined ? new Excerpt(this.#threads, thread) : undefined;
    const why = await excerpt?.open(seq);
    if (this.#seeking !== seeking || isOut()) return "";
    if (why !== undefined) return why;
    if (known !== undefined) return () => this.#showFound(thread, seq, known === thread ? undefined : this.#excerpt);
    return () => this.#showFound(thread, seq, this.#join(excerpt!) ? undefined : excerpt);
  }
  /** Shows a message in the middle, marked. */
  #showFound(thread: Thread, seq: number, excerpt: Excerpt | undefined): void {
    this.#turnedTo(thread.name);
    this.#turnTo(thread, excerpt);
    this.#mark();
    if (excerpt === undefined) this.showWaiting();
    this.#timeline.reveal(this.#shown, seq, excerpt !== undefined);
  }
  /** Puts an excerpt before what is loaded of its thread, if nothing is missing between. */
  #join({ isJoined, thread, entries }: Excerpt): boolean {
    if (isJoined) this.#threads.prepend(thread, thread.from, entries as Message[]);
    return isJoined;
  }
  /** Goes from an excerpt to the end of its thread, or to what is unread there. */
  leaveExcerpt(): boolean {
    if (this.#excerpt === undefined) return false;
    this.show(this.name);
    return true;
  }
  /** Another history is there. */
  reset(): void {
    this.#seeking = undefined;
    if (!this.leaveExcerpt()) this.#timeline.forget();
  }

  // ---- what happens ----

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
    this.#timeline.nameDays();
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
    if (this.#excerpt !== undefined) gone.push(...emptyIn(this.#excerpt, act));
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
    if (!this.#isLive || this.#threads.isArriving(thread) || this.#excerpt !== undefined) return;
    if (wasArriving) return this.#begin();
    if (isTrimmed) this.#timeline.trim();
    if (isMoved) this.#timeline.refresh();
    else this.#timeline.append();
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
    if (!this.#threads.isComplete(this.#shown)) await this.#load((stretch) => this.#threads.older(stretch, limit));
  }
  /** Reads what was said after an excerpt. */
  async #showNewer(): Promise<void> {
    await this.#load(() => this.#excerpt?.newer());
  }
  /** Loads more of what is shown, one thing at a time. */
  async #load(read: (stretch: Stretch) => Promise<void> | undefined): Promise<void> {
    const shown = this.#shown;
    if (this.#isLoading || !this.#isLive) return;
    this.#isLoading = true;
    await read(shown);
    this.#isLoading = false;
    if (shown === this.#shown) this.#loaded();
    void this.#fill();
    this.#onChange();
  }
  #loaded(): void {
    if (this.#excerpt === undefined || !this.#join(this.#excerpt)) return this.#timeline.refresh();
    this.#excerpt = undefined;
    this.#timeline.join(this.#thread, this.#connection.waiting);
  }

  /** Something of ours is on its way: whoever writes has read what is above. */
  showOwn(): void {
    this.leaveExcerpt();
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
  retool(): void {
    this.#timeline.retool();
  }
  /** Whether the next message that comes here is shown, and read out, at once. */
  get isLive(): boolean {
    return this.#isLive && !this.#threads.isArriving(this.#thread);
  }

  showButtons(): void {
    this.#timeline.showButtons(this.#unread, !this.#threads.isComplete(this.#shown));
  }

  toEnd(): void {
    this.#seeking = undefined;
    if (!this.leaveExcerpt()) this.#timeline.toEnd();
  }
}

function has({ entries }: Stretch, seq: number): boolean {
  return entries.some((entry) => entry.type === "message" && entry.seq === seq);
}
