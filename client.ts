// client.ts: the terminal program: options, the console that fits, and the way out. Everything else is elsewhere: who
// somebody is in signin.ts, the conversation in chat.ts, scripts in pipe.ts, delivery in connection.ts.
// Bots import `connect` and `receiveMessages` from here.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Chat } from "./client/chat.ts";
import type { Connection } from "./client/connection.ts";
import { connect, receiveMessages } from "./client/connection.ts";
import { coloursOf, Display } from "./client/display.ts";
import type { Encryption, OnWire } from "./client/tcp.ts";
import { Refused } from "./client/tcp.ts";
import { exchangeFrames, sendLines } from "./client/pipe.ts";
import type { Pipe } from "./client/pipe.ts";
import { Plain } from "./client/plain.ts";
import type { Strangers } from "./client/signin.ts";
import { signIn } from "./client/signin.ts";
import type { Console } from "./client/terminal.ts";
import { Terminal } from "./client/terminal.ts";
import { Trust, trustFile } from "./client/trust.ts";
import { foldName, foldRoom } from "./shared/names.ts";
import { nearest } from "./shared/nearest.ts";
import { sanitizeMessage } from "./shared/text.ts";

export { connect, receiveMessages, Refused };

const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const;
const LAST_WORDS = 50; // ms a terminal may take to show them
const SIGNALS = { SIGHUP: 129, SIGINT: EXIT.interrupted, SIGTERM: 143 } as const;

export interface ClientOptions {
  host?: string; // "localhost"
  port?: number; // 12345
  encryption?: Encryption | undefined; // absent: none
  strangers?: Strangers | undefined; // absent: none is trusted
  name?: string | undefined; // asked for, like the password, when it is missing
  password?: string | undefined;
  room?: string | undefined; // "#lobby"
  send?: string | undefined; // a room or a person: lines of a pipe become messages
  classic?: boolean; // bare words in the lobby are commands
  wire?: boolean; // show every frame
}

/** Runs the client until its person leaves, or with a pipe until its input ends; resolves with the exit code. */
export async function startClient(
  options: ClientOptions,
  console: Console,
  display: Display,
  pipe?: Pipe,
): Promise<number> {
  const { host = "localhost", port = 12345, name, password, room, send, classic = false } = options;
  const onWire: OnWire = (direction, line) => console.print(...display.frame(direction, line));
  let signedIn = false;
  try {
    const { encryption, strangers } = options;
    const script = pipe !== undefined;
    const who = { host, port, encryption, strangers, name, password, script, ...(options.wire && { onWire }) };
    const connection = await signIn(who, console, display);
    signedIn = true;
    display.user = connection.user;
    if (pipe !== undefined) return await runPipe(connection, pipe, send, room);
    const chat = new Chat({ connection, console, display, classic, ...(room !== undefined && { room }) });
    console.complete = (before) => chat.complete(before);
    return (await chat.run()) === "left" ? EXIT.done : EXIT.refused;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    if (problem.code === "nobody" && !console.plain) return EXIT.interrupted;
    const wait = problem.after === undefined ? "" : ` (${problem.after} s)`;
    console.print(...display.info(problem.message + wait));
    if (["unreachable", "untrusted"].includes(problem.code)) return EXIT.unreachable;
    return signedIn ? EXIT.failed : EXIT.refused;
  }
}

async function runPipe(connection: Connection, pipe: Pipe, send?: string, room?: string): Promise<number> {
  if (send !== undefined) {
    const stored = await sendLines(connection, send, pipe);
    await connection.close();
    return stored ? EXIT.done : EXIT.failed;
  }
  if (room !== undefined) await connection.ask({ type: "join", to: room });
  await exchangeFrames(connection, pipe);
  return EXIT.done;
}

// ---- the program --------------------------------------------------------------------------------------------------

