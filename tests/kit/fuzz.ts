// fuzz.ts: a seeded fuzzer. Valid conversations as frames, typed lines and WebSocket frames are damaged, cut into any
// pieces, sent to a server of its own and ended in any way; the server must stay up, answer a witness, let go of
// everything and say nothing that could drive a terminal. A program (bun tests/fuzz.ts --seed N --seconds 60), and called
// by fuzz.test.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Process } from "./harness.ts";
import { PASSWORD, spawnServer, temporaryFolder, Wire, writeAccounts } from "./harness.ts";
import { Random } from "./random.ts";

export interface Finding {
  conversations: number;
  problems: string[];
  memory: { before: number; after: number }; // bytes of the server, after a warm-up and at the end
  descriptors: { before: number; after: number };
}

const AT_ONCE = 8; // conversations
const WARM_UP = 0.3; // of the whole, before memory is looked at: caches fill and code is compiled
const NAMES = ["alice", "bob", "carol"] as const;
/** Pieces that parsers and terminals dislike. */
const NASTY = [
  ..."\0\x07\b\t\r\x1b\x7f\x9b\ufeff\u061c\u202e\u2066\u2028\u200d",
  ...[
    "\x1b]0;pwned\x07",
    "\x1b[2J",
    "\r\n",
    "\n",
    "{",
    "}",
    '"',
    "\\ud800",
    "\\u0000",
    "#",
    "@",
    "*",
    "/",
    "//",
    "!exit",
  ],
  ...["null", "-1", "1e400", "9007199254740993", "__proto__", "constructor", "[".repeat(3_000), "A".repeat(5_000)],
].map((text) => Buffer.from(text));
const BYTES = [
  [0xff, 0xfe],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f],
  [0x16, 3, 1],
  [0],
];
const RAW = [...NASTY, ...BYTES.map((bytes) => Buffer.from(bytes))];

/** Runs for so many conversations or seconds; what it found. The same seed damages the same conversations alike. */
export async function fuzz(seed: number, until: { conversations?: number; seconds?: number }): Promise<Finding> {
  using folder = temporaryFolder();
  writeAccounts(folder.path, [...NAMES, "witness"]);
  await using server = await spawnServer(folder.path, ["--rate", "0", "--web-port", "0"]);
  const webPort = webPortOf(server);
  const witness = await Wire.open(server.port);
  await witness.login("witness");
  const tokens = new Map<string, string>();
  for (const name of NAMES) {
    const wire = await Wire.open(server.port);
    tokens.set(name, (await wire.login(name)).token!);
    wire.close();
    await wire.ended;
  }
  const problems: string[] = [];
  const random = new Random(seed);
  const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
  const before = { memory: 0, descriptors: descriptors() };
  const start = performance.now();
  const share = (): number =>
    until.conversations !== undefined
      ? conversations / until.conversations
      : (performance.now() - start) / ((until.seconds ?? 60) * 1000);
  let conversations = 0;

  while (share() < 1 && problems.length === 0) {
    const round = Array.from({ length: AT_ONCE }, () => random.fork());
    await Promise.all(round.map((own) => converse(own, server.port, webPort, tokens, problems)));
    conversations += AT_ONCE;
    const answer = await witness.ask({ type: "ping" }).catch(() => undefined);
    if (answer?.type !== "ok") problems.push(`the witness got no answer; the server said: ${server.output()}`);
    if (before.memory === 0 && share() >= WARM_UP) before.memory = memoryOf(server);
  }
  const after = { memory: memoryOf(server), descriptors: 0 };
  const end = performance.now() + 15_000; // an HTTP connection without a request may stay for ten seconds
  while ((after.descriptors = descriptors()) > before.descriptors && performance.now() < end)
    await witness.ask({ type: "ping" });
  const errors = readFileSync(join(folder.path, "log", "app.log"), "utf8").match(/^.* - ERROR - .*$/gm) ?? [];
  problems.push(...errors.slice(0, 5));
  return {
    conversations,
    problems,
    memory: { before: before.memory, after: after.memory },
    descriptors: { before: before.descriptors, after: after.descriptors },
  };
}

async function converse(
  random: Random,
  port: number,
  webPort: number,
  tokens: Map<string, string>,
  problems: string[],
): Promise<void> {
  const kind = random.pick(["frames", "lines", "websocket"] as const);
  const wire = await Wire.open(kind === "websocket" ? webPort : port);
  const lines = kind === "lines" ? typed(random) : framed(random, tokens);
  const bytes = kind === "websocket" ? overWebSocket(lines, webPort, random) : Buffer.from(lines.join("\n") + "\n");
  const damaged = damage(bytes, random);
  for (let at = 0; at < damaged.length;) {
    const length = random.chance(0.3) ? random.between(1, 20) : damaged.length;
    wire.raw(damaged.subarray(at, (at += length)));
    if (random.chance(0.2)) await new Promise((resume) => setImmediate(resume));
  }
  const ending = kind === "websocket" ? "reset" : random.pick(["half", "reset", "close"] as const);
  if (ending === "reset") wire.reset();
  else if (ending === "close") wire.close();
  else wire.halfClose(); // everything is answered, then the server closes
  await wire.ended;
  if (kind === "websocket") return;
  const unsafe = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.exec(wire.text);
  if (unsafe !== null)
    problems.push(`sent out ${JSON.stringify(wire.text.slice(unsafe.index - 50, unsafe.index + 50))}`);
  for (const line of wire.text.split("\n").slice(0, -1))
    if (line.startsWith("{") && !isFrame(line)) problems.push(`no frame: ${JSON.stringify(line.slice(0, 200))}`);
}

