// client.ts: the terminal program. Asks who you are, then lines in and lines out: what you type goes to the room you are
// in, what is said there is printed. Delivery is connection.ts's business, commands are commands.ts's.
// Bots import `connect` and `receiveMessages` from here.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { help, parseCommand, render } from "./commands.ts";
import type { Connection, ConnectOptions, Occurrence } from "./connection.ts";
import { connect } from "./connection.ts";
import { Refused } from "./link.ts";
import type { Request } from "./protocol.ts";
import { ERRORS, failure, foldName, isRefusal, LOBBY } from "./protocol.ts";

export { connect, Refused };

const EXIT = { done: 0, bug: 1, usage: 2, unreachable: 3, refused: 4, interrupted: 130 } as const;
const TRIES = 5; // passwords before the program gives up
const LINES_WAITING = 64; // typed lines not stored yet, after which reading waits

/** Where a person sits: typed lines, printed lines, questions. */
export interface Console {
  lines: AsyncIterator<string>;
  print(line: string): void;
  /** Asks for a line; `hidden`: it is not shown. `undefined` when there is nobody to answer. */
  ask(question: string, hidden?: boolean): Promise<string | undefined>;
}

export interface ClientOptions {
  host?: string;
  port?: number;
  name?: string | undefined;
  password?: string | undefined;
}

/** Everything that happens on a connection, each once, until it is closed. A private message counts as seen when the next
 *  occurrence is asked for. One reader at a time. */
export async function* receiveMessages(connection: Connection): AsyncGenerator<Occurrence> {
  for (let next; (next = await connection.next()) !== undefined;) yield next;
}

/** Runs the client until its person leaves; resolves with the exit code. */
export async function startClient(options: ClientOptions, console: Console): Promise<number> {
  let connection: Connection;
  try {
    connection = await signIn(options, console);
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    console.print(`* ${problem.message}`);
    return problem.code === "unreachable" ? EXIT.unreachable : EXIT.refused;
  }
  const place = { user: connection.user, room: LOBBY, partner: undefined as string | undefined };
  console.print(`* Welcome, ${place.user}. Type a line and press Enter; /help lists the commands, /exit leaves.`);

  const showing = (async () => {
    for await (const occurrence of receiveMessages(connection)) {
      if (occurrence.type === "message" && !occurrence.to.startsWith("#") && occurrence.from !== place.user)
        place.partner = occurrence.from;
      for (const line of describe(occurrence, place.user)) console.print(line);
    }
  })();

  const waiting = new Set<Promise<void>>();
  for (let next; !(next = await console.lines.next()).done;) {
    const typed = parseCommand(next.value, place);
    if (typed === undefined) continue;
    if (isRefusal(typed)) for (const line of render(failure(typed), place)) console.print(line);
    else if (typed.type === "help") for (const line of help(true)) console.print(`* ${line}`);
    else if (typed.type === "exit") break;
    else {
      const asked = request(connection, typed, place, console).finally(() => waiting.delete(asked));
      waiting.add(asked);
      if (typed.type !== "say" || waiting.size >= LINES_WAITING) await asked;
    }
  }
  await Promise.all(waiting);
  await connection.close();
  await showing;
  return EXIT.done;
}

async function request(
  connection: Connection,
  asked: Request,
  place: { user: string; room: string },
  console: Console,
) {
  try {
    const answer = await connection.ask(asked);
    if (asked.type === "join") place.room = asked.to;
    if (asked.type === "leave" && asked.to === place.room) place.room = LOBBY;
    if (answer.type === "ok") for (const line of render(answer, { user: place.user, asked })) console.print(line);
  } catch (problem) {
    console.print(`* ${(problem as Error).message}`);
  }
}

