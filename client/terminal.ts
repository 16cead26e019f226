// terminal.ts: typing below, messages above. An append-only log in the terminal's own scrollback; only the last rows,
// the footer with what waits and the typed line, are erased and drawn again, in one write. Leaves the terminal as it
// found it. Knows nothing of chat. Prints what it is given: to keep escapes out of it is its caller's duty.

import type { Completion, Console, Key, Reader } from "./console.ts";
import type { Outcome } from "./editor.ts";
import { Editor } from "./editor.ts";
import { Entry } from "./entry.ts";
import { Footer } from "./footer.ts";
import { Keyboard } from "./keyboard.ts";
import { Modes } from "./modes.ts";
import { wrap } from "./rows.ts";

export interface TerminalOptions {
  input?: NodeJS.ReadStream;
  output?: NodeJS.WriteStream & { fd: number };
  clean?: (text: string) => string;
  block?: (text: string) => string; // see `EditorOptions`
  hasTitle?: boolean; // the window can be given one
  /** Ctrl+C while nobody listens and nothing is asked. */
  interrupt: () => void;
}

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
  readonly #entry: Entry;
  readonly #keyboard: Keyboard;
  readonly #clean: (text: string) => string;
  #question: { text: string; hidden: boolean; editor: Editor; answer: (line: string | undefined) => void } | undefined;
  #reader: Reader | undefined;
  #prompt = "";
  #rows: readonly string[] = [];
  #ahead: [typed: string | undefined, key: Key][] = []; // keys that nobody has taken yet
  #between = false; // two questions of one caller
  #log = ""; // not written yet
  readonly #footer: Footer;
  #scheduled = false;
  readonly #modes: Modes;
  #title = "";
  #waiters: (() => void)[] = [];
  #continuing: Timer | undefined;

  constructor({ input, output, interrupt, clean, block, hasTitle = false }: TerminalOptions) {
    this.#input = input ?? process.stdin;
    this.#output = output ?? process.stdout;
    this.#modes = new Modes(this.#input, this.#output, hasTitle);
    this.#interrupt = interrupt;
    this.#clean = clean ?? ((text) => text);
    this.#footer = new Footer(() => ({ columns: this.columns, rows: this.#output.rows || 24 }));
    this.#entry = new Entry({ clean: this.#clean, complete: (before) => this.complete(before), block });
    this.#keyboard = new Keyboard(this.#input, {
      key: (typed, key) => this.#onKey(typed, key),
      watched: (isWatched) => this.#watch(isWatched),
      takesBlocks: () => this.#reader !== undefined && !this.#question && !this.#between && !this.#entry.isPasting,
    });
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

  title(text: string): void {
    if (text === this.#title) return;
    this.#title = text;
    this.#log += this.#modes.title(text);
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
    if (this.#entry.turnTo(place)) this.#schedule();
  }

  giveBack(place: string, text: string): boolean {
    this.#schedule();
    return this.#entry.giveBack(place, text);
  }

  takeHalfTyped(place?: string): string[] {
    this.#schedule();
    return this.#entry.takeHalfTyped(place);
  }

  clear(): void {
    this.#log += "\r\n".repeat(this.#output.rows || 24) + "\x1b[H";
    this.#schedule();
  }

  recall(lines: readonly string[]): void {
    this.#entry.recall(lines);
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
    this.#entry.clear();
    this.#draw();
    this.#modes.leave();
    this.#keyboard.close();
    this.#input.pause();
    this.#output.off("resize", this.#onResize);
    process.off("SIGCONT", this.#onContinue).off("exit", this.#onExit);
  }

  // ---- keys ----

  /** Keys that come while nothing is asked and nobody listens are kept for whoever does next: they may be a password
   *  that somebody typed ahead. */
  #onKey(typed: string | undefined, key: Key): void {
    this.#ahead.push([typed, key]);
    this.#takeKeys();
  }

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
    if (this.#question) this.#reply(this.#question.editor.press(typed, key), this.#question.editor);
    else this.#act(this.#entry.press(typed, key, this.#reader!), key);
    this.#schedule();
  }

  /** A key for the answer to a question. */
  #reply(outcome: Outcome, editor: Editor): void {
    if (outcome === "enter") this.#answer(editor.text);
    else if (outcome === "cancel" && editor.text !== "") editor.clear();
    else if (outcome === "cancel" || outcome === "end") this.#answer(undefined);
    else this.#control(outcome);
  }

  /** A key that is not the typed line's business. */
  #act(outcome: Outcome, key: Key): void {
    if (outcome === "cancel") this.#reader!.interrupt();
    else if (outcome === "end") this.#reader!.end();
    else if (outcome !== "other") this.#control(outcome);
    else if (key.meta && key.sequence?.length === 2) this.#reader!.key(`alt+${key.sequence[1]!.toLowerCase()}`);
  }

  #control(outcome: Outcome): void {
    if (outcome === "suspend") this.#suspend();
    if (outcome !== "refresh") return;
    this.#log += "\x1b[H\x1b[2J";
    this.#footer.forget();
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
    const { text = this.#prompt, hidden = false, editor = this.#entry.typed } = this.#question ?? {};
    if (text === "" && this.#rows.length === 0) return "";
    const typed = hidden ? { text: "", cursor: 0 } : editor;
    return this.#footer.draw({ prompt: text, typed, rows: this.#rows, hint: this.#question ? "" : this.#entry.hint });
  }

  // ---- coming and going ----

  #enter(): void {
    if (this.#modes.isOn) return;
    this.#modes.enter();
    this.#log += this.#modes.title(this.#title);
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
