// cast.ts: who takes part in a run: the accounts, the rooms they are in, their devices and text sessions, and what each of them
// does. Called by workload.ts.

import { LOBBY } from "../../shared/names.ts";
import type { Ports, Way } from "./devices.ts";
import { Device } from "./devices.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import { Typist } from "./typist.ts";

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
export const ROOMS: Record<string, readonly string[]> = {
  [LOBBY]: ["alice", "bob", "mia"],
  "#lab": [...NAMES, "mia"],
  "#den": ["alice", "bob", "carol", "dave", "erin", "grace"],
  "#attic": ["dave", "erin", "frank", "grace", "heidi"],
};
/** Accounts with text sessions: nora has one at a time, otto two, mia one beside a laptop. */
const TYPISTS = ["nora", "otto", "mia"];
export const EVERYBODY = [...NAMES, ...TYPISTS];
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
  devices: Device[]; // all of them
  typists: Typist[];
}

/** Everybody, not yet there. `seconds`: of the run. */
export function cast(ports: Ports, recorder: Recorder, random: Random, seconds: number): Cast {
  const device = (user: string, label: string, way: Way): Device => {
    const rooms = Object.keys(ROOMS).filter((room) => ROOMS[room]!.includes(user));
    const foreign = ["nobody", ...Object.keys(ROOMS).filter((room) => !rooms.includes(room))];
    return new Device({ user, label, way, rooms, foreign, people: EVERYBODY, ports }, recorder, random.fork());
  };
  const life = Math.min(LIFE, seconds * 400);
  const typist = (user: string, label: string, way: "tcp" | "straight", alone = false): Typist =>
    new Typist({ user, label, way, alone, people: EVERYBODY, ports, life }, recorder, random.fork());
  const talking = TALKING.map((one) => device(...one));
  const pouring = POURING.map((one) => device(...one));
  const dozing = device("grace", "tablet", "straight");
  const staying = device("mia", "laptop", "tcp"); // a new one could not know where its inbox begins: her sessions confirm it
  const typists = [
    typist("nora", "nc", "straight", true),
    typist("otto", "one", "tcp"),
    typist("otto", "two", "tcp"),
    typist("mia", "nc", "tcp"),
  ];
  return { talking, pouring, dozing, staying, devices: [...talking, ...pouring, dozing, staying], typists };
}