/** Asks for what is missing until the server lets us in; a new name may become an account. */
async function signIn({ host, port, name, password }: ClientOptions, console: Console): Promise<Connection> {
  const where = { ...(host !== undefined && { host }), ...(port !== undefined && { port }), rooms: [LOBBY] };
  const nobody = new Refused({ code: "bad_login", text: "There is nobody to ask for a name and a password." });
  let user = name;
  for (let tries = TRIES; ;) {
    user ??= await console.ask("Name: ");
    if (user === undefined) throw nobody;
    const folded = foldName(user.trim());
    if (folded === undefined) {
      console.print(`* ${ERRORS.bad_name}`);
      user = undefined;
      continue;
    }
    const secret = password ?? (await console.ask(`Password for ${folded} (typing is hidden): `, true));
    if (secret === undefined) throw nobody;
    const who: ConnectOptions = { ...where, user: folded, password: secret };
    try {
      return await connect(who);
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.code !== "bad_login" || password !== undefined) throw problem;
      tries--;
      const answer = await console.ask(`No account matches. Create a new account called ${folded}? [y/N] `);
      if (/^y(es)?$/i.test(answer ?? "")) return await connect({ ...who, register: true });
      if (tries === 0) throw problem;
      console.print(`* ${tries} tries left.`);
    }
  }
}

function describe(occurrence: Occurrence, user: string): string[] {
  switch (occurrence.type) {
    case "online":
      return [];
    case "offline":
      return [`* ${occurrence.reason} Trying again in ${Math.ceil(occurrence.retry / 1000)} s.`];
    case "reset":
      return [`* The server was restored from an older copy.`];
    default:
      return render(occurrence, { user });
  }
}

// ---- the program --------------------------------------------------------------------------------------------------

const HELP = `Usage: bun client.ts [HOST[:PORT]] [options]
Joins a Banter server (localhost:12345 if none is given). Lines you type are sent, /help lists the commands.

  --name NAME             who you are; asked if missing
  --password-file PATH    read the password from a file, - for the first line of the input
  --help                  this text

Exit codes: 0 done, 1 bug, 2 usage, 3 cannot reach the server, 4 sign-in refused, 130 interrupted
`;

/** A console on the process's own terminal or pipe. */
function openConsole(): Console {
  const onTerminal = Boolean(process.stdin.isTTY && process.stdout.isTTY);
  let hiding = false;
  const reader = createInterface({ input: process.stdin, output: process.stdout, terminal: onTerminal });
  const write = (text: string) => void process.stdout.write(text);
  if (onTerminal) {
    const echo = (reader as unknown as { _writeToOutput(text: string): void })._writeToOutput.bind(reader);
    Object.assign(reader, { _writeToOutput: (text: string) => void (hiding || echo(text)) });
  }
  reader.on("SIGINT", () => reader.close());
  const lines = reader[Symbol.asyncIterator]();
  return {
    lines,
    print: (line) => write(onTerminal ? `\r\x1b[J${line}\n${reader.line}` : line + "\n"),
    async ask(question, hidden = false) {
      if (onTerminal) write(question);
      hiding = hidden;
      const { value, done } = await lines.next();
      hiding = false;
      if (hidden && onTerminal) write("\n");
      return done ? undefined : value;
    },
  };
}

async function main(): Promise<number> {
  const options = {
    name: { type: "string" },
    "password-file": { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ args: process.argv.slice(2), options, allowPositionals: true });
    if (parsed.positionals.length > 1) throw new Error("Only one HOST[:PORT] can be given. ");
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message.split(". ")[0]}. See bun client.ts --help\n`);
    return EXIT.usage;
  }
  const { name, help: wanted, "password-file": file } = parsed.values;
  if (wanted) {
    process.stdout.write(HELP);
    return EXIT.done;
  }
  const [, host = "localhost", port] = /^(.*?)(?::(\d+))?$/.exec(parsed.positionals[0] ?? "") ?? [];
  const console = openConsole();
  const password =
    file === "-" ? await console.ask("Password: ", true) : file && readFileSync(file, "utf8").split(/\r?\n/)[0];
  return startClient({ host: host || "localhost", port: Number(port ?? 12345), name, password }, console);
}

if (import.meta.main) process.exit(await main());
