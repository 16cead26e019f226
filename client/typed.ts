// typed.ts: what typed lines mean, in classic mode too, where bare words in the lobby are commands; which are not taken, and which are
// repeated in the log. Does nothing itself.

import type { Request } from "../protocol.ts";
import type { Local, Place } from "../shared/arguments.ts";
import { isSecret, parseCommand } from "../shared/commands.ts";
import { LOBBY } from "../shared/names.ts";
import { emoteOf, whyTooLong } from "../shared/text.ts";

/** What a typed line asks for; "message" is the word of classic mode that asks for a name and a text. */
export type Typed = ReturnType<typeof parseCommand> | "message";

const MAX_LINES = 50; // of one message
/** Commands that are typed without their slash, by those who come from other programs. */
const COMMANDS_SAID = new Set(["help", "exit", "quit", "who", "leave", "names", "rooms"]);

/** A line in classic mode: bare words are commands in the lobby, and in a room everything but `leave` is said. */
export function readClassic(text: string, place: Place): Typed {
  const words = text.trim();
  if (place.room !== LOBBY && words !== "leave") return { type: "say", to: place.room, text: text.trimEnd() };
  if (words === "message") return "message";
  return parseCommand(/^(who|leave|exit|join \S+)$/.test(words) ? `/${words}` : text, place);
}

/** What people say who want something else; a question to them, or `undefined`. */
export function mayBeMeant(text: string): string | undefined {
  const word = text.trim().toLowerCase();
  return COMMANDS_SAID.has(word) ? `Did you mean /${word}? Enter again says it` : undefined;
}

/** A pasted block as it has to be typed to be said as it is: where it begins with a comment, "//" stands for one slash. */
export function typedBlock(block: string): string {
  return block.startsWith("//") ? `/${block}` : block;
}

/** Why a line is not taken, if it is not. */
export function whyNotTaken(text: string): string | undefined {
  const typed = text.trimEnd();
  const lines = typed.split("\n").length;
  if (lines > MAX_LINES) return `That message has ${lines} lines; ${MAX_LINES} fit. Nothing was sent.`;
  return whyTooLong(typed);
}

/** Whether it is a command that asks nothing of the server and shows no other place. */
export function isOwnSide(typed: Request | Local): typed is Exclude<Local, { type: "open" }> {
  return ["help", "rules", "ignore", "clear"].includes(typed.type);
}

/** A typed line as it may be shown afterwards: of a secret one the command only. */
export function withoutSecret(text: string): string {
  return isSecret(text) ? text.replace(/\s.*/s, " …") : text;
}

/** Whether a typed line is repeated in the log, above its answer: a command is, unless it is secret. A message is not, it comes back
 *  by itself. */
export function mayEcho(text: string): boolean {
  return /^\/(?!\/)/.test(text) && !isSecret(text) && emoteOf(text) === undefined;
}
