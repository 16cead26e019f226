// display.ts: what things look like on a terminal: an event becomes lines of text with colours, local times, a line
// when the day changes and rules between parts. Prints nothing. Texts come in without control characters; every further
// line of a message is indented, so that nobody can write a line that looks like somebody else's.

import type { Event, Message, Request, Setting } from "../protocol.ts";
import { describe, isAct } from "../shared/acts.ts";
import type { Closed } from "../shared/board.ts";
import { help } from "../shared/commands.ts";
import { passages } from "../shared/passages.ts";
import { render } from "../shared/render.ts";
import { emoteOf, truncateMessage } from "../shared/text.ts";
import { isRoom } from "../shared/names.ts";
import { expandTabs } from "./rows.ts";

export interface Look {
  colours: 0 | 16 | 256;
  plain: boolean; // one line an event, as text sessions show it
  columns: () => number;
  now: () => number; // ms since 1970
}

// Readable on black and on white: contrast of at least 3.6 : 1 with both.
const XTERM = [160, 166, 130, 100, 64, 28, 30, 32, 62, 98, 128, 162];
const ANSI = [31, 32, 35, 36, 34];
const NARROW = 40; // columns below which times are left out
const MAX_NAMES = 100; // names listed on one line
const ROWS_WAITING = 3; // lines on their way that are shown
const KEYS = [
  "Tab completes /command, @name and #room. Alt+Enter: a new line. Ctrl+R: lines typed before. Alt+A, Alt+1…9: another room or person.",
  "//text says /text. Ctrl+C clears the line, and leaves when it is empty.",
];
/** The values of these fields are masked. What comes in has a `code` too, which says why something was refused. */
const SECRETS = {
  in: /("(?:password|token)"\s*:\s*")(?:[^"\\]|\\.)*/g,
  out: /("(?:password|token|code)"\s*:\s*")(?:[^"\\]|\\.)*/g,
};
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });

/** What stands above the prompt. */
export interface StatusContent {
  waiting: string[]; // lines on their way
  retry: number | undefined; // s to the next try to connect
  server: string | undefined; // that is tried then, where there are several
  elsewhere: string[];
  closed: Closed | undefined;
}

export class Display {
  user = ""; // who reads
  readonly #look: Look;
  #day: string;

  constructor(look: Look) {
    this.#look = look;
    this.#day = dayOf(look.now());
  }

  /** A message. `loud`: it is for the reader personally. `late`: it is old, so that plain lines say from when. */
  message(message: Message, { loud = false, late = false } = {}): string[] {
    const { user } = this;
    const { plain } = this.#look;
    const { at, cut } = message;
    const { text, cut: more } = truncateMessage(message.text);
    const emote = emoteOf(text);
    if (plain) return [render({ ...message, text: text.replaceAll("\n", " / ") }, { user, late }).join(" ")];
    if (isAct(message)) return this.#act(message);
    if (message.removed !== undefined) return this.#removed(message);
    const [first, ...rest] = this.#lines(emote ?? text, loud);
    const tail = (cut ?? 0) + more > 0 ? [`  (${(cut ?? 0) + more} more characters were cut off)`] : [];
    const who =
      emote === undefined ? `${this.#who(message)}:` : `* ${this.#who(message)}${isRoom(message.to) ? "" : ":"}`;
    const head = `${this.#time(at)}${loud ? this.strong(">>") + " " : ""}${who} ${first}`;
    return [...this.#dayLine(at), head, ...rest.map((line) => `  ${line}`), ...tail];
  }

  /** The lines of a text; those that fence code are dim. */
  #lines(text: string, loud: boolean): string[] {
    const dim = (line: string | undefined) => (line === undefined ? [] : [this.dim(expandTabs(line))]);
    return passages(text).flatMap(({ text, fence }) => {
      const lines = text.split("\n").map(expandTabs);
      if (fence !== undefined) return [...dim(fence.open), ...lines, ...dim(fence.close)];
      return loud ? lines.map((line) => this.strong(line)) : lines;
    });
  }

