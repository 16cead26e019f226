// protocol.ts: the wire. Limits, frames in and out, refusals, decode and encode, names and text.
// Knows nothing of sockets, files, passwords or Bun: the browser page runs this very file. Called by everybody.

/** Limits of the wire, which every client may rely on. */
export const LIMITS = {
  lineBeforeSignIn: 4 * 1024, // bytes; enough for a name, a password and some air, little for a stranger to make us hold
  line: 64 * 1024, // bytes; 4,000 characters, each escaped as 12 bytes, fit
  name: 32, // characters
  room: 48, // characters after the #
  id: 64, // printable ASCII characters
  password: { min: 8, max: 256 }, // code points after NFC
  backlog: 50, // messages a `join` without `since` gets, and `history` without `limit`
  page: 200, // messages at most in one `history` answer
  pageBytes: 256 * 1024, // characters at most in one page, so that an answer stays a small multiple of a line
  inbox: 10_000, // direct messages that wait unconfirmed before the inbox refuses more
  rooms: 100, // rooms one connection may be in
  silence: 75, // seconds without a frame after which a JSON session is gone
} as const;

/** Characters (code points) of one message; the rest is cut off and the cut is told. */
export const MAX_MESSAGE_LENGTH = 4_000;
export const LOBBY = "#lobby";

// ---- frames -------------------------------------------------------------------------------------------------------

/** The fields of every request. `room` is folded and checked here, `text` and `count` are checked by shape only. */
const FIELDS = {
  register: { user: "text", password: "text" },
  login: { user: "text", password: "text?", token: "text?", since: "count?" },
  join: { to: "room", since: "count?" },
  leave: { to: "room" },
  say: { to: "person or room", text: "text" },
  who: { to: "room?" },
  rooms: {},
  history: {
    to: "inbox or room",
    before: "count?",
    limit: "count?",
    match: "text?",
  },
  seen: { seq: "count" },
  ping: {},
  exit: {},
} as const;

export type Verb = keyof typeof FIELDS;
type Kind = "text" | "count" | "room" | "person or room" | "inbox or room";
type Value<K> = K extends `count${string}` ? number : string;
type Fields<F> = {
  [K in keyof F as F[K] extends `${string}?` ? never : K]: Value<F[K]>;
} & {
  [K in keyof F as F[K] extends `${string}?` ? K : never]?: Value<F[K]>;
};
/** A request of one verb, as `decode` lets it in: every field present has its type, rooms are folded. */
export type Ask<V extends Verb> = { type: V; id?: string } & Fields<(typeof FIELDS)[V]>;
/** What a client may say to the server. */
export type Request = { [V in Verb]: Ask<V> }[Verb];

/** A stored message. `to` is a room, or for a direct message its recipient; `seq` is its place in the conversation. */
export interface Message {
  type: "message";
  to: string;
  seq: number;
  from: string;
  id: string;
  at: number; // ms since 1970, UTC; shown, never used for order
  text: string;
  cut?: number; // characters that were cut off
}
export interface Ok {
  type: "ok";
  id?: string;
  user?: string;
  token?: string;
  to?: string;
  seq?: number;
  users?: string[];
  rooms?: { to: string; users: number }[];
  messages?: Message[];
  reset?: true;
}
export interface Failure {
  type: "error";
  id?: string;
  code: ErrorCode;
  text: string;
  after?: number; // seconds to wait, where waiting helps
}
/** `to` is a room, or "*" for the whole server. */
export interface Presence {
  type: "joined" | "left";
  to: string;
  users: string[];
}
/** What the server may say to a client. */
export type Event = Ok | Failure | Message | Presence | { type: "notice"; text: string } | { type: "ping" };

// ---- refusals -----------------------------------------------------------------------------------------------------

