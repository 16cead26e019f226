// delivery.ts: the fan-out, from events to bytes for many. One shared buffer for all members who read the same, frames or
// lines, and one write a member. Decides nothing about who is where or what was stored.

import type { Event } from "../protocol.ts";
import { encode } from "../protocol.ts";
import { render } from "../shared/render.ts";
import { textFrame } from "./frames.ts";
import type { Says } from "./says.ts";

/** What is sent to many: the text once, and its bytes, as they are and as a WebSocket's frame, made at most once, however many
 *  sockets they go to. */
export class Payload {
  readonly text: string;
  #bytes: Uint8Array | undefined;
  #frame: Uint8Array | undefined;

  constructor(text: string) {
    this.text = text;
  }
  get bytes(): Uint8Array {
    return (this.#bytes ??= Buffer.from(this.text));
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
  /** A person at a text session was shown a direct message: `from` is who `/reply` answers. */
  wasWrittenBy(from: string): void;
  /** Resolves when a page of a replay may be read for it and sent: its reader has caught up, and it is its turn. `isLast`: no
   *  other page is known to follow. */
  readyForPage(isLast: boolean): Promise<void>;
}

/** One event of a delivery, for everybody in the conversation, for one member only, or for all but one. */
export interface Entry {
  event: Event;
  only?: Member;
  not?: Member;
}

/** Sends the entries to every member: one shared buffer for all who read the same, one write a member.
 *  A Set may lose members while it is walked and the walk skips nobody, so a member that is cut off here harms no other. */
export function broadcast(members: Iterable<Member>, entries: readonly Entry[]): void {
  const personal = new Set<Member>();
  const named = new Set<string>();
  for (const { event, only, not } of entries) {
    if (only !== undefined) personal.add(only);
    if (not !== undefined) personal.add(not);
    if (event.type === "joined" || event.type === "left") for (const user of event.users) named.add(user);
  }
  let frames: Payload | undefined;
  let lines: Payload | undefined;
  for (const member of members) {
    if ((personal.size > 0 && personal.has(member)) || (named.size > 0 && named.has(member.user)))
      member.send(compose(forMember(entries, member), member));
    else if (member.text) member.send((lines ??= compose(forMember(entries, member), member)));
    else member.send((frames ??= compose(forMember(entries, member), member)));
  }
}

/** The events a member is to see: without its own coming and going, and without what is for another only. */
function forMember(entries: readonly Entry[], member: Member): Event[] {
  const events: Event[] = [];
  for (const { event, only, not } of entries) {
    if (not === member || (only !== undefined && only !== member)) continue;
    if (event.type !== "joined" && event.type !== "left") events.push(event);
    else if (event.users.some((user) => user !== member.user))
      events.push({ ...event, users: event.users.filter((user) => user !== member.user) });
  }
  return events;
}

/** Events as one member reads them; `late` for messages that are told after the fact. */
export function compose(events: readonly Event[], { text, user }: Member, late = false): Payload {
  if (!text) return new Payload(events.map(encode).join(""));
  return new Payload(
    events
      .flatMap((event) => render(event, { user, late }))
      .map((line) => line + "\n")
      .join(""),
  );
}
