// render.ts: from an event to the lines of text a person reads, in a text session and wherever the clients have no form
// of their own for it. Decides nothing and touches no socket.

import type { Event, Message, Ok, Request } from "../protocol.ts";
import { describe, isAct } from "./acts.ts";
import { isRoom, listNames, LOBBY } from "./names.ts";
import { standing } from "./standing.ts";

/** Who reads: their name, the room they are in now, the request that an `ok` answers, and whether messages are old and should say when
 *  they were sent. */
export interface Viewer {
  user?: string | undefined;
  room?: string | undefined; // without one: the lobby
  asked?: Request | undefined;
  late?: boolean;
}

/** An event as the lines a person reads: `alice: hi`, `alice (in lab): hi`, `[pm] bob: hi`, `* bob has joined lab`. */
export function render(event: Event, viewer: Viewer): string[] {
  switch (event.type) {
    case "message":
      return renderMessage(event, viewer.user, viewer.late ? ` (${when(event.at)})` : "").split("\n");
    case "joined":
    case "left": {
      if (event.to === LOBBY) return [];
      const place = event.to === "*" ? "the chat" : bare(event.to);
      const others = event.users.filter((user) => user !== viewer.user);
      if (others.length === 0) return [];
      return [`* ${listNames(others)} ${others.length > 1 ? "have" : "has"} ${event.type} ${place}`];
    }
    case "ok":
      return renderOk(event, viewer);
    case "error": {
      const isSaid = event.code === "quiet" || event.code === "no_entry"; // in the sentence
      const wait = event.after === undefined || isSaid ? "" : ` (${event.after} s)`;
      return [`* ${event.text}${wait}`];
    }
    case "notice":
      return [`* ${event.text}`];
    case "hosts":
      return [`* ${event.users.length > 0 ? `Hosts here: ${event.users.join(", ")}` : "There is no host here now"}`];
    case "seen":
    case "ping":
      return [];
  }
}

/** A message as a person (`user`) reads it. Its further lines are indented, so that nobody can type a line that looks like another's. */
export function renderMessage(message: Message, user?: string, time = ""): string {
  if (isAct(message)) return `*${time} ${deed(message, user)}`;
  const { to, from, host, cut } = message;
  const where = isRoom(to) && to !== LOBBY ? ` (in ${bare(to)})` : "";
  const kind = isRoom(to) ? "" : from === user && to !== user ? `[pm to ${to}] ` : "[pm] ";
  const tail = cut === undefined ? "" : `\n  (${cut} more ${cut === 1 ? "character was" : "characters were"} cut off)`;
  return `${kind}${host ? "[host] " : ""}${from}${where}${time}: ${textOf(message).replaceAll("\n", "\n  ")}${tail}`;
}

/** What an act did. In a room everybody is sent the same lines, so nobody is "you" there. */
function deed(message: Message, user?: string): string {
  return describe(message, isRoom(message.to) ? undefined : user, when);
}
/** What a message says, or who has removed it. */
function textOf({ text, removed, was }: Message): string {
  if (removed === undefined) return text;
  return `(removed by ${removed}${was === undefined ? "" : `: ${was}`})`;
}

function renderOk(event: Ok, { user, room = LOBBY, asked }: Viewer): string[] {
  const others = (event.users ?? []).filter((name) => name !== user);
  switch (asked?.type) {
    case "register":
    case "login":
      return [
        `* Welcome, ${event.user}. Type a line and press Enter; /help lists the commands, /exit leaves.`,
        ...standingLines(event),
      ];
    case "join": {
      const company = others.length ? `with ${others.join(", ")}` : "alone so far";
      return [`* You are in ${bare(asked.to)}, ${company}.`, ...standingLines(event)];
    }
    case "leave":
      return [`* You left ${bare(asked.to)} and are in ${bare(room)}.`];
    case "who": {
      const where = asked.to === undefined ? "Here" : `In ${bare(asked.to)}`;
      return [
        `* ${where}: ${event.users?.length ? event.users.join(", ") : "nobody"}`,
        ...listed("Away", event.away),
        ...listed("Hosts", event.hosts),
        ...listed("Members", event.members),
        ...listed("Muted", event.muted),
        ...listed("Sent out", event.banned),
      ];
    }
    case "rooms":
      return [`* Rooms: ${(event.rooms ?? []).map(({ to, users }) => `${bare(to)} (${users})`).join(", ")}`];
    case "people": {
      const people = (event.people ?? []).map((one) => one.user);
      return [people.length > 0 ? `* You wrote with ${people.join(", ")}` : "* You have not written with anybody yet."];
    }
    case "history":
      if (!event.messages?.length) {
        if (asked.match !== undefined) return ["* Nothing found."];
        return [
          asked.with === undefined ? "* Nothing was said here yet." : `* You have not written with ${asked.with} yet.`,
        ];
      }
      return event.messages.flatMap((message) => earlier(message, user).split("\n"));
    case "claim":
      return ["* You are a host. /help lists what hosts can do."];
    case "exit":
      return ["* Goodbye."];
    default:
      return [];
  }
}

/** A message as it stands in an answer to `history`. */
function earlier(message: Message, user?: string): string {
  return `* ${when(message.at)} ${isAct(message) ? deed(message, user) : renderMessage(message, user)}`;
}
/** What hosts have set that one should know. */
function standingLines({ settings = [] }: Ok): string[] {
  return standing(settings, when).map((line) => `* ${line}`);
}
function listed(what: string, users: readonly string[] = []): string[] {
  return users.length > 0 ? [`* ${what}: ${users.join(", ")}`] : [];
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
