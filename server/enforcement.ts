// enforcement.ts: what follows from an act once it was told: a line in the log, whoever was banned goes, and whoever may not enter a room
// any more leaves it. The act itself is the last they hear there. Decides nothing.

import type { Message } from "../protocol.ts";
import { isTime } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import { isKey, placeOf, SETTINGS } from "../shared/settings.ts";
import type { Act } from "./acts.ts";
import { EVERYBODY, isInbox, ownerOf } from "./conversations.ts";
import type { Entry } from "./delivery.ts";
import type { House } from "./house.ts";
import type { Log } from "./log.ts";
import type { Rooms } from "./rooms.ts";

interface Parts {
  rooms: Rooms;
  house: House;
  log: Log;
}

/** Enforces the acts among what was just delivered. */
export function enforce(parts: Parts, entries: ReadonlyMap<string, readonly Entry[]>): void {
  for (const [name, told] of entries)
    for (const { event, only } of told) {
      if (event.type !== "message" || event.act === undefined || only !== undefined) continue;
      if (isInbox(name) && ownerOf(name) !== event.from) continue; // the other copy of it
      if (isRoom(event.to) || event.host) parts.log.info(inLog(event));
      if (event.act === "set") enforceOne(parts, event);
    }
}

/** What hosts did, without a word of what was said. */
function inLog(act: Message): string {
  const { from, to, key, value = "", of, on, through } = act;
  if (!isKey(key)) return `${from} removed ${to} ${on}-${through} of ${of}`;
  const whom = key === "member" ? ` ${of}` : "";
  const worth = isTime(key, value) ? ` until ${new Date(Number(value)).toISOString()}` : ` ${value}`;
  return `${from}: ${key}${whom} of ${placeOf({ to, of })}${SETTINGS[key].values === "text" ? "" : worth}`;
}

function enforceOne({ rooms, house }: Parts, { key, to }: Message): void {
  if (key === "ban") endAll(rooms, house, to);
  if ((key === "door" || key === "member") && isRoom(to)) putOut(rooms, house, to);
}

/** Whoever may not enter a room leaves it, on all connections. */
function putOut(rooms: Rooms, house: House, room: string): void {
  for (const member of rooms.membersOf(room)) {
    if (house.mayEnter(member.user, room)) continue;
    rooms.leave(member, room);
    member.wasPutOut(room);
  }
}
/** The same for all rooms with a door: somebody is a host no more. */
export function putOutAll({ rooms, house }: Parts): void {
  for (const room of house.rooms()) putOut(rooms, house, room);
}

/** All connections of an account that is banned end. */
function endAll(rooms: Rooms, house: House, user: string): void {
  const banned = house.whyBanned(user);
  if (banned === undefined) return;
  for (const member of rooms.membersOf(EVERYBODY)) if (member.user === user) member.refuse(banned);
}

const MINUTE = 60_000; // ms
const MANY = 1_000; // accounts

/** Tells the log of those who try what is for hosts: once a minute and account, so that nobody fills it. `elapsed` in ms. */
export function tellOf(log: Log, elapsed: () => number): (user: string, act: Act) => void {
  const told = new Map<string, number>();
  return (user, { act }) => {
    const now = elapsed();
    if (now - (told.get(user) ?? -MINUTE) < MINUTE) return;
    if (told.size >= MANY) told.clear();
    told.set(user, now);
    log.warning(`${user} tried to ${act} what is not theirs to ${act}`);
  };
}