const HELP = `Usage: bun client.ts [HOST[:PORT]] [options]
Joins a Banter server: localhost:12345 if none is given. Asks for a name and a password, also of new people.

  bun client.ts 192.168.1.20
  bun client.ts --name alice --room lab
  date | bun client.ts --name alice --password-file secret.txt --send '#lobby'

  --name NAME            who you are
  --password-file PATH   the password is the first line of this file, or of the input: -
  --room ROOM            where to start, instead of the lobby
  --send ROOM|NAME       send each line of the input as a message, then leave
  --json                 speak the protocol's frames on input and output
  --plain                no cursor movement, one line an event: for screen readers and old terminals
  --classic              in the lobby the words message, who, join ROOM, leave and exit are commands
  --wire                 show every frame that goes in and out
  --tls                  encrypted; a new server that no authority vouches for is yours to trust, once
  --trust-new            encrypted; such a server is trusted without a question, once
  --ca FILE              encrypted; only what this certificate (PEM) vouches for is believed
  --help                 this text

NO_COLOR=1 turns colours off. In the chat, /help lists the commands.
Exit codes: 0 done, 1 bug or a line was not sent, 2 usage, 3 cannot reach the server,
or it is not to be trusted, 4 sign-in refused, 130 interrupted (143 by SIGTERM, 129 by SIGHUP)
`;

const FLAGS = {
  name: { type: "string" },
  "password-file": { type: "string" },
  room: { type: "string" },
  send: { type: "string" },
  json: { type: "boolean" },
  plain: { type: "boolean" },
  classic: { type: "boolean" },
  wire: { type: "boolean" },
  tls: { type: "boolean" },
  "trust-new": { type: "boolean" },
  ca: { type: "string" },
} as const;

/** What is wrong with a command line: the program ends with EXIT.usage. */
class Usage extends Error {}

