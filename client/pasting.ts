// pasting.ts: which reads of a keyboard were pasted, where the terminal does not mark that: the Linux console, tmux paste-buffer. A person
// types one line in a read, and so does a script that types one line at a time. Reads nothing itself.

/** What a read is: typed, or (part of) a pasted block; "a new line of it": the line end before it was held back. */
export type Reading = "typed" | "pasted" | "a new line of it";

const PAUSE = 50; // ms between two reads of one block; nobody answers what is shown in that time
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/; // a key that edits, or a block that is marked

export class Pasting {
  readonly #now: () => number; // ms
  #last = -Infinity; // when the last read of a block was taken
  #isEnded = false; // it ended with a line end

  constructor(now: () => number = performance.now.bind(performance)) {
    this.#now = now;
  }

  /** Tells of a read, one character a byte will do. Two lines with their ends in one read were pasted, and what follows at once. */
  take(read: string): Reading {
    const lines = read.split(/\r\n?/);
    const texts = lines.filter((line) => line.trim() !== "").length;
    const goesOn = this.#now() - this.#last < PAUSE && texts > 0;
    const isPasted = !CONTROL.test(read) && (goesOn || (lines.length > 2 && texts > 1));
    const wasEnded = goesOn && this.#isEnded;
    if (!isPasted) {
      this.#last = -Infinity;
      return "typed";
    }
    this.#last = this.#now();
    this.#isEnded = lines.at(-1) === "";
    return wasEnded ? "a new line of it" : "pasted";
  }
}
