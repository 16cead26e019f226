// kills.ts: programs that are killed while they change a file, round after round: the server and users.ts in the middle of users.json, a
// log in its rotation, a history in an append. Finds what was promised and is not there. Called by kills.test.ts; as a program it runs as
// long as one likes. Which call a kill hits is not chosen by time; it is the seed's choice as far as the system lets it.

import { deepStrictEqual } from "node:assert";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import { PASSWORD, REPOSITORY, spawnServer, temporaryFolder, Wire } from "./harness.ts";
import { checkHistory } from "./model.ts";
import { works } from "./needs.ts";
import { Random } from "./random.ts";

export interface Outcome {
  rounds: number;
  inside: number; // rounds whose kill has left a change unfinished, or done and not told
  kept: number; // accounts, lines or messages that were promised and were there
  broken: string[]; // what was not
}
type Entry = { password?: string; removed?: string };
type Accounts = Record<string, Entry>;

const CROWD = 20_000; // accounts that make a write take its time
const MOST_TOLD = 5; // registrations, until the kill
const CHANGE_COMES = 500; // ms that a change is waited for
const MOST_LOOKS = 1_000; // at the folder, from the beginning of the change to the kill: it takes about so long

/** Kills a server that registers, a users.ts beside it, or both, in the middle of their changes of users.json. */
export async function killAccounts(seed: number, rounds: number): Promise<Outcome> {
  const random = new Random(seed);
  using folder = temporaryFolder();
  const file = join(folder.path, "users.json");
  const read = (): Accounts => JSON.parse(readFileSync(file, "utf8"));
  const crowd = Array.from({ length: CROWD }, (_, n) => [`crowd-${n}`, { password: "$argon2id$".padEnd(97, "x"), n }]);
  writeFileSync(file, JSON.stringify(Object.fromEntries(crowd)));
  const outcome: Outcome = { rounds, inside: 0, kept: 0, broken: [] };
  let before = read();
  for (let round = 0; round < rounds; round++) {
    const told = await killRound(folder.path, `r${round}`, before, random);
    if (readdirSync(folder.path).some((name) => /^users\.json\.(lock|tmp)$/.test(name))) outcome.inside++;
    try {
      check(before, read(), told);
      before = read();
      outcome.kept += told.filter(({ isTold }) => isTold).length;
    } catch (problem) {
      outcome.broken.push(`round ${round}: ${(problem as Error).message}`);
      writeFileSync(file, JSON.stringify(before));
    }
  }
  return outcome;
}

interface Deed {
  kind: "add" | "passwd" | "remove";
  name: string;
  isTold: boolean; // that it is done
}

/** Three people register and an operator changes something, until a kill; what they were told. */
async function killRound(data: string, prefix: string, before: Accounts, random: Random): Promise<Deed[]> {
  await using server = await spawnServer(data, ["--no-web"]);
  const deeds: Deed[] = [];
  const begin = (kind: Deed["kind"], name: string): Deed => {
    const deed = { kind, name, isTold: false };
    deeds.push(deed);
    return deed;
  };
  const kind = random.pick(["add", "passwd", "remove"] as const);
  const living = Object.keys(before).filter((name) => before[name]!.password !== undefined);
  const operated = begin(kind, kind === "add" ? `${prefix}-by-hand` : random.pick(living));
  const command = [process.execPath, "users.ts", operated.kind, operated.name, "--data", data];
  const operator = Bun.spawn(command, {
    cwd: REPOSITORY,
    stdin: Buffer.from(PASSWORD),
    stdout: "ignore",
    stderr: "ignore",
  });

  let awaited = random.between(0, MOST_TOLD);
  const [victim, looks] = [random.pick(["server", "operator", "both"]), random.between(0, MOST_LOOKS)];
  const kill = (): void => {
    waitForChange(data, looks);
    if (victim !== "operator") server.process.kill("SIGKILL");
    if (victim !== "server") operator.kill("SIGKILL");
  };
  const registering = ["a", "b", "c"].map(async (letter) => {
    for (let n = 0; n < 3; n++) {
      const wire = await Wire.open(server.port);
      if (awaited-- === 0) setImmediate(kill); // when the request has gone
      const deed = begin("add", `${prefix}-${letter}${n}`);
      const { type } = await wire.ask({ type: "register", user: deed.name, password: PASSWORD });
      deed.isTold = type === "ok";
      wire.close();
    }
  });
  const operating = operator.exited.then((code) => void (operated.isTold = code === 0));
  await Promise.allSettled([...registering, operating]);
  return deeds;
}

