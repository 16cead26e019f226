// protocol.ts: what a client and a server say to each other: limits, requests, events, refusals. A frame is one of these
// objects as JSON on one line. Imports nothing; the browser page runs this very file. How frames that come in are checked
// is in shared/decode.ts.

/** Limits of the wire, which every client may rely on. */
export const LIMITS = {
  lineBeforeSignIn: 4 * 1024, // bytes; enough for a name, a password and some air, little for a stranger to make us hold
  line: 64 * 1024, // bytes; 4,000 characters, each escaped as 12 bytes, fit
  name: 32, // characters
  room: 48, // characters after the #
  id: 64, // printable ASCII characters; one that begins with ~ is the server's
  password: { min: 8, max: 256 }, // code points after NFC
  backlog: 50, // messages a `join` without `since` gets, and `history` without `limit`
  page: 200, // messages at most in one `history` answer
  pageBytes: 256 * 1024, // characters at most in one page, so that an answer stays a small multiple of a line
  words: 50, // that one search looks for; what a message costs it grows with them
  inbox: 10_000, // direct messages that wait unconfirmed before the inbox refuses more
  rooms: 100, // rooms one connection may be in, and one account may follow
  people: 200, // at most in one answer to `people`, and of those who are `away` in one to `who`
  removed: 100, // messages that one act removes
  silence: 75, // seconds without a frame after which a JSON session is gone
} as const;

/** Characters (code points) of one message; the rest is cut off and the cut is told. */
export const MAX_MESSAGE_LENGTH = 4_000;

// ---- requests: client to server ------------------------------------------------------------------------------------

/** What a client may ask. `to` is "#room", a person's name, "@" for one's own inbox, or "*" for the whole server; `seq`, `since`, `before`, `after`, `on`
 *  and `through` are places in a conversation, `epoch` is the history they are places in. A request may carry an `id`, and then its
 *  one answer carries it too. */
export type Request = { id?: string } & (
  | { type: "register"; user: string; password: string }
  | { type: "login"; user: string; password?: string; token?: string; since?: number; epoch?: string }
  | { type: "join"; to: string; since?: number }
  | { type: "leave"; to: string }
  | { type: "say"; to: string; text: string }
  | { type: "who"; to?: string }
  | { type: "rooms" }
  // match: words, all of them; with: of the inbox only what was written with this person; to "*": a match in all that one may read
  | { type: "history"; to: string; after?: number; before?: number; limit?: number; match?: string; with?: string }
  | { type: "seen"; to?: string; seq: number }
  | { type: "people" }
  | { type: "claim"; code: string } // to be the first host, by the code that the server printed
  | { type: "set"; to: string; key: string; value: string; of?: string } // see shared/settings.ts
  // of: whose messages; those from `on` to `through`, or the last ones
  | { type: "remove"; to: string; on?: number; through?: number; of?: string; last?: number }
  | { type: "ping" }
  | { type: "exit" }
);
export type Verb = Request["type"];
/** The request of one verb. */
export type RequestOf<V extends Verb> = Extract<Request, { type: V }>;

// ---- events: server to client --------------------------------------------------------------------------------------

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
  host?: true; // a host said it
  /** What was done, where it is no talk; then `text` says so, for people. A newer server may have more of them. */
  act?: "set" | "remove" | (string & {});
  key?: string; // what was set
  value?: string;
  of?: string; // whom it is about; of `remove` whose messages; "*": it was set for the whole server
  on?: number; // the first message that was removed
  through?: number; // the last one
  removed?: string; // who has removed it; `text` is nothing that was said
  was?: string; // what it said, to hosts only
}
export interface Ok {
  type: "ok";
  id?: string;
  user?: string;
  token?: string;
  to?: string;
  seq?: number;
  epoch?: string; // of the history; another one than before: it was replaced by an older copy
  seen?: number; // how far this account has read there
  follows?: Followed[];
  users?: string[];
  away?: string[]; // who follows the room and is not in it
  rooms?: { to: string; users: number }[];
  messages?: Message[];
  people?: Partner[];
  hosts?: string[];
  settings?: Setting[]; // of the room; at a sign-in of the whole server, and whether one is muted oneself
  members?: string[]; // who may enter the room
  muted?: string[];
  banned?: string[];
  reset?: true;
}
/** What hosts have set: the last value of a key. */
export interface Setting {
  key: string;
  value: string;
  by: string;
}
/** A room that an account has read: how far, and its last message. */
export interface Followed {
  to: string;
  seen: number;
  seq: number;
}
/** Somebody with whom one wrote, and the place of the last message in one's inbox. */
export interface Partner {
  user: string;
  seq: number;
}
export interface Failure {
  type: "error";
  id?: string;
  code: ErrorCode | (string & {}); // a newer server may have more: they are final, too
  text: string;
  after?: number; // seconds to wait, where waiting helps
}
/** `to` is a room, or "*" for the whole server. */
export interface Presence {
  type: "joined" | "left";
  to: string;
  users: string[];
}
/** Another connection of this account has read a room, or the inbox ("@"), up to `seq`; without one it has left the room. */
export interface Seen {
  type: "seen";
  to: string;
  seq?: number;
}
/** Who the hosts are now. */
export interface Hosts {
  type: "hosts";
  users: string[];
}
/** What the server may say to a client. */
export type Event =
  Ok | Failure | Message | Presence | Seen | Hosts | { type: "notice"; text: string } | { type: "ping" };

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
  not_allowed: "Only hosts can do that. Nothing was done.",
  quiet: "You cannot write there now. Nothing was sent.",
  no_entry: "You cannot come in there.",
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
  return value !== undefined && "code" in value && !("type" in value); // a `claim` has a code, too
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

// ---- frames --------------------------------------------------------------------------------------------------------

/** A frame as the line it is sent as, LF included. */
export function encode(frame: Event | Request): string {
  return JSON.stringify(frame) + "\n";
}
