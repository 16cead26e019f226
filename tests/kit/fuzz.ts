// fuzz.ts: a seeded fuzzer. Valid conversations as frames, typed lines and WebSocket frames are damaged, cut into any pieces,
// sent to a server of its own and ended in any way; the server must stay up, answer a witness, log no error, let go of
// everything and say nothing that could drive a terminal. fast-check makes them, and makes what fails as small as it can.
// A program too: bun tests/kit/fuzz.ts --seed N --seconds 60, with the --path of a failure to begin there.

import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Arbitrary } from "fast-check";
import { upgrade } from "./browser.ts";
import { descriptorsOf, memoryOf } from "./gauge.ts";
import type { Process } from "./harness.ts";
import { PASSWORD, spawnServer, temporaryFolder, Wire, writeAccounts } from "./harness.ts";
import { load } from "./needs.ts";

const fc = (await load<typeof import("fast-check")>("fast-check"))!;

export interface Finding {
  conversations: number;
  problem: string | undefined; // with the smallest round that shows it, and how to see it again
  grown: number; // bytes of memory, since a warm-up
  left: number; // descriptors that the server did not let go of
}

const AT_ONCE = 15; // conversations of a round, at most
const WARM_UP = 0.3; // of the whole, before memory is looked at: caches fill and code is compiled
const NAMES = ["alice", "bob", "carol"]; // alice is a host
/** Pieces that parsers and terminals dislike, a byte a character. */
const NASTY = [
  ...'\0\x07\b\t\r\x1b\x7f\x9b\ufeff\u061c\u202e\u2066\u2028\u200d{}"#@*/',
  ...["\x1b]0;pwned\x07", "\x1b[2J", "\r\n", "\n", "\\ud800", "\\u0000", "//", "!exit", "null"],
  ...["-1", "1e400", "9007199254740993", "__proto__", "constructor", "[".repeat(3_000), "A".repeat(5_000)],
].map((text) => Buffer.from(text).toString("latin1"));
const NO_UTF8 = ["\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf0\x9f", "\x16\x03\x01"];
/** Requests, with N for any number. */
const REQUESTS = `
{"type":"say","to":"#lab","text":"hello N","id":"f-N"}
{"type":"say","to":"bob","text":"psst \u{1f44b}"}
{"type":"say","to":"alice","text":"N"}
{"type":"join","to":"#room-N"}
{"type":"leave","to":"#lab"}
{"type":"who"}
{"type":"rooms"}
{"type":"history","to":"#lab","limit":N,"before":N}
{"type":"history","to":"@","limit":N}
{"type":"history","to":"#lab","match":"hello"}
{"type":"seen","seq":N}
{"type":"set","to":"#lab","key":"lock","value":"on"}
{"type":"set","to":"#lab","key":"lock","value":"+N"}
{"type":"set","to":"#lab","key":"topic","value":"topic N"}
{"type":"set","to":"#lab","key":"slow","value":"N"}
{"type":"set","to":"#lab","key":"door","value":"on"}
{"type":"set","to":"#lab","key":"member","value":"off","of":"bob"}
{"type":"set","to":"bob","key":"mute","value":"+N"}
{"type":"set","to":"new-N","key":"ban","value":"+N"}
{"type":"set","to":"*","key":"rules","value":"school"}
{"type":"remove","to":"#lab","last":N}
{"type":"remove","to":"#lab","of":"bob","on":N,"through":N}
{"type":"remove","to":"@","on":N}
{"type":"claim","code":"N-N"}
{"type":"ping"}
{"type":"exit"}`;
const TYPED = [
  "hello|/who|/join lab|/msg bob psst|/history N|//slash|/search hello|/leave|!exit|/host N-N|/remove|/remove bob N|/lock all 1s",
  "/unlock|/mute bob 1m|/kick new-N|/unban new-N|/slow N|/topic N|/announce N|/rules|/rules school|/door on|/invite bob|/expel bob",
].join("|");

