// run.ts: the benchmark, as a program: Banter beside every comparable server that is on this machine, all in one run on the
// reader's own machine, then how Banter's costs grow. Prints tables; `--write` keeps them in RESULTS.md. What a figure
// means is in README.md. Never asserts a speed.

import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { GROWTH } from "./growth.ts";
import type { Figures, Running } from "./load.ts";
import { compile, generate, installPackages, pinned, start } from "./load.ts";
import type { Kit, Peer } from "./peers.ts";
import { ALL_PEERS, NOT_MEASURED, writeLoadAccounts } from "./peers.ts";
import type { Table } from "./report.ts";
import { figure, format, median, ratio } from "./report.ts";
import type { Scenario } from "./scenarios.ts";
import { RATE, SCENARIOS } from "./scenarios.ts";

const NAMES = [...SCENARIOS, ...GROWTH].map(({ name }) => name);
const HELP = `Usage: bun bench/run.ts [options]
Measures Banter beside what is on this machine, all in one run, and prints medians as ratios. Uses loopback and a
temporary folder only, and takes under eight minutes.

  --only A,B     these scenarios only: ${NAMES.slice(0, 7).join(", ")},
                 ${NAMES.slice(7).join(", ")}
  --peers A,B    these peers only: ${ALL_PEERS.slice(0, 6)
    .map(({ name }) => name)
    .join(", ")},
                 ${ALL_PEERS.slice(6)
                   .map(({ name }) => name)
                   .join(", ")}
  --reps N       repetitions of each, of which the median counts   3
  --seconds S    of measured traffic in each                       1
  --npm          also ws and socket.io, installed from npm into the temporary folder
  --write        keep the tables in bench/RESULTS.md
  --help         this text

Exit codes: 0 done, 1 something could not be measured, 2 usage
`;

/** Of the load generator. */
const SOURCES = ["chatload.c", "dialects.c", "redis.c", "websocket.c", "figures.c", "options.c"];

const CAPPED = 0.9; // of its core, above which the generator and not the server decides the rate

class UsageError extends Error {}

interface Options {
  scenarios: Scenario[];
  growth: (typeof GROWTH)[number][];
  peers: Peer[];
  named: boolean; // the peers were chosen
  reps: number;
  seconds: number;
  npm: boolean;
  write: boolean;
}

