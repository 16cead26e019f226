// presence.ts: who came and went since that was last told, by conversation, and when it is told. Telling everybody costs as much as
// there are people, so who comes and goes is told together, and telling it takes at most a tenth of the time. Knows nobody's connection.

import { isRoom } from "../shared/names.ts";
import { EVERYBODY } from "./conversations.ts";
import type { Entry } from "./delivery.ts";

const GATHER = 20; // ms from a change until it is told, with all that come meanwhile
const REST = 10; // times as long as telling took, nothing is told that can wait
const MAX_REST = 2_000; // ms

/** What happened to an account in a conversation since presence was last told there. */
interface Change {
  wasHere: boolean; // as was last told
  isHere: boolean;
  lists: number; // of the conversation that do not tell others of this change
  isNoticed: boolean; // by somebody, who was given a list or a message, that it was not as it was last told
}
interface Pending {
  readonly changes: Map<string, Change>; // by account
  lists: number; // given out meanwhile
}
/** Who came to a conversation and who went. */
export interface News {
  readonly name: string;
  readonly joined: string[];
  readonly left: string[];
}

export class Presence {
  readonly #wake: () => void;
  readonly #clock: () => number;
  readonly #after: (ms: number, work: () => void) => void;
  readonly #pending = new Map<string, Pending>(); // by conversation
  #isWaiting = false; // until it is due
  #isDue = false;
  #restsUntil = 0; // ms

  /** `wake` is called when something is due: `take` then gives it. `clock` in ms; it must go on while work is done. */
  constructor(
    wake: () => void,
    clock: () => number = () => performance.now(),
    after: (ms: number, work: () => void) => void = (ms, work) => void setTimeout(work, ms).unref(),
  ) {
    this.#wake = wake;
    this.#clock = clock;
    this.#after = after;
  }

  /** An account came to a conversation, or went. Who goes and comes back before that is told was never away, and who comes and goes
   *  was never there, if nobody has noticed. */
  changed(name: string, user: string, isHere: boolean): void {
    let pending = this.#pending.get(name);
    if (pending === undefined) this.#pending.set(name, (pending = { changes: new Map(), lists: 0 }));
    const { changes, lists } = pending;
    const change = changes.get(user);
    if (change === undefined) changes.set(user, { wasHere: !isHere, isHere, lists, isNoticed: false });
    else {
      if (change.isHere !== change.wasHere && change.lists < lists) change.isNoticed = true;
      change.isHere = isHere;
      change.lists = lists;
    }
    this.#wait();
  }

  /** Somebody is given a list of who is there. What is told later must be right for them, too; of themselves nobody is told. */
  listed(name: string, reader?: string): void {
    const pending = this.#pending.get(name);
    if (pending === undefined) return;
    pending.lists++;
    const own = reader === undefined ? undefined : pending.changes.get(reader);
    if (own !== undefined) own.lists++;
  }

  /** Nobody is there any more who could be told. */
  forget(name: string): void {
    this.#pending.delete(name);
  }

  /** What is to be told together with these messages: everything when it is due, or when somebody speaks whose coming was not told;
   *  otherwise that of the rooms in which something is said, for there it costs no write more. */
  take(messages: ReadonlyMap<string, readonly Entry[]>): News[] {
    if (this.#pending.size === 0) return [];
    const isAll = this.#notice(messages) || this.#isDue;
    if (isAll) this.#isDue = false;
    const isSpokenIn = (name: string) => isRoom(name) && messages.get(name)!.some(isForAll);
    const names = isAll ? [...this.#pending.keys()] : [...messages.keys()].filter(isSpokenIn);
    return names.flatMap((name) => this.#newsOf(name) ?? []);
  }

  #newsOf(name: string): News | undefined {
    const pending = this.#pending.get(name);
    if (pending === undefined) return undefined;
    this.#pending.delete(name);
    const joined: string[] = [];
    const left: string[] = [];
    for (const [user, { wasHere, isHere, isNoticed }] of pending.changes) {
      if (isHere === wasHere && !isNoticed) continue;
      if (isHere || !wasHere) joined.push(user);
      if (!isHere) left.push(user);
    }
    return joined.length + left.length > 0 ? { name, joined, left } : undefined;
  }

  /** Does what it takes to tell, after which presence rests. */
  tell(work: () => void): void {
    const began = this.#clock();
    work();
    const now = this.#clock();
    this.#restsUntil = Math.min(Math.max(this.#restsUntil, now) + REST * (now - began), now + MAX_REST);
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#after(Math.max(GATHER, this.#restsUntil - this.#clock()), () => {
      this.#isWaiting = false;
      if (this.#pending.size === 0) return;
      if (this.#clock() < this.#restsUntil) return this.#wait(); // somebody was in a hurry meanwhile
      this.#isDue = true;
      this.#wake();
    });
  }

  /** Whoever speaks is noticed. Whether somebody does whose coming to the chat was not told. */
  #notice(messages: ReadonlyMap<string, readonly Entry[]>): boolean {
    const everybody = this.#pending.get(EVERYBODY);
    let isUrgent = false;
    for (const [name, entries] of messages) {
      const here = this.#pending.get(name);
      if (everybody === undefined && here === undefined) continue;
      for (const entry of entries) {
        if (entry.event.type !== "message" || !isForAll(entry)) continue;
        const { from } = entry.event;
        for (const change of [everybody?.changes.get(from), here?.changes.get(from)])
          if (change?.wasHere === false) change.isNoticed = true;
        isUrgent ||= everybody?.changes.get(from)?.wasHere === false;
      }
    }
    return isUrgent;
  }
}

function isForAll({ only }: Entry): boolean {
  return only === undefined;
}
