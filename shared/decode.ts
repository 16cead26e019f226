// decode.ts: from a line to a frame that can be trusted: requests as a server takes them, events as a client takes
// them. Every field is checked here and nowhere else. Decides nothing about who may ask what.

import type { Event, Followed, Message, Ok, Partner, Refusal, Request, RequestOf, Setting, Verb } from "../protocol.ts";
import { foldName, foldRoom, isRoom } from "./names.ts";
import { sanitizeMessage } from "./text.ts";

const ID = /^[\x21-\x7e]{1,64}$/;

/** How a field is checked: "count" is a whole number from 0 on, names of people and rooms are folded to their one
 *  spelling, and with "?" the field may be absent or null. */
type Kind =
  | "text"
  | "count"
  | "person"
  | "room"
  | "person or room"
  | "inbox or room"
  | "inbox, room or all"
  | "person, room or all"
  | "person, room or inbox";
type Fields<V extends Verb> = Omit<RequestOf<V>, "type" | "id">;
/** Every field of every request; one that protocol.ts has and this table has not, or the other way round, does not
 *  compile. */
const FIELDS: { [V in Verb]: { [F in keyof Fields<V>]-?: undefined extends Fields<V>[F] ? `${Kind}?` : Kind } } = {
  register: { user: "text", password: "text" },
  login: { user: "text", password: "text?", token: "text?", since: "count?", epoch: "text?" },
  join: { to: "room", since: "count?" },
  leave: { to: "room" },
  say: { to: "person or room", text: "text" },
  who: { to: "room?" },
  rooms: {},
  history: {
    to: "inbox, room or all",
    after: "count?",
    before: "count?",
    limit: "count?",
    match: "text?",
    with: "person?",
  },
  seen: { to: "inbox or room?", seq: "count" },
  people: {},
  claim: { code: "text" },
  set: { to: "person, room or all", key: "text", value: "text", of: "person?" },
  remove: { to: "person, room or inbox", on: "count?", through: "count?", of: "person?", last: "count?" },
  ping: {},
  exit: {},
};

/** One line of a client (`null`: it was not UTF-8) as a request whose fields can be trusted. Refuses with
 *  `bad_request`, or with `bad_room` or `unknown_user` for an address that nobody can have. */
export function decode(line: string | null): Request | Refusal {
  if (line === null) return { code: "bad_request", text: "That line is not valid UTF-8. Nothing was done." };
  let frame: Record<string, unknown>;
  try {
    frame = JSON.parse(line);
  } catch {
    return { code: "bad_request" };
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return { code: "bad_request" };
  const { id, type } = frame;
  if (id !== undefined && (typeof id !== "string" || !ID.test(id)))
    return { code: "bad_request", text: "An id is a string of 1 to 64 printable ASCII characters. Nothing was done." };
  const label = id === undefined ? {} : { id };
  if (id?.startsWith("~"))
    return { code: "bad_request", ...label, text: "A client's id must not begin with ~. Nothing was done." };
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) return { code: "bad_request", ...label };
  const fields: Record<string, string> = FIELDS[type as Verb];
  const request: Record<string, unknown> = id === undefined ? { type } : { type, id };
  for (const name in fields) {
    const kind = fields[name]!;
    const isOptional = kind.endsWith("?");
    const value = frame[name];
    if (isOptional && (value === undefined || value === null)) continue;
    const checked = check((isOptional ? kind.slice(0, -1) : kind) as Kind, name, value);
    if (typeof checked === "object") return { ...checked, ...label };
    request[name] = checked;
  }
  return request as Request;
}

function check(kind: Kind, name: string, value: unknown): string | number | Refusal {
  const must = (be: string): Refusal => ({
    code: "bad_request",
    text: `The field "${name}" must be ${be}. Nothing was done.`,
  });
  if (kind === "count") return isCount(value) ? value : must("a whole number, 0 or more");
  if (typeof value !== "string") return must("a string");
  if (kind === "text") return value;
  if (value === "@" && kind.includes("inbox")) return value;
  if (value === "*" && kind.includes("all")) return value;
  if (kind.includes("person") && (kind === "person" || !isRoom(value)))
    return foldName(value) ?? { code: "unknown_user" };
  return foldRoom(value) ?? { code: "bad_room" };
}

/** One line of a server as an event, `undefined` for whatever is not one. Trusts no server: fields are checked, names
 *  that nobody can have are refused and every text is made safe to show. */
