// terminal.ts: typing below, messages above. An append-only log in the terminal's own scrollback; only the last rows, the
// footer with what waits and the typed line, are erased and drawn again, in one write. Leaves the terminal as it found it.
// Knows nothing of chat, and escapes in what it prints are its caller's. Called by client.ts.

import { writeSync } from "node:fs";
import { emitKeypressEvents } from "node:readline";
import type { Completion, Key, Outcome } from "./editor.ts";
import { Editor } from "./editor.ts";
import { fit, layout, wrap } from "./rows.ts";

/** Where a person sits: lines printed, questions asked, lines typed. */
export interface Console {
  /** No cursor movement, and one line an event. */
  readonly plain: boolean;
  readonly columns: number;
  print(...lines: string[]): void;
  bell(): void;
  /** Asks for a line; `hidden`: it is not shown. `undefined` when there is nobody to answer. */
  ask(question: string, hidden?: boolean): Promise<string | undefined>;
  /** What stands under the log: the prompt, and rows above it. */
  footer(prompt: string, rows: readonly string[]): void;
  /** Who takes what is typed when nothing is asked. */
  listen(reader: Reader): void;
  /** What a half-typed word may become, where keys are read. */
  complete?: (before: string) => Completion;
  /** Resolves when little enough is on its way to the screen that more may be printed. */
  drained(): Promise<void>;
  close(): void;
}
export interface Reader {
  /** A line was typed. Returns why it cannot be taken, and it stays as it is. */
  line(text: string): string | undefined;
  /** Whether more lines may come now; where they come faster than anybody types. */
  ready(): Promise<void>;
  /** A key that edits nothing: "alt+a", "alt+1". */
  key(name: string): void;
  /** Ctrl+D on an empty line, or the input has ended. */
  end(): void;
  /** Ctrl+C on an empty line. */
  interrupt(): void;
}
export interface TerminalOptions {
  input?: NodeJS.ReadStream;
  output?: NodeJS.WriteStream & { fd: number };
  clean?: (text: string) => string;
  /** Ctrl+C while nobody listens and nothing is asked. */
  interrupt: () => void;
}

const ASK_ABOVE = 5; // pasted lines that are sent without a question
const MOST_AHEAD = 1_000; // keys kept for the next question
const MOST_ROWS = 12; // rows of the typed text that are shown at once
const MOST_UNWRITTEN = 256 * 1024; // characters on their way to the screen
const CONTINUE = 200; // ms after which a Ctrl+Z that did not stop us is over

interface Drawn {
  widths: number[]; // columns of every row of the footer
  row: number; // where the cursor stands in it
  column: number;
}

export class Terminal implements Console {
  readonly plain = false;
  complete: (before: string) => Completion = () => ({ start: 0, choices: [] });
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream & { fd: number };
  readonly #interrupt: () => void;
  readonly #line: Editor;
  readonly #clean: (text: string) => string;
  #question: { text: string; hidden: boolean; editor: Editor; answer: (line: string | undefined) => void } | undefined;
  #reader: Reader | undefined;
  #prompt = "";
  #rows: readonly string[] = [];
  #ahead: [typed: string | undefined, key: Key][] = []; // keys that nobody has taken yet
  #between = false; // two questions
  #hint = ""; // a sentence above the prompt, until the next key
  #confirming = false; // the hint asks whether a pasted block shall be sent
  #log = ""; // not written yet
  #drawn: Drawn | undefined;
  #scheduled = false;
  #active = false;
  #waiters: (() => void)[] = [];
  #continuing: Timer | undefined;

