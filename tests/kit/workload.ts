// workload.ts: people who talk through a bad network to a server that keeps being killed: the real server as a process,
// the real client over TCP, a proxy between them. Returns a run for the checker. Called by delivery.test.ts and
// soak.ts. Its trouble comes at times of its own choosing; the end is waited for.

import { setTimeout as pass } from "node:timers/promises";
import { connect, receiveMessages } from "../../client.ts";
import type { Message } from "../../protocol.ts";
import type { Connection } from "../../shared/connection.ts";
import type { Run, Stored } from "./checker.ts";
import { PASSWORD, spawnServer, temporaryFolder, Wire, writeAccounts } from "./harness.ts";
import type { Process } from "./harness.ts";
import { Proxy } from "./proxy.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { inboxOf } from "../../server/conversations.ts";

export interface Plan {
  seed: number;
  seconds: number; // of talk and trouble; the end comes on top
  kills: number; // of the server, while they talk; once more at the end
  replacements: number; // clients that go away without waiting for their answers, and come back as new ones
  rate: number; // says a second, all together
}

export interface Report {
  run: Run;
  counts: Recorder["counts"] & { kills: number; resets: number; late: number; seconds: number };
}

const NAMES = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
const ROOMS: Record<string, readonly string[]> = {
  "#lab": NAMES,
  "#den": ["alice", "bob", "carol", "dave", "erin"],
  "#attic": ["dave", "erin", "frank", "grace", "heidi"],
};
const RETURN = { low: 1, high: 40 }; // ms until a client that was cut off tries again
const MOST_OPEN = 100; // says of one process without an outcome
const END = 20_000; // ms that everything may take to be answered and shown at the end

/** Lets eight people talk for `seconds` while the server is killed and connections are reset, then waits until every say
 *  is answered and everybody has everything, and reads the log. */
export async function runWorkload(plan: Plan): Promise<Report> {
  const random = new Random(plan.seed);
  const begin = Date.now();
  const recorder = new Recorder();
  using folder = temporaryFolder();
  writeAccounts(folder.path, NAMES);
  const args = ["--rate", random.chance(0.5) ? "0" : "60"]; // with a rate, lines wait in the session
  let server = await spawnServer(folder.path, args);
  await using proxy = new Proxy(server.port, random.fork());
  const people = NAMES.map((name) => new Person(name, proxy.port, recorder, random.fork()));
  await Promise.all(people.map((person) => person.arrive()));

  const deadline = Date.now() + plan.seconds * 1000;
  const trouble = random.fork();
  const moment = (index: number, of: number): number =>
    begin + ((index + 0.2 + 0.6 * trouble.next()) / of) * plan.seconds * 1000;
  const killing = async (): Promise<void> => {
    for (let kill = 0; kill < plan.kills; kill++) {
      await pass(Math.max(0, moment(kill, plan.kills) - Date.now()));
      await passed(proxy, trouble.between(1, 40));
      server = await restart(server, folder.path, args, proxy, trouble.between(0, 100));
    }
  };
  const replacing = async (): Promise<void> => {
    for (let index = 0; index < plan.replacements; index++) {
      await pass(Math.max(0, moment(index, plan.replacements) - Date.now()));
      await trouble.pick(people).replace();
    }
  };
  const talking = async (): Promise<void> => {
    await Promise.all(people.map((person) => person.talk(deadline, (1000 * NAMES.length) / plan.rate)));
    proxy.calm = true; // a client that is just coming back gets through
  };
  await Promise.all([killing(), replacing(), talking()]);
  server = await restart(server, folder.path, args, proxy, 0);
  const present = people.map(({ process }) => process);
  await recorder.until(() => present.every((process) => !recorder.open.get(process)), END);
  const log = await readLog(server.port);
  const caughtUp = (process: string, name: string): boolean =>
    (recorder.positions.get(`${process} ${name}`) ?? recorder.positions.get(name) ?? 0) >= (log[name]?.length ?? 0);
  await recorder.until(
    () => people.every(({ process, conversations }) => conversations.every((name) => caughtUp(process, name))),
    END,
  );
  const { steps, counts } = recorder;
  const run = { steps: [...steps], log, present };
  await Promise.all(people.map((person) => person.leave()));
  await server[Symbol.asyncDispose]();
  const seconds = (Date.now() - begin) / 1000;
  return { run, counts: { ...counts, kills: plan.kills + 1, resets: proxy.resets, late: proxy.late, seconds } };
}

