// options.ts: the server's command line and environment. Reads and checks them; starts nothing and touches no file.

import { parseArgs } from "node:util";
import { nearest } from "../shared/nearest.ts";
import type { CertificateSource } from "./certificate.ts";
import type { Level } from "./log.ts";
import { LEVELS } from "./log.ts";
import { EXIT, StartError } from "./startup.ts";

export interface ServerOptions {
  host?: string | undefined; // "localhost"
  port?: number | undefined; // 12345; 0 takes a free one
  webPort?: number | false | undefined; // of the page: 12346, or a free one if `port` is 0; false for no page
  data?: string | undefined; // folder of users.json, chat.db, secret.key and log/; "."
  tls?: CertificateSource | undefined; // absent: not encrypted
  rate?: number | undefined; // `say`s a second and connection; 10; 0 for no limit
  logLevel?: Level | undefined; // "info"
  console?: (line: string) => void; // where log lines go besides log/app.log
  now?: () => number; // ms since 1970: what is written down
  elapsed?: () => number; // ms since some moment, never jumping: how long something lasts
}

export const HELP = `Usage: bun server.ts [options]
Starts a Banter server. People join with: bun client.ts, or nc localhost 12345

  --host ADDRESS    where to listen            localhost     BANTER_HOST
  --port N          port of the chat           12345         BANTER_PORT
  --web-port N      port of the browser page   12346         BANTER_WEB_PORT
  --no-web          no browser page                          BANTER_NO_WEB
  --lan             listen on all addresses and say how to join
  --data DIR        folder for users.json, chat.db, secret.key and log/   .   BANTER_DATA
  --tls             encrypt both ports, with a self-signed certificate kept in the data folder   BANTER_TLS
  --tls-cert FILE   encrypt both ports with this certificate, PEM    BANTER_TLS_CERT
  --tls-key FILE    and its key, PEM                                 BANTER_TLS_KEY
  --rate N          messages a second and connection, 0 for no limit   10   BANTER_RATE
  --log-level L     debug, info, warning or error   info   BANTER_LOG_LEVEL
  --help            this text

Exit codes: 0 stopped, 1 bug, 2 usage, 3 cannot listen, 4 data unusable
`;

const FLAGS = {
  host: { type: "string" },
  port: { type: "string" },
  "web-port": { type: "string" },
  "no-web": { type: "boolean" },
  lan: { type: "boolean" },
  data: { type: "string" },
  tls: { type: "boolean" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  rate: { type: "string" },
  "log-level": { type: "string" },
} as const;
type Flag = keyof typeof FLAGS;

const OLDEST_BUN = "1.4.5";

/** The options of a command line, flags before environment before defaults. Throws a StartError about a wrong one. */
export function readOptions(args: string[], env: Record<string, string | undefined>): ServerOptions & { lan: boolean } {
  let values: { [F in Flag]?: string | boolean };
  try {
    values = parseArgs({ args, options: FLAGS, allowPositionals: false }).values;
  } catch (problem) {
    throw new StartError(whyNotUnderstood(problem as Error & { code?: string }), EXIT.usage);
  }
  const value = (name: Flag) =>
    (values[name] as string | undefined) ?? env[`BANTER_${name.toUpperCase().replaceAll("-", "_")}`];
  const number = (name: "port" | "web-port" | "rate", max: number): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text);
    throw new StartError(`--${name} must be a whole number from 0 to ${max}, not "${text}".`, EXIT.usage);
  };
  const flag = (name: "lan" | "no-web" | "tls") => values[name] === true || /^(1|true|yes)$/i.test(value(name) ?? "");
  const level = value("log-level");
  if (level !== undefined && !(LEVELS as readonly string[]).includes(level))
    throw new StartError(`--log-level must be one of ${LEVELS.join(", ")}, not "${level}".`, EXIT.usage);
  const [cert, key] = [value("tls-cert"), value("tls-key")];
  if ((cert === undefined) !== (key === undefined))
    throw new StartError("--tls-cert and --tls-key go together: give both, or --tls alone.", EXIT.usage);
  const files = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  const lan = flag("lan");
  return {
    lan,
    host: value("host") ?? (lan ? "0.0.0.0" : undefined),
    port: number("port", 65_535),
    webPort: flag("no-web") ? false : number("web-port", 65_535),
    data: value("data"),
    tls: files ?? (flag("tls") ? "own" : undefined),
    rate: number("rate", 100_000),
    logLevel: level as Level | undefined,
  };
}

/** Throws a StartError when this version of Bun is older than the one Banter was made for. */
export function requireBun(version: string): void {
  const parts = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const here = parts(version);
  for (const [i, needed] of parts(OLDEST_BUN).entries()) {
    if (here[i]! > needed) return;
    if (here[i]! < needed)
      throw new StartError(
        `Banter needs Bun ${OLDEST_BUN} or newer, and this is ${version}. Update it with: bun upgrade`,
        EXIT.usage,
      );
  }
}

function whyNotUnderstood({ code, message }: Error & { code?: string }): string {
  const help = "See bun server.ts --help";
  if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return `${message.split(". ")[0]}. ${help}`;
  const flag = /'(--?[^\s'=]+)/.exec(message)?.[1] ?? "";
  const near = nearest(flag.replace(/^-+/, ""), [...Object.keys(FLAGS), "help"]);
  return `There is no option ${flag}. ${near === undefined ? "" : `Did you mean --${near}? `}${help}`;
}
