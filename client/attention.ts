// attention.ts: what was shown to a person, and whether they look: only then it counts as read. Prints nothing; how often the
// server is told is the connection's business.

import { isRoom } from "../shared/names.ts";
import type { Console } from "./console.ts";
import type { Tabs } from "./tabs.ts";

export interface AttentionOptions {
  console: Console;
  tabs: Tabs;
  /** Tells the server that a room, or the inbox ("@"), was read up to a seq. */
  confirm: (to: string, seq: number) => void;
}

export class Attention {
  readonly #options: AttentionOptions;
  readonly #shown = new Map<string, number>(); // to nobody who looked: up to which seq, by tab, and "@" for the inbox

  constructor(options: AttentionOptions) {
    this.#options = options;
  }

  get isThere(): boolean {
    return this.#options.console.isWatched;
  }

  /** A conversation, or the inbox ("@"), was shown up to a seq. */
  shown(to: string, seq: number): void {
    this.#shown.set(to, Math.max(seq, this.#shown.get(to) ?? 0));
    if (this.isThere) this.returned();
  }

  /** A person looks at what was shown. */
  returned(): void {
    const { tabs, confirm } = this.#options;
    for (const [to, seq] of this.#shown) {
      const tab = tabs.get(to);
      if (tab !== undefined) tabs.read(tab, seq);
      if (to === "@" || isRoom(to)) confirm(to, seq); // what is written with a person is part of the inbox
    }
    this.#shown.clear();
  }

  /** A conversation was left, or is another one now. */
  forget(to: string): void {
    this.#shown.delete(to);
  }
}
