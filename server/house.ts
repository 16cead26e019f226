// house.ts: what may be said where, now: what hosts have set, and the judgement of each message by it, in the order in which messages
// get their places. Asks who is a host at every look. Knows no disk, no socket and nobody's connection.

import type { Message, Refusal, Setting } from "../protocol.ts";
import { duration } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import type { Key } from "../shared/settings.ts";
import { ALL, changesOf, endOf, placeOf, Settings, usualValue } from "../shared/settings.ts";
import type { Act, RemoveAct, SetAct } from "./acts.ts";
import { inboxOf } from "./conversations.ts";
import type { Draft, Judge, StoredSetting } from "./history.ts";
import { Refusals } from "./refusals.ts";

/** What a house asks. */
export interface Surroundings {
  isHost: (user: string) => boolean;
  now: () => number; // ms since 1970
  elapsed: () => number; // ms on a clock that never jumps
  /** Somebody tried what is not theirs to do. */
  tried: (user: string, act: Act) => void;
}

export class House implements Judge {
  readonly #settings = new Settings();
  readonly #members = new Map<string, Set<string>>(); // of rooms with a door
  readonly #spoke = new Map<string, Map<string, number>>(); // by slow room and account: when, on the clock that never jumps
  readonly #refusals = new Refusals();
  readonly #around: Surroundings;
  /** What takes back what the batch under way has changed, the last change last. */
  #undo: (() => void)[] = [];

  constructor(around: Surroundings, stored: Iterable<StoredSetting> = []) {
    this.#around = around;
    for (const { place, key, of, value, by } of stored)
      if (key === "member") this.#putMember(place, of, true);
      else this.#settings.put(place, { key, value, by });
  }

  isHost(user: string): boolean {
    return this.#around.isHost(user);
  }

  // ---- a batch: each draft is judged and stored before the next one is looked at ----

  refuse(draft: Draft): Refusal | undefined {
    const known = this.#refusals.of(draft);
    if (known !== undefined) return known;
    const refusal = this.#refuse(draft);
    if (refusal !== undefined) this.refused(draft, refusal);
    return refusal;
  }

  refused(draft: Draft, refusal: Refusal): void {
    const undo = this.#refusals.add(draft, refusal);
    if (undo !== undefined) this.#undo.push(undo);
  }

  #refuse(draft: Draft): Refusal | undefined {
    const { from, to, act } = draft;
    if (act === undefined && !this.#concerns(from, to)) return undefined;
    const banned = this.whyBanned(from);
    if (banned !== undefined) return banned;
    if (act !== undefined) {
      const refusal = this.#refuseAct(from, to, act);
      if (refusal !== undefined) this.#around.tried(from, act);
      return refusal;
    }
    if (isRoom(to)) return this.isHost(from) ? undefined : this.#refuseInRoom(from, to);
    return to === from ? undefined : this.#refusePrivate(from, to);
  }

