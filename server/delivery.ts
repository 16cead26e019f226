// delivery.ts: the fan-out, from events to bytes for many. One shared buffer for all members who read the same, frames or
// lines, and one write a member. Decides nothing about who is where or what was stored.

import type { Event, Refusal } from "../protocol.ts";
import { encode } from "../protocol.ts";
import type { Viewer } from "../shared/render.ts";
import { render, renderMessage } from "../shared/render.ts";
import { textFrame } from "./frames.ts";
import type { Says } from "./says.ts";

/** With `Buffer.from` a message costs 0.2 µs more (1.4 instead of 1.2 without store and kernel): the garbage collector runs twice
 *  as often. */
const UTF8 = new TextEncoder();

/** What is sent to many: lines, as text or as the UTF-8 bytes of it. Their bytes, as they are and as a WebSocket's frame, are made
 *  at most once, however many sockets they go to. */
export class Payload {
  readonly #lines: string | Uint8Array;
  #bytes: Uint8Array | undefined;
  #frame: Uint8Array | undefined;

  constructor(lines: string | Uint8Array) {
    this.#lines = lines;
  }
  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }
  get bytes(): Uint8Array {
    return (this.#bytes ??= typeof this.#lines === "string" ? UTF8.encode(this.#lines) : this.#lines);
  }
  get frame(): Uint8Array {
    return (this.#frame ??= textFrame(this.bytes));
  }
}

/** One connection, as far as rooms know it. `send` MUST NOT throw and MUST NOT block. */
export interface Member {
  readonly user: string;
  readonly text: boolean; // reads lines instead of frames
  readonly gone: boolean; // its connection has ended: it enters nothing more
  readonly says: Says; // the order of what it says
  send(payload: Payload): void;
  /** Ends it with a last word. */
  refuse(refusal: Refusal): void;
  /** It is in a room no more, and has not left it by itself. */
  wasPutOut(room: string): void;
  /** A person at a text session was shown a direct message: `from` is who `/reply` answers. */
  wasWrittenBy(from: string): void;
  /** Resolves when a page of a replay may be read for it and sent: its reader has caught up, and it is its turn. `isLast`: no
   *  other page is known to follow. */
  readyForPage(isLast: boolean): Promise<void>;
}

/** One event of a delivery, for everybody in the conversation, for one member only, or for all but one. */
export interface Entry {
  event: Event;
  line?: string | undefined; // the event as a frame, where it was encoded already
  only?: Member | undefined;
  not?: Member | undefined;
}

/** Sends the entries to every member: one shared buffer for all who read the same, one write a member.
 *  A Set may lose members while it is walked and the walk skips nobody, so a member that is cut off here harms no other. */
export function broadcast(members: Iterable<Member>, entries: readonly Entry[]): void {
  const all = new Broadcast(entries);
  for (const member of members) all.to(member);
}

/** Entries that are sent to one member after the other. */
export class Broadcast {
  readonly #entries: readonly Entry[];
  readonly #personal = new Set<Member>(); // who is sent more or less than the others
  readonly #named = new Set<string>(); // whose own coming or going is among what is told
  #frames: Edition | undefined;
  #lines: Edition | undefined;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries;
    for (const { event, only, not } of entries) {
      if (only !== undefined) this.#personal.add(only);
      if (not !== undefined) this.#personal.add(not);
      if (event.type === "joined" || event.type === "left") for (const user of event.users) this.#named.add(user);
    }
  }

  to(member: Member): void {
    const edition = member.text
      ? (this.#lines ??= new Edition(this.#entries, asLines))
      : (this.#frames ??= new Edition(this.#entries, asFrame));
    const isPersonal =
      (this.#personal.size > 0 && this.#personal.has(member)) || (this.#named.size > 0 && this.#named.has(member.user));
    member.send(isPersonal ? edition.for(member) : edition.shared(member));
  }
}

type Form = (entry: Entry, member: Member) => string;

/** What those read who read frames, or lines. A message is composed once for all of them: in a room it reads the same to
 *  everybody, and an inbox has one reader. */
class Edition {
  readonly #entries: readonly Entry[];
  readonly #form: Form;
  readonly #messages: string[] = []; // by the places of the entries
  #shared: Payload | undefined;

  constructor(entries: readonly Entry[], form: Form) {
    this.#entries = entries;
    this.#form = form;
  }

  /** For every member whom no entry is about. */
  shared(member: Member): Payload {
    return (this.#shared ??= this.for(member));
  }

  /** Without the member's own coming and going, and without what is for another only. */
  for(member: Member): Payload {
    let told = "";
    for (let i = 0; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      const { event, only, not } = entry;
      if (not === member || (only !== undefined && only !== member)) continue;
      if (event.type === "message") told += this.#messages[i] ??= this.#form(entry, member);
      else if (event.type === "joined" || event.type === "left") {
        const users = without(event.users, member.user);
        if (users.length > 0) told += this.#form({ event: { type: event.type, to: event.to, users } }, member);
      } else told += this.#form(entry, member);
    }
    return new Payload(told);
  }
}

function asFrame({ event, line }: Entry): string {
  return line ?? encode(event);
}
function asLines({ event }: Entry, { user }: Member): string {
  return event.type === "message" ? renderMessage(event, user) + "\n" : linesOf(event, { user });
}

/** An event as the lines a person reads, each with its LF. */
export function linesOf(event: Event, viewer: Viewer): string {
  let text = "";
  for (const line of render(event, viewer)) text += line + "\n";
  return text;
}

/** Events as one member reads them; `late` for messages that are told after the fact. */
export function compose(events: readonly Event[], { text, user }: Member, late = false): Payload {
  let told = "";
  for (const event of events) told += text ? linesOf(event, { user, late }) : encode(event);
  return new Payload(told);
}

/** A list without one of its names. */
function without(names: string[], name: string): string[] {
  const at = names.indexOf(name);
  return at < 0 ? names : names.slice(0, at).concat(names.slice(at + 1));
}
