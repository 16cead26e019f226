// passages.ts: what the text of a message is made of: words, code, and addresses among the words. Code stands between lines of ```, or
// in a line between `backticks`; nothing else of Markdown means anything. Pure.

/** Whole lines of a text: words, or code with the lines that fence it. */
export interface Passage {
  text: string;
  fence?: Fence;
}
/** The lines around code, as they were sent; code without a `close` goes on to the end of the message. */
export interface Fence {
  open: string;
  language: string; // the word behind the backticks, or ""
  close: string | undefined;
}
/** A part of a line: words, or code between these backticks. */
export interface Piece {
  text: string;
  ticks?: string;
}
/** An address in a text: its place, as it was written, and as a browser understands it. */
export interface Address {
  index: number;
  text: string;
  href: string;
}

const FENCE = /^ {0,3}(`{3,})[ \t]*([^\s`]*)[ \t]*$/;
const CODE = /(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)/g;
const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/gi;
const PUNCTUATION = /[.,;:!?'*`’”»…]/;
const CLOSING: Record<string, string> = { "(": ")", "[": "]", "{": "}" };

/** A text as its passages, in order: joined by line ends they are the text. */
export function passages(text: string): Passage[] {
  if (!text.includes("```")) return [{ text }];
  const lines = text.split("\n");
  const part = (from: number, to: number) => lines.slice(from, to).join("\n");
  const found: Passage[] = [];
  let from = 0; // the first line that is in no passage yet
  for (let at = 0; at < lines.length; at++) {
    const [open, ticks = "", language = ""] = FENCE.exec(lines[at]!) ?? [];
    if (open === undefined) continue;
    const close = lines.findIndex((line, i) => i > at && isClosing(line, ticks));
    const end = close < 0 ? lines.length : close;
    if (end > at + 1) {
      if (at > from) found.push({ text: part(from, at) });
      found.push({ text: part(at + 1, end), fence: { open, language, close: lines[end] } });
      from = end + 1;
    }
    at = end;
  }
  if (from < lines.length) found.push({ text: part(from, lines.length) });
  return found;
}
function isClosing(line: string, ticks: string): boolean {
  const [, these = "", language] = FENCE.exec(line) ?? [];
  return language === "" && these.length >= ticks.length;
}

/** Words as their pieces, in order. */
export function pieces(words: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const { 0: whole, 1: ticks, 2: text, index } of words.matchAll(CODE)) {
    if (index > from) found.push({ text: words.slice(from, index) });
    found.push({ text: text!, ticks: ticks! });
    from = index + whole.length;
  }
  if (from < words.length) found.push({ text: words.slice(from) });
  return found;
}

/** A text without what is code in it. */
export function withoutCode(text: string): string {
  if (!text.includes("`")) return text;
  const words = passages(text).filter(({ fence }) => fence === undefined);
  return words.map(({ text }) => text.replace(CODE, " ")).join("\n");
}

/** The http and https addresses in a text. */
export function addresses(text: string): Address[] {
  const found: Address[] = [];
  for (const { 0: written, index } of text.matchAll(ADDRESS)) {
    const address = withoutEnd(written);
    try {
      found.push({ index, text: address, href: new URL(address).href });
    } catch {
      // It only looks like one.
    }
  }
  return found;
}
/** An address without what belongs to the sentence around it: punctuation, and brackets that were opened before it. */
function withoutEnd(address: string): string {
  const unopened: Record<string, number> = { ")": 0, "]": 0, "}": 0 };
  for (const one of address) {
    const bracket = CLOSING[one] ?? one;
    if (bracket in unopened) unopened[bracket]! += bracket === one ? 1 : -1;
  }
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1]!;
    if (last in unopened ? unopened[last]!-- <= 0 : !PUNCTUATION.test(last)) break;
  }
  return address.slice(0, end);
}
