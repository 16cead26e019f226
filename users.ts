// users.ts: who may come in. Registration, sign-in by password or by token, and how often somebody may guess. Never logs a
// secret and never says which half of a sign-in was wrong. Called by requests.ts and web.ts.
// Also a small program, beside a running server or without one: bun users.ts list | add NAME | passwd NAME | remove NAME

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { parseArgs } from "node:util";
import { Accounts } from "./accounts.ts";
import { decoyHash, Gate, hashPassword, normalizePassword, verifyPassword } from "./passwords.ts";
import type { Refusal } from "./protocol.ts";
import { ERRORS, foldName, LIMITS } from "./protocol.ts";

const TOKEN_DAYS = 30;
const MINUTE = 60_000; // ms
/** Failed sign-ins a minute from one address, and of one account from one address. Only failures count, so a class behind
 *  one address may come in together; and whoever has signed in from there before is stopped by their own failures only, so
 *  that a guesser cannot lock the others out. */
const MOST_FAILURES = 10;
const MOST_KNOWN = 10_000; // accounts remembered to have signed in, with their address

export interface SignedIn {
  user: string;
  token: string;
}
/** What proves an account: its password, or a token given at an earlier sign-in. */
export type Proof = { password: string } | { token: string };

export interface Users {
  accounts: Accounts;
  gate: Gate;
  key: Buffer; // signs the tokens
  decoy: string; // a hash for names that are unknown, so that they take the same work as known ones
  failures: Map<string, { count: number; since: number }>; // by network, and by network and account
  known: Set<string>; // network and account of those who have signed in
  now: () => number;
  info: (event: string) => void;
  warn: (event: string) => void;
}

/** Throws what `openUsers` would throw about a damaged file; makes none. */
export function checkUsers(folder: string): void {
  new Accounts(join(folder, "users.json"));
  const key = join(folder, "secret.key");
  if (existsSync(key)) readKey(key);
}

/** Opens the accounts in `folder`: `users.json` (absent: no accounts yet) and `secret.key` (made if absent).
 *  Throws an Error whose message is one sentence for people when one of them is damaged; changes nothing then. */
export function openUsers(folder: string, options: Partial<Pick<Users, "now" | "info" | "warn">> = {}): Users {
  const { now = Date.now, info = () => {}, warn = () => {} } = options;
  return {
    accounts: new Accounts(join(folder, "users.json")),
    gate: new Gate(),
    key: readKey(join(folder, "secret.key")),
    decoy: decoyHash(),
    failures: new Map(),
    known: new Set(),
    now,
    info,
    warn,
  };
}

/** Picks up what `bun users.ts` or a person's editor changed, at the cost of a look at the file's time; a damaged edit is
 *  reported once and changes nothing. */
export function refreshUsers({ accounts, info, warn }: Users): void {
  try {
    if (accounts.refresh()) info("users.json was changed and read again");
  } catch (problem) {
    warn(`${(problem as Error).message} Going on with the accounts as they were.`);
  }
}

/** Creates an account and signs it in; resolves when it is safe on disk.
 *  Refuses with `bad_name`, `bad_password`, `name_taken`, `busy`, or `unavailable` when it cannot be written. */
export async function registerUser(users: Users, name: string, password: string): Promise<SignedIn | Refusal> {
  const user = foldName(name);
  if (user === undefined) return { code: "bad_name" };
  const secret = normalizePassword(password);
  if (secret === undefined) return { code: "bad_password" };
  refreshUsers(users);
  if (users.accounts.has(user)) return nameTaken(users, user);
  // Asked again in its turn: of many who race for a name, the losers should not cost a hash each.
  const hash = await users.gate.run(async () =>
    users.accounts.has(user) ? nameTaken(users, user) : hashPassword(secret),
  );
  if (hash === undefined) return { code: "busy", after: 5 };
  if (typeof hash !== "string") return hash;
  try {
    if (!(await users.accounts.add(user, { password: hash }))) return nameTaken(users, user);
  } catch (problem) {
    users.warn(`Cannot store the account ${user}: ${(problem as Error).message}`);
    return { code: "unavailable", text: "The server cannot store accounts right now. Try again in a moment." };
  }
  return signedIn(users, user, hash);
}

/** That a name is taken, and names near it that are not. */
function nameTaken({ accounts }: Users, user: string): Refusal {
  const stem = user.slice(0, LIMITS.name - 1);
  const free = Array.from("23456789", (digit) => stem + digit).filter((name) => !accounts.has(name));
  if (free.length === 0) return { code: "name_taken" };
  return {
    code: "name_taken",
    text: `${user} is taken. Free: ${free.slice(0, 2).join(", ")}. Or sign in if it is yours.`,
  };
}

/** Signs an account in. `network` is whose failures are counted together.
 *  Refuses with `bad_login` (unknown name or wrong proof: same answer, same work), `throttled` or `busy`. */