  stored({ act }: Draft, message: Message): void {
    const { from, to } = message;
    if (act?.act === "set") this.#set(placeOf(message), act, from);
    else if (act === undefined && isRoom(to) && this.#settings.get(to, "slow") !== undefined) this.#speaks(from, to);
  }

  /** The batch is on disk. */
  committed(): void {
    if (this.#undo.length > 0) this.#undo = [];
  }
  /** It is not: everything is as before. */
  rolledBack(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo = [];
  }

  #set(place: string, { key, value, of, members }: SetAct, by: string): void {
    if (key === "member") return this.#change(place, of!, value === "on");
    for (const change of changesOf(key, value)) {
      const old = this.#settings.get(place, change.key) ?? { key: change.key, value: usualValue(change.key), by };
      this.#settings.put(place, { ...change, by });
      this.#undo.push(() => this.#settings.put(place, old));
    }
    if (key !== "door") return;
    for (const one of this.membersOf(place)) this.#change(place, one, false);
    if (value === "on") for (const one of members ?? []) this.#change(place, one, true);
  }
  #change(room: string, user: string, isMember: boolean): void {
    const was = this.#members.get(room)?.has(user) ?? false;
    this.#putMember(room, user, isMember);
    this.#undo.push(() => this.#putMember(room, user, was));
  }
  #putMember(room: string, user: string, isMember: boolean): void {
    const members = this.#members.get(room) ?? new Set();
    if (isMember) members.add(user);
    else members.delete(user);
    if (members.size > 0) this.#members.set(room, members);
    else this.#members.delete(room);
  }
  #speaks(user: string, room: string): void {
    const spoke = this.#spoke.get(room) ?? new Map<string, number>();
    const before = spoke.get(user);
    this.#spoke.set(room, spoke.set(user, this.#around.elapsed()));
    this.#undo.push(() => (before === undefined ? spoke.delete(user) : spoke.set(user, before)));
  }

  // ---- what is refused ----

  /** Whether anything is set that a message could break: most are past this at the cost of three looks. */
  #concerns(from: string, to: string): boolean {
    const settings = this.#settings;
    return !settings.isEmpty && (settings.has(ALL) || settings.has(to) || settings.has(inboxOf(from)));
  }

  #refuseAct(from: string, to: string, act: Act): Refusal | undefined {
    if (act.act === "remove") return this.#refuseRemoval(from, to, act);
    return this.#refuseSetting(from, act.of === undefined || act.of === ALL ? to : act.of);
  }

  #refuseSetting(from: string, about: string): Refusal | undefined {
    if (!this.isHost(from)) return { code: "not_allowed" };
    if (!isRoom(about) && this.isHost(about))
      return {
        code: "not_allowed",
        text: `${about} is a host, and hosts cannot do that to each other. Nothing was done.`,
      };
    return undefined;
  }

  #refuseRemoval(from: string, to: string, { of }: RemoveAct): Refusal | undefined {
    const isHost = this.isHost(from);
    const rule = this.#value(ALL, "removing");
    if (of !== from) {
      if (isRoom(to) && isHost && !this.isHost(of)) return undefined;
      const why = isHost
        ? "Nobody removes private messages of others, or what another host said"
        : "You can remove your own messages only";
      return { code: "not_allowed", text: `${why}. Nothing was removed.` };
    }
    if (rule === "all" || (rule === "hosts" && isHost)) return undefined;
    return { code: "not_allowed", text: "Messages cannot be removed here by who wrote them. Ask a host." };
  }

  #refuseInRoom(from: string, room: string): Refusal | undefined {
    const place = room.slice(1);
    if (!this.mayEnter(from, room)) return noEntry(place);
    return (
      this.#quiet(ALL, "lock", (by, end) => `${by} locked the chat${end}: only hosts can write.`) ??
      this.#quiet(room, "lock", (by, end) => `${by} locked ${place}${end}: only hosts can write here.`) ??
      this.#muted(from) ??
      this.#tooSoon(from, room)
    );
  }

  #refusePrivate(from: string, to: string): Refusal | undefined {
    const rule = this.#value(ALL, "private");
    if (rule === "off")
      return { code: "not_allowed", text: "Private messages are switched off here. Nothing was sent." };
    if (this.isHost(from) || this.isHost(to)) return undefined;
    if (rule === "hosts")
      return { code: "not_allowed", text: "Private messages go only to and from hosts here. Nothing was sent." };
    const locked = (by: string, end: string) => `${by} locked the chat${end}. You can still write to hosts.`;
    return this.#quiet(ALL, "lock", locked) ?? this.#muted(from);
  }

  #muted(user: string): Refusal | undefined {
    return this.#quiet(inboxOf(user), "mute", (by, end) => `${by} muted you${end}. You can still write to hosts.`);
  }

  /** Refuses while a lock or a mute holds. */
  #quiet(place: string, key: "lock" | "mute", sentence: (by: string, end: string) => string): Refusal | undefined {
    const setting = this.#settings.get(place, key);
    const left = setting && this.#left(setting);
    if (left === undefined) return undefined;
    return { code: "quiet", text: `${sentence(setting!.by, forMore(left))} Nothing was sent.`, ...after(left) };
  }

  #tooSoon(user: string, room: string): Refusal | undefined {
    const seconds = Number(this.#value(room, "slow"));
    const spoke = this.#spoke.get(room)?.get(user);
    if (seconds === 0 || spoke === undefined) return undefined;
    const left = Math.ceil(seconds - (this.#around.elapsed() - spoke) / 1000);
    if (left <= 0) return undefined;
    const text = `${room.slice(1)} is slow: one message in ${seconds} s, so you can write again in ${left} s. Nothing was sent.`;
    return { code: "quiet", text, after: left };
  }

  /** Why an account must not come in, or go on; `undefined` if it may. */
  whyBanned(user: string): Refusal | undefined {
    const setting = this.#settings.get(inboxOf(user), "ban");
    const left = setting && this.#left(setting);
    if (left === undefined || this.isHost(user)) return undefined;
    const back = left === Infinity ? "Ask a host to let you come in again." : `You can come back in ${duration(left)}.`;
    return { code: "no_entry", text: `${setting!.by} sent you out. ${back}`, ...after(left) };
  }

  /** What a host should know who bans somebody. */
  noteOnBans(): string | undefined {
    if (this.whyClosed() !== undefined) return undefined;
    return "New accounts can still be made: /rules accounts closed stops that.";
  }

  /** Why nobody can register now; `undefined` if they can. */
  whyClosed(): Refusal | undefined {
    if (this.#value(ALL, "accounts") === "open") return undefined;
    return {
      code: "no_entry",
      text: "No accounts can be made here now. Ask a host or whoever runs the server for one.",
    };
  }

  /** Why an account must not make a new room; `undefined` if it may. */
  whyNoNewRoom(user: string): Refusal | undefined {
    const rule = this.#value(ALL, "rooms");
    if (rule === "all" || (rule === "hosts" && this.isHost(user))) return undefined;
    const whose = rule === "hosts" ? "Only hosts make new rooms here" : "No new rooms are made here";
    return { code: "not_allowed", text: `${whose}. Join one that there is: rooms.` };
  }

  // ---- what is set ----

  /** Whether an account may enter a room, and know of it. */
  mayEnter(user: string, room: string): boolean {
    if (this.#settings.get(room, "door") === undefined) return true;
    return this.#members.get(room)?.has(user) === true || this.isHost(user);
  }
  /** Why it may not; `undefined` if it may. */
  whyNoEntry(user: string, room: string): Refusal | undefined {
    return this.mayEnter(user, room) ? undefined : noEntry(room.slice(1));
  }
  /** Who may enter a room that has a door, hosts apart; nobody of one without. */
  membersOf(room: string): string[] {
    return [...(this.#members.get(room) ?? [])].sort();
  }
  /** The rooms in which something is set. */
  rooms(): string[] {
    return [...this.#settings.places()].filter(isRoom);
  }
  hasDoor(room: string): boolean {
    return this.#settings.get(room, "door") !== undefined;
  }
  /** What is set in a room, or for all ("*"), and holds now. */
  shown(place: string): Setting[] {
    return this.#settings.all(place).filter((setting) => this.#holds(setting));
  }
  /** What is set for an account that signs in: for all, and whether it is muted. */
  shownTo(user: string): Setting[] {
    const own = this.#settings.all(inboxOf(user)).filter((setting) => setting.key === "mute" && this.#holds(setting));
    return [...this.shown(ALL), ...own];
  }
  /** The accounts that are muted now, or banned. */
  who(key: "mute" | "ban"): string[] {
    const users: string[] = [];
    for (const place of this.#settings.places()) {
      const setting = place.startsWith("@") ? this.#settings.get(place, key) : undefined;
      if (setting !== undefined && this.#holds(setting)) users.push(place.slice(1));
    }
    return users.sort();
  }

  #value(place: string, key: Key): string {
    return this.#settings.get(place, key)?.value ?? usualValue(key);
  }
  #holds({ key, value }: Setting): boolean {
    return !["lock", "mute", "ban"].includes(key) || endOf(value, this.#around.now()) !== undefined;
  }
  /** For how many seconds a lock, a mute or a ban holds; Infinity without an end, `undefined` if it does not. */
  #left({ value }: Setting): number | undefined {
    const now = this.#around.now();
    const end = endOf(value, now);
    return end === undefined ? undefined : Math.ceil((end - now) / 1000);
  }
}

function noEntry(place: string): Refusal {
  return {
    code: "no_entry",
    text: `${place} has a door: only its members and hosts come in. Ask a host to let you in.`,
  };
}
function forMore(left: number): string {
  return left === Infinity ? "" : ` for ${duration(left).replace(" ", " more ")}`;
}
function after(left: number): { after?: number } {
  return left === Infinity ? {} : { after: left };
}
