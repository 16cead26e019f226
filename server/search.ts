// search.ts: which messages contain all words of a search, in any order, ignoring case, and which were written with one person. Knows
// nothing of where messages are stored: it is given lines, and rules out most of them before one is parsed.

import type { Message } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { wordsOf } from "../shared/text.ts";
import { partnerOf } from "./conversations.ts";

/** Places in a conversation: those with `after` < seq < `before`. */
export interface Range {
  after?: number | undefined;
  before?: number | undefined;
}

/** What a search looks for: the words, separated by white space, in any order, ignoring case, and with whom it was written. */
export interface Search extends Walk {
  match?: string | undefined;
  with?: string | undefined;
}
/** What takes many steps: asked before each, which takes less than a millisecond, whether it may go on; `false` ends it there. */
export interface Walk {
  goOn: () => Promise<boolean>;
}

/** Characters of a word that lines are looked through for, case folded; more of them make a search for "aaa…ab" in "aaa…" slow. */
const MAX_LOOKED_FOR = 32;
/** The one letter whose lower case is not one letter, so that case folding does not find it (Unicode, SpecialCasing.txt). */
const DOTTED_I = "İ";

/** The other one of the direct messages that are looked for, in the inbox of `owner`. */
interface WithPerson {
  owner: string;
  user: string;
}

export class Filter {
  readonly #words: string[]; // in lower case, the longest first: it is likely to be the rarest
  readonly #partner: WithPerson | undefined;
  /** What a line must contain, as it stands in JSON: the beginning of each word, and a name. By the first one lines are walked. */
  readonly #first: RegExp | undefined;
  readonly #others: RegExp[];

  constructor(match: string, partner?: WithPerson) {
    this.#words = wordsOf(match).sort((one, other) => other.length - one.length);
    this.#partner = partner;
    const parts = this.#words.map((word) => {
      const begin = Array.from(word).slice(0, MAX_LOOKED_FOR).join("");
      return RegExp.escape(JSON.stringify(begin).slice(1, -1));
    });
    // In the text of a message a quotation mark is escaped, so this is a field.
    if (partner !== undefined) parts.push(`"(?:to|from)":"${RegExp.escape(partner.user)}"`);
    const [first, ...others] = parts;
    this.#first = first === undefined ? undefined : new RegExp(first, "giu");
    this.#others = others.map((part) => new RegExp(part, "iu"));
  }

  /** How many times more a look costs than one for a word. */
  get cost(): number {
    return this.#others.length + 1;
  }

  /** The last `max` messages of these lines that are looked for, newest first; the lines are oldest first. */
  find(lines: string, max: number): Message[] {
    const found: Message[] = [];
    const candidates = this.#candidates(lines);
    for (let i = candidates.length - 1; i >= 0 && found.length < max; i--) {
      const message: Message = JSON.parse(candidates[i]!);
      if (this.#isFound(message)) found.push(message);
    }
    return found;
  }

  #isFound(message: Message): boolean {
    if (this.#partner !== undefined && partnerOf(message, this.#partner.owner) !== this.#partner.user) return false;
    if (this.#words.length === 0) return true;
    if (message.act !== undefined || message.removed !== undefined) return false; // nobody has said that
    const text = message.text.toLowerCase();
    return this.#words.every((word) => text.includes(word));
  }

  /** The lines that may be looked for; none that is is missing. */
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

/** The first of these messages, up to a page's size in characters, but one at least. */
export function firstPage(messages: readonly Message[]): Message[] {
  let room: number = LIMITS.pageBytes;
  const end = messages.findIndex(({ text }, i) => (room -= text.length) < 0 && i > 0);
  return messages.slice(0, end < 0 ? messages.length : end);
}
