// tabs.ts: the conversations somebody has open, rooms and people: which one is on the screen, how far each was read, and what
// is unread there. Holds the last lines of each: the server has the rest. Prints nothing and asks nobody.

import type { Message, Seen } from "../protocol.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { emptyRemoved } from "./removed.ts";

export interface Tab {
  readonly name: string; // "#lab", or a person's
  head: number | undefined; // seq of its last message; of a room not known until the server has let us in
  seen: number; // seq up to which it was read
  recent: Message[]; // the last ones, up to the head and without a hole
  mine: number[]; // seqs of what this account itself said after `seen`, as far as it came
  ignored: number[]; // seqs after `seen` of what people said whom this one ignores, as far as it came
  calls: number[]; // seqs of what was said to this person after `seen`
  users: string[]; // who was there when the room was entered
  state: "hidden" | "opening" | "shown"; // opening: it is the current one, and what is to be shown is being fetched
  isRuled: boolean; // where the unread ones begin is marked on the screen
  arriving: PromiseWithResolvers<void> | undefined; // what was said before it was entered is still coming
}

const KEYS = 9; // Alt+1 to Alt+9
const MAX_HELD = 100; // messages of one conversation

export class Tabs {
  /** The conversation on the screen. */
  current: string = LOBBY;
  /** The last place in the inbox that is known. */
  inbox = 0;
  readonly #user: string;
  readonly #tabs = new Map<string, Tab>(); // in the order of their numbers

  constructor(user: string) {
    this.#user = user;
  }

