// run.ts: the benchmark, as a program: Banter beside every comparable server that is on this machine, all in one run on the
// reader's own machine, then how Banter's costs grow. Prints tables; `--write` keeps them in RESULTS.md. What a figure
// means is in README.md.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Plan } from "./benchmark.ts";
import { Benchmark } from "./benchmark.ts";
import { GROWTH } from "./growth.ts";
import type { Checkout, Peer } from "./peers.ts";
import { ALL_PEERS, banterIn, REPOSITORY } from "./peers.ts";
import { SCENARIOS } from "./scenarios.ts";

const NAMES = [...SCENARIOS, ...GROWTH].map(({ name }) => name);
const PEERS = ALL_PEERS.map(({ name }) => name);
const LONG = GROWTH.filter(({ isLong }) => isLong).map(({ name }) => name);
const SINGLE = SCENARIOS.filter(({ reps }) => reps === 1).map(({ name }) => name);
const INDENT = " ".repeat(17);
const HELP = `Usage: bun bench/run.ts [options]
Measures Banter beside what is on this machine, all in one run, and prints medians as ratios. Uses loopback and a
temporary folder only, and takes a quarter of an hour; with --npm twenty minutes, with --reps 1 half.

  --only A,B     these only: ${NAMES.slice(0, 8).join(", ")},
${INDENT}${NAMES.slice(8).join(", ")}
${INDENT}(${LONG.join(", ")} only by name: minutes)
  --peers A,B    these peers only: ${PEERS.slice(0, 6).join(", ")},
${INDENT}${PEERS.slice(6).join(", ")}
  --before DIR   also the Banter in another checkout, in turn with this one
  --reps N       repetitions of each, of which the median counts   3; of ${SINGLE.join(", ")} 1
  --seconds S    of measured traffic in each                       1; of pace 5
  --warm S       of traffic before that, which is not measured     0.5; of pace 3
  --npm          also ws and socket.io, installed from npm into the temporary folder
  --write        keep the tables in bench/RESULTS.md
  --help         this text

Exit codes: 0 done, 1 something could not be measured, 2 usage
`;

class UsageError extends Error {}

function readOptions(): (Plan & { write: boolean }) | undefined {
  const known = {
    only: { type: "string" },
    peers: { type: "string" },
    before: { type: "string" },
    reps: { type: "string" },
    seconds: { type: "string" },
    warm: { type: "string" },
    npm: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
    help: { type: "boolean", short: "h" },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof known }>>["values"];
  try {
    values = parseArgs({ options: known }).values;
  } catch (problem) {
    throw new UsageError((problem as Error).message);
  }
  if (values.help) return undefined;
  const listed = (list: string | undefined, names: string[]): string[] | undefined => {
    const wanted = list?.split(",").map((name) => name.trim());
    const unknown = wanted?.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new UsageError(`There is no "${unknown}". There are: ${names.join(", ")}.`);
    return wanted;
  };
  const positive = (name: "reps" | "seconds" | "warm", most: number): number | undefined => {
    const text = values[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (value > 0 && value <= most) return value;
    throw new UsageError(`--${name} must be more than 0 and at most ${most}, not "${text}".`);
  };
  const only = listed(values.only, NAMES);
  const chosen = listed(values.peers, PEERS);
  const peers = ALL_PEERS.filter(({ name }) => chosen?.includes(name) ?? true);
  const before = values.before === undefined ? undefined : resolve(values.before);
  const reps = positive("reps", 100);
  return {
    scenarios: SCENARIOS.filter(({ name }) => only?.includes(name) ?? true),
    growth: GROWTH.filter(({ name, isLong = false }) => only?.includes(name) ?? !isLong),
    ...beside(before, peers),
    named: chosen !== undefined,
    reps: reps === undefined ? undefined : Math.ceil(reps),
    seconds: positive("seconds", 60),
    warm: positive("warm", 60),
    npm: values.npm,
    write: values.write,
  };
}

/** The rows of another checkout stand behind Banter's own, one for each of these. */
function beside(before: string | undefined, peers: Peer[]): { peers: Peer[]; checkouts: Checkout[] } {
  const checkouts = [{ folder: REPOSITORY, banter: ALL_PEERS[0]! }];
  if (before === undefined) return { peers, checkouts };
  if (!existsSync(join(before, "server.ts"))) throw new UsageError(`There is no server.ts in ${before}.`);
  const [plain, withIds] = banterIn(before, "before", `Banter in ${basename(before)}`);
  const isOwn = ({ name }: Peer) => name === "banter" || name === "banter-ids";
  const wanted = peers.some(({ name }) => name === "banter-ids") ? [plain!, withIds!] : [plain!];
  return {
    peers: [...peers.filter(isOwn), ...wanted, ...peers.filter((peer) => !isOwn(peer))],
    checkouts: [...checkouts, { folder: before, banter: plain! }],
  };
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const work = mkdtempSync(join(tmpdir(), "banter-bench-"));
  const cancel = new AbortController();
  process.on("SIGINT", () => {
    cancel.abort();
    rmSync(work, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    const benchmark = new Benchmark(options, work, cancel.signal);
    await benchmark.run();
    const heading = "# Results\n\nWritten by `bun bench/run.ts --write`; how to read them is in README.md.\n\n";
    if (options.write) await Bun.write(join(import.meta.dir, "RESULTS.md"), heading + benchmark.text);
    return benchmark.failures > 0 ? 1 : 0;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.main)
  process.exitCode = await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    return problem instanceof UsageError ? 2 : 1;
  });
