// threads.ts: what was said, as far as it is loaded. A thread is a room, or all direct messages with one person; here are its messages in
// order and without a gap, and who is in the room. Reads older ones from the server. Shows nothing.

import type { Message, Presence, RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { covers, emptied } from "../shared/acts.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { ALL } from "../shared/settings.ts";
import type { Run } from "./presence.ts";
import { describe, fold } from "./presence.ts";
import type { Reading } from "./reading.ts";

/** A line of the page itself among the messages: who came, an answer to a command, a refusal. */
export interface Note {
  type: "note";
  at: number; // ms since 1970
  text: string;
  run?: Run; // that it tells about; more may come until somebody says something
}
export type Entry = Message | Note;

/** Some of a thread, in order and without a gap. */
export interface Stretch {
  readonly name: string; // of the thread: "#lab" or "bob"
  entries: Entry[];
  from: number; // seq from which on all of it is here; not known before the server has let us in
  fresh: number | undefined; // seq after which the line stands that says what is new
}
export interface Thread extends Stretch {
  users: Set<string>; // who is in the room
}
/** Places in a thread, and what is said there. */
type Range = Omit<RequestOf<"history">, "type" | "id" | "to" | "with">;

/** Asks for messages; `undefined` when that is refused. */
type Ask = (request: RequestOf<"history">) => Promise<Message[] | undefined>;

const UNKNOWN = Number.POSITIVE_INFINITY;
const OLDER = 100; // messages that are asked for at a time
const KEPT = 600; // entries of a thread in memory; older ones are read again when they are wanted
const DROPPED = 500; // entries that are let go of in one step
const FAR = 5_000; // messages that are loaded at most to begin where one stopped reading

export class Threads {
  readonly all = new Map<string, Thread>();
  readonly reading: Reading;
  readonly #user: string;
  readonly #ask: Ask;
  #inboxFrom = UNKNOWN; // seq from which on the server has handed on the whole inbox

  constructor(user: string, reading: Reading, ask: Ask) {
    this.#user = user;
    this.reading = reading;
    this.#ask = ask;
    this.get(LOBBY);
  }

  get(name: string): Thread {
    const known = this.all.get(name);
    if (known !== undefined) return known;
    const from = isRoom(name) ? UNKNOWN : this.#inboxFrom;
    const thread: Thread = { name, entries: [], users: new Set(), from, fresh: undefined };
    this.all.set(name, thread);
    return thread;
  }
  forget(name: string): void {
    this.all.delete(name);
    this.reading.forget(name);
  }

  /** The thread a message belongs to: its room, or the other person. */
  of({ to, from }: Message): Thread {
    return this.get(isRoom(to) || from === this.#user ? to : from);
  }

  /** Adds a message that was handed on. Returns whether it is new: a late answer to something said before may be known, or older than
   *  what is here, where it would leave a gap. */
  add(message: Message): boolean {
    const thread = this.of(message);
    if (message.seq <= lastOf(thread)) return false;
    thread.entries.push(message);
    this.reading.heard(thread.name, message);
    return true;
  }

  /** Empties what an act removes, as far as it is here; returns what that is now. */
  empty(act: Message): Message[] {
    const thread = this.of(act);
    const gone = emptyIn(thread, act);
    const { on = 0, through = on } = act;
    const call = this.reading.lastCall(thread.name);
    if (!isRoom(thread.name)) this.reading.removed(thread.name, gone);
    else if (call >= on && call <= through) this.#findLastCall(thread);
    return gone;
  }
  /** What somebody said who is ignored now is no news. */
  ignore(user: string): void {
    this.reading.read(user);
    for (const thread of this.all.values())
      if (isRoom(thread.name)) {
        for (const entry of thread.entries)
          if (entry.type === "message" && entry.from === user) this.reading.heard(thread.name, entry);
        this.#findLastCall(thread);
      }
  }
  /** What called this person may do so no more: what else does, is looked for. */
  #findLastCall(thread: Thread): void {
    const { name, entries, from } = thread;
    const last = entries.findLast((entry) => entry.type === "message" && this.reading.isFor(entry)) as
      Message | undefined;
    this.reading.callIs(name, last?.seq ?? 0);
    if (last === undefined && from > 1) void this.#findCall(thread);
  }

  /** Lets go of a room's oldest entries; returns whether there were too many. */
  trim(thread: Thread): boolean {
    if (thread.entries.length <= KEPT * 1.5 || !isRoom(thread.name)) return false;
    const last = lastOf(thread);
    thread.entries = thread.entries.slice(-Math.max(KEPT, thread.entries.length - DROPPED));
    thread.from = thread.entries.find((entry) => entry.type === "message")?.seq ?? last + 1;
    return true;
  }

  // ---- what the server has ----

  /** Whether nothing older is on the server. */
  isComplete({ from }: Stretch): boolean {
    return from <= 1;
  }
  /** Whether a room was entered whose last messages are on their way. */
  isArriving(thread: Thread): boolean {
    return isRoom(thread.name) && lastOf(thread) < this.reading.head(thread.name);
  }
  /** Whether some of what one wants to see first is not here: what is unread, or the last messages with a person. */
  isShort({ name, from, entries }: Thread): boolean {
    if (from === UNKNOWN || from <= 1) return false;
    if (isRoom(name)) return from > this.reading.position(name) + 1;
    return entries.reduce((count, { type }) => count + Number(type === "message"), 0) < LIMITS.backlog;
  }

  /** Reads what one wants to see first, as far as it is not here. */
  async fill(thread: Thread): Promise<void> {
    if (!isRoom(thread.name)) return this.older(thread);
    const { from } = thread;
    const after = this.reading.position(thread.name);
    const pages: Message[][] = [];
    for (let before = from; before > after + 1 && before > from - FAR; before = pages[0]![0]!.seq) {
      const limit = Math.min(LIMITS.page, before - from + FAR);
      const page = await this.read(thread, { after, before, limit });
      if (page === undefined || page.length === 0) break;
      pages.unshift(page);
    }
    if (pages.length > 0) this.prepend(thread, from, pages.flat());
  }

  /** Reads what was said before what is here. */
  async older(stretch: Stretch, limit = OLDER): Promise<void> {
    const { from } = stretch;
    const messages = await this.read(stretch, { before: from, limit });
    if (messages !== undefined) this.prepend(stretch, from, messages);
  }
  /** Puts what came before `from` there, unless the stretch begins elsewhere by now. */
  prepend(stretch: Stretch, from: number, messages: readonly Message[]): void {
    if (stretch.from !== from) return;
    stretch.entries = [...messages, ...stretch.entries];
    stretch.from = messages[0]?.seq ?? 0;
    if (isRoom(stretch.name) && stretch === this.all.get(stretch.name))
      for (const message of messages) this.reading.heard(stretch.name, message);
  }
  /** Messages of a thread, oldest first; `undefined` if that was refused. They may have been read before they were removed. */
  async read({ name }: Stretch, range: Range): Promise<Message[] | undefined> {
    const messages = await this.#ask({ type: "history", ...placeOf(name), ...range });
    const entries = this.all.get(name)?.entries ?? [];
    const acts = entries.filter((entry) => entry.type === "message" && entry.act === "remove") as Message[];
    return messages?.map((message) => acts.reduce(without, message));
  }

  /** The newest messages that contain all these words, of a thread or of all, oldest first, but for those of people who are ignored;
   *  `undefined` if that was refused. */
  async find(thread: Thread | undefined, match: string): Promise<Message[] | undefined> {
    const range = { limit: LIMITS.page, match };
    const asked = thread === undefined ? this.#ask({ type: "history", to: ALL, ...range }) : this.read(thread, range);
    return (await asked)?.filter((message) => !this.reading.ignored.hides(message));
  }

  /** What a message said that was removed, as hosts are told. */
  async was({ to, seq, was }: Message): Promise<string | undefined> {
    return was ?? (await this.#ask({ type: "history", to, after: seq - 1, before: seq + 1 }))?.[0]?.was;
  }

  /** Looks for mentions of this person among what is unread and not here, one room after the other: a search is dear. */
  async findCalls(): Promise<void> {
    for (const thread of this.all.values()) if (isRoom(thread.name)) await this.#findCall(thread);
  }
  async #findCall(thread: Thread): Promise<void> {
    if (!this.isShort(thread)) return;
    const { name, from: before } = thread;
    const after = this.reading.position(name);
    const range = { type: "history", to: name, after, before, limit: LIMITS.page } as const;
    const found = await this.#ask({ ...range, match: this.#user });
    const call = found?.findLast((message) => this.reading.isFor(message));
    if (call !== undefined) this.reading.called(name, call.seq);
  }

  // ---- what the page says itself ----

  /** Adds a line of the page itself. */
  note(thread: Thread, text: string): Note {
    const note: Note = { type: "note", at: Date.now(), text };
    thread.entries.push(note);
    return note;
  }

  /** Who came or went: the note that tells, new or changed; without a text when there is nothing to tell any more. The lobby has none of
   *  its own: whoever comes in is in the lobby, so it tells about the whole chat. */
  presence(presence: Presence): { thread: Thread; note: Note } | undefined {
    const { type, to, users } = presence;
    const thread = this.get(to === "*" ? LOBBY : to);
    if (to !== "*") for (const user of users) type === "joined" ? thread.users.add(user) : thread.users.delete(user);
    if (to === LOBBY) return undefined;
    const note = lastRun(thread) ?? this.note(thread, "");
    fold((note.run ??= new Map()), { ...presence, users: users.filter((user) => !this.reading.ignored.has(user)) });
    note.text = describe(note.run);
    if (note.text === "") thread.entries.splice(thread.entries.lastIndexOf(note), 1);
    return { thread, note };
  }

  // ---- where we are ----

  /** A room was entered; its messages follow. */
  entered({ to, users, seq, seen }: { to: string; users: string[]; seq: number; seen: number }): void {
    const thread = this.get(to);
    thread.users = new Set(users);
    if (thread.from === UNKNOWN) thread.from = Math.max(0, seq - LIMITS.backlog) + 1;
    this.reading.entered(to, seq, seen);
  }
  /** Signed in; what waits in the inbox follows. */
  inbox({ seq, seen }: { seq: number; seen: number }): void {
    if (this.#inboxFrom === UNKNOWN) this.#inboxFrom = seen + 1;
    for (const thread of this.all.values())
      if (!isRoom(thread.name) && thread.from === UNKNOWN) thread.from = this.#inboxFrom;
    this.reading.inbox(seq, seen);
  }
  /** An older copy of the server: what we know of this conversation is not true any more. */
  reset(to: string): void {
    for (const thread of this.all.values()) {
      if (to === "@" ? isRoom(thread.name) : thread.name !== to) continue;
      thread.entries = thread.entries.filter(({ type }) => type === "note");
      thread.fresh = undefined;
      thread.from = UNKNOWN;
    }
    if (to === "@") this.#inboxFrom = UNKNOWN;
    this.reading.forget(to);
  }
}

/** A message after an act: emptied, if the act removes it. */
function without(message: Message, act: Message): Message {
  return message.removed === undefined && covers(act, message) ? emptied(message, act.from) : message;
}
/** Empties what an act removes in a stretch; returns what that is now. */
export function emptyIn(stretch: Stretch, act: Message): Message[] {
  const gone: Message[] = [];
  stretch.entries = stretch.entries.map((entry) => {
    const left = entry.type === "message" ? without(entry, act) : entry;
    if (left !== entry) gone.push(left as Message);
    return left;
  });
  return gone;
}
/** What `history` calls a thread. */
function placeOf(name: string): { to: string; with?: string } {
  return isRoom(name) ? { to: name } : { to: "@", with: name };
}
/** The seq up to which a thread is here. */
function lastOf({ entries, from }: Thread): number {
  return entries.findLast((entry) => entry.type === "message")?.seq ?? from - 1;
}
/** The note about who came and went since something was said. */
function lastRun({ entries }: Thread): Note | undefined {
  const entry = entries.findLast((one) => one.type === "message" || one.run !== undefined);
  return entry?.type === "note" ? entry : undefined;
}
