// recall.ts: the lines that were typed before: gone through one by one, or searched backwards for a part of them, as in a shell. Knows
// no screen, and where they are kept is somebody else's business.

import type { Key } from "./console.ts";

const MAX_LINES = 1_000;

export class Recall {
  #lines: string[] = []; // the oldest first
  #at = 0; // the one that is shown; their number: the draft
  #draft = "";

  /** Lines of an earlier run, the oldest first. */
  load(lines: readonly string[]): void {
    this.#lines = [...lines, ...this.#lines].slice(-MAX_LINES);
    this.reset();
  }

  add(text: string): void {
    if (text.trim() !== "" && this.#lines.at(-1) !== text) this.#lines.push(text);
    if (this.#lines.length > MAX_LINES) this.#lines.shift();
    this.reset();
  }

  /** The next step begins at the newest line. */
  reset(): void {
    this.#at = this.#lines.length;
  }

  /** The line before or after the one that is shown, which is `text`: the draft is kept, and comes after the newest. */
  step(step: -1 | 1, text: string): string | undefined {
    const to = this.#at + step;
    if (to < 0 || to > this.#lines.length) return undefined;
    if (this.#at === this.#lines.length) this.#draft = text;
    this.#at = to;
    return this.#lines[to] ?? this.#draft;
  }

  /** The newest line before place `before` that has a part, whatever its case. */
  find(part: string, before: number): { text: string; place: number } | undefined {
    const wanted = part.toLowerCase();
    const place = this.#lines.slice(0, before).findLastIndex((line) => line.toLowerCase().includes(wanted));
    return place < 0 ? undefined : { text: this.#lines[place]!, place };
  }
}

/** What a key came to in a search: it goes on, the line that was found is taken, the search is left, or one of both and the key is for
 *  the line. */
export type Searched = "on" | "taken" | "left" | "taken and passed" | "left and passed";

/** A search under way, from Ctrl+R on. */
export class Search {
  /** What was found last; the draft until something is. */
  text: string;
  isMissing = false; // nothing older has the part
  part = "";
  readonly #recall: Recall;
  #place = Infinity;

  constructor(recall: Recall, draft: string) {
    this.#recall = recall;
    this.text = draft;
  }

  /** Where the part begins in the line that was found. */
  get cursor(): number {
    return Math.max(0, this.text.toLowerCase().indexOf(this.part.toLowerCase()));
  }

  press(typed: string | undefined, { name, ctrl, meta }: Key): Searched {
    if (name === "escape" || (ctrl && (name === "g" || name === "c"))) return "left";
    if (ctrl && name === "r") return this.#older(this.#place);
    if (name === "return") return "taken";
    if (name === "backspace" || (ctrl && name === "h")) return this.#search(this.part.replace(/.$/su, ""), Infinity);
    if (meta) return "left and passed"; // Esc, and at once what comes next: no terminal tells that from Alt
    if (ctrl || typed === undefined || /^[\0-\x1f\x7f]/.test(typed)) return "taken and passed";
    return this.#search(this.part + typed, this.#place + 1);
  }

  #search(part: string, before: number): Searched {
    this.part = part;
    return this.#older(before);
  }

  #older(before: number): Searched {
    if (this.part === "") return "on";
    const found = this.#recall.find(this.part, before);
    this.isMissing = found === undefined;
    if (found !== undefined) {
      this.text = found.text;
      this.#place = found.place;
    }
    return "on";
  }
}
