// settings.ts: what hosts can set: the one table of keys, which values each takes and where, and what is set now: the last value of
// each key. The server judges by it, and the clients show it. Decides nothing about who may set what.

import type { Message, Setting } from "../protocol.ts";
import { isRoom, LOBBY } from "./names.ts";

/** The place of what is set for the whole server. */
export const ALL = "*";

/** What a setting is about: one room, one person, or the whole server. */
type Scope = "room" | "person" | "all";
/** "until": `off`, `on`, or ms since 1970; a request may say `+SECONDS` instead. "text": any, "" for none. */
type Kind = "until" | "seconds" | "text" | readonly [usual: string, ...others: string[]];
interface Rule {
  scopes: readonly Scope[];
  values: Kind;
}

const WHO = ["all", "hosts", "off"] as const;
const SWITCH = ["off", "on"] as const;
/** Every key. Where the values are listed, the first one is how it is when nothing was set. */
export const SETTINGS = {
  lock: { scopes: ["room", "all"], values: "until" }, // only hosts write there
  mute: { scopes: ["person"], values: "until" }, // writes to hosts only
  ban: { scopes: ["person"], values: "until" }, // does not come in
  slow: { scopes: ["room"], values: "seconds" }, // between two messages of one account
  topic: { scopes: ["room"], values: "text" },
  announce: { scopes: ["all"], values: "text" }, // shown to everybody until it is replaced
  private: { scopes: ["all"], values: WHO }, // direct messages: among all, to and from hosts, none
  accounts: { scopes: ["all"], values: ["open", "closed"] }, // who registers
  rooms: { scopes: ["all"], values: WHO }, // who makes new ones
  files: { scopes: ["all"], values: WHO }, // who sends them
  removing: { scopes: ["all"], values: WHO }, // who removes their own messages
  rules: { scopes: ["all"], values: ["open", "school"] }, // several of these at once, see RULES
  door: { scopes: ["room"], values: SWITCH }, // only members and hosts enter and see it
  member: { scopes: ["room"], values: SWITCH }, // of a room with a door: whom it is about is in `of`
} as const satisfies Record<string, Rule>;
export type Key = keyof typeof SETTINGS;

/** What `rules` sets. */
const RULES: Readonly<Record<string, Partial<Record<Key, string>>>> = {
  open: { private: "all", accounts: "open", rooms: "all", files: "all" },
  school: { private: "hosts", accounts: "closed", rooms: "hosts", files: "hosts" },
};
const MAX_SECONDS = 3_600; // of `slow`
const MAX_TEXT = 500; // characters of a topic or an announcement
const MAX_TIME = 366 * 86_400; // s that a lock, a mute or a ban with an end lasts at most

export function isKey(key: string | undefined): key is Key {
  return key !== undefined && Object.hasOwn(SETTINGS, key);
}
/** Whether a key can be set for this address: a room, a person, or "*". */
export function canBeSetFor(key: Key, to: string): boolean {
  const scope: Scope = to === ALL ? "all" : isRoom(to) ? "room" : "person";
  return (SETTINGS[key].scopes as readonly Scope[]).includes(scope);
}
/** What is set when a key is: itself, or what the rules of that name are. */
export function changesOf(key: Key, value: string): { key: Key; value: string }[] {
  if (key !== "rules") return [{ key, value }];
  return Object.entries(RULES[value] ?? {}).map(([one, worth]) => ({ key: one as Key, value: worth }));
}
/** What a key is worth when nothing was set. */
export function usualValue(key: Key): string {
  const { values } = SETTINGS[key];
  if (typeof values !== "string") return values[0];
  return values === "until" ? "off" : values === "seconds" ? "0" : "";
}

/** A value as it is stored: a time from now on as the time when it ends. `undefined` if the key cannot have it. `now` in ms since 1970. */
export function readValue(key: Key, value: string, now: number): string | undefined {
  const { values } = SETTINGS[key];
  switch (values) {
    case "until":
      return readUntil(value, now);
    case "seconds":
      return /^\d{1,4}$/.test(value) && Number(value) <= MAX_SECONDS ? String(Number(value)) : undefined;
    case "text":
      return value.trim().length <= MAX_TEXT ? value.trim().replaceAll(/\s+/g, " ") : undefined;
    default:
      return (values as readonly string[]).includes(value) ? value : undefined;
  }
}
function readUntil(value: string, now: number): string | undefined {
  if (value === "off" || value === "on") return value;
  if (!/^\+?\d{1,15}$/.test(value)) return undefined;
  const end = value.startsWith("+") ? now + Number(value) * 1000 : Number(value);
  return end > now && end <= now + MAX_TIME * 1000 ? String(end) : undefined;
}
/** The values a key can have, for people. */
export function valuesOf(key: Key): string {
  const { values } = SETTINGS[key];
  if (typeof values !== "string") return values.join(", ");
  if (values === "until") return "off, on, +SECONDS, or a time in ms since 1970, at most a year ahead";
  return values === "seconds" ? `0 to ${MAX_SECONDS} seconds` : `a text of at most ${MAX_TEXT} characters`;
}

/** Until when (ms since 1970; Infinity: without an end) a lock, a mute or a ban holds; `undefined` if it does not, or not any more. */
export function endOf(value: string | undefined, now: number): number | undefined {
  if (value === undefined || value === "off") return undefined;
  const end = value === "on" ? Infinity : Number(value);
  return end > now ? end : undefined;
}

/** Where an act sets something: "#lab", "*", or "@bob" for what is about Bob. */
export function placeOf({ to, of }: { to: string; of?: string | undefined }): string {
  if (of === ALL) return ALL;
  return isRoom(to) ? to : `@${to}`;
}
/** The room in which what is set for an address is told. */
export function toldIn(to: string): string {
  return to === ALL ? LOBBY : to;
}

/** What is set now, by place and key. */
export class Settings {
  readonly #places = new Map<string, Map<string, Setting>>();

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }
  /** Whether something is set in a place. */
  has(place: string): boolean {
    return this.#places.has(place);
  }
  /** What was set in a place; the value that is usual is as good as none. */
  get(place: string, key: Key): Setting | undefined {
    return this.#places.get(place)?.get(key);
  }
  put(place: string, setting: Setting): void {
    const { key, value } = setting;
    const known = this.#places.get(place);
    if (isKey(key) && value === usualValue(key)) known?.delete(key);
    else if (known !== undefined) known.set(key, setting);
    else this.#places.set(place, new Map([[key, setting]]));
    if (known?.size === 0) this.#places.delete(place);
  }
  /** Everything that is set in a place. */
  all(place: string): Setting[] {
    return [...(this.#places.get(place)?.values() ?? [])];
  }
  /** From now on this is all that is set in a place. */
  replace(place: string, settings: readonly Setting[]): void {
    this.#places.delete(place);
    for (const setting of settings) this.put(place, setting);
  }
  places(): IterableIterator<string> {
    return this.#places.keys();
  }
  /** Takes an act in. */
  apply({ to, of, key, value, from, act }: Message): void {
    if (act !== "set" || !isKey(key) || value === undefined || key === "member") return;
    for (const change of changesOf(key, value)) this.put(placeOf({ to, of }), { ...change, by: from });
  }
}
