// options.ts: the client's command line: what is wanted of it, and the server it names. Reads the files that options
// name, a password and a certificate, and nothing else; connects to nobody.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { foldName, foldRoom } from "../shared/names.ts";
import { ASIDE, seeHelp, understand, whyUnusable } from "../shared/usage.ts";
import { sanitizeMessage } from "../shared/text.ts";
import { hostAndPort, readAddresses } from "./address.ts";
import type { Console } from "./console.ts";
import { stateFolder } from "./keeping.ts";
import type { TrustOnFirstUse } from "./meeting.ts";
import type { Endpoint } from "./socket.ts";
import { Trust, trustFile } from "./trust.ts";

export interface ClientOptions {
  servers: readonly Endpoint[]; // of one chat, in the order in which they are tried
  trustOnFirstUse?: TrustOnFirstUse | undefined; // absent: a server that was never met is refused
  name?: string | undefined; // asked for, like the password, when it is missing
  password?: string | undefined;
  room?: string | undefined; // "#lobby"
  send?: string | undefined; // a room or a person: lines of a pipe become messages
  classic?: boolean | undefined; // bare words in the lobby are commands
  wire?: boolean | undefined; // show every frame
  remember?: boolean | undefined; // sign in without a password the next time; `false`: not any more
  folder?: string | undefined; // of what this computer keeps for a person; without one nothing is kept
}
/** What a command line asks for besides the chat itself. */
export interface CommandLine extends ClientOptions {
  passwordFile?: string | undefined; // "-": the input
  isPlain: boolean; // no cursor movement
  isJson: boolean; // frames on input and output
}

/** What is wrong with a command line, in sentences that end with where to look. */
export class UsageError extends Error {}

export const HELP = `Usage: bun client.ts [HOST[:PORT] | URL of the page] [options]
Joins a Banter server, localhost:12345 if none is given, or one of HOST1,HOST2.

  bun client.ts 192.168.1.20 --name alice --room lab
  date | bun client.ts --name alice --password-file secret.txt --send '#lobby'

  --name NAME            who you are
  --password-file PATH   the password is its first line, or the input's: -
  --remember, --forget   sign in here without a password next time; no longer
  --room ROOM            where to start, instead of the lobby
  --send ROOM|NAME       send each line of the input as a message, then leave
  --json                 speak the protocol's frames on input and output
  --plain                no cursor movement: for screen readers, old terminals
  --classic              message, who, join ROOM, leave, exit without a slash
  --wire                 show every frame that goes in and out
  --tls                  encrypted; a server new to you is yours to trust, once
  --trust-new            encrypted; such a server is trusted without a question
  --ca FILE              encrypted; only what this certificate (PEM) vouches for
  --version              which Banter this is
  --help                 this text

NO_COLOR=1 turns colours off. In the chat, /help lists the commands.
Exit codes: 0 done, 1 bug or a line was not sent, 2 usage, 3 server not reached
or not trusted, 4 sign-in refused, 130 interrupted (143 SIGTERM, 129 SIGHUP)
`;

const FLAGS = {
  name: { type: "string" },
  "password-file": { type: "string" },
  remember: { type: "boolean" },
  forget: { type: "boolean" },
  room: { type: "string" },
  send: { type: "string" },
  json: { type: "boolean" },
  plain: { type: "boolean" },
  classic: { type: "boolean" },
  wire: { type: "boolean" },
  tls: { type: "boolean" },
  "trust-new": { type: "boolean" },
  ca: { type: "string" },
  ...ASIDE,
} as const;

/** What a command line says, not checked any further than that it has no unknown options. */
export function readLine(args: readonly string[]) {
  const { tokens } = parseArgs({ args: [...args], options: FLAGS, strict: false, tokens: true });
  return understand(tokens, { program: "client.ts", options: FLAGS, most: Infinity });
}

/** A command line's options; `isPerson`: somebody sits at the input, who can be asked. Throws a UsageError about a
 *  wrong one. */
