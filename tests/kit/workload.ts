// workload.ts: people who talk through a bad network to a server that keeps being killed: the real server as a process, the real
// client over TCP and as the page has it, text sessions, and the checker that sees it all. Called by exactly-once.test.ts and
// soak.ts. Its trouble comes at times of its own choosing; the end is waited for.

import { setTimeout as pass } from "node:timers/promises";
import type { Cast } from "./cast.ts";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import { cast, EVERYBODY, HOSTS, ROOMS } from "./cast.ts";
import type { Violation } from "./checker.ts";
import { Checker } from "./checker.ts";
import type { Database } from "./folding.ts";
import type { Ports } from "./devices.ts";
import { FaultyServer } from "./faulty.ts";
import type { Readings } from "./gauge.ts";
import { readConversations, readHeads } from "./heads.ts";
import { writeAccounts } from "./harness.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";

export interface Plan {
  seed: number;
  stormy: number; // seconds of talk while the server is killed
  steady: number; // seconds of talk after that with all other trouble: one server process lives through them
  kills: number; // of the server in the stormy part; once more at its end, and once more when everybody has gone
  replacements: number; // clients that go away without waiting for their answers, and come back as new ones
  rate: number; // says a second, all together, at most
  life: number; // bytes after which a connection through the network is cut, at most
  nap: number; // ms for which one reader stops reading now and then; 0: it never does
}

export interface Figures {
  said: number;
  shown: number;
  kills: number;
  cuts: number;
  slowReaders: number;
}
export interface Report {
  violations: Violation[];
  counts: Recorder["counts"] &
    Figures & { late: number; fins: number; stalls: number; unshown: number; seconds: number };
  readings: Readings; // of the server that lived through the steady part
}

const POURED = 0.7; // share of what is said that these say
const TYPING = 150; // ms between two typed lines, on average
const ORDER = 100; // ms between two things that a host does, on average, beside what they take
const END = 20_000; // ms that everything may take to be answered and shown at the end
const REST = 20_000; // ms that the server may take to close what has been left

/** Lets everybody talk and the server be killed, waits until every say is answered and everybody has everything, lets all go,
 *  kills the server a last time, and compares its log with all of it. `folder` is for its data; `tell` is called every second. */
export async function runWorkload(plan: Plan, folder: string, tell?: (now: Figures, readings: Readings) => void) {
  const begin = Date.now();
  const random = new Random(plan.seed);
  const checker = new Checker(HOSTS);
  const recorder = new Recorder(checker);
  writeAccounts(
    folder,
    EVERYBODY.map((user) => (HOSTS.includes(user) ? `${user}*` : user)),
  );
  await using server = await FaultyServer.start(folder, random.fork(), plan.life);
  const { tcp, page } = server;
  server.onKilled = (at) => recorder.take({ step: "killed", at });
  const all = cast(server.ports, recorder, random.fork(), plan.stormy + plan.steady);
  const { talking, pouring, dozing, staying, hosting, devices, typists } = all;
  for (const one of devices) one.arrive();
  // What her sessions are shown is confirmed: it must not be before she is there.
  await recorder.until(() => recorder.ready.has(staying.process), END);
  for (const one of typists) one.live(TYPING);

  const figures = (): Figures => {
    const { said, shown } = recorder.counts;
    const cuts = tcp.resets + page.resets + tcp.fins + page.fins;
    return { said, shown, kills: server.kills, cuts, slowReaders: server.slowReaders };
  };
  const telling = setInterval(() => tell?.(figures(), server.readings), 1_000);
  const start = Date.now();
  const storm = start + plan.stormy * 1000;
  const deadline = storm + plan.steady * 1000;
  const trouble = random.fork();
  const times = async (count: number, until: number, act: () => Promise<void>): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const moment = start + ((index + 0.2 + 0.6 * trouble.next()) / count) * (until - start);
      await pass(Math.max(0, moment - Date.now()));
      await act();
    }
  };
  const killing = async (): Promise<void> => {
    await times(plan.kills, storm, () => server.kill(trouble.chance(0.3)));
    await pass(Math.max(0, storm - Date.now()));
    await server.kill();
  };
  const pause = { talk: (1000 * talking.length) / plan.rate / (1 - POURED), pour: (1000 * 2) / plan.rate / POURED };
  await Promise.all([
    killing(),
    times(plan.replacements, deadline, () => trouble.pick(talking).replace()),
    ...[...talking, ...hosting, staying].map((one) => one.talk(deadline, pause.talk)),
    ...hosting.map((one) => one.host(deadline, ORDER)),
    ...pouring.map((one) => one.pour(deadline, pause.pour)),
    plan.nap > 0 ? dozing.doze(storm, deadline, plan.nap) : dozing.talk(deadline, pause.talk),
  ]);

  server.calm(); // a client that is just coming back gets through
  const present = await settle(all, server.ports, recorder);
  for (const one of devices) one.believe();
  recorder.close();
  await Promise.all([...devices, ...typists].map((one) => one.leave()));
  const readings = await server.rest(REST);
  await server.kill(false, async () => checker.stores(await readDatabase(join(folder, "chat.db"))));
  clearInterval(telling);
  await readConversations(server.ports.straight, EVERYBODY, ROOMS, {
    each: (name, entry) => checker.keep(name, entry),
    looked: (name, entry) => checker.look(name, entry),
    told: (user, place, settings) =>
      checker.take({ step: "believes", viewer: `${user}, who is new,`, place, settings, at: Date.now() }),
  });
  const violations = checker.finish(present);
  const counts = {
    ...{ ...recorder.counts, ...figures(), late: tcp.late + page.late, fins: tcp.fins + page.fins },
    ...{ stalls: tcp.stalls + page.stalls, unshown: checker.unshown, seconds: (Date.now() - begin) / 1000 },
  };
  return { violations, counts, readings } satisfies Report;
}

/** Waits until every say is answered and everybody has been shown everything, each for a while at most; who is there then. */
async function settle({ devices, typists }: Cast, ports: Ports, recorder: Recorder): Promise<string[]> {
  await recorder.until(() => devices.every(({ open }) => open === 0), END);
  await Promise.race([Promise.all(typists.map((one) => one.stay())), pass(END)]);
  await recorder.until(() => devices.every(({ open }) => open === 0), END);
  const heads = await readHeads(ports.straight, EVERYBODY, ROOMS);
  const isAt = (process: string, name: string): boolean =>
    (recorder.positions.get(`${process} ${name}`) ?? recorder.positions.get(name) ?? 0) >= (heads.get(name) ?? 0);
  await recorder.until(
    () => devices.every(({ process, conversations }) => conversations.every((name) => isAt(process, name))),
    END,
  );
  return [...devices.map(({ process }) => process), ...typists.map(({ session }) => session)];
}

/** What is in the tables beside the messages, while no server runs. */
async function readDatabase(file: string): Promise<Database> {
  const history = openHistory(file);
  const settings = await history.settings();
  const removed = new Map<string, ReadonlyMap<number, string>>();
  for (const room of Object.keys(ROOMS)) removed.set(room, await history.removed(room, 1, await history.head(room)));
  history.close();
  return { settings, removed };
}
