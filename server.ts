// server.ts: the program. Options, the parts wired together, signals and the way to stop. Everything else is elsewhere:
// bytes in tcp.ts, conversations in session.ts, delivery in rooms.ts. `startServer` is all there is to embed or test it.

import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import type { History } from "./history.ts";
import { openHistory } from "./history.ts";
import type { Level, Log } from "./log.ts";
import { LEVELS, openLog } from "./log.ts";
import type { Services } from "./requests.ts";
import { Rooms } from "./rooms.ts";
import type { Door } from "./tcp.ts";
import { listen } from "./tcp.ts";
import { openUsers } from "./users.ts";

export interface ServerOptions {
  host?: string; // "localhost"
  port?: number; // 12345; 0 takes a free one
  data?: string; // folder of users.json, chat.db, secret.key and log/; "."
  rate?: number; // `say`s a second and connection; 10; 0 for no limit
  logLevel?: Level; // "info"
  console?: (line: string) => void; // where log lines go besides log/app.log
  now?: () => number; // ms since 1970
}

export interface Server {
  readonly host: string;
  readonly port: number;
  /** Looks after time: who did not sign in, who is silent, who does not read. Runs by itself every two seconds. */
  sweep(): void;
  /** Stops accepting, tells everybody, hands over what waits for at most 10 s, closes. */
  stop(): Promise<void>;
  readonly log: Log;
}

/** Why a server could not start: a sentence for people, and the program's exit code. */
export class StartError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}
const EXIT = { bug: 1, usage: 2, listen: 3, data: 4 } as const;

const SWEEP = 2_000; // ms
const DRAIN = 10_000; // ms a stopping server waits for its readers
const RESERVED = 128; // descriptors kept for files and doors: Bun spins when `accept` meets the limit

/** Starts a server. Rejects with a StartError that says what to do when it cannot listen or its data is unusable. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const {
    host = "localhost",
    port = 12345,
    data = ".",
    rate = 10,
    logLevel = "info",
    console,
    now = Date.now,
  } = options;
  const folder = resolve(data);
  let log: Log | undefined;
  let history: History | undefined;
  let services: Services;
  try {
    mkdirSync(folder, { recursive: true });
    history = openHistory(join(folder, "chat.db"), now); // first: it locks the folder
    const users = await openUsers(folder, { now, warn: (event) => log?.warning(event) });
    log = openLog({ file: join(folder, "log", "app.log"), level: logLevel, now, ...(console && { console }) });
    const rooms = new Rooms(history, (event, problem) => log!.error(event, problem));
    services = { users, rooms, log, now, rate };
  } catch (problem) {
    history?.close();
    throw new StartError(`${(problem as Error).message} The server did not start and changed nothing.`, EXIT.data);
  }
  const door: Door = {
    services,
    connections: new Set(),
    networks: new Map(),
    most: descriptors() - RESERVED,
    webPort: undefined,
  };

  let listener: ReturnType<typeof listen>;
  try {
    listener = listen(host, port, door);
  } catch (problem) {
    history.close();
    log.close();
    throw new StartError(whyNotListening(problem as Error & { code?: string }, host, port), EXIT.listen);
  }
  log.info(`Server listening ${host}:${listener.port}`);

  const sweep = () => {
    pickUpAccounts(services);
    for (const connection of door.connections) connection.tick();
  };
  const sweeper = setInterval(sweep, SWEEP);
  const stop = async () => {
    log.info("Server stopping");
    listener.stop();
    clearInterval(sweeper);
    await services.rooms.settled();
    for (const { session } of door.connections) session.dismiss("The server is stopping. Come back in a moment.");
    const deadline = performance.now() + DRAIN;
    while (door.connections.size > 0 && performance.now() < deadline) await Bun.sleep(20);
    for (const { socket } of door.connections) socket.terminate();
    await services.rooms.settled();
    history.close();
    log.info("Server stopped");
    log.close();
  };
  let stopped: Promise<void> | undefined;
  return { host, port: listener.port, log, sweep, stop: () => (stopped ??= stop()) };
}

/** Accounts that `bun users.ts` or a person's editor changed take effect; a damaged edit is reported and changes nothing. */
function pickUpAccounts({ users, log }: Services): void {
  try {
    if (users.accounts.refresh()) log.info("users.json was changed and read again");
  } catch (problem) {
    log.warning(`${(problem as Error).message} Going on with the accounts as they were.`);
  }
}

