// server.ts: the program. Options, the parts wired together, signals and the way to stop. Everything else is elsewhere:
// bytes in tcp.ts, conversations in session.ts, delivery in rooms.ts. `startServer` is all there is to embed or test it.

import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { Backups } from "./backup.ts";
import { Door } from "./door.ts";
import type { History } from "./history.ts";
import { openHistory } from "./history.ts";
import type { Level, Log } from "./log.ts";
import { LEVELS, openLog } from "./log.ts";
import type { Services } from "./requests.ts";
import { Rooms } from "./rooms.ts";
import { listen } from "./tcp.ts";
import { openUsers } from "./users.ts";
import type { WebListener } from "./web.ts";
import { listenWeb } from "./web.ts";

export interface ServerOptions {
  host?: string; // "localhost"
  port?: number; // 12345; 0 takes a free one
  webPort?: number | false; // of the page: 12346, or a free one if `port` is 0; false for no page
  data?: string; // folder of users.json, chat.db, secret.key and log/; "."
  rate?: number; // `say`s a second and connection; 10; 0 for no limit
  logLevel?: Level; // "info"
  console?: (line: string) => void; // where log lines go besides log/app.log
  now?: () => number; // ms since 1970
}

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly webPort: number | undefined; // undefined without a page
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
/** Ports above 1023 that browsers do not open (https://fetch.spec.whatwg.org/#port-blocking). */
const BLOCKED_BY_BROWSERS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const RESERVED = 128; // descriptors kept for files and doors: Bun spins when `accept` meets the limit

/** Starts a server. Rejects with a StartError that says what to do when it cannot listen or its data is unusable. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const {
    host = "localhost",
    port = 12345,
    webPort = port === 0 ? 0 : 12346,
    data = ".",
    rate = 10,
    logLevel = "info",
    console,
    now = Date.now,
  } = options;
  if (webPort && BLOCKED_BY_BROWSERS.has(webPort))
    throw new StartError(
      `Browsers refuse to open port ${webPort}. Use another --web-port, for example 12346.`,
      EXIT.usage,
    );
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
  const door = new Door(services, descriptors() - RESERVED);

  let listener: ReturnType<typeof listen> | undefined;
  let web: WebListener | undefined;
  try {
    listener = listen(host, port, door);
    if (webPort !== false) web = listenWeb(host, webPort, door, () => pageAddresses(host, web!.port));
  } catch (problem) {
    listener?.stop(true);
    history.close();
    log.close();
    const [taken, option] = listener === undefined ? [port, "--port"] : [Number(webPort), "--web-port"];
    throw new StartError(whyNotListening(problem as Error & { code?: string }, host, taken, option), EXIT.listen);
  }
  door.webPort = web?.port;
  if (web !== undefined) log.info(`Page listening ${host}:${web.port}`);
  log.info(`Server listening ${host}:${listener.port}`);

  const backups = new Backups(folder, history, log, now);
  const sweep = () => {
    pickUpAccounts(services);
    backups.tick();
    for (const visitor of door.visitors) visitor.tick();
  };
  const sweeper = setInterval(sweep, SWEEP);
  const stop = async () => {
    log.info("Server stopping");
    listener.stop();
    web?.stop();
    clearInterval(sweeper);
    await services.rooms.settled();
    for (const { session } of door.visitors) session.dismiss("The server is stopping. Come back in a moment.");
    const deadline = performance.now() + DRAIN;
    while (door.visitors.size > 0 && performance.now() < deadline) await Bun.sleep(20);
    for (const visitor of door.visitors) visitor.terminate();
    await web?.close();
    await services.rooms.settled();
    await backups.stop();
    history.close();
    log.info("Server stopped");
    log.close();
  };
  let stopped: Promise<void> | undefined;
  return { host, port: listener.port, webPort: web?.port, log, sweep, stop: () => (stopped ??= stop()) };
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

function whyNotListening(problem: Error & { code?: string }, host: string, port: number, option: string): string {
  switch (problem.code) {
    case "EADDRINUSE": {
      const without = option === "--web-port" ? ", or go without the page: --no-web" : "";
      return `Port ${port} is already in use, perhaps by another Banter server. Stop that one, or choose a port: bun server.ts ${option} ${port + 10}${without}`;
    }
    case "EACCES":
      return `Port ${port} needs administrator rights. Use one above 1023, for example: bun server.ts ${option} ${option === "--port" ? 12345 : 12346}`;
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

/** How people reach the page: by the address it listens on, or by all of this computer's. */
function pageAddresses(host: string, port: number): string[] {
  const everywhere = host === "0.0.0.0" || host === "::";
  const hosts = everywhere ? lanAddresses() : [host.includes(":") ? `[${host}]` : host];
  return hosts.map((address) => `http://${address}:${port}`);
}

// ---- the program --------------------------------------------------------------------------------------------------

const HELP = `Usage: bun server.ts [options]
Starts a Banter server. People join with: bun client.ts, or nc localhost 12345

  --host ADDRESS    where to listen            localhost     BANTER_HOST
  --port N          port of the chat           12345         BANTER_PORT
  --web-port N      port of the browser page   12346         BANTER_WEB_PORT
  --no-web          no browser page                          BANTER_NO_WEB
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
    "web-port": { type: "string" },
    "no-web": { type: "boolean" },
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
  const number = (name: "port" | "web-port" | "rate", most: number): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d{1,6}$/.test(text) && Number(text) <= most) return Number(text);
    throw new StartError(`--${name} must be a whole number from 0 to ${most}, not "${text}".`, EXIT.usage);
  };
  const level = value("log-level");
  if (level !== undefined && !(LEVELS as readonly string[]).includes(level))
    throw new StartError(`--log-level must be one of ${LEVELS.join(", ")}, not "${level}".`, EXIT.usage);
  const flag = (name: "lan" | "no-web") => values[name] === true || /^(1|true|yes)$/i.test(value(name) ?? "");
  const lan = flag("lan");
  const host = value("host") ?? (lan ? "0.0.0.0" : undefined);
  const port = number("port", 65_535);
  const webPort = flag("no-web") ? false : number("web-port", 65_535);
  const data = value("data");
  const rate = number("rate", 100_000);
  return {
    lan,
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(webPort !== undefined && { webPort }),
    ...(data !== undefined && { data }),
    ...(rate !== undefined && { rate }),
    ...(level !== undefined && { logLevel: level as Level }),
  };
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.some((arg) => ["--help", "-h", "help"].includes(arg))) return void process.stdout.write(HELP);
  const { lan, ...options } = readOptions(args, process.env);
  process.stdout.on("error", () => {}); // whoever read it has gone; the log file stays
  const server = await startServer({ ...options, console: (line) => void process.stdout.write(line) });
  const hosts = lan ? lanAddresses() : [server.host];
  const port = server.port === 12345 ? "" : `:${server.port}`;
  for (const host of hosts)
    process.stdout.write(`Join with: bun client.ts ${host}${port}    or: nc ${host} ${server.port}\n`);
  if (server.webPort !== undefined)
    for (const address of pageAddresses(server.host, server.webPort))
      process.stdout.write(`In a browser: ${address}    (projector: ${address}/join)\n`);
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