export function decodeEvent(line: string | null): Event | undefined {
  if (line === null || !line.startsWith("{")) return undefined;
  let frame: Record<string, unknown>;
  try {
    frame = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { type, id, text, code, after } = frame;
  const label = typeof id === "string" && ID.test(id) ? { id } : {};
  switch (type) {
    case "ping":
      return { type };
    case "notice":
      return typeof text === "string" ? { type, text: sanitizeMessage(text) } : undefined;
    case "error":
      if (typeof code !== "string" || !ID.test(code) || typeof text !== "string") return undefined;
      return { type, ...label, code, text: sanitizeMessage(text), ...(isCount(after) && { after }) };
    case "hosts":
      return arePersonNames(frame.users) ? { type, users: frame.users } : undefined;
    case "joined":
    case "left": {
      const { to, users } = frame;
      return (to === "*" || isRoomName(to)) && arePersonNames(users) ? { type, to, users } : undefined;
    }
    case "seen": {
      const { to, seq } = frame;
      return to === "@" || isRoomName(to) ? { type, to, ...(isCount(seq) && { seq }) } : undefined;
    }
    case "message":
      return toMessage(frame);
    case "ok":
      return { type, ...label, ...okFields(frame) };
    default:
      return undefined;
  }
}

function toMessage(frame: Record<string, unknown>): Message | undefined {
  const { to, seq, from, id, at, text, cut } = frame;
  if (!(isRoomName(to) || isPersonName(to)) || !isPersonName(from) || !isCount(seq) || !isCount(at)) return undefined;
  if (typeof id !== "string" || !ID.test(id) || typeof text !== "string") return undefined;
  const message: Message = { type: "message", to, seq, from, id, at, text: sanitizeMessage(text) };
  if (isCount(cut)) message.cut = cut;
  if (frame.host === true) message.host = true;
  if (isPersonName(frame.removed)) message.removed = frame.removed;
  if (typeof frame.was === "string") message.was = sanitizeMessage(frame.was);
  return typeof frame.act === "string" && ID.test(frame.act)
    ? { ...message, act: frame.act, ...aimOf(frame) }
    : message;
}

/** What an act is about. */
function aimOf({ key, value, of, on, through }: Record<string, unknown>): Partial<Message> {
  return {
    ...(typeof key === "string" && ID.test(key) && { key }),
    ...(typeof value === "string" && { value: sanitizeMessage(value) }),
    ...((of === "*" || isPersonName(of)) && { of }),
    ...(isCount(on) && { on }),
    ...(isCount(through) && { through }),
  };
}

function okFields(frame: Record<string, unknown>): Omit<Ok, "type"> {
  const { user, token, to, seq, epoch, seen, follows, users, rooms, messages, people, reset } = frame;
  const { away, hosts, settings, members, muted, banned } = frame;
  return {
    ...(isPersonName(user) && { user }),
    ...(typeof token === "string" && /^[\w.-]{1,100}$/.test(token) && { token }),
    ...((to === "@" || to === "*" || isRoomName(to)) && { to }),
    ...(isCount(seq) && { seq }),
    ...(typeof epoch === "string" && ID.test(epoch) && { epoch }),
    ...(isCount(seen) && { seen }),
    ...(Array.isArray(follows) && { follows: follows.flatMap((one) => toFollowed(Object(one)) ?? []) }),
    ...(arePersonNames(users) && { users }),
    ...(arePersonNames(away) && { away }),
    ...(Array.isArray(rooms) && { rooms: rooms.flatMap((one) => toSize(Object(one)) ?? []) }),
    ...(Array.isArray(messages) && { messages: messages.flatMap((one) => toMessage(Object(one)) ?? []) }),
    ...(Array.isArray(people) && { people: people.flatMap((one) => toPartner(Object(one)) ?? []) }),
    ...(arePersonNames(hosts) && { hosts }),
    ...(Array.isArray(settings) && { settings: settings.flatMap((one) => toSetting(Object(one)) ?? []) }),
    ...(arePersonNames(members) && { members }),
    ...(arePersonNames(muted) && { muted }),
    ...(arePersonNames(banned) && { banned }),
    ...(reset === true && { reset }),
  };
}

function toFollowed({ to, seen, seq }: Record<string, unknown>): Followed | undefined {
  return isRoomName(to) && isCount(seen) && isCount(seq) ? { to, seen, seq } : undefined;
}
function toSize({ to, users }: Record<string, unknown>): { to: string; users: number } | undefined {
  return isRoomName(to) && isCount(users) ? { to, users } : undefined;
}
function toPartner({ user, seq }: Record<string, unknown>): Partner | undefined {
  return isPersonName(user) && isCount(seq) ? { user, seq } : undefined;
}

function toSetting({ key, value, by }: Record<string, unknown>): Setting | undefined {
  if (typeof key !== "string" || !ID.test(key) || typeof value !== "string" || !isPersonName(by)) return undefined;
  return { key, value: sanitizeMessage(value), by };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
function isPersonName(value: unknown): value is string {
  return typeof value === "string" && foldName(value) === value;
}
function isRoomName(value: unknown): value is string {
  return typeof value === "string" && foldRoom(value) === value;
}
function arePersonNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isPersonName);
}
