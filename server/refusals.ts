// refusals.ts: what was refused a moment ago, by sender and id. A refusal is final: the same may come again over another connection, whose
// answer was lost or whose bytes are late, when what forbade it holds no more, and would then stand behind what was said after it.
// Forgets the oldest; a server that starts anew knows none.

import type { Refusal } from "../protocol.ts";
import type { Draft } from "./ledger.ts";

const MOST = 10_000; // about 5 MB

export class Refusals {
  readonly #known = new Map<string, Refusal>();

  /** Why this was refused before; `undefined` if it was not. */
  of({ from, id }: Draft): Refusal | undefined {
    return this.#known.size === 0 || id === undefined ? undefined : this.#known.get(nameOf(from, id));
  }

  /** Remembers why a draft is refused; what takes that back, if there is something to remember. */
  add({ from, id }: Draft, refusal: Refusal): (() => void) | undefined {
    if (id === undefined) return undefined;
    const name = nameOf(from, id);
    this.#known.set(name, refusal);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST) this.#known.delete(oldest!);
    return () => this.#known.delete(name);
  }
}

function nameOf(from: string, id: string): string {
  return `${from} ${id}`;
}