/** Returns somewhere in the middle of a change of users.json. It does nothing but look, for an event of the folder comes after it. */
function waitForChange(data: string, looks: number): void {
  const lock = join(data, "users.json.lock");
  const end = performance.now() + CHANGE_COMES;
  while (!existsSync(lock) && performance.now() < end);
  for (let look = 0; look < looks; look++) existsSync(lock);
}

/** Throws where the file after the kill is not what it was before and what was told. */
function check(before: Accounts, after: Accounts, deeds: readonly Deed[]): void {
  const expected = Object.entries(before);
  for (const { kind, name, isTold } of deeds) {
    const [old, entry] = [before[name], after[name]];
    const isDone = kind === "remove" ? entry?.removed !== undefined : entry?.password !== old?.password;
    if (isTold && !isDone) throw new Error(`${kind} ${name} was told and is not there`);
    if (!isDone) continue;
    const hash = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{43}\$[\w+/]{43}$/;
    if (kind === "remove") deepStrictEqual(Object.keys(entry!), ["removed"]);
    else if (!hash.test(entry?.password ?? "")) throw new Error(`${kind} ${name} has left ${JSON.stringify(entry)}`);
    if (kind === "passwd") deepStrictEqual({ ...entry, password: "" }, { ...old, password: "" });
    const place = expected.findIndex(([known]) => known === name);
    if (place >= 0) expected[place] = [name, entry!];
  }
  const added = deeds.filter(({ kind }) => kind === "add").map(({ name }) => name);
  deepStrictEqual(
    Object.entries(after).filter(([name]) => !added.includes(name)),
    expected,
  );
}

const LOG_BYTES = 500; // of one file: a rotation every ten lines
const OLD_FILES = [4, 3, 2, 1];
const MOST_LINES = 300; // of one program

/** Kills a program that writes a log whose files are small, and starts the next one on it. */
export async function killRotation(seed: number, rounds: number): Promise<Outcome> {
  const random = new Random(seed);
  using folder = temporaryFolder();
  const file = join(folder.path, "app.log");
  const script = `import { writeSync } from "node:fs";
    import { openLog } from ${JSON.stringify(join(REPOSITORY, "server/log.ts"))};
    const options = { file: ${JSON.stringify(file)}, maxBytes: ${LOG_BYTES} };
    const log = openLog({ ...options, console: (line) => writeSync(1, line) });
    for (let n = Number(process.argv[1]); ; n++) log.info(\`line \${n}\`);`;
  const numbers = (text: string): number[] =>
    Array.from(text.matchAll(/^.* - INFO - line (\d+)$/gm), ([, n]) => Number(n));
  const files = () => [...OLD_FILES.map((n) => `${file}.${n}`), file].filter((path) => existsSync(path));
  const outcome: Outcome = { rounds, inside: 0, kept: 0, broken: [] };
  let next = 0;
  for (let round = 0; round < rounds; round++) {
    const child = Bun.spawn([process.execPath, "-e", script, String(next)], { stdout: "pipe", stderr: "inherit" });
    const lines = random.between(1, MOST_LINES);
    const decoder = new TextDecoder();
    let told = "";
    for await (const chunk of child.stdout) {
      told += decoder.decode(chunk);
      if (told.split("\n").length > lines) child.kill("SIGKILL");
    }
    await child.exited;
    const last = numbers(told).at(-1)!;
    const kept = files().flatMap((path) => numbers(readFileSync(path, "utf8")));
    if (kept.some((n, i) => n !== kept[0]! + i)) outcome.broken.push(`round ${round}: a hole in ${kept.join(" ")}`);
    if (kept.at(-1)! < last) outcome.broken.push(`round ${round}: line ${last} was told, ${kept.at(-1)} is the last`);
    const bytes = files().reduce((sum, path) => sum + readFileSync(path).length, 0);
    if (next > MOST_LINES && bytes < 3 * LOG_BYTES) outcome.broken.push(`round ${round}: ${bytes} bytes are left`);
    if (next > MOST_LINES && files().length < 1 + OLD_FILES.length) outcome.inside++;
    outcome.kept += kept.length;
    next = kept.at(-1)! + 1;
  }
  return outcome;
}

