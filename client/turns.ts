// turns.ts: typed lines in their turn. A line whose answer decides what the next ones mean, such as /join, lets them
// wait. Knows nothing of what a line means.

export class Turns {
  readonly #perform: (line: string) => Promise<unknown> | undefined;
  readonly #onChange: () => void;
  #lines: string[] = [];
  #current: { line?: string; done: Promise<unknown> } | undefined; // what later lines wait for

  /** `perform` does what a line asks; a promise it returns is waited for. `onChange` is told when a wait is over. */
  constructor(perform: (line: string) => Promise<unknown> | undefined, onChange: () => void) {
    this.#perform = perform;
    this.#onChange = onChange;
  }

  /** Lines that are under way or wait, in order. */
  get waiting(): string[] {
    return [...(this.#current?.line === undefined ? [] : [this.#current.line]), ...this.#lines];
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#work();
  }

  /** Lets lines wait for something nobody typed. */
  wait(pending: Promise<unknown>, line?: string): void {
    const done = pending.finally(() => {
      this.#current = undefined;
      this.#work();
      this.#onChange();
    });
    this.#current = line === undefined ? { done } : { line, done };
  }

  /** Resolves when every line has had its turn. */
  async settled(): Promise<void> {
    while (this.#current !== undefined) await this.#current.done;
  }

  #work(): void {
    while (this.#lines.length > 0 && this.#current === undefined) {
      const line = this.#lines.shift()!;
      const pending = this.#perform(line);
      if (pending !== undefined) this.wait(pending, line);
    }
  }
}
