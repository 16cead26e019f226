// ignoring.ts: what /ignore and /unignore do and answer, the same in every client that remembers whom somebody ignores.

import type { Local } from "./arguments.ts";
import { nearest } from "./nearest.ts";

/** Whom somebody ignores. */
export interface Ignoring {
  /** `count`: how many of their messages were not shown, where that is known. */
  readonly all: readonly { name: string; count?: number }[];
  has(name: string): boolean;
  /** Ignores somebody, or does not any more. A sentence if that cannot be kept. */
  set(name: string, isOn: boolean): string | undefined;
}
/** What is known of people: their names, those seen last first, and who is a host. */
export interface Acquaintances {
  people: readonly string[];
  isHost: (name: string) => boolean;
}

/** Does what was asked; the sentences that answer. Somebody whom nobody knows is ignored all the same: they may come. */
export function ignore(
  { user, isOn }: Extract<Local, { type: "ignore" }>,
  ignored: Ignoring,
  known: Acquaintances,
): string[] {
  if (user === undefined) return [listed(ignored)];
  if (ignored.has(user) === isOn)
    return [isOn ? `You ignore ${user} already. /unignore ${user} ends it.` : `You do not ignore ${user}.`];
  const why = ignored.set(user, isOn) ?? [];
  if (!isOn) return [`What ${user} says is shown again. /history shows what you missed.`].concat(why);
  const near = known.people.includes(user) ? undefined : nearest(user, known.people);
  const hosts = known.isHost(user) ? ` What ${user} does as a host is shown all the same.` : "";
  const doubt = near === undefined ? "" : ` Did you mean ${near}?`;
  return [
    `You ignore ${user}: nothing that ${user} says is shown to you.${hosts} /unignore ${user} ends it.${doubt}`,
  ].concat(why);
}

function listed({ all }: Ignoring): string {
  const told = all.map(({ name, count }) => (count === undefined ? name : `${name} (${count} not shown)`));
  return told.length === 0 ? "You ignore nobody." : `You ignore ${told.join(", ")}.`;
}
