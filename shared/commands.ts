// commands.ts: what people type and what they read. The one table of commands, from a typed line to a request, and the
// one renderer, from an event to lines of text. Decides nothing about who may do what and touches no socket.
// Called by session.ts for text sessions, by the terminal client and by the browser page, which all speak it alike.

import type { Event, Message, Ok, Refusal, Request } from "../protocol.ts";
import { foldName, foldRoom, LIMITS, LOBBY, sanitizeMessage } from "../protocol.ts";

/** Where a typed line is read: who types (nobody before sign-in), the current room, who wrote to them last. */
export interface Place {
  user?: string | undefined;
  room: string;
  partner?: string | undefined;
}
/** What a typed line asks of the reader's own side instead of the server. */
export type Local = { type: "help" };
type Typed = Request | Refusal | Local;

interface Command {
  names: readonly [string, ...string[]];
  usage: string;
  help: string;
  when?: "signed out" | "any time"; // default: signed in
  exact?: true; // its last argument is taken as typed, spaces at its end included
  read: (rest: string, place: Place) => Typed;
}

/** Every command there is: text sessions, the terminal client and the page all read this table. */
export const COMMANDS: readonly Command[] = [
  {
    names: ["register"],
    exact: true,
    usage: "NAME PASSWORD",
    help: "create an account",
    when: "signed out",
    read: (rest) => credentials("register", rest),
  },
  {
    names: ["login"],
    exact: true,
    usage: "NAME PASSWORD",
    help: "sign in",
    when: "signed out",
    read: (rest) => credentials("login", rest),
  },
  {
    names: ["msg", "pm", "dm"],
    exact: true,
    usage: "NAME TEXT",
    help: "a private message, also to someone who is away",
    read: (rest) => {
      const [name, text] = cutWord(rest);
      return text.trim() === "" ? usage("/msg needs a name and a text: /msg bob hello.") : direct(name, text);
    },
  },
  {
    names: ["reply", "r"],
    exact: true,
    usage: "TEXT",
    help: "answer the last private message",
    read: (rest, { partner }) => {
      if (partner === undefined) return usage("Nobody has written to you yet. Use /msg NAME TEXT.");
      return rest.trim() === "" ? usage("/reply needs a text: /reply hello.") : direct(partner, rest);
    },
  },
  {
    names: ["who", "list"],
    usage: "[ROOM]",
    help: "who is here, or in that room",
    read: (rest) => (rest === "" ? { type: "who" } : inRoom(rest, (to) => ({ type: "who", to }))),
  },
  {
    names: ["rooms"],
    usage: "",
    help: "the rooms and how many are in them",
    read: () => ({ type: "rooms" }),
  },
  {
    names: ["join"],
    usage: "ROOM",
    help: "enter a room, new or old, and talk there",
    read: (rest) =>
      rest === "" ? usage("/join needs a room: /join lab.") : inRoom(rest, (to) => ({ type: "join", to })),
  },
  {
    names: ["leave", "part"],
    usage: "",
    help: "leave this room, back to the lobby",
    read: (_, { room }) =>
      room === LOBBY ? usage("You are in the lobby, which nobody leaves. /exit ends.") : { type: "leave", to: room },
  },
  {
    names: ["history"],
    usage: "[N]",
    help: `the last N messages here (${LIMITS.backlog}; ${LIMITS.page} at most)`,
    read: (rest, { room }) => {
      if (rest === "") return { type: "history", to: room };
      return /^[1-9]\d{0,5}$/.test(rest)
        ? { type: "history", to: room, limit: Number(rest) }
        : usage("/history takes a number of messages: /history 20.");
    },
  },
  {
    names: ["search"],
    usage: "WORDS",
    help: "the last messages here that contain these words",
    read: (rest, { room }) =>
      rest === "" ? usage("/search needs the words to look for.") : { type: "history", to: room, match: rest },
  },
  {
    names: ["help"],
    usage: "",
    help: "this list",
    when: "any time",
    read: () => ({ type: "help" }),
  },
  {
    names: ["exit", "quit"],
    usage: "",
    help: "leave (so does !exit)",
    when: "any time",
    read: () => ({ type: "exit" }),
  },
];

