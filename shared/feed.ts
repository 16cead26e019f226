// feed.ts: what has happened on a connection and was not read yet: a queue for one reader, in the order in which it
// happened. Holds back what was missed while a connection resumes, so that its number can be told first. Knows no
// socket.

import type { Event, Request, Setting } from "../protocol.ts";
import { LIMITS, MAX_MESSAGE_LENGTH } from "../protocol.ts";
import { truncateMessage } from "./text.ts";
import type { Answer } from "./unanswered.ts";

/** What a connection hands on: what others do, answers, and what becomes of the connection itself. */
export type ClientEvent =
  | Exclude<Event, { type: "ok" | "ping" }>
  | Answered
  | Entered
  | Inbox
  | { type: "gone"; to: string; isExpelled?: true } // a room: this account has left it on another device, or a host took it out
  | { type: "reset"; to: string } // the server was restored from an older copy of this conversation
  | Online
  | { type: "caught up"; missed: number } // all that was missed has been handed on: so many messages
  | Offline;
/** A room was entered; this comes before its messages. */
export interface Entered {
  type: "entered";
  to: string;
  users: string[];
  seq: number; // of its last message
  seen: number; // how far this account has read it
  settings: readonly Setting[]; // what hosts have set there
  epoch?: string | undefined; // of the history in which `seq` is a place; a server of version 1 tells none
}
/** Signed in; this comes before what waits in the inbox. */
export interface Inbox {
  type: "inbox";
  seq: number; // of its last message
  seen: number;
  hosts: readonly string[];
  settings: readonly Setting[]; // what hosts have set for all, and whether this account is muted
}
/** The answer to a request made by `send`. All that came before it was handed on before it. */
export interface Answered {
  type: "answered";
  request: Request;
  answer: Answer;
}
export interface Online {
  type: "online";
  missed: number; // so many missed messages follow; more than 2,000 are not counted
  server?: string | undefined; // which one, where there are several
}
export interface Offline {
  type: "offline";
  code: string; // "lost", or why a try failed: see `Refused`
  reason: string;
  retry: number; // ms until the next try
  server?: string | undefined; // that is tried then, where there are several
}

const MAX_UNREAD = 1_000; // events that may wait for the reader before nothing more should come in
// The same while an answer is awaited: more than a full inbox and the last messages of every room, which come before a
// sign-in is over; and a limit, so that a hostile server that never answers cannot fill the memory.
const MAX_UNREAD_ASKING = 2 * LIMITS.inbox;
const MAX_HELD = 2_000; // events that are held back; more would only make the first ones late
const MAX_NAMES = 1_000; // of one `joined` or `left`

export class Feed {
  #unread: ClientEvent[] = [];
  #held: ClientEvent[] | undefined;
  #wake: (() => void) | undefined; // the reader, who waits
  #full = false;
  #closed = false;
  #server: string | undefined; // that it comes from, where there are several

  /** Backpressure: whether nothing more should come in until the reader has caught up. While an answer `isAwaited`,
   *  much more may wait: it may be the reader who waits for it, and would never read on. */
  isFull(isAwaited: boolean): boolean {
    const limit = isAwaited ? MAX_UNREAD_ASKING : MAX_UNREAD;
    this.#full = this.#unread.length >= (this.#full ? limit / 2 : limit);
    return this.#full;
  }

  tell(event: ClientEvent): void {
    if (this.#held !== undefined) {
      this.#held.push(bounded(event));
      if (this.#held.length >= MAX_HELD) this.release(true);
      return;
    }
    this.#unread.push(bounded(event));
    this.#wake?.();
  }

  /** From now on everything is held back; it comes from this server, where there are several. */
  hold(server?: string): void {
    this.#server = server;
    this.#held = [];
  }

  /** Hands on what was held back; the number of its messages first, if that is because we are online. */
  release(online: boolean): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    const missed = held.filter(({ type }) => type === "message").length;
    if (online) this.tell({ type: "online", missed, server: this.#server });
    for (const event of held) this.tell(event);
  }

  /** The next event, `undefined` when the feed is closed and all was read. One reader at a time. */
  async next(): Promise<ClientEvent | undefined> {
    while (this.#unread.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#unread.shift();
  }

  /** Nothing more will be told. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

/** No larger than an honest server sends it, so that what waits for the reader stays bounded. */
function bounded(event: ClientEvent): ClientEvent {
  if ("users" in event && event.users.length > MAX_NAMES) return { ...event, users: event.users.slice(0, MAX_NAMES) };
  if ("text" in event && event.text.length > MAX_MESSAGE_LENGTH)
    return { ...event, text: truncateMessage(event.text).text };
  return event;
}
