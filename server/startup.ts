// startup.ts: what has to be true before a server can start, and why it cannot: free ports, data that can be read and is used by
// nobody else, descriptors for connections. Every problem is one sentence for people and an exit code.

import { join } from "node:path";
import type { Certificate, CertificateSource } from "./certificate.ts";
import { checkCertificate, loadCertificate } from "./certificate.ts";
import { makeFolder } from "./durable.ts";
import type { History } from "./history.ts";
import { openHistory } from "./history.ts";
import type { Level, Log } from "./log.ts";
import { openLog } from "./log.ts";
import { lanAddresses } from "./network.ts";
import type { Users } from "./signin.ts";
import { checkUsers, openUsers } from "./signin.ts";

export const EXIT = { stopped: 0, bug: 1, usage: 2, listen: 3, data: 4 } as const;

/** Why a server could not start: a sentence for people, and the program's exit code. */
export class StartError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

// ---- ports ---------------------------------------------------------------------------------------------------------

/** Ports above 1023 that browsers do not open (https://fetch.spec.whatwg.org/#port-blocking). */
const BLOCKED_BY_BROWSERS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/** Throws a StartError when the page cannot have this port beside the chat's, or no browser would open it. */
export function checkPagePort(webPort: number | false, port: number): void {
  if (webPort && webPort === port)
    throw new StartError(
      `The chat and the page need two ports, not ${port} for both. Choose another --web-port, or --no-web.`,
      EXIT.usage,
    );
  if (webPort && BLOCKED_BY_BROWSERS.has(webPort))
    throw new StartError(
      `Browsers refuse to open port ${webPort}. Use another --web-port, for example 12346.`,
      EXIT.usage,
    );
}

export type PortOption = "--port" | "--web-port";

/** What `Bun.listen` threw, as a StartError that says what to do. `lan`: this computer's addresses in its networks. */
export function cannotListen(
  problem: unknown,
  { host, port, option }: { host: string; port: number; option: PortOption },
  lan = lanAddresses(),
): StartError {
  return new StartError(whyNotListening((problem as { code?: string }).code, host, port, option, lan), EXIT.listen);
}

function whyNotListening(
  code: string | undefined,
  host: string,
  port: number,
  option: PortOption,
  lan: readonly string[],
): string {
  const addresses = `Its addresses: ${["localhost", ...lan].join(", ")}`;
  switch (code) {
    case "EADDRINUSE": {
      const without = option === "--web-port" ? ", or go without the page: --no-web" : "";
      return `Port ${port} is already in use, perhaps by another Banter server. Stop that one, or choose a port: bun server.ts ${option} ${port + 10}${without}`;
    }
    case "EACCES":
      return `Port ${port} needs administrator rights. Use one above 1023, for example: bun server.ts ${option} ${option === "--port" ? 12345 : 12346}`;
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this computer. ${addresses}`;
    default:
      return `Cannot listen on ${host}:${port}. Is that an address of this computer? ${addresses}`;
  }
}

// ---- data ----------------------------------------------------------------------------------------------------------

export interface DataOptions {
  folder: string;
  tls: CertificateSource | undefined;
  logLevel: Level;
  now: () => number; // ms since 1970
  elapsed: () => number; // ms on a clock that never jumps
  console?: ((line: string) => void) | undefined; // where log lines go as well
}
/** All that is kept in a data folder, open. */
export interface Data {
  readonly history: History;
  readonly users: Users;
  readonly log: Log;
  readonly certificate: Certificate | undefined;
}

/** Opens a data folder, which nobody else can use from then on. Throws a StartError when something in it is damaged or cannot be
 *  made; what is there is looked at first, so that then nothing was changed. */
export function openData({ folder, tls, logLevel, now, elapsed, console }: DataOptions): Data {
  let history: History | undefined;
  let log: Log | undefined;
  try {
    checkUsers(folder);
    if (tls !== undefined) checkCertificate(tls, folder);
    makeFolder(folder);
    history = openHistory(join(folder, "chat.db"), now, (progress) => console?.(`${progress}\n`)); // it locks the folder
    const certificate = tls && loadCertificate(tls, folder);
    const opened = openLog({ file: join(folder, "log", "app.log"), level: logLevel, now, console });
    log = opened;
    const users = openUsers(folder, {
      now,
      elapsed,
      info: (event) => opened.info(event),
      warn: (event) => opened.warning(event),
    });
    return { history, users, log, certificate };
  } catch (problem) {
    history?.close();
    log?.close();
    throw new StartError(`${(problem as Error).message} The server did not start and changed nothing.`, EXIT.data);
  }
}

// ---- descriptors ---------------------------------------------------------------------------------------------------

const RESERVED = 128; // descriptors kept for files and listeners: Bun spins when `accept` meets the limit
const USUAL_LIMIT = 1024; // descriptors of a process where nobody says otherwise

/** How many connections there may be: as many as this process may have descriptors, less those it needs itself. */
export function maxConnections(): number {
  let limit = USUAL_LIMIT;
  try {
    const told = Number(Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString());
    if (told > RESERVED) limit = told;
  } catch {
    // There is no shell here.
  }
  return limit - RESERVED;
}
