// asks.ts: what a client of Banter asks and how long the answer takes; through the door, at a real server. Called by growth.ts and
// stored.ts.

import { join } from "node:path";
import { Wire } from "../tests/kit/harness.ts";
import type { Running } from "./load.ts";
import type { Kit } from "./peers.ts";
import { median } from "./report.ts";

/** The median of `times` runs of what is asked, in ms. */
export async function timed(times: number, ask: (i: number) => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await ask(i);
    taken.push(performance.now() - began);
  }
  return median(taken);
}

/** What `work` took and the longest time that `other` waited for the answer to a ping meanwhile, in ms. */
export async function whileOthersPing(other: Wire, work: Promise<number>): Promise<[took: number, waited: number]> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  let longest = 0;
  while (!isDone) longest = Math.max(longest, await timed(1, () => other.ask({ type: "ping" })));
  return [await done, longest];
}

/** A connection of one of the accounts made for the run. */
export async function signedIn(server: Running, kit: Kit, index: number): Promise<Wire> {
  const token = (await Bun.file(join(kit.accounts, "words")).text()).split("\n")[index];
  const wire = await Wire.open(server.port);
  const answer = await wire.ask({ type: "login", user: `u${index}`, token });
  if (answer.type !== "ok") throw new Error(`the sign-in was refused: ${answer.text}`);
  return wire;
}