/** The closed table of refusals: code and sentence together. */
export const ERRORS = {
  bad_request:
    "Cannot read that line: it is not a JSON object with a known type and that type's fields. Nothing was done.",
  line_too_long:
    "That line is too long (4 KiB fit before sign-in, 64 KiB after), so this connection closes. Send shorter lines.",
  not_signed_in: "Sign in first: login NAME PASSWORD, or register NAME PASSWORD. Nothing was sent.",
  already_signed_in: "This connection is signed in already. Connect once more to use another account.",
  bad_name:
    "Names are 2 to 32 letters a-z, digits, dots, dashes or underscores, starting with a letter or digit, for example zoe-k.",
  bad_password: "A password needs 8 to 256 characters. Choose another.",
  name_taken: "That name is taken. Choose another, or sign in if it is yours.",
  bad_login: "No account matches that name and password. Check both and try again.",
  throttled: "Too many failed tries from this address. Wait, then try again; other people are not affected.",
  busy: "Many people are signing in just now. Try again in a few seconds.",
  unknown_user: "There is no account with that name. Nothing was sent.",
  bad_room: "Room names are # and 1 to 48 letters a-z, digits, dots, dashes or underscores, for example #lab.",
  not_in_room: "You are not in that room. Join it first.",
  empty_text: "There is no text in that message. Nothing was sent.",
  id_reused: "That id already belongs to another message. Nothing was sent; choose a new id.",
  inbox_full: "That inbox is full, so this message was not kept. Tell them another way.",
  too_many: "That is one more than the server allows. Leave a room or close a connection first.",
  server_full: "The server has no room for another connection. Try again later.",
  unavailable: "The server cannot store messages right now. This one was not sent; try again in a moment.",
  internal: "Something went wrong in the server. Stored messages are safe; connect again.",
} as const;
export type ErrorCode = keyof typeof ERRORS;

/** A request that was not granted: a value, never an exception. `text` replaces the code's own sentence. */
export interface Refusal {
  code: ErrorCode;
  id?: string;
  text?: string;
  after?: number;
}
export function isRefusal(value: object | undefined | void): value is Refusal {
  return value !== undefined && "code" in value;
}

export function failure(refusal: Refusal, id = refusal.id): Failure {
  return {
    type: "error",
    ...(id !== undefined && { id }),
    code: refusal.code,
    text: refusal.text ?? ERRORS[refusal.code],
    ...(refusal.after !== undefined && { after: refusal.after }),
  };
}

// ---- decode and encode --------------------------------------------------------------------------------------------

const ID = /^[\x21-\x7e]{1,64}$/;

/** The only door in: one line of a JSON session (`null`: it was not UTF-8) to a request whose fields can be trusted.
 *  Refuses with `bad_request`, or `bad_room` or `unknown_user` for an address that nobody can have. */
export function decode(line: string | null): Request | Refusal {
  if (line === null)
    return {
      code: "bad_request",
      text: "That line is not valid UTF-8. Nothing was done.",
    };
  let frame: Record<string, unknown>;
  try {
    frame = JSON.parse(line);
  } catch {
    return { code: "bad_request" };
  }
  if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return { code: "bad_request" };
  const { id, type } = frame;
  if (id !== undefined && (typeof id !== "string" || !ID.test(id)))
    return {
      code: "bad_request",
      text: "An id is a string of 1 to 64 printable ASCII characters. Nothing was done.",
    };
  const label = id === undefined ? {} : { id };
  if (typeof type !== "string" || !Object.hasOwn(FIELDS, type)) return { code: "bad_request", ...label };
  const fields: Record<string, string> = FIELDS[type as Verb];
  const request: Record<string, unknown> = { type, ...label };
  for (const name in fields) {
    const kind = fields[name]!;
    const optional = kind.endsWith("?");
    const value = frame[name];
    if (optional && (value === undefined || value === null)) continue;
    const checked = check((optional ? kind.slice(0, -1) : kind) as Kind, name, value);
    if (typeof checked === "object") return { ...checked, ...label };
    request[name] = checked;
  }
  return request as Request;
}

function check(kind: Kind, name: string, value: unknown): string | number | Refusal {
  if (kind === "count") {
    if (isCount(value)) return value;
    return {
      code: "bad_request",
      text: `The field "${name}" must be a whole number, 0 or more. Nothing was done.`,
    };
  }
  if (typeof value !== "string")
    return {
      code: "bad_request",
      text: `The field "${name}" must be a string. Nothing was done.`,
    };
  if (kind === "text") return value;
  if (kind === "inbox or room" && value === "@") return value;
  if (kind === "person or room" && !value.startsWith("#")) return foldName(value) ?? { code: "unknown_user" };
  return foldRoom(value) ?? { code: "bad_room" };
}

/** The only door out: one frame to one line, LF included. */
export function encode(frame: Event | Request): string {
  return JSON.stringify(frame) + "\n";
}

