// bystander.ts: how long others wait for the answer to a ping while one account, or a few, do the worst that each verb allows.
// The server, the bystander and those who attack are three processes. A program of its own, as it can compare the servers of
// several checkouts. Prints a table; asserts nothing.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Case } from "./attacks.ts";
import { Attack, CASES } from "./attacks.ts";
import type { Running } from "./load.ts";
import { start } from "./load.ts";
import type { Kit, Peer } from "./peers.ts";
import { banterIn, REPOSITORY, writeLoadAccounts } from "./peers.ts";
import { figure, format } from "./report.ts";
import { makeHistory } from "./stored.ts";

const MESSAGES = 1_000_000; // in #r0
const LONG = { messages: 200, length: 4_000 }; // in #long: the longest answer to a history
const INBOX = 10_000; // direct messages that wait for u1, from two accounts
const HELP = `Usage: bun bench/bystander.ts [options]
Measures how long a bystander waits for the answer to a ping while others do the worst that each verb allows.

  --server DIR   a checkout whose server is measured; may be given again, and then they take turns   this one
  --only A,B     these cases only: ${CASES.slice(0, 7)
    .map(({ name }) => name)
    .join(", ")},
                 ${CASES.slice(7)
                   .map(({ name }) => name)
                   .join(", ")}
  --seconds S    that one case may take at most   5
  --help         this text

Exit codes: 0 done, 1 something could not be measured, 2 usage
`;

class UsageError extends Error {}

interface Options {
  servers: string[];
  cases: Case[];
  seconds: number;
}

function readOptions(): Options | undefined {
  const known = {
    server: { type: "string", multiple: true },
    only: { type: "string" },
    seconds: { type: "string", default: "5" },
    help: { type: "boolean", short: "h" },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof known }>>["values"];
  try {
    values = parseArgs({ options: known }).values;
  } catch (problem) {
    throw new UsageError((problem as Error).message);
  }
  if (values.help) return undefined;
  const names = CASES.map(({ name }) => name);
  const wanted = values.only?.split(",").map((name) => name.trim());
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`There is no "${unknown}". There are: ${names.join(", ")}.`);
  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds <= 60))
    throw new UsageError(`--seconds must be more than 0 and at most 60, not "${values.seconds}".`);
  return {
    servers: (values.server ?? [REPOSITORY]).map((folder) => resolve(folder)),
    cases: CASES.filter(({ name }) => wanted?.includes(name) ?? true),
    seconds,
  };
}

/** A history with a million messages, a room with the longest ones and a large inbox, as the server in `checkout` stores them. */
async function makeLongHistory(folder: string, checkout: string): Promise<void> {
  mkdirSync(folder);
  const file = join(folder, "chat.db");
  const text = "x".repeat(LONG.length);
  const long = Array.from({ length: LONG.messages }, (_, i) => ({
    to: "#long",
    from: "u0",
    id: `long-${i + 1}`,
    text,
  }));
  const direct = Array.from({ length: INBOX }, (_, i) => {
    const from = i === 0 ? "u3" : "u2";
    return { to: "u1", from, id: `to-u1-${i + 1}`, text: `direct message ${i + 1}` };
  });
  await makeHistory(file, { count: MESSAGES, batch: 5_000 }, checkout, [...long, ...direct]);
}

interface Waits {
  p50: number; // ms
  p99: number;
  longest: number;
}

/** What a bystander waits, in a process of its own, while `work` is done. */
async function watch(server: Running, token: string, work: () => Promise<string>): Promise<Waits & { end: string }> {
  const command = [
    process.execPath,
    join(import.meta.dir, "pinger.ts"),
    String(server.port),
    String(server.pid),
    "u0",
    token,
  ];
  const pinger = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  let said = "";
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const chunk of pinger.stdout.pipeThrough(new TextDecoderStream())) {
      said += chunk;
      if (said.startsWith("ready\n")) resolve();
    }
  })();
  await Promise.race([ready, pinger.exited]);
  const end = await work();
  pinger.stdin.end();
  await reading;
  const [, figures] = said.split("\n");
  if (!figures) throw new Error("the bystander was not answered");
  return { ...JSON.parse(figures), end };
}

async function measure(one: Case, peer: Peer, kit: Kit, work: string, seconds: number): Promise<string> {
  const folder = one.isLong ? join(work, peer.name) : mkdtempSync(join(work, "case-"));
  await using server = await start(peer, kit, work, { folder, allCores: true });
  const tokens = (await Bun.file(join(kit.accounts, "words")).text()).trimEnd().split("\n");
  const attack = new Attack(server.port, tokens);
  try {
    const run = await one.prepare(attack);
    const limit = () => Promise.race([run(), Bun.sleep(seconds * 1e3).then(() => "not done")]);
    const { p50, p99, longest, end } = await watch(server, tokens[0]!, limit);
    return [p50, p99, longest].map(figure).join(" / ") + (end && ` (${end})`);
  } finally {
    attack.end();
  }
}

async function compare({ servers, cases, seconds }: Options, work: string): Promise<number> {
  const accounts = join(work, "accounts");
  await writeLoadAccounts(accounts);
  const { signal: cancelled } = new AbortController();
  const kit: Kit = { floor: undefined, packages: undefined, cancelled, accounts };
  const peers = servers.map((folder, i) => banterIn(folder, `server-${i}`, folder)[0]!);
  if (cases.some(({ isLong }) => isLong))
    for (const [i, { name }] of peers.entries()) await makeLongHistory(join(work, name), servers[i]!);
  let failures = 0;
  const rows: string[][] = [];
  for (const one of cases) {
    const row = [one.title];
    for (const peer of peers) {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${one.name}: ${peer.title}`);
      try {
        row.push(await measure(one, peer, kit, work, seconds));
      } catch (problem) {
        failures++;
        row.push(`could not be measured: ${(problem as Error).message}`);
      }
    }
    rows.push(row);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const title =
    "How long a bystander waits for the answer to a ping, in ms: p50 / p99 / longest (and what became of the rest)";
  process.stdout.write(format({ title, head: ["what others do meanwhile", ...servers], rows, notes: [] }));
  return failures > 0 ? 1 : 0;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  const work = mkdtempSync(join(tmpdir(), "banter-bystander-"));
  try {
    return await compare(options, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.main)
  process.exitCode = await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    return problem instanceof UsageError ? 2 : 1;
  });
