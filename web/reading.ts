// reading.ts: how far this account has read: each room as the server remembers it for all devices, and the inbox, where this device also
// knows each person by itself. Counts what is unread, however little of it is loaded. Shows nothing and asks nothing.

import type { Message } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { mentions } from "../shared/text.ts";
import { Ignored } from "./ignored.ts";
import { keep, recall, watch } from "./memory.ts";

interface Room {
  head: number; // seq of its last message
  position: number; // seq up to which it was read
  own: Set<number>; // beyond that, what this person said, or somebody whom they ignore: it is not unread
  call: number; // seq of the last message of others, as far as is known, that calls this person
}
export interface ReadingHooks {
  /** A room was read up to a seq. */
  confirm: (room: string, seq: number) => void;
  /** Another tab has read what somebody wrote, or other people are ignored. */
  changed: () => void;
}

export class Reading {
  readonly #user: string;
  readonly ignored: Ignored;
  readonly #store: string;
  readonly #rooms = new Map<string, Room>();
  readonly #unread = new Map<string, number[]>(); // by person: inbox seqs of what they wrote and nobody here has read
  readonly #marks = new Map<string, number>(); // by person: the inbox seq up to which this device has read them
  readonly #confirm: ReadingHooks["confirm"];
  readonly #inbox = { head: 0, position: 0 };

