// users.ts: the program for accounts, beside a running server or without one:
// bun users.ts list | add NAME | passwd NAME | remove NAME
// What an account is, and how its file is written, is in server/accounts.ts.

import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { ERRORS } from "./protocol.ts";
import { Accounts } from "./server/accounts.ts";
import { hashPassword, normalizePassword } from "./server/passwords.ts";
import { foldName } from "./shared/names.ts";

const EXIT = { done: 0, refused: 1, usage: 2, data: 4 } as const;
const HELP = `Usage: bun users.ts list | add NAME | passwd NAME | remove NAME [--data DIR]
The accounts of a Banter server, which may be running. The password is asked for, or is the first line of the input.
A new password ends every token of the old one.

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
  if (command === "add" && accounts.has(user)) return [`${user} is taken.\n`, EXIT.refused];
  if (command !== "add" && !accounts.has(user)) return [`There is no account called ${user}.\n`, EXIT.refused];
  if (command === "remove") {
    await accounts.remove(user);
    return [`${user} is removed. What ${user} said stays.\n`, EXIT.done];
  }
  const secret = normalizePassword(await askPassword(`Password for ${user} (typing is hidden): `));
  if (secret === undefined) return [`${ERRORS.bad_password}\n`, EXIT.refused];
  const account = { password: await hashPassword(secret) };
  mkdirSync(dirname(accounts.file), { recursive: true }); // accounts may come before the server's first start
  const done = await (command === "add" ? accounts.add(user, account) : accounts.replace(user, account));
  if (!done) return [`Somebody else changed ${user} at the same time. Nothing was done.\n`, EXIT.refused];
  return [`${user} can sign in.\n`, EXIT.done];
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
