// pty.ts: programs in a pseudo-terminal, and what a person sees there, as xterm.js draws it. Nothing here waits for a time;
// `until` waits for what is on the screen.

import { expect } from "bun:test";
import { PASSWORD, REPOSITORY, temporaryFolder } from "./harness.ts";
import { load } from "./needs.ts";

type Xterm = typeof import("@xterm/headless") & typeof import("@xterm/addon-unicode-graphemes");
const xterm = await load<Xterm>("@xterm/headless", "@xterm/addon-unicode-graphemes");
/** Whether programs can be run in a terminal here. */
export const HAS_TERMINAL = xterm !== undefined;

/** What our programs may write besides text: line ends, bells, colours, modes, and to move up, right and home, and to clear below, and the
 *  title of the window. */
const EXPECTED = /\x1b\]2;[^\0-\x1f\x7f-\x9f]*\x07|\x1b\[2[23];2t|[\r\n\x07]|\x1b\[(?:\??[\d;]*[hlm]|\d*[AC]|[HJ])/g;

/** The screen of a terminal. */
export class Screen {
  bells = 0;
  /** What the window is called. */
  title = "";
  /** The modes of DEC that are on, "?2004" for one. */
  readonly modes = new Set<string>();
  #written = "";
  readonly #terminal: InstanceType<Xterm["Terminal"]>;

  constructor(cols: number, rows: number) {
    this.#terminal = new xterm!.Terminal({
      cols,
      rows,
      allowProposedApi: true,
      windowOptions: { pushTitle: true, popTitle: true },
    });
    this.#terminal.loadAddon(new xterm!.UnicodeGraphemesAddon());
    this.#terminal.onBell(() => this.bells++);
    this.#terminal.onTitleChange((title) => (this.title = title));
    for (const final of ["h", "l"])
      this.#terminal.parser.registerCsiHandler({ prefix: "?", final }, (modes) => {
        for (const mode of modes) this.modes[final === "h" ? "add" : "delete"](`?${mode}`);
        return false; // xterm.js does what it means
      });
  }

  /** Resolves when it is drawn. */
  write(text: string): Promise<void> {
    this.#written += text;
    return new Promise((drawn) => this.#terminal.write(text, drawn));
  }

  /** The column of the cursor. */
  get column(): number {
    return this.#terminal.buffer.active.cursorX;
  }
  /** Everything that was ever on the screen and still is, what has scrolled away first, down to the cursor or the last text. */
  get rows(): string[] {
    const { active } = this.#terminal.buffer;
    const rows = Array.from({ length: active.length }, (_, y) => active.getLine(y)!.translateToString().trimEnd());
    const cursor = active.baseY + active.cursorY;
    return rows.slice(
      0,
      1 +
        Math.max(
          cursor,
          rows.findLastIndex((row) => row !== ""),
        ),
    );
  }
  get text(): string {
    return this.rows.join("\n");
  }
  /** What is on it now, without what has scrolled away. */
  get shown(): string {
    return this.rows.slice(this.#terminal.buffer.active.baseY).join("\n");
  }
  /** Control characters and escapes that no program of ours has any business writing. */
  get strange(): string[] {
    return this.#written.replaceAll(EXPECTED, "").match(/[\0-\x1f\x7f-\x9f][^\0-\x1f\x7f-\x9f]{0,20}/g) ?? [];
  }
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
  /** The exit code, when everything it wrote is on the screen. */
  exited: Promise<number>;
  process: Bun.Subprocess;
}

/** Starts a program in a terminal of its own; what it keeps for its person is gone at the end, unless `env` says where to. */
export function sit(command: string[], { columns = 80, rows = 24, env = {} as Record<string, string> } = {}): Seat {
  const screen = new Screen(columns, rows);
  const decoder = new TextDecoder();
  const writes: string[] = [];
  const waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const one of waiting.splice(0)) one();
  };
  const home = temporaryFolder();
  const child = Bun.spawn(command, {
    cwd: REPOSITORY,
    env: { ...process.env, XDG_STATE_HOME: home.path, TERM: "xterm-256color", NO_COLOR: "", FORCE_COLOR: "", ...env },
    terminal: {
      cols: columns,
      rows,
      data(_, bytes) {
        const text = decoder.decode(bytes, { stream: true });
        writes.push(text);
        void screen.write(text).then(wake);
      },
    },
  });
  let over = false;
  const exited = child.exited.then(async (code) => {
    await screen.write("");
    over = true;
    wake();
    return code;
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
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
      return screen.text;
    },
    exited,
    process: child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      child.terminal!.close();
      home[Symbol.dispose]();
    },
  };
}

/** Starts the client in a terminal; at its end it must have written nothing strange. */
export function sitAtClient(port: number, args: string[] = [], options: Parameters<typeof sit>[1] = {}): Seat {
  const seat = sit([process.execPath, "client.ts", `127.0.0.1:${port}`, ...args], options);
  return {
    ...seat,
    async [Symbol.asyncDispose]() {
      await seat[Symbol.asyncDispose]();
      expect(seat.screen.strange.filter((one) => !one.startsWith("\t"))).toEqual([]); // a message may hold tabs
    },
  };
}

/** Starts the client in a terminal and signs in; resolves when it is in its room. */
export async function sitIn(port: number, user: string, args: string[] = [], options: Parameters<typeof sit>[1] = {}) {
  const seat = sitAtClient(port, ["--name", user, ...args], options);
  await seat.until(/is\s+hidden\):/);
  seat.type(`${PASSWORD}\r`);
  await seat.until(/You\s+are\s+in\s+#/);
  return seat;
}
