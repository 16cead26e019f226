// cast.ts: who takes part in a run: the accounts, the rooms they are in, their devices and text sessions, and what each of them
// does. Called by workload.ts.

import { LOBBY } from "../../shared/names.ts";
import type { Scene } from "./deeds.ts";
import type { Ports, Way } from "./devices.ts";
import { Device } from "./devices.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import { Typist } from "./typist.ts";

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
/** Hosts: ivan at a terminal, judy at a page, kim with nc. */
export const HOSTS = ["ivan", "judy", "kim"];
const ATTIC = ["dave", "erin", "frank", "grace", "heidi"];
export const ROOMS: Record<string, readonly string[]> = {
  [LOBBY]: ["ivan", "judy", "alice", "bob", "mia"],
  "#lab": ["ivan", "judy", ...NAMES, "mia"],
  "#den": ["ivan", "alice", "bob", "carol", "dave", "erin", "grace"],
  "#attic": ["ivan", "judy", ...ATTIC],
};
/** Accounts with text sessions: nora has one at a time, otto two, mia one beside a laptop. */
const TYPISTS = ["nora", "otto", "mia"];
const MEMBERS = [...NAMES, ...TYPISTS];
/** Hosts first: they may enter every room. */
export const EVERYBODY = [...HOSTS, ...MEMBERS];
/** Devices that talk now and then, and may be replaced by new ones. */
const TALKING: readonly [user: string, label: string, way: Way][] = [
  ["alice", "laptop", "tcp"],
  ["alice", "phone", "page"],
  ["bob", "laptop", "tcp"],
  ["bob", "phone", "page"],
  ["carol", "laptop", "tcp"],
  ["dave", "phone", "page"],
  ["grace", "laptop", "tcp"],
  ["heidi", "laptop", "tcp"],
];
/** Devices that say as much as they are let. */
const POURING: typeof TALKING = [
  ["erin", "laptop", "straight"],
  ["frank", "phone", "page"],
];
const LIFE = 8_000; // ms that a connection of a text session lasts at most

export interface Cast {
  talking: Device[]; // every now and then; may be replaced
  pouring: Device[]; // as fast as they can
  dozing: Device; // reads too slowly
  staying: Device; // talks, and is never replaced
  hosting: Device[]; // keep order, and are never replaced
  devices: Device[]; // all of them
  typists: Typist[];
}

/** Everybody, not yet there. `seconds`: of the run. */
export function cast(ports: Ports, recorder: Recorder, random: Random, seconds: number): Cast {
  const device = (user: string, label: string, way: Way): Device => {
    const rooms = Object.keys(ROOMS).filter((room) => ROOMS[room]!.includes(user));
    const foreign = ["nobody", ...Object.keys(ROOMS).filter((room) => !rooms.includes(room))];
    const options = { user, label, way, rooms, foreign, people: EVERYBODY, ports, scene: sceneOf(rooms) };
    return new Device(options, recorder, random.fork());
  };
  const life = Math.min(LIFE, seconds * 400);
  const typist = (user: string, label: string, way: "tcp" | "straight", alone = false): Typist => {
    const hosts = HOSTS.includes(user) ? sceneOf([LOBBY, "#lab"]) : undefined;
    return new Typist({ user, label, way, alone, people: EVERYBODY, ports, life, hosts }, recorder, random.fork());
  };
  const talking = TALKING.map((one) => device(...one));
  const pouring = POURING.map((one) => device(...one));
  const dozing = device("grace", "tablet", "straight");
  const staying = device("mia", "laptop", "tcp"); // a new one could not know where its inbox begins: her sessions confirm it
  const hosting = [device("ivan", "laptop", "tcp"), device("judy", "phone", "page")];
  const typists = [
    typist("nora", "nc", "straight", true),
    typist("otto", "one", "tcp"),
    typist("otto", "two", "tcp"),
    typist("mia", "nc", "tcp"),
    typist("kim", "nc", "straight"), // a cut might leave a lock without its time
  ];
  const devices = [...talking, ...pouring, ...hosting, dozing, staying];
  return { talking, pouring, dozing, staying, hosting, devices, typists };
}

function sceneOf(rooms: readonly string[]): Scene {
  return { rooms, members: MEMBERS, hosts: HOSTS, slow: "#den", door: "#attic", inside: ATTIC };
}
