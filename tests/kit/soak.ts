// soak.ts: a long run of the delivery test, as a program. Exit code 1 when a promise was broken; the server's data is kept then.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Violation } from "./checker.ts";
import { summary } from "./checker.ts";
import type { Readings } from "./gauge.ts";
import { canGauge, fifths, judge, mebibytes } from "./gauge.ts";
import type { Figures, Plan, Report } from "./workload.ts";
import { runWorkload } from "./workload.ts";

const HELP = `Usage: bun tests/kit/soak.ts [options]
Eleven people on twelve devices and four text sessions talk in four rooms and to each other, while three hosts keep order and all
remove some of what they said, through a network that cuts and stalls connections. In the first half the server is killed and restarted; the second half one server lives through, and
its memory and descriptors must stay flat. Everything that was said, answered and shown is checked against the promises.

  --seed N       the choices of the run, the same for the same seed    1
  --seconds N    how long they talk                                    60
  --rate N       messages a second, all together, at most              1000
  --kills N      times the server is killed                            one every four seconds of the first half
  --help         this text

Exit codes: 0 every promise was kept, 1 one was not, 2 usage
`;
const SHOWN = 20; // violations
const EVERY = 10; // seconds between two lines
const LIFE = 4_000_000; // bytes of a connection at most
const NAP = 45_000; // ms; one reader is cut off in such a time, at the usual rate

interface Options {
  seed: number;
  seconds: number;
  rate: number;
  kills: number | undefined;
}

/** The options of a command line; a sentence about a wrong one. */
function readOptions(args: string[]): Options | string {
  const text = { type: "string" } as const;
  let values: { seed?: string; seconds?: string; rate?: string; kills?: string };
  try {
    values = parseArgs({ args, options: { seed: text, seconds: text, rate: text, kills: text } }).values;
  } catch (problem) {
    return (problem as Error).message.split(". ")[0]!;
  }
  for (const [name, value] of Object.entries(values))
    if (!/^\d{1,9}$/.test(value)) return `--${name} must be a whole number, not "${value}"`;
  const { seed = 1, seconds = 60, rate = 1_000, kills } = values;
  if (Number(seconds) < 1 || Number(rate) < 1) return "--seconds and --rate must be 1 or more";
  return {
    ...{ seed: Number(seed), seconds: Number(seconds), rate: Number(rate) },
    kills: kills === undefined ? undefined : Number(kills),
  };
}

const print = (line: string): void => void process.stdout.write(line + "\n");
const count = (value: number): string => value.toLocaleString("en");

/** Prints a line every so many seconds; what the run calls every second. */
function progress(): (now: Figures, readings: Readings) => void {
  let seconds = 0;
  return ({ said, shown, kills, cuts, slowReaders }, { memory, descriptors }) => {
    if (++seconds % EVERY > 0) return;
    const held = memory.length === 0 ? "" : `, RSS ${mebibytes(memory.at(-1)!)} MiB, fds ${descriptors.at(-1)}`;
    const own = mebibytes(process.memoryUsage.rss());
    print(
      `${String(seconds).padStart(4)} s: said ${count(said)}, shown ${count(shown)}, kills ${kills}, cuts ${cuts}, slow readers ${slowReaders}${held} (soak ${own})`,
    );
  };
}

/** Prints what came of it; whether every promise was kept. */
function conclude({ violations, counts, readings }: Report): boolean {
  for (const [name, value] of Object.entries(counts)) print(`  ${name.padEnd(12)} ${count(value)}`);
  const problems = judge(readings);
  if (canGauge) {
    const { before, after } = readings.rest;
    print(
      `second half: RSS by fifths ${fifths(readings).join(", ")} MiB; fds at rest ${before} before, ${after} after`,
    );
  } else print("memory and descriptors: cannot be read here, only on Linux");
  print(`flat: ${problems.join("; ") || "yes"}`);
  print(`violations: ${summary(violations)}`);
  for (const { rule, what } of violations.slice(0, SHOWN) satisfies Violation[]) print(`  ${rule}: ${what}`);
  return violations.length === 0 && problems.length === 0;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.some((arg) => ["--help", "-h", "help"].includes(arg))) {
    process.stdout.write(HELP);
    return 0;
  }
  const options = readOptions(args);
  if (typeof options === "string") {
    process.stderr.write(`${options}. See bun tests/kit/soak.ts --help\n`);
    return 2;
  }
  const { seed, seconds, rate } = options;
  const [stormy, steady] = [seconds / 2, seconds / 2];
  const { kills = Math.ceil(stormy / 4) } = options;
  const plan: Plan = { seed, stormy, steady, kills, rate, replacements: Math.ceil(seconds / 2), life: LIFE, nap: NAP };
  print(`seed ${seed}: ${seconds} s, ${rate} messages a second, ${kills} kills in the first half`);
  const folder = mkdtempSync(join(tmpdir(), "banter-soak-"));
  if (conclude(await runWorkload(plan, folder, progress()))) {
    rmSync(folder, { recursive: true });
    return 0;
  }
  print(`The server's data and log are in ${folder}`);
  return 1;
}

process.exit(await main());
