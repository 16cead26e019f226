// client.ts: the terminal program: the console that fits, a sign-in, the chat or a pipe, and the way out. What it is
// made of is in client/. Bots import `connect` and `receiveMessages` from here.

import { version } from "./package.json";
import { hostAndPort } from "./client/address.ts";
import { Chat } from "./client/chat.ts";
import { connect } from "./client/connect.ts";
import type { Console } from "./client/console.ts";
import { Display } from "./client/display.ts";
import type { ClientOptions } from "./client/options.ts";
import { HELP, readLine, readOptions, readPassword, UsageError } from "./client/options.ts";
import { Memory } from "./client/memory.ts";
import { coloursOf } from "./client/modes.ts";
import type { Pipe } from "./client/pipe.ts";
import { exchangeFrames, sendLines } from "./client/pipe.ts";
import { Plain } from "./client/plain.ts";
import { Remembered } from "./client/remembered.ts";
import { signIn } from "./client/signin.ts";
import type { OnWire } from "./client/socket.ts";
import { Terminal } from "./client/terminal.ts";
import { typedBlock } from "./client/typed.ts";
import type { Connection } from "./shared/connection.ts";
import { receiveMessages } from "./shared/connection.ts";
import { Refused } from "./shared/link.ts";
import { sanitizeMessage } from "./shared/text.ts";

export { connect, receiveMessages, Refused };

const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const;
const LAST_WORDS = 50; // ms a terminal may take to show them
const SIGNALS = { SIGHUP: 129, SIGINT: EXIT.interrupted, SIGTERM: 143 } as const;

/** Runs the client until its person leaves, or with a pipe until its input ends; resolves with the exit code. */
export async function startClient(
  options: ClientOptions,
  console: Console,
  display: Display,
  pipe?: Pipe,
): Promise<number> {
  const onWire: OnWire = (direction, line) => console.print(...display.frame(direction, line));
  const servers = options.wire ? options.servers.map((server) => ({ ...server, onWire })) : options.servers;
  const { folder } = options;
  const home = hostAndPort(servers[0]!); // the first stays the same, whichever answers
  let signedIn = false;
  try {
    const remembered = folder === undefined ? undefined : new Remembered(folder, servers.map(hostAndPort));
    const entering = { ...options, servers, remembered, isScript: pipe !== undefined };
    const connection = await signIn(entering, console, display);
    signedIn = true;
    display.user = connection.user;
    if (pipe !== undefined) return await runPipe(connection, pipe, options);
    const { room, classic } = options;
    const memory = folder === undefined ? undefined : new Memory(folder, home, connection.user);
    if (memory !== undefined) console.recall?.(memory.typed());
    const chat = new Chat({ connection, console, display, room, classic, memory });
    console.complete = (before) => chat.complete(before);
    return (await chat.run()) === "left" ? EXIT.done : EXIT.refused;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    if (problem.code === "nobody" && console.isInteractive) return EXIT.interrupted;
    const isSaid = problem.after === undefined || problem.code === "no_entry"; // in the sentence
    const wait = isSaid ? "" : ` (${problem.after} s)`;
    console.print(...display.info(problem.message + wait));
    if (["unreachable", "untrusted"].includes(problem.code)) return EXIT.unreachable;
    return signedIn ? EXIT.failed : EXIT.refused;
  }
}

async function runPipe(connection: Connection, pipe: Pipe, { send, room }: ClientOptions): Promise<number> {
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

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  const { asks } = readLine(args);
  if (asks !== undefined) {
    process.stdout.write(asks === "help" ? HELP : `Banter ${version}\n`);
    return EXIT.done;
  }
  const { stdin, stdout, stderr, env } = process;
  const options = readOptions(args, Boolean(stdin.isTTY));
  const { passwordFile } = options;
  const isScript = options.isJson || options.send !== undefined;
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(code));
  stdout.on("error", () => process.exit(EXIT.failed)); // nobody reads any more

  const onTerminal = Boolean(stdin.isTTY && stdout.isTTY) && env.TERM !== "dumb" && !options.isPlain && !isScript;
  const interrupt = () => process.exit(EXIT.interrupted);
  const console = onTerminal
    ? new Terminal({ interrupt, clean: sanitizeMessage, block: typedBlock, hasTitle: env.TERM !== "linux" })
    : new Plain({ interrupt, output: isScript ? stderr : stdout });
  const display = new Display({
    colours: coloursOf(env, onTerminal),
    plain: !onTerminal,
    columns: () => console.columns,
    now: Date.now,
  });
  const password = passwordFile === undefined ? undefined : await readPassword(passwordFile, console);
  const write = (text: string) =>
    new Promise<void>((resolve) => (stdout.write(text) ? resolve() : stdout.once("drain", resolve)));
  const remark = (text: string) => console.print(`* ${text}`);
  const pipe = isScript && console instanceof Plain ? { lines: console.lines(), write, remark } : undefined;
  try {
    return await startClient({ ...options, password }, console, display, pipe);
  } finally {
    console.close();
    const written = new Promise<void>((resolve) => stdout.write("", () => resolve()));
    await (onTerminal ? Promise.race([written, Bun.sleep(LAST_WORDS)]) : written);
  }
}

if (import.meta.main)
  process.exit(
    await main().catch((problem: Error) => {
      if (problem instanceof UsageError) process.stderr.write(`${problem.message}\n`);
      else process.stderr.write(`Something went wrong in the client itself: ${problem.stack}\n`);
      return problem instanceof UsageError ? EXIT.usage : EXIT.failed;
    }),
  );
