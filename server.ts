// server.ts: the program. Options, the parts wired together, signals and the way to stop. Everything else is elsewhere:
// bytes in tcp.ts, conversations in session.ts, delivery in rooms.ts. `startServer` is all there is to embed or test it.

import { mkdirSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join, resolve } from "node:path";
import { Backups } from "./server/backups.ts";
import { Door } from "./server/door.ts";
import type { History } from "./server/history.ts";
import { openHistory } from "./server/history.ts";
import type { Log } from "./server/log.ts";
import { openLog } from "./server/log.ts";
import type { ServerOptions } from "./server/options.ts";
import { EXIT, HELP, readOptions, requireBun, StartError } from "./server/options.ts";
import type { Services } from "./server/requests.ts";
import { Rooms } from "./server/rooms.ts";
import { listen } from "./server/tcp.ts";
import type { Certificate } from "./server/certificate.ts";
import { checkOwnCertificate, ownCertificate, readCertificate } from "./server/certificate.ts";
import { checkUsers, openUsers, refreshUsers } from "./server/signin.ts";
import type { WebListener } from "./server/http.ts";
import { listenWeb } from "./server/http.ts";

export type { ServerOptions };
export { StartError };

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly webPort: number | undefined; // undefined without a page
  /** Looks after time: who did not sign in, who is silent, who does not read. Runs by itself every second. */
  sweep(): void;
  /** Opens the log anew, and goes on with the certificate as it is on disk now; open connections keep theirs. */
  reload(): void;
  /** Stops accepting, tells everybody, hands over what waits for at most 10 s, closes. */
  stop(): Promise<void>;
  readonly log: Log;
  readonly fingerprint: string | undefined; // of the certificate, SHA-256; undefined without TLS
}

const SWEEP = 1_000; // ms
const DRAIN = 10_000; // ms a stopping server waits for its readers
/** Ports above 1023 that browsers do not open (https://fetch.spec.whatwg.org/#port-blocking). */
const BLOCKED_BY_BROWSERS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);
const RESERVED = 128; // descriptors kept for files and doors: Bun spins when `accept` meets the limit

/** Starts a server. Rejects with a StartError that says what to do when it cannot listen or its data is unusable; then
 *  nothing was made and nothing was changed. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const {
    host = "localhost",
    port = 12345,
    webPort = port === 0 ? 0 : 12346,
    data = ".",
    tls,
    rate = 10,
    logLevel = "info",
    console,
    now = Date.now,
    elapsed = () => performance.now(),
  } = options;
  if (webPort && BLOCKED_BY_BROWSERS.has(webPort))
    throw new StartError(
      `Browsers refuse to open port ${webPort}. Use another --web-port, for example 12346.`,
      EXIT.usage,
    );
  const folder = resolve(data);
  const certify = (): Certificate | undefined =>
    tls === "own" ? ownCertificate(folder, lanAddresses()) : tls && readCertificate(tls);
  // Looked at first, in this order, because looking makes nothing.
  {
    using _chat = probe(host, port, "--port");
    using _page = webPort === false ? undefined : probe(host, webPort, "--web-port");
  }
  let log: Log | undefined;
  let history: History | undefined;
  let services: Services;
  let certificate: Certificate | undefined;
  try {
    checkUsers(folder);
    if (tls === "own") checkOwnCertificate(folder);
    else certificate = certify();
    mkdirSync(folder, { recursive: true });
    history = openHistory(join(folder, "chat.db"), now); // it locks the folder
    certificate ??= certify();
    const info = (event: string) => log?.info(event);
    const users = openUsers(folder, { now, info, warn: (event) => log?.warning(event) });
    log = openLog({ file: join(folder, "log", "app.log"), level: logLevel, now, ...(console && { console }) });
    const rooms = new Rooms(history, (event, problem) => log!.error(event, problem));
    services = { users, rooms, log, elapsed, rate };
  } catch (problem) {
    history?.close();
    throw new StartError(`${(problem as Error).message} The server did not start and changed nothing.`, EXIT.data);
  }
  const door = new Door(services, descriptors() - RESERVED);

  let opened: ReturnType<typeof listen> | undefined;
  let web: WebListener | undefined;
  try {
    opened = listen(host, port, door, certificate);
    if (webPort !== false) web = listenWeb(host, webPort, door, () => pageAddresses(server), certificate);
  } catch (problem) {
    opened?.stop(true);
    history.close();
    log.close();
    throw opened === undefined
      ? cannotListen(problem, host, port, "--port")
      : cannotListen(problem, host, Number(webPort), "--web-port");
  }
  let listener = opened;
  if (web !== undefined) door.page = { port: web.port, encrypted: certificate !== undefined };
  if (web !== undefined) log.info(`Page listening ${host}:${web.port}`);
  if (certificate !== undefined) warnOfAge(certificate, log, now());
  log.info(`Server listening ${host}:${listener.port}`);

  const backups = new Backups(folder, history, log, now);
  const sweep = () => {
    refreshUsers(services.users);
    backups.tick();
    for (const visitor of door.visitors) visitor.tick();
  };
  const sweeper = setInterval(sweep, SWEEP);
  const reload = () => {
    log.reopen();
    if (certificate === undefined) return;
    try {
      certificate = certify()!;
      const { port: same } = listener;
      listener.stop(); // its connections live on
      listener = listen(host, same, door, certificate);
      web?.renew(certificate);
      warnOfAge(certificate, log, now());
      log.info(`Certificate read again, fingerprint ${certificate.fingerprint}`);
    } catch (problem) {
      log.warning(`${(problem as Error).message} Going on with the certificate as it was.`);
    }
  };
  const stop = async () => {
    log.info("Server stopping");
    listener.stop();
    web?.stop();
    clearInterval(sweeper);
    await services.rooms.pipeline.settled();
    for (const { session } of door.visitors) session.dismiss("The server is stopping. Come back in a moment.");
    await door.empty(DRAIN);
    for (const visitor of door.visitors) visitor.terminate();
    await web?.close();
    await services.rooms.pipeline.settled();
    await backups.stop();
    history.close();
    log.info("Server stopped");
    log.close();
  };
  let stopped: Promise<void> | undefined;
  const server: Server = {
    host,
    port: listener.port,
    webPort: web?.port,
    get fingerprint() {
      return certificate?.fingerprint;
    },
    log,
    sweep,
    reload,
    stop: () => (stopped ??= stop()),
  };
  return server;
}

/** Holds a port. Throws a StartError when nobody can listen there now. */
function probe(hostname: string, port: number, option: string): Disposable {
  try {
    const held = Bun.listen({ hostname, port, socket: { data() {} } });
    return { [Symbol.dispose]: () => held.stop(true) };
  } catch (problem) {
    throw cannotListen(problem, hostname, port, option);
  }
}