/** A client's door in: one line of a server to an event, `undefined` for whatever is not one. Trusts no server: fields
 *  are checked, names that nobody can have are refused and every text is made safe to show. */
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
      if (typeof code !== "string" || !Object.hasOwn(ERRORS, code) || typeof text !== "string") return undefined;
      return failure({
        ...label,
        code: code as ErrorCode,
        text: sanitizeMessage(text),
        ...(isCount(after) && { after }),
      });
    case "joined":
    case "left": {
      const { to, users } = frame;
      return (to === "*" || isRoom(to)) && isNames(users) ? { type, to, users } : undefined;
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
  if (!(isRoom(to) || isName(to)) || !isName(from) || !isCount(seq) || !isCount(at)) return undefined;
  if (typeof id !== "string" || !ID.test(id) || typeof text !== "string") return undefined;
  const message: Message = { type: "message", to, seq, from, id, at, text: sanitizeMessage(text) };
  return isCount(cut) ? { ...message, cut } : message;
}

function okFields({ user, token, to, seq, users, rooms, messages, reset }: Record<string, unknown>): Omit<Ok, "type"> {
  const isSize = (room: unknown): room is { to: string; users: number } =>
    typeof room === "object" &&
    room !== null &&
    "to" in room &&
    isRoom(room.to) &&
    "users" in room &&
    isCount(room.users);
  return {
    ...(isName(user) && { user }),
    ...(typeof token === "string" && /^[\w.-]{1,100}$/.test(token) && { token }),
    ...((to === "@" || isRoom(to)) && { to }),
    ...(isCount(seq) && { seq }),
    ...(isNames(users) && { users }),
    ...(Array.isArray(rooms) && { rooms: rooms.filter(isSize) }),
    ...(Array.isArray(messages) && { messages: messages.flatMap((one) => toMessage(Object(one)) ?? []) }),
    ...(reset === true && { reset }),
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
function isName(value: unknown): value is string {
  return typeof value === "string" && foldName(value) === value;
}
function isRoom(value: unknown): value is string {
  return typeof value === "string" && foldRoom(value) === value;
}
function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isName);
}

// ---- names and text -----------------------------------------------------------------------------------------------

const NAME = /^[a-z0-9][a-z0-9._-]{1,31}$/i;
const ROOM = /^#[a-z0-9._-]{1,48}$/i;

/** The one spelling of an account's name, or `undefined` if nobody can be called that. ASCII only, so nothing looks like it. */
export function foldName(name: string): string | undefined {
  return NAME.test(name) ? name.toLowerCase() : undefined;
}
/** The one spelling of a room's name, "#" included, or `undefined`. */
export function foldRoom(room: string): string | undefined {
  return ROOM.test(room) ? room.toLowerCase() : undefined;
}

/** The conversation that holds an account's direct messages. */
export function inboxOf(account: string): string {
  return "@" + account;
}
/** The conversation whose copy of a message answers its sender: the room, or the sender's own inbox. */
export function answeredIn({ to, from }: { to: string; from: string }): string {
  return to.startsWith("#") ? to : inboxOf(from);
}

// C0 without tab and newline, DEL, C1; bidi embeddings, overrides and isolates (Unicode TR36, CVE-2021-42574); lone surrogates.
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u;
const EVERY_UNSAFE = new RegExp(UNSAFE, "gu");

/** Text without the characters that could drive a terminal or reorder a line. Everything else stays byte for byte. */
export function sanitizeMessage(text: string): string {
  return UNSAFE.test(text) ? text.replace(EVERY_UNSAFE, "") : text;
}

/** Text cut to `max` code points, between two graphemes, and how many code points were cut (0: the text as it was).
 *  One grapheme longer than `max` is cut inside, so that something of the text always stays. */
export function truncateMessage(text: string, max: number = MAX_MESSAGE_LENGTH): { text: string; cut: number } {
  if (text.length <= max) return { text, cut: 0 };
  const points = [...text];
  if (points.length <= max) return { text, cut: 0 };
  const fits = points.slice(0, max).join("").length;
  const boundary = new Intl.Segmenter().segment(text).containing(fits)?.index ?? fits;
  const kept = text.slice(0, boundary || fits);
  return { text: kept, cut: points.length - [...kept].length };
}
