// telling.ts: who came and went, told to all members one after the other in slices of the event loop's time, so that nobody waits
// until all of them are written to. Decides nothing about what is told, and in which order.

import type { Presence } from "../protocol.ts";
import { Broadcast } from "./delivery.ts";
import type { Member } from "./delivery.ts";
import type { Slices } from "./slices.ts";

interface News {
  readonly name: string; // the conversation of which it tells
  readonly broadcast: Broadcast;
}

export class Telling {
  readonly #slices: Slices;
  readonly #pay: (work: () => void) => void;
  readonly #untold = new Map<Member, News[]>(); // whoever has waited longest comes first
  #isWaiting = false; // for a turn of the event loop

  /** `pay` does the work of a slice, and counts what it takes. */
  constructor(slices: Slices, pay: (work: () => void) => void) {
    this.#slices = slices;
    this.#pay = pay;
  }

  /** From now on these members have to be told an event, after what they have to be told already. */
  add(event: Presence, members: Iterable<Member>): void {
    const news: News = { name: event.to, broadcast: new Broadcast([{ event }]) };
    for (const member of members) {
      const untold = this.#untold.get(member);
      if (untold === undefined) this.#untold.set(member, [news]);
      else untold.push(news);
    }
  }

  /** Tells these members at once what they have not been told yet: whatever else they are sent comes after that. */
  before(members: Iterable<Member>): void {
    if (this.#untold.size === 0) return;
    this.#pay(() => {
      for (const member of members) this.#tell(member);
    });
  }

  #tell(member: Member): void {
    const untold = this.#untold.get(member);
    if (untold === undefined) return;
    this.#untold.delete(member);
    for (const { broadcast } of untold) broadcast.to(member);
  }

  /** A member has left a conversation, and hears nothing more of it. */
  drop(member: Member, name: string): void {
    const untold = this.#untold.get(member)?.filter((news) => news.name !== name);
    if (untold === undefined) return;
    if (untold.length > 0) this.#untold.set(member, untold);
    else this.#untold.delete(member);
  }

  /** Tells everybody: at once as many as there is time for in this turn, the others in later ones. */
  readonly go = (): void => {
    if (this.#isWaiting || this.#untold.size === 0) return;
    this.#pay(() => {
      for (const member of this.#untold.keys()) {
        if (this.#slices.isOver(this.#slices.now())) break;
        this.#tell(member);
      }
    });
    if (this.#untold.size === 0) return;
    this.#isWaiting = true;
    void this.#slices.next().then(() => {
      this.#isWaiting = false;
      this.go();
    });
  };
}
