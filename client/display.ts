// display.ts: what things look like on a terminal: an event becomes lines of text with colours, local times, a line
// when the day changes and rules between parts. Prints nothing. Texts come in without control characters; every further
// line of a message is indented, so that nobody can write a line that looks like somebody else's.

import { help } from "../shared/commands.ts";
import type { Event, Message, Request } from "../protocol.ts";
import { render } from "../shared/render.ts";
import { truncateMessage } from "../shared/text.ts";
import { isRoom } from "../shared/names.ts";

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
  "Tab completes /command, @name and #room. Alt+Enter: a new line. Alt+A, Alt+1…9: another room or person.",
  "//text says /text. Ctrl+C clears the line, and leaves when it is empty.",
];
/** The values of these fields are masked. What comes in has a `code` too, which says why something was refused. */
const SECRETS = {
  in: /("(?:password|token)"\s*:\s*")(?:[^"\\]|\\.)*/g,
  out: /("(?:password|token|code)"\s*:\s*")(?:[^"\\]|\\.)*/g,
};
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });

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
    const { to, from, at, cut } = message;
    const { text, cut: more } = truncateMessage(message.text);
    if (plain) return [render({ ...message, text: text.replaceAll("\n", " / ") }, { user, late }).join(" ")];
    const [first, ...rest] = text.replaceAll("\t", "    ").split("\n");
    const said = loud ? this.strong(first!) : first!;
    const tail = (cut ?? 0) + more > 0 ? [`  (${(cut ?? 0) + more} more characters were cut off)`] : [];
    const head = `${this.#time(at)}${loud ? this.strong(">>") + " " : ""}${this.#who(to, from)}: ${said}`;
    return [...this.#dayLine(at), head, ...rest.map((line) => `  ${loud ? this.strong(line) : line}`), ...tail];
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

  /** The commands, and the keys where there are any. */
  help(): string[] {
    return [...help(true), ...(this.#look.plain ? [] : KEYS)].flatMap((line) => this.info(line));
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

  /** The rows above the prompt, none when there is nothing to tell: lines on their way, `retry` seconds to the next try
   *  to connect, and what waits in other rooms. */
  status({
    waiting,
    retry,
    elsewhere,
  }: {
    waiting: string[];
    retry: number | undefined;
    elsewhere: string[];
  }): string[] {
    const narrow = this.#look.columns() < 60;
    const rows = waiting.slice(0, ROWS_WAITING).map((text) => `  … ${text.replaceAll("\n", " ⏎ ")}`);
    if (waiting.length > ROWS_WAITING) rows.push(`  … and ${waiting.length - ROWS_WAITING} more`);
    if (retry !== undefined && retry <= 0) rows.push(narrow ? "  Offline, trying…" : "  Not connected. Trying now…");
    else if (retry !== undefined && narrow) rows.push(`  Offline: ${retry} s/Enter`);
    else if (retry !== undefined)
      rows.push(`  Not connected. Trying again in ${retry} s, or press Enter. You can keep typing.`);
    if (elsewhere.length > 0) rows.push(`  ${elsewhere.join("  ")}${narrow ? "" : "  Alt+A to read"}`);
    return rows.map((row) => this.dim(row));
  }

  /** A frame as it went over the wire: its direction, its bytes, its text. Secrets are masked. */
  frame(direction: "in" | "out", line: string): string[] {
    const { plain } = this.#look;
    const arrow = direction === "in" ? (plain ? "<-" : "←") : plain ? "->" : "→";
    const masked = line.replace(SECRETS[direction], "$1***");
    const shown = masked.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escape).slice(0, 2_000);
    return [this.dim(`${arrow} ${Buffer.byteLength(line) + 1} B ${shown}${masked.length > 2_000 ? " …" : ""}`)];
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

  #who(to: string, from: string): string {
    if (isRoom(to)) return this.name(from);
    const one = (name: string) => (name === this.user ? "you" : this.name(name));
    return `${one(from)} → ${one(to)}`;
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

/** Which colours a terminal shows, by its own word and the reader's (no-color.org). */
export function coloursOf(env: Record<string, string | undefined>, onTerminal: boolean): 0 | 16 | 256 {
  if (!onTerminal || env.NO_COLOR || env.TERM === "dumb") return 0;
  return /256|direct|kitty|ghostty/.test(env.TERM ?? "") || env.COLORTERM ? 256 : 16;
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

/** FNV-1a. */
function hash(text: string): number {
  let code = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) code = Math.imul(code ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return code;
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
