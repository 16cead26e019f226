// completion.ts: what a half-typed word may become: commands and their arguments, people, rooms. Reads the one table of
// commands; knows no keys and no screen.

import { COMMANDS } from "./commands.ts";

const MAX_CHOICES = 20; // worth showing

/** What there is to choose from. */
export interface Choices {
  people: readonly string[];
  rooms: readonly string[];
  isHost: boolean; // commands of hosts, too
}

/** The choices for the word that ends the text before the cursor; each replaces it from `start` on. */
export function complete(before: string, { people, rooms, isHost }: Choices) {
  const word = /\S*$/.exec(before)![0];
  const start = before.length - word.length;
  const choose = (all: readonly string[]) => ({
    start,
    choices: [...new Set(all)].filter((one) => one.toLowerCase().startsWith(word.toLowerCase())).slice(0, MAX_CHOICES),
  });
  if (start === 0 && word.startsWith("/") && !word.startsWith("//")) {
    const usable = COMMANDS.filter(({ when, forHosts }) => when !== "signed out" && (isHost || forHosts === undefined));
    const first = choose(usable.map(({ names }) => `/${names[0]} `));
    return first.choices.length > 0 ? first : choose(usable.flatMap(({ names }) => names.map((name) => `/${name} `)));
  }
  const argumentOf = /^\/(\w+)\s+$/.exec(before.slice(0, start))?.[1]?.toLowerCase();
  const command = COMMANDS.find(({ names }) => argumentOf !== undefined && names.includes(argumentOf));
  const takes = command?.usage.match(/^\[?(NAME|ROOM)/)?.[1];
  if (word.startsWith("@")) return choose(people.map((name) => `@${name} `));
  if (word.startsWith("#")) return choose(rooms.map((room) => `${room} `));
  if (takes === "NAME") return choose(people.map((name) => `${name} `));
  if (takes === "ROOM")
    return choose([...rooms.map((room) => `${room.slice(1)} `), ...(command!.usage.includes("|all") ? ["all "] : [])]);
  return { start, choices: [] };
}