/** Any conversation, and what is done to it. */
function anyConversation() {
  const one = fc.constantFrom;
  const said = fc.record({
    request: one(...REQUESTS.trim().split("\n")),
    typed: one(...TYPED.split("|")),
    n: fc.nat(300),
    opcode: fc.oneof({ weight: 9, arbitrary: one(0x81) }, one(0x80, 0x82, 0x88, 0x89, 0x8a, 0x01, 0xc1)),
  });
  const damage = fc.record({
    how: one("remove", "repeat", "replace", "insert", "flip", "scramble", "cut"),
    at: fc.noBias(fc.nat()),
    length: fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 8 }) }, fc.integer({ min: 1, max: 10_000 })),
    piece: one(...NASTY, ...NO_UTF8),
    noise: fc.uint8Array({ minLength: 1 }),
  });
  return fc.record({
    kind: one("frames", "lines", "websocket"),
    user: one(...NAMES),
    luck: fc.noBias(fc.nat(49)), // few pay for the hash of a password
    since: fc.tuple(fc.option(fc.nat(50)), fc.option(fc.nat(50))), // in the inbox and in the room
    said: fc.array(said, { minLength: 1, maxLength: 12, size: "max" }),
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    damages: fc.array(damage, { maxLength: 4 }),
    pieces: fc.array(fc.record({ length: fc.integer({ min: 1, max: 20 }), pause: fc.boolean() }), { maxLength: 4 }), // then all the rest
    ending: one("half", "reset", "close"),
  });
}
type Conversation = ReturnType<typeof anyConversation> extends Arbitrary<infer T> ? T : never;

/** What is said, as typed lines or as frames. */
function linesOf({ kind, user, luck, since, said }: Conversation, tokens: Map<string, string>): string[] {
  const fill = (template: string, n: number) => template.replaceAll("N", String(n));
  if (kind === "lines") {
    const password = luck < 5 ? PASSWORD : "x";
    return [`login ${user} ${password}`, "help", ...said.map(({ typed, n }) => fill(typed, n))];
  }
  const register = { type: "register", user: `new-${said[0]!.n}`, password: PASSWORD };
  const login = { type: "login", user, token: tokens.get(user), since: since[0] };
  const first = [luck === 0 ? register : login, { type: "join", to: "#lab", since: since[1] }];
  const lines = [...first.map((one) => JSON.stringify(one)), ...said.map(({ request, n }) => fill(request, n))];
  return lines.map((line, n) => line.replace("{", `{"id":"r-${n}",`));
}

/** The bytes of a conversation, before they are damaged. */
function bytesOf(conversation: Conversation, { tokens, webPort }: Target): Buffer {
  const { kind, mask, said } = conversation;
  const lines = linesOf(conversation, tokens);
  if (kind !== "websocket") return Buffer.from(lines.join("\n") + "\n");
  // As a browser would send them: an upgrade, then one masked text frame a line (RFC 6455).
  const frames = lines.map((line, n) => {
    const body = Buffer.from(line);
    const length = body.length < 126 ? [0x80 | body.length] : [0x80 | 126, body.length >> 8, body.length & 255];
    const opcode = said[n % said.length]!.opcode;
    return Buffer.concat([Buffer.from([opcode, ...length]), mask, body.map((byte, i) => byte ^ mask[i % 4]!)]);
  });
  return Buffer.concat([Buffer.from(upgrade(`localhost:${webPort}`)), ...frames]);
}

function damage(bytes: Buffer, { how, at, length, piece, noise }: Conversation["damages"][number]): Buffer {
  const start = at % (bytes.length + 1);
  const head = bytes.subarray(0, start);
  const middle = bytes.subarray(start, start + length);
  const tail = bytes.subarray(start + length);
  const nasty = Buffer.from(piece, "latin1");
  const noisy = (change: (byte: number, noise: number) => number) =>
    middle.map((byte, i) => change(byte, noise[i % noise.length]!));
  const instead = {
    ...{ remove: [], repeat: [middle, middle], replace: [nasty], insert: [nasty, middle] },
    flip: [noisy((byte, noise) => byte ^ (1 << (noise & 7)))],
    scramble: [noisy((_, noise) => noise)],
  };
  return Buffer.concat(how === "cut" ? [head] : [head, ...instead[how], tail]);
}

