// arguments.ts: what a command is, where it is typed, and how its arguments are read: names, rooms, times. Knows no command.

import type { Refusal, Request } from "../protocol.ts";
import { foldName, foldRoom, isRoom } from "./names.ts";

/** Where a typed line is read: who types (nobody, or "", before sign-in), the current room, or person, and who wrote to them last. */
export interface Place {
  user?: string | undefined;
  room: string;
  partner?: string | undefined;
}
/** What a typed line asks of the reader's own side instead of the server; `open`: to see what was written with a person; `rules`: what
 *  is set for the whole server; `ignore`: not to be shown what somebody says (not any more, unless `isOn`), or who that is; `clear`: an
 *  empty screen. */
export type Local =
  | { type: "help" }
  | { type: "rules" }
  | { type: "clear" }
  | { type: "open"; to: string }
  | { type: "ignore"; user?: string; isOn: boolean };
export type Typed = Request | Refusal | Local;

export interface Command {
  names: readonly [string, ...string[]];
  usage: string;
  help: string;
  when?: "signed out" | "any time"; // default: signed in
  forHosts?: true; // it is listed for hosts only
  exact?: true; // its last argument is taken as typed, spaces at its end and the indentation of several lines included
  read: (rest: string, place: Place) => Typed;
}

/** Why a command was not understood. */
export function usage(text: string): Refusal {
  return { code: "bad_request", text };
}
/** The first word and what comes after it; `exact`: of several lines the first keeps its indentation. */
export function cutWord(text: string, exact?: true): { word: string; rest: string } {
  const end = text.search(/\s/);
  if (end < 0) return { word: text, rest: "" };
  const rest = text.slice(end + 1);
  return { word: text.slice(0, end), rest: exact && rest.includes("\n") ? rest : rest.trimStart() };
}
export function withPerson(name: string, make: (to: string) => Typed): Typed {
  const to = foldName(name.startsWith("@") ? name.slice(1) : name);
  return to === undefined ? { code: "unknown_user" } : make(to);
}
export function inRoom(room: string, make: (to: string) => Typed): Typed {
  const to = foldRoom(isRoom(room) ? room : `#${room}`);
  return to === undefined ? { code: "bad_room" } : make(to);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Until when something is to hold, as `set` takes it: `10m`, `2h` from now on by the server's clock, `16:00` by the one here, today or
 *  tomorrow. `undefined` if it is none of these. `now` in ms since 1970. */
export function readTime(word: string, now: number = Date.now()): string | undefined {
  const span = /^(\d{1,5})([smhd])$/i.exec(word);
  if (span !== null) return `+${Number(span[1]) * UNITS[span[2]!.toLowerCase()]!}`;
  const clock = /^([01]?\d|2[0-3])[:.]([0-5]\d)$/.exec(word);
  if (clock === null) return undefined;
  const end = new Date(now);
  end.setHours(Number(clock[1]), Number(clock[2]), 0, 0);
  if (end.getTime() <= now) end.setDate(end.getDate() + 1);
  return String(end.getTime());
}
