// users.ts: the program for accounts, beside a running server or without one:
// bun users.ts list | add NAME | passwd NAME | remove NAME
// What an account is, and how its file is written, is in server/accounts.ts.

import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { ERRORS } from "./protocol.ts";
import { Accounts } from "./server/accounts.ts";
import { makeFolder } from "./server/durable.ts";
import { hashPassword, normalizePassword } from "./server/passwords.ts";
import { foldName } from "./shared/names.ts";

const EXIT = { done: 0, refused: 1, usage: 2, data: 4 } as const;
const HELP = `Usage: bun users.ts list | add NAME | passwd NAME | remove NAME [--data DIR]
The accounts of a Banter server, which may be running. The password is asked for, or is the first line of the input.
A new password ends every token of the old one. A removed name is nobody's, and gets no messages, until it is added again.

  --data DIR   folder of users.json   .   BANTER_DATA

Exit codes: 0 done, 1 refused (the name is taken, unknown or impossible, or the password is), 2 usage, 4 data unusable
`;

/** What to print, and the exit code. */
type Result = [text: string, code: number];

/** Runs one command. */
async function manage(accounts: Accounts, command: string, name: string | undefined): Promise<Result> {
  if (command === "list" && name === undefined) {
    const lines = accounts.names().map((one) => `${one}\n`);
    return [lines.join(""), EXIT.done];
  }
  if (!["add", "passwd", "remove"].includes(command) || name === undefined) return [HELP, EXIT.usage];
  const user = foldName(name);
  if (user === undefined) return [`${ERRORS.bad_name}\n`, EXIT.refused];
  const isRemoved = accounts.isTaken(user) && !accounts.has(user);
  if (command === "add" && accounts.has(user)) return [`${user} is taken.\n`, EXIT.refused];
  if (command !== "add" && isRemoved)
    return [`${user} was removed before. To bring the name back: bun users.ts add ${user}\n`, EXIT.refused];
  if (command !== "add" && !accounts.has(user)) return [`There is no account called ${user}.\n`, EXIT.refused];
  if (command === "remove") {
    if (!(await accounts.remove(user))) return [overtaken(user), EXIT.refused];
    return [`${user} is removed. What ${user} said stays, and nobody else can register the name.\n`, EXIT.done];
  }
  const secret = normalizePassword(await askPassword(`Password for ${user} (typing is hidden): `));
  if (secret === undefined) return [`${ERRORS.bad_password}\n`, EXIT.refused];
  const account = { password: await hashPassword(secret) };
  makeFolder(dirname(accounts.file)); // accounts may come before the server's first start
  const change = command === "passwd" ? "replace" : isRemoved ? "restore" : "add";
  if (!(await accounts[change](user, account))) return [overtaken(user), EXIT.refused];
  if (isRemoved) return [`${user} can sign in again, and has the old private messages of that name.\n`, EXIT.done];
  return [`${user} can sign in.\n`, EXIT.done];
}

function overtaken(user: string): string {
  return `Somebody else changed ${user} at the same time. Nothing was done.\n`;
}

/** Reads a password without showing it: from a terminal, or the first line of whatever the input is. */
async function askPassword(question: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(question);
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: process.stdin.isTTY === true });
  reader.on("SIGINT", () => process.exit(130));
  const { value } = await reader[Symbol.asyncIterator]().next();
  reader.close();
  if (process.stdin.isTTY) process.stderr.write("\n");
  return value ?? "";
}

async function main(): Promise<number> {
  try {
    const options = { data: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) {
      process.stdout.write(HELP);
      return EXIT.done;
    }
    const [command = "", name, ...more] = positionals;
    const accounts = new Accounts(join(values.data ?? process.env.BANTER_DATA ?? ".", "users.json"));
    const [text, code] = await manage(accounts, more.length > 0 ? "" : command, name);
    (code === EXIT.done ? process.stdout : process.stderr).write(text);
    return code;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return (problem as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? EXIT.usage : EXIT.data;
  }
}

if (import.meta.main) process.exitCode = await main();
