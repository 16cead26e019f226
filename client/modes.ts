// modes.ts: how a terminal is set while somebody types in it: every key comes at once and is not echoed, pasted blocks come marked, where
// it can, it tells whether it has the focus, and its window has a title. Leaves it as it found it.

import { writeSync } from "node:fs";

/** What a terminal says when it gets the focus, and when it loses it. */
export const FOCUS: Record<string, boolean> = { "\x1b[I": true, "\x1b[O": false };

const ON = "\x1b[?2004h\x1b[?1004h";
const OFF = "\x1b[?1004l\x1b[?2004l";
// The title that there was is kept on the terminal's own stack; where it has none, ours is at least taken away.
const TITLE_ON = "\x1b[22;2t";
const TITLE_OFF = "\x1b]2;\x07\x1b[23;2t";
const MAX_TITLE = 80; // characters

/** Which colours a terminal shows, by its own word and the reader's (no-color.org). */
export function coloursOf(env: Record<string, string | undefined>, onTerminal: boolean): 0 | 16 | 256 {
  if (!onTerminal || env.NO_COLOR || env.TERM === "dumb") return 0;
  return /256|direct|kitty|ghostty/.test(env.TERM ?? "") || env.COLORTERM ? 256 : 16;
}

export class Modes {
  isOn = false;
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream & { fd: number };

  readonly #on: string;
  readonly #off: string;
  readonly #hasTitle: boolean;

  constructor(input: NodeJS.ReadStream, output: NodeJS.WriteStream & { fd: number }, hasTitle: boolean) {
    this.#input = input;
    this.#output = output;
    this.#hasTitle = hasTitle;
    this.#on = hasTitle ? ON + TITLE_ON : ON;
    this.#off = hasTitle ? OFF + TITLE_OFF : OFF;
  }

  /** The escape that gives the window a title, if it can have one and there is one to give. */
  title(text: string): string {
    const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "").slice(0, MAX_TITLE);
    return this.#hasTitle && clean !== "" ? `\x1b]2;${clean}\x07` : "";
  }

  enter(): void {
    this.isOn = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(this.#on);
  }

  leave(): void {
    if (!this.isOn) return;
    this.isOn = false;
    this.#output.write(this.#off);
    this.#input.setRawMode(false);
  }

  /** The process ends: nothing that is written later would come out. `last` is written before. */
  leaveNow(last: string): void {
    if (!this.isOn) return;
    try {
      writeSync(this.#output.fd, last + this.#off);
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone already.
    }
  }
}
