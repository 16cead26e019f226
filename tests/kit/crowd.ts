// crowd.ts: calls that an entry of the log cannot be told to be: acts that were typed have no id, and the same may be typed again, so
// they are counted; and what the server says in a host's name to whom the host lets into a room. Part of logbook.ts.

import { isRoom } from "../../shared/names.ts";
import type { Call } from "./calls.ts";
import type { Report, Stored } from "./checker.ts";

const LET_IN = /^You can come into (#\S+) now: \/join /;

export class Crowd {
  readonly #found = new Map<string, number>(); // acts
  readonly #invited = new Map<string, number>();
  readonly #told = new Map<string, number>();

  /** Whether a call is one of those that are counted. */
  static has({ deed, name }: Call): boolean {
    return deed !== undefined && name === undefined && deed.key !== "topic";
  }

  /** Counts an entry that is no known call; whether it can be one of these. `isOwn`: of two copies it is the sender's. */
  found(entry: Stored, isOwn: boolean): boolean {
    const { from, to, text, id, act } = entry;
    const room = LET_IN.exec(text)?.[1];
    if (!id.startsWith("~") || (act === undefined && room === undefined)) return false;
    if (isOwn && act !== undefined) add(this.#found, nameOf(from, to, entry));
    if (isOwn && act === undefined) add(this.#told, `${from} ${to} ${room}`);
    return true;
  }
  /** Counts an invitation. */
  invites({ from, to, of, key, value }: Stored): void {
    if (key === "member" && value === "on") add(this.#invited, `${from} ${of} ${to}`);
  }

  judge(calls: readonly Call[], report: Report): void {
    const [asked, taken] = [new Map<string, number>(), new Map<string, number>()];
    for (const call of calls) {
      if (!Crowd.has(call)) continue;
      const name = nameOf(call.from, call.to, call.deed!);
      add(asked, name);
      if (call.acknowledged !== undefined) add(taken, name);
    }
    for (const [name, count] of this.#found)
      if (count > (asked.get(name) ?? 0)) report("phantom", `"${name}" was done ${count} times, which is too often`);
    for (const [name, count] of taken)
      if (count > (this.#found.get(name) ?? 0)) report("lost", `"${name}" was typed ${count} times and taken`);
    for (const [name, count] of this.#told)
      if (count > (this.#invited.get(name) ?? 0)) report("phantom", `"${name}" was invited ${count} times, too often`);
  }
}

/** Whether an entry is what was asked for. `isOwn`: of two copies it is the sender's, whose places were named. */
export function isAsAsked({ deed, from, invokedAt, answeredAt }: Call, entry: Stored, isOwn: boolean): boolean {
  if (deed === undefined || entry.act !== deed.act) return deed === undefined && entry.act === undefined;
  if (deed.act === "remove") {
    const { of = deed.on === undefined || !isRoom(entry.to) ? from : entry.of, on = 1, last = 1 } = deed;
    const through = deed.through ?? (deed.on === undefined ? Infinity : on);
    const isFew = deed.on !== undefined || Number(entry.value) <= last;
    return entry.of === of && (!isOwn || (entry.on! >= on && entry.through! <= through)) && isFew;
  }
  if (entry.key !== deed.key || entry.of !== deed.of) return false;
  const span = /^\+(\d+)$/.exec(deed.value ?? "")?.[1];
  if (span === undefined) return entry.value === deed.value;
  const set = Number(entry.value) - Number(span) * 1000; // when it was set
  return !(set < invokedAt) && !(set > answeredAt);
}

/** One name for all that are alike, whatever time was meant. */
function nameOf(
  from: string,
  to: string,
  { act, key = "", value = "", of = "" }: Pick<Stored, "act" | "key" | "value" | "of">,
): string {
  if (act === "remove") return `${from} removes ${of} in ${to}`;
  const isTime = ["lock", "mute", "ban"].includes(key) && /^\+?\d/.test(value);
  return `${from} sets ${key} ${of} of ${to} ${isTime ? "for a time" : value}`;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
