// search.ts: which messages contain all words of a search, in any order, ignoring case. Knows nothing of where messages are stored: it
// is given lines, and rules out most of them before one is parsed.

import type { Message } from "../protocol.ts";
import { wordsOf } from "../shared/text.ts";

/** Characters of a word that lines are looked through for, case folded; more of them make a search for "aaa…ab" in "aaa…" slow. */
const MAX_LOOKED_FOR = 32;
/** The one letter whose lower case is not one letter, so that case folding does not find it (Unicode, SpecialCasing.txt). */
const DOTTED_I = "İ";

export class Words {
  readonly #words: string[]; // in lower case, the longest first: it is likely to be the rarest
  /** The beginning of each as it stands in JSON. The first one is what lines are walked by. */
  readonly #first: RegExp | undefined;
  readonly #others: RegExp[];

  constructor(match: string) {
    this.#words = wordsOf(match).sort((one, other) => other.length - one.length);
    const [first, ...others] = this.#words.map((word) => {
      const begin = Array.from(word).slice(0, MAX_LOOKED_FOR).join("");
      return RegExp.escape(JSON.stringify(begin).slice(1, -1));
    });
    this.#first = first === undefined ? undefined : new RegExp(first, "giu");
    this.#others = others.map((word) => new RegExp(word, "iu"));
  }

  /** How many they are: what a look costs grows with it. */
  get count(): number {
    return this.#words.length;
  }

  /** The last `max` messages of these lines that contain all words, newest first; the lines are oldest first. */
  find(lines: string, max: number): Message[] {
    const found: Message[] = [];
    const candidates = this.#candidates(lines);
    for (let i = candidates.length - 1; i >= 0 && found.length < max; i--) {
      const message: Message = JSON.parse(candidates[i]!);
      const text = message.text.toLowerCase();
      if (this.#words.every((word) => text.includes(word))) found.push(message);
    }
    return found;
  }

  /** The lines that may contain all words; none that does is missing. */
  #candidates(lines: string): string[] {
    const first = this.#first;
    if (first === undefined || lines.includes(DOTTED_I)) return lines.split("\n").slice(0, -1);
    if (!this.#others.every((word) => word.test(lines))) return [];
    const candidates: string[] = [];
    first.lastIndex = 0;
    while (first.test(lines)) {
      const end = lines.indexOf("\n", first.lastIndex);
      const line = lines.slice(lines.lastIndexOf("\n", first.lastIndex - 1) + 1, end);
      if (this.#others.every((word) => word.test(line))) candidates.push(line);
      first.lastIndex = end;
    }
    return candidates;
  }
}
