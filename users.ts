// users.ts: the program for accounts, beside a running server or without one:
// bun users.ts list | add NAME [--host] | passwd NAME | remove NAME | role NAME host|member
// What an account is, and how its file is written, is in server/accounts.ts.

import { statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { version } from "./package.json";
import { ERRORS } from "./protocol.ts";
import { Accounts } from "./server/accounts.ts";
import { fault } from "./server/faults.ts";
import { dataFolder } from "./server/options.ts";
import { hashPassword, normalizePassword } from "./server/passwords.ts";
import { lookOf } from "./server/signin.ts";
import { StartError } from "./server/startup.ts";
import { foldName, listNames } from "./shared/names.ts";
import { sanitizeMessage } from "./shared/text.ts";
import { ASIDE, didYouMean, seeHelp, understand } from "./shared/usage.ts";

const PROGRAM = "users.ts";
const EXIT = { done: 0, refused: 1, usage: 2, data: 4 } as const;
/** How each command is typed. */
const COMMANDS = new Map([
  ["list", "list"],
  ["add", "add NAME [--host]"],
  ["passwd", "passwd NAME"],
  ["remove", "remove NAME"],
  ["role", "role NAME host|member"],
]);
const OPTIONS = { data: { type: "string" }, host: { type: "boolean" }, ...ASIDE } as const;
const HELP = `Usage: bun users.ts COMMAND [options]
The accounts of a Banter server, which may be running: it goes by a change
within a second. A password is asked for, or is the first line of the input.

  list                    who has an account, and who is a host
  add NAME                a new account, or a removed one again
  passwd NAME             another password; who is signed in is signed out
  remove NAME             nobody can sign in, register or be written to as NAME
  role NAME host|member   hosts keep order in the chat

  --host                  with add: the new account is a host
  --data DIR              folder of users.json (., or BANTER_DATA)
  --version               which Banter this is
  --help                  this text

Exit codes: 0 done, 1 refused (the name, the password or the role is not
possible), 2 usage, 4 data unusable
`;

/** What to print, and the exit code. */
type Result = [text: string, code: number];

/** Runs one command; `asHost`: the account that is added is a host. */
async function manage(
  accounts: Accounts,
  [command = "", name, role]: readonly string[],
  asHost: boolean,
): Promise<Result> {
  if (name === undefined) return [list(accounts), EXIT.done];
  const user = foldName(name);
  if (user === undefined) return [`${ERRORS.bad_name}\n`, EXIT.refused];
  const refused = whyNot(accounts, command, user);
  if (refused !== undefined) return [refused, EXIT.refused];
  if (command === "remove") return remove(accounts, user);
  if (command === "role") return setRole(accounts, user, role!);
  return setPassword(accounts, user, command === "passwd" ? "passwd" : asHost ? "add host" : "add");
}

/** What is wrong with a command, before any file is looked at. */
function whyNotCommand([command, ...args]: readonly string[], asHost: boolean): string | undefined {
  const names = [...COMMANDS.keys()];
  if (command === undefined) return `Name a command: ${names.join(", ")}.`;
  const form = COMMANDS.get(command);
  if (form === undefined) return `Unknown command ${sanitizeMessage(command)}.${didYouMean(command, names)}`;
  if (asHost && command !== "add") return "--host goes with add only.";
  const wanted = form.replace(/ \[.*/, "").split(" ").length - 1;
  return args.length === wanted ? undefined : `Type it like this: bun ${PROGRAM} ${form}.`;
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
  const typed = await askPassword(user);
  if (typed === undefined) return ["The two passwords are not the same. Nothing was done.\n", EXIT.refused];
  const secret = normalizePassword(typed);
  if (secret === undefined) return [`${ERRORS.bad_password}\n`, EXIT.refused];
  const account = { password: await hashPassword(secret), ...(what === "add host" && { role: "host" }) };
  const change = what === "passwd" ? "replace" : isRemoved ? "restore" : "add";
  if (!(await accounts[change](user, account))) return [overtaken(user), EXIT.refused];
  if (what === "passwd")
    return [`${user} has a new password; whoever was signed in with the old one is signed out.\n`, EXIT.done];
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

/** Reads a password without showing it: from a terminal twice, or the first line of whatever the input is. Undefined when the two
 *  are not the same. */
async function askPassword(user: string): Promise<string | undefined> {
  const isPerson = process.stdin.isTTY === true;
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: silent, terminal: isPerson });
  reader.on("SIGINT", () => process.exit(130));
  const lines = reader[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string> => {
    if (isPerson) process.stderr.write(question);
    const { value } = await lines.next();
    if (isPerson) process.stderr.write("\n");
    return value ?? "";
  };
  try {
    const first = await ask(`Password for ${user} (typing is hidden): `);
    if (!isPerson || normalizePassword(first) === undefined) return first;
    return (await ask("Type it again: ")) === first ? first : undefined;
  } finally {
    reader.close();
  }
}

/** Throws when there is no such folder: a mistyped name must not look like a chat without accounts, nor become one. */
function checkFolder(data: string): void {
  try {
    if (statSync(data, { throwIfNoEntry: false }) !== undefined) return;
  } catch (problem) {
    throw fault("read", data, problem);
  }
  throw new Error(
    `There is no folder ${data}. Name the server's with --data; for a new chat, make it first: mkdir ${data}`,
  );
}

async function main(): Promise<number> {
  const { tokens } = parseArgs({ options: OPTIONS, strict: false, tokens: true });
  const { asks, wrong, values, words } = understand(tokens, { program: PROGRAM, options: OPTIONS, most: Infinity });
  if (asks !== undefined) {
    process.stdout.write(asks === "help" ? HELP : `Banter ${version}\n`);
    return EXIT.done;
  }
  const mistake = whyNotCommand(words, values.host === true);
  const sentence = wrong ?? (mistake && seeHelp(mistake, PROGRAM));
  if (sentence !== undefined) {
    process.stderr.write(`${sentence}\n`);
    return EXIT.usage;
  }
  try {
    const data = dataFolder(values.data, process.env);
    checkFolder(data);
    const [text, code] = await manage(new Accounts(join(data, "users.json")), words, values.host === true);
    (code === EXIT.done ? process.stdout : process.stderr).write(text);
    return code;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return problem instanceof StartError ? problem.exitCode : EXIT.data;
  }
}

if (import.meta.main) process.exitCode = await main();
