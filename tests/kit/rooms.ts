// rooms.ts: rooms and their pipeline on a history of their own, without a server, and people who keep what they are sent.

import { join } from "node:path";
import type { Event } from "../../protocol.ts";
import { inboxOf } from "../../server/conversations.ts";
import type { Member, Payload } from "../../server/delivery.ts";
import type { History } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { House } from "../../server/house.ts";
import { Pipeline } from "../../server/pipeline.ts";
import { Presence } from "../../server/presence.ts";
import { Rooms } from "../../server/rooms.ts";
import { Says } from "../../server/says.ts";
import { Slices } from "../../server/slices.ts";
import { temporaryFolder } from "./harness.ts";

/** A clock that a test moves, and what is to be done at a later time. */
export class Clock {
  now = 0; // ms
  #later: { at: number; work: () => void }[] = [];

  readonly time = () => this.now;
  readonly after = (ms: number, work: () => void) => void this.#later.push({ at: this.now + ms, work });

  /** When the next work is due, in ms from now; Infinity if there is none. */
  get next(): number {
    return Math.min(...this.#later.map(({ at }) => at)) - this.now;
  }
  /** Lets time pass, up to the next work, and does it. */
  goOn(): void {
    if (this.#later.length > 0) this.now += Math.max(0, this.next);
    const due = this.#later.filter(({ at }) => at <= this.now);
    this.#later = this.#later.filter(({ at }) => at > this.now);
    for (const { work } of due) work();
  }
}

/** Rooms and a pipeline on one history, as server.ts wires them, but for the clock, which stands still unless the test moves it. */
export function wire(history: History, report: (event: string, problem: unknown) => void = () => {}) {
  const clock = new Clock();
  const house = openHouse();
  const pipeline: Pipeline = new Pipeline(history, house, (entries) => rooms.deliver(entries), report);
  const presence = new Presence(() => pipeline.wake(), clock.time, clock.after);
  const slices = new Slices(clock.time);
  const rooms = new Rooms(history, pipeline, slices, clock.time, presence);
  return { rooms, pipeline, history, clock, slices };
}
export type Wired = ReturnType<typeof wire>;

/** A house in which nothing is set, and nobody is a host. */
export function openHouse(): House {
  return new House({ isHost: () => false, now: Date.now, elapsed: () => performance.now(), tried: () => {} });
}

/** A history whose `append` does something else as well, or fails. */
export function withAppend(history: History, append: History["append"]): History {
  return {
    epoch: history.epoch,
    append,
    read: (...args) => history.read(...args),
    newest: (...args) => history.newest(...args),
    head: (...args) => history.head(...args),
    partners: (...args) => history.partners(...args),
    positions: (...args) => history.positions(...args),
    followers: (...args) => history.followers(...args),
    settings: () => history.settings(),
    removed: (...args) => history.removed(...args),
    find: (...args) => history.find(...args),
    erase: () => history.erase(),
    copy: (...args) => history.copy(...args),
    close: () => history.close(),
  };
}

/** How far an account has read a conversation, its inbox if none is named. */
export async function seenBy(history: History, account: string, conversation = inboxOf(account)): Promise<number> {
  return (await history.positions(account)).get(conversation) ?? 0;
}

/** The same on a history of their own. */
export function openRooms(): Wired & { problems: string[] } & Disposable {
  const folder = temporaryFolder();
  const history = openHistory(join(folder.path, "chat.db"));
  const problems: string[] = [];
  return {
    ...wire(history, (event, problem) => problems.push(`${event}: ${problem}`)),
    problems,
    [Symbol.dispose]() {
      history.close();
      folder[Symbol.dispose]();
    },
  };
}

/** What is sent to those who read lines or frames, as text. */
export function textOf(payload: Payload): string {
  return new TextDecoder().decode(payload.bytes);
}

/** A member that keeps what it is sent. */
export class Person implements Member {
  readonly user: string;
  readonly text: boolean;
  readonly says = new Says();
  partner: string | undefined;
  gone = false;
  payloads: Payload[] = [];
  onSend = () => {};
  /** Its reader is busy until this resolves. */
  reading: Promise<void> = Promise.resolve();

  constructor(user: string, text = false) {
    this.user = user;
    this.text = text;
  }
  send(payload: Payload): void {
    this.payloads.push(payload);
    this.onSend();
  }
  readyForPage(): Promise<void> {
    return this.reading;
  }
  wasWrittenBy(from: string): void {
    this.partner = from;
  }
  refuse(): void {
    this.gone = true;
  }
  wasPutOut(): void {}
  get events(): Event[] {
    const lines = this.payloads.flatMap((payload) => textOf(payload).split("\n")).filter(Boolean);
    return lines.map((line) => JSON.parse(line));
  }
  get seqs(): number[] {
    return this.events.flatMap((event) => (event.type === "message" ? [event.seq] : []));
  }
}

export async function enter(rooms: Rooms, member: Member, name: string, since?: number) {
  let at: { head: number; reset: boolean } | undefined;
  await rooms.enter(member, name, {
    since,
    start: (head) => head - 50,
    begin: (told) => {
      at = told;
    },
  });
  return at!;
}

/** Says a line and waits until it is stored and delivered. */
export const say = ({ pipeline }: Wired, by: Member, text: string, id?: string) =>
  pipeline.post({ to: "#lab", from: by.user, text, by, id }).settled;

export const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n);
