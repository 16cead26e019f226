// benchmark.ts: one run of the benchmark: every peer in turn in each scenario, then how Banter's costs grow. Prints tables and
// keeps their text. Never asserts a speed. Called by run.ts.

import { join } from "node:path";
import type { Growth } from "./growth.ts";
import type { Figures, Running } from "./load.ts";
import { compile, generate, installPackages, start } from "./load.ts";
import { describeMachine, descriptorLimit, versions } from "./machine.ts";
import type { Checkout, Kit, Peer } from "./peers.ts";
import { NOT_MEASURED, writeLoadAccounts } from "./peers.ts";
import type { Table } from "./report.ts";
import { figure, format, median, ratio } from "./report.ts";
import type { Scenario } from "./scenarios.ts";
import { RATE } from "./scenarios.ts";

/** Whether a row is another one in this scenario than those beside it. */
function differs({ name, only }: Peer, { doing, isOwn }: Scenario): boolean {
  if (isOwn) return name.startsWith("banter") && (only === undefined || only === "reads");
  if (only === "speaks") return doing === "room" || doing === "pairs";
  if (only === "speaks in rooms") return doing === "room";
  return only === undefined;
}

/** Of the load generator. */
export const SOURCES = [
  "chatload.c",
  "connections.c",
  "dialects.c",
  "redis.c",
  "websocket.c",
  "figures.c",
  "options.c",
];

const CAPPED = 0.9; // of its core, above which the generator and not the server decides the rate
const DISTURBED = 0.2; // of a core, above which what others did is told
const RESERVED = 256; // descriptors that a server or the generator may need besides those of clients

export interface Plan {
  scenarios: readonly Scenario[];
  growth: readonly Growth[];
  peers: readonly Peer[];
  checkouts: readonly Checkout[]; // whose growth is measured
  named: boolean; // the peers were chosen
  reps: number | undefined; // where they were chosen, instead of each scenario's own
  seconds: number | undefined;
  warm: number | undefined;
  npm: boolean;
}

export class Benchmark {
  readonly #plan: Plan;
  readonly #work: string;
  readonly #cancelled: AbortSignal;
  readonly #servers = new Map<string, Running>();
  readonly #printed: string[] = [];
  failures = 0;

  constructor(plan: Plan, work: string, cancelled: AbortSignal) {
    this.#plan = plan;
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
    const { growth, checkouts, npm } = this.#plan;
    const generator = await compile("chatload", SOURCES, this.#work);
    const kit: Kit = {
      floor: await compile("floor", ["peers/floor.c"], this.#work),
      packages: npm ? await installPackages(this.#work) : undefined,
      accounts: join(this.#work, "accounts"),
      cancelled: this.#cancelled,
    };
    await writeLoadAccounts(kit.accounts);
    this.#print(await describeMachine(this.#work));
    this.#print(
      "- Banter runs with its history on: a message is on disk (synchronous=FULL) before anybody sees it. So do the peers marked ●; the others keep nothing.\n",
    );
    this.#print("- A figure is a multiple of the first row's in the same run.\n");
    if (generator === undefined) {
      this.#print(
        "There is no C compiler (cc) to build the load generator: only how Banter's costs grow is measured.\n",
      );
    } else {
      await this.#compareAll(kit, generator);
    }
    const seconds = this.#plan.seconds ?? 1;
    for (const part of growth) {
      this.#progress(part.title);
      const table = await part.measure({ kit, generator, work: this.#work, seconds, checkouts });
      this.#progress("");
      if (table !== undefined) this.#print("\n" + format(table));
    }
  }

  async #compareAll(kit: Kit, generator: string): Promise<void> {
    const limit = descriptorLimit();
    const possible: Scenario[] = [];
    for (const scenario of this.#plan.scenarios) {
      const needed = scenario.clients + RESERVED;
      if (needed <= limit) possible.push(scenario);
      else
        this.#print(
          `- Left out: ${scenario.name}: the server and the load generator each need ${needed} open files, and this machine allows ${limit} (ulimit -Hn).\n`,
        );
    }
    if (possible.length === 0) return;
    const peers = this.#present(kit);
    this.#print(await versions(peers));
    try {
      for (const scenario of possible) this.#print("\n" + (await this.#compare(scenario, peers, kit, generator)));
    } finally {
      for (const server of this.#servers.values()) await server[Symbol.asyncDispose]();
    }
  }

  /** The peers that can run here; one line for each that cannot. */
  #present(kit: Kit): Peer[] {
    const present: Peer[] = [];
    for (const peer of this.#plan.peers) {
      const why = peer.missing(kit);
      if (why === undefined) present.push(peer);
      else this.#print(`- Left out: ${peer.title}: ${why}.\n`);
    }
    if (!this.#plan.named) for (const why of NOT_MEASURED) this.#print(`- Left out: ${why}.\n`);
    return present;
  }

  /** Every peer in turn, as often as there are repetitions, so that what else the machine does meets all of them alike. */
  async #compare(scenario: Scenario, peers: Peer[], kit: Kit, generator: string): Promise<string> {
    const isSilent = scenario.doing === "enter" || scenario.doing === "nothing";
    const measured = peers.filter((peer) => differs(peer, scenario));
    const reps = this.#plan.reps ?? scenario.reps ?? 3;
    const seconds = this.#plan.seconds ?? scenario.seconds ?? 1;
    const warm = this.#plan.warm ?? scenario.warm ?? 0.5;
    const samples = new Map<Peer, Figures[]>(measured.map((peer) => [peer, []]));
    const notes = new Set<string>([
      isSilent ? `Median of ${reps}.` : `Median of ${reps} × ${seconds} s, each after ${warm} s of warm-up.`,
    ]);
    const traffic = isSilent ? [] : ["--seconds", String(seconds), "--warm", String(warm)];
    for (let rep = 1; rep <= reps; rep++)
      for (const peer of measured) {
        this.#progress(`${scenario.name}, ${rep} of ${reps}: ${peer.title}`);
        try {
          const figures = await this.#sample(scenario, peer, kit, generator, traffic);
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

  async #sample(scenario: Scenario, peer: Peer, kit: Kit, generator: string, traffic: string[]): Promise<Figures> {
    const { doing, clients, options, visitors, allCores } = scenario;
    const run = (server: Running, count: number) =>
      generate(generator, server, [
        ...MODES[doing],
        "--clients",
        String(count),
        ...peer.wire(kit, doing),
        ...options,
        ...traffic,
      ]);
    if (scenario.fresh) {
      await using server = await start(peer, kit, this.#work, { allCores });
      if (visitors === undefined) return await run(server, clients);
      const { signins_per_s } = await run(server, visitors);
      await server.empty();
      return { ...(await run(server, clients)), first_signins_per_s: signins_per_s! };
    }
    let server = this.#servers.get(peer.name);
    if (server?.alive !== true) this.#servers.set(peer.name, (server = await start(peer, kit, this.#work)));
    const figures = await run(server, clients);
    await server.empty();
    return figures;
  }
}

/** What clients do, in the generator's words. */
const MODES: Record<Scenario["doing"], string[]> = {
  room: [],
  pairs: ["--mode", "pairs"],
  enter: ["--mode", "silent"],
  nothing: ["--mode", "silent", "--no-room"],
};

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
  const others = median([...samples.values()].flat().map((each) => each.others_load ?? 0));
  if (others > DISTURBED)
    notes.push(
      `Other processes used ${figure(others)} of a core meanwhile, so times and rates are worse than they are.`,
    );
  const head = columns.map(({ title, unit, better }) => `${title}, ${unit} (${better} is better)`);
  return { title, head: ["", ...head], rows, notes };
}