/** A valid conversation of frames. */
function framed(random: Random, tokens: Map<string, string>): string[] {
  const user = random.pick(NAMES);
  const requests: Record<string, unknown>[] = [
    random.chance(0.02)
      ? { type: "register", user: `new-${random.between(1, 999)}`, password: PASSWORD }
      : { type: "login", user, token: tokens.get(user), since: random.chance(0.5) ? random.between(0, 50) : undefined },
    { type: "join", to: "#lab", since: random.chance(0.5) ? random.between(0, 50) : undefined },
  ];
  for (let n = random.between(1, 12); n > 0; n--)
    requests.push(
      random.pick<Record<string, unknown>>([
        { type: "say", to: "#lab", text: `hello ${random.between(0, 99)}`, id: `f-${random.between(0, 999)}` },
        { type: "say", to: random.pick(NAMES), text: "psst \u{1f44b}" },
        { type: "join", to: `#room-${random.between(0, 99)}` },
        { type: "leave", to: "#lab" },
        { type: "who" },
        { type: "rooms" },
        {
          type: "history",
          to: random.pick(["#lab", "@"]),
          limit: random.between(0, 300),
          before: random.between(0, 99),
        },
        { type: "history", to: "#lab", match: "hello" },
        { type: "seen", seq: random.between(0, 99) },
        { type: "ping" },
        { type: "exit" },
      ]),
    );
  return requests.map((request, n) => JSON.stringify({ id: `r-${n}`, ...request }));
}

/** A valid conversation of a person. */
function typed(random: Random): string[] {
  const lines = [`login ${random.pick(NAMES)} ${random.chance(0.1) ? PASSWORD : "x"}`, "help"];
  const more = [
    "hello",
    "/who",
    "/join lab",
    "/msg bob psst",
    "/history 5",
    "//slash",
    "/search hello",
    "/leave",
    "!exit",
  ];
  for (let n = random.between(1, 12); n > 0; n--) lines.push(random.pick(more));
  return lines;
}

/** The same lines as a browser would send them: an upgrade, then one masked text frame a line (RFC 6455). */
function overWebSocket(lines: string[], port: number, random: Random): Buffer {
  const head = `GET /ws HTTP/1.1\r\nHost: localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`;
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const frames = lines.map((line) => {
    const body = Buffer.from(line);
    const mask = Buffer.from([1, 2, 3, 4].map(() => random.between(0, 255)));
    const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
    const opcode = random.chance(0.1) ? random.pick([0x80, 0x82, 0x88, 0x89, 0x8a, 0x01, 0xc1]) : 0x81;
    return Buffer.concat([Buffer.from([opcode, ...length]), mask, body.map((byte, i) => byte ^ mask[i % 4]!)]);
  });
  return Buffer.concat([Buffer.from(head + key), ...frames]);
}

function damage(bytes: Buffer, random: Random): Buffer {
  let result = bytes;
  for (let n = random.between(0, 4); n > 0 && result.length > 0; n--) {
    const at = random.between(0, result.length - 1);
    const to = Math.min(result.length, at + random.between(1, random.chance(0.2) ? result.length : 8));
    const [head, middle, tail] = [result.subarray(0, at), result.subarray(at, to), result.subarray(to)];
    const piece = random.pick<() => Buffer[]>([
      () => [head, tail],
      () => [head, middle, middle, tail],
      () => [head, random.pick(RAW), tail],
      () => [head, random.pick(RAW), middle, tail],
      () => [head, Buffer.from(middle.map((byte) => byte ^ (1 << random.between(0, 7)))), tail],
      () => [head, Buffer.from(middle.map(() => random.between(0, 255))), tail],
      () => [head],
    ])();
    result = Buffer.concat(piece);
  }
  return result;
}

function isFrame(line: string): boolean {
  try {
    return typeof JSON.parse(line).type === "string";
  } catch {
    return false;
  }
}

function webPortOf(server: Process): number {
  return Number(/Page listening \S+?:(\d+)/.exec(server.output())?.[1]);
}

/** What the server keeps in memory, in bytes. */
function memoryOf({ pid }: Process): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

if (import.meta.main) {
  const options = { seed: { type: "string" }, seconds: { type: "string" } } as const;
  const { seed = String(Date.now() % 1e6), seconds = "60" } = parseArgs({ options }).values;
  const found = await fuzz(Number(seed), { seconds: Number(seconds) });
  process.stdout.write(`seed ${seed}: ${JSON.stringify(found, null, 2)}\n`);
  process.exit(found.problems.length > 0 || found.descriptors.after > found.descriptors.before ? 1 : 0);
}
