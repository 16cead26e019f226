// enforcement.ts: what follows from an act once it was told: a line in the log, whoever was banned goes, and whoever may not enter a room
// any more leaves it. The act itself is the last they hear there. Decides nothing.

import type { Message } from "../protocol.ts";
import { isTime } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import { isKey, placeOf, SETTINGS } from "../shared/settings.ts";
import type { Act } from "./acts.ts";
import { EVERYBODY, isInbox, ownerOf } from "./conversations.ts";
import type { Entry } from "./delivery.ts";
import { compose } from "./delivery.ts";
import type { House } from "./house.ts";
import type { Log } from "./log.ts";
import type { Rooms } from "./rooms.ts";

interface Parts {
  rooms: Rooms;
  house: House;
  log: Log;
}

/** The parts of what is to be delivered, one after the other: an act after which somebody has to leave its room is the last of a
 *  part there, so that they hear nothing of what was said after it. */
export function* inParts(entries: Map<string, Entry[]>): Generator<Map<string, Entry[]>> {
  for (let rest = entries; ;) {
    const [part, later] = [new Map<string, Entry[]>(), new Map<string, Entry[]>()];
    for (const [name, told] of rest) {
      const end =
        told.findIndex(({ event, only }) => only === undefined && event.type === "message" && putsOut(event)) + 1;
      part.set(name, end > 0 ? told.slice(0, end) : told);
      if (end > 0 && end < told.length) later.set(name, told.slice(end));
    }
    yield part;
    if (later.size === 0) return;
    rest = later;
  }
}
function putsOut({ act, to, key, value }: Message): boolean {
  return act === "set" && isRoom(to) && key === "member" && value === "off";
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

/** Whoever is in a room when its door is closed is a member, and nobody has to leave it. */
function enforceOne({ rooms, house }: Parts, act: Message): void {
  const { key, to, of } = act;
  if (key === "ban") endAll(rooms, house, to);
  if (putsOut(act)) putOut(rooms, to, (user) => user === of && !house.isHost(user)); // who may have been let in again by now
}

/** These leave a room, on all connections. */
function putOut(rooms: Rooms, room: string, isMeant: (user: string) => boolean): void {
  for (const member of rooms.membersOf(room)) {
    if (!isMeant(member.user)) continue;
    rooms.leave(member, room);
    member.wasPutOut(room);
    if (!member.text) member.send(compose([{ type: "seen", to: room }], member)); // as when it is left on another device
  }
}
/** Whoever may not enter a room leaves it: somebody is a host no more. */
export function putOutAll({ rooms, house }: Parts): void {
  for (const room of house.rooms()) putOut(rooms, room, (user) => !house.mayEnter(user, room));
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
