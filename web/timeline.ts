// timeline.ts: the messages on the screen: where the reader is among them, and stays while more of them are drawn; what waits below. What
// is drawn is in rows.ts.

import type { Message } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { the } from "./dom.ts";
import type { Reader } from "./message.ts";
import { waitingRow } from "./message.ts";
import { Rows } from "./rows.ts";
import type { Note, Stretch } from "./threads.ts";

const NEAR_END = 60; // px; who is this close to the end follows it
const NEAR = 600; // px; who is this close to what is not loaded will want it

/** What a reader does. */
export interface TimelineHooks {
  /** Has come near the oldest message that is drawn. */
  wantsOlder: () => void;
  /** Has come near the newest one of an excerpt. */
  wantsNewer: () => void;
  /** Has scrolled, maybe to the end. */
  moved: () => void;
  /** Wants to see the newest. */
  jump: () => void;
  /** Wants to see what was written with somebody. */
  open: (user: string) => void;
}

export class Timeline {
  readonly #box = the("scroll", HTMLElement);
  readonly #log = the("log", HTMLElement);
  readonly #queue = the("queue", HTMLElement);
  readonly #older = the("older", HTMLButtonElement);
  readonly #jump = the("jump", HTMLButtonElement);
  readonly #reader: Reader;
  readonly #rows: Rows;
  readonly #hooks: TimelineHooks;
  #waiting = ""; // ids of what waits
  #stretch: Stretch | undefined;
  #isPart = false; // its end is not the end of its thread
  #following = true;
  #top = 0; // px, where the reader was
  #isFollowing = false; // when this turn of the event loop is over
  #growing: ReturnType<typeof setTimeout> | undefined;