  get names(): string[] {
    return [...this.#tabs.keys()];
  }
  /** All that are open. */
  get all(): Tab[] {
    return [...this.#tabs.values()];
  }
  get(name: string): Tab | undefined {
    return this.#tabs.get(name);
  }

  /** A room that is being entered has its number already; of what was written with a person everything up to `read` was read. */
  open(name: string, read = this.inbox): Tab {
    const known = this.#tabs.get(name);
    if (known !== undefined) return known;
    const [head, seen] = isRoom(name) ? [undefined, 0] : [read, read];
    const tab: Tab = {
      ...{ name, head, seen, recent: [], mine: [], ignored: [], calls: [], users: [] },
      ...{ state: "hidden", isRuled: false, arriving: undefined },
    };
    this.#tabs.set(name, tab);
    return tab;
  }

  /** A room was entered, for the first time or again: its last message is `head`, and this account has read it up to `seen`. */
  enter(name: string, { seq, seen, users }: { seq: number; seen: number; users: string[] }): void {
    const tab = this.open(name);
    tab.head = Math.max(seq, tab.head ?? 0);
    tab.users = users;
    this.read(tab, seen);
    if (this.#isWhole(tab)) this.#arrived(tab);
    else tab.arriving ??= Promise.withResolvers();
  }

  close(name: string): void {
    const tab = this.#tabs.get(name);
    if (tab !== undefined) this.#arrived(tab);
    this.#tabs.delete(name);
    if (this.current === name) this.current = LOBBY;
  }

  /** The server was restored from an older copy of a room, or of the inbox ("@"): what is held are no places there. */
  restore(to: string): void {
    if (to === "@") this.inbox = 0;
    for (const tab of this.all)
      if (tab.name === to || (to === "@" && !isRoom(tab.name)))
        Object.assign(tab, { head: isRoom(to) ? undefined : 0, seen: 0, recent: [], mine: [], ignored: [], calls: [] });
  }

  /** Signed in: the last place in the inbox, and how far this account has read it. */
  signIn(seq: number, seen: number): void {
    this.inbox = seq;
    for (const tab of this.all) if (!isRoom(tab.name) && tab.head === 0) tab.seen = seen; // it was restored
  }

  /** A message has come. `isCall`: it is for this person. */
  take(tab: Tab, message: Message, isCall: boolean): void {
    const { seq, from } = message;
    if (seq <= (tab.recent.at(-1)?.seq ?? 0)) return; // the answer to a line that was sent again
    tab.head = Math.max(seq, tab.head ?? 0);
    tab.recent.push(message);
    if (tab.recent.length > MAX_HELD && tab.state !== "opening") tab.recent.shift();
    if (seq > tab.seen && from === this.#user) tab.mine.push(seq);
    if (seq > tab.seen && isCall) tab.calls.push(seq);
    if (this.#isWhole(tab)) this.#arrived(tab);
  }

  /** These messages are of people whom this one ignores, and no others of the tab: they are no news, and call nobody. */
  ignore(tab: Tab, messages: readonly Message[]): void {
    const seqs = new Set(messages.map(({ seq }) => seq));
    tab.ignored = [...seqs].filter((seq) => seq > tab.seen);
    tab.calls = tab.calls.filter((seq) => !seqs.has(seq));
  }

  /** Messages were removed: they are held no longer, and call nobody. `keeps`: see `emptyRemoved`. */
  empty(tab: Tab, keeps: boolean): void {
    tab.recent = emptyRemoved(tab.recent, keeps);
    const removed = new Set(tab.recent.filter((message) => message.removed !== undefined).map(({ seq }) => seq));
    tab.calls = tab.calls.filter((seq) => !removed.has(seq));
  }

  /** Calls that were made before what is held. */
  call(tab: Tab, seqs: readonly number[]): void {
    tab.calls = [...new Set([...seqs.filter((seq) => seq > tab.seen), ...tab.calls])];
  }

  /** A conversation was read up to a seq, here or on another device. */
  read(tab: Tab, seq: number): void {
    tab.seen = Math.max(seq, tab.seen);
    const isUnread = (one: number) => one > tab.seen;
    tab.mine = tab.mine.filter(isUnread);
    tab.ignored = tab.ignored.filter(isUnread);
    tab.calls = tab.calls.filter(isUnread);
    if (tab.seen >= (tab.head ?? 0)) tab.isRuled = false;
  }

  /** A room, or the inbox ("@") with all that is open of it, was read on another device. */
  readElsewhere({ to, seq = 0 }: Seen): void {
    for (const tab of this.all) if (tab.name === to || (to === "@" && !isRoom(tab.name))) this.read(tab, seq);
  }

  /** How many messages of others were not read: of a room those up to its head that did not come are counted, too. */
  unread({ name, head, seen, mine, ignored, calls }: Tab): number {
    if (!isRoom(name)) return calls.length;
    return head === undefined ? 0 : Math.max(0, head - seen - mine.length - ignored.length);
  }

  /** How many messages there are after those that were read, one's own included. */
  after({ name, head = 0, seen, recent, calls }: Tab): number {
    if (isRoom(name)) return Math.max(0, head - seen);
    return Math.max(calls.length, recent.filter(({ seq }) => seq > seen).length);
  }

  /** The conversation to look at next: where somebody was called first, then where something waits. */
  next(): string | undefined {
    const waiting = this.#waiting();
    return (waiting.find(({ tab }) => tab.calls.length > 0) ?? waiting[0])?.tab.name;
  }

  /** What waits where: `2:lab 3`, with `!` where somebody was called. */
  waiting(): string[] {
    return this.#waiting().map(({ tab, number, news }) => {
      const name = isRoom(tab.name) ? tab.name.slice(1) : `@${tab.name}`;
      return `${number}:${name} ${news}${tab.calls.length > 0 ? "!" : ""}`;
    });
  }

  /** How much waits in all of them together, and whether somebody called. */
  get news(): { count: number; isCall: boolean } {
    const waiting = this.all.map((tab) => ({ count: this.unread(tab), isCall: tab.calls.length > 0 }));
    return { count: waiting.reduce((sum, { count }) => sum + count, 0), isCall: waiting.some(({ isCall }) => isCall) };
  }

  /** Rooms that the server told of, those of this person first, with the number of their keys and what is unread:
   *  `1 #lobby (12) · 2 #lab (3, 4 new) · #quiet (1)`. */
  list(rooms: readonly { to: string; users: number }[]): string {
    const users = new Map(rooms.map((room) => [room.to, room.users]));
    const own = this.all.flatMap((tab, i) => {
      const news = this.unread(tab);
      const told = [users.get(tab.name) ?? [], news > 0 ? `${news.toLocaleString("en")} new` : []].flat().join(", ");
      if (!isRoom(tab.name)) return [];
      return `${i < KEYS ? `${i + 1} ` : ""}${tab.name}${told === "" ? "" : ` (${told})`}`;
    });
    const others = rooms.filter(({ to }) => !this.#tabs.has(to)).map((room) => `${room.to} (${room.users})`);
    return [...own, ...others].join(" · ");
  }

  #waiting(): { tab: Tab; number: number; news: number }[] {
    const all = this.all.map((tab, i) => ({ tab, number: i + 1, news: this.unread(tab) }));
    return all.filter(({ tab, news }) => news > 0 && tab.name !== this.current);
  }

  #isWhole({ head = 0, recent }: Tab): boolean {
    return (recent.at(-1)?.seq ?? 0) >= head;
  }
  #arrived(tab: Tab): void {
    tab.arriving?.resolve();
    tab.arriving = undefined;
  }
}
