// signin.ts: who may come in. Registration, and sign-in by password or by token. Never logs a secret and never says which
// half of a sign-in was wrong.

import { join } from "node:path";
import type { Refusal } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { Accounts } from "./accounts.ts";
import type { Asker, Origin } from "./network.ts";
import { decoyHash, Gate, hashPassword, normalizePassword, verifyPassword } from "./passwords.ts";
import { FailureLimiter, RegistrationLimiter } from "./rates.ts";
import type { Account, Registry } from "./registry.ts";
import { readKey, Tokens } from "./tokens.ts";
import { foldName } from "../shared/names.ts";

const MAX_KNOWN = 10_000; // accounts remembered to have signed in, with their network
const BUSY: Refusal = { code: "busy", after: 5 }; // s; also what nobody hears who has gone

/** Who is signed in. `hash` is of the password at that time; it stays in the server. */
export interface SignedIn {
  user: string;
  token: string;
  hash: string;
}
/** What proves an account: its password, or a token given at an earlier sign-in. */
export type Proof = { password: string } | { token: string };

export interface Users {
  accounts: Registry;
  gate: Gate;
  tokens: Tokens;
  decoy: string; // a hash for names that are unknown, so that they take the same work as known ones
  failures: FailureLimiter; // by network, and by network and account
  registrations: RegistrationLimiter; // by network
  known: Set<string>; // network and account of those who have signed in
  info: (event: string) => void;
  warn: (event: string) => void;
}

const accountsFile = (folder: string) => join(folder, "users.json");
const keyFile = (folder: string) => join(folder, "secret.key");

/** Throws what `openUsers` would throw about a damaged file; makes none. */
export function checkUsers(folder: string): void {
  new Accounts(accountsFile(folder));
  readKey(keyFile(folder));
}

/** Opens the accounts in `folder`: `users.json` (absent: no accounts yet) and `secret.key` (made if absent). `now` in ms
 *  since 1970, `elapsed` in ms on a clock that never jumps. Throws an Error whose message is one sentence for people when one of them is damaged; changes nothing then. */
export function openUsers(
  folder: string,
  options: {
    now?: () => number;
    elapsed?: () => number;
    info?: (event: string) => void;
    warn?: (event: string) => void;
  } = {},
): Users {
  const { now = Date.now, elapsed = () => performance.now(), info = () => {}, warn = () => {} } = options;
  return {
    accounts: new Accounts(accountsFile(folder)),
    gate: new Gate(),
    tokens: new Tokens(keyFile(folder), now, warn),
    decoy: decoyHash(),
    failures: new FailureLimiter(elapsed),
    registrations: new RegistrationLimiter(elapsed),
    known: new Set(),
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

/** Why somebody is signed in no more with the hash of this password: their account has another one, or is not there. `undefined` while
 *  they are. */
export function whySignedOut(
  account: Account | undefined,
  { user, hash }: Omit<SignedIn, "token">,
): string | undefined {
  if (account?.password === hash) return undefined;
  return account !== undefined
    ? `The password of ${user} was changed, so this connection closes. Sign in again with the new one.`
    : `The account ${user} was removed, so this connection closes. Whoever runs the server can tell you why.`;
}

/** Creates an account and signs it in; resolves when it is safe on disk.
 *  Refuses with `bad_name`, `bad_password`, `name_taken`, `throttled`, `busy`, or `unavailable` when it cannot be written. */
export async function registerUser(
  users: Users,
  name: string,
  password: string,
  asker: Asker,
): Promise<SignedIn | Refusal> {
  const user = foldName(name);
  if (user === undefined) return { code: "bad_name" };
  const secret = normalizePassword(password);
  if (secret === undefined) return { code: "bad_password" };
  refreshUsers(users);
  const refused = await whyNotCreate(users, user, asker);
  if (refused !== undefined) return refused;
  // Asked again in its turn: of many who race for a name, the losers should not cost a hash each.
  const hash = await users.gate.run(asker, async () => {
    const refused = await whyNotCreate(users, user, asker);
    if (refused !== undefined) return refused;
    users.registrations.count(asker.network);
    return hashPassword(secret);
  });
  if (hash === undefined || asker.gone) return BUSY;
  if (typeof hash !== "string") return hash;
  try {
    if (!(await users.accounts.add(user, { password: hash }))) return nameTaken(users, user);
  } catch (problem) {
    users.warn(`Cannot store the account ${user}: ${(problem as Error).message}`);
    return { code: "unavailable", text: "The server cannot store accounts right now. Try again in a moment." };
  }
  return signedIn(users, user, hash);
}

function signedIn({ tokens }: Users, user: string, hash: string): SignedIn {
  return { user, token: tokens.issue(user, hash), hash };
}

async function whyNotCreate(users: Users, user: string, { network }: Asker): Promise<Refusal | undefined> {
  if (looksLikeHost(users, user) || (await users.accounts.taken([user])).has(user)) return nameTaken(users, user);
  const after = users.registrations.secondsToWait(network);
  if (after === 0) return undefined;
  const text =
    "Too many accounts were created from this address within an hour. Wait, or let whoever runs the server add yours: bun users.ts add NAME.";
  return { code: "throttled", after, text };
}

/** What a person's name looks like at a glance: two names of which this is the same can be taken for each other. */
export function lookOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[._-]/g, "")
    .replaceAll("0", "o")
    .replace(/[1i]/g, "l")
    .replaceAll("rn", "m")
    .replaceAll("vv", "w");
}

