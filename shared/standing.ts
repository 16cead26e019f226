// standing.ts: what holds now, in words: for whoever enters a room or signs in, and for /rules. Decides nothing.

import type { Setting } from "../protocol.ts";
import { isTime } from "./acts.ts";
import { isKey } from "./settings.ts";

/** What a person should know who enters a room, or signs in, as sentences; `clock` says a time (ms since 1970) in their zone. */
export function standing(settings: readonly Setting[], clock: (at: number) => string): string[] {
  return settings.flatMap(({ key, value, by }) => {
    const end = isKey(key) && isTime(key, value) ? ` until ${clock(Number(value))}` : "";
    switch (key) {
      case "lock":
        return [`Only hosts can write here${end} (${by}).`];
      case "mute":
        return [`${by} muted you${end}. You can still write to hosts.`];
      case "slow":
        return [`This room is slow: one message in ${value} s.`];
      case "topic":
        return [`Topic: ${value}`];
      case "announce":
        return [`${by} to everybody: ${value}`];
      case "door":
        return ["This room has a door: only its members and hosts can enter."];
      default:
        return [];
    }
  });
}

/** What is allowed on the whole server: a key, its name for people, and the words of its values, the usual one last. */
export const RULES = [
  ["private", "Private messages", { hosts: "only to and from hosts", off: "none" }, "among all"],
  ["accounts", "New accounts", { closed: "none" }, "anybody can register"],
  ["rooms", "New rooms", { hosts: "made by hosts only", off: "none" }, "made by anybody"],
  ["files", "Files", { hosts: "sent by hosts only", off: "none" }, "sent by anybody"],
  ["removing", "Removing one's own messages", { hosts: "hosts only", off: "nobody" }, "everybody"],
] as const;

/** What is allowed on the whole server, a line each; `settings` are those of the whole server. */
export function ruleLines(settings: readonly Setting[]): string[] {
  return RULES.map(([key, name, words, usual]) => {
    const value = settings.find((setting) => setting.key === key)?.value ?? "";
    return `${name} (${key}): ${(words as Record<string, string>)[value] ?? usual}`;
  });
}
