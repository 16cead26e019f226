// acts.ts: what hosts do, and what people do with their own messages, before it has a place in its conversation. Only what it is.

import type { Key } from "../shared/settings.ts";

/** Something is set in a place, which the address of its draft and `of` tell (`placeOf`). */
export interface SetAct {
  act: "set";
  key: Key;
  value: string; // as it is stored
  of?: string | undefined; // whom it is about, or "*"
  members?: readonly string[] | undefined; // of a door that is closed: who is in the room
}
/** Messages are removed: those of `of` with `on` ≤ seq ≤ `through`, or without `on` the `last` ones. */
export interface RemoveAct {
  act: "remove";
  of: string;
  on?: number | undefined;
  through?: number | undefined;
  last: number;
  theirs?: number | undefined; // of a direct message, whose place in its sender's inbox is `on`: its place in the other one
}
export type Act = SetAct | RemoveAct;
