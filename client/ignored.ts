// ignored.ts: whose words are not shown to this person. What hosts do is shown, whoever they are. Shows nothing and asks nobody.

import type { Message } from "../protocol.ts";
import type { Ignoring } from "../shared/ignoring.ts";
import type { Memory } from "./memory.ts";

export class Ignored implements Ignoring {
  readonly #memory: Memory | undefined;
  readonly #onChange: () => void;
  readonly #hidden = new Map<string, Set<string>>(); // by name, which messages were not shown

  /** `onChange` is called when there is one more, or one less. */
  constructor(memory: Memory | undefined, onChange: () => void) {
    this.#memory = memory;
    this.#onChange = onChange;
    for (const name of memory?.ignored() ?? []) this.#hidden.set(name, new Set());
  }

  /** Who is ignored, and how many of their messages were not shown since this program began. */
  get all(): { name: string; count: number }[] {
    return Array.from(this.#hidden, ([name, hidden]) => ({ name, count: hidden.size }));
  }
  has(name: string): boolean {
    return this.#hidden.has(name);
  }

  set(name: string, isOn: boolean): string | undefined {
    if (isOn) this.#hidden.set(name, new Set());
    else this.#hidden.delete(name);
    this.#onChange();
    return this.#memory?.keepIgnored(name, isOn);
  }

  /** Whether a message is not to be shown. */
  hides({ from, to, seq, act, host }: Message): boolean {
    const hidden = this.#hidden.get(from);
    if (hidden === undefined || (act !== undefined && host === true)) return false;
    if (act === undefined) hidden.add(`${to} ${seq}`);
    return true;
  }
}
