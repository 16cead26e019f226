// threads.ts: what the page knows. A thread is a room, or all direct messages with one person; here are its messages in
// order, what of it was read, and how far the inbox may be confirmed. Shows nothing.

import type { Message, Presence, RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { isRoom, LOBBY } from "../shared/names.ts";

/** A line of the page itself among the messages: who came, an answer to a command, a refusal. */
export interface Note {
  type: "note";
  at: number; // ms since 1970
  text: string;
  presence?: { type: "joined" | "left"; users: string[] }; // notes of the same kind in a row become one
}
export type Entry = Message | Note;

export interface Thread {
  readonly name: string; // "#lab" or "bob"
  entries: Entry[];
  users: Set<string>; // who is in the room
  fresh: number | undefined; // seq of the first message that was not seen when it came
  exhausted: boolean; // nothing older was found
}

/** What outlives the page, by thread: the seq up to which it was read. */
export type ReadMarks = Record<string, number>;

/** Asks for messages; `undefined` when that is refused. */
type Ask = (request: RequestOf<"history">) => Promise<Message[] | undefined>;

const INBOX_PAGES = 5; // pages of the inbox that are searched for older messages with one person
const KEPT = 600; // entries of a thread in memory; older ones are read again when they are wanted

export class Threads {
  readonly all = new Map<string, Thread>();
  readonly read: ReadMarks;
  readonly #user: string;
  readonly #ask: Ask;
  #inboxRead = 0; // confirmed by this account before, wherever it was
  #inboxHead = 0;

  constructor(user: string, read: ReadMarks, ask: Ask) {
    this.#user = user;
    this.#ask = ask;
    this.read = Object.assign(Object.create(null), read);
    this.get(LOBBY);
  }

  get(name: string): Thread {
    const known = this.all.get(name);
    if (known !== undefined) return known;
    const thread: Thread = { name, entries: [], users: new Set(), fresh: undefined, exhausted: false };
    this.all.set(name, thread);
    return thread;
  }

  /** The thread a message belongs to: its room, or the other person. */
  of({ to, from }: Message): Thread {
    return this.get(isRoom(to) || from === this.#user ? to : from);
  }

  /** Puts a message in its place. Returns whether it came as the newest, in between, or was known. */
  add(message: Message): "last" | "between" | "known" {
    const { entries } = this.of(message);
    let at = entries.length;
    for (; at > 0; at--) {
      const entry = entries[at - 1]!;
      if (entry.type === "note") continue;
      if (entry.seq === message.seq) return "known";
      if (entry.seq < message.seq) break;
    }
    const newest = !entries.slice(at).some(({ type }) => type === "message");
    entries.splice(newest ? entries.length : at, 0, message);
    return newest ? "last" : "between";
  }

  /** Lets go of a room's oldest entries; returns whether there were too many. */
  trim(thread: Thread): boolean {
    if (thread.entries.length <= KEPT * 1.5 || !isRoom(thread.name)) return false;
    thread.entries = thread.entries.slice(-KEPT);
    thread.exhausted = false;
    return true;
  }

  /** Reads what was said before what is here; without a thread, the newest of the inbox. */
  async older(thread: Thread | undefined, limit: number): Promise<void> {
    const had = thread?.entries.length;
    for (let page = 0; page < INBOX_PAGES; page++) {
      const request = { type: "history" as const, to: thread === undefined ? "@" : place(thread), limit };
      const before = thread === undefined ? undefined : this.#oldest(thread)?.seq;
      const messages = await this.#ask(before === undefined ? request : { ...request, before });
      for (const message of messages ?? []) this.add(message);
      if (thread === undefined || messages === undefined) return;
      if (messages.length === 0) thread.exhausted = true;
      if (this.isComplete(thread) || thread.entries.length !== had) return;
    }
  }

  /** Whether nothing older is on the server. */
  isComplete(thread: Thread): boolean {
    return thread.exhausted || this.#oldest(thread)?.seq === 1;
  }

  /** The newest messages of a thread that contain all these words, oldest first. */
  async find(thread: Thread, match: string): Promise<Message[]> {
    const messages = await this.#ask({ type: "history", to: place(thread), limit: LIMITS.page, match });
    return (messages ?? []).filter((message) => this.of(message) === thread);
  }

  /** Where history before what is here begins: a room's oldest message, or the oldest of the whole inbox. */
  #oldest(thread: Thread | undefined): Message | undefined {
    if (thread !== undefined && isRoom(thread.name)) return oldest(thread);
    const direct = [...this.all.values()].filter(({ name }) => !isRoom(name));
    return direct.map(oldest).reduce((one, other) => (other && (!one || other.seq < one.seq) ? other : one), undefined);
  }

  /** Adds a line of the page itself. */
  note(thread: Thread, text: string): Note {
    const note: Note = { type: "note", at: Date.now(), text };
    thread.entries.push(note);
    return note;
  }

  /** Who came or went: the note that tells, which may be the last one with more names. The lobby has none of its own:
   *  whoever comes in is in the lobby, so it tells about the whole chat. */
  presence({ type, to, users }: Presence): Note | undefined {
    const thread = this.get(to === "*" ? LOBBY : to);
    if (to !== "*") for (const user of users) type === "joined" ? thread.users.add(user) : thread.users.delete(user);
    if (to === LOBBY) return undefined;
    const last = thread.entries.at(-1);
    const note = last?.type === "note" && last.presence?.type === type ? last : this.note(thread, "");
    note.presence = { type, users: [...new Set([...(note.presence?.users ?? []), ...users])] };
    note.text = `${note.presence.users.join(", ")} ${type} ${to === "*" ? "the chat" : to}`;
    return note;
  }

  /** A room was entered: what was said before the first visit is not new. */
  entered({ to, users, seq }: { to: string; users: string[]; seq: number }): void {
    this.get(to).users = new Set(users);
    this.read[to] ??= seq;
  }

  /** Signed in: everything up to the head counts as read unless it is handed on after this. */
  inbox(head: number, first: boolean): void {
    if (first) this.#inboxRead = head;
    this.#inboxHead = Math.max(this.#inboxHead, head);
  }
  /** A message of the inbox was handed on. */
  handed({ seq, from }: Message): void {
    if (from !== this.#user) this.#inboxRead = Math.min(this.#inboxRead, seq - 1);
    this.#inboxHead = Math.max(this.#inboxHead, seq);
  }
  /** An older copy of the server: what we know of this conversation is not true any more. */
  reset(to: string): void {
    for (const thread of this.all.values()) {
      if (to === "@" ? isRoom(thread.name) : thread.name !== to) continue;
      thread.entries = thread.entries.filter(({ type }) => type === "note");
      thread.fresh = undefined;
      thread.exhausted = false;
      delete this.read[thread.name];
    }
    if (to === "@") this.#inboxRead = this.#inboxHead = 0;
  }

  /** The messages of others that were not read. */
  unread(thread: Thread): Message[] {
    return thread.entries.filter((entry) => entry.type === "message" && this.isUnread(thread, entry)) as Message[];
  }
  isUnread({ name }: Thread, { seq, from }: Message): boolean {
    return from !== this.#user && seq > Math.max(this.read[name] ?? 0, isRoom(name) ? 0 : this.#inboxRead);
  }

  markRead(thread: Thread): void {
    const last = newest(thread);
    if (last !== undefined) this.read[thread.name] = Math.max(this.read[thread.name] ?? 0, last.seq);
  }

  /** How far the inbox may be confirmed: up to the first message nobody has looked at. */
  get seen(): number {
    let seen = this.#inboxHead;
    for (const thread of this.all.values())
      if (!isRoom(thread.name)) for (const { seq } of this.unread(thread)) seen = Math.min(seen, seq - 1);
    return seen;
  }
}

/** What `history` calls a thread's conversation. */
function place({ name }: Thread): string {
  return isRoom(name) ? name : "@";
}
function newest({ entries }: Thread): Message | undefined {
  for (let at = entries.length; at > 0; at--) {
    const entry = entries[at - 1]!;
    if (entry.type === "message") return entry;
  }
  return undefined;
}
function oldest({ entries }: Thread): Message | undefined {
  return entries.find((entry) => entry.type === "message");
}
