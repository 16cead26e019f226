// peers.ts: the servers that are measured beside each other: what each needs on this machine, how it is started on a port
// and a folder, and in which words the load generator speaks to it. Starts nothing itself. Called by run.ts, benchmark.ts and
// bystander.ts.

import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../server/history.ts";
import { authenticateUser, openUsers } from "../server/signin.ts";
import { isRefusal } from "../protocol.ts";

export const REPOSITORY = join(import.meta.dir, "..");
const PEERS = join(import.meta.dir, "peers");
const ACCOUNTS = 10_000; // the most clients that any scenario has
const PASSWORD = "pass-word-9";

/** What was made for this run, in its temporary folder. */
export interface Kit {
  floor: string | undefined; // the compiled peers/floor.c
  packages: string | undefined; // where npm packages were installed
  cancelled: AbortSignal; // ends the servers
  accounts: string; // users.json and secret.key with ACCOUNTS accounts, and `words`: a token for each, a line each
}

/** A folder with Banter in it, as a row. */
export interface Checkout {
  folder: string;
  banter: Peer;
}

/** What clients do once they are signed in: speak in one room, write to each other, enter a room in silence, or nothing. */
export type Doing = "room" | "pairs" | "enter" | "nothing";

export interface Peer {
  name: string; // on the command line
  title: string;
  stores: boolean; // a message is on disk before anybody sees it
  /** It differs from another row only where somebody speaks, speaks in rooms, or where readers confirm, and is measured only there. */
  only?: "speaks" | "speaks in rooms" | "reads";
  hello?: string; // a line that it answers once it serves; where there is none, taking a connection is enough
  /** Why it cannot run here; undefined if it can. */
  missing: (kit: Kit) => string | undefined;
  start: (port: number, folder: string, kit: Kit) => { command: string[]; cwd?: string };
  version: string[]; // a command that prints it
  wire: (kit: Kit, doing: Doing) => string[]; // arguments of the load generator
}

