// machine.ts: what the machine is on which is measured: its processors, the versions of the peers, how long a sync takes, how
// many files a process may have open. Called by benchmark.ts.

import { open } from "node:fs/promises";
import { cpus, release, totalmem } from "node:os";
import { basename, join } from "node:path";
import { pinned } from "./load.ts";
import type { Peer } from "./peers.ts";
import { figure, median } from "./report.ts";

/** Lines of a Markdown list. */
export async function describeMachine(work: string): Promise<string> {
  const processors = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  const sync = await syncTime(work);
  return [
    `- ${new Date().toISOString().slice(0, 10)}, ${processors.length} × ${processors[0]?.model ?? "unknown"}, ${gib} GiB, ${process.platform} ${/^\d+\.\d+/.exec(release())}, Bun ${Bun.version}.`,
    `- ${pinned ? "Server on one core, load generator on another." : "Not pinned: there is no taskset, or one core only."} One sync to disk takes ${figure(sync)} ms here.`,
    "",
  ].join("\n");
}

/** What the peers say their versions are, as a line of that list. */
export async function versions(peers: readonly Peer[]): Promise<string> {
  const found = new Map<string, string>();
  for (const { version } of peers) {
    const name = basename(version[0]!, ".exe");
    if (found.has(name)) continue;
    const child = Bun.spawn(version, { stdout: "pipe", stderr: "ignore" });
    const [number] = /\d+(\.\d+)+/.exec(await new Response(child.stdout).text()) ?? ["?"];
    found.set(name, `${name} ${number}`);
  }
  return `- ${[...found.values()].join(", ")}.\n`;
}

/** How many files a process may have open here, connections included. */
export function descriptorLimit(): number {
  const limit = Number(Bun.spawnSync(["sh", "-c", "ulimit -Hn"]).stdout.toString());
  return Number.isNaN(limit) ? Infinity : limit; // it says "unlimited"
}

/** Milliseconds that one small write and its sync take: what a chat that stores pays at the least. */
async function syncTime(folder: string): Promise<number> {
  await using file = await open(join(folder, "sync"), "w");
  const times: number[] = [];
  for (let i = 0; i < 21; i++) {
    const began = performance.now();
    await file.write("x".repeat(4096));
    await file.datasync();
    times.push(performance.now() - began);
  }
  return median(times);
}
