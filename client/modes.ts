// modes.ts: how a terminal is set while somebody types in it: every key comes at once and is not echoed, pasted blocks come marked, and
// where it can, it tells whether it has the focus. Leaves it as it found it.

import { writeSync } from "node:fs";

/** What a terminal says when it gets the focus, and when it loses it. */
export const FOCUS: Record<string, boolean> = { "\x1b[I": true, "\x1b[O": false };

const ON = "\x1b[?2004h\x1b[?1004h";
const OFF = "\x1b[?1004l\x1b[?2004l";

export class Modes {
  isOn = false;
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream & { fd: number };

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream & { fd: number }) {
    this.#input = input;
    this.#output = output;
  }

  enter(): void {
    this.isOn = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ON);
  }

  leave(): void {
    if (!this.isOn) return;
    this.isOn = false;
    this.#output.write(OFF);
    this.#input.setRawMode(false);
  }

  /** The process ends: nothing that is written later would come out. `last` is written before. */
  leaveNow(last: string): void {
    if (!this.isOn) return;
    try {
      writeSync(this.#output.fd, last + OFF);
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone already.
    }
  }
}
