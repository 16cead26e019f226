// lines.ts: messages of a conversation as they are stored: a line of JSON each, some of them together. Knows nothing of where they lie.

import type { Message } from "../protocol.ts";

export const LF = 10;

/** Lines of a conversation that lie together. */
export interface Run {
  first: number; // seq of its first message
  last: number;
  lines: Buffer;
}

/** The messages of some lines. */
export function messagesIn(lines: string): Message[] {
  const each = lines.split("\n").slice(0, -1);
  return each.map((line) => JSON.parse(line));
}

/** Where in its bytes the message with a seq begins; the end of them for those that follow. */
export function offsetOf({ first, last, lines }: Run, seq: number): number {
  if (seq > last) return lines.length;
  let offset = 0;
  for (let at = first; at < seq; at++) offset = lines.indexOf(LF, offset) + 1;
  return offset;
}

/** The lines of messages that begin with this seq, with others in the place of some, by seq. */
export function withOthers(lines: string, first: number, others: ReadonlyMap<number, string>): string {
  const each = lines.split("\n").slice(0, -1);
  return each.map((line, i) => others.get(first + i) ?? `${line}\n`).join("");
}
