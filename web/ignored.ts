// ignored.ts: whom this person ignores on this device: what they say in rooms is not shown. What hosts do is, whoever they are, and what
// is written to one person alone is there for who opens it.

import type { Message } from "../protocol.ts";
import type { Ignoring } from "../shared/ignoring.ts";
import { isRoom } from "../shared/names.ts";
import { keep, recall, watch } from "./memory.ts";

export class Ignored implements Ignoring {
  readonly #store: string;
  readonly #style = new CSSStyleSheet();
  readonly #onChange: () => void;
  #names: string[] = [];

  /** `onChange` is called when there is one more, or one less, also in another tab. */
  constructor(user: string, onChange: () => void) {
    this.#store = `ignored:${user}`; // not forgotten by who signs out: it is wanted the next time as well
    this.#onChange = onChange;
    document.adoptedStyleSheets.push(this.#style);
    this.#take(recall("local", this.#store));
    watch<string[]>(this.#store, (names) => {
      this.#take(names);
      onChange();
    });
  }
  /** Rows of all who may be ignored are drawn; this hides them, and shows them again, wherever they are. */
  #take(names: string[] = []): void {
    this.#names = names;
    this.#style.replaceSync(names.map((name) => `[data-of="${name}"]{display:none}`).join(""));
  }

  get all(): { name: string }[] {
    return this.#names.map((name) => ({ name }));
  }
  has(name: string): boolean {
    return this.#names.includes(name);
  }
  /** Whether a message is not shown to this person. */
  hides(message: Message): boolean {
    return this.#names.includes(ofWhom(message)!);
  }
  set(name: string, isOn: boolean): undefined {
    const others = this.#names.filter((one) => one !== name);
    this.#take(isOn ? [...others, name] : others);
    keep("local", this.#store, this.#names);
    this.#onChange();
  }
}

/** Whose row it is, if it is not shown to who ignores them. */
export function ofWhom({ from, to, act, host }: Message): string | undefined {
  return isRoom(to) && (act === undefined || host !== true) ? from : undefined;
}
