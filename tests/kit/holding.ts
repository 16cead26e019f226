// holding.ts: whether what hosts have set was obeyed, as far as one can be certain: within a room by the order of its log; of what is
// set for a person or for all by who knew what when: what was said after an act was acknowledged, and answered before anybody asked
// to end it, was said while it held. A message that was refused needs an act that may have held.

import { inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import type { Call } from "./calls.ts";
import type { Report, Stored } from "./checker.ts";
import { decides, placeOf } from "./folding.ts";
import { brief } from "./viewers.ts";

const PRECISION = 1_000; // ms between the time that a message carries and its judgement, at most

/** What was set: between which steps, and, from the next act on the same on, no more. */
interface Held {
  value: string;
  invoked: number;
  answered: number; // it is set by then
}
/** What may forbid something: where it is set, and which values do; `isVague`: they do so to some only. */
interface Rule {
  name: string; // place and key
  forbids: (value: string) => boolean;
  isVague?: boolean;
}
const isOn = (value: string): boolean => value !== "off";

/** What holds in one room by its log. */
interface Room {
  lock: string;
  all: string; // the lock of the whole server, in the lobby only
  slow: number; // seconds
  spoke: Map<string, number>; // when (ms since 1970), since it is slow
  out: Set<string>; // who was taken out
}

export class Holding {
  readonly #report: Report;
  readonly #hosts: ReadonlySet<string>;
  readonly #held = new Map<string, Held[]>(); // by place and key, in order
  readonly #rooms = new Map<string, Room>();
  readonly #kills: number[] = []; // ms since 1970; a server that starts anew does not know who spoke when

  constructor(hosts: ReadonlySet<string>, report: Report) {
    this.#report = report;
    this.#hosts = hosts;
  }

  killed(at: number): void {
    this.#kills.push(at);
  }

  /** The next entry of a conversation. `call`: what is known of it. */
  take(conversation: string, entry: Stored, call: Pick<Call, "invoked" | "answered"> | undefined): void {
    this.#checkAuthor(conversation, entry);
    if (entry.act === undefined) return this.#checkInRoom(entry);
    if (entry.act !== "set" || !decides(conversation, entry)) return;
    const { key = "", value = "" } = entry;
    const name = `${placeOf(entry)} ${key}`;
    const held = this.#held.get(name) ?? [];
    this.#held.set(name, held);
    held.push({ value, invoked: call?.invoked ?? 0, answered: call?.answered ?? Infinity });
    if (isRoom(entry.to)) this.#set(entry);
  }

  /** Who may do that, and whose word it is. */
  #checkAuthor(conversation: string, { seq, to, from, host, act, of = from, text }: Stored): void {
    const isHost = this.#hosts.has(from);
    const what = `${conversation} ${brief({ seq, from, text })}`;
    if ((host === true) !== isHost) this.#report("forbidden", `${what} is ${isHost ? "not " : ""}shown as a host's`);
    const about = act === "remove" ? of : isRoom(to) ? "" : to;
    const mayRemove = of === from || (isHost && isRoom(to) && !this.#hosts.has(of));
    const may = act === "remove" ? mayRemove : act === undefined || (isHost && !this.#hosts.has(about));
    if (!may) this.#report("forbidden", `${what}: ${from} may not do that`);
  }

  // ---- within a room, exactly ----

  #set({ to, key, value = "", of = "" }: Stored): void {
    const room = this.#room(to);
    if (key === "lock" && of === "*") room.all = value;
    else if (key === "lock") room.lock = value;
    else if (key === "slow") [room.slow, room.spoke] = [Number(value), new Map()];
    else if (key === "door") room.out.clear();
    else if (key === "member" && value === "off") room.out.add(of);
    else if (key === "member") room.out.delete(of);
  }

  #checkInRoom(entry: Stored): void {
    const { to, from, at = NaN } = entry;
    const room = this.#rooms.get(to);
    if (room === undefined || this.#hosts.has(from)) return;
    const what = `${to} ${brief(entry)}`;
    for (const lock of [room.lock, room.all])
      if (lock === "on" || (lock !== "off" && at + PRECISION < Number(lock)))
        this.#report("disobeyed", `${what} was said while it was locked`);
    if (room.out.has(from)) this.#report("disobeyed", `${what} is of somebody who was taken out`);
    if (room.slow === 0) return;
    const before = room.spoke.get(from) ?? NaN;
    room.spoke.set(from, at);
    const isTooSoon = at - before + PRECISION / 2 < room.slow * 1000;
    if (isTooSoon && !this.#kills.some((kill) => before <= kill && kill <= at))
      this.#report("disobeyed", `${what} came ${at - before} ms after the one before, where one in ${room.slow} s may`);
  }

  #room(name: string): Room {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    const room: Room = { lock: "off", all: "off", slow: 0, spoke: new Map(), out: new Set() };
    this.#rooms.set(name, room);
    return room;
  }

  /** Whether a call may have been refused and is judged anew: by a server that was killed before that was heard, or because its sender
   *  was put out of the room and is back. */
  mayBeForgotten(call: Call): boolean {
    const { to, deed, invokedAt, answeredAt } = call;
    if (isRoom(to) && this.#mayHold({ name: `${to} door`, forbids: isOn }, call)) return true;
    const wasKilled = this.#kills.some((kill) => invokedAt <= kill && kill <= answeredAt);
    return wasKilled && (deed !== undefined || this.#whatForbids(call).some((rule) => this.#mayHold(rule, call)));
  }

  // ---- from one conversation to another, as far as it is certain ----

  /** Judges what became of what was said, once the whole log was taken. */
  judge(calls: Iterable<Call>): void {
    for (const held of this.#held.values()) known(held);
    for (const call of calls) {
      const isHost = this.#hosts.has(call.from);
      if (call.deed !== undefined) {
        if (isHost && call.deed.act === "set" && ["not_allowed", "quiet", "no_entry"].includes(call.refused ?? ""))
          this.#report("withheld", `${nameOf(call)} was refused: ${call.refused}`);
      } else if (call.own > 0) this.#judgeStored(call);
      else if (call.refused !== undefined) this.#judgeRefused(call);
    }
  }

  #judgeStored(call: Call): void {
    for (const { name, forbids, isVague = false } of this.#whatForbids(call)) {
      if (isVague) continue;
      const held = this.#held.get(name) ?? [];
      // The last one that was acknowledged before it was said; the next one must not have been asked for before it was answered.
      const index = lastBefore(held, call.invoked);
      const [now, next] = [held[index], held[index + 1]];
      if (now === undefined || !forbids(now.value) || (next !== undefined && next.invoked <= call.answered)) continue;
      if (/^\d{9,}$/.test(now.value) && !(call.answeredAt < Number(now.value))) continue; // it may have been over
      this.#report("disobeyed", `${nameOf(call)} was stored, and ${name} was ${now.value}`);
    }
  }

  #judgeRefused(call: Call): void {
    const keys = { quiet: ["lock", "mute", "slow"], not_allowed: ["private"], no_entry: ["ban", "door"] }[
      call.refused!
    ];
    if (keys === undefined) return;
    const rules = this.#whatForbids(call).filter(({ name }) => keys.includes(name.split(" ")[1]!));
    if (!rules.some((rule) => this.#mayHold(rule, call)))
      this.#report("withheld", `${nameOf(call)} was refused (${call.refused}), and nothing held`);
  }

  /** Whether something may have been set while a call was under way. */
  #mayHold({ name, forbids }: Rule, { invoked, invokedAt, answered }: Call): boolean {
    const held = this.#held.get(name) ?? [];
    return held.some((one, index) => {
      const isOver = /^\d{9,}$/.test(one.value) && invokedAt > Number(one.value);
      return (
        forbids(one.value) && !isOver && one.invoked < answered && !((held[index + 1]?.answered ?? Infinity) < invoked)
      );
    });
  }

  /** What forbids to say something. */
  #whatForbids({ from, to }: Call): Rule[] {
    const own = inboxOf(from);
    const isPrivate = to !== from && !isRoom(to);
    const noPrivate: Rule = { name: "* private", forbids: (value) => value === "off" };
    if (this.#hosts.has(from)) return isPrivate ? [noPrivate] : [];
    const ban: Rule = { name: `${own} ban`, forbids: isOn };
    if (to === from) return [ban];
    if (this.#hosts.has(to)) return [ban, noPrivate];
    const rules = [ban, { name: "* lock", forbids: isOn }, { name: `${own} mute`, forbids: isOn }];
    if (!isRoom(to)) return [...rules, { name: "* private", forbids: (value) => value !== "all" }];
    return [
      ...rules,
      { name: `${to} lock`, forbids: isOn },
      { name: `${to} slow`, forbids: (value) => value !== "0", isVague: true },
      { name: `${to} door`, forbids: isOn, isVague: true },
    ];
  }
}

/** What is after one that was acknowledged was so itself: they are in order. */
function known(held: Held[]): void {
  for (let index = held.length - 2; index >= 0; index--)
    held[index]!.answered = Math.min(held[index]!.answered, held[index + 1]!.answered);
}

/** The last one that was acknowledged before a step; they are in order. */
function lastBefore(held: readonly Held[], step: number): number {
  let [low, high] = [0, held.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (held[middle]!.answered < step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function nameOf({ by, to, invoked }: Call): string {
  return `What ${by} said to ${to} as number ${invoked}`;
}