function program(name: string): () => string | undefined {
  return () => (Bun.which(name) === null ? `${name} is not on this machine` : undefined);
}
function packaged(runtime: string) {
  return ({ packages }: Kit): string | undefined =>
    Bun.which(runtime) === null
      ? `${runtime} is not on this machine`
      : packages === undefined
        ? "needs npm packages; --npm installs them into a temporary folder"
        : undefined;
}
function line(...fields: string[]): string[] {
  return ["--dialect", "line", ...fields];
}
function frame(fields: Record<string, string>): string {
  return JSON.stringify(fields) + "\\n";
}
function python(name: string, title: string, database?: string): Peer {
  return {
    name,
    title,
    stores: database !== undefined,
    missing: program("python3"),
    start: (port, folder) => ({
      command: [...["python3", join(PEERS, "threads.py"), String(port)], ...(database ? [join(folder, database)] : [])],
    }),
    version: ["python3", "--version"],
    wire: () =>
      line(
        ...["--step", "register u%i p%i\\n=>Registered", "--step", "login u%i p%i\\n=>Welcome"],
        ...["--room", "%b\\n", "--direct", "/msg u%t %b\\n", "--echo", "0"],
      ),
  };
}
function redis(name: string, title: string, dialect: string, options: string[]): Peer {
  return {
    name,
    title,
    stores: options.includes("always"),
    missing: program("redis-server"),
    start: (port, folder) => ({
      command: [
        ...["redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
        ...["--maxclients", "11000", ...options],
      ],
    }),
    version: ["redis-server", "--version"],
    wire: () => ["--dialect", dialect],
  };
}
function onNpm(name: string, title: string, runtime: "node" | "bun", file: string, dialect: string): Peer {
  return {
    name,
    title,
    stores: false,
    missing: packaged(runtime),
    start: (port, _, { packages }) => ({
      command: [runtime === "bun" ? process.execPath : runtime, join(PEERS, file), String(port)],
      cwd: packages!,
    }),
    version: [runtime, "--version"],
    wire: () => ["--dialect", dialect],
  };
}
/** Banter as it is in a checkout: whose clients leave it to the server to make ids (as people in text sessions do), and whose
 *  clients make them, as programs do. Programs also get their own direct messages back and confirm what they have read. */
export function banterIn(folder: string, name: string, title: string): Peer[] {
  const banter: Peer = {
    name,
    title,
    stores: true,
    missing: () => undefined,
    hello: '{"type":"ping"}\n',
    start: (port, home, { accounts }) => {
      if (!existsSync(join(home, "users.json")))
        for (const file of ["users.json", "secret.key"]) copyFileSync(join(accounts, file), join(home, file));
      const options = ["--port", String(port), "--no-web", "--rate", "0", "--log-level", "error", "--data", home];
      return { command: [process.execPath, join(folder, "server.ts"), "--host", "127.0.0.1", ...options] };
    },
    version: [process.execPath, "--version"],
    wire: (kit, doing) =>
      doing === "pairs"
        ? line(
            ...["--step", `login u%i ${PASSWORD}\\n=>You are in`, "--room", "%b\\n", "--direct", "/msg u%t %b\\n"],
            ...["--echo", "0"],
          )
        : [...frames(kit, doing), "--room", frame({ type: "say", to: "#r0", text: "%b" })],
  };
  const withIds: Peer = {
    ...banter,
    name: `${name}-ids`,
    title: `${title}, ids made by its clients`,
    only: "speaks",
    wire: (kit, doing) => [
      ...frames(kit, doing),
      ...["--room", frame({ type: "say", id: "%p-%n", to: "#r0", text: "%b" })],
      ...["--direct", frame({ type: "say", id: "%p-%n", to: "u%t", text: "%b" })],
      ...(doing === "pairs" ? ["--seen", '{"type":"seen","seq":%s}\\n'] : []),
    ],
  };
  const withReaders: Peer = {
    ...banter,
    name: `${name}-readers`,
    title: `${title}, whose readers confirm every two seconds`,
    only: "reads",
    wire: (kit, doing) => [
      ...banter.wire(kit, doing),
      ...["--seen", '{"type":"seen","to":"#r0","seq":%s}\\n', "--seen-every", "2"],
    ],
  };
  const withLock: Peer = {
    ...banter,
    name: `${name}-locked`,
    title: `${title}, with another room locked and somebody muted`,
    only: "speaks in rooms",
    start: (port, home, kit) => {
      if (!existsSync(join(home, "chat.db"))) copyFileSync(join(kit.accounts, "locked.db"), join(home, "chat.db"));
      return banter.start(port, home, kit);
    },
  };
  return [banter, withIds, withReaders, withLock];
}
/** How a program signs in to Banter and enters the room. */
function frames({ accounts }: Kit, doing: Doing): string[] {
  const isIn = doing === "room" || doing === "enter";
  return line(
    ...["--words", join(accounts, "words")],
    ...["--step", frame({ type: "login", user: "u%i", token: "%w", id: "in" }) + '=>"in"'],
    ...(isIn ? ["--step", frame({ type: "join", to: "#r0", id: "room" }) + '=>"room"'] : []),
  );
}
/** Stored, then shown: the file is synced after every turn of Redis's loop, and never rewritten while we measure. */
const SYNCED = ["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"];

/** All of them; Banter first, because every other is a ratio to it. */
export const ALL_PEERS: readonly Peer[] = [
  ...banterIn(REPOSITORY, "banter", "Banter"),
  redis("redis-stored", "Redis, XADD then PUBLISH, synced", "redis-store", SYNCED),
  redis("redis-stream", "Redis, XADD and XREAD, synced", "redis-stream", SYNCED),
  python("python-stored", "Python threads, SQLite, synced", "chat.db"),
  {
    name: "floor",
    title: "the least in C: sockets only",
    stores: false,
    missing: ({ floor }) => (floor === undefined ? "there is no C compiler (cc) to build it" : undefined),
    start: (port, _, { floor }) => ({ command: [floor!, String(port)] }),
    version: ["cc", "--version"],
    wire: (_, doing) =>
      line(
        ...["--step", "LOGIN u%i\\n=>OK", ...(doing === "nothing" ? [] : ["--step", "JOIN r0\\n=>OK"])],
        ...["--room", "MSG r0 %b\\n", "--direct", "DM u%t %b\\n"],
      ),
  },
  {
    name: "bun-publish",
    title: "Bun.serve's publish (WebSocket)",
    stores: false,
    missing: () => undefined,
    start: (port) => ({ command: [process.execPath, join(PEERS, "publish.ts"), String(port)] }),
    version: [process.execPath, "--version"],
    wire: () => ["--dialect", "ws"],
  },
  redis("redis", "Redis publish", "redis", ["--appendonly", "no"]),
  {
    name: "nats",
    title: "NATS",
    stores: false,
    missing: program("nats-server"),
    start: (port) => ({ command: ["nats-server", "-a", "127.0.0.1", "-p", String(port)] }),
    version: ["nats-server", "--version"],
    wire: () => ["--dialect", "nats"],
  },
  {
    name: "mosquitto",
    title: "Mosquitto, QoS 0",
    stores: false,
    missing: program("mosquitto"),
    start: (port, folder) => {
      const file = join(folder, "mosquitto.conf");
      const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "persistence false", "log_type none"];
      writeFileSync(file, [...lines, "set_tcp_nodelay true", "max_queued_messages 0", ""].join("\n"));
      return { command: ["mosquitto", "-c", file] };
    },
    version: ["mosquitto", "-h"],
    wire: () => ["--dialect", "mqtt"],
  },
  python("python", "Python threads"),
  onNpm("ws", "ws on Node", "node", "ws.cjs", "ws"),
  onNpm("socketio", "socket.io on Node", "node", "socketio.cjs", "socket.io"),
  onNpm("socketio-bun", "socket.io on Bun", "bun", "socketio.cjs", "socket.io"),
];

/** Rivals one might miss, and why they are not here. */
export const NOT_MEASURED = [
  "NATS JetStream: a core subscription shows a message before the stream has synced it, so it would not be the same promise",
];

/** Accounts for Banter's load, with a cheap hash (hashing is measured by itself) and a token each. */
export async function writeLoadAccounts(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const password = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
  const names = Array.from({ length: ACCOUNTS }, (_, i) => `u${i}`);
  writeFileSync(
    join(folder, "users.json"),
    JSON.stringify(Object.fromEntries(names.map((name) => [name, { password }]))),
  );
  const users = openUsers(folder);
  const asker = { address: "bench", network: "bench", gone: false };
  const tokens: string[] = [];
  for (const name of names) {
    const result = await authenticateUser(users, name, { password: PASSWORD }, asker);
    if (isRefusal(result)) throw new Error(`${name} was refused: ${result.code}`);
    tokens.push(result.token + "\n");
  }
  writeFileSync(join(folder, "words"), tokens.join(""), { mode: 0o600 });
  await writeLocked(join(folder, "locked.db"));
}

/** A history in which a host has locked a room that nobody enters, and muted somebody who is not there. */
async function writeLocked(file: string): Promise<void> {
  const history = openHistory(file);
  const act = { from: "u9999", text: "", host: true } as const;
  await history.append([
    { ...act, to: "#elsewhere", act: { act: "set", key: "lock", value: "on" } },
    { ...act, to: "u9998", act: { act: "set", key: "mute", value: "on" } },
  ]);
  history.close();
}