function readOptions(): Options | undefined {
  const known = {
    only: { type: "string" },
    peers: { type: "string" },
    reps: { type: "string", default: "3" },
    seconds: { type: "string", default: "1" },
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
  const chosen = <T extends { name: string }>(list: string | undefined, all: readonly T[], names: string[]): T[] => {
    const wanted = list?.split(",").map((name) => name.trim());
    const unknown = wanted?.find((name) => !names.includes(name));
    if (unknown !== undefined) throw new UsageError(`There is no "${unknown}". There are: ${names.join(", ")}.`);
    return all.filter(({ name }) => wanted?.includes(name) ?? true);
  };
  const positive = (name: "reps" | "seconds", most: number): number => {
    const value = Number(values[name]);
    if (value > 0 && value <= most) return value;
    throw new UsageError(`--${name} must be more than 0 and at most ${most}, not "${values[name]}".`);
  };
  return {
    scenarios: chosen(values.only, SCENARIOS, NAMES),
    growth: chosen(values.only, GROWTH, NAMES),
    peers: chosen(
      values.peers,
      ALL_PEERS,
      ALL_PEERS.map(({ name }) => name),
    ),
    named: values.peers !== undefined,
    reps: Math.ceil(positive("reps", 100)),
    seconds: positive("seconds", 60),
    npm: values.npm,
    write: values.write,
  };
}

/** One run of the program: what it measures with, what it has printed, what went wrong. */
class Benchmark {
  readonly #options: Options;
  readonly #work: string;
  readonly #cancelled: AbortSignal;
  readonly #servers = new Map<string, Running>();
  readonly #printed: string[] = [];
  failures = 0;

  constructor(options: Options, work: string, cancelled: AbortSignal) {
    this.#options = options;
    this.#work = work;
    this.#cancelled = cancelled;
  }

  get text(): string {
    return this.#printed.join("");
  }
  #print(text: string): void {
    this.#printed.push(text);
    process.stdout.write(text);
  }
  #progress(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : "");
  }

  async run(): Promise<void> {
    const { scenarios, growth, npm } = this.#options;
    const generator = await compile("chatload", SOURCES, this.#work);
    const kit: Kit = {
      floor: await compile("floor", ["peers/floor.c"], this.#work),
      packages: npm ? await installPackages(this.#work) : undefined,
      accounts: join(this.#work, "accounts"),
      cancelled: this.#cancelled,
    };
    await writeLoadAccounts(kit.accounts);
    this.#print(await this.#machine());
    if (generator === undefined) {
      this.#print(
        "There is no C compiler (cc) to build the load generator: only how Banter's costs grow is measured.\n",
      );
    } else if (scenarios.length > 0) {
      const peers = this.#present(kit);
      this.#print(await versions(peers));
      try {
        for (const scenario of scenarios) this.#print("\n" + (await this.#compare(scenario, peers, kit, generator)));
      } finally {
        for (const server of this.#servers.values()) await server[Symbol.asyncDispose]();
      }
    }
    for (const part of growth) {
      this.#progress(part.title);
      const table = await part.measure({ kit, generator, work: this.#work, seconds: this.#options.seconds });
      this.#progress("");
      if (table !== undefined) this.#print("\n" + format(table));
    }
  }

  /** The peers that can run here; one line for each that cannot. */
  #present(kit: Kit): Peer[] {
    const present: Peer[] = [];
    for (const peer of this.#options.peers) {
      const why = peer.missing(kit);
      if (why === undefined) present.push(peer);
      else this.#print(`- Left out: ${peer.title}: ${why}.\n`);
    }
    if (!this.#options.named) for (const why of NOT_MEASURED) this.#print(`- Left out: ${why}.\n`);
    return present;
  }

  /** Every peer in turn, as often as there are repetitions, so that what else the machine does meets all of them alike. */
  async #compare(scenario: Scenario, peers: Peer[], kit: Kit, generator: string): Promise<string> {
    const samples = new Map<Peer, Figures[]>(peers.map((peer) => [peer, []]));
    const notes = new Set<string>();
    const reps = Math.min(this.#options.reps, scenario.reps ?? Infinity);
    for (let rep = 1; rep <= reps; rep++)
      for (const peer of peers) {
        this.#progress(`${scenario.name}, ${rep} of ${reps}: ${peer.title}`);
        try {
          const figures = await this.#sample(scenario, peer, kit, generator);
          samples.get(peer)!.push(figures);
          const { lost = 0, reordered = 0, dead = 0 } = figures;
          if (lost || reordered || dead)
            notes.add(`${peer.title}: ${lost} copies lost, ${reordered} out of order, ${dead} clients cut off.`);
        } catch (problem) {
          notes.add(`${peer.title}: could not be measured: ${(problem as Error).message}`);
          this.failures++;
        }
      }
    this.#progress("");
    return format(compared(scenario, samples, [...notes]));
  }

  async #sample(scenario: Scenario, peer: Peer, kit: Kit, generator: string): Promise<Figures> {
    const { seconds } = this.#options;
    const options = ["--seconds", String(seconds), ...peer.wire(kit, scenario.doing ?? "room"), ...scenario.options];
    if (scenario.fresh) {
      await using server = await start(peer, kit, this.#work);
      return await generate(generator, server, options);
    }
    let server = this.#servers.get(peer.name);
    if (server?.alive !== true) this.#servers.set(peer.name, (server = await start(peer, kit, this.#work)));
    const figures = await generate(generator, server, options);
    await Bun.sleep(100); // until a thousand closed connections are cleared away
    return figures;
  }

  async #machine(): Promise<string> {
    const processors = cpus();
    const gib = Math.round(totalmem() / 2 ** 30);
    const sync = await syncTime(this.#work);
    return [
      `- ${new Date().toISOString().slice(0, 10)}, ${processors.length} × ${processors[0]?.model ?? "unknown"}, ${gib} GiB, ${process.platform} ${/^\d+\.\d+/.exec(release())}, Bun ${Bun.version}.`,
      `- ${pinned ? "Server on one core, load generator on another." : "Not pinned: there is no taskset, or one core only."} One sync to disk takes ${figure(sync)} ms here.`,
      `- Banter runs with its history on: a message is on disk (synchronous=FULL) before anybody sees it. So do the peers marked ●; the others keep nothing.`,
      `- Medians of ${this.#options.reps} × ${this.#options.seconds} s, as multiples of the first row's figure in the same run.`,
      "",
    ].join("\n");
  }
}

/** A row for each peer that gave figures, as multiples of the first one's. */
function compared({ title, columns }: Scenario, samples: Map<Peer, Figures[]>, notes: string[]): Table {
  const measured = [...samples].filter(([, figures]) => figures.length > 0);
  const medians = measured.map(([, figures]) =>
    columns.map(({ key, scale = 1 }) => scale * median(figures.map((each) => each[key] ?? Number.NaN))),
  );
  const base = medians[0] ?? [];
  const rows = measured.map(([peer], row) => [
    peer.stores ? `● ${peer.title}` : peer.title,
    ...columns.map((_, i) => {
      const value = medians[row]![i]!;
      return row === 0 ? `1× = ${figure(value)}` : ratio(value, base[i]!);
    }),
  ]);
  const capped = measured.filter(([, figures]) => median(figures.map((each) => each.generator_load ?? 0)) > CAPPED);
  if (capped.length > 0 && columns.includes(RATE))
    notes.push(
      `The load generator had no more to give to: ${capped.map(([{ title }]) => title).join(", ")}. Compare CPU.`,
    );
  const head = columns.map(({ title, unit, better }) => `${title}, ${unit} (${better} is better)`);
  return { title, head: ["", ...head], rows, notes };
}

async function versions(peers: Peer[]): Promise<string> {
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
