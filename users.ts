// users.ts: who may come in. Accounts in users.json (only argon2id hashes, never a password), sign-in by password or by
// token, and the queue that hashes them one after the other. Never logs and never says which half of a sign-in was wrong.
// Called by session.ts and web.ts.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join } from "node:path";
import type { Refusal } from "./protocol.ts";
import { foldName, LIMITS } from "./protocol.ts";

/** OWASP's floor for argon2id: 19 MiB, two passes; about 30 to 50 ms here. */
const COST = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Costs a hash in users.json may ask for; more would let a planted hash stall the server. */
const MOST_COST = { memory: 262_144, time: 10, lanes: 4 }; // KiB, passes, lanes
const MOST_HASHES_WAITING = 256; // about ten seconds of work, well within the 30 s a sign-in may take
const TOKEN_DAYS = 30;
const MOST_FAILURES = 10; // failed sign-ins a minute and address; only failures count, so a class behind one address may come in
const MINUTE = 60_000; // ms

interface Account {
  password: string; // an argon2id hash in PHC form
}
export interface SignedIn {
  user: string;
  token: string;
}
/** What proves an account: its password, or a token given at an earlier sign-in. */
export type Proof = { password: string } | { token: string };

export interface Users {
  file: string;
  accounts: Map<string, Account>;
  key: Buffer; // signs the tokens
  decoy: string; // a hash nobody has the password of, so that an unknown name takes the same work as a known one
  gate: Gate;
  save: () => Promise<void>;
  failures: Map<string, { count: number; since: number }>;
  now: () => number;
  warn: (event: string) => void;
}

/** Opens the accounts in `folder`: `users.json` (absent: no accounts yet) and `secret.key` (made if absent).
 *  Throws an Error whose message is one sentence for people when users.json is damaged; changes nothing then. */
export async function openUsers(
  folder: string,
  options: { now?: () => number; warn?: (event: string) => void } = {},
): Promise<Users> {
  const { now = Date.now, warn = () => {} } = options;
  const file = join(folder, "users.json");
  const accounts = readAccounts(file);
  const users: Users = {
    file,
    accounts,
    key: readKey(join(folder, "secret.key")),
    decoy: await Bun.password.hash(randomBytes(16).toString("hex"), COST),
    gate: new Gate(Math.max(1, cpus().length - 1), MOST_HASHES_WAITING),
    save: shared(() => writeAtomically(file, serialize(accounts))),
    failures: new Map(),
    now,
    warn,
  };
  return users;
}

/** Creates an account and signs it in; resolves when it is safe on disk.
 *  Refuses with `bad_name`, `bad_password`, `name_taken`, `busy`, or `unavailable` when it cannot be written. */