/** A typed line to the request it stands for, to something local, or to a refusal; `undefined` for an empty line.
 *  Signed in, a plain line is said in the current room, `/word` is a command and `//x` says "/x". An unknown command is
 *  refused and never sent: a mistyped `/lgoin` must not show a password to a room (profanity-im/profanity#390). */
export function parseCommand(line: string, place: Place): Typed | undefined {
  const text = line.trimEnd();
  if (text.trim() === "") return undefined;
  if (text === "!exit") return { type: "exit" };
  const signedIn = place.user !== undefined;
  if (signedIn && (!text.startsWith("/") || text.startsWith("//")))
    return { type: "say", to: place.room, text: text.startsWith("//") ? line.slice(1) : line };
  const [word, rest] = cutWord(line.trimStart().replace(/^[/!]/, ""));
  const command = COMMANDS.find(({ names }) => names.includes(word.toLowerCase()));
  if (command && (command.when === "any time" || (command.when === "signed out") !== signedIn))
    return command.read(command.exact ? rest : rest.trimEnd(), place);
  if (!signedIn) return { code: "not_signed_in" };
  if (command) return { code: "already_signed_in" };
  // A mistyped /login is near /join as well, and of no use by now.
  const every = COMMANDS.flatMap(({ names }) => names);
  const near = nearest(word.toLowerCase(), every);
  const useless = COMMANDS.some(({ names, when }) => when === "signed out" && names.includes(near ?? ""));
  const hint = near === undefined || useless ? "/help lists the commands." : `Did you mean /${near}?`;
  return usage(`Unknown command /${sanitizeMessage(word).slice(0, 20)}. ${hint} Nothing was sent.`);
}

/** The commands as lines of text, for one who is signed in or not. */
export function help(signedIn: boolean): string[] {
  const listed = COMMANDS.filter(({ when }) => when === "any time" || (when === "signed out") !== signedIn);
  const heads = listed.map(({ names, usage }) => `/${names[0]}${usage && " " + usage}`);
  const width = Math.max(...heads.map((head) => head.length));
  return listed.map(({ names, help }, i) => {
    const also = names.slice(1).map((name) => `/${name}`);
    return `${heads[i]!.padEnd(width)}  ${help}${also.length ? ` (also ${also.join(", ")})` : ""}`;
  });
}

function usage(text: string): Refusal {
  return { code: "bad_request", text };
}
function cutWord(text: string): [word: string, rest: string] {
  const [, word = "", rest = ""] = /^(\S*)\s*([\s\S]*)$/.exec(text) ?? [];
  return [word, rest];
}
function credentials(type: "register" | "login", rest: string): Typed {
  const [user, password] = cutWord(rest);
  return password.trim() === "" ? usage(`Type: ${type} NAME PASSWORD`) : { type, user, password };
}
function direct(name: string, text: string): Typed {
  const to = foldName(name.replace(/^@/, ""));
  return to === undefined ? { code: "unknown_user" } : { type: "say", to, text };
}
function inRoom(room: string, make: (to: string) => Request): Typed {
  const to = foldRoom(room.startsWith("#") ? room : "#" + room);
  return to === undefined ? { code: "bad_room" } : make(to);
}

