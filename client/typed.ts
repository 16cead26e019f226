// typed.ts: what typed lines mean, in classic mode too, where bare words in the lobby are commands; which are not taken, and which are
// repeated in the log. Does nothing itself.

import type { Place } from "../shared/arguments.ts";
import { isSecret, parseCommand } from "../shared/commands.ts";
import { LOBBY } from "../shared/names.ts";
import { whyTooLong } from "../shared/text.ts";

/** What a typed line asks for; "message" is the word of classic mode that asks for a name and a text. */
export type Typed = ReturnType<typeof parseCommand> | "message";

const MAX_LINES = 50; // of one message

/** A line in classic mode: bare words are commands in the lobby, and in a room everything but `leave` is said. */
export function readClassic(text: string, place: Place): Typed {
  const words = text.trim();
  if (place.room !== LOBBY && words !== "leave") return { type: "say", to: place.room, text: text.trimEnd() };
  if (words === "message") return "message";
  return parseCommand(/^(who|leave|exit|join \S+)$/.test(words) ? `/${words}` : text, place);
}

/** Why a line is not taken, if it is not. */
export function whyNotTaken(text: string): string | undefined {
  const typed = text.trimEnd();
  const lines = typed.split("\n").length;
  if (lines > MAX_LINES) return `That message has ${lines} lines; ${MAX_LINES} fit. Nothing was sent.`;
  return whyTooLong(typed);
}

/** A typed line as it may be shown afterwards: of a secret one the command only. */
export function withoutSecret(text: string): string {
  return isSecret(text) ? text.replace(/\s.*/s, " …") : text;
}

/** Whether a typed line is repeated in the log, above its answer: a command is, unless it is secret. A message is not, it comes back
 *  by itself. */
export function mayEcho(text: string): boolean {
  return /^\/(?!\/)/.test(text) && !isSecret(text);
}