/** Runs for so many rounds or seconds; what it found. The same seed damages the same conversations alike. */
export async function fuzz(seed: number, { rounds = 1e9, seconds = 45, path = "" }): Promise<Finding> {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice*", "bob", "carol", "witness"]);
  let target = await start(folder.path);
  let failed = false;
  const before = { memory: 0, descriptors: descriptorsOf(target.pid) };
  const began = performance.now();
  const log = Bun.file(join(folder.path, "log", "app.log"));
  let [conversations, round, read] = [0, 0, 0];

  const hold = async (several: Conversation[]): Promise<void> => {
    if (failed) {
      await target.kill9();
      target = await start(folder.path); // a smaller round is tried on a new server
    }
    failed = true; // until it is known better
    const problems = (await Promise.all(several.map((one) => converse(one, target)))).flat();
    // The first answer may overtake what the others have sent; by the second all of it was read.
    const ping = () => target.witness.ask({ type: "ping" }).catch(() => undefined);
    const answer = (await ping()) && (await ping());
    if (answer?.type !== "ok") problems.push(`the witness got no answer; the server said: ${target.output()}`);
    const logged = await log.slice(read).text();
    read += Buffer.byteLength(logged);
    problems.push(...(logged.match(/^.* - ERROR - .*$/gm) ?? []));
    if (problems.length > 0) throw new Error(problems.join("\n"));
    failed = false;
    conversations += several.length;
    const share = Math.max(++round / rounds, (performance.now() - began) / 1000 / seconds);
    if (before.memory === 0 && share >= WARM_UP) before.memory = memoryOf(target.pid);
  };
  let last = Promise.resolve();
  const several = fc.array(anyConversation(), { minLength: 1, maxLength: AT_ONCE, size: "max" });
  const property = fc.asyncProperty(several, (several) => (last = hold(several)));
  const plugins = [fc.interruptAfterTimeLimit(seconds * 1000)];
  const run = await fc.check(property, { seed, path, numRuns: rounds, plugins });
  const problem = run.failed ? `${run.errorInstance}\n${fc.defaultReportMessage(run)}` : undefined;
  await last.catch(() => {}); // which an interruption does not wait for

  await using server = target;
  if (problem !== undefined) return { conversations, problem, grown: 0, left: 0 };
  const end = performance.now() + 15_000; // an HTTP connection without a request may stay for ten seconds
  while (descriptorsOf(server.pid) > before.descriptors && performance.now() < end)
    await server.witness.ask({ type: "ping" });
  const left = descriptorsOf(server.pid) - before.descriptors;
  const grown = memoryOf(server.pid) - before.memory;
  return { conversations, problem, grown, left };
}

/** A server, a witness to whom it must answer all the time, and tokens of those who talk to it. */
interface Target extends Process {
  witness: Wire;
  tokens: Map<string, string>;
}

async function start(folder: string): Promise<Target> {
  const server = await spawnServer(folder, ["--rate", "0", "--web-port", "0"]);
  const witness = await Wire.open(server.port);
  await witness.login("witness");
  const tokens = new Map<string, string>();
  for (const name of NAMES) {
    const wire = await Wire.open(server.port);
    tokens.set(name, (await wire.login(name)).token!);
    wire.close();
    await wire.ended;
  }
  return { ...server, witness, tokens };
}

/** Holds one conversation to its end; what was wrong with the answers. */
async function converse(conversation: Conversation, target: Target): Promise<string[]> {
  const { kind, damages, pieces, ending } = conversation;
  const wire = await Wire.open(kind === "websocket" ? target.webPort : target.port);
  let rest = damages.reduce(damage, bytesOf(conversation, target));
  for (const { length, pause } of pieces) {
    wire.raw(rest.subarray(0, length));
    rest = rest.subarray(length);
    if (pause) await new Promise((resume) => setImmediate(resume));
  }
  wire.raw(rest);
  if (ending === "reset" || kind === "websocket") wire.reset();
  else if (ending === "close") wire.close();
  else wire.halfClose(); // everything is answered, then the server closes
  await wire.ended;
  if (kind === "websocket") return [];
  const unsafe = wire.text.search(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/);
  const lines = wire.text.split("\n").slice(0, -1);
  const wrong = lines.filter((line) => line.startsWith("{") && !isFrame(line));
  if (unsafe >= 0) wrong.push(wire.text.slice(Math.max(0, unsafe - 50)));
  return wrong.map((text) => `sent out ${JSON.stringify(text.slice(0, 200))}`);
}

function isFrame(line: string): boolean {
  try {
    return typeof JSON.parse(line).type === "string";
  } catch {
    return false;
  }
}

if (import.meta.main) {
  const options = { seed: { type: "string" }, seconds: { type: "string" }, path: { type: "string" } } as const;
  const { seed = String(Date.now() % 1e6), seconds = "60", path = "" } = parseArgs({ options }).values;
  const { problem, ...found } = await fuzz(Number(seed), { seconds: Number(seconds), path });
  process.stdout.write(`seed ${seed}: ${JSON.stringify(found, null, 2)}\n${problem ?? ""}\n`);
  process.exit(problem !== undefined || found.left > 0 ? 1 : 0);
}
