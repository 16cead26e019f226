// folding.ts: what the log of a run comes to when its acts are taken in order: what is set in each place, and which messages are
// emptied by whom. A model of its own, for the checker to compare with what everybody has at the end.

import type { Setting } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import type { StoredSetting } from "../../server/settings.ts";
import { isRoom } from "../../shared/names.ts";
import type { Report, Stored } from "./checker.ts";

const USUAL = ["off", "0", "", "all", "open"]; // as good as not set
const ENDING = ["lock", "mute", "ban"]; // their values may be a time when they end

/** What a database has at the end. */
export interface Database {
  settings: readonly StoredSetting[];
  removed: ReadonlyMap<string, ReadonlyMap<number, string>>; // texts, by room and seq
}
/** What somebody takes to be set in a place at a time (ms since 1970). */
export interface Belief {
  viewer: string;
  place: string; // "#lab", "*", or "@bob": whether he is muted
  settings: readonly Pick<Setting, "key" | "value" | "by">[];
  at: number;
}

/** Where an act sets something. */
export function placeOf({ to, of }: { to: string; of?: string | undefined }): string {
  return of === "*" ? "*" : isRoom(to) ? to : `@${to}`;
}
/** The conversation whose order decides: of a direct message there are two copies. */
export function decides(conversation: string, { to }: { to: string }): boolean {
  return conversation === (isRoom(to) ? to : inboxOf(to));
}

/** What is set. */
export class Settled {
  readonly #values = new Map<string, { value: string; by: string }>(); // by place, key and whom it is about
  readonly #doors = new Set<string>(); // that were closed: who was in the room then, no message says

  take({ to, from, key = "", value = "", of }: Stored): void {
    const place = placeOf({ to, of });
    const name = nameOf(place, key, key === "member" ? of! : "");
    // That somebody is not a member is known, too.
    if (USUAL.includes(value) && key !== "member") this.#values.delete(name);
    else this.#values.set(name, { value, by: from });
    if (key !== "door") return;
    for (const known of this.#values.keys()) if (known.startsWith(`${place} member `)) this.#values.delete(known);
    if (value === "on") this.#doors.add(place);
    else this.#doors.delete(place);
  }

  /** Compares what somebody takes to be set with what is. A time that is over counts as none. */
  compare({ viewer, place, settings, at }: Belief, report: Report): void {
    const holds = (key: string, value: string) => !ENDING.includes(key) || !/^\d+$/.test(value) || Number(value) > at;
    const isKnown = (key: string) => !place.startsWith("@") || key === "mute";
    const told = settings.filter(({ key, value }) => holds(key, value)).map(({ key, value, by }) => [key, value, by]);
    const set: string[][] = [];
    for (const [name, { value, by }] of this.#values) {
      const [where, key = ""] = name.split(" ");
      if (where === place && key !== "member" && isKnown(key) && holds(key, value)) set.push([key, value, by]);
    }
    const [found, expected] = [told, set].map((list) => JSON.stringify(list.toSorted()));
    if (found !== expected) report("unfolded", `${viewer} has ${found} in ${place} where the log sets ${expected}`);
  }

  /** The same for what is stored. */
  compareStored(stored: readonly StoredSetting[], report: Report): void {
    const rest = new Map(this.#values);
    for (const { place, key, of, value, by } of stored) {
      const known = rest.get(nameOf(place, key, of));
      rest.delete(nameOf(place, key, of));
      const wasThere = key === "member" && known === undefined && this.#doors.has(place);
      if (!wasThere && (known?.value !== value || known.by !== by))
        report("unfolded", `The database has ${place} ${key} ${of} ${value} (${by}), the log ${JSON.stringify(known)}`);
    }
    for (const [name, { value }] of rest)
      if (!name.includes(" member ") || value === "on")
        report("unfolded", `The database does not have ${name} ${value}`);
  }
}
function nameOf(place: string, key: string, of: string): string {
  return `${place} ${key} ${of}`;
}

/** What is emptied in one conversation: the acts that remove, as they come, and what they found. */
export class Emptied {
  readonly by = new Map<number, string>();

  /** Takes an act in; how many messages it empties. `authorOf` a place: "" for acts. `first`: where the viewer began. */
  take({ seq, from, of, on = Infinity, through = on }: Stored, authorOf: (seq: number) => string, first = 1): number {
    const before = this.by.size;
    for (let place = Math.max(on, first); place <= through && place < seq; place++)
      if (authorOf(place) === of && !this.by.has(place)) this.by.set(place, from);
    return this.by.size - before;
  }
}
