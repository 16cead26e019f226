// pty.ts: programs in a pseudo-terminal, and what a person sees there: a small terminal that understands the escapes our
// client writes and no others. Nothing here waits for a time; `until` waits for what is on the screen.

import { PASSWORD, REPOSITORY } from "./harness.ts";

const MOST_SCROLLED = 1_000; // rows
const segmenter = new Intl.Segmenter();

/** The screen of a terminal: rows of graphemes, the rows that scrolled away, the cursor. */
export class Screen {
  columns: number;
  height: number;
  scrolled: string[] = [];
  bells = 0;
  row = 0;
  column = 0;
  /** Escapes that no program of ours has any business writing. */
  strange: string[] = [];
  modes = new Set<string>();
  #rows: string[][] = [[]]; // a wide character is followed by an empty cell
  #rest = "";

  constructor(columns: number, height: number) {
    this.columns = columns;
    this.height = height;
  }

  get rows(): string[] {
    return this.#rows.map(toText);
  }
  /** Everything that was ever on the screen and still is, scrollback first. */
  get text(): string {
    return [...this.scrolled, ...this.rows].join("\n");
  }

  write(text: string): void {
    const all = this.#rest + text;
    this.#rest = "";
    const token =
      /\x1b(?:\[[?>]?[\d;]*[a-zA-Z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[^[\]])|\x1b[\s\S]*$|[\0-\x1f\x7f]|[^\0-\x1f\x7f]+/gu;
    for (const [part] of all.matchAll(token)) {
      if (part.startsWith("\x1b")) this.#escape(part);
      else if (part === "\r") this.column = 0;
      else if (part === "\n") this.#lineFeed();
      else if (part === "\x07") this.bells++;
      else if (part < " ") this.strange.push(part);
      else if (/^[ -~]*$/.test(part)) for (const character of part) this.#put(character, 1);
      else for (const { segment } of segmenter.segment(part)) this.#put(segment, Bun.stringWidth(segment));
    }
  }

  #put(grapheme: string, width: number): void {
    if (this.column + width > this.columns) {
      this.column = 0;
      this.#lineFeed();
    }
    const cells = this.#rows[this.row]!;
    while (cells.length < this.column) cells.push(" ");
    cells[this.column] = grapheme;
    for (let i = 1; i < width; i++) cells[this.column + i] = "";
    this.column += width;
  }

  #lineFeed(): void {
    this.row++;
    if (this.#rows.length <= this.row) this.#rows.push([]);
    while (this.#rows.length > this.height) {
      this.scrolled.push(toText(this.#rows.shift()!));
      if (this.scrolled.length > MOST_SCROLLED) this.scrolled.shift();
      this.row--;
    }
  }

  #escape(text: string): void {
    const [, argument = "", letter] = /^\x1b\[(\??[\d;]*)([a-zA-Z])$/.exec(text) ?? [];
    if (letter === undefined && /^\x1b(?:\[[\d;?]*)?$/.test(text))
      this.#rest = text; // the rest is on its way
    else if (letter === "m") return;
    else if (letter === "A") this.row = Math.max(0, this.row - Number(argument || 1));
    else if (letter === "C") this.column = Math.min(this.columns - 1, this.column + Number(argument || 1));
    else if (letter === "J" && argument === "") {
      this.#rows.length = this.row + 1;
      this.#rows[this.row]!.length = Math.min(this.column, this.#rows[this.row]!.length);
    } else if (letter === "h") this.modes.add(argument);
    else if (letter === "l") this.modes.delete(argument);
    else this.strange.push(text);
  }
}

function toText(cells: string[]): string {
  return Array.from(cells, (cell) => cell ?? " ")
    .join("")
    .trimEnd();
}

export interface Seat extends AsyncDisposable {
  screen: Screen;
  /** What the program wrote, as it came. */
  writes: string[];
  /** All of it together. */
  output(): string;
  type(keys: string): void;
  /** Resolves when the screen, scrollback included, shows this; once it does, with the text. */
  until(wanted: RegExp | string | (() => boolean)): Promise<string>;
  resize(columns: number, rows: number): void;
  exited: Promise<number>;
  process: Bun.Subprocess;
}

/** Starts a program in a terminal of its own. */
export function sit(command: string[], { columns = 80, rows = 24, env = {} as Record<string, string> } = {}): Seat {
  const screen = new Screen(columns, rows);
  const decoder = new TextDecoder();
  const writes: string[] = [];
  const wake: (() => void)[] = [];
  const child = Bun.spawn(command, {
    cwd: REPOSITORY,
    env: { ...process.env, TERM: "xterm-256color", NO_COLOR: "", FORCE_COLOR: "", ...env },
    terminal: {
      cols: columns,
      rows,
      data(_, bytes) {
        const text = decoder.decode(bytes, { stream: true });
        writes.push(text);
        screen.write(text);
        for (const one of wake.splice(0)) one();
      },
    },
  });
  let over = false;
  void child.exited.then(() => {
    over = true;
    for (const one of wake.splice(0)) one();
  });
  return {
    screen,
    writes,
    output: () => writes.join(""),
    type: (keys) => void child.terminal!.write(keys),
    async until(wanted) {
      const seen = () =>
        typeof wanted === "function"
          ? wanted()
          : typeof wanted === "string"
            ? screen.text.includes(wanted)
            : wanted.test(screen.text);
      while (!seen()) {
        if (over) throw new Error(`the program ended; its screen:\n${screen.text}`);
        await new Promise<void>((resolve) => wake.push(resolve));
      }
      return screen.text;
    },
    resize(width, height) {
      screen.columns = width;
      screen.height = height;
      child.terminal!.resize(width, height);
    },
    exited: child.exited,
    process: child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal!.close();
    },
  };
}

/** Starts the client in a terminal. */
export function sitAtClient(port: number, args: string[] = [], options: Parameters<typeof sit>[1] = {}): Seat {
  return sit([process.execPath, "client.ts", `127.0.0.1:${port}`, ...args], options);
}

/** Starts the client in a terminal and signs in; resolves when it is in its room. */
export async function sitIn(port: number, user: string, args: string[] = [], options: Parameters<typeof sit>[1] = {}) {
  const seat = sitAtClient(port, ["--name", user, ...args], options);
  await seat.until(/is\s+hidden\):/);
  seat.type(`${PASSWORD}\r`);
  await seat.until(/You\s+are\s+in\s+#/);
  return seat;
}
