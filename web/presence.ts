// presence.ts: who came and went, in few words: one line for a run of changes, of which only their outcome counts. Shows nothing.

import type { Presence } from "../protocol.ts";
import { listNames } from "../shared/names.ts";

/** Who has come or gone, all told, since the run began; who is back where they were is not in it. */
export type Run = Map<string, Presence["type"]>;

/** Takes in what happened next. */
export function fold(run: Run, { type, users }: Presence): void {
  for (const user of users) {
    const before = run.get(user);
    if (before === undefined) run.set(user, type);
    else if (before !== type) run.delete(user);
  }
}

/** `carol, dave and 998 others joined, erin left`; empty when all are back where they were. */
export function describe(run: Run): string {
  const outcome = (type: Presence["type"]) => {
    const users = [...run].filter(([, change]) => change === type).map(([user]) => user);
    return users.length === 0 ? [] : [`${listNames(users)} ${type}`];
  };
  return [...outcome("joined"), ...outcome("left")].join(", ");
}
