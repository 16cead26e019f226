// turns.ts: the lines of one connection in their turn. A line that is under way lets the later ones wait, so that requests take
// effect in the order they were sent; while some wait, the connection is not read (backpressure). Reads no line.

type Line = string | null; // null: it was not UTF-8

/** Whose lines they are: the session. */
export interface Taker {
  /** What the next line has to wait for, `undefined` if for nothing. What it returns MUST NOT reject. */
  mustWait(line: Line): Promise<void> | undefined;
  /** Does what a line asks; a promise it returns is waited for and MUST NOT reject. */
  take(line: Line): Promise<void> | undefined;
  /** Every line that could have its turn has had it. */
  allTaken(): void;
  /** Stops or goes on reading the connection. */
  pause(on: boolean): void;
}

export class Turns {
  readonly #taker: Taker;
  #lines: Line[] = [];
  #isPaused = false;
  #isStopped = false;
  /** A line is under way, or has to wait: later ones must wait for it. */
  isBusy = false;

  constructor(taker: Taker) {
    this.#taker = taker;
  }

  add(lines: readonly Line[]): void {
    for (const line of lines) if (line !== "") this.#lines.push(line); // an empty one asks for nothing
    this.run();
  }

  /** Takes the lines that wait, until one is under way that the others must wait for. */
  run(): void {
    let next = 0;
    while (next < this.#lines.length && !this.isBusy && !this.#isStopped) {
      const line = this.#lines[next]!;
      let pending = this.#taker.mustWait(line);
      if (pending === undefined) {
        next++;
        pending = this.#taker.take(line);
      }
      if (pending !== undefined) void this.#wait(pending);
    }
    if (next > 0) this.#lines = next === this.#lines.length ? [] : this.#lines.slice(next);
    this.#taker.allTaken();
    const mustPause = this.#lines.length > 0;
    if (this.#isStopped || mustPause === this.#isPaused) return;
    this.#isPaused = mustPause;
    this.#taker.pause(mustPause);
  }

  /** Takes no more lines; those that wait are dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#lines = [];
  }

  async #wait(pending: Promise<void>): Promise<void> {
    this.isBusy = true;
    await pending;
    this.isBusy = false;
    this.run();
  }
}