  /** Messages from before, of one conversation; what is left of a flood is one line. */
  messages(messages: readonly Message[], isLoud: (message: Message) => boolean = () => false): string[] {
    const lines: string[] = [];
    for (let i = 0; i < messages.length;) {
      const count = this.#look.plain ? 1 : sameRemoved(messages, i);
      const message = messages[i]!;
      lines.push(
        ...(count > 1 ? this.#removed(message, count) : this.message(message, { late: true, loud: isLoud(message) })),
      );
      i += count;
    }
    return lines;
  }

  /** What a host did, or what somebody did with their own messages. */
  #act(message: Message): string[] {
    const told = flat(describe(message, this.user, (at) => this.until(at)));
    if (isAnnouncement(message)) return this.rule(told, message.at);
    return [...this.#dayLine(message.at), `${this.#time(message.at)}${this.dim(`* ${told}`)}`];
  }

  #removed(message: Message, count = 1): string[] {
    const { removed, was, at } = message;
    const by = removed === this.user ? "you" : removed;
    const said = was === undefined ? "" : `: ${truncateMessage(was).text}`;
    const what = count === 1 ? "" : `${count} messages, `;
    const [first, ...rest] = `(${what}removed by ${by}${said})`.split("\n").map((line) => this.dim(expandTabs(line)));
    const head = `${this.#time(at)}${this.#who(message)}: ${first}`;
    return [...this.#dayLine(at), head, ...rest.map((line) => `  ${line}`)];
  }

  /** What hosts want everybody to read. */
  announcement({ value, by }: Setting): string[] {
    return this.rule(`${by === this.user ? "you" : by} to everybody: ${flat(value)}`);
  }

  /** An event that is no message; of an answer, what it answers. */
  event(event: Event, asked?: Request): string[] {
    const short = event.type === "ok" && event.users ? { ...event, users: fewer(event.users) } : event;
    const lines = render(short, { user: this.user, ...(asked && { asked }) });
    return lines.flatMap((line) => this.info(line.replace(/^\* /, "")));
  }

  /** A sentence of the program or the server. */
  info(text: string): string[] {
    const { text: short } = truncateMessage(text);
    if (this.#look.plain) return [`* ${short.replaceAll("\n", " / ")}`];
    return short.split("\n").map((line, i) => this.dim(i === 0 ? `* ${line}` : `  ${line}`));
  }

  /** The commands, those of hosts too if the reader is one, and the keys where there are any. */
  help(isHost: boolean): string[] {
    const { plain } = this.#look;
    // In a narrow terminal there is no room for two columns.
    const commands = help(true, isHost).map((line) => (this.#isNarrow && !plain ? line.replace(/ {2,}/, "\n") : line));
    return [...commands, ...(plain ? [] : KEYS)].flatMap((line) => this.info(line));
  }

  /** That a room was entered, and who is there. */
  entered(room: string, users: string[]): string[] {
    return this.rule(`You are in ${room}, ${company(users.filter((user) => user !== this.user))}`);
  }

  /** A line between two parts of the log. */
  rule(text: string, at?: number): string[] {
    if (this.#look.plain) return [`* ${text}`];
    const day = at === undefined ? [] : this.#dayLine(at);
    return [...day, `${at === undefined ? "" : this.#time(at)}${this.dim(`── ${text} ──`)}`];
  }

  /** The prompt of a room or a person; a long name must leave room to type. */
  prompt(to: string): string {
    const most = Math.max(6, Math.floor(this.#look.columns() / 2) - 2);
    const name = isRoom(to) ? to : `@${to}`;
    return `${name.length > most ? name.slice(0, most - 1) + "…" : name}> `;
  }

  /** The rows above the prompt, none when there is nothing to tell: what is on its way, the next try to connect, what waits in
   *  other rooms, and why nothing can be written here. */
  status({ waiting, retry, server, elsewhere, closed }: StatusContent): string[] {
    const narrow = this.#isNarrow;
    const rows = waiting.slice(0, ROWS_WAITING).map((text) => `  … ${text.replaceAll("\n", " ⏎ ")}`);
    if (waiting.length > ROWS_WAITING) rows.push(`  … and ${waiting.length - ROWS_WAITING} more`);
    const [whom, rest] = server === undefined ? ["", " You can keep typing."] : [`${server} `, ""];
    if (retry !== undefined && retry <= 0)
      rows.push(narrow ? "  Offline, trying…" : `  Not connected. Trying ${whom}now…`);
    else if (retry !== undefined && narrow) rows.push(`  Offline: ${countdown(retry)}/Enter`);
    else if (retry !== undefined)
      rows.push(`  Not connected. Trying ${whom}again in ${countdown(retry)}, or press Enter.${rest}`);
    if (elsewhere.length > 0) rows.push(`  ${elsewhere.join("  ")}${narrow ? "" : "  Alt+A to read"}`);
    if (closed !== undefined) rows.push(`  ${this.#whyClosed(closed, narrow)}`);
    return rows.map((row) => this.dim(row));
  }

  #whyClosed({ key, by, until }: Closed, narrow: boolean): string {
    const end = until === Infinity ? "" : ` until ${narrow ? clock(until) : this.until(until)}`;
    if (key === "lock") return `Only hosts can write here${end}`;
    if (key === "mute") return `${by} muted you${end}${narrow ? "" : "; you can write to hosts"}`;
    return narrow ? "No private messages here" : "Private messages are not allowed here; /rules tells more";
  }

  /** A frame as it went over the wire: its direction, its bytes, its text. Secrets are masked. */
  frame(direction: "in" | "out", line: string): string[] {
    const { plain } = this.#look;
    const arrow = direction === "in" ? (plain ? "<-" : "←") : plain ? "->" : "→";
    const masked = line.replace(SECRETS[direction], "$1***");
    const shown = masked.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escape).slice(0, 2_000);
    return [this.dim(`${arrow} ${Buffer.byteLength(line) + 1} B ${shown}${masked.length > 2_000 ? " …" : ""}`)];
  }

  get #isNarrow(): boolean {
    return this.#look.columns() < 60;
  }

  dim(text: string): string {
    return this.#look.colours === 0 ? text : `\x1b[2m${text}\x1b[22m`;
  }
  strong(text: string): string {
    return this.#look.colours === 0 ? text : `\x1b[1m${text}\x1b[22m`;
  }

  /** A name in its own colour, the same on every day and every screen. */
  name(name: string): string {
    const { colours } = this.#look;
    if (colours === 0) return name;
    const code = hash(name);
    if (colours === 256) return `\x1b[38;5;${XTERM[code % XTERM.length]}m${name}\x1b[39m`;
    return `\x1b[${ANSI[code % ANSI.length]}m${name}\x1b[39m`;
  }

  #who({ to, from, host }: Message): string {
    const sender = `${this.name(from)}${host === true ? this.dim(" (host)") : ""}`;
    if (isRoom(to)) return sender;
    return `${from === this.user ? "you" : sender} → ${to === this.user ? "you" : this.name(to)}`;
  }

  /** When something ends: with its day, unless that is today. */
  until(at: number): string {
    const day = dayOf(at);
    return day === dayOf(this.#look.now()) ? clock(at) : `${clock(at)} on ${day}`;
  }

  #time(at: number): string {
    if (this.#look.columns() < NARROW) return "";
    return this.dim(clock(at)) + " ";
  }

  #dayLine(at: number): string[] {
    const day = dayOf(at);
    if (day === this.#day) return [];
    this.#day = day;
    return [this.dim(`── ${day} ──`)];
  }
}

/** Whether an act is for everybody to read, whatever is on their screen. */
export function isAnnouncement({ act, key, value }: Message): boolean {
  return act === "set" && key === "announce" && value !== undefined && value !== "";
}

/** How many messages from one on were said and removed by the same people, and tell no reader what they said; at least 1. */
function sameRemoved(messages: readonly Message[], from: number): number {
  const first = messages[from]!;
  const isSame = (one: Message) =>
    one.removed !== undefined && one.was === undefined && one.removed === first.removed && one.from === first.from;
  const end = messages.findIndex((one, i) => i >= from && !isSame(one));
  return Math.max(1, (end < 0 ? messages.length : end) - from);
}

/** Local time, hours and minutes. */
export function clock(at: number): string {
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return Number.isNaN(date.getTime()) ? "--:--" : `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function dayOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "some day" : DAY.format(date).replace(",", "");
}

function fewer(names: string[]): string[] {
  const rest = names.length - MAX_NAMES;
  return rest > 0 ? [...names.slice(0, MAX_NAMES), `${rest} more`] : names;
}

function company(others: string[]): string {
  if (others.length === 0) return "alone so far";
  const few = others.slice(0, 8);
  const rest = others.length - few.length;
  if (rest > 0) return `with ${few.join(", ")} and ${rest} more`;
  return `with ${few.length > 1 ? `${few.slice(0, -1).join(", ")} and ` : ""}${few.at(-1)}`;
}

/** A text on one line, so that nobody can write one that looks like somebody else's. */
function flat(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

/** Seconds in a unit that reads well, in few characters. */
function countdown(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7_200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3_600)} h`;
}

/** FNV-1a. */
function hash(text: string): number {
  let code = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return code;
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