export function readOptions(args: readonly string[], isPerson: boolean): CommandLine {
  const { wrong, values, words: positionals } = readLine(args);
  if (wrong !== undefined) throw new UsageError(wrong);
  const { name, json = false, plain = false, classic, wire, ca, "trust-new": trustNew, "password-file": file } = values;
  if (positionals.length > 1)
    throw usage("Only one HOST[:PORT] can be given. A list is joined by commas: HOST1,HOST2.");
  if (values.send !== undefined && json) throw usage("--send and --json exclude each other.");
  if (values.remember && values.forget) throw usage("--remember and --forget exclude each other.");
  if (ca !== undefined && trustNew) throw usage("--ca and --trust-new exclude each other.");
  if (name !== undefined && foldName(name) === undefined)
    throw usage(`Nobody can be called "${sanitizeMessage(name)}". Names have 2 to 32 of a-z 0-9 . _ -`);
  const room = readRoom(values.room);
  const send = readRecipient(values.send);
  const isScript = json || send !== undefined;
  const servers = readServers(positionals[0] ?? "", values);
  if (isScript && !isPerson && (name === undefined || file === undefined))
    throw usage(`${json ? "--json" : "--send"} needs --name and --password-file.`);
  const isAsked = isPerson && !isScript && !trustNew;
  const isJudged = servers.some(({ encryption }) => encryption instanceof Trust);
  const trustOnFirstUse = isJudged && (isAsked || trustNew) ? { isAsked } : undefined;
  const folder = stateFolder(process.env);
  const remember = values.forget ? false : values.remember;
  const chat = { servers, trustOnFirstUse, name, room, send, classic, wire, remember, folder };
  return { ...chat, passwordFile: file, isPlain: plain, isJson: json };
}

function readRoom(typed: string | undefined): string | undefined {
  if (typed === undefined) return undefined;
  const room = foldRoom(typed.replace(/^#?/, "#"));
  if (room !== undefined) return room;
  throw usage(`"${sanitizeMessage(typed)}" is no room. Rooms have 1 to 48 of a-z 0-9 . _ -, for example lab.`);
}

function readRecipient(typed: string | undefined): string | undefined {
  if (typed === undefined) return undefined;
  const to = typed.startsWith("#") ? foldRoom(typed) : foldName(typed);
  if (to !== undefined) return to;
  throw usage(`"${sanitizeMessage(typed)}" is neither a room ('#lobby', in quotes) nor a name (bob).`);
}

interface Security {
  tls?: boolean | undefined;
  ca?: string | undefined;
  "trust-new"?: boolean | undefined;
}

/** The servers of a list, and how each has to prove its identity. */
function readServers(typed: string, { tls, ca, "trust-new": trustNew }: Security): Endpoint[] {
  const addresses = readAddresses(typed);
  if (typeof addresses === "string") throw usage(addresses);
  if (addresses.some(({ isEncrypted }) => isEncrypted === false) && (tls || trustNew || ca !== undefined))
    throw usage(
      `${tls ? "--tls" : trustNew ? "--trust-new" : "--ca"} is for what is encrypted. Write https:// instead.`,
    );
  const authority = ca === undefined ? undefined : { ca: readAuthority(ca) };
  return addresses.map(({ isEncrypted, ...address }) => {
    const isJudged = tls || trustNew || isEncrypted;
    const trust = isJudged ? new Trust(hostAndPort(address), trustFile(process.env)) : undefined;
    return { ...address, encryption: authority ?? trust };
  });
}

function readAuthority(path: string): string {
  try {
    const pem = readFileSync(path, "latin1");
    new X509Certificate(pem);
    return pem;
  } catch (problem) {
    const { syscall } = problem as NodeJS.ErrnoException;
    throw usage(
      syscall === undefined
        ? `${path} is not a certificate in PEM form.`
        : `Cannot read the certificate ${path}: ${whyUnusable(problem)}.`,
    );
  }
}

/** The password in a file's first line; "-" is the input's. Throws a UsageError when there is none. */
export async function readPassword(path: string, console: Console): Promise<string> {
  let text: string | undefined;
  try {
    text = path === "-" ? await console.ask("Password: ", true) : readFileSync(path, "utf8");
  } catch (problem) {
    throw usage(`Cannot read the password in ${path}: ${whyUnusable(problem)}.`);
  }
  const password = text?.replace(/^\ufeff/, "").split(/\r?\n/)[0];
  if (!password) throw usage(`There is no password in the first line of ${path === "-" ? "the input" : path}.`);
  return password;
}

function usage(text: string): UsageError {
  return new UsageError(seeHelp(text, "client.ts"));
}
