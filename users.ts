// users.ts: the program for accounts, beside a running server or without one:
// bun users.ts list | add NAME [--host] | passwd NAME | remove NAME | role NAME host|member
// What an account is, and how its file is written, is in server/accounts.ts.

import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { ERRORS } from "./protocol.ts";
import { Accounts } from "./server/accounts.ts";
import { makeFolder } from "./server/durable.ts";
import { hashPassword, normalizePassword } from "./server/passwords.ts";
import { lookOf } from "./server/signin.ts";
import { foldName, listNames } from "./shared/names.ts";

const EXIT = { done: 0, refused: 1, usage: 2, data: 4 } as const;
const ARGUMENTS: Record<string, number> = { list: 0, add: 1, passwd: 1, remove: 1, role: 2 };
const HELP = `Usage: bun users.ts list | add NAME [--host] | passwd NAME | remove NAME | role NAME host|member [--data DIR]
The accounts of a Banter server, which may be running. The password is asked for, or is the first line of the input.
Hosts keep order in the chat; a running server sees a new role within a second.
A new password ends every token of the old one. A removed name is nobody's, and gets no messages, until it is added again.

  --host       the new account is a host
  --data DIR   folder of users.json   .   BANTER_DATA

Exit codes: 0 done, 1 refused (the name is taken, unknown or impossible, the password is, or the role), 2 usage, 4 data unusable
`;

/** What to print, and the exit code. */
type Result = [text: string, code: number];

/** Runs one command; `asHost`: the account that is added is a host. */
async function manage(accounts: Accounts, [command = "", ...args]: string[], asHost: boolean): Promise<Result> {
  if (args.length !== ARGUMENTS[command] || (asHost && command !== "add")) return [HELP, EXIT.usage];
  const [name, role] = args;
  if (name === undefined) return [list(accounts), EXIT.done];
  const user = foldName(name);
  if (user === undefined) return [`${ERRORS.bad_name}\n`, EXIT.refused];
  const refused = whyNot(accounts, command, user);
  if (refused !== undefined) return [refused, EXIT.refused];
  if (command === "remove") return remove(accounts, user);
  if (command === "role") return setRole(accounts, user, role!);
  return setPassword(accounts, user, command === "passwd" ? "passwd" : asHost ? "add host" : "add");
}

function list(accounts: Accounts): string {
  return accounts
    .names()
    .map((name) => `${name}${accounts.isHost(name) ? " (host)" : ""}\n`)
    .join("");
}

function whyNot(accounts: Accounts, command: string, user: string): string | undefined {
  if (command === "add") return accounts.has(user) ? `${user} is taken.\n` : undefined;
  if (accounts.has(user)) return undefined;
  return accounts.isTaken(user)
    ? `${user} was removed before. To bring the name back: bun users.ts add ${user}\n`
    : `There is no account called ${user}.\n`;
}

async function remove(accounts: Accounts, user: string): Promise<Result> {
  if (!(await accounts.remove(user))) return [overtaken(user), EXIT.refused];
  return [`${user} is removed. What ${user} said stays, and nobody else can register the name.\n`, EXIT.done];
}

async function setRole(accounts: Accounts, user: string, role: string): Promise<Result> {
  if (role !== "host" && role !== "member") return [`There is no role called ${role}: host or member.\n`, EXIT.refused];
  if (!(await accounts.setRole(user, role))) return [overtaken(user), EXIT.refused];
  return [`${user} is a ${role}.\n${role === "host" ? warning(accounts, user) : ""}`, EXIT.done];
}

/** Asks for the password of a new account, or another one. */
async function setPassword(accounts: Accounts, user: string, what: "add" | "add host" | "passwd"): Promise<Result> {
  const isRemoved = accounts.isTaken(user) && !accounts.has(user);
  const secret = normalizePassword(await askPassword(`Password for ${user} (typing is hidden): `));
  if (secret === undefined) return [`${ERRORS.bad_password}\n`, EXIT.refused];
  const account = { password: await hashPassword(secret), ...(what === "add host" && { role: "host" }) };
  makeFolder(dirname(accounts.file)); // accounts may come before the server's first start
  const change = what === "passwd" ? "replace" : isRemoved ? "restore" : "add";
  if (!(await accounts[change](user, account))) return [overtaken(user), EXIT.refused];
  const old = isRemoved ? " again, and has the old private messages of that name" : "";
  const host = what === "add host" ? `${user} is a host.\n${warning(accounts, user)}` : "";
  return [`${user} can sign in${old}.\n${host}`, EXIT.done];
}

/** Who can be taken for this host. */
function warning(accounts: Accounts, host: string): string {
  const look = lookOf(host);
  const alike = accounts.names().filter((name) => name !== host && lookOf(name) === look);
  if (alike.length === 0) return "";
  return `Warning: people may take ${listNames(alike)} for ${host}. To remove an account: bun users.ts remove ${alike[0]}\n`;
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
    const options = {
      data: { type: "string" },
      help: { type: "boolean", short: "h" },
      host: { type: "boolean" },
    } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help) {
      process.stdout.write(HELP);
      return EXIT.done;
    }
    const accounts = new Accounts(join(values.data ?? process.env.BANTER_DATA ?? ".", "users.json"));
    const [text, code] = await manage(accounts, positionals, values.host === true);
    (code === EXIT.done ? process.stdout : process.stderr).write(text);
    return code;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return (problem as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? EXIT.usage : EXIT.data;
  }
}

if (import.meta.main) process.exitCode = await main();
