// text.ts: the rules for the text of a message: what is removed, where it is cut, whom it calls by name, what is an emote, and by which words it
// is found.

import { MAX_MESSAGE_LENGTH } from "../protocol.ts";
import { withoutCode } from "./passages.ts";

// C0 without tab and newline, DEL, C1; bidi embeddings, overrides and isolates (Unicode TR36, CVE-2021-42574); lone
// surrogates.
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u;
const EVERY_UNSAFE = new RegExp(UNSAFE, "gu");

/** Text without the characters that could drive a terminal or reorder a line. Everything else stays byte for byte. */
export function sanitizeMessage(text: string): string {
  return UNSAFE.test(text) ? text.replace(EVERY_UNSAFE, "") : text;
}

/** Text cut to `max` code points, between two graphemes, and how many code points were cut (0: the text as it was).
 *  One grapheme longer than `max` is cut inside, so that something of the text always stays. */
export function truncateMessage(text: string, max: number = MAX_MESSAGE_LENGTH): { text: string; cut: number } {
  if (text.length <= max) return { text, cut: 0 };
  const points = [...text];
  if (points.length <= max) return { text, cut: 0 };
  const fits = points.slice(0, max).join("").length;
  // What follows the character at the cut does not change where its grapheme begins, and segmenting costs by length.
  const boundary = new Intl.Segmenter().segment(text.slice(0, fits + 2)).containing(fits)?.index ?? fits;
  const kept = text.slice(0, boundary || fits);
  return { text: kept, cut: points.length - [...kept].length };
}

/** Why a text cannot be sent whole, or `undefined`. The server would cut it; a client refuses, and nothing is lost. */
export function whyTooLong(text: string): string | undefined {
  const { length } = [...sanitizeMessage(text)];
  if (length <= MAX_MESSAGE_LENGTH) return undefined;
  const count = (n: number) => n.toLocaleString("en");
  return `That message has ${count(length)} characters; ${count(MAX_MESSAGE_LENGTH)} fit. Nothing was sent.`;
}

/** What somebody does who said `/me waves`: "waves". Such a text is stored as it was typed; who knows no more shows that. */
export function emoteOf(text: string): string | undefined {
  return /^\/me\s+(\S[\s\S]*)$/.exec(text)?.[1];
}

/** Whether a text calls somebody by name: as a word of its own, also at the end of a sentence. Code calls nobody. */
export function mentions(text: string, user: string): boolean {
  return nameOf(user).test(withoutCode(text));
}
/** Finds the name of somebody as a word of its own, with the @ before it if there is one. */
export function nameOf(user: string): RegExp {
  const name = user.replaceAll(".", "\\.");
  return new RegExp(`(?<![\\p{L}\\p{N}._-])@?${name}(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`, "iu");
}

/** The words that a search looks for, in lower case: what white space separates, each once. A text is found that has all of them. */
export function wordsOf(match: string): string[] {
  return [...new Set(match.toLowerCase().match(/\S+/g))];
}
