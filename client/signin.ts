// signin.ts: who somebody is: asks, once it is known who the server is (meeting.ts), for what is missing, a
// name and a password that is never shown, and offers an account to a new name, until the server lets them in. Never
// says whether the name or the password was wrong: it is not told.

import { ERRORS, LIMITS } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { Refused } from "../shared/link.ts";
import { foldName } from "../shared/names.ts";
import { hostAndPort } from "./address.ts";
import type { ConnectOptions } from "./connect.ts";
import { connect, inList, nameOfEndpoint } from "./connect.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import type { Met, TrustOnFirstUse } from "./meeting.ts";
import { meet, proofOf } from "./meeting.ts";
import type { Remembered } from "./remembered.ts";
import type { Endpoint, Identity, SocketLink } from "./socket.ts";

export interface SignInOptions {
  servers: readonly Endpoint[]; // of one chat, in the order in which they are tried
  trustOnFirstUse?: TrustOnFirstUse | undefined; // absent: a server that was never met is refused
  name?: string | undefined;
  password?: string | undefined;
  isScript?: boolean | undefined; // wants no backlog and no word about waiting
  remembered?: Remembered | undefined; // who signs in without a password here
  remember?: boolean | undefined; // whoever signs in now; `false`: nobody any more
}
const TRIES = 5; // passwords before the program gives up
const SLOW = 300; // ms after which somebody is told that the server is at work
const BUSY_TRIES = 10; // sign-ins while the server's queue is full
const IDENTIFIED: Record<Identity, string> = {
  nothing: "not encrypted",
  authority: "encrypted, by a certificate that an authority vouches for",
  fingerprint: "encrypted, by the certificate you trust",
};
const YES = /^\s*y(es)?\s*$/i;

/** Signs in. Rejects with `Refused` when the server cannot be reached, does not let in, or nobody answers a question:
 *  then the code is "nobody". */
export async function signIn(options: SignInOptions, console: Console, display: Display): Promise<Connection> {
  const { password, isScript = false } = options;
  const say = (text: string): void => console.print(...display.info(text));
  const reads = { backlog: !isScript, follows: console.hasRoomsApart && !isScript, autoConfirm: isScript };
  let place = { endpoints: options.servers, ...reads };
  let { name } = options;
  let keep: ((account: { user: string; token: string }) => void) | undefined;
  const isList = options.servers.length > 1;
  const isQuiet = name !== undefined && password !== undefined && !options.trustOnFirstUse && !options.remember;
  if (isList || !isQuiet) {
    const met = await meetServers(options, console, say);
    const [server] = met.servers;
    place = { ...place, endpoints: met.servers };
    const called = isList ? nameOfEndpoint(server!) : server!.host;
    if (!(isScript && isQuiet)) say(`Connected to ${called} (${IDENTIFIED[met.identity]}).`);
    const memory = isScript ? undefined : memoryOf(options, met, say);
    if (memory?.known !== undefined) {
      const { judgeLink, known, keepAgain } = memory;
      const connection = await signInAgain({ ...place, ...known, judgeLink }, keepAgain, console, say);
      if (connection !== undefined) return connection;
      name = memory.known.user;
      options.remembered?.forget(name);
    }
    keep = memory?.keep;
  }
  let tries = TRIES;
  for (;;) {
    const user = name === undefined ? await askName(console, say) : foldName(name);
    if (user === undefined) throw new Refused({ code: "bad_name", text: badName(name!) });
    name = user;
    const hint =
      tries === TRIES
        ? "Password (new here? choose one, 8 or more characters; typing is hidden): "
        : `Password for ${user} (${tries} ${tries === 1 ? "try" : "tries"} left; Enter alone: another name): `;
    const secret = password ?? (await askPassword(hint, tries < TRIES, console, say));
    if (secret === "") {
      name = undefined;
      continue;
    }
    const account = { ...place, user, password: secret, onToken: (token: string) => keep?.({ user, token }) };
    try {
      const entering = enter(account);
      return await (isScript ? entering : patiently("Checking…", console, entering));
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.code !== "bad_login") throw problem;
      tries--;
      if (password !== undefined && !console.isInteractive) throw problem;
      say("No account matches that name and password.");
      const offer = `Create a new account called ${user}? [y/N] `;
      if (YES.test(await ask(console, offer))) {
        const created = await register(account, password !== undefined, console, say);
        if (created !== undefined) return created;
        name = undefined;
      } else if (password !== undefined || tries <= 0) throw problem;
    }
  }
}