  constructor(user: string, { confirm, changed }: ReadingHooks) {
    this.#user = user;
    this.ignored = new Ignored(user, changed);
    this.#store = `read.${user}`;
    this.#confirm = confirm;
    this.#merge(recall("local", this.#store));
    watch<Record<string, number>>(this.#store, (marks) => {
      this.#merge(marks);
      changed();
    });
  }

  /** The seq up to which a room, or what was written with a person, was read. */
  position(name: string): number {
    if (isRoom(name)) return this.#rooms.get(name)?.position ?? 0;
    return Math.max(this.#inbox.position, this.#marks.get(name) ?? 0);
  }
  /** The seq of a room's last message. */
  head(room: string): number {
    return this.#rooms.get(room)?.head ?? 0;
  }
  /** How many messages of others are unread there. */
  unread(name: string): number {
    if (!isRoom(name)) return this.#unread.get(name)?.length ?? 0;
    const room = this.#rooms.get(name);
    return room === undefined ? 0 : Math.max(0, room.head - room.position - room.own.size);
  }
  /** Whether some of it is meant for this person: a mention, or a direct message. */
  calls(name: string): boolean {
    const room = this.#rooms.get(name);
    return room === undefined ? this.unread(name) > 0 : room.call > room.position;
  }
  /** How far the inbox may be confirmed: up to the first message that nobody has read. */
  get inboxRead(): number {
    let read = this.#inbox.head;
    for (const [first] of this.#unread.values()) if (first !== undefined) read = Math.min(read, first - 1);
    return read;
  }

  /** A room was entered. */
  entered(name: string, head: number, seen: number): void {
    const room = this.#room(name);
    room.head = Math.max(room.head, head);
    advance(room, seen);
  }
  /** Signed in. */
  inbox(head: number, seen: number): void {
    this.#inbox.head = Math.max(this.#inbox.head, head);
    for (const [name, mark] of this.#marks) if (mark > head) this.#marks.delete(name); // of a history that is no more
    this.#inboxRead(seen);
    this.#keep();
  }

  /** A message is here, new or old. */
  heard(name: string, message: Message): void {
    const { seq, from } = message;
    if (!isRoom(name)) return this.#wrote(name, message);
    const room = this.#room(name);
    room.head = Math.max(room.head, seq);
    if (seq <= room.position) return;
    if (from === this.#user || this.ignored.has(from)) room.own.add(seq);
    else if (this.isFor(message)) this.called(name, seq);
  }
  #wrote(name: string, message: Message): void {
    const { seq } = message;
    this.#inbox.head = Math.max(this.#inbox.head, seq);
    if (!this.isFor(message) || seq <= this.position(name)) return;
    const unread = this.#unread.get(name);
    if (unread === undefined) this.#unread.set(name, [seq]);
    else unread.push(seq);
  }
  /** What somebody wrote was removed: it is not unread any more. */
  removed(name: string, messages: readonly Message[]): void {
    const seqs = new Set(messages.map(({ seq }) => seq));
    const unread = this.#unread.get(name);
    if (unread !== undefined)
      this.#unread.set(
        name,
        unread.filter((seq) => !seqs.has(seq)),
      );
  }
  /** A message of others in a room, which may not be here, calls this person. */
  called(name: string, seq: number): void {
    const room = this.#room(name);
    room.call = Math.max(room.call, seq);
  }
  /** Whether a message is meant for this person: a mention, or a private message of somebody else. */
  isFor(message: Message): boolean {
    const { to, from, act, removed } = message;
    if (this.ignored.has(from)) return false;
    if (isRoom(to)) return calls(message, this.#user);
    return from !== this.#user && act === undefined && removed === undefined;
  }
  /** The last call that is known of was removed; now it is another one, or none (0). */
  callIs(name: string, seq: number): void {
    this.#room(name).call = seq;
  }
  /** The seq of the last message of others, as far as is known, that calls this person; 0 if there is none. */
  lastCall(room: string): number {
    return this.#rooms.get(room)?.call ?? 0;
  }

  /** Everything of it was looked at. */
  read(name: string): void {
    if (this.unread(name) === 0 && !this.#isBehind(name)) return;
    if (isRoom(name)) {
      const room = this.#room(name);
      advance(room, room.head);
      return this.#confirm(name, room.head);
    }
    this.#marks.set(name, this.#unread.get(name)!.at(-1)!);
    this.#unread.delete(name);
    this.#keep();
  }
  /** Only what this person said is beyond the position. */
  #isBehind(name: string): boolean {
    const room = this.#rooms.get(name);
    return room !== undefined && room.position < room.head;
  }
  /** Another device has read a room, or the inbox ("@"). */
  readElsewhere(to: string, seq: number): void {
    if (isRoom(to)) advance(this.#room(to), seq);
    else this.#inboxRead(seq);
  }

  /** A room was left, or another history is there. */
  forget(to: string): void {
    this.#rooms.delete(to);
    if (to !== "@") return;
    this.#unread.clear();
    this.#marks.clear();
    this.#inbox.head = this.#inbox.position = 0;
    this.#keep();
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) this.#rooms.set(name, (room = { head: 0, position: 0, own: new Set(), call: 0 }));
    return room;
  }
  #inboxRead(seq: number): void {
    this.#inbox.position = Math.max(this.#inbox.position, seq);
    this.#dropRead();
  }
  #dropRead(): void {
    for (const [name, unread] of this.#unread) {
      const position = this.position(name);
      this.#unread.set(
        name,
        unread.filter((seq) => seq > position),
      );
    }
  }

  // ---- what this device knows of single people; the tabs of one browser share it ----

  #merge(marks: Record<string, number> = {}): void {
    for (const [name, seq] of Object.entries(marks))
      if (!isRoom(name)) this.#marks.set(name, Math.max(seq, this.#marks.get(name) ?? 0)); // 1.0.0 kept rooms there, too
    this.#dropRead();
  }
  /** Keeps what the position of the inbox does not tell. */
  #keep(): void {
    const beyond = [...this.#marks].filter(([, seq]) => seq > this.#inbox.position);
    keep("local", this.#store, beyond.length > 0 ? Object.fromEntries(beyond) : undefined);
  }
}

/** Whether a message calls somebody by name. What hosts did, and what was removed, calls nobody. */
export function calls({ from, text, act, removed }: Message, user: string): boolean {
  return from !== user && act === undefined && removed === undefined && mentions(text, user);
}

function advance(room: Room, seq: number): void {
  room.position = Math.max(room.position, seq);
  for (const own of room.own) if (own <= room.position) room.own.delete(own);
}
