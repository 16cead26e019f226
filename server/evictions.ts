// evictions.ts: who may not stay where they are since an act of a host was told: whoever was banned goes, and whoever may not enter a
// room any more leaves it. The act itself is the last they hear there. Decides nothing.

import type { Message } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { EVERYBODY } from "./conversations.ts";
import type { Entry } from "./delivery.ts";
import type { House } from "./house.ts";
import type { Rooms } from "./rooms.ts";

/** Enforces the acts among what was just delivered. */
export function evict(rooms: Rooms, house: House, entries: ReadonlyMap<string, readonly Entry[]>): void {
  for (const told of entries.values())
    for (const { event, only } of told)
      if (event.type === "message" && event.act === "set" && only === undefined) enforce(rooms, house, event);
}

function enforce(rooms: Rooms, house: House, { key, to }: Message): void {
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
export function putOutAll(rooms: Rooms, house: House): void {
  for (const room of house.rooms()) putOut(rooms, house, room);
}

/** All connections of an account that is banned end. */
function endAll(rooms: Rooms, house: House, user: string): void {
  const banned = house.whyBanned(user);
  if (banned === undefined) return;
  for (const member of rooms.membersOf(EVERYBODY)) if (member.user === user) member.refuse(banned);
}
