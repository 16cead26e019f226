// growth.ts: how Banter's costs grow with the members of a room, the messages it has stored and the accounts it knows, and
// how many can sign in by password. Each is measured through the door, at a real server with its history on.
// Called by run.ts; bystander.ts takes its history.

import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../server/history.ts";
import { Wire } from "../tests/kit/harness.ts";
import type { Running } from "./load.ts";
import { generate, start } from "./load.ts";
import type { Kit } from "./peers.ts";
import { ALL_PEERS } from "./peers.ts";
import type { Table } from "./report.ts";
import { figure, median, ratio } from "./report.ts";

export interface Bench {
  kit: Kit;
  generator: string | undefined;
  work: string;
  seconds: number;
}
export interface Growth {
  name: string; // on the command line
  title: string;
  /** The table; undefined when it cannot be measured here. */
  measure: (bench: Bench) => Promise<Table | undefined>;
}

export const GROWTH: readonly Growth[] = [
  { name: "members", title: "Banter: how cost grows with the members of a room", measure: members },
  { name: "messages", title: "Banter: how cost grows with the messages stored", measure: messages },
  { name: "accounts", title: "Banter: how cost grows with the accounts", measure: accounts },
  { name: "passwords", title: "Banter: sign-ins by password", measure: passwords },
];

const MEMBERS = [10, 100, 1_000];
const MESSAGES = [10_000, 100_000, 1_000_000];
const ACCOUNTS = [10, 1_000, 100_000];
const BATCH = 5_000; // messages stored at once while a history is made
const SPEAKERS = 50;
const PASSWORD = "pass-word-9";

const banter = ALL_PEERS[0]!;

/** Rows of figures as multiples of the first, whose own are given in `units`. */
function grown(title: string, head: string[], units: string[], rows: [string, number[]][], notes: string[]): Table {
  const base = rows[0]![1];
  const cells = rows.map(([size, figures], row) => [
    size,
    ...figures.map((value, i) =>
      row === 0 ? `1× = ${figure(value)} ${units[i]}` : `${ratio(value, base[i]!)} (${figure(value)} ${units[i]})`,
    ),
  ]);
  return { title, head, rows: cells, notes };
}

/** The median of `times` runs of what is asked, in ms. */
async function timed(times: number, ask: (i: number) => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await ask(i);
    taken.push(performance.now() - began);
  }
  return median(taken);
}

async function members({ kit, generator, work, seconds }: Bench): Promise<Table | undefined> {
  if (generator === undefined) return undefined;
  const rows: [string, number[]][] = [];
  for (const clients of MEMBERS) {
    await using server = await start(banter, kit, work);
    const options = ["--clients", String(clients), "--senders", "1", "--window", "1", "--seconds", String(seconds)];
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

async function messages({ kit, work }: Bench): Promise<Table> {
  const rows: [string, number[]][] = [];
  for (const count of MESSAGES) {
    const folder = mkdtempSync(join(work, "messages-"));
    await makeHistory(join(folder, "chat.db"), count);
    await using server = await start(banter, kit, work, folder);
    const wire = await signedIn(server, kit);
    const ask = (request: Record<string, unknown>) => wire.ask({ to: "#r0", ...request });
    const join_ = await timed(9, () => ask({ type: "join" }));
    const send = await timed(101, (i) => ask({ type: "say", text: `one more, the ${i}th` }));
    const page = await timed(21, () => ask({ type: "history", before: count / 2 }));
    const found = await timed(9, () => ask({ type: "history", match: "Nothing In Particular" }));
    const missed = await timed(3, () => ask({ type: "history", match: "zebra" }));
    wire.close();
    rows.push([count.toLocaleString("en-US"), [server.started, send, join_, page, found, missed]]);
  }
  return grown(
    "How Banter's cost grows with the messages stored in a room",
    ["messages", "start", "send", "join", "page from the middle", "search, found at once", "search, found nowhere"],
    ["ms", "ms", "ms", "ms", "ms", "ms"],
    rows,
    [
      "A start checks the whole file for damage and a search that finds nothing reads the whole room, so these two grow with it; the search gives way to everybody else every 2,000 messages.",
    ],
  );
}

/** A history of `count` short messages in #r0, by 50 people. */
export async function makeHistory(file: string, count: number): Promise<void> {
  const history = openHistory(file);
  for (let first = 0; first < count; first += BATCH)
    await history.append(
      Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => ({
        to: "#r0",
        from: `u${(first + i) % SPEAKERS}`,
        id: `made-${String(first + i).padStart(8, "0")}`,
        text: `message ${first + i}, about nothing in particular and not very long`,
      })),
    );
  history.close();
}

async function accounts({ kit, work }: Bench): Promise<Table> {
  const rows: [string, number[]][] = [];
  const password = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
  for (const count of ACCOUNTS) {
    const folder = mkdtempSync(join(work, "accounts-"));
    const all = Array.from({ length: count }, (_, i) => [`u${i}`, { password }] as const);
    writeFileSync(join(folder, "users.json"), JSON.stringify(Object.fromEntries(all)));
    await using server = await start(banter, kit, work, folder);
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
    let worst = 0;
    const registering = timed(9, (i) => register(i + 1));
    let done = false;
    void registering.finally(() => (done = true));
    while (!done) worst = Math.max(worst, await timed(1, () => bystander.ask({ type: "ping" })));
    const registered = await registering;
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
    [],
  );
}

async function passwords({ kit, work, seconds }: Bench): Promise<Table> {
  const folder = mkdtempSync(join(work, "passwords-"));
  writeFileSync(join(folder, "users.json"), "{}");
  await using server = await start(banter, kit, work, folder);
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

async function signedIn(server: Running, kit: Kit): Promise<Wire> {
  const [token] = (await Bun.file(join(kit.accounts, "words")).text()).split("\n");
  const wire = await Wire.open(server.port);
  const answer = await wire.ask({ type: "login", user: "u0", token });
  if (answer.type !== "ok") throw new Error(`the sign-in was refused: ${answer.text}`);
  return wire;
}