  constructor({ input, output, interrupt, clean }: TerminalOptions) {
    this.#input = input ?? process.stdin;
    this.#output = output ?? process.stdout;
    this.#interrupt = interrupt;
    this.#clean = clean ?? ((text) => text);
    this.#line = new Editor({ clean: this.#clean, complete: (before) => this.complete(before) });
    emitKeypressEvents(this.#input);
    this.#input.on("keypress", this.#onKey);
    this.#input.on("end", this.#onGone).on("error", this.#onGone);
    this.#output.on("resize", this.#onResize).on("drain", this.#onDrain).on("error", this.#onGone);
    process.on("exit", this.#onExit).on("SIGCONT", this.#onContinue);
    this.#enter();
  }

  get columns(): number {
    return Math.max(this.#output.columns || 80, 4);
  }

  print(...lines: string[]): void {
    for (const line of lines) this.#log += wrap(line, this.columns).join("\r\n") + "\r\n";
    this.#schedule();
  }

  bell(): void {
    this.#log += "\x07";
    this.#schedule();
  }

  ask(question: string, hidden = false): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#question = { text: question, hidden, editor: new Editor({ clean: this.#clean }), answer: resolve };
    this.#takeKeys();
    this.#schedule();
    return promise;
  }

  footer(prompt: string, rows: readonly string[]): void {
    if (prompt === this.#prompt && rows.join("\n") === this.#rows.join("\n")) return;
    this.#prompt = prompt;
    this.#rows = rows;
    this.#schedule();
  }

  listen(reader: Reader): void {
    this.#reader = reader;
    this.#takeKeys();
  }

  drained(): Promise<void> {
    if (this.#log.length + this.#output.writableLength < MOST_UNWRITTEN) return Promise.resolve();
    this.#schedule();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Draws what is left of the log, takes the footer away and gives the terminal back. */
  close(): void {
    this.#prompt = "";
    this.#rows = [];
    this.#question = undefined;
    this.#line.clear();
    this.#draw();
    this.#leave();
    this.#input.off("keypress", this.#onKey).pause();
    this.#output.off("resize", this.#onResize);
    process.off("SIGCONT", this.#onContinue).off("exit", this.#onExit);
  }

  // ---- keys ----

  /** Keys that come while nobody asks and nobody listens are kept for who does next: the next question may be a hidden one. */
  readonly #onKey = (typed: string | undefined, key: Key): void => {
    this.#ahead.push([typed, key]);
    this.#takeKeys();
  };

  #takeKeys(): void {
    while (this.#ahead.length > 0 && !this.#between && (this.#question || this.#reader)) {
      const [typed, key] = this.#ahead.shift()!;
      this.#press(typed, key);
    }
    if (this.#question || this.#reader) return;
    if (this.#ahead.some(([, { ctrl, name }]) => ctrl && name === "c")) this.#interrupt();
    this.#ahead.splice(MOST_AHEAD);
  }

  #press(typed: string | undefined, key: Key): void {
    const editor = this.#question?.editor ?? this.#line;
    const outcome = editor.press(typed, key);
    const confirmed = this.#confirming && outcome === "enter";
    this.#hint = choicesRow(editor);
    this.#confirming = false;
    this.#act(outcome, editor, key, confirmed);
    this.#schedule();
  }

  #act(outcome: Outcome, editor: Editor, key: Key, confirmed: boolean): void {
    switch (outcome) {
      case "enter":
        return this.#question ? this.#answer(editor.text) : this.#submit(confirmed);
      case "cancel":
        if (editor.text !== "") return editor.clear();
        if (this.#question) return this.#answer(undefined);
        return this.#reader?.interrupt();
      case "end":
        return this.#question ? this.#answer(undefined) : this.#reader?.end();
      case "suspend":
        return this.#suspend();
      case "refresh":
        this.#log += "\x1b[H\x1b[2J";
        this.#drawn = undefined;
        return;
      case "other":
        if (key.meta && key.sequence?.length === 2) this.#reader?.key(`alt+${key.sequence[1]!.toLowerCase()}`);
    }
  }

  #submit(confirmed: boolean): void {
    const editor = this.#line;
    if (this.#reader === undefined) return;
    const lines = editor.text.split("\n").length;
    if (Math.min(editor.pasted, lines) > ASK_ABOVE && !confirmed) {
      this.#hint = `Send ${lines} lines as one message? Enter sends, Esc edits.`;
      this.#confirming = true;
      return;
    }
    const complaint = this.#reader.line(editor.text);
    if (complaint === undefined) editor.take();
    else this.#hint = complaint;
  }

  #answer(line: string | undefined): void {
    const { text, hidden, answer } = this.#question!;
    this.#question = undefined;
    this.print(text + (hidden ? "" : (line ?? "")));
    this.#between = true; // whoever asked may ask again, before anything else that was typed is taken
    setImmediate(() => {
      this.#between = false;
      this.#takeKeys();
    });
    answer(line);
  }

  // ---- drawing ----

  /** Everything that happens in one turn of the event loop is one write. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#draw());
  }

  #draw(): void {
    this.#scheduled = false;
    if (!this.#active) return;
    const out = this.#erase() + this.#log + this.#footer();
    this.#log = "";
    this.#output.write(out);
    if (this.#output.writableLength < MOST_UNWRITTEN) this.#onDrain();
  }

  /** Back to the first column of the footer's first row, and everything from there on gone. */
  #erase(): string {
    if (this.#drawn === undefined) return "";
    const { widths, row, column } = this.#drawn;
    // A terminal that has become narrower has broken the rows that no longer fit.
    const height = (width: number) => Math.max(1, Math.ceil(width / this.columns));
    const above = widths.slice(0, row).reduce((sum, width) => sum + height(width), 0);
    const up = above + Math.floor(column / this.columns);
    this.#drawn = undefined;
    return `${up > 0 ? `\x1b[${up}A` : ""}\r\x1b[J`;
  }

  #footer(): string {
    const width = this.columns - 1; // the last column stays free: a cursor there is in no certain place
    const hints = this.#hint === "" ? [] : wrap(this.#hint, width).slice(0, 3);
    const { text = this.#prompt, hidden = false, editor = this.#line } = this.#question ?? {};
    if (text === "" && this.#rows.length === 0) return "";
    const typed = hidden ? layout(text, "", 0, width) : layout(text, editor.text, editor.cursor, width);
    const most = Math.max(1, Math.min(MOST_ROWS, (this.#output.rows || 24) - this.#rows.length - hints.length - 1));
    const first = Math.max(0, Math.min(typed.row - Math.floor(most / 2), typed.rows.length - most));
    const rows = [...this.#rows, ...hints].map((row) => fit(row, width));
    const row = rows.length + typed.row - first;
    rows.push(...typed.rows.slice(first, first + most));
    this.#drawn = { widths: rows.map((one) => Bun.stringWidth(one)), row, column: typed.column };
    const up = rows.length - 1 - row;
    const right = typed.column;
    return `${rows.join("\r\n")}${up > 0 ? `\x1b[${up}A` : ""}\r${right > 0 ? `\x1b[${right}C` : ""}`;
  }

  // ---- coming and going ----

  #enter(): void {
    if (this.#active) return;
    this.#active = true;
    this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write("\x1b[?2004h"); // pasted blocks come marked
    this.#schedule();
  }

  #leave(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#output.write("\x1b[?2004l");
    this.#input.setRawMode(false);
  }

  /** Ctrl+Z: in raw mode it is a key, so the stop is ours to make, with the terminal as the shell expects it. */
  #suspend(): void {
    this.#output.write(this.#erase());
    this.#leave();
    process.kill(0, "SIGTSTP");
    this.#continuing = setTimeout(this.#onContinue, CONTINUE); // if nobody stopped us: there is no shell with jobs
  }

  readonly #onContinue = (): void => {
    clearTimeout(this.#continuing);
    this.#active = false; // whatever the shell has made of the terminal
    this.#drawn = undefined;
    this.#enter();
  };
  readonly #onResize = (): void => this.#schedule();
  readonly #onDrain = (): void => {
    for (const resolve of this.#waiters.splice(0)) resolve();
  };
  /** The terminal is gone: nobody is there to read or type. */
  readonly #onGone = (): void => {
    this.#question?.answer(undefined);
    this.#question = undefined;
    if (this.#reader) this.#reader.end();
    else this.#interrupt();
  };
  /** The process ends in some other way: a signal, an exception. Nothing that is written later would come out. */
  readonly #onExit = (): void => {
    if (!this.#active) return;
    try {
      writeSync(this.#output.fd, `${this.#erase()}\x1b[?2004l`);
      this.#input.setRawMode(false);
    } catch {
      // The terminal is gone already.
    }
  };
}

function choicesRow({ choices }: Editor): string {
  if (choices === undefined) return "";
  return choices.all.map((choice, i) => (i === choices.index ? `[${choice.trim()}]` : choice.trim())).join(" ");
}