/** The one of `all` at most two edits away (Damerau-Levenshtein, adjacent letters swapped count as one), or `undefined`. */
export function nearest(word: string, all: readonly string[]): string | undefined {
  const ranked = all.map((name) => ({ name, edits: edits(word, name) })).sort((a, b) => a.edits - b.edits);
  return word.length > 1 && word.length < 20 && ranked[0]!.edits <= 2 ? ranked[0]!.name : undefined;
}
function edits(a: string, b: string): number {
  const row = (i: number) => Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0));
  const table = Array.from({ length: a.length + 1 }, (_, i) => row(i));
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? table[i - 2]![j - 2]! + 1 : Infinity;
      const change = table[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      table[i]![j] = Math.min(table[i - 1]![j]! + 1, table[i]![j - 1]! + 1, change, swap);
    }
  return table[a.length]![b.length]!;
}

// ---- render -------------------------------------------------------------------------------------------------------

/** Who reads: their name, the request that an `ok` answers, and whether messages are old and should say when they were sent. */
export interface Viewer {
  user?: string | undefined;
  asked?: Request;
  late?: boolean;
}

/** An event as the lines a person reads: `alice: hi`, `alice (in lab): hi`, `[pm] bob: hi`, `* bob has joined lab`.
 *  A message's further lines are indented, so that nobody can type a line that looks like another's. */
export function render(event: Event, viewer: Viewer): string[] {
  switch (event.type) {
    case "message":
      return renderMessage(event, viewer.user, viewer.late ? ` (${when(event.at)})` : "");
    case "joined":
    case "left": {
      if (event.to === LOBBY) return [];
      const place = event.to === "*" ? "the chat" : bare(event.to);
      return event.users.filter((user) => user !== viewer.user).map((user) => `* ${user} has ${event.type} ${place}`);
    }
    case "ok":
      return renderOk(event, viewer);
    case "error": {
      const wait = event.after === undefined ? "" : ` (${event.after} s)`;
      return [`* ${event.text}${wait}`];
    }
    case "notice":
      return [`* ${event.text}`];
    case "ping":
      return [];
  }
}

function renderMessage({ to, from, text, cut }: Message, user: string | undefined, time: string): string[] {
  const [first, ...more] = text.split("\n");
  const where = to.startsWith("#") && to !== LOBBY ? ` (in ${bare(to)})` : "";
  const kind = to.startsWith("#") ? "" : from === user && to !== user ? `[pm to ${to}] ` : "[pm] ";
  const tail = cut === undefined ? [] : [`  (${cut} more characters were cut off)`];
  return [`${kind}${from}${where}${time}: ${first}`, ...more.map((line) => `  ${line}`), ...tail];
}

function renderOk(event: Ok, { user, asked }: Viewer): string[] {
  const others = (event.users ?? []).filter((name) => name !== user);
  switch (asked?.type) {
    case "register":
    case "login":
      return [`* Welcome, ${event.user}. Type a line and press Enter; /help lists the commands, /exit leaves.`];
    case "join":
      return [`* You are in ${bare(asked.to)}, ${others.length ? `with ${others.join(", ")}` : "alone so far"}.`];
    case "leave":
      return [`* You left ${bare(asked.to)} and are in ${bare(LOBBY)}.`];
    case "who": {
      const where = asked.to === undefined ? "Here" : `In ${bare(asked.to)}`;
      return [`* ${where}: ${event.users?.length ? event.users.join(", ") : "nobody"}`];
    }
    case "rooms":
      return [`* Rooms: ${(event.rooms ?? []).map(({ to, users }) => `${bare(to)} (${users})`).join(", ")}`];
    case "history":
      if (!event.messages?.length)
        return [asked.match === undefined ? "* Nothing was said here yet." : "* Nothing found."];
      return event.messages.flatMap((message) => {
        const [first, ...more] = renderMessage(message, user, "");
        return [`* ${when(message.at)} ${first}`, ...more];
      });
    case "exit":
      return ["* Goodbye."];
    default:
      return [];
  }
}

function bare(room: string): string {
  return room.slice(1);
}

/** Local time: the hour and minute, with the day unless it is today. */
function when(at: number): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = (d: Date) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const date = new Date(at);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return day(date) === day(new Date()) ? time : `${day(date)} ${time}`;
}
