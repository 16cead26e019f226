// hosting.ts: the verbs of hosts, and of whoever removes what they said themselves: one handler each. Checks what is asked for; whether
// somebody may do it is decided in the pipeline, in its order. A refusal is a returned value.

import type { Message, Refusal, RequestOf } from "../protocol.ts";
import { isRefusal, LIMITS } from "../protocol.ts";
import { setText } from "../shared/acts.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import type { Key } from "../shared/settings.ts";
import { ALL, canBeSetFor, isKey, readValue, SETTINGS, toldIn, valuesOf } from "../shared/settings.ts";
import { sanitizeMessage } from "../shared/text.ts";
import type { RemoveAct } from "./acts.ts";
import type { Answer, Caller } from "./caller.ts";
import { refuseToStore, whileHere } from "./caller.ts";
import { inboxOf } from "./conversations.ts";

export async function onClaim(caller: Caller, { code }: RequestOf<"claim">): Promise<Answer> {
  const { hosts, users } = caller.services;
  return (await hosts.claim(caller, code)) ?? { hosts: users.accounts.hosts() };
}

// ---- set ----

export async function onSet(caller: Caller, request: RequestOf<"set">): Promise<Answer> {
  const { id, to, of, key } = request;
  const { services, user } = caller;
  const now = services.now();
  const value = whatToSet(request, now);
  const refusal = isRefusal(value) ? value : await whyNotSet(caller, request);
  if (refusal !== undefined) return refuseToStore(caller, { id, to: toldIn(to) }, refusal);
  const aim = { to, key: key as Key, value: (value as { value: string }).value, of: to === ALL ? ALL : of };
  const { pipeline } = services;
  const act = {
    ...({ act: "set", key: aim.key, value: aim.value, of: aim.of } as const),
    // Asked when it is stored: somebody may enter until then.
    get members() {
      return key === "door" ? services.rooms.who(to) : undefined;
    },
  };
  const note = key === "ban" && aim.value !== "off" ? services.house.noteOnBans() : undefined;
  const invitation = { to: of!, from: user, text: `You can come into ${to} now: /join ${to.slice(1)}`, by: caller };
  const then = key === "member" && aim.value === "on" ? invitation : undefined;
  const batch = pipeline.post({ to: toldIn(to), from: user, id, text: setText(aim, now), act, by: caller, note, then });
  caller.says.posted(batch, toldIn(to));
  return undefined;
}

/** The value as it is stored. */
function whatToSet({ to, key, value, of }: RequestOf<"set">, now: number): { value: string } | Refusal {
  const wrong = (text: string): Refusal => ({ code: "bad_request", text: `${text} Nothing was done.` });
  if (!isKey(key))
    return wrong(
      `Nothing is called "${sanitizeMessage(key).slice(0, 20)}" that can be set: ${Object.keys(SETTINGS).join(", ")}.`,
    );
  if (!canBeSetFor(key, to))
    return wrong(`"${key}" can be set for ${SETTINGS[key].scopes.join(" or ").replace("all", 'all, "*"')}.`);
  if ((key === "member") !== (of !== undefined)) return wrong(`"of" tells whom "member" is about, and nothing else.`);
  const read = readValue(key, sanitizeMessage(value), now);
  return read === undefined ? wrong(`"${key}" can be ${valuesOf(key)}.`) : { value: read };
}

async function whyNotSet(caller: Caller, { to, key, of }: RequestOf<"set">): Promise<Refusal | undefined> {
  const { rooms, users, house } = caller.services;
  const person = key === "member" ? of! : to;
  if (person !== ALL && !isRoom(person) && (await users.accounts.get(person)) === undefined)
    return { code: "unknown_user" };
  if ((to === ALL || isRoom(to)) && !rooms.has(caller, toldIn(to))) return { code: "not_in_room" };
  if (key === "door" && to === LOBBY)
    return { code: "bad_request", text: "The lobby has no door: everybody is in it. Nothing was done." };
  if (key === "member" && house.isHost(caller.user) && !house.hasDoor(to))
    return { code: "bad_request", text: `${to.slice(1)} has no door: everybody can enter it. Nothing was done.` };
  return undefined;
}

// ---- remove ----

export async function onRemove(caller: Caller, request: RequestOf<"remove">): Promise<Answer> {
  const { id, to } = request;
  const act = isRoom(to) ? await inRoom(caller, request) : await inInbox(caller, request);
  if (isRefusal(act)) return refuseToStore(caller, request, act);
  const { to: address, ...removal } = act;
  const batch = caller.services.pipeline.post({
    to: address,
    from: caller.user,
    id,
    text: "",
    act: removal,
    by: caller,
  });
  caller.says.posted(batch, address);
}

type Removal = RemoveAct & { to: string };

async function inRoom(
  caller: Caller,
  { to, on, through, of, last = 1 }: RequestOf<"remove">,
): Promise<Removal | Refusal> {
  const { rooms } = caller.services;
  if (!rooms.has(caller, to)) return { code: "not_in_room" };
  if (last < 1 || last > LIMITS.removed || (on !== undefined && through !== undefined && through < on))
    return { code: "bad_request", text: `One act removes 1 to ${LIMITS.removed} messages. Nothing was removed.` };
  if (on === undefined) return { to, act: "remove", of: of ?? caller.user, last };
  const message = await messageAt(caller, to, on);
  if (message === undefined) return nothingAt(on);
  return { to, act: "remove", of: of ?? message.from, on, through: through ?? on, last };
}

/** One direct message that the caller wrote. */
async function inInbox(caller: Caller, { to, on, last = 1 }: RequestOf<"remove">): Promise<Removal | Refusal> {
  const { history } = caller.services;
  const { user } = caller;
  if ((to === "@" && on === undefined) || last !== 1)
    return {
      code: "bad_request",
      text: "Private messages are removed one by one, by their place. Nothing was removed.",
    };
  const own = inboxOf(user);
  const message = on === undefined ? await lastTo(caller, to) : await messageAt(caller, own, on);
  if (message === undefined || message.act !== undefined)
    return on === undefined
      ? { code: "bad_request", text: `You wrote nothing to ${to} that could be removed.` }
      : nothingAt(on);
  const { seq, from, to: partner } = message;
  if (from !== user)
    return { code: "not_allowed", text: "You can remove your own messages only. Nothing was removed." };
  const walk = { goOn: whileHere(caller) };
  const theirs = partner === user ? seq : await history.find(inboxOf(partner), user, message.id, walk);
  return { to: partner, act: "remove", of: user, on: seq, through: seq, last, theirs };
}

async function messageAt({ services }: Caller, conversation: string, seq: number): Promise<Message | undefined> {
  const [message] = await services.history.newest(conversation, 1, { after: seq - 1, before: seq + 1 });
  return message;
}
/** The last message that somebody wrote to a person and that is still there. */
async function lastTo(caller: Caller, to: string): Promise<Message | undefined> {
  const { history } = caller.services;
  const walk = { with: to, goOn: whileHere(caller) };
  const messages = await history.newest(inboxOf(caller.user), LIMITS.page, {}, walk);
  return messages.findLast(
    ({ from, act, removed }) => from === caller.user && act === undefined && removed === undefined,
  );
}
function nothingAt(seq: number): Refusal {
  return { code: "bad_request", text: `There is no message ${seq} that could be removed. Nothing was removed.` };
}
