// terminal.ts: typing below, messages above. An append-only log in the terminal's own scrollback; only the last rows,
// the footer with what waits and the typed line, are erased and drawn again, in one write. Leaves the terminal as it
// found it. Knows nothing of chat. Prints what it is given: to keep escapes out of it is its caller's duty.

import { emitKeypressEvents } from "node:readline";
import type { Completion, Console, Key, Reader } from "./console.ts";
import { Drafts } from "./drafts.ts";
import type { Outcome } from "./editor.ts";
import { Editor } from "./editor.ts";
import { choicesRow, Footer } from "./footer.ts";
import { FOCUS, Modes } from "./modes.ts";
import { wrap } from "./rows.ts";

export interface TerminalOptions {
  input?: NodeJS.ReadStream;
  output?: NodeJS.WriteStream & { fd: number };
  clean?: (text: string) => string;
  /** Ctrl+C while nobody listens and nothing is asked. */
  interrupt: () => void;
}

const ASK_ABOVE = 5; // pasted lines that are sent without a question
const MAX_AHEAD = 1_000; // keys kept for the next question
const MAX_UNWRITTEN = 256 * 1024; // characters on their way to the screen
const CONTINUE = 200; // ms after which a Ctrl+Z that did not stop us is over
const PATIENCE = 1_000; // ms a leaving person waits for what they just typed

export class Terminal implements Console {
  readonly isInteractive = true;
  readonly echoes = false;
  readonly hasRoomsApart = true;
  readonly patience = PATIENCE;
  isWatched = true; // until the terminal says something else
  complete: (before: string) => Completion = () => ({ start: 0, choices: [] });
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream & { fd: number };
  readonly #interrupt: () => void;
  readonly #line: Editor;
  readonly #clean: (text: string) => string;
  #question: { text: string; hidden: boolean; editor: Editor; answer: (line: string | undefined) => void } | undefined;
  #reader: Reader | undefined;
  readonly #drafts: Drafts;
  #prompt = "";
  #rows: readonly string[] = [];
  #ahead: [typed: string | undefined, key: Key][] = []; // keys that nobody has taken yet
  #between = false; // two questions of one caller
  #hint = ""; // a sentence above the prompt, until the next key
  #confirming = false; // the hint asks whether a pasted block shall be sent
  #log = ""; // not written yet
  readonly #footer: Footer;
  #scheduled = false;
  readonly #modes: Modes;
  #waiters: (() => void)[] = [];
  #continuing: Timer | undefined;

  constructor({ input, output, interrupt, clean }: TerminalOptions) {
    this.#input = input ?? process.stdin;
    this.#output = output ?? process.stdout;
    this.#modes = new Modes(this.#input, this.#output);
    this.#interrupt = interrupt;
    this.#clean = clean ?? ((text) => text);
    this.#footer = new Footer(() => ({ columns: this.columns, rows: this.#output.rows || 24 }));
    this.#line = new Editor({ clean: this.#clean, complete: (before) => this.complete(before) });
    this.#drafts = new Drafts(this.#line);
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

  turnTo(place: string): void {
    if (!this.#drafts.turnTo(place)) return;
    this.#hint = "";
    this.#confirming = false;
    this.#schedule();
  }

  giveBack(place: string, text: string): boolean {
    this.#schedule();
    return this.#drafts.giveBack(place, text);
  }

  takeHalfTyped(place?: string): string[] {
    const places = place === undefined ? this.#drafts.places : [place];
    this.#schedule();
    return places.map((one) => this.#drafts.take(one)).filter((text) => text.trim() !== "");
  }

  progress(text: string): void {
    this.footer("", [text]);
  }

  listen(reader: Reader): void {
    this.#reader = reader;
    this.#takeKeys();
  }

  drained(): Promise<void> {
    if (this.#log.length + this.#output.writableLength < MAX_UNWRITTEN) return Promise.resolve();
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
    this.#modes.leave();
    this.#input.off("keypress", this.#onKey).pause();
    this.#output.off("resize", this.#onResize);
    process.off("SIGCONT", this.#onContinue).off("exit", this.#onExit);
  }

  // ---- keys ----

  /** Keys that come while nothing is asked and nobody listens are kept for whoever does next: they may be a password
   *  that somebody typed ahead. */
  readonly #onKey = (typed: string | undefined, key: Key): void => {
    const focus = FOCUS[key.sequence ?? ""];
    this.#watch(focus ?? true); // who types looks
    if (focus !== undefined) return;
    this.#ahead.push([typed, key]);
    this.#takeKeys();
  };

  #watch(isWatched: boolean): void {
    if (isWatched === this.isWatched) return;
    this.isWatched = isWatched;
    if (isWatched) this.#reader?.looked();
  }

  #takeKeys(): void {
    while (this.#ahead.length > 0 && !this.#between && (this.#question || this.#reader)) {
      const [typed, key] = this.#ahead.shift()!;
      this.#press(typed, key);
    }
    if (this.#question || this.#reader) return;
    if (this.#ahead.some(([, { ctrl, name }]) => ctrl && name === "c")) this.#interrupt();
    this.#ahead.splice(MAX_AHEAD);
  }

  #press(typed: string | undefined, key: Key): void {
    const editor = this.#question?.editor ?? this.#line;
    const outcome = editor.press(typed, key);
    const confirmed = this.#confirming && outcome === "enter";
    this.#hint = choicesRow(editor.choices);
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
        this.#footer.forget();
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
    const { draft } = editor;
    // Taken first: the line may turn to another place, which has a draft of its own.
    const text = editor.take(this.#reader.isSecret(editor.text)).trimEnd(); // completion leaves a space behind its words
    const complaint = this.#reader.line(text);
    if (complaint === undefined) return;
    editor.draft = draft;
    this.#hint = complaint;
  }

  #answer(line: string | undefined): void {
    const { text, hidden, answer } = this.#question!;
    this.#question = undefined;
    this.print(text + (hidden ? "" : (line ?? "")));
    this.#between = true; // whoever asked may ask again before other keys are taken
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
    if (!this.#modes.isOn) return;
    const out = this.#footer.erase() + this.#log + this.#drawFooter();
    this.#log = "";
    this.#output.write(out);
    if (this.#output.writableLength < MAX_UNWRITTEN) this.#onDrain();
  }

  #drawFooter(): string {
    const { text = this.#prompt, hidden = false, editor = this.#line } = this.#question ?? {};
    if (text === "" && this.#rows.length === 0) return "";
    const typed = hidden ? { text: "", cursor: 0 } : editor;
    return this.#footer.draw({ prompt: text, typed, rows: this.#rows, hint: this.#hint });
  }

  // ---- coming and going ----

  #enter(): void {
    if (this.#modes.isOn) return;
    this.#modes.enter();
    this.#schedule();
  }

  /** Ctrl+Z: in raw mode it is a key, so the stop is ours to make, with the terminal as the shell expects it. */
  #suspend(): void {
    this.#output.write(this.#footer.erase());
    this.#modes.leave();
    process.kill(0, "SIGTSTP");
    this.#continuing = setTimeout(this.#onContinue, CONTINUE); // if nobody stopped us: there is no shell with jobs
  }

  readonly #onContinue = (): void => {
    clearTimeout(this.#continuing);
    this.#modes.isOn = false; // whatever the shell has made of the terminal
    this.#footer.forget();
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
  /** The process ends in some other way: a signal, an exception. */
  readonly #onExit = (): void => this.#modes.leaveNow(this.#modes.isOn ? this.#footer.erase() : "");
}