function warnOfAge({ until }: Certificate, log: Log, now: number): void {
  if (until.getTime() < now)
    log.warning(`The certificate ended on ${until.toISOString().slice(0, 10)}; clients will refuse it`);
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

function cannotListen(problem: unknown, host: string, port: number, option: string): StartError {
  return new StartError(whyNotListening((problem as { code?: string }).code, host, port, option), EXIT.listen);
}

function whyNotListening(code: string | undefined, host: string, port: number, option: string): string {
  switch (code) {
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
function pageAddresses({ host, webPort, fingerprint }: Server): string[] {
  const everywhere = host === "0.0.0.0" || host === "::";
  const hosts = everywhere ? lanAddresses() : [host.includes(":") ? `[${host}]` : host];
  return hosts.map((address) => `http${fingerprint === undefined ? "" : "s"}://${address}:${webPort}`);
}

// ---- the program --------------------------------------------------------------------------------------------------

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  if (args.some((arg) => ["--help", "-h", "help"].includes(arg))) return void process.stdout.write(HELP);
  requireBun(Bun.version);
  const { lan, ...options } = readOptions(args, process.env);
  process.stdout.on("error", () => {}); // whoever read it has gone; the log file stays
  const server = await startServer({ ...options, console: (line) => void process.stdout.write(line) });
  const hosts = lan ? lanAddresses() : [server.host];
  const port = server.port === 12345 ? "" : `:${server.port}`;
  const { fingerprint } = server;
  for (const host of hosts) {
    const other =
      fingerprint === undefined
        ? `nc ${host} ${server.port}`
        : `openssl s_client -quiet -connect ${host}:${server.port}`;
    const tls = fingerprint === undefined ? "" : " --tls";
    process.stdout.write(`Join with: bun client.ts ${host}${port}${tls}    or: ${other}\n`);
  }
  if (fingerprint !== undefined) process.stdout.write(`Fingerprint of the certificate: ${fingerprint}\n`);
  if (server.webPort !== undefined)
    for (const address of pageAddresses(server))
      process.stdout.write(`In a browser: ${address}    (projector: ${address}/join)\n`);

  const onBug = (problem: unknown): void => server.log.error("The server met a bug and goes on", problem);
  process.on("uncaughtException", onBug).on("unhandledRejection", onBug);
  let stopping = false;
  const onSignal = (): void => {
    if (stopping) process.exit(0);
    stopping = true;
    void server.stop().then(() => process.exit(0));
  };
  process
    .on("SIGINT", onSignal)
    .on("SIGTERM", onSignal)
    .on("SIGHUP", () => server.reload());
  process.stdout.write("Stop: Ctrl+C\n"); // only here is it true
}

if (import.meta.main)
  await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    process.exit(problem instanceof StartError ? problem.exitCode : EXIT.bug);
  });