/** Somebody who talks, through one client process after the other. */
class Person {
  readonly name: string;
  readonly rooms: string[];
  process = "";
  readonly #port: number;
  readonly #recorder: Recorder;
  readonly #random: Random;
  #connection: Connection | undefined;
  #processes = 0;
  #said = 0;

  constructor(name: string, port: number, recorder: Recorder, random: Random) {
    this.name = name;
    this.rooms = Object.keys(ROOMS).filter((room) => ROOMS[room]!.includes(name));
    this.#port = port;
    this.#recorder = recorder;
    this.#random = random;
  }

  get conversations(): string[] {
    return [...this.rooms, inboxOf(this.name)];
  }

  /** Starts a client, again and again until one gets through. */
  async arrive(): Promise<void> {
    for (;;) {
      this.process = `${this.name}.${++this.#processes}`;
      const { process, name: user } = this;
      try {
        this.#connection = await connect({
          ...{ host: "127.0.0.1", port: this.#port, user, password: PASSWORD, rooms: this.rooms },
          onWire: this.#recorder.wire(process, user),
        });
        return void this.#read(process, this.#connection);
      } catch {
        await pass(this.#random.between(RETURN.low, RETURN.high));
      }
    }
  }

  async #read(process: string, connection: Connection): Promise<void> {
    for await (const event of receiveMessages(connection)) {
      if (connection !== this.#connection) return;
      if (event.type === "message") this.#recorder.shown(process, this.name, event);
      if (event.type === "reset") this.#recorder.reset(process, this.name, event.to);
      if (event.type === "offline")
        setTimeout(() => connection.retryNow(), this.#random.between(RETURN.low, RETURN.high));
    }
  }

  /** Says something to somebody every now and then, until the deadline. */
  async talk(deadline: number, pause: number): Promise<void> {
    while (Date.now() < deadline) {
      await pass(this.#random.next() * 2 * pause);
      const connection = this.#connection;
      if (connection === undefined || (this.#recorder.open.get(this.process) ?? 0) >= MOST_OPEN) continue;
      this.#recorder.say(this.process, connection, this.#recipient(), this.#text());
    }
  }

  #recipient(): string {
    const choice = this.#random.next();
    if (choice < 0.7) return this.#random.pick(this.rooms);
    if (choice < 0.97) return this.#random.pick(NAMES);
    return this.#random.pick(["nobody", ...Object.keys(ROOMS).filter((room) => !this.rooms.includes(room))]);
  }

  #text(): string {
    const padding = this.#random.chance(0.05) ? this.#random.between(500, 2_000) : this.#random.between(0, 60);
    return `${this.process} ${++this.#said} ${"é✓".repeat(padding / 2)}`;
  }

  /** Goes away in the middle of everything and comes back as a new client, which knows nothing of the old one. */
  async replace(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
    await this.arrive();
  }

  async leave(): Promise<void> {
    await this.#connection?.close();
  }
}

/** Resolves when bytes of the server have been passed on `times` times, or soon if it is silent. */
function passed(proxy: Proxy, times: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => {
    proxy.onPassed = undefined;
    resolve();
  };
  proxy.onPassed = () => {
    if (--times <= 0) done();
  };
  setTimeout(done, 300);
  return promise;
}

/** Kills a server without a warning and starts another on the same data after `pause` ms. */
async function restart(server: Process, folder: string, args: string[], proxy: Proxy, pause: number): Promise<Process> {
  await server.kill9();
  await pass(pause);
  const next = await spawnServer(folder, args);
  proxy.target = next.port;
  return next;
}

/** Every conversation as the server tells it, read over wires of its own. */
async function readLog(port: number): Promise<Run["log"]> {
  const log: Run["log"] = {};
  for (const name of NAMES) {
    const wire = await Wire.open(port);
    await wire.login(name);
    for (const room of Object.keys(ROOMS)) {
      if (log[room] !== undefined || !ROOMS[room]!.includes(name)) continue;
      await wire.join(room);
      log[room] = await readConversation(wire, room);
    }
    log[inboxOf(name)] = await readConversation(wire, "@");
    wire.close();
  }
  return log;
}

async function readConversation(wire: Wire, to: string): Promise<Stored[]> {
  const entries: Stored[] = [];
  for (;;) {
    const before = entries[0]?.seq;
    const page = await wire.ask({ type: "history", to, limit: 200, ...(before !== undefined && { before }) });
    const messages: Message[] = page.messages;
    if (messages.length === 0) return entries;
    entries.unshift(...messages.map(({ to, seq, from, id, text }) => ({ to, seq, from, id, text })));
  }
}