/** How many descriptors this process may have open. */
function descriptors(): number {
  try {
    const limit = Number(Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString());
    return limit > RESERVED ? limit : 1024;
  } catch {
    return 1024; // no shell here; the usual limit
  }
}

function whyNotListening(problem: Error & { code?: string }, host: string, port: number): string {
  switch (problem.code) {
    case "EADDRINUSE":
      return `Port ${port} is already in use, perhaps by another Banter server. Stop that one, or choose a port: bun server.ts --port ${port + 10}`;
    case "EACCES":
      return `Port ${port} needs administrator rights. Use one above 1023, for example: bun server.ts --port 12345`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this computer. Its addresses: localhost, ${lanAddresses().join(", ")}`;
    default:
      return `Cannot listen on ${host}:${port}. Is that an address of this computer? Its addresses: localhost, ${lanAddresses().join(", ")}`;
  }
}

function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
}

// ---- the program --------------------------------------------------------------------------------------------------

const HELP = `Usage: bun server.ts [options]
Starts a Banter server. People join with: bun client.ts, or nc localhost 12345

  --host ADDRESS    where to listen            localhost     BANTER_HOST
  --port N          port of the chat           12345         BANTER_PORT
  --lan             listen on all addresses and say how to join
  --data DIR        folder for users.json, chat.db, secret.key and log/   .   BANTER_DATA
  --rate N          messages a second and connection, 0 for no limit   10   BANTER_RATE
  --log-level L     debug, info, warning or error   info   BANTER_LOG_LEVEL
  --help            this text

Exit codes: 0 stopped, 1 bug, 2 usage, 3 cannot listen, 4 data unusable
`;

/** The options of a command line, flags before environment before defaults. Throws a StartError about a wrong one. */
export function readOptions(args: string[], env: Record<string, string | undefined>): ServerOptions & { lan: boolean } {
  const options = {
    host: { type: "string" },
    port: { type: "string" },
    lan: { type: "boolean" },
    data: { type: "string" },
    rate: { type: "string" },
    "log-level": { type: "string" },
  } as const;
  let values: { [K in keyof typeof options]?: string | boolean };
  try {
    values = parseArgs({ args, options, allowPositionals: false }).values;
  } catch (problem) {
    throw new StartError(`${(problem as Error).message.split(". ")[0]}. See bun server.ts --help`, EXIT.usage);
  }
  const value = (name: keyof typeof options) =>
    (values[name] as string | undefined) ?? env[`BANTER_${name.toUpperCase().replace("-", "_")}`];
  const number = (name: "port" | "rate", most: number): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d{1,6}$/.test(text) && Number(text) <= most) return Number(text);
    throw new StartError(`--${name} must be a whole number from 0 to ${most}, not "${text}".`, EXIT.usage);
  };
  const level = value("log-level");
  if (level !== undefined && !(LEVELS as readonly string[]).includes(level))
    throw new StartError(`--log-level must be one of ${LEVELS.join(", ")}, not "${level}".`, EXIT.usage);
  const lan = values.lan === true || /^(1|true|yes)$/i.test(env.BANTER_LAN ?? "");
  const host = value("host") ?? (lan ? "0.0.0.0" : undefined);
  const port = number("port", 65_535);
  const data = value("data");
  const rate = number("rate", 100_000);
  return {
    lan,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(data !== undefined && { data }),
    ...(rate !== undefined && { rate }),
    ...(level !== undefined && { logLevel: level as Level }),
  };
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.some((arg) => ["--help", "-h", "help"].includes(arg))) return void process.stdout.write(HELP);
  const { lan, ...options } = readOptions(args, process.env);
  const server = await startServer({ ...options, console: (line) => void process.stdout.write(line) });
  const hosts = lan ? lanAddresses() : [server.host];
  const port = server.port === 12345 ? "" : `:${server.port}`;
  for (const host of hosts)
    process.stdout.write(`Join with: bun client.ts ${host}${port}    or: nc ${host} ${server.port}\n`);
  process.stdout.write("Stop: Ctrl+C\n");

  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(0);
    stopping = true;
    void server.stop().then(() => process.exit(0));
  };
  process
    .on("SIGINT", onSignal)
    .on("SIGTERM", onSignal)
    .on("SIGHUP", () => server.log.reopen());
}

if (import.meta.main)
  await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    process.exit(problem instanceof StartError ? problem.exitCode : EXIT.bug);
  });
