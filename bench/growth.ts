// growth.ts: how Banter's costs grow with the members of a room, the messages it has stored (stored.ts) and the accounts it
// knows, and how many can sign in by password. Each is measured through the door, at a real server with its history on.
// Called by benchmark.ts.

import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Wire } from "../tests/kit/harness.ts";
import { timed, whileOthersPing } from "./asks.ts";
import { generate, start } from "./load.ts";
import type { Checkout, Kit } from "./peers.ts";
import { ALL_PEERS } from "./peers.ts";
import type { Table } from "./report.ts";
import { figure, grown } from "./report.ts";
import type { Stored } from "./stored.ts";
import { costOfStored } from "./stored.ts";

export interface Bench {
  kit: Kit;
  generator: string | undefined;
  work: string;
  seconds: number;
  checkouts: readonly Checkout[];
}
export interface Growth {
  name: string; // on the command line
  title: string;
  isLong?: boolean; // measured only where it is asked for by name
  /** The table; undefined when it cannot be measured here. */
  measure: (bench: Bench) => Promise<Table | undefined>;
}

export const GROWTH: readonly Growth[] = [
  { name: "members", title: "Banter: how cost grows with the members of a room", measure: members },
  {
    name: "messages",
    title: "Banter: how cost grows with the messages stored",
    measure: (bench) => costOfStored(bench, MESSAGES),
  },
  {
    name: "millions",
    title: "Banter: how cost grows with millions of messages stored",
    isLong: true,
    measure: (bench) => costOfStored(bench, MILLIONS),
  },
  { name: "accounts", title: "Banter: how cost grows with the accounts", measure: accounts },
  { name: "passwords", title: "Banter: sign-ins by password", measure: passwords },
];

const MEMBERS = [10, 100, 1_000];
const MESSAGES: Stored[] = [
  { count: 10_000, batch: 5_000 },
  { count: 100_000, batch: 5_000 },
  { count: 1_000_000, batch: 5_000 },
  { count: 10_000, batch: 1 },
  { count: 100_000, batch: 1 },
];
const MILLIONS: Stored[] = [
  { count: 1_000_000, batch: 5_000 },
  { count: 10_000_000, batch: 5_000 },
];
const ACCOUNTS = [10, 1_000, 100_000];
const PASSWORD = "pass-word-9";

const banter = ALL_PEERS[0]!;

async function members({ kit, generator, work, seconds }: Bench): Promise<Table | undefined> {
  if (generator === undefined) return undefined;
  const rows: [string, number[]][] = [];
  for (const clients of MEMBERS) {
    await using server = await start(banter, kit, work);
    const options = [
      ...["--clients", String(clients), "--senders", "1", "--window", "1"],
      ...["--warm", "1", "--seconds", String(seconds)],
    ];
    const { cpu_ns, p50_us, signins_per_s } = await generate(generator, server, [
      ...banter.wire(kit, "room"),
      ...options,
    ]);
    rows.push([clients.toLocaleString("en-US"), [cpu_ns! / 1e3, p50_us! / 1e3, 1e3 / signins_per_s!]]);
  }
  return grown(
    "How Banter's cost grows with the members of a room (one speaks, one message at a time)",
    ["members", "server CPU per delivery", "p50 to a member's screen", "signing in and joining, each"],
    ["µs", "ms", "ms"],
    rows,
    ["Flat CPU per delivery means that a message costs in proportion to its readers, which is the least there is."],
  );
}

async function accounts({ kit, work }: Bench): Promise<Table> {
  const rows: [string, number[]][] = [];
  const password = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
  for (const count of ACCOUNTS) {
    const folder = mkdtempSync(join(work, "accounts-"));
    const all = Array.from({ length: count }, (_, i) => [`u${i}`, { password }] as const);
    writeFileSync(join(folder, "users.json"), JSON.stringify(Object.fromEntries(all)));
    await using server = await start(banter, kit, work, { folder, allCores: true });
    const bystander = await Wire.open(server.port);
    const register = async (i: number) => {
      const wire = await Wire.open(server.port);
      const answer = await wire.ask({ type: "register", user: `new${i}`, password: PASSWORD });
      if (answer.type !== "ok") throw new Error(`a registration was refused: ${answer.text}`);
      wire.close();
    };
    const login = async () => {
      const wire = await Wire.open(server.port);
      await wire.login("u1");
      wire.close();
    };
    await register(0);
    const registering = timed(9, (i) => register(i + 1));
    const [registered, worst] = await whileOthersPing(bystander, registering);
    const loggedIn = await timed(21, login);
    bystander.close();
    rows.push([count.toLocaleString("en-US"), [server.started, registered, worst, loggedIn]]);
  }
  return grown(
    "How Banter's cost grows with the accounts",
    [
      "accounts",
      "start",
      "register, its hash included",
      "longest wait of others meanwhile",
      "sign in, with a cheap hash",
    ],
    ["ms", "ms", "ms", "ms"],
    rows,
  );
}

async function passwords({ kit, work, seconds }: Bench): Promise<Table> {
  const folder = mkdtempSync(join(work, "passwords-"));
  writeFileSync(join(folder, "users.json"), "{}");
  await using server = await start(banter, kit, work, { folder, allCores: true });
  const first = await Wire.open(server.port);
  await first.ask({ type: "register", user: "u1", password: PASSWORD });
  const until = performance.now() + Math.max(1, seconds) * 1e3;
  let count = 0;
  const began = performance.now();
  const student = async () => {
    while (performance.now() < until) {
      const wire = await Wire.open(server.port);
      await wire.login("u1");
      wire.close();
      count++;
    }
  };
  const alone = await timed(5, async () => {
    const wire = await Wire.open(server.port);
    await wire.login("u1");
    wire.close();
  });
  await Promise.all(Array.from({ length: 8 }, student));
  const rate = count / ((performance.now() - began) / 1e3);
  first.close();
  return {
    title: "Sign-ins by password (argon2id, 19 MiB, two passes; one core is left to everybody else)",
    head: ["", "one alone", "as many as come"],
    rows: [["Banter", `${figure(alone)} ms`, `${figure(rate)} a second`]],
    notes: ["The hash decides this: it is meant to cost a guesser as much as it costs us."],
  };
}
