// rows.ts: the rows of the log: what is loaded of one thread, as far as it is drawn, with days and "new" between. A row is made once and
// changed in its place, so that no step costs more than what it changes. Rows stand in lists of some hundred: what is far from the screen
// costs the browser as much as one row. Knows nothing of scrolling.

import type { Message } from "../protocol.ts";
import { emoteOf } from "../shared/text.ts";
import { element, the, timeOf } from "./dom.ts";
import type { Reader } from "./message.ts";
import { actRow, emptyRow, messageRow, noteRow, retool } from "./message.ts";
import type { Entry, Note, Stretch } from "./threads.ts";
import { welcome } from "./welcome.ts";

const CHUNK = 100; // entries that are drawn in one step: some milliseconds
const FULL = 200; // rows of a list to which no more are added
const TOGETHER = 5 * 60_000; // ms between two messages of one person that share a heading
const SILENT = 200; // ms after which a screen reader has taken no notice of what was drawn

type Key = number | Note; // of an entry: its seq, or the note itself

export class Rows {
  readonly #log = the("log", HTMLElement);
  readonly #reader: Reader;
  readonly #rows = new Map<Key, HTMLElement>();
  #stretch: Stretch | undefined;
  #first: Key | undefined; // the entries from here
  #last: Key | undefined; // to here are drawn
  #marked: number | undefined; // seq of the message before which the line stands that says what is new
  #silence: ReturnType<typeof setTimeout> | undefined;
  #midnight: ReturnType<typeof setTimeout> | undefined;
  #retooling: ReturnType<typeof setTimeout> | undefined;

  constructor(reader: Reader) {
    this.#reader = reader;
    this.nameDays();
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }
  get isWholeAbove(): boolean {
    return this.#indexOf(this.#first) <= 0;
  }
  get isWholeBelow(): boolean {
    const newest = this.#stretch?.entries.at(-1);
    return newest === undefined || keyOf(newest) === this.#last;
  }
  /** The row of a message, if it is drawn. */
  of(seq: number): HTMLElement | undefined {
    return this.#rows.get(seq);
  }

  // ---- drawing ----

