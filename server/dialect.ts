// dialect.ts: what one connection speaks, frames or typed lines, and what a line of it asks for. Decides nothing about who may
// ask what.

import type { Refusal, Request, RequestOf } from "../protocol.ts";
import type { Local, Place } from "../shared/arguments.ts";
import { help, NOT_HERE, parseCommand } from "../shared/commands.ts";
import { decode } from "../shared/decode.ts";
import { LIMITS } from "../protocol.ts";
import { ALL } from "../shared/settings.ts";
import { ruleLines } from "../shared/standing.ts";
import type { House } from "./house.ts";
import { secondsToSignIn } from "./patience.ts";

type OwnSide = Extract<Local, { type: "help" | "rules" }>;
/** What a line asks for, or why it asks for nothing. */
export type Read = Request | Refusal | OwnSide;

export class Dialect {
  #name: "unknown" | "frames" | "lines" = "unknown";

  /** A person reads lines; a program reads frames. */
  get isText(): boolean {
    return this.#name === "lines";
  }

  /** The last word to who did not sign in in time. Who has said nothing at all until then is a person who reads. */
  tooLate(): Refusal {
    const text = `Nobody signed in within ${secondsToSignIn(this.isText)} seconds, so this connection closes.`;
    if (this.#name === "unknown") this.#name = "lines";
    return { code: "not_signed_in", text };
  }

  /** What a line asks for, `undefined` if it is blank. The first that is not decides the dialect, by the first character that
   *  came (`opening`). `null` is a line that is not UTF-8. */
  read(line: string | null, opening: string, place: Place): Read | undefined {
    let text = line;
    if (this.#name === "unknown") {
      text = line?.trimStart() ?? null; // it may begin with a byte order mark
      if (text !== "") this.#name = opening === "{" ? "frames" : "lines";
    }
    if (text === "") return undefined;
    if (!place.user && text !== null && Buffer.byteLength(text) > LIMITS.lineBeforeSignIn)
      return { code: "line_too_long" };
    if (!this.isText) return decode(text);
    if (text === null) return { code: "bad_request", text: "That line is not valid UTF-8. Nothing was sent." };
    const typed = parseCommand(text, place);
    return typed !== undefined && isNotHere(typed) ? { code: "bad_request", text: NOT_HERE[typed.type] } : typed;
  }
}
function isNotHere(typed: Request | Refusal | Local): typed is Exclude<Local, OwnSide> {
  return "type" in typed && Object.hasOwn(NOT_HERE, typed.type);
}

/** What the server answers by itself to what is no request, for one who is signed in as `user` or as nobody (""). */
export function localLines({ type }: OwnSide, user: string, house: House): string[] {
  return type === "help" ? help(user !== "", house.isHost(user)) : ruleLines(house.shown(ALL));
}

export function isRequest(read: Read): read is Request {
  return "type" in read && read.type !== "help" && read.type !== "rules";
}
export function isSay(read: Read): read is RequestOf<"say"> {
  return "type" in read && read.type === "say";
}
