// options.ts: the server's command line and environment. Reads and checks them; starts nothing and touches no file.

import { parseArgs } from "node:util";
import type { CommandLine } from "../shared/usage.ts";
import { ASIDE, understand } from "../shared/usage.ts";
import type { CertificateSource } from "./certificate.ts";
import type { Level } from "./log.ts";
import { LEVELS } from "./log.ts";
import type { Balancers } from "./proxying.ts";
import { readBalancers } from "./proxying.ts";
import { EXIT, StartError } from "./startup.ts";

export interface ServerOptions {
  host?: string | undefined; // "localhost"
  port?: number | undefined; // 12345; 0 takes a free one
  webPort?: number | false | undefined; // of the page: 12346, or a free one if `port` is 0; false for no page
  data?: string | undefined; // folder of users.json, chat.db, secret.key and log/; "."
  tls?: CertificateSource | undefined; // absent: not encrypted
  balancers?: Balancers | undefined; // load balancers that speak the PROXY protocol; absent: none
  rate?: number | undefined; // `say`s a second and connection; 10; 0 for no limit
  logLevel?: Level | undefined; // "info"
  console?: (line: string) => void; // where log lines go besides log/app.log
  now?: () => number; // ms since 1970: what is written down
  elapsed?: () => number; // ms since some moment, never jumping: how long something lasts
}

export const HELP = `Usage: bun server.ts [options]
Starts a Banter server. People join with: bun client.ts, or nc localhost 12345

  --host ADDRESS    where to listen (localhost)
  --port N          port of the chat, 0 for a free one (12345)
  --web-port N      port of the browser page (12346)
  --no-web          no browser page
  --lan             listen on all addresses, and say how to join
  --data DIR        folder of users.json, chat.db, secret.key and log/ (.)
  --tls             encrypt both ports, with a self-signed certificate
                    that is kept in the data folder
  --tls-cert FILE   encrypt both ports with this certificate (PEM)
  --tls-key FILE    and its key (PEM)
  --proxy-protocol ADDRESSES
                    load balancers that begin every connection with a header
                    of the PROXY protocol: addresses and networks such as
                    10.0.0.0/24, separated by commas
  --rate N          messages a second and connection, 0 for no limit (10)
  --log-level L     debug, info, warning or error (info)
  --version         which Banter this is
  --help            this text

In brackets is what holds without the option. What is not on the command line is
taken from the environment: BANTER_PORT=12355, BANTER_LAN=yes and so on.
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
  "proxy-protocol": { type: "string" },
  rate: { type: "string" },
  "log-level": { type: "string" },
  ...ASIDE,
} as const;
type Named = Exclude<keyof typeof FLAGS, "help" | "version">;
type Environment = Record<string, string | undefined>;

const OLDEST_BUN = "1.4.5";
const YES = /^(1|true|yes|on)$/i;
const NO = /^(0|false|no|off|)$/i;

/** What a command line says, not checked any further than that it has no unknown options. */
export function readLine(args: readonly string[]): CommandLine<typeof FLAGS> {
  const { tokens } = parseArgs({ args: [...args], options: FLAGS, strict: false, tokens: true });
  return understand(tokens, { program: "server.ts", options: FLAGS, most: 0 });
}

/** The options of a command line, flags before environment before defaults. Throws a StartError about a wrong one. */
export function readOptions(args: readonly string[], env: Environment): ServerOptions & { lan: boolean } {
  const { values, wrong } = readLine(args);
  if (wrong !== undefined) throw usage(wrong);
  const value = (name: Named) => (values[name] as string | undefined) ?? fromEnvironment(env, name);
  const nameOf = (name: Named) => (values[name] === undefined ? variableOf(name) : `--${name}`);
  const number = (name: "port" | "web-port" | "rate", max: number): number | undefined => {
    const text = value(name);
    if (text === undefined) return undefined;
    if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text);
    throw usage(`${nameOf(name)} must be a whole number from 0 to ${max}, not "${text}".`);
  };
  const flag = (name: "lan" | "no-web" | "tls"): boolean => {
    const text = env[variableOf(name)] ?? "";
    if (values[name] === true || YES.test(text)) return true;
    if (NO.test(text)) return false;
    throw usage(`${variableOf(name)} must be yes or no, not "${text}".`);
  };
  const level = value("log-level");
  if (level !== undefined && !(LEVELS as readonly string[]).includes(level))
    throw usage(`${nameOf("log-level")} must be one of ${LEVELS.join(", ")}, not "${level}".`);
  const list = value("proxy-protocol");
  const balancers = list === undefined ? undefined : believed(list, nameOf("proxy-protocol"));
  const [cert, key] = [value("tls-cert"), value("tls-key")];
  if ((cert === undefined) !== (key === undefined))
    throw usage("--tls-cert and --tls-key go together: give both, or --tls alone.");
  const files = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  const [lan, tls] = [flag("lan"), flag("tls")];
  return {
    lan,
    host: value("host") ?? (lan ? "0.0.0.0" : undefined),
    port: number("port", 65_535),
    webPort: flag("no-web") ? false : number("web-port", 65_535),
    data: value("data"),
    tls: files ?? (tls ? "own" : undefined),
    balancers,
    rate: number("rate", 100_000),
    logLevel: level as Level | undefined,
  };
}

/** The data folder, as all programs find it. Throws a StartError. */
export function dataFolder(option: string | undefined, env: Environment): string {
  return option ?? fromEnvironment(env, "data") ?? ".";
}

/** `name`: of the option that holds the list. */
function believed(list: string, name: string): Balancers {
  const balancers = readBalancers(list);
  if (typeof balancers !== "string") return balancers;
  throw usage(
    `${name} must be addresses or networks of load balancers, separated by commas, such as 10.0.0.5,10.1.0.0/24; "${balancers}" is none.`,
  );
}

function variableOf(name: Named): string {
  return `BANTER_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** An empty variable is more likely a mistake of a script than a wish. */
function fromEnvironment(env: Environment, name: Named): string | undefined {
  const text = env[variableOf(name)];
  if (text === "") throw usage(`${variableOf(name)} is empty. Give it a value, or unset it.`);
  return text;
}

function usage(sentence: string): StartError {
  return new StartError(sentence, EXIT.usage);
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