/** Who is remembered here, and how whoever signs in now is; nothing where that is not wanted. */
function memoryOf(
  { remembered, remember, name, password }: SignInOptions,
  { servers, proofs }: Met,
  say: (text: string) => void,
) {
  if (remembered === undefined) return undefined;
  if (remember === false) {
    say(remembered.forget(name) ?? `Forgotten${name === undefined ? "" : `: ${name}`}. The password is needed again.`);
    return undefined;
  }
  const at = hostAndPort(servers[0]!);
  const known = password === undefined ? remembered.find(at, proofs.get(at)!, name) : undefined;
  if (known === undefined && remember === undefined) return undefined;
  let isTold = known !== undefined;
  const keepAt = (servers: Met["proofs"], account: { user: string; token: string }): void => {
    const why = remembered.keep(servers, account);
    if (why !== undefined || !isTold)
      say(why ?? `This computer remembers ${account.user}: no password is asked for next time. --forget ends that.`);
    isTold = true;
  };
  const judgeLink = ({ server, identity }: SocketLink): Refused | undefined => {
    if (remembered.find(hostAndPort(server), proofOf(identity, server), known?.user) !== undefined) return undefined;
    const text = `You are not remembered at ${nameOfEndpoint(server)}, so it was told nothing. Sign in there once by your password.`;
    return new Refused({ code: "untrusted", text, brief: "you are not remembered there" });
  };
  return {
    known,
    judgeLink,
    keep: (account: { user: string; token: string }) => keepAt(proofs, account),
    keepAgain: (account: { user: string; token: string }) => keepAt(new Map(), account), // no server is added without a password
  };
}

/** Signs in whoever is remembered; `undefined` if that is over. */
async function signInAgain(
  account: ConnectOptions,
  keep: (account: { user: string; token: string }) => void,
  console: Console,
  say: (text: string) => void,
): Promise<Connection | undefined> {
  const { user } = account;
  try {
    const onToken = (token: string): void => keep({ user, token });
    return await patiently("Checking…", console, enter({ ...account, onToken }));
  } catch (problem) {
    if (!(problem instanceof Refused) || problem.code !== "bad_login") throw problem;
    say(`${user} was remembered here, which is over: it was long ago, or the password is another one now.`);
    return undefined;
  }
}

/** Finds out which server answers, and who it is. */
function meetServers(options: SignInOptions, console: Console, say: (text: string) => void): Promise<Met> {
  const { servers, trustOnFirstUse, isScript } = options;
  // Nobody can be asked later on about a server whose turn comes when another one is lost, and none is told a token unseen.
  const meetsAll = trustOnFirstUse !== undefined || options.remembered !== undefined;
  return meet({
    servers: inList(servers),
    trustOnFirstUse,
    meetsAll,
    say,
    show: (...rows) => console.print(...rows),
    confirm: async (question) => YES.test(await ask(console, question)),
    wait: (work) => (isScript ? work : patiently("Connecting…", console, work)),
  });
}

/** Creates the account; `undefined` when the name is taken, so that another one is needed. */
async function register(options: ConnectOptions, known: boolean, console: Console, say: (text: string) => void) {
  let { password = "" } = options;
  while (!known) {
    const again = await ask(console, "Type the password again: ", true);
    if (again === password) break;
    say("The two passwords differ.");
    password = await askPassword("Choose a password: ", false, console, say);
  }
  try {
    return await patiently("Creating the account…", console, enter({ ...options, password, register: true }));
  } catch (problem) {
    if (!(problem instanceof Refused) || problem.code !== "name_taken") throw problem;
    say(problem.message);
    return undefined;
  }
}

/** Connects, and waits where the server asks for a little patience. */
async function enter(options: ConnectOptions): Promise<Connection> {
  for (let tries = 1; ; tries++) {
    try {
      return await connect(options);
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.code !== "busy" || tries === BUSY_TRIES) throw problem;
      await Bun.sleep((problem.after ?? 2) * 1000);
    }
  }
}

async function askName(console: Console, say: (text: string) => void): Promise<string> {
  for (;;) {
    const typed = (await ask(console, "Name: ")).trim();
    const name = foldName(typed);
    if (name !== undefined) return name;
    if (typed !== "") say(badName(typed));
  }
}

/** Asks until a password is one that an account can have. */
async function askPassword(question: string, mayBeEmpty: boolean, console: Console, say: (text: string) => void) {
  for (;;) {
    const password = await ask(console, question, true);
    const { length } = [...password.normalize("NFC")];
    const { min, max } = LIMITS.password;
    if ((length >= min && length <= max) || (mayBeEmpty && length === 0)) return password;
    const has = `That password has ${length} ${length === 1 ? "character" : "characters"}`;
    say(length > max ? `${has}; ${max} are the most.` : `${has}; ${min} are needed.`);
  }
}

async function ask(console: Console, question: string, hidden = false): Promise<string> {
  const answer = await console.ask(question, hidden);
  if (answer === undefined) throw new Refused({ code: "nobody", text: "Nobody answered, so nobody is signed in." });
  return answer;
}

/** Says what is under way when it takes long enough to be noticed. */
async function patiently<T>(word: string, console: Console, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => console.progress(word), SLOW);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    console.footer("", []);
  }
}

/** Why a name cannot be, and one near it that can. */
function badName(name: string): string {
  const near = name
    .normalize("NFD")
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[^a-z0-9._-]/g, "")
    .replace(/^[._-]+/, "")
    .slice(0, LIMITS.name);
  return foldName(near) === undefined ? ERRORS.bad_name : ERRORS.bad_name.replace("zoe-k", near);
}
