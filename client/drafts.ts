// drafts.ts: what is half typed, each place its own: the one on the screen in its editor, the others kept here. Knows no keys.

import type { Draft, Editor } from "./editor.ts";

const NO_DRAFT: Draft = { text: "", cursor: 0, pasted: 0 };

export class Drafts {
  readonly #line: Editor;
  readonly #others = new Map<string, Draft>(); // by place
  #place = "";

  constructor(line: Editor) {
    this.#line = line;
  }

  /** What is typed from now on is for another place; returns whether it is another one. */
  turnTo(place: string): boolean {
    if (place === this.#place) return false;
    this.#others.set(this.#place, this.#line.draft);
    this.#line.draft = this.#others.get(place) ?? NO_DRAFT;
    this.#others.delete(place);
    this.#place = place;
    return true;
  }

  /** Puts a text back where it was typed, unless something else is typed there; returns whether it is there. */
  giveBack(place: string, text: string): boolean {
    if (this.#at(place).text !== "") return false;
    this.#put(place, { text, cursor: text.length, pasted: 0 });
    return true;
  }

  /** Takes away what is half typed for a place; "" if nothing is. */
  take(place: string): string {
    const { text } = this.#at(place);
    this.#put(place, NO_DRAFT);
    return text;
  }
  /** The places for which something is half typed. */
  get places(): string[] {
    return [this.#place, ...this.#others.keys()].filter((place) => this.#at(place).text !== "");
  }

  #at(place: string): Draft {
    return place === this.#place ? this.#line.draft : (this.#others.get(place) ?? NO_DRAFT);
  }
  #put(place: string, draft: Draft): void {
    if (place === this.#place) this.#line.draft = draft;
    else this.#others.set(place, draft);
  }
}
