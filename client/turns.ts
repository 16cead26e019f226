// turns.ts: typed lines in their turn. A line whose answer decides what the next ones mean, such as /join, lets them wait;
// also the words of classic mode, and why a line cannot be sent at all. Called by chat.ts.

import { parseCommand } from "../shared/commands.ts";
import type { Place } from "../shared/commands.ts";
import { LOBBY } from "../shared/names.ts";

/** What a typed line asks for; "message" is the word of classic mode that asks for a name and a text. */
export type Typed = ReturnType<typeof parseCommand> | "message";

export class Turns {
  readonly #perform: (line: string) => Promise<unknown> | undefined;
  readonly #onChange: () => void;
  #lines: string[] = [];
  #under: { line?: string; done: Promise<unknown> } | undefined; // what later lines wait for

  /** `perform` does what a line asks; a promise it returns is waited for. `onChange` is told when a wait is over. */
  constructor(perform: (line: string) => Promise<unknown> | undefined, onChange: () => void) {
    this.#perform = perform;
    this.#onChange = onChange;
  }

  /** Lines that are under way or wait, in order. */
  get waiting(): string[] {
    return [...(this.#under?.line === undefined ? [] : [this.#under.line]), ...this.#lines];
  }

  add(line: string): void {
    this.#lines.push(line);
    this.#work();
  }

  /** Lets lines wait for something nobody typed. */
  wait(pending: Promise<unknown>, line?: string): void {
    const done = pending.finally(() => {
      this.#under = undefined;
      this.#work();
      this.#onChange();
    });
    this.#under = line === undefined ? { done } : { line, done };
  }

  /** Resolves when every line has had its turn. */
  async settled(): Promise<void> {
    while (this.#under !== undefined) await this.#under.done;
  }

  #work(): void {
    while (this.#lines.length > 0 && this.#under === undefined) {
      const line = this.#lines.shift()!;
      const pending = this.#perform(line);
      if (pending !== undefined) this.wait(pending, line);
    }
  }
}

/** A line in classic mode: bare words are commands in the lobby, and in a room everything but `leave` is said. */
export function readClassic(text: string, place: Place): Typed {
  const words = text.trim();
  if (place.room !== LOBBY && words !== "leave") return { type: "say", to: place.room, text: text.trimEnd() };
  if (words === "message") return "message";
  return parseCommand(/^(who|leave|exit|join \S+)$/.test(words) ? `/${words}` : text, place);
}
