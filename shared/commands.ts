// commands.ts: what people type: the one table of commands, from a typed line to a request. Text sessions, the terminal
// client and the browser page all read it. Decides nothing about who may do what.

import { LIMITS } from "../protocol.ts";
import type { Command, Place, Typed } from "./arguments.ts";
import { cutWord, inRoom, usage, withPerson } from "./arguments.ts";
import { HOST_COMMANDS, REMOVE } from "./hostcommands.ts";
import { isRoom, LOBBY } from "./names.ts";
import { nearest } from "./nearest.ts";
import { sanitizeMessage } from "./text.ts";

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
    names: ["msg", "pm", "dm", "w", "query"],
    exact: true,
    usage: "NAME TEXT",
    help: "for NAME alone, here or away",
    read: (rest) => {
      const { word: name, rest: text } = cutWord(rest.trimStart(), true);
      if (name === "") return usage(NEEDS_TEXT);
      return text.trim() === "" ? withPerson(name, (to) => ({ type: "open", to })) : direct(name, text);
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
    names: ["names"],
    usage: "[ROOM]",
    help: "who is in this room, or in that one",
    read: (rest, { room }) => {
      if (rest === "" && !isRoom(room)) return usage("/names is for rooms: /names lab. /who shows who is here at all.");
      return inRoom(rest || room, (to) => ({ type: "who", to }));
    },
  },
  {
    names: ["me"],
    exact: true,
    usage: "TEXT",
    help: "say what you do: /me waves",
    read: (rest, { room }) =>
      rest.trim() === "" ? usage("/me needs a text: /me waves.") : { type: "say", to: room, text: `/me ${rest}` },
  },
  {
    names: ["people"],
    usage: "",
    help: "whom you wrote with, the last ones first",
    read: () => ({ type: "people" }),
  },
  {
    names: ["rooms"],
    usage: "",
    help: "the rooms and how many are in them",
    read: () => ({ type: "rooms" }),
  },
  {
    names: ["join", "j"],
    usage: "ROOM",
    help: "enter a room, new or old, and talk there",
    read: (rest) =>
      rest === "" ? usage("/join needs a room: /join lab.") : inRoom(rest, (to) => ({ type: "join", to })),
  },
  {
    names: ["leave", "part"],
    usage: "[ROOM]",
    help: "leave this room, or that one, for the lobby",
    read: (rest, { room }) => {
      const leave = (to: string): Typed =>
        to === LOBBY ? usage("You are in the lobby, which nobody leaves. /exit ends.") : { type: "leave", to };
      if (rest === "") return leave(room);
      return rest.startsWith("@") ? withPerson(rest, leave) : inRoom(rest, leave);
    },
  },
  {
    names: ["history"],
    usage: "[NAME] [N]",
    help: `the last N messages here, or with NAME (${LIMITS.backlog}; ${LIMITS.page} at most)`,
    read: (rest, { room }) => {
      const words = rest.split(/\s+/).filter(Boolean);
      const limit = /^[1-9]\d{0,5}$/.test(words.at(-1) ?? "") ? { limit: Number(words.pop()) } : {};
      if (words.length > 1 || /^\d+$/.test(words[0] ?? ""))
        return usage("/history takes a name, a number of messages, or both: /history bob 20.");
      const [name] = words;
      if (name === undefined) return { type: "history", ...conversation(room), ...limit };
      if (name === "@") return { type: "history", to: "@", ...limit };
      return withPerson(name, (user) => ({ type: "history", ...conversation(user), ...limit }));
    },
  },
  {
    names: ["search"],
    usage: "WORDS",
    help: "the last messages here with all these words",
    read: (rest, { room }) =>
      rest === ""
        ? usage("/search needs the words to look for.")
        : { type: "history", ...conversation(room), match: rest },
  },
  {
    names: ["searchall"],
    usage: "WORDS",
    help: "the same in all your rooms and private messages",
    read: (rest) =>
      rest === "" ? usage("/searchall needs the words to look for.") : { type: "history", to: "*", match: rest },
  },
  {
    names: ["ignore"],
    usage: "[NAME]",
    help: "show nothing that NAME says; or tell whom you ignore",
    read: (rest, place) => (rest === "" ? { type: "ignore", isOn: true } : ignore(rest, true, place)),
  },
  {
    names: ["unignore"],
    usage: "NAME",
    help: "show it again",
    read: (rest, place) =>
      rest === ""
        ? usage("/unignore needs a name: /unignore bob. /ignore lists whom you ignore.")
        : ignore(rest, false, place),
  },
  {
    names: ["clear"],
    usage: "",
    help: "an empty screen; what was on it is above",
    read: () => ({ type: "clear" }),
  },
  REMOVE,
  ...HOST_COMMANDS,
  {
    names: ["host"],
    usage: "CODE",
    help: "be the first host, by the server's code",
    read: (rest) =>
      rest === ""
        ? usage("/host needs the code that the server showed when it started: /host 4821-9037.")
        : { type: "claim", code: rest },
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

const NEEDS_TEXT = "/msg needs a name and a text: /msg bob hello. /history bob shows what you wrote with bob.";

/** What is said to whoever types this where it cannot be done: where there is one stream of lines, and nothing is remembered. */
export const NOT_HERE = {
  open: NEEDS_TEXT,
  ignore: "Here everything is shown. /ignore is for the terminal client and the page, which remember whom you ignore.",
  clear: "/clear is for the terminal client.",
} as const;

const BY_NAME = new Map(COMMANDS.flatMap((command) => command.names.map((name) => [name, command])));

/** A typed line to the request it stands for, to something local, or to a refusal; `undefined` for an empty line.
 *  Signed in, a plain line is said in the current room, `/word` is a command and `//x` says "/x". An unknown command is
 *  refused and never sent: a mistyped `/lgoin` must not show a password to a room (profanity-im/profanity#390). */
export function parseCommand(line: string, place: Place): Typed | undefined {
  const text = line.trimEnd();
  if (text === "") return undefined;
  if (text === "!exit") return { type: "exit" };
  const signedIn = !!place.user;
  if (signedIn && (!text.startsWith("/") || text.startsWith("//")))
    return { type: "say", to: place.room, text: text.startsWith("//") ? line.slice(1) : line };
  const { word: first, rest } = cutWord(line.trimStart(), true);
  const word = first.startsWith("/") || first.startsWith("!") ? first.slice(1) : first;
  const command = BY_NAME.get(word.toLowerCase());
  if (command && (command.when === "any time" || (command.when === "signed out") !== signedIn))
    return command.read(command.exact ? rest : rest.trim(), place);
  if (!signedIn) return { code: "not_signed_in" };
  if (command) return { code: "already_signed_in" };
  // Where the nearest command is one that only works signed out, such as /login, there is nothing to suggest.
  const near = nearest(word.toLowerCase(), [...BY_NAME.keys()]);
  const isUseful = near !== undefined && BY_NAME.get(near)!.when !== "signed out";
  const hint = isUseful ? `Did you mean /${near}?` : "/help lists the commands.";
  return usage(`Unknown command /${sanitizeMessage(word).slice(0, 20)}. ${hint} Nothing was sent.`);
}

/** Whether a typed line holds a password or a code: it is shown no longer than it takes to type it. */
export function isSecret(text: string): boolean {
  return /^\/(?:login|register|host)/i.test(text);
}

/** The commands as lines of text, for one who is signed in or not, and is a host or not. */
export function help(signedIn: boolean, isHost = false): string[] {
  const listed = COMMANDS.filter(
    ({ when, forHosts }) =>
      (isHost || forHosts === undefined) && (when === "any time" || (when === "signed out") !== signedIn),
  );
  const heads = listed.map(({ names, usage }) => `/${names[0]}${usage && " " + usage}`);
  const width = Math.max(...heads.map((head) => head.length));
  return listed.map(({ names, help }, i) => {
    const also = names.slice(1).map((name) => `/${name}`);
    return `${heads[i]!.padEnd(width)}  ${help}${also.length ? ` (also ${also.join(", ")})` : ""}`;
  });
}

function credentials(type: "register" | "login", rest: string): Typed {
  const { word: user, rest: password } = cutWord(rest.trimStart());
  return password.trim() === "" ? usage(`Type: ${type} NAME PASSWORD`) : { type, user, password };
}
function ignore(name: string, isOn: boolean, { user }: Place): Typed {
  return withPerson(name, (one) =>
    one === user ? usage("What you say yourself is always shown.") : { type: "ignore", user: one, isOn },
  );
}
function direct(name: string, text: string): Typed {
  return withPerson(name, (to) => ({ type: "say", to, text }));
}
/** What `history` calls a room, or what was written with a person. */
function conversation(room: string): { to: string; with?: string } {
  return isRoom(room) ? { to: room } : { to: "@", with: room };
}