  /** Draws a message of a stretch, or its first new one, or its end, with what is next to it. What is drawn of it already stays. */
  show(stretch: Stretch, seq = this.#firstNew(stretch)): void {
    if (stretch === this.#stretch && stretch.entries.some(isMessage)) {
      this.mark();
      this.below();
      if (seq === undefined ? this.isWholeBelow : this.#rows.has(seq)) return;
    }
    this.begin(stretch, seq);
  }
  /** The same, and nothing of what was drawn stays. */
  begin(stretch: Stretch, seq: number | undefined): void {
    const { entries } = stretch;
    this.#hush();
    this.#stretch = stretch;
    this.#marked = this.#firstNew(stretch);
    this.#rows.clear();
    const middle = seq === undefined ? entries.length : this.#indexOf(seq);
    const from = Math.max(0, middle - CHUNK);
    const drawn = this.#draw(from, middle + CHUNK);
    if (stretch.from <= 1 && !entries.some(isMessage)) drawn.unshift(welcome(stretch.name));
    this.#log.replaceChildren();
    this.#add(drawn);
    this.#first = keyAt(entries, from);
    this.#last = keyAt(entries, Math.min(middle + CHUNK, entries.length) - 1);
  }

  /** Draws the next entries below. */
  below(isNews = false): void {
    const { entries } = this.#stretch!;
    const from = this.#indexOf(this.#last) + 1;
    if (from === entries.length) return;
    if (!isNews) this.#hush();
    if (entries.slice(from).some(isMessage)) this.#log.querySelector(".welcome")?.remove();
    this.#add(this.#draw(from, from + CHUNK));
    this.#first ??= keyAt(entries, from);
    this.#last = keyAt(entries, Math.min(from + CHUNK, entries.length) - 1);
  }
  /** Draws the next entries above. */
  above(): void {
    const { entries } = this.#stretch!;
    const end = this.#indexOf(this.#first);
    if (end <= 0) return;
    const from = Math.max(0, end - CHUNK);
    this.#hush();
    this.#log.prepend(element("ol", "", ...this.#draw(from, end)));
    this.#settle();
    this.#first = keyAt(entries, from);
    this.#refit(end); // its day, or its heading, may have begun before it
  }
  /** The oldest entries are not loaded any more. */
  cut(): void {
    const { entries } = this.#stretch!;
    const first = this.#rows.get(keyAt(entries, 0)!);
    if (first === undefined && this.#indexOf(this.#first) > 0) return; // none of what is drawn
    if (first === undefined) return this.begin(this.#stretch!, undefined);
    const range = document.createRange();
    range.setStart(this.#log, 0);
    range.setEndBefore(first);
    range.deleteContents();
    for (const [key, row] of this.#rows) if (!row.isConnected) this.#rows.delete(key);
    this.#first = keyAt(entries, 0);
    this.#refit(0);
  }

  #add(rows: readonly HTMLElement[]): void {
    const last = this.#log.lastElementChild;
    if (last !== null && last.childElementCount < FULL) return last.append(...rows);
    this.#log.append(element("ol", "", ...rows));
    this.#settle();
  }
  /** Lets the browser leave out lists while they are far away, once it has seen how high they are. The last one still grows. */
  #settle(): void {
    const lists = [...this.#log.children].slice(0, -1);
    const leaveOut = () => {
      for (const list of lists) list.classList.add("settled");
    };
    requestAnimationFrame(() => requestAnimationFrame(leaveOut));
  }

  #draw(from: number, to: number): HTMLElement[] {
    const { entries } = this.#stretch!;
    return entries.slice(from, to).flatMap((entry, i) => {
      const before = entries[from + i - 1];
      const lines = this.#lines(entry, before);
      return [...lines, this.#row(entry, lines.length === 0 && isTogether(before, entry))];
    });
  }
  #row(entry: Entry, together: boolean): HTMLElement {
    const { user } = this.#reader;
    const talk = entry.type === "message" && entry.act === undefined;
    const row = talk
      ? messageRow(entry, together, this.#reader)
      : entry.type === "note"
        ? noteRow(entry.text, entry.at)
        : actRow(entry, user);
    this.#rows.set(keyOf(entry), row);
    return row;
  }
  /** The lines between two entries: a new day, and what is new. */
  #lines(entry: Entry, before: Entry | undefined): HTMLElement[] {
    if (entry.type === "note") return [];
    const lines: HTMLElement[] = [];
    if (before === undefined || dateOf(before.at) !== dateOf(entry.at)) {
      const day = element("li", "day", element("span", "", nameOf(entry.at)));
      day.dataset.at = String(entry.at);
      lines.push(day);
    }
    if (entry.seq === this.#marked)
      lines.push(element("li", "day fresh", element("span", "", `new since ${timeOf(entry.at)}`)));
    return lines;
  }
  /** Brings the lines before an entry, and its heading, up to date. */
  #refit(index: number): void {
    const entry = this.#stretch!.entries[index]!;
    const before = this.#stretch!.entries[index - 1];
    const row = this.#rows.get(keyOf(entry));
    if (row === undefined) return;
    for (let line; (line = row.previousElementSibling)?.classList.contains("day");) line.remove();
    const lines = this.#lines(entry, before);
    row.before(...lines);
    const together = lines.length === 0 && isTogether(before, entry);
    if (row.classList.contains("together") === together) return;
    const isFocused = row.contains(document.activeElement);
    row.replaceWith(this.#row(entry, together));
    if (isFocused) this.#rows.get(keyOf(entry))!.querySelector<HTMLElement>(".tool")?.focus({ preventScroll: true });
  }

  // ---- what changes ----

  /** What is drawn is a part of another stretch now. */
  join(stretch: Stretch): void {
    this.#stretch = stretch;
  }

  /** Moves the line that says what is new to where it belongs now. */
  mark(): void {
    const old = this.#marked;
    this.#marked = this.#firstNew(this.#stretch!);
    if (old === this.#marked) return;
    for (const seq of [old, this.#marked])
      if (seq !== undefined && this.#rows.has(seq)) this.#refit(this.#indexOf(seq));
  }
  /** A note has changed, or is there no more. Returns whether it is drawn. A screen reader has read it once: that a text changes is
   *  not announced (`aria-relevant` is "additions"). */
  note(note: Note): boolean {
    const row = this.#rows.get(note);
    if (row === undefined) return false;
    if (note.text !== "") (row.firstElementChild!.firstChild as Text).data = note.text;
    else {
      row.remove();
      this.#rows.delete(note);
      const { entries } = this.#stretch!;
      const isDrawn = (entry: Entry) => this.#rows.has(keyOf(entry));
      if (this.#first === note) this.#first = keyAt(entries, entries.findIndex(isDrawn));
      if (this.#last === note) this.#last = keyAt(entries, entries.findLastIndex(isDrawn));
      if (this.isEmpty) this.begin(this.#stretch!, undefined);
    }
    return true;
  }
  /** A message that is here was removed. */
  empty(message: Message): void {
    const row = this.#rows.get(message.seq);
    if (row !== undefined) emptyRow(row, message, this.#reader);
  }
  /** What may be done to the messages has changed: the last ones first, some at a time. */
  retool(end = Infinity): void {
    clearTimeout(this.#retooling);
    const { entries } = this.#stretch!;
    const from = Math.max(0, Math.min(end, entries.length) - CHUNK);
    for (const entry of entries.slice(from, end)) {
      const row = this.#rows.get(keyOf(entry));
      if (row !== undefined && entry.type === "message" && entry.act === undefined) retool(row, entry, this.#reader);
    }
    if (from > 0) this.#retooling = setTimeout(() => this.retool(from));
  }
  /** "Today" has another name tomorrow. */
  nameDays(): void {
    for (const day of this.#log.querySelectorAll<HTMLElement>("[data-at]"))
      day.firstElementChild!.textContent = nameOf(Number(day.dataset.at));
    clearTimeout(this.#midnight);
    this.#midnight = setTimeout(() => this.nameDays(), new Date().setHours(24, 0, 0, 0) - Date.now());
  }

  /** Silent to a screen reader: what is only shown again is no news. */
  #hush(): void {
    this.#log.ariaLive = "off";
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#log.ariaLive = "polite";
    }, SILENT);
  }

  #indexOf(key: Key | undefined): number {
    if (key === undefined || this.#stretch === undefined) return -1;
    const { entries } = this.#stretch;
    // Whatever is looked for is at one of the ends, or seldom.
    return key === this.#last
      ? entries.findLastIndex((entry) => keyOf(entry) === key)
      : entries.findIndex((entry) => keyOf(entry) === key);
  }
  #firstNew({ entries, fresh }: Stretch): number | undefined {
    if (fresh === undefined) return undefined;
    const isNew = (entry: Entry) => entry.type === "message" && entry.seq > fresh && entry.from !== this.#reader.user;
    return (entries.find(isNew) as Message | undefined)?.seq;
  }
}

function isMessage({ type }: Entry): boolean {
  return type === "message";
}
function keyOf(entry: Entry): Key {
  return entry.type === "note" ? entry : entry.seq;
}
function keyAt(entries: readonly Entry[], index: number): Key | undefined {
  const entry = entries[index];
  return entry && keyOf(entry);
}
/** Whether two messages of one person share a heading; what a host did has none. */
function isTogether(before: Entry | undefined, entry: Entry): boolean {
  if (before?.type !== "message" || entry.type !== "message") return false;
  if (before.act !== undefined || entry.act !== undefined || before.host !== entry.host) return false;
  if (emoteOf(entry.text) !== undefined) return false; // it begins with the name
  return before.from === entry.from && entry.at - before.at < TOGETHER;
}

/** The local day of a time. */
function dateOf(at: number): string {
  return new Date(at).toDateString();
}
/** `Today`, or the local day with its name. */
function nameOf(at: number): string {
  if (dateOf(at) === dateOf(Date.now())) return "Today";
  const parts = { weekday: "long", day: "numeric", month: "long", year: "numeric" } as const;
  return new Date(at).toLocaleDateString(undefined, parts);
}
