// tabs.ts: the rooms somebody is in, as they see them: which one is on the screen, what waits in the others, where new
// messages begin. Holds little of what is not shown: the history has the rest. Prints nothing.

import type { Message } from "../protocol.ts";
import { LOBBY } from "../shared/names.ts";

export interface Tab {
  readonly name: string;
  head: number | undefined; // seq of the last message from before we came; not known until the server has answered
  held: Message[]; // not shown, because another room is on the screen
  news: number; // how many came, held or dropped
  mentioned: boolean;
  fresh: boolean; // old messages were shown, and no new one yet
}

const MAX_HELD = 100; // messages of one room
const NOTHING = { held: [], news: 0, mentioned: false, fresh: false };

export class Tabs {
  /** The room on the screen. */
  current: string = LOBBY;
  readonly #tabs = new Map<string, Tab>(); // in the order of their numbers

  get names(): string[] {
    return [...this.#tabs.keys()];
  }
  get(name: string): Tab | undefined {
    return this.#tabs.get(name);
  }

  /** A room that is being entered: it has its number already. */
  open(name: string): void {
    if (!this.#tabs.has(name)) this.#tabs.set(name, { name, head: undefined, ...NOTHING, held: [] });
  }

  /** It was entered: messages up to `head` are old. */
  enter(name: string, head: number): void {
    this.#tabs.set(name, { name, head, ...NOTHING, held: [], fresh: head > 0 });
  }

  close(name: string): void {
    this.#tabs.delete(name);
    if (this.current === name) this.current = LOBBY;
  }

  /** Puts a room on the screen, and takes what waited there. */
  show(name: string): { held: Message[]; news: number } {
    this.current = name;
    const tab = this.#tabs.get(name);
    if (tab === undefined) return { held: [], news: 0 };
    const { held, news } = tab;
    Object.assign(tab, { ...NOTHING, held: [], fresh: tab.fresh && news === 0 });
    return { held, news };
  }

  /** Keeps a message until its room is on the screen. */
  hold(tab: Tab, message: Message, loud: boolean): void {
    tab.news++;
    tab.mentioned ||= loud;
    tab.held.push(message);
    if (tab.held.length > MAX_HELD) tab.held.shift();
  }

  /** The room to look at next: where somebody was called first, then where something waits. */
  next(): string | undefined {
    const waiting = [...this.#tabs.values()].filter(({ news, head }) => news > 0 && head !== undefined);
    return (waiting.find(({ mentioned }) => mentioned) ?? waiting[0])?.name;
  }

  /** What waits where: `2:lab 3`, with `!` where somebody was called. */
  waiting(): string[] {
    return [...this.#tabs.values()].flatMap(({ name, news, mentioned, head }, i) =>
      news > 0 && head !== undefined ? [`${i + 1}:${name.slice(1)} ${news}${mentioned ? "!" : ""}`] : [],
    );
  }
}
