// hostcommands.ts: the commands of hosts, and how what is said is removed: the part of the table in commands.ts that they need. Whether
// somebody may do it is the server's decision.

import type { RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { Command, Typed } from "./arguments.ts";
import { inRoom, readTime, usage, withPerson } from "./arguments.ts";
import { isRoom } from "./names.ts";
import type { Key } from "./settings.ts";
import { ALL } from "./settings.ts";

const TIMES = "a time: 10m, 2h, 1d or 16:00";
const KICK = "+300"; // s: a client that is sent out comes back by itself after a second
const SLOW = "30"; // s
const RULES: readonly string[] = ["private", "accounts", "rooms", "files", "removing"] satisfies Key[];

export const REMOVE: Command = {
  names: ["remove"],
  usage: "[NAME] [N]",
  help: "remove your last N messages here; hosts: those of NAME",
  read: (rest, { room }) => {
    const words = rest.split(/\s+/).filter(Boolean);
    const last = /^\d{1,3}$/.test(words.at(-1) ?? "") ? Number(words.pop()) : 1;
    if (words.length > 1 || last < 1 || last > LIMITS.removed)
      return usage(`/remove takes a name, a number up to ${LIMITS.removed}, or both: /remove bob 3.`);
    const [name] = words;
    if (name === undefined) return { type: "remove", to: room, last };
    if (!isRoom(room)) return usage("Here you can remove your own messages only: /remove.");
    return withPerson(name, (of) => ({ type: "remove", to: room, of, last }));
  },
};

/** What hosts type. */
export const HOST_COMMANDS: readonly Command[] = [
  place("lock", "[ROOM|all] [TIME]", `only hosts can write; ${TIMES}`, (to, end) => set(to, "lock", end ?? "on")),
  place("unlock", "[ROOM|all]", "everybody can write again", (to) => set(to, "lock", "off")),
  person("mute", "NAME [TIME]", "they can write to hosts only", (to, end) => set(to, "mute", end ?? "on")),
  person("unmute", "NAME", "they can write again", (to) => set(to, "mute", "off")),
  person("kick", "NAME [TIME]", "send somebody out, for five minutes", (to, end) => set(to, "ban", end ?? KICK)),
  person("ban", "NAME [TIME]", "send somebody out until /unban", (to, end) => set(to, "ban", end ?? "on")),
  person("unban", "NAME", "let somebody come in again", (to) => set(to, "ban", "off")),
  host("slow", "[SECONDS|off]", `one message a person in so many seconds here (${SLOW})`, (rest, { room }) => {
    const seconds = { "": SLOW, off: "0" }[rest] ?? rest;
    if (!/^\d+$/.test(seconds)) return usage("/slow takes a number of seconds, or off: /slow 30.");
    return here("slow", room, () => set(room, "slow", seconds));
  }),
  host("announce", "[TEXT]", "show everybody a text until the next one; none ends it", (rest) =>
    set(ALL, "announce", rest),
  ),
  host("topic", "[TEXT]", "say what this room is about", (rest, { room }) =>
    here("topic", room, () => set(room, "topic", rest)),
  ),
  host("rules", "[KEY VALUE]", "what is allowed here, or sets it; /rules school is several at once", (rest) => {
    const [key, value, ...more] = rest.split(/\s+/).filter(Boolean);
    if (key === undefined) return { type: "rules" };
    if (value === undefined && (key === "school" || key === "open")) return set(ALL, "rules", key);
    if (value === undefined || more.length > 0 || !RULES.includes(key))
      return usage(`/rules takes school, open, or one of ${RULES.join(", ")} and its value: /rules private hosts.`);
    return set(ALL, key as Key, value);
  }),
  host("door", "on|off", "only who is in this room now, and whom you invite, can enter it", (rest, { room }) => {
    if (rest !== "on" && rest !== "off") return usage("/door takes on or off: /door on.");
    return here("door", room, () => set(room, "door", rest));
  }),
  host("invite", "NAME", "let somebody enter this room with a door", (rest, { room }) =>
    member("invite", rest, room, "on"),
  ),
  host("expel", "NAME", "take somebody out of this room with a door", (rest, { room }) =>
    member("expel", rest, room, "off"),
  ),
];

function host(name: string, usage: string, help: string, read: Command["read"]): Command {
  return { names: [name], usage, help, forHosts: true, read };
}

/** A command for a room, the whole server (`all`), or where it is typed; maybe with a time. */
function place(name: string, arguments_: string, help: string, make: (to: string, end?: string) => Typed): Command {
  return host(name, arguments_, help, (rest, { room }) => {
    const words = rest.split(/\s+/).filter(Boolean);
    const end = arguments_.includes("TIME") ? readTime(words.at(-1) ?? "") : undefined;
    if (end !== undefined) words.pop();
    if (words.length > 1) return usage(`/${name} takes ${arguments_}: /${name} lab${end === undefined ? "" : " 10m"}.`);
    const [word] = words;
    if (word === undefined) return here(name, room, () => make(room, end));
    return word.toLowerCase() === "all" ? make(ALL, end) : inRoom(word, (to) => make(to, end));
  });
}

/** A command about a person, maybe with a time. */
function person(name: string, arguments_: string, help: string, make: (to: string, end?: string) => Typed): Command {
  return host(name, arguments_, help, (rest) => {
    const [who, time, ...more] = rest.split(/\s+/).filter(Boolean);
    const end = time === undefined || !arguments_.includes("TIME") ? undefined : readTime(time);
    if (who === undefined || more.length > 0 || (time !== undefined && end === undefined))
      return usage(
        `/${name} takes ${arguments_.includes("TIME") ? `a name and maybe ${TIMES}: /${name} bob 10m.` : `a name: /${name} bob.`}`,
      );
    return withPerson(who, (to) => make(to, end));
  });
}

function member(name: string, rest: string, room: string, value: "on" | "off"): Typed {
  if (rest === "" || /\s/.test(rest)) return usage(`/${name} needs a name: /${name} bob.`);
  return here(name, room, () => withPerson(rest, (of) => ({ type: "set", to: room, key: "member", value, of })));
}

/** What can be done in a room only. */
function here(name: string, room: string, make: () => Typed): Typed {
  return isRoom(room) ? make() : usage(`/${name} is for rooms. Go to one first: /join lab.`);
}

function set(to: string, key: Key, value: string): RequestOf<"set"> {
  return { type: "set", to, key, value };
}
