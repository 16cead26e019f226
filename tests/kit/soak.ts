// soak.ts: a long run of the delivery test, as a program. Exit code 1 when a promise was broken; the history is kept then.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { check, summary } from "./checker.ts";
import { runWorkload } from "./workload.ts";

const HELP = `Usage: bun tests/kit/soak.ts [options]
Eight people talk in three rooms and to each other through a network that resets connections, while the server is killed
and restarted. Afterwards everything that was said, answered and shown is checked against the promises.

  --seed N       the choices of the run, the same for the same seed    1
  --seconds N    how long they talk                                    60
  --rate N       messages a second, all together                       200
  --kills N      times the server is killed                            one every two seconds
  --help         this text

Exit codes: 0 every promise was kept, 1 one was not, 2 usage
`;
const SHOWN = 20; // violations

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
  const { seed = 1, seconds = 60, rate = 200, kills } = values;
  if (Number(seconds) < 1 || Number(rate) < 1) return "--seconds and --rate must be 1 or more";
  return {
    ...{ seed: Number(seed), seconds: Number(seconds), rate: Number(rate) },
    kills: kills === undefined ? undefined : Number(kills),
  };
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
  const { seed, seconds, rate, kills = Math.ceil(seconds / 2) } = options;
  process.stdout.write(`seed ${seed}: ${seconds} s, ${rate} messages a second, ${kills} kills\n`);
  const { run, counts } = await runWorkload({ seed, seconds, rate, kills, replacements: Math.ceil(seconds / 3) });
  for (const [name, count] of Object.entries(counts)) process.stdout.write(`  ${name.padEnd(12)} ${count}\n`);
  const violations = check(run);
  process.stdout.write(`violations: ${summary(violations)}\n`);
  if (violations.length === 0) return 0;
  for (const { rule, what } of violations.slice(0, SHOWN)) process.stdout.write(`  ${rule}: ${what}\n`);
  const file = join(mkdtempSync(join(tmpdir(), "banter-soak-")), `seed-${seed}.json`);
  await Bun.write(file, JSON.stringify({ violations, ...run }));
  process.stdout.write(`The whole history is in ${file}\n`);
  return 1;
}

process.exit(await main());
