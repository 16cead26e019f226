// attacks.ts: the worst that each verb allows to one account, or to a few, as cases that bystander.ts measures. Every answer is
// read, as fast as it comes. Called by bystander.ts.

const LINE = 64_000; // bytes, a little less than a line may have

/** A connection of an attacker: reads as fast as it can and keeps nothing. */
class Attacker {
  readonly #socket: Bun.Socket;
  readonly #ended: Promise<void>;
  #unsent = Buffer.alloc(0);
  #tail = "";
  #wanted: { mark: string; found: () => void } | undefined;

  private constructor(socket: Bun.Socket, ended: Promise<void>) {
    this.#socket = socket;
    this.#ended = ended;
  }

  static async open(port: number): Promise<Attacker> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    let attacker: Attacker | undefined;
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => attacker?.read(chunk),
        drain: () => attacker?.pump(),
        close: () => resolve(),
      },
    });
    attacker = new Attacker(socket, ended);
    return attacker;
  }

  /** Sends a text; resolves when the server has said `mark` since (true), or has cut us off (false). */
  async until(text: string, mark: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#tail = "";
    this.#wanted = { mark, found: () => resolve(true) };
    this.send(text);
    return Promise.race([promise, this.#ended.then(() => false)]);
  }
  send(text: string): void {
    this.#unsent = Buffer.concat([this.#unsent, Buffer.from(text)]);
    this.pump();
  }
  close(): void {
    this.#socket.terminate();
  }

  read(chunk: Buffer): void {
    if (this.#wanted === undefined) return;
    const text = this.#tail + chunk.toString("latin1");
    this.#tail = text.slice(-100);
    if (text.includes(this.#wanted.mark)) this.#wanted.found();
  }
  pump(): void {
    if (this.#unsent.length === 0) return;
    const taken = this.#socket.write(this.#unsent);
    if (taken > 0) this.#unsent = this.#unsent.subarray(taken);
  }
}

/** A server that is attacked, and who attacks it. */
export class Attack {
  readonly attackers: Attacker[] = [];
  readonly port: number;
  readonly #tokens: string[];
  #user = 1; // u0 is the bystander

  /** `tokens` of u0, u1 …; u0 is left alone. */
  constructor(port: number, tokens: string[]) {
    this.port = port;
    this.#tokens = tokens;
  }

  /** `count` more connections, of an account each, that have said this after signing in. */
  async enter(count: number, hello: (i: number) => string = () => ""): Promise<Attacker[]> {
    const entered: Attacker[] = [];
    while (entered.length < count) {
      const some = Array.from({ length: Math.min(50, count - entered.length) }, async (_, i) => {
        const user = this.#user++ % this.#tokens.length;
        const attacker = await Attacker.open(this.port);
        const login = frame({ type: "login", user: `u${user}`, token: this.#tokens[user] });
        if (!(await attacker.until(login + hello(entered.length + i) + PING, PONG))) throw new Error("no sign-in");
        return attacker;
      });
      entered.push(...(await Promise.all(some)));
    }
    this.attackers.push(...entered);
    return entered;
  }

  end(): void {
    for (const attacker of this.attackers) attacker.close();
  }

  /** A packet of each; resolves when all are answered. How many were, the others were cut off. */
  async packets(attackers: Attacker[], packet: string, end = PING, mark = PONG): Promise<string> {
    const answered = await Promise.all(attackers.map((attacker) => attacker.until(packet + end, mark)));
    return answered.every(Boolean) ? "all answered" : `${answered.filter((is) => !is).length} cut off`;
  }
}

export interface Case {
  name: string; // on the command line
  title: string;
  isLong?: true; // it needs the million messages
  /** Prepares, and returns what is done while the bystander waits. */
  prepare: (attack: Attack) => Promise<() => Promise<string>>;
}

const frame = (fields: Record<string, unknown>) => JSON.stringify(fields) + "\n";
const PING = frame({ type: "ping", id: "all-done" });
const PONG = '"id":"all-done"';
const JOIN = frame({ type: "join", to: "#r0" });
const say = (text: string) => frame({ type: "say", to: "#r0", text });

/** `connections` send a packet of `count` lines each. */
function lines(name: string, title: string, line: string, count: number, connections = 1): Case {
  return {
    name,
    title,
    prepare: async (attack) => {
      const attackers = await attack.enter(connections, () => JOIN);
      return () => attack.packets(attackers, line.repeat(count));
    },
  };
}
function rooms(name: string, title: string, members: number, count: number): Case {
  return {
    name,
    title,
    prepare: async (attack) => {
      const join = (i: number) => Array.from({ length: 100 }, (_, n) => frame({ type: "join", to: `#r${i}-${n}` }));
      await attack.enter(members, (i) => join(i).join(""));
      const [asker] = await attack.enter(1);
      return () => attack.packets([asker!], frame({ type: "rooms" }).repeat(count));
    },
  };
}
function replay(readers: number): Case {
  return {
    name: `replay-${readers}`,
    title: `join since 0, a million messages, ${readers} at once`,
    isLong: true,
    prepare: async (attack) => {
      const attackers = await attack.enter(readers);
      return () => attack.packets(attackers, frame({ type: "join", to: "#r0", since: 0 }));
    },
  };
}
const SEARCH = frame({ type: "history", to: "#r0", match: "found nowhere" });
function search(askers: number): Case {
  return {
    name: `search-${askers}`,
    title: `searches of a million messages, ${askers} at once`,
    isLong: true,
    prepare: async (attack) => {
      const attackers = await attack.enter(askers, () => JOIN);
      return () => attack.packets(attackers, SEARCH);
    },
  };
}

const MARKS = say("e" + "\u0301".repeat(LINE / 2 - 50));
const FAMILIES = say("\u{1f469}\u200d".repeat(LINE / 7 - 10));
const NESTED = '{"a":'.repeat(12_000) + "\n";

export const CASES: readonly Case[] = [
  { name: "nothing", title: "nothing", prepare: async () => () => Bun.sleep(1_000).then(() => "") },
  {
    name: "typos",
    title: "a text session's /aaa… of 64 KB, 15 in one packet",
    prepare: async (attack) => {
      const typist = await Attacker.open(attack.port);
      attack.attackers.push(typist);
      await typist.until("login u1 pass-word-9\n", "You are in");
      return () => attack.packets([typist], `/${"a".repeat(LINE)}\n`.repeat(15), "/all-done\n", "/all-done");
    },
  },
  rooms("rooms-1000", "rooms, 500 in one packet, 1,000 rooms", 10, 500),
  rooms("rooms-9900", "rooms, 500 in one packet, 9,900 rooms", 99, 500),
  rooms("rooms-32", "rooms, 32 under way, 9,900 rooms", 99, 32),
  {
    name: "who",
    title: "who, 500 in one packet, 2,000 online",
    prepare: async (attack) => {
      const [asker] = await attack.enter(1_998);
      return () => attack.packets([asker!], frame({ type: "who" }).repeat(500));
    },
  },
  {
    name: "people",
    title: "people, and history with one person, 25 of each in one packet, an inbox of 10,000",
    isLong: true,
    prepare: async (attack) => {
      const [reader] = await attack.enter(1); // u1
      const asked = frame({ type: "people" }) + frame({ type: "history", to: "@", with: "u3" });
      return () => attack.packets([reader!], asked.repeat(25));
    },
  },
  {
    name: "arrivals",
    title: "2,000 sign in, 50 at a time, and enter one room",
    prepare: async (attack) => () => attack.enter(1_998, () => JOIN).then(() => "all are in"),
  },
  {
    name: "history",
    title: "history of 256 KiB, 500 in one packet",
    isLong: true,
    prepare: async (attack) => {
      const [asker] = await attack.enter(1, () => frame({ type: "join", to: "#long" }));
      return () => attack.packets([asker!], frame({ type: "history", to: "#long", limit: 200 }).repeat(500));
    },
  },
  ...[1, 4, 32].map(replay),
  ...[8, 32, 64].map(search),
  {
    name: "hang-up",
    title: "search and hang up, 100 times",
    isLong: true,
    prepare: async (attack) => {
      const attackers = await attack.enter(100, () => JOIN);
      return async () => {
        for (const attacker of attackers) attacker.send(SEARCH);
        await Bun.sleep(50); // until they are under way
        for (const attacker of attackers) attacker.close();
        await Bun.sleep(1_000);
        return "nobody asks any more";
      };
    },
  },
  lines("marks", "say of 64 KB of combining marks, 40 in one packet", MARKS, 40),
  lines("marks-8", "say of 64 KB of combining marks, 40 in one packet, 8 connections", MARKS, 40, 8),
  lines("families", "say of 64 KB of ZWJ sequences, 40 in one packet", FAMILIES, 40),
  lines("nested", "60 KB of {, 40 in one packet", NESTED, 40),
  lines("nested-8", "60 KB of {, 40 in one packet, 8 connections", NESTED, 40, 8),
  lines("pings", "100,000 pings in one packet", frame({ type: "ping" }), 100_000),
  lines("pings-8", "100,000 pings in one packet, 8 connections", frame({ type: "ping" }), 100_000, 8),
];
