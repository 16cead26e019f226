// services.ts: what all connections of a server share. server.ts makes it once and hands it to whoever needs it.

import type { History } from "./history.ts";
import type { House } from "./house.ts";
import type { Hosts } from "./hosts.ts";
import type { Log } from "./log.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Rooms } from "./rooms.ts";
import type { Users } from "./signin.ts";
import type { Slices } from "./slices.ts";

export interface Services {
  users: Users;
  hosts: Hosts;
  history: History;
  house: House; // what may be said where
  pipeline: Pipeline;
  rooms: Rooms;
  slices: Slices; // of the event loop's time
  log: Log;
  now: () => number; // ms since 1970
  elapsed: () => number; // ms on a clock that never jumps, by which durations are measured
  rate: number; // `say`s a second and connection, 0 for no limit
}
