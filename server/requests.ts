// requests.ts: what each verb does, and who may use it: the rule table and one handler a verb. A refusal is a returned value;
// the session answers it. Knows no socket, no line and no dialect but this: a text session's reader is a person.

import type { Followed, Refusal, Request, RequestOf, Verb } from "../protocol.ts";
import { isRefusal, LIMITS } from "../protocol.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { sanitizeMessage, truncateMessage } from "../shared/text.ts";
import type { Answer, Caller, Rule } from "./caller.ts";
import { refuseToStore } from "./caller.ts";
import { inboxOf } from "./conversations.ts";
import { onClaim, onRemove, onSet } from "./hosting.ts";
import { onHistory, onPeople, onRooms, onWho } from "./lookups.ts";
import type { Asker } from "./network.ts";
import { withoutPort } from "./network.ts";
import type { Post } from "./pipeline.ts";
import type { Services } from "./services.ts";
import type { SignedIn } from "./signin.ts";
import { authenticateUser, registerUser, signInByToken } from "./signin.ts";

/** Every verb, who may use it, and what it does. */
export const RULES: { [V in Verb]: Rule<V> } = {
  register: { needs: "no account", run: onRegister },
  login: { needs: "no account", run: onLogin },
  join: { needs: "account", run: onJoin },
  leave: { needs: "account", run: onLeave },
  say: { needs: "account", run: onSay },
  who: { needs: "account", run: onWho },
  rooms: { needs: "account", run: onRooms },
  history: { needs: "account", run: onHistory },
  seen: { needs: "account", run: onSeen },
  people: { needs: "account", run: onPeople },
  claim: { needs: "account", run: onClaim },
  set: { needs: "account", run: onSet },
  remove: { needs: "account", run: onRemove },
  ping: { needs: "nothing", run: () => ({}) },
  exit: { needs: "nothing", run: onExit },
};

async function onRegister(caller: Caller, request: RequestOf<"register">): Promise<Answer> {
  const result = await register(caller.services, request.user, request.password, caller);
  return isRefusal(result) ? result : enterChat(caller, request, result, 0);
}

async function onLogin(caller: Caller, request: RequestOf<"login">): Promise<Answer> {
  const { user, password, token } = request;
  if ((password === undefined) === (token === undefined))
    return { code: "bad_request", text: "A login needs a password or a token, and not both. Nothing was done." };
  const result =
    token === undefined
      ? await login(caller.services, user, password!, caller)
      : logSignIn(caller.services, await signInByToken(caller.services.users, user, token), caller);
  return isRefusal(result) ? result : enterChat(caller, request, result, request.since, request.epoch);
}

/** Creates an account and logs it; refuses as `registerUser` does. */
export async function register(services: Services, user: string, password: string, from: Asker) {
  const closed = services.house.whyClosed();
  if (closed !== undefined) return closed;
  const result = await registerUser(services.users, user, password, from);
  if (isRefusal(result)) {
    if (result.code === "throttled") services.log.warning(`Registration from ${from.address} refused (throttled)`);
  } else services.log.info(`${result.user} registered from ${from.address}`);
  return result;
}

/** Checks a password and logs it; refuses as `authenticateUser` does. */
export async function login(services: Services, user: string, password: string, from: Asker) {
  return logSignIn(services, await authenticateUser(services.users, user, { password }, from), from);
}

function logSignIn({ log }: Services, result: SignedIn | Refusal, { address }: Asker): SignedIn | Refusal {
  if (isRefusal(result)) log.warning(`Sign-in from ${address} refused (${result.code})`);
  else log.info(`${result.user} signed in from ${address}`);
  return result;
}

/** Signed in: present in the chat, then the inbox after `since`, then live. A person at a text session starts in the lobby. */
async function enterChat(
  caller: Caller,
  asked: Request,
  { user, token, hash }: SignedIn,
  since?: number,
  epoch?: string,
): Promise<Answer> {
  const { history, house, rooms, users } = caller.services;
  const banned = house.whyBanned(user);
  if (banned !== undefined) return banned;
  caller.signIn(user, hash); // first: from here on a changed password ends it
  rooms.arrive(caller);
  if (users.accounts.isHost(user))
    rooms.tellAll({ type: "notice", text: `You signed in from ${withoutPort(caller.address)} too.` }, inboxOf(user));
  const positions = await history.positions(user);
  const follows = caller.text ? [] : await followed(caller, positions);
  const inbox = inboxOf(user);
  const seen = positions.get(inbox) ?? 0;
  const settings = house.shownTo(user);
  if (caller.text) await findPartner(caller, inbox);
  await rooms.enter(caller, inbox, {
    since,
    epoch,
    start: () => seen,
    begin: ({ head, reset }) =>
      caller.ok(
        {
          ...{ user, token, seq: head, epoch: history.epoch, seen, follows, hosts: users.accounts.hosts(), settings },
          ...(reset && { reset }),
        },
        asked,
      ),
  });
  if (caller.text) return onJoin(caller, { type: "join", to: LOBBY });
}

/** Whoever wrote last is who a person at a text session replies to. */
async function findPartner(caller: Caller, inbox: string): Promise<void> {
  const messages = await caller.services.history.newest(inbox, LIMITS.backlog);
  const partner = messages.findLast(({ from }) => from !== caller.user)?.from;
  if (partner !== undefined) caller.wasWrittenBy(partner);
}