export async function authenticateUser(
  users: Users,
  name: string,
  proof: Proof,
  network: string,
): Promise<SignedIn | Refusal> {
  refreshUsers(users); // for every name alike, so that the time tells nothing
  const user = foldName(name);
  const account = user === undefined ? undefined : users.accounts.get(user);
  if ("token" in proof) {
    const good = account !== undefined && checkToken(users, user!, account.password, proof.token);
    return good ? signedIn(users, user!, account.password) : { code: "bad_login" };
  }
  const verdict = await users.gate.run(async (): Promise<SignedIn | Refusal> => {
    const pair = `${network} ${user}`;
    const wait = Math.max(secondsToWait(users, pair), users.known.has(pair) ? 0 : secondsToWait(users, network));
    if (wait > 0) return { code: "throttled", after: wait };
    const secret = normalizePassword(proof.password);
    const hash = account?.password ?? users.decoy;
    const good = secret === undefined ? false : await verifyPassword(secret, hash);
    if (typeof good === "string") users.warn(`Cannot check the password of ${user}: its hash in users.json is ${good}`);
    if (good === true && account !== undefined) {
      if (users.known.size < MOST_KNOWN) users.known.add(pair);
      return signedIn(users, user!, account.password);
    }
    countFailure(users, pair);
    countFailure(users, network);
    return { code: "bad_login" };
  });
  return verdict ?? { code: "busy", after: 5 };
}

// ---- failures -----------------------------------------------------------------------------------------------------

/** Seconds until one more try is allowed, 0 if it is now. */
function secondsToWait(users: Users, key: string): number {
  const { count, since } = users.failures.get(key) ?? { count: 0, since: 0 };
  const left = since + MINUTE - users.now();
  return count < MOST_FAILURES || left <= 0 ? 0 : Math.ceil(left / 1000);
}

function countFailure({ failures, now }: Users, key: string): void {
  const entry = failures.get(key);
  if (entry !== undefined && now() - entry.since < MINUTE) {
    entry.count++;
    return;
  }
  if (failures.size >= 1000) for (const [old, { since }] of failures) if (now() - since >= MINUTE) failures.delete(old);
  failures.set(key, { count: 1, since: now() });
}

// ---- tokens -------------------------------------------------------------------------------------------------------

/** A token is `expiry.HMAC`: nothing is stored for it, and it ends with the password because the hash is signed too. */
function signedIn(users: Users, user: string, hash: string): SignedIn {
  const expiry = Math.floor(users.now() / 1000) + TOKEN_DAYS * 86_400; // s since 1970
  return { user, token: `${expiry}.${sign(users, user, expiry, hash)}` };
}

function checkToken(users: Users, user: string, hash: string, token: string): boolean {
  const [, expiry, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(token) ?? [];
  if (expiry === undefined || mac === undefined || Number(expiry) * 1000 <= users.now()) return false;
  return timingSafeEqual(Buffer.from(mac), Buffer.from(sign(users, user, Number(expiry), hash)));
}

function sign(users: Users, user: string, expiry: number, hash: string): string {
  return createHmac("sha256", users.key).update(`${user}\n${expiry}\n${hash}`).digest("base64url");
}

function readKey(file: string): Buffer {
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
  const key = Buffer.from(readFileSync(file, "latin1").trim(), "hex");
  if (key.length !== 32) throw new Error(`${file} is damaged. Restore a copy, or remove it to sign everybody out.`);
  return key;
}

// ---- the program --------------------------------------------------------------------------------------------------

const HELP = `Usage: bun users.ts list | add NAME | passwd NAME | remove NAME [--data DIR]
The accounts of a Banter server, which may be running. The password is asked for, or is the first line of the input.
A new password ends every token of the old one.

  --data DIR   folder of users.json   .   BANTER_DATA

Exit codes: 0 done, 1 refused (the name is taken, unknown or impossible, or the password is), 2 usage, 4 data unusable
`;

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

/** Runs one command; what to print and the exit code. */
async function manage(accounts: Accounts, command: string, name: string | undefined): Promise<[string, number]> {
  if (command === "list" && name === undefined)
    return [
      accounts
        .names()
        .map((one) => one + "\n")
        .join(""),
      0,
    ];
  if (!["add", "passwd", "remove"].includes(command) || name === undefined) return [HELP, 2];
  const user = foldName(name);
  if (user === undefined) return [`${ERRORS.bad_name}\n`, 1];
  if (accounts.has(user) === (command === "add"))
    return [command === "add" ? `${user} is taken.\n` : `There is no account called ${user}.\n`, 1];
  if (command === "remove") {
    await accounts.remove(user);
    return [`${user} is removed. What ${user} said stays.\n`, 0];
  }
  const secret = normalizePassword(await askPassword(`Password for ${user} (typing is hidden): `));
  if (secret === undefined) return [`${ERRORS.bad_password}\n`, 1];
  const account = { password: await hashPassword(secret) };
  mkdirSync(dirname(accounts.file), { recursive: true }); // accounts may come before the server's first start
  const done = await (command === "add" ? accounts.add(user, account) : accounts.replace(user, account));
  return done
    ? [`${user} can sign in.\n`, 0]
    : [`Somebody else changed ${user} at the same time. Nothing was done.\n`, 1];
}

async function main(): Promise<number> {
  try {
    const options = { data: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    const [command = "", name, ...more] = values.help ? ["help"] : positionals;
    const accounts = new Accounts(join(values.data ?? process.env.BANTER_DATA ?? ".", "users.json"));
    const [text, code] = await manage(accounts, more.length > 0 ? "" : command, name);
    (code === 0 ? process.stdout : process.stderr).write(text);
    return values.help ? 0 : code;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return (problem as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? 2 : 4;
  }
}

if (import.meta.main) process.exitCode = await main();
