// services.ts: what all connections of a server share, made and wired together once.

import { enforce, inParts, putOutAll, tellOf } from "./enforcement.ts";
import type { History, StoredSetting } from "./history.ts";
import { Hosts } from "./hosts.ts";
import { House } from "./house.ts";
import type { Log } from "./log.ts";
import { Pipeline } from "./pipeline.ts";
import { Rooms } from "./rooms.ts";
import type { Users } from "./signin.ts";
import { Slices } from "./slices.ts";

interface Given {
  users: Users;
  history: History;
  log: Log;
  now: () => number; // ms since 1970
  elapsed: () => number; // ms on a clock that never jumps, by which durations are measured
  rate: number; // `say`s a second and connection, 0 for no limit
}
export interface Services extends Given {
  hosts: Hosts;
  house: House; // what may be said where
  pipeline: Pipeline;
  rooms: Rooms;
  slices: Slices; // of the event loop's time
}

/** `settings`: what is set when the server starts. */
export function wireServices(given: Given, settings: readonly StoredSetting[], slices = new Slices()): Services {
  const { users, history, log, now, elapsed } = given;
  const isHost = (user: string) => users.accounts.isHost(user);
  const house = new House({ isHost, now, elapsed, tried: tellOf(log, elapsed) }, settings);
  const pipeline: Pipeline = new Pipeline(
    history,
    house,
    (entries) => {
      for (const part of inParts(entries)) {
        rooms.deliver(part);
        enforce({ rooms, house, log }, part);
      }
    },
    (event, problem) => log.error(event, problem),
  );
  const rooms = new Rooms(history, pipeline, slices, elapsed);
  const hosts = new Hosts({
    users,
    log,
    tellAll: (event) => {
      rooms.tellAll(event);
      putOutAll({ rooms, house, log });
    },
  });
  return { ...given, hosts, house, pipeline, rooms, slices };
}