/** A command line's options. Throws `Usage` about a wrong one. */
function readOptions(args: string[]) {
  let parsed;
  try {
    parsed = parseArgs({ args, options: FLAGS, allowPositionals: true });
  } catch (problem) {
    const { code, message } = problem as Error & { code?: string };
    const flag = /'(--?[\w-]+)/.exec(message)?.[1] ?? "";
    if (code !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new Usage(`${message.split(". ")[0]}.`);
    const near = nearest(flag.slice(2), Object.keys(FLAGS));
    throw new Usage(`Unknown option ${flag}.${near === undefined ? "" : ` Did you mean --${near}?`}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) throw new Usage("Only one HOST[:PORT] can be given.");
  if (values.send !== undefined && values.json) throw new Usage("--send and --json exclude each other.");
  if (values.ca !== undefined && values["trust-new"]) throw new Usage("--ca and --trust-new exclude each other.");
  if (values.name !== undefined && foldName(values.name) === undefined)
    throw new Usage(`Nobody can be called "${sanitizeMessage(values.name)}". Names have 2 to 32 of a-z 0-9 . _ -`);
  const room = values.room === undefined ? undefined : foldRoom(values.room.replace(/^#?/, "#"));
  if (values.room !== undefined && room === undefined)
    throw new Usage(
      `"${sanitizeMessage(values.room)}" is no room. Rooms have 1 to 48 of a-z 0-9 . _ -, for example lab.`,
    );
  const send = values.send?.startsWith("#") ? foldRoom(values.send) : values.send && foldName(values.send);
  if (values.send !== undefined && !send)
    throw new Usage(`"${sanitizeMessage(values.send)}" is neither a room ('#lobby', in quotes) nor a name (bob).`);
  return { ...values, ...readAddress(positionals[0] ?? ""), room, send };
}

function readAddress(address: string): { host: string; port: number } {
  const [, bracketed, name, digits] = /^(?:\[([\da-fA-F:.%]+)\]|([^:/\s]*))(?::(\d{1,5}))?$/.exec(address) ?? [];
  const bare = /^[\da-f:]*:[\da-f:]*:[\da-f:.]*$/i.test(address) ? address : undefined; // an IPv6 address without a port
  const host = bare ?? bracketed ?? name;
  const port = Number(digits ?? 12345);
  if (host === undefined || port < 1 || port > 65_535)
    throw new Usage(`"${sanitizeMessage(address)}" is no HOST[:PORT]. For example: localhost:12345, or [::1]:12345.`);
  return { host: host || "localhost", port };
}

/** How the server has to prove itself, and whether one that was never met may. Throws `Usage` about a CA file. */
function readEncryption(
  { host, port, tls, ca, "trust-new": trustNew }: ReturnType<typeof readOptions>,
  person: boolean,
) {
  if (ca !== undefined) return { encryption: { ca: readAuthority(ca) } };
  if (!tls && !trustNew) return {};
  const trust = new Trust(`${host.includes(":") ? `[${host}]` : host}:${port}`, trustFile(process.env));
  return { encryption: trust, ...((trustNew || person) && { strangers: { trust, ask: !trustNew } }) };
}

function readAuthority(path: string): string {
  try {
    const pem = readFileSync(path, "latin1");
    new X509Certificate(pem);
    return pem;
  } catch (problem) {
    const { code, syscall } = problem as NodeJS.ErrnoException;
    throw new Usage(
      syscall === undefined
        ? `${path} is not a certificate in PEM form.`
        : `Cannot read the certificate ${path}: ${code === "ENOENT" ? "there is no such file" : code}.`,
    );
  }
}

/** The password in a file's first line; "-" is the input's. Throws `Usage` when there is none. */
async function readPassword(path: string, console: Console): Promise<string> {
  let text: string | undefined;
  try {
    text = path === "-" ? await console.ask("Password: ", true) : readFileSync(path, "utf8");
  } catch (problem) {
    throw new Usage(`Cannot read the password in ${path}: ${(problem as Error & { code?: string }).code}.`);
  }
  const password = text?.replace(/^\ufeff/, "").split(/\r?\n/)[0];
  if (!password) throw new Usage(`There is no password in the first line of ${path === "-" ? "the input" : path}.`);
  return password;
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.some((arg) => ["--help", "-h", "help"].includes(arg))) {
    process.stdout.write(HELP);
    return EXIT.done;
  }
  const { "password-file": file, json = false, plain = false, ...options } = readOptions(args);
  const { stdin, stdout, stderr, env } = process;
  const scripted = json || options.send !== undefined;
  const security = readEncryption(options, stdin.isTTY && !scripted);
  if (scripted && !stdin.isTTY && (options.name === undefined || file === undefined))
    throw new Usage(`${json ? "--json" : "--send"} needs --name and --password-file.`);
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(code));
  stdout.on("error", () => process.exit(EXIT.failed)); // nobody reads any more

  const onTerminal = Boolean(stdin.isTTY && stdout.isTTY) && env.TERM !== "dumb" && !plain && !scripted;
  const interrupt = () => process.exit(EXIT.interrupted);
  const console = onTerminal
    ? new Terminal({ interrupt, clean: sanitizeMessage })
    : new Plain({ interrupt, output: scripted ? stderr : stdout });
  const display = new Display({
    colours: coloursOf(env, onTerminal),
    plain: !onTerminal,
    columns: () => console.columns,
    now: Date.now,
  });
  const password = file === undefined ? undefined : await readPassword(file, console);
  const write = (text: string) =>
    new Promise<void>((resolve) => (stdout.write(text) ? resolve() : stdout.once("drain", resolve)));
  const remark = (text: string) => console.print(`* ${text}`);
  const pipe = scripted && console instanceof Plain ? { lines: console.lines(), write, remark } : undefined;
  try {
    return await startClient({ ...options, ...security, password }, console, display, pipe);
  } finally {
    console.close();
    const written = new Promise<void>((resolve) => stdout.write("", () => resolve()));
    await (onTerminal ? Promise.race([written, Bun.sleep(LAST_WORDS)]) : written);
  }
}

if (import.meta.main)
  process.exit(
    await main().catch((problem: Error) => {
      if (problem instanceof Usage) process.stderr.write(`${problem.message} See bun client.ts --help\n`);
      else process.stderr.write(`Something went wrong in the client itself: ${problem.stack}\n`);
      return problem instanceof Usage ? EXIT.usage : EXIT.failed;
    }),
  );
