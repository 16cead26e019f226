// deeds.ts: what hosts do in a run, and members with what they said, and what members try and must not. Whatever a host begins it
// brings to an end soon: nothing may stop a run. Called by devices.ts.

import type { Message } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { LOBBY } from "../../shared/names.ts";
import type { Deed } from "./calls.ts";
import type { Random } from "./random.ts";
import type { Act } from "./recorder.ts";

/** Where they do it, and to whom. */
export interface Scene {
  rooms: readonly string[];
  members: readonly string[]; // that are no hosts
  hosts: readonly string[];
  slow: string; // the room that may be slow: there little is said meanwhile
  door: string; // the room that may have a door,
  inside: readonly string[]; // and who is in it
}
/** One act, so many ms after the one before. */
export interface Step {
  after: number;
  act: Act;
}
type PlaceOf = (room: string) => number;

const BRIEF = { low: 20, high: 200 }; // ms that something holds
const NEAR = 60; // places back in which something is removed by its place
const SECONDS = 2; // that something with a time holds, at most

/** The next things that a host does. */
export function hostDeeds(random: Random, scene: Scene, placeOf: PlaceOf): Step[] {
  const [room, member] = [random.pick(scene.rooms), random.pick(scene.members)];
  const choice = random.next();
  if (choice < 0.35) return [{ after: 0, act: removal(random, room, member, placeOf(room)) }];
  if (choice < 0.5) return [{ after: 0, act: set(room, "topic", `topic ${crypto.randomUUID()}`) }];
  if (choice < 0.58) return [{ after: 0, act: set("*", "announce", `announcement ${crypto.randomUUID()}`) }];
  if (choice < 0.68) return brief(random, set(room, "lock", "on"), "off");
  if (choice < 0.71) return brief(random, set(room, "lock", seconds(random)), "off");
  if (choice < 0.74) return brief(random, set("*", "lock", random.chance(0.8) ? "on" : seconds(random)), "off");
  if (choice < 0.82) return brief(random, set(member, "mute", random.chance(0.7) ? "on" : seconds(random)), "off");
  if (choice < 0.86)
    return random.chance(0.5) ? [{ after: 0, act: ban(random, member) }] : brief(random, ban(random, member), "off");
  if (choice < 0.9) return brief(random, set(scene.slow, "slow", "1"), "0");
  if (choice < 0.94) return brief(random, set("*", "private", random.pick(["hosts", "off"])), "all");
  return door(random, scene);
}

/** What a member does: mostly with what it said itself. `direct`: the last private messages that it wrote; `isHost`: it may do all. */
export function memberDeed(
  random: Random,
  scene: Scene,
  placeOf: PlaceOf,
  direct: readonly Message[],
  isHost: boolean,
): { act: Act; aims?: string } {
  const room = random.pick(scene.rooms);
  const choice = random.next() * (isHost ? 0.7 : 1);
  if (choice < 0.3 && direct.length > 0) {
    const { to, seq, id } = random.pick(direct);
    return { act: { type: "remove", to, on: seq }, aims: id };
  }
  if (choice < 0.6) return { act: { type: "remove", to: room, last: random.between(1, 3) } };
  if (choice < 0.7) return { act: removal(random, room, random.pick(scene.members), placeOf(room)) };
  return {
    act: random.pick<Act>([
      set(room, "lock", "on"),
      set(room, "topic", "mine"),
      set(random.pick(scene.members), "mute", "on"),
      set(random.pick(scene.hosts), "ban", "+1"),
      set("*", "announce", "free pizza"),
      { ...set(scene.door, "member", "on"), of: random.pick(scene.inside) },
      { type: "remove", to: room, of: random.pick(scene.hosts) },
    ]),
  };
}

/** Removes some of what somebody said in a room that is seen up to a place. */
function removal(random: Random, to: string, of: string, seen: number): Act {
  if (random.chance(0.4)) {
    const last = random.chance(0.1) ? LIMITS.removed : random.between(1, 5);
    return { type: "remove", to, of, last };
  }
  const on = Math.max(1, seen - random.between(0, NEAR));
  if (random.chance(0.5)) return { type: "remove", to, on };
  return { type: "remove", to, of, on, through: on + random.between(0, NEAR) };
}

function ban(random: Random, member: string): Act & { type: "set" } {
  return set(member, "ban", `+${random.chance(0.9) ? 1 : random.between(2, 3)}`);
}
function seconds(random: Random): string {
  return `+${random.between(1, SECONDS)}`;
}
function set(to: string, key: string, value: string): Act & { type: "set" } {
  return { type: "set", to, key, value };
}

/** Sets something, and a little later something else in its place. */
function brief(random: Random, act: Act & { type: "set" }, then: string): Step[] {
  return [
    { after: 0, act },
    { after: random.between(BRIEF.low, BRIEF.high), act: { ...act, value: then } },
  ];
}

/** Closes a door, takes some out and lets them in again, and opens it. */
function door(random: Random, { door: to, inside }: Scene): Step[] {
  const [closed, opened] = brief(random, set(to, "door", "on"), "off") as [Step, Step];
  const [one, another] = [random.pick(inside), random.pick(inside)];
  const member = (of: string, value: string): Step => ({
    after: random.between(0, BRIEF.low),
    act: { ...set(to, "member", value), of },
  });
  const between = [
    member(one, "off"),
    member(another, "off"),
    member(one, "on"),
    member(another, random.pick(["on", "off"])),
  ];
  return [closed, ...between.slice(0, random.between(0, between.length)), opened];
}

/** What a host types; the room it is in. */
export function typedDeed(random: Random, { members }: Scene, room: string): { line: string; to: string; deed: Deed } {
  const member = random.pick(members);
  const place = random.pick([room, LOBBY]);
  const text = crypto.randomUUID();
  const last = random.between(1, 3);
  return random.pick([
    { line: `/topic ${text}`, to: room, deed: setting("topic", text) },
    { line: `/lock ${place.slice(1)} 1s`, to: place, deed: setting("lock", "+1") },
    { line: `/unlock ${place.slice(1)}`, to: place, deed: setting("lock", "off") },
    { line: `/mute ${member} 1s`, to: member, deed: setting("mute", "+1") },
    { line: `/unmute ${member}`, to: member, deed: setting("mute", "off") },
    { line: `/announce ${text}`, to: LOBBY, deed: { ...setting("announce", text), of: "*" } },
    { line: `/remove ${member} ${last}`, to: room, deed: { act: "remove", of: member, last } },
    { line: "/slow off", to: room, deed: setting("slow", "0") },
  ]);
}
function setting(key: string, value: string): Deed {
  return { act: "set", key, value };
}
