// classic.ts: what typed lines mean in classic mode, where bare words in the lobby are commands. Does nothing itself.

import type { Place } from "../shared/commands.ts";
import { parseCommand } from "../shared/commands.ts";
import { LOBBY } from "../shared/names.ts";

/** What a typed line asks for; "message" is the word of classic mode that asks for a name and a text. */
export type Typed = ReturnType<typeof parseCommand> | "message";

/** A line in classic mode: bare words are commands in the lobby, and in a room everything but `leave` is said. */
export function readClassic(text: string, place: Place): Typed {
  const words = text.trim();
  if (place.room !== LOBBY && words !== "leave") return { type: "say", to: place.room, text: text.trimEnd() };
  if (words === "message") return "message";
  return parseCommand(/^(who|leave|exit|join \S+)$/.test(words) ? `/${words}` : text, place);
}