export async function registerUser(users: Users, name: string, password: string): Promise<SignedIn | Refusal> {
  const user = foldName(name);
  if (user === undefined) return { code: "bad_name" };
  const secret = normalize(password);
  if (secret === undefined) return { code: "bad_password" };
  if (users.accounts.has(user)) return nameTaken(users, user);
  const hash = await users.gate.run(() => Bun.password.hash(secret, COST));
  if (hash === undefined) return { code: "busy", after: 5 };
  if (users.accounts.has(user)) return nameTaken(users, user);
  users.accounts.set(user, { password: hash });
  try {
    await users.save();
  } catch (problem) {
    users.accounts.delete(user);
    users.warn(`Cannot write ${users.file}: ${problem instanceof Error ? problem.message : problem}`);
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

/** Signs an account in. `address` is whose failures are counted.
 *  Refuses with `bad_login` (unknown name or wrong proof: same answer, same work), `throttled` or `busy`. */
export async function authenticateUser(
  users: Users,
  name: string,
  proof: Proof,
  address: string,
): Promise<SignedIn | Refusal> {
  const user = foldName(name);
  const account = user === undefined ? undefined : users.accounts.get(user);
  if ("token" in proof) {
    const good = account !== undefined && checkToken(users, user!, account.password, proof.token);
    return good ? signedIn(users, user!, account.password) : { code: "bad_login" };
  }
  const secret = normalize(proof.password);
  if (secret === undefined) return { code: "bad_login" };
  const verdict = await users.gate.run(async (): Promise<SignedIn | Refusal> => {
    const wait = throttled(users, address);
    if (wait !== undefined) return { code: "throttled", after: wait };
    const hash = account === undefined ? users.decoy : account.password;
    const good = (await verify(users, name, secret, hash)) && account !== undefined;
    if (good) return signedIn(users, user!, account.password);
    countFailure(users, address);
    return { code: "bad_login" };
  });
  return verdict ?? { code: "busy", after: 5 };
}

async function verify(users: Users, name: string, secret: string, hash: string): Promise<boolean> {
  const [, m, t, p] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(hash)?.map(Number) ?? [];
  if (m === undefined || m > MOST_COST.memory || t! > MOST_COST.time || p! > MOST_COST.lanes) {
    users.warn(`Cannot check the password of ${name}: its hash in ${users.file} is not argon2id or costs too much`);
    return false;
  }
  return Bun.password.verify(secret, hash).catch(() => {
    users.warn(`Cannot check the password of ${name}: its hash in ${users.file} is damaged`);
    return false;
  });
}

/** NFC, so that one password typed on two keyboards is one password (RFC 8265); `undefined` if it cannot be one. */
function normalize(password: string): string | undefined {
  const secret = password.normalize("NFC");
  const length = [...secret].length;
  return secret.isWellFormed() && length >= LIMITS.password.min && length <= LIMITS.password.max ? secret : undefined;
}

// ---- failures -----------------------------------------------------------------------------------------------------

/** Seconds this address has to wait, or `undefined` if it may try. */
function throttled(users: Users, address: string): number | undefined {
  const entry = users.failures.get(address);
  if (entry === undefined || users.now() - entry.since >= MINUTE) return undefined;
  return entry.count < MOST_FAILURES ? undefined : Math.ceil((entry.since + MINUTE - users.now()) / 1000);
}

function countFailure(users: Users, address: string): void {
  const now = users.now();
  const entry = users.failures.get(address);
  if (entry !== undefined && now - entry.since < MINUTE) {
    entry.count++;
    return;
  }
  if (users.failures.size >= 1000)
    for (const [old, { since }] of users.failures) if (now - since >= MINUTE) users.failures.delete(old);
  users.failures.set(address, { count: 1, since: now });
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
  if (key.length !== 32)
    throw new Error(
      `${file} is damaged. The server did not start and changed nothing. Remove it to sign everybody out.`,
    );
  return key;
}

// ---- the file -----------------------------------------------------------------------------------------------------

function readAccounts(file: string): Map<string, Account> {
  if (!existsSync(file)) return new Map();
  const damaged = (why: string) =>
    new Error(
      `${file} is damaged (${why}). The server did not start and changed nothing. Restore a copy, or mend it by hand.`,
    );
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(file, "utf8"));
  } catch (problem) {
    throw damaged(problem instanceof Error ? problem.message : "not JSON");
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw damaged("not a JSON object");
  const accounts = new Map<string, Account>();
  for (const [name, account] of Object.entries(data)) {
    if (foldName(name) !== name) throw damaged(`${JSON.stringify(name.slice(0, 40))} cannot be a name`);
    if (typeof account?.password !== "string") throw damaged(`${name} has no password hash`);
    accounts.set(name, { password: account.password });
  }
  return accounts;
}

function serialize(accounts: Map<string, Account>): string {
  const lines = Array.from(accounts, ([name, account]) => `  ${JSON.stringify(name)}: ${JSON.stringify(account)}`);
  return lines.length === 0 ? "{}\n" : `{\n${lines.join(",\n")}\n}\n`;
}

/** Replaces a file as a whole: after a crash it is the old one or the new one, and on disk when this resolves. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`;
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  const folder = await open(dirname(file), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Runs `work` one at a time; all who ask while it runs share the next run, which starts after they asked. */
function shared(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return () =>
    (next ??= running
      .catch(() => {})
      .then(() => {
        next = undefined;
        return (running = work());
      }));
}

/** First come, first served, at most `width` at once. Bun's own pool starts the newest hash first, which would let the
 *  first in a class wait longest. */
class Gate {
  readonly #width: number;
  readonly #most: number;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(width: number, most: number) {
    this.#width = width;
    this.#most = most;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs `work` in its turn; `undefined` if too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running >= this.#width) {
      if (this.#queue.length >= this.#most) return undefined;
      await new Promise<void>((turn) => this.#queue.push(turn)); // whoever leaves hands its place on
    } else this.#running++;
    try {
      return await work();
    } finally {
      const turn = this.#queue.shift();
      if (turn === undefined) this.#running--;
      else turn();
    }
  }
}
