// stored.ts: what the messages stored in a room cost a server, in rooms that were filled by many messages at once and one by one.
// Called by growth.ts; bystander.ts takes its history.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Draft } from "../server/history.ts";
import { signedIn, timed, whileOthersPing } from "./asks.ts";
import type { Bench } from "./growth.ts";
import { start } from "./load.ts";
import type { Checkout } from "./peers.ts";
import type { Table } from "./report.ts";
import { grown, median } from "./report.ts";

const STARTS = 3;
const SPEAKERS = 50;

/** How many messages are stored, and how many of them at once: a busy room's share a transaction, a quiet one's do not. */
export interface Stored {
  count: number;
  batch: number;
}

export async function costOfStored(bench: Bench, sizes: readonly Stored[]): Promise<Table> {
  const rows: [string, number[]][] = [];
  for (const size of sizes)
    for (const checkout of bench.checkouts) {
      const many = size.count.toLocaleString("en-US") + (size.batch === 1 ? ", one by one" : "");
      const where = checkout === bench.checkouts[0] ? "" : `, ${checkout.banter.title}`;
      rows.push([many + where, await measure(bench, checkout, size)]);
    }
  return grown(
    "How Banter's cost grows with the messages stored in a room",
    [
      "messages",
      "start after a clean stop",
      "send",
      "join",
      "page from the middle",
      "search, found at once",
      "search, a word found nowhere",
      "search, two words never together",
      "longest wait of others meanwhile",
    ],
    Array.from({ length: 8 }, () => "ms"),
    rows,
    ["A search that finds nothing reads the whole room, so it grows with it, and gives way to everybody else."],
  );
}

async function measure({ kit, work }: Bench, { banter, folder }: Checkout, size: Stored): Promise<number[]> {
  const data = mkdtempSync(join(work, "messages-"));
  const open = () => start(banter, kit, work, { folder: data, allCores: true });
  try {
    await makeHistory(join(data, "chat.db"), size, folder);
    const starts: number[] = [];
    while (starts.length < STARTS - 1) {
      await using stopped = await open();
      starts.push(stopped.started);
    }
    await using server = await open();
    starts.push(server.started);
    const wire = await signedIn(server, kit, 0);
    const other = await signedIn(server, kit, 1);
    const ask = (request: Record<string, unknown>) => wire.ask({ to: "#r0", ...request });
    const search = (times: number, match: string) => timed(times, () => ask({ type: "history", match }));
    const joined = await timed(9, () => ask({ type: "join" }));
    const sent = await timed(101, (i) => ask({ type: "say", text: `one more, the ${i}th` }));
    const page = await timed(21, () => ask({ type: "history", before: size.count / 2 }));
    const found = await search(9, "In Particular And");
    const missed = await search(3, "zebra");
    const [apart, waited] = await whileOthersPing(other, search(3, "coffee tea"));
    wire.close();
    other.close();
    return [median(starts), sent, joined, page, found, missed, apart, waited];
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

/** A history of short messages in #r0, by 50 people, and then `more`, as the server in the checkout `folder` stores it. */
export async function makeHistory(
  file: string,
  { count, batch }: Stored,
  folder: string,
  more: Draft[] = [],
): Promise<void> {
  const module = ["server/history.ts", "history.ts"].map((name) => join(folder, name)).find(existsSync);
  if (module === undefined) throw new Error(`there is no history.ts in ${folder}`);
  const { openHistory }: typeof import("../server/history.ts") = await import(module);
  const history = openHistory(file);
  for (let first = 0; first < count; first += batch)
    await history.append(Array.from({ length: Math.min(batch, count - first) }, (_, i) => made(first + i)));
  if (more.length > 0) await history.append(more);
  history.close();
}
/** Every word but the numbers is in each second message at least, so no search for them can skip many. */
function made(n: number): Draft {
  const what = n % 2 === 0 ? "coffee" : "tea";
  return {
    to: "#r0",
    from: `u${n % SPEAKERS}`,
    id: `made-${Math.floor(n / SPEAKERS) + 1}`, // a client counts what it says
    text: `message ${n}, about ${what} in particular and not very long`,
  };
}
