// timeline.ts: the list of messages on the screen: one thread at a time, days and "new" marked, what waits below. Keeps
// the place of a reader who has scrolled up. Text becomes text nodes, never markup.

import type { Message } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { element, the, timeOf } from "./dom.ts";
import type { Reader } from "./message.ts";
import { actRow, emptyRow, messageRow, noteRow, waitingRow } from "./message.ts";
import type { Entry, Note, Thread } from "./threads.ts";
import { welcome } from "./welcome.ts";

const NEAR_END = 60; // px; who is this close to the end follows it
const NEAR_START = 120; // px; who is this close to the start wants older messages
const TOGETHER = 5 * 60_000; // ms between two messages of one person that share a heading

/** What a reader does. */
export interface TimelineHooks {
  /** Has come near the oldest message. */
  wantsOlder: () => void;
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
  #thread: Thread | undefined;
  #last: Entry | undefined;
  #waiting = ""; // ids of what waits
  #isMarked = false; // the line that says what is new is there
  readonly #notes = new WeakMap<Note, HTMLElement>();
  #following = true;
  #top = 0; // px, where the reader was
  #isFollowing = false; // when this turn of the event loop is over

  constructor(reader: Reader, { wantsOlder, moved, jump, open }: TimelineHooks) {
    this.#reader = reader;
    const box = this.#box;
    box.onscroll = () => {
      // Only a reader who scrolls up stops following; the end moves away by itself when a keyboard opens.
      if (this.#atEnd) this.#following = true;
      else if (box.scrollTop < this.#top) this.#following = false;
      this.#top = box.scrollTop;
      if (box.scrollTop < NEAR_START) wantsOlder();
      moved();
    };
    this.#older.onclick = wantsOlder;
    this.#jump.onclick = jump;
    this.#log.onclick = ({ target }) => this.#clicked(target as Element, open);
    new ResizeObserver(() => this.#follow()).observe(box); // a keyboard opens, a line of the composer grows
  }

  /** A name, or a face, leads to the person, as the list does. A message that is touched shows what can be done to it. */
  #clicked(target: Element, open: (user: string) => void): void {
    const item = target.closest(".message");
    if (item === null || target.closest("a, button") !== null) return;
    if (target.closest(".from, .avatar") !== null) return open(item.querySelector(".from")!.firstChild!.textContent!);
    for (const other of this.#log.querySelectorAll(".chosen")) if (other !== item) other.classList.remove("chosen");
    item.classList.toggle("chosen");
  }

  /** `unread`: of the thread that is shown; `more`: there may be older messages. */
  showButtons(unread: number, more: boolean): void {
    this.#older.hidden = !more || this.#last === undefined;
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
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** Shows a thread from its first unseen message on, or its end. */
  show(thread: Thread, waiting: readonly Waiting[]): void {
    this.#thread = thread;
    this.#build(thread);
    this.showWaiting(waiting);
    const mark = this.#log.querySelector(".fresh");
    this.toEnd();
    const above = mark === null ? 0 : mark.getBoundingClientRect().top - this.#box.getBoundingClientRect().top;
    if (above < 0) this.#scrollTo(this.#box.scrollTop + above);
    this.#following = this.#atEnd;
  }

  /** Shows the same thread again, with the reader where they were. */
  refresh(): void {
    if (this.#thread === undefined) return;
    const fromEnd = this.#box.scrollHeight - this.#box.scrollTop;
    this.#build(this.#thread);
    this.#scrollTo(this.#box.scrollHeight - fromEnd);
    this.#follow();
  }

  /** Adds what the thread has got at its end. */
  append(entry: Entry): void {
    const thread = this.#thread!;
    if (entry.type === "message") this.#log.querySelector(".welcome")?.remove();
    this.#log.append(...this.#render(entry, this.#last, thread));
    this.#last = entry;
    this.#follow();
  }

  /** Adds a note, or shows that it has changed, or is there no more. A screen reader has read it once: that a text changes is not
   *  announced (`aria-relevant` is "additions"). */
  note(note: Note): void {
    const item = this.#notes.get(note);
    if (item === undefined) return note.text === "" ? undefined : this.append(note);
    if (note.text !== "") (item.firstElementChild!.firstChild as Text).data = note.text;
    else if (this.#thread!.entries.length === 0) this.refresh();
    else item.remove();
    this.#last = this.#thread!.entries.at(-1);
    this.#follow();
  }

  /** A message that is here was removed. */
  empty(message: Message): void {
    const item = this.#log.querySelector(`[data-seq="${message.seq}"]`);
    if (item !== null) emptyRow(item, message, this.#reader);
  }

  showWaiting(waiting: readonly Waiting[]): void {
    const name = this.#thread?.name;
    const rows = waiting.filter(({ to }) => to === name);
    const shown = rows.map(({ id }) => id).join();
    if (shown === this.#waiting) return; // a row that is made anew at every try to come back would flicker
    this.#waiting = shown;
    this.#queue.replaceChildren(...rows.map(({ text }) => waitingRow(text, this.#reader.user)));
    this.#follow();
  }

  toEnd(): void {
    this.#scrollTo(this.#box.scrollHeight);
    this.#following = true;
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

  /** Silent to a screen reader: what is only shown again is no news. */
  #build(thread: Thread): void {
    this.#log.ariaLive = "off";
    const items: HTMLElement[] = [];
    this.#last = undefined;
    this.#isMarked = false;
    for (const entry of thread.entries) {
      items.push(...this.#render(entry, this.#last, thread));
      this.#last = entry;
    }
    if (thread.from <= 1 && !thread.entries.some(({ type }) => type === "message")) items.unshift(welcome(thread.name));
    const focused = this.#log.contains(document.activeElement)
      ? document.activeElement!.closest<HTMLElement>("[data-seq]")?.dataset.seq
      : undefined;
    this.#log.replaceChildren(...items);
    this.#log.querySelector<HTMLElement>(`[data-seq="${focused}"] .tool`)?.focus({ preventScroll: true });
    setTimeout(() => {
      this.#log.ariaLive = "polite";
    }, 200);
  }

  #render(entry: Entry, before: Entry | undefined, thread: Thread): HTMLElement[] {
    const items: HTMLElement[] = [];
    const isNewDay = before === undefined || dayOf(before.at) !== dayOf(entry.at);
    if (isNewDay && entry.type === "message") items.push(element("li", "day", element("span", "", dayOf(entry.at))));
    if (!this.#isMarked && this.#isNew(entry, thread)) {
      this.#isMarked = true;
      items.push(element("li", "day fresh", element("span", "", `new since ${timeOf(entry.at)}`)));
    }
    const together = items.length === 0 && before?.type === "message" && isTogether(before, entry);
    if (entry.type === "note") items.push(this.#note(entry));
    else if (entry.act !== undefined) items.push(actRow(entry, this.#reader.user));
    else items.push(messageRow(entry, together, this.#reader));
    return items;
  }

  #isNew(entry: Entry, { fresh }: Thread): boolean {
    return entry.type === "message" && fresh !== undefined && entry.seq > fresh && entry.from !== this.#reader.user;
  }

  #note(note: Note): HTMLElement {
    const item = noteRow(note.text, note.at);
    this.#notes.set(note, item);
    return item;
  }
}

/** Whether two messages of one person share a heading; what a host did has none. */
function isTogether(before: Message, entry: Entry): boolean {
  if (entry.type !== "message" || before.act !== undefined || before.host !== entry.host) return false;
  return before.from === entry.from && entry.at - before.at < TOGETHER;
}

/** `Today`, or the local day with its name. */
function dayOf(at: number): string {
  const day = new Date(at).toDateString();
  if (day === new Date().toDateString()) return "Today";
  return new Date(at).toLocaleDateString(undefined, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}
