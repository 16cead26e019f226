// keeping.ts: files of lines that this computer keeps for its person, readable by nobody else (0600). Several clients may use one at
// once: a line is added whole, and a file is replaced whole. Knows no meaning of a line.

import { appendFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Where these files are. */
export function stateFolder(env: Record<string, string | undefined>): string {
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "banter");
}

export class LineFile {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Its lines; none where there is no such file. Throws where it cannot be read. */
  read(): string[] {
    try {
      return readFileSync(this.path, "utf8").split("\n").filter(Boolean);
    } catch (problem) {
      if ((problem as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw problem;
    }
  }

  /** Throws where it cannot be written. */
  append(line: string): void {
    this.#makeFolder();
    appendFileSync(this.path, `${line}\n`, { mode: 0o600 });
  }

  /** Replaces its lines by what `change` makes of them. Throws where it cannot be read or written. */
  replace(change: (lines: string[]) => string[]): void {
    const before = this.read();
    const after = change(before);
    if (after.join("\n") === before.join("\n")) return;
    this.#makeFolder();
    const draft = `${this.path}.${process.pid}`;
    writeFileSync(draft, after.map((line) => `${line}\n`).join(""), { mode: 0o600 });
    renameSync(draft, this.path);
  }

  #makeFolder(): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
  }
}
