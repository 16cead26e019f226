// memory.ts: what this computer keeps for one account at one server: the lines that were typed, so that they can be recalled, and who is
// ignored. Keeps no password and no code: who calls sees to that. Where nothing can be kept, the chat goes on without.

import { join } from "node:path";
import { whyUnusable } from "../shared/usage.ts";
import { LineFile } from "./keeping.ts";

const MAX_TYPED = 1_000; // lines, of all accounts together
const STAY = 900; // of them, when there would be more

export class Memory {
  readonly #typed: LineFile;
  readonly #ignored: LineFile;
  readonly #head: string; // of this account's lines
  #count = 0; // of typed lines in the file, of which this program knows

  /** `server` is HOST:PORT. */
  constructor(folder: string, server: string, user: string) {
    this.#typed = new LineFile(join(folder, "typed"));
    this.#ignored = new LineFile(join(folder, "ignored"));
    this.#head = `${server} ${user} `;
  }

  /** What was typed for this account, the oldest first. */
  typed(): string[] {
    try {
      const lines = this.#typed.read();
      this.#count = lines.length;
      return this.#own(lines).flatMap((line) => {
        const text = parsed(line);
        return typeof text === "string" ? [text] : [];
      });
    } catch {
      return [];
    }
  }

  keepTyped(text: string): void {
    const line = this.#head + JSON.stringify(text);
    try {
      if (this.#count++ < MAX_TYPED) return this.#typed.append(line);
      this.#typed.replace((lines) => [...lines.slice(1 - STAY), line]);
      this.#count = STAY;
    } catch {
      // It is recalled as long as this program runs.
    }
  }

  /** It was refused: a later run does not recall it. */
  dropTyped(text: string): void {
    const line = this.#head + JSON.stringify(text);
    try {
      this.#typed.replace((lines) => lines.filter((one, i) => one !== line || i !== lines.lastIndexOf(line)));
    } catch {
      // It is recalled, then.
    }
  }

  ignored(): string[] {
    try {
      return this.#own(this.#ignored.read());
    } catch {
      return [];
    }
  }

  /** Keeps that somebody is ignored, or is not any more; a sentence if that cannot be kept. */
  keepIgnored(name: string, isOn: boolean): string | undefined {
    const line = this.#head + name;
    try {
      this.#ignored.replace((lines) => [...lines.filter((one) => one !== line), ...(isOn ? [line] : [])]);
      return undefined;
    } catch (problem) {
      return `It holds until you leave: ${this.#ignored.path} cannot be written (${whyUnusable(problem)}).`;
    }
  }

  #own(lines: readonly string[]): string[] {
    return lines.filter((line) => line.startsWith(this.#head)).map((line) => line.slice(this.#head.length));
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
