// search.ts: which messages contain all words of a search, in any order, ignoring case. Knows nothing of where messages are stored: it
// is given lines, and rules out most of them before one is parsed.

import type { Message } from "../protocol.ts";
import { wordsOf } from "../shared/text.ts";

/** Characters of a word that lines are looked through for, case folded; more of them make a search for "aaa…ab" in "aaa…" slow. */
const MAX_LOOKED_FOR = 32;
/** The one letter whose lower case is not one letter, so that case folding does not find it (Unicode, SpecialCasing.txt). */
const DOTTED_I = "İ";

export class Words {
  readonly #words: string[]; // in lower case
  readonly #inLines: RegExp[]; // the beginning of each as it stands in JSON

  constructor(match: string) {
    this.#words = wordsOf(match);
    this.#inLines = this.#words.map((word) => {
      const looked = Array.from(word).slice(0, MAX_LOOKED_FOR).join("");
      return new RegExp(RegExp.escape(JSON.stringify(looked).slice(1, -1)), "iu");
    });
  }

  /** How many they are: what a look costs grows with it. */
  get count(): number {
    return this.#words.length;
  }

  /** The last `max` messages of these lines that contain all words, newest first; the lines are oldest first. */
  find(lines: string, max: number): Message[] {
    const found: Message[] = [];
    if (!this.#mayBeIn(lines)) return found;
    const each = lines.split("\n");
    for (let i = each.length - 1; i >= 0 && found.length < max; i--) {
      const line = each[i]!;
      if (line === "" || !this.#mayBeIn(line)) continue;
      const message: Message = JSON.parse(line);
      if (this.#areIn(message.text.toLowerCase())) found.push(message);
    }
    return found;
  }

  /** Never wrong when it says no. */
  #mayBeIn(lines: string): boolean {
    return this.#inLines.every((word) => word.test(lines)) || lines.includes(DOTTED_I);
  }
  #areIn(text: string): boolean {
    return this.#words.every((word) => text.includes(word));
  }
}