  constructor(reader: Reader, hooks: TimelineHooks) {
    this.#reader = reader;
    this.#rows = new Rows(reader);
    this.#hooks = hooks;
    const box = this.#box;
    box.onscroll = () => {
      // Only a reader who scrolls up stops following; the end moves away by itself when a keyboard opens.
      if (this.#atEnd) this.#following = true;
      else if (box.scrollTop < this.#top) this.#following = false;
      this.#top = box.scrollTop;
      this.#look();
      hooks.moved();
    };
    this.#older.onclick = hooks.wantsOlder;
    this.#jump.onclick = hooks.jump;
    this.#log.onclick = ({ target }) => this.#clicked(target as Element);
    new ResizeObserver(() => this.#follow()).observe(box); // a keyboard opens, a line of the composer grows
  }

  /** A name, or a face, leads to the person, as the list does. A message that is touched shows what can be done to it. */
  #clicked(target: Element): void {
    const item = target.closest(".message");
    if (item === null || target.closest("a, button") !== null) return;
    if (target.closest(".from, .avatar") !== null)
      return this.#hooks.open(item.querySelector(".from")!.firstChild!.textContent!);
    for (const other of this.#log.querySelectorAll(".chosen")) if (other !== item) other.classList.remove("chosen");
    item.classList.toggle("chosen");
  }

  /** Asks for what the reader comes near to. */
  #look(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    if (scrollTop < NEAR && this.#rows.isWholeAbove) this.#hooks.wantsOlder();
    if (this.#isPart && scrollHeight - scrollTop - clientHeight < NEAR && this.#rows.isWholeBelow)
      this.#hooks.wantsNewer();
  }

  /** `unread`: of the thread that is shown; `more`: there may be older messages. */
  showButtons(unread: number, more: boolean): void {
    this.#older.hidden = !more || this.#rows.isEmpty;
    this.#jump.hidden = this.#following;
    this.#jump.textContent = unread > 0 ? `↓ ${unread} new` : "↓ Newest";
    this.#follow();
  }

  /** Whether the reader sees the newest message, and the next one as it comes. */
  get following(): boolean {
    return this.#following;
  }
  get #atEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#box;
    return !this.#isPart && scrollHeight - scrollTop - clientHeight < NEAR_END && this.#rows.isWholeBelow;
  }

  // ---- what is shown ----

  /** Shows a thread from its first unseen message on, or its end. */
  show(thread: Stretch, waiting: readonly Waiting[]): void {
    this.#turnTo(thread, false);
    this.#rows.show(thread);
    this.showWaiting(waiting);
    this.#scrollTo(this.#box.scrollHeight);
    const mark = this.#log.querySelector(".fresh");
    const above = mark === null ? 0 : mark.getBoundingClientRect().top - this.#box.getBoundingClientRect().top;
    if (above < 0) this.#scrollTo(this.#box.scrollTop + above);
    this.#following = this.#atEnd;
    this.#grow();
  }

  /** Shows one message in the middle, marked; `isPart`: of a stretch that is not joined with the end of its thread. */
  reveal(stretch: Stretch, seq: number, isPart: boolean): void {
    this.#turnTo(stretch, isPart);
    this.#rows.show(stretch, seq);
    this.showWaiting([]);
    const row = this.#rows.of(seq);
    if (row === undefined) return;
    row.classList.add("hit");
    row.tabIndex = -1;
    const { top, height } = row.getBoundingClientRect();
    const box = this.#box.getBoundingClientRect();
    this.#scrollTo(this.#box.scrollTop + top - box.top - Math.max(0, (box.height - height) / 2));
    row.focus({ preventScroll: true }); // so a screen reader reads it
    this.#following = this.#atEnd;
    this.#grow();
  }
  #turnTo(stretch: Stretch, isPart: boolean): void {
    this.#stretch = stretch;
    this.#isPart = isPart;
    const hit = this.#log.querySelector(".hit");
    hit?.classList.remove("hit");
    hit?.removeAttribute("tabindex");
  }

  /** The excerpt that is shown has met the end of its thread. */
  join(thread: Stretch, waiting: readonly Waiting[]): void {
    this.#stretch = thread;
    this.#isPart = false;
    this.#rows.join(thread);
    this.showWaiting(waiting);
    this.refresh();
  }

  /** More is loaded, or the line that says what is new stands elsewhere; the reader stays where they are. */
  refresh(): void {
    if (this.#stretch === undefined) return;
    this.#keepRow(() => this.#rows.mark());
    this.#grow();
  }
  /** Nothing of what is drawn is true any more. */
  forget(): void {
    if (this.#stretch !== undefined) this.#rows.begin(this.#stretch, undefined);
  }
  /** The oldest entries of the thread are gone. */
  trim(): void {
    this.#keepPlace(() => this.#rows.cut());
  }
  /** A message has come at the end of the thread. */
  append(): void {
    this.#rows.below(true);
    this.#grow();
  }
  /** Adds a note, or shows that it has changed, or is there no more. */
  note(note: Note): void {
    if (!this.#rows.note(note) && note.text !== "") return this.append();
    this.#follow();
  }
  /** A message that is here was removed. */
  empty(message: Message): void {
    this.#rows.empty(message);
  }
  /** What may be done to the messages has changed. */
  retool(): void {
    this.#rows.retool();
  }
  /** It may be another day. */
  nameDays(): void {
    this.#rows.nameDays();
  }

  showWaiting(waiting: readonly Waiting[]): void {
    const name = this.#stretch?.name;
    const rows = this.#isPart ? [] : waiting.filter(({ to }) => to === name);
    const shown = rows.map(({ id }) => id).join();
    if (shown === this.#waiting) return; // a row that is made anew at every try to come back would flicker
    this.#waiting = shown;
    this.#queue.replaceChildren(...rows.map(({ text }) => waitingRow(text, this.#reader.user)));
    this.#follow();
  }

  /** Draws what is loaded and not drawn yet, a little at a time. */
  #grow(): void {
    clearTimeout(this.#growing);
    this.#growing = undefined;
    this.#rows.below();
    if (!this.#rows.isWholeAbove) this.#keepPlace(() => this.#rows.above());
    if (!this.#rows.isWholeAbove || !this.#rows.isWholeBelow) this.#growing = setTimeout(() => this.#grow());
    else if (this.#isPart) this.#look(); // it may not fill the screen
    this.#follow();
  }
  /** Changes something, maybe above the reader, who stays at the row they look at. */
  #keepRow(change: () => void): void {
    const { left, top, height } = this.#box.getBoundingClientRect();
    const row = document.elementFromPoint(left + 1, top + height / 2)?.closest("#log li");
    const before = row?.getBoundingClientRect().top ?? 0;
    change();
    if (row?.isConnected) this.#scrollBy(row.getBoundingClientRect().top - before);
  }
  /** Changes how much is drawn above the reader, who stays where they are. */
  #keepPlace(change: () => void): void {
    const end = () => this.#queue.getBoundingClientRect().top;
    const before = end();
    change();
    this.#scrollBy(end() - before);
  }

  toEnd(): void {
    if (this.#stretch !== undefined && !this.#rows.isWholeBelow) {
      this.#rows.begin(this.#stretch, undefined);
      this.#grow();
    }
    this.#scrollTo(this.#box.scrollHeight);
    this.#following = true;
  }

  #scrollBy(height: number): void {
    if (height !== 0) this.#scrollTo(this.#box.scrollTop + height);
  }
  /** A place that was not chosen by the reader: the list may have become shorter above it. */
  #scrollTo(top: number): void {
    this.#box.scrollTop = top;
    this.#top = this.#box.scrollTop;
  }

  /** Keeps the end in sight, once for all events that are read in one turn: each look at the height lays the list out anew. */
  #follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    setTimeout(() => {
      this.#isFollowing = false;
      if (this.#following) this.toEnd();
    });
  }
}
