// timeline.ts: the list of messages on the screen: one thread at a time, days and "new" marked, what waits below. Keeps
// the place of a reader who has scrolled up. Text becomes text nodes, never markup.

import type { Message } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { avatar, colour, element, the, timeOf } from "./dom.ts";
import type { Entry, Note, Thread } from "./threads.ts";
import { mentions } from "../shared/text.ts";
import { isRoom } from "../shared/names.ts";

const NEAR_END = 60; // px; who is this close to the end follows it
const NEAR_START = 120; // px; who is this close to the start wants older messages
const TOGETHER = 5 * 60_000; // ms between two messages of one person that share a heading

/** Text with its http and https addresses as links, everything else as it is. */
export function withLinks(text: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(/\bhttps?:\/\/[^\s<>"]+/gi)) {
    const address = found.replace(/[.,;:!?)\]}'*]+$/, "");
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      continue;
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") continue;
    const link = element("a", "", address);
    link.href = url.href;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    nodes.push(document.createTextNode(text.slice(from, index)), link);
    from = index + address.length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** What a reader does. */
export interface TimelineHooks {
  /** Has come near the oldest message. */
  wantsOlder: () => void;
  /** Has scrolled, maybe to the end. */
  moved: () => void;
  /** Wants to see the newest. */
  jump: () => void;
}

export class Timeline {
  readonly #box = the("scroll", HTMLElement);
  readonly #log = the("log", HTMLElement);
  readonly #queue = the("queue", HTMLElement);
  readonly #older = the("older", HTMLButtonElement);
  readonly #jump = the("jump", HTMLButtonElement);
  readonly #user: string;
  #thread: Thread | undefined;
  #last: Entry | undefined;
  #isMarked = false; // the line that says what is new is there
  readonly #notes = new WeakMap<Note, HTMLElement>();
  #following = true;
  #top = 0; // px, where the reader was
  #isFollowing = false; // when this turn of the event loop is over

  constructor(user: string, { wantsOlder, moved, jump }: TimelineHooks) {
    this.#user = user;
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
    new ResizeObserver(() => this.#follow()).observe(box); // a keyboard opens, a line of the composer grows
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

  showWaiting(waiting: readonly Waiting[]): void {
    const name = this.#thread?.name;
    const rows = waiting.filter(({ to }) => to === name);
    this.#queue.replaceChildren(
      ...rows.map(({ text }) =>
        element("li", "message waiting", avatar(this.#user), this.#text(text), element("em", "", "waiting…")),
      ),
    );
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
    if (items.length === 0) items.push(element("li", "note", this.#welcome(thread)));
    this.#log.replaceChildren(...items);
    setTimeout(() => {
      this.#log.ariaLive = "polite";
    }, 200);
  }

  #welcome({ name }: Thread): string {
    return isRoom(name)
      ? `This is the start of ${name}. Say hello! /help lists the commands.`
      : `Only you and ${name} read this. What you write waits for ${name} if they are away.`;
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
    items.push(entry.type === "note" ? this.#note(entry) : this.#message(entry, together));
    return items;
  }

  #isNew(entry: Entry, { fresh }: Thread): boolean {
    return entry.type === "message" && fresh !== undefined && entry.seq > fresh && entry.from !== this.#user;
  }

  #note(note: Note): HTMLElement {
    const item = element("li", "note", element("p", "", ...withLinks(note.text)), time(note.at));
    this.#notes.set(note, item);
    return item;
  }

  #message({ from, text, cut, at }: Message, together: boolean): HTMLElement {
    const name = ["message"];
    if (together) name.push("together");
    if (from === this.#user) name.push("mine");
    else if (mentions(text, this.#user)) name.push("mention");
    const rest = cut === undefined ? undefined : element("em", "", `${cut} more characters were cut off`);
    return element(
      "li",
      name.join(" "),
      together ? undefined : avatar(from),
      element("b", `from ${colour(from)}`, from),
      this.#text(text),
      rest,
      time(at),
    );
  }

  #text(text: string): HTMLElement {
    const body = element("p", "text", ...withLinks(text));
    body.dir = "auto"; // text of one direction cannot reorder what stands beside it
    return body;
  }
}

function isTogether(before: Message, { type, at, ...entry }: Entry): boolean {
  return type === "message" && "from" in entry && before.from === entry.from && at - before.at < TOGETHER;
}

function time(at: number): HTMLElement {
  const shown = element("time", "", timeOf(at));
  shown.dateTime = new Date(at).toISOString();
  return shown;
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
