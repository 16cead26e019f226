// lines.ts: framing. A stream of bytes cut into lines, however the bytes were split on the way, and never more memory
// than one line may take. Knows nothing of what a line means.

import { LIMITS } from "../protocol.ts";

const LF = 10;
/** One for all: to make one takes twice as long as to decode some lines with it. It keeps nothing from one call to the next. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Cuts a stream of bytes into lines, however the bytes are split on the way.
 *  A line ends with LF; one CR right before it is dropped. A line that is not UTF-8 is handed on as `null`.
 *  Holds at most `limit` bytes of an unfinished line: past that `overflow` is true and nothing more comes out. */
export class Lines {
  readonly limit: number;
  overflow = false;
  #rest: Uint8Array | undefined; // the unfinished line; grows by doubling, so a byte at a time stays linear
  #length = 0;

  constructor(limit: number = LIMITS.line) {
    this.limit = limit;
  }

  /** Bytes of the unfinished line that are held. */
  get pending(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): (string | null)[] {
    if (this.overflow) return [];
    const end = chunk.lastIndexOf(LF);
    if (end < 0) {
      this.#hold(chunk);
      return [];
    }
    let block = end + 1 === chunk.length ? chunk : chunk.subarray(0, end + 1);
    if (this.#length > 0) {
      this.#hold(block);
      block = this.#rest!.subarray(0, this.#length);
    }
    const lines = this.overflow ? [] : this.#split(block);
    this.#rest = undefined;
    this.#length = 0;
    if (!this.overflow && end + 1 < chunk.length) this.#hold(chunk.subarray(end + 1));
    return lines;
  }

  /** The stream has ended: the last line, if it had no LF. */
  end(): string | null | undefined {
    return this.#length === 0 ? undefined : this.push(Uint8Array.of(LF))[0];
  }

  #hold(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    // A chunk may hold whole lines after the unfinished one, so only a first line past the limit is an overflow here.
    const first = this.#length > 0 ? bytes.indexOf(LF) : -1;
    if (this.#length + (first < 0 ? bytes.length : first) > this.limit) {
      this.overflow = true;
      return;
    }
    if (this.#rest === undefined || this.#rest.length < length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#length));
      if (this.#length > 0) grown.set(this.#rest!.subarray(0, this.#length));
      this.#rest = grown;
    }
    this.#rest.set(bytes, this.#length);
    this.#length = length;
  }

  /** Whole lines, each with its LF. */
  #split(block: Uint8Array): (string | null)[] {
    const text = utf8(block); // one decode for a whole chunk: a tenth of the cost of one a line
    return text === null ? this.#splitBytes(block) : this.#splitText(text);
  }

  #splitText(text: string): string[] {
    const lines = text.split("\n");
    lines.pop(); // what is behind the last LF: nothing
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!;
      // A UTF-16 unit is one to three bytes: only lines near the limit need to be measured.
      if (line.length * 3 > this.limit && new TextEncoder().encode(line).length > this.limit) {
        this.overflow = true;
        return lines.slice(0, i);
      }
      if (line.endsWith("\r")) lines[i] = line.slice(0, -1);
    }
    return lines;
  }

  /** The same for a chunk in which some line is not UTF-8. */
  #splitBytes(block: Uint8Array): (string | null)[] {
    const lines: (string | null)[] = [];
    for (let start = 0, end: number; (end = block.indexOf(LF, start)) >= 0; start = end + 1) {
      if (end - start > this.limit) {
        this.overflow = true;
        return lines;
      }
      const line = utf8(block.subarray(start, end));
      lines.push(line?.endsWith("\r") ? line.slice(0, -1) : line);
    }
    return lines;
  }
}

/** Bytes as text; `null` if they are not UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
