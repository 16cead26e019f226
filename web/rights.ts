// rights.ts: what this account may do now, by what hosts have set, as far as the page knows: why it cannot write somewhere, in a
// sentence, until when, and what it may remove. The server decides; this only spares questions whose answer is known.

import type { Message } from "../protocol.ts";
import type { Board } from "../shared/board.ts";
import { isRoom } from "../shared/names.ts";
import { ALL, endOf } from "../shared/settings.ts";
import { standing } from "../shared/standing.ts";
import { clock } from "./dom.ts";

/** Why nothing can be written to a room or a person; `undefined` if it can. */
export function whyClosed(board: Board, to: string, now: number): string | undefined {
  const closed = board.whyClosed(to, now);
  if (closed === undefined) return undefined;
  const { key, by, until } = closed;
  const end = until === Infinity ? "" : ` until ${clock(until)}`;
  if (key === "mute") return `${by} muted you${end}. You can write to hosts.`;
  if (key === "lock")
    return isRoom(to) ? `Only hosts can write here${end}.` : `${by} locked the chat${end}. You can write to hosts.`;
  const isOff = board.settings(ALL).some((one) => one.key === "private" && one.value === "off");
  return isOff ? "Private messages are switched off here." : "Private messages go only to and from hosts here.";
}

/** What one should know who writes there: why nobody else, or not everything at once, can be written; "" where nothing is set. */
export function whatHolds(board: Board, to: string, now: number): string {
  const why = whyClosed(board, to, now);
  if (why !== undefined) return why;
  const set = [...board.settings(ALL), ...board.settings(to)];
  const told = set.find(({ key, value }) => key === "slow" || (key === "lock" && endOf(value, now) !== undefined));
  return isRoom(to) && told !== undefined ? standing([told], clock).join() : "";
}

/** When the next lock or mute that is known of one of these places ends by itself; `undefined` if none does. */
export function nextEnd(board: Board, places: readonly string[], now: number): number | undefined {
  const ends = places
    .flatMap((place) => board.settings(place))
    .map(({ key, value }) => (["lock", "mute", "ban"].includes(key) ? (endOf(value, now) ?? Infinity) : Infinity));
  const next = Math.min(Infinity, ...ends);
  return next === Infinity ? undefined : next;
}

/** Whether a message may be removed: one's own if the rule allows it, and by hosts what others said in rooms. */
export function mayRemove(board: Board, user: string, { from, to, act, removed }: Message): boolean {
  if (act !== undefined || removed !== undefined) return false;
  const isHost = board.isHost(user);
  if (from !== user) return isHost && isRoom(to) && !board.isHost(from);
  const rule = board.settings(ALL).find(({ key }) => key === "removing")?.value ?? "all";
  return rule === "all" || (rule === "hosts" && isHost);
}
/** Whether hosts may know what it said: it was removed, and said in a room. */
export function mayRead(board: Board, user: string, { to, removed }: Message): boolean {
  return removed !== undefined && isRoom(to) && board.isHost(user);
}