/** The rooms among what an account has read, and where each of them ends. */
async function followed({ services, user }: Caller, positions: ReadonlyMap<string, number>): Promise<Followed[]> {
  const { house, rooms } = services;
  const follows: Followed[] = [];
  for (const [to, seen] of positions)
    if (isRoom(to) && house.mayEnter(user, to)) follows.push({ to, seen, seq: await rooms.head(to) });
  return follows;
}

async function onJoin(caller: Caller, request: RequestOf<"join">): Promise<Answer> {
  const { history, house, rooms } = caller.services;
  const { to, since } = request;
  const refusal = await whyNotJoin(caller, to);
  if (refusal !== undefined) return refusal;
  const seen = (await history.positions(caller.user)).get(to) ?? 0;
  const noEntry = house.whyNoEntry(caller.user, to); // its door may have been closed meanwhile
  if (noEntry !== undefined) return noEntry;
  caller.moveTo(to);
  let isIn = false;
  await rooms.enter(caller, to, {
    since,
    // A person at a text session reads on from now and has /history; a program gets the last messages by itself.
    start: (head) => (caller.text ? head : head - LIMITS.backlog),
    begin: ({ head, reset }) => {
      isIn = true;
      caller.ok(
        {
          ...{ to, users: rooms.who(to, caller.user), seq: head, epoch: history.epoch, seen },
          ...{ settings: house.shown(to), ...(reset && { reset }) },
        },
        request,
      );
    },
  });
  return isIn ? undefined : { code: "no_entry" }; // it was put out before it was in
}

async function whyNotJoin(caller: Caller, to: string): Promise<Refusal | undefined> {
  const { history, house, rooms } = caller.services;
  if (!rooms.has(caller, to) && rooms.roomsOf(caller).length >= LIMITS.rooms) return { code: "too_many" };
  if (to !== LOBBY && rooms.isFull(to))
    return { code: "too_many", text: "The server has all the rooms it can hold. Join one that exists: rooms." };
  const noEntry = house.whyNoEntry(caller.user, to);
  if (noEntry !== undefined) return noEntry;
  const notNew = house.whyNoNewRoom(caller.user);
  const exists = async () => to === LOBBY || rooms.isOpen(to) || (await history.head(to)) > 0;
  return notNew !== undefined && !(await exists()) ? notNew : undefined;
}

async function onLeave(caller: Caller, { to }: RequestOf<"leave">): Promise<Answer> {
  const { pipeline, rooms } = caller.services;
  if (!rooms.has(caller, to)) return { code: "not_in_room" };
  rooms.leave(caller, to);
  if (to === caller.room) caller.moveTo(LOBBY);
  // A room that is left is followed no more; a person at a text session follows none.
  if (!caller.text) await pipeline.read({ account: caller.user, conversation: to, seq: undefined, by: caller }).settled;
  return {};
}

function onSay(caller: Caller, request: RequestOf<"say">): Answer {
  const { to, text: said, id } = request;
  const clean = sanitizeMessage(said);
  const refusal = whyNotSay(caller, to, clean);
  if (refusal !== undefined) return refuseToStore(caller, request, refusal);
  const { text, cut } = truncateMessage(clean);
  const post: Post = {
    to,
    from: caller.user,
    id,
    text,
    cut: cut > 0 ? cut : undefined,
    by: caller,
    note: caller.text ? note(caller, to, cut) : undefined,
  };
  caller.says.posted(caller.services.pipeline.post(post), to);
}

function whyNotSay(caller: Caller, to: string, text: string): Refusal | undefined {
  const { rooms, users } = caller.services;
  if (text.trim() === "") return { code: "empty_text" };
  if (!isRoom(to)) return users.accounts.mayExist(to) ? undefined : { code: "unknown_user" };
  return rooms.has(caller, to) ? undefined : { code: "not_in_room" };
}

/** What a person who typed a message is told beside it. */
function note({ services }: Caller, to: string, cut: number): string | undefined {
  const notes = [];
  if (cut > 0)
    notes.push(
      `Your message was too long: its last ${cut === 1 ? "character was" : `${cut} characters were`} cut off.`,
    );
  if (!isRoom(to) && !services.rooms.isOnline(to)) notes.push(`${to} is away and gets it at the next sign-in.`);
  return notes.length > 0 ? notes.join(" ") : undefined;
}

async function onSeen(caller: Caller, { to = "@", seq }: RequestOf<"seen">): Promise<Answer> {
  const { history, rooms } = caller.services;
  const name = to === "@" ? inboxOf(caller.user) : to;
  if (!rooms.has(caller, name)) return { code: "not_in_room" };
  if (isRoom(name)) {
    const positions = await history.positions(caller.user);
    const follows = [...positions.keys()].filter(isRoom).length;
    if (follows >= LIMITS.rooms && !positions.has(name))
      return { code: "too_many", text: `One account follows at most ${LIMITS.rooms} rooms. Leave one first.` };
  }
  const batch = rooms.read(caller, name, seq);
  await batch.settled;
  return batch.failed
    ? { code: "unavailable", text: "The server cannot store that right now. Try again in a moment." }
    : {};
}

function onExit(): Answer {
  return {};
}
