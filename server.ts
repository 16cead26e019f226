// server.ts: the program. Options, the parts wired together, signals and the way to stop; what the parts do is in server/.
// `startServer` is all there is to embed or test it.

import { resolve } from "node:path";
import { isatty } from "node:tty";
import { version } from "./package.json";
import { Admission } from "./server/admission.ts";
import { Backups } from "./server/backups.ts";
import type { CertificateSource } from "./server/certificate.ts";
import { loadCertificate } from "./server/certificate.ts";
import { hostLine, joinLines } from "./server/invitation.ts";
import { Listeners } from "./server/listeners.ts";
import type { Log } from "./server/log.ts";
import { isEverywhere } from "./server/network.ts";
import type { ServerOptions } from "./server/options.ts";
import { HELP, readLine, readOptions, requireBun } from "./server/options.ts";
import type { Services } from "./server/services.ts";
import { wireServices } from "./server/services.ts";
import { refreshUsers, whySignedOut } from "./server/signin.ts";
import type { Data } from "./server/startup.ts";
import { checkPagePort, EXIT, maxConnections, openData, StartError } from "./server/startup.ts";

const SWEEP = 1_000; // ms
const ERASING = 60; // sweeps from one look for what is to be erased to the next
const DRAIN = 10_000; // ms a stopping server waits for its readers

/** Starts a server. Rejects with a StartError that says what to do when it cannot listen or its data is unusable; then
 *  nothing was made and nothing was changed. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const { host = "localhost", port = 12345, webPort = port === 0 ? 0 : 12346, rate = 10, tls, balancers } = options;
  const { logLevel = "info", console, now = Date.now, elapsed = () => performance.now() } = options;
  const folder = resolve(options.data ?? ".");

  checkPagePort(webPort, port);
  const listeners = new Listeners({ host, port, webPort });
  let data: Data;
  try {
    data = openData({ folder, tls, logLevel, now, elapsed, console });
  } catch (problem) {
    listeners.stop();
    throw problem;
  }
  const { history, users, log, certificate } = data;
  const services = wireServices({ users, history, log, now, elapsed, rate }, await history.settings());
  const admission = new Admission(maxConnections());
  listeners.serve({ services, admission, certificate, balancers });
  return new Server({ host, folder, tls, now, data, services, admission, listeners });
}

export type { ServerOptions };
export { StartError };

interface Parts {
  host: string;
  folder: string; // of its data
  tls: CertificateSource | undefined;
  now: () => number; // ms since 1970
  data: Data;
  services: Services;
  admission: Admission;
  listeners: Listeners;
}

/** A server that runs. */
export class Server {
  readonly host: string;
  readonly port: number;
  readonly webPort: number | undefined; // undefined without a page
  readonly log: Log;
  readonly #parts: Parts;
  readonly #backups: Backups;
  readonly #sweeper: Timer;
  #certificate: Data["certificate"];
  #sweeps = 0;
  #revision = 0; // of the accounts, when sessions were last compared with them
  #stopped: Promise<void> | undefined;

  constructor(parts: Parts) {
    const { host, folder, now, data, listeners } = parts;
    this.#parts = parts;
    this.host = host;
    this.port = listeners.port;
    this.webPort = listeners.webPort;
    this.log = data.log;
    this.#certificate = data.certificate;
    this.#backups = new Backups(folder, data.history, data.log, now);
    if (this.webPort !== undefined) this.log.info(`Page listening ${host}:${this.webPort}`);
    this.#warnOfAge();
    this.log.info(`Server listening ${host}:${this.port}`);
    this.#sweeper = setInterval(() => this.sweep(), SWEEP);
  }

  /** The certificate's, SHA-256; undefined without TLS. */
  get fingerprint(): string | undefined {
    return this.#certificate?.fingerprint;
  }

  /** Makes whoever says it the first host; `undefined` once there is one. */
  get hostCode(): string | undefined {
    return this.#parts.services.hosts.code;
  }

