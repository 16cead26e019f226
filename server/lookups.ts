// lookups.ts: what somebody looks up: what was said, who is where, which rooms there are. Each answers its request and changes nothing.

import type { Message, Refusal, RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { wordsOf } from "../shared/text.ts";
import type { Answer, Caller } from "./caller.ts";
import { whileHere } from "./caller.ts";
import { inboxOf } from "./conversations.ts";
import { firstPage } from "./search.ts";

export async function onHistory(caller: Caller, request: RequestOf<"history">): Promise<Answer> {
  const { to, after, before, limit = LIMITS.backlog, match, with: partner } = request;
  const refusal = whyNotLookUp(caller, request);
  if (refusal !== undefined) return refusal;
  if (to === "*") return { to, messages: await findEverywhere(caller, match!, limit) };
  const name = to === "@" ? inboxOf(caller.user) : to;
  const isSearch = match !== undefined || partner !== undefined;
  const search = isSearch ? { match, with: partner, goOn: whileHere(caller) } : undefined;
  const messages = await caller.services.history.newest(name, limit, { after, before }, search);
  return { to, messages: isRoom(to) ? await withRemoved(caller, to, messages) : messages };
}

function whyNotLookUp(caller: Caller, request: RequestOf<"history">): Refusal | undefined {
  const { to, after, before, match, with: partner } = request;
  if (isRoom(to) && !caller.services.rooms.has(caller, to)) return { code: "not_in_room" };
  if (to !== "@" && partner !== undefined)
    return { code: "bad_request", text: "Only of the inbox, @, one can ask what was written with somebody." };
  if (to === "*" && (match === undefined || wordsOf(match).length === 0 || after !== undefined || before !== undefined))
    return {
      code: "bad_request",
      text: "Everything, *, can only be searched: with a match that has a word, and without after and before.",
    };
  if (match !== undefined && wordsOf(match).length > LIMITS.words)
    return { code: "bad_request", text: `A search takes at most ${LIMITS.words} words. Nothing was looked for.` };
  return undefined;
}

/** The newest messages that have all these words, by the server's clock, oldest first, in the inbox and in the rooms that this account
 *  is in or follows, on whatever device: one conversation after the other. */
async function findEverywhere(caller: Caller, match: string, limit: number): Promise<Message[]> {
  const { user } = caller;
  const { history, house, rooms } = caller.services;
  const followed = [...(await history.positions(user)).keys()].filter(isRoom);
  const readable = [...new Set([...rooms.roomsOf(caller), ...followed])].filter((room) => house.mayEnter(user, room));
  const max = Math.min(limit, LIMITS.page);
  let found: Message[] = [];
  for (const name of [inboxOf(user), ...readable]) {
    const here = await history.newest(name, max, {}, { match, goOn: whileHere(caller) });
    found = [...found, ...here.reverse()].sort((one, other) => other.at - one.at).slice(0, max);
  }
  return firstPage(found).reverse();
}

/** Hosts read what removed messages of a room said, as long as it is kept. */
async function withRemoved({ services, user }: Caller, room: string, messages: Message[]): Promise<Message[]> {
  const [first, last] = [messages[0], messages.at(-1)];
  if (first === undefined || last === undefined || !services.house.isHost(user)) return messages;
  if (messages.every(({ removed }) => removed === undefined)) return messages;
  const texts = await services.history.removed(room, first.seq, last.seq);
  return messages.map((message) => {
    const was = texts.get(message.seq);
    return was === undefined ? message : { ...message, was };
  });
}

export async function onPeople(caller: Caller): Promise<Answer> {
  const { history } = caller.services;
  return { people: await history.partners(caller.user, LIMITS.people, { goOn: whileHere(caller) }) };
}

export async function onWho(caller: Caller, { to }: RequestOf<"who">): Promise<Answer> {
  const { user, services } = caller;
  const { house, rooms, users } = services;
  const refusal = to === undefined ? undefined : house.whyNoEntry(user, to);
  if (refusal !== undefined) return refusal;
  const isHost = house.isHost(user);
  const away = to !== undefined && (isHost || rooms.has(caller, to)) ? await awayFrom(caller, to) : undefined;
  return {
    ...(to !== undefined && { to }),
    users: rooms.who(to, user),
    ...(away !== undefined && { away }),
    hosts: users.accounts.hosts(),
    ...(to !== undefined && house.hasDoor(to) && { members: house.membersOf(to) }),
    ...(isHost && { muted: house.who("mute"), banned: house.who("ban") }),
  };
}

/** Who follows a room and is not in it now, sorted, as many as one answer names. */
async function awayFrom({ services, user }: Caller, room: string): Promise<string[]> {
  const { history, house, rooms, users } = services;
  const here = new Set(rooms.who(room, user));
  const isAway = (name: string) => !here.has(name) && users.accounts.mayExist(name) && house.mayEnter(name, room);
  return history.followers(room, LIMITS.people, isAway);
}

export function onRooms({ services, user }: Caller): Answer {
  return { rooms: services.rooms.list().filter(({ to }) => services.house.mayEnter(user, to)) };
}