/** Whether people could take this name for a host's. */
function looksLikeHost({ accounts }: Users, user: string): boolean {
  const look = lookOf(user);
  return accounts.hosts().some((host) => lookOf(host) === look);
}

/** That a name is taken, and names near it that are not, unless it is near a host's. */
async function nameTaken(users: Users, user: string): Promise<Refusal> {
  const stem = user.slice(0, LIMITS.name - 1);
  const near = Array.from("23456789", (digit) => stem + digit);
  const taken = await users.accounts.taken([user, ...near]);
  if (looksLikeHost(users, user)) {
    if (taken.has(user)) return { code: "name_taken" };
    return {
      code: "name_taken",
      text: `${user} looks too much like another name. Choose one that is quite different.`,
    };
  }
  const free = near.filter((name) => !taken.has(name) && !looksLikeHost(users, name));
  if (free.length === 0) return { code: "name_taken" };
  return {
    code: "name_taken",
    text: `${user} is taken. Free: ${free.slice(0, 2).join(", ")}. Or sign in if it is yours.`,
  };
}

/** Signs an account in by a token of an earlier sign-in; refuses with `bad_login`. */
export async function signInByToken(users: Users, name: string, token: string): Promise<SignedIn | Refusal> {
  refreshUsers(users); // for every name alike, so that the time tells nothing
  const user = foldName(name);
  const hash = await hashOf(users, user);
  if (user === undefined || hash === undefined || !users.tokens.isValid(token, user, hash))
    return { code: "bad_login" };
  return signedIn(users, user, hash);
}

async function hashOf({ accounts }: Users, user: string | undefined): Promise<string | undefined> {
  return user === undefined ? undefined : (await accounts.get(user))?.password;
}

/** Signs an account in. The failures of the asker's network are counted together.
 *  Refuses with `bad_login` (unknown name or wrong proof: same answer, same work), `throttled` or `busy`. */
export async function authenticateUser(
  users: Users,
  name: string,
  proof: Proof,
  asker: Asker,
): Promise<SignedIn | Refusal> {
  if ("token" in proof) return signInByToken(users, name, proof.token);
  refreshUsers(users);
  const user = foldName(name);
  const verdict = await users.gate.run(asker, async (): Promise<SignedIn | Refusal> => {
    const pair = pairOf(asker, user);
    const { known } = users;
    const wait = secondsToWait(users, asker, user, known.has(pair));
    if (wait > 0) return { code: "throttled", after: wait };
    const hash = await hashOf(users, user);
    const secret = normalizePassword(proof.password);
    const good = secret === undefined ? false : await verifyPassword(secret, hash ?? users.decoy);
    if (typeof good === "string") users.warn(`Cannot check the password of ${user}: its hash in users.json is ${good}`);
    refreshUsers(users); // a password that was changed meanwhile is not good any more
    if (good === true && user !== undefined && hash !== undefined && hash === (await hashOf(users, user))) {
      if (known.size < MAX_KNOWN) known.add(pair);
      return signedIn(users, user, hash);
    }
    countFailure(users, asker, user);
    return { code: "bad_login" };
  });
  return verdict ?? BUSY;
}

// ---- who guesses: passwords here, the host code in hosts.ts ----

/** Seconds until this account may try once more from this network, 0 if it may now. */
export function secondsToWait({ failures }: Users, asker: Origin, user: string | undefined, isKnown = false): number {
  const forAccount = failures.secondsToWait(pairOf(asker, user));
  return isKnown ? forAccount : Math.max(forAccount, failures.secondsToWait(asker.network));
}
export function countFailure({ failures }: Users, asker: Origin, user: string | undefined): void {
  failures.count(pairOf(asker, user));
  failures.count(asker.network);
}
function pairOf({ network }: Origin, user: string | undefined): string {
  return `${network} ${user}`;
}