  /** Looks after accounts, backups and time: who did not sign in, who is silent, who does not read, who did not come back. Runs by itself every
   *  second. */
  sweep(): void {
    refreshUsers(this.#parts.data.users);
    this.#signOut().catch((problem) => this.log.error("Cannot see whose sign-in has ended", problem));
    this.#parts.services.hosts.refresh();
    this.#parts.services.rooms.tick();
    this.#backups.tick();
    this.#parts.admission.tick();
    if (++this.#sweeps % ERASING === 0) this.#erase();
  }

  /** What was removed long enough ago leaves the disk, too. */
  #erase(): void {
    const { history, log } = this.#parts.data;
    history.erase().then(
      (isErased) => isErased && log.info("What was removed is erased from chat.db"),
      (problem) => log.error("Cannot erase what was removed", problem),
    );
  }

  /** Opens the log anew, and goes on with the certificate as it is on disk now; open connections keep theirs. */
  reload(): void {
    const { tls, folder, listeners } = this.#parts;
    this.log.reopen();
    if (tls === undefined) return;
    try {
      const certificate = loadCertificate(tls, folder);
      listeners.renew(certificate);
      this.#certificate = certificate;
      this.#warnOfAge();
      this.log.info(`Certificate read again, fingerprint ${certificate.fingerprint}`);
    } catch (problem) {
      this.log.warning(`${(problem as Error).message} Going on with the certificate as it was.`);
    }
  }

  /** Stops accepting, tells everybody, hands over what waits for at most 10 s, closes. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { services, admission, listeners } = this.#parts;
    const { pipeline, history } = services;
    this.log.info("Server stopping");
    listeners.stop();
    clearInterval(this.#sweeper);
    await pipeline.settled();
    for (const connection of admission.connections)
      connection.dismiss("The server is stopping. Come back in a moment.");
    await admission.empty(DRAIN);
    for (const connection of admission.connections) connection.terminate();
    await pipeline.settled();
    await this.#backups.stop();
    history.close();
    this.log.info("Server stopped");
    this.log.close();
  }

  /** Ends the sessions of accounts that were removed, or whose password was changed, since the last look. */
  async #signOut(): Promise<void> {
    const { services, admission } = this.#parts;
    const { users, log } = services;
    const { revision } = users.accounts;
    if (revision === this.#revision) return;
    // First: who signs in while the accounts are asked has the password of now.
    const sessions = Array.from(admission.connections, ({ session }) => session).filter((one) => one?.user);
    const accounts = await users.accounts.getAll([...new Set(sessions.map((one) => one!.user))]);
    this.#revision = revision;
    for (const session of sessions) {
      if (session === undefined || session.gone) continue;
      const why = whySignedOut(accounts.get(session.user), session);
      if (why === undefined) continue;
      log.info(`${session.user} signed out at ${session.address}: ${why}`);
      session.dismiss(why);
    }
  }

  #warnOfAge(): void {
    const until = this.#certificate?.until;
    if (until === undefined || until.getTime() >= this.#parts.now()) return;
    this.log.warning(`The certificate ended on ${until.toISOString().slice(0, 10)}; clients will refuse it`);
  }
}

// ---- the program ---------------------------------------------------------------------------------------------------

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const { asks } = readLine(args);
  if (asks !== undefined) {
    process.stdout.write(asks === "help" ? HELP : `Banter ${version}\n`);
    return;
  }
  const isInWindow = isatty(0) || isatty(1); // asked now: of a window that has closed the system says no
  requireBun(Bun.version);
  const { lan, ...options } = readOptions(args, process.env);
  process.stdout.on("error", () => {}); // whoever read it has gone; the log file stays
  const server = await startServer({ ...options, console: (line) => void process.stdout.write(line) });
  process.stdout.write(joinLines(server, lan && isEverywhere(server.host)));
  if (server.hostCode !== undefined) process.stdout.write(hostLine(server.hostCode)); // to the console only, never to the log

  const onBug = (problem: unknown): void => server.log.error("The server met a bug and goes on", problem);
  process.on("uncaughtException", onBug).on("unhandledRejection", onBug);
  handleSignals(server, isInWindow);
  process.stdout.write("Stop: Ctrl+C\n"); // said only now, because from here on signals are handled
}

/** SIGINT and SIGTERM stop it, a second one at once. SIGHUP says that its window has closed, often twice, or, where it has none, that
 *  whoever runs it as a service wants the log and the certificate opened anew. */
function handleSignals(server: Server, isInWindow: boolean): void {
  let isStopping = false;
  const stop = (): void => {
    isStopping = true;
    void server.stop().then(() => process.exit(EXIT.stopped));
  };
  const onSignal = (): void => (isStopping ? process.exit(EXIT.stopped) : stop());
  const onHangUp = (): void => {
    if (!isInWindow) server.reload();
    else if (!isStopping) stop();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal).on("SIGHUP", onHangUp);
}

if (import.meta.main)
  await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    process.exit(problem instanceof StartError ? problem.exitCode : EXIT.bug);
  });