const MOST_BATCHES = 200; // of one program
const MOST_WRITES = 3_000; // of one program, some 20 in a batch
const canTrace = works("strace", "-o", "/dev/null", "true");
const LIVES = 10; // rounds on one file

/** Kills a program that does nothing but append to a history and tell what is stored, and starts the next one on the same file. */
export async function killAppends(seed: number, rounds: number): Promise<Outcome> {
  const random = new Random(seed);
  using folder = temporaryFolder();
  const outcome: Outcome = { rounds, inside: 0, kept: 0, broken: [] };
  let [file, told, stored] = ["", new Map<string, Message>(), 0];
  for (let round = 0; round < rounds; round++) {
    if (round % LIVES === 0) [file, told, stored] = [join(folder.path, `${round}.db`), new Map(), 0];
    const before = told.size;
    await appendUntilKilled(file, random, told);
    const history = openHistory(file);
    try {
      const all = await checkHistory(history, random, told);
      if (all - stored > told.size - before) outcome.inside++;
      stored = all;
      outcome.kept += told.size - before;
    } catch (problem) {
      outcome.broken.push(`round ${round}: ${(problem as Error).message}`);
    }
    history.close();
  }
  return outcome;
}

/** Lets a program append until a write of its history, chosen beforehand, kills it, or until it has told of some batches. */
async function appendUntilKilled(file: string, random: Random, told: Map<string, Message>): Promise<void> {
  const script = `import { writeSync } from "node:fs";
    import { answeredIn } from "./server/conversations.ts";
    import { openHistory } from "./server/history.ts";
    import { People } from "./tests/kit/model.ts";
    import { Random } from "./tests/kit/random.ts";
    const people = new People(new Random(Number(process.argv[2])));
    const history = openHistory(process.argv[1]);
    for (let drafts = []; ; drafts = people.batch()) {
      const outcomes = await history.append(drafts);
      people.heard(outcomes);
      const copies = outcomes.flatMap(({ stored = [], repeated }) =>
        repeated === undefined ? stored : { conversation: answeredIn(repeated), message: repeated });
      writeSync(1, JSON.stringify(copies.map(({ conversation, message }) => [conversation, message])) + "\\n");
    }`;
  const fatal = `inject=pwrite64:signal=SIGKILL:when=${random.between(1, MOST_WRITES)}`;
  const wrapper = canTrace && random.chance(0.5) ? ["strace", "-f", "-o", "/dev/null", "-e", fatal] : [];
  const command = [...wrapper, process.execPath, "-e", script, file, String(random.between(0, 2 ** 32 - 1))];
  const child = Bun.spawn(command, { cwd: REPOSITORY, stdout: "pipe", stderr: "inherit" });
  const decoder = new TextDecoder();
  let text = "";
  let batches = wrapper.length > 0 ? Infinity : random.between(1, MOST_BATCHES);
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    batches -= chunk.filter((byte) => byte === 10).length; // LF
    if (batches <= 0) child.kill("SIGKILL");
  }
  await child.exited;
  for (const line of text.split("\n").slice(0, -1))
    for (const [conversation, message] of JSON.parse(line) as [string, Message][])
      told.set(`${conversation} ${message.seq}`, message);
}

const HELP = `Usage: bun tests/kit/kills.ts [--seed N] [--rounds N]
Kills programs in the middle of users.json, of a log's rotation and of a history's append, so many rounds each (100), and looks whether
all is there that was promised. Exit codes: 0 it is, 1 it is not, 2 usage
`;

async function main(): Promise<number> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { seed: text, rounds: text, help: { type: "boolean" } } });
  const [seed, rounds] = [Number(values.seed ?? 1), Number(values.rounds ?? 100)];
  if (values.help || !Number.isSafeInteger(seed) || !(rounds >= 1)) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  let isBroken = false;
  for (const [name, kill] of [
    ["users.json", killAccounts],
    ["rotation", killRotation],
    ["append", killAppends],
  ] as const) {
    const { inside, kept, broken } = await kill(seed, rounds);
    process.stdout.write(
      `${name}: ${rounds} kills, ${inside} inside a change; ${kept} kept, ${broken.length} broken\n`,
    );
    for (const what of broken) process.stdout.write(`  ${what}\n`);
    isBroken ||= broken.length > 0;
  }
  return isBroken ? 1 : 0;
}

if (import.meta.main) process.exit(await main());
