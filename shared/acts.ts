// acts.ts: what hosts did, in words: for people in all clients, and the text that is stored with an act for clients that know no acts.
// Goes by the fields of an act and never by its text. Decides nothing.

import type { Message } from "../protocol.ts";
import { isRoom, LOBBY } from "./names.ts";
import type { Key } from "./settings.ts";
import { ALL, isKey, SETTINGS } from "./settings.ts";

/** What was set, and for what. */
interface Aim {
  to: string;
  key: Key;
  value: string;
  of?: string | undefined;
}

/** Whether a message is an act that `describe` has words for. */
export function isAct({ act, key, value, of }: Message): boolean {
  return (act === "set" && isKey(key) && value !== undefined) || (act === "remove" && of !== undefined);
}

/** Whether an act takes somebody out of a room that has a door. */
export function expels({ act, key, value, of }: Message, user: string): boolean {
  return act === "set" && key === "member" && value === "off" && of === user;
}

/** Whether an act removes a message of the same conversation. */
export function covers({ act, to, of, on = Infinity, through = on }: Message, message: Message): boolean {
  if (act !== "remove" || message.act !== undefined || message.to !== to || message.from !== of) return false;
  return on <= message.seq && message.seq <= through;
}
/** A message as it is when `by` has removed it; who removed it first, did. */
export function emptied({ type, to, seq, from, id, at, host, removed = "" }: Message, by: string): Message {
  const rest: Message = { type, to, seq, from, id, at, text: "(removed)", removed: removed || by };
  return host === true ? { ...rest, host } : rest;
}

/** What an act did, as a sentence for `user`; `clock` says a time (ms since 1970) in their zone. */
export function describe(message: Message, user: string | undefined, clock: (at: number) => string): string {
  const { from, to, key, value, of, act } = message;
  const who = from === user ? "you" : from;
  if (act === "remove") {
    const where = isRoom(to) && to !== LOBBY ? ` in ${to.slice(1)}` : "";
    return `${who} ${removed(of!, from, Number(value ?? 1), user)}${where}`;
  }
  if (!isKey(key) || value === undefined) return `${from}: ${message.text}`;
  const end = isTime(key, value) ? ` until ${clock(Number(value))}` : "";
  return `${who} ${did({ to, key, value, of }, end, user)}`;
}

/** Whether a value of a key is the time when it ends. */
export function isTime(key: Key, value: string): boolean {
  return SETTINGS[key].values === "until" && /^\d+$/.test(value);
}

/** What an act sets, as the text that is stored with it: a time from `now` on (ms since 1970), for it is read in any zone. */
export function setText(aim: Aim, now: number): string {
  const end = isTime(aim.key, aim.value) ? ` for ${duration((Number(aim.value) - now) / 1000)}` : "";
  return did(aim, end, isRoom(aim.to) || aim.to === ALL ? undefined : aim.to);
}
/** The same of an act that removes so many messages of somebody. */
export function removeText(of: string, from: string, count: number): string {
  return removed(of, from, count, undefined);
}
/** What a host removes in one act. */
function removed(of: string, from: string, count: number, user: string | undefined): string {
  const what = count === 1 ? "a message" : `${count} messages`;
  return `removed ${what}${of === from ? "" : ` of ${of === user ? "yours" : of}`}`;
}

function did({ to, key, value, of }: Aim, end: string, user: string | undefined): string {
  const place = isRoom(to) && of !== ALL ? to.slice(1) : "the chat";
  const isOff = value === "off";
  const whom = to === user ? "you" : to;
  const member = of === user ? "you" : of;
  switch (key) {
    case "lock":
      return isOff ? `unlocked ${place}` : `locked ${place}${end}: only hosts can write`;
    case "mute":
      return isOff
        ? `unmuted ${whom}`
        : `muted ${whom}${end}. ${whom === "you" ? "You" : whom} can still write to hosts`;
    case "ban":
      return isOff ? `let ${whom} come in again` : `sent ${whom} out${end}`;
    case "slow":
      return value === "0" ? `ended the slow mode of ${place}` : `slowed ${place}: one message in ${value} s`;
    case "topic":
      return value === "" ? `removed the topic of ${place}` : `set the topic of ${place}: ${value}`;
    case "announce":
      return value === "" ? "removed the announcement" : `to everybody: ${value}`;
    case "private":
      return (
        { all: "allowed private messages", hosts: "allowed private messages only to and from hosts" }[value] ??
        "switched private messages off"
      );
    case "accounts":
      return value === "open" ? "opened the registration" : "closed the registration";
    case "rooms":
      return `let ${byWhom(value)} make rooms`;
    case "files":
      return `let ${byWhom(value)} send files`;
    case "removing":
      return `let ${byWhom(value)} remove their own messages`;
    case "rules":
      return value === "school"
        ? "set the rules of a school: private messages only to and from hosts, only hosts make rooms and send files, no new accounts"
        : "set the rules of an open chat: everybody can write private messages, make rooms, send files and register";
    case "door":
      return isOff
        ? `opened ${place} to everybody`
        : `closed the door of ${place}: only its members and hosts can enter`;
    case "member":
      return isOff ? `took ${member} out of ${place}` : `let ${member} into ${place}`;
  }
}
function byWhom(value: string): string {
  return { all: "everybody", hosts: "only hosts" }[value] ?? "nobody";
}

const UNITS: readonly [name: string, length: number, from: number][] = [
  ["day", 86_400, 2 * 86_400],
  ["hour", 3_600, 3 * 3_600],
  ["minute", 60, 120],
  ["second", 1, 0],
];
/** Seconds in words, in the largest unit of which there are a few: `45 seconds`, `10 minutes`, `90 minutes`, `3 hours`, `2 days`. */
export function duration(seconds: number): string {
  const [name, length] = UNITS.find(([, , from]) => seconds >= from)!;
  const count = Math.max(1, Math.round(seconds / length));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
