// plain.ts: a console without cursor movement: lines in, lines out, for pipes, screen readers and old terminals. Writes
// no escape byte. A hidden answer is read key by key, so that the terminal does not show it.

import type { Console, Reader } from "./console.ts";

const MAX_UNWRITTEN = 256 * 1024; // bytes on their way out
const MAX_UNREAD = 256; // lines that may wait before the input is no longer read
const MAX_LINE = 1024 * 1024; // characters of a line that does not end; the rest is dropped

export interface PlainOptions {
  output?: NodeJS.WriteStream;
  /** Ctrl+C during a hidden answer. */
  interrupt: () => void;
}

export class Plain implements Console {
  readonly isInteractive = false;
  readonly echoes = true;
  readonly hasRoomsApart = false;
  readonly isWatched = true;
  readonly patience = undefined; // what a pipe has brought is sent first, however long that takes
  readonly #input = process.stdin;
  readonly #output: NodeJS.WriteStream;
  readonly #interrupt: () => void;
  readonly #decoder = new TextDecoder();
  #lines: string[] = [];
  #rest = "";
  #ended = false;
  #hidden: { text: string; answer: (line: string | undefined) => void } | undefined;
  #wake: (() => void) | undefined; // somebody waits for a line
  #goOn: (() => void) | undefined; // the input is not read because many lines wait

  constructor({ output, interrupt }: PlainOptions) {
    this.#output = output ?? process.stdout;
    this.#interrupt = interrupt;
    if (this.#input.isTTY) {
      this.#input.on("data", (chunk: Uint8Array) => this.#take(chunk));
      this.#input.on("end", () => this.#finish()).on("error", () => this.#finish());
    } else void this.#readPipe();
  }

  /** Reads a pipe or a file as fast as its lines are taken. Not by `process.stdin`, which may never tell the end of a pipe that
   *  was paused and resumed (Bun 1.4.5). */
  async #readPipe(): Promise<void> {
    try {
      for await (const chunk of Bun.stdin.stream()) {
        this.#take(chunk);
        if (this.#lines.length <= MAX_UNREAD) continue;
        await new Promise<void>((resolve) => {
          this.#goOn = resolve;
        });
      }
    } catch {
      // It cannot be read any further, which is its end.
    }
    this.#finish();
  }

  get columns(): number {
    return this.#output.columns || 80;
  }

  print(...lines: string[]): void {
    if (lines.length > 0) this.#output.write(lines.join("\n") + "\n");
  }
  bell(): void {
    if (this.#output.isTTY) this.#output.write("\x07");
  }
  footer(): void {}
  turnTo(): void {}
  clear(): void {}
  giveBack(): boolean {
    return true; // what was typed stays where it was typed
  }
  takeHalfTyped(): string[] {
    return [];
  }
  progress(text: string): void {
    this.print(`* ${text}`);
  }

  async ask(question: string, hidden = false): Promise<string | undefined> {
    const onTerminal = this.#input.isTTY;
    const keys = hidden && onTerminal && this.#lines.length === 0;
    if (keys) this.#input.setRawMode(true); // before the question: the answer may come at once
    // A question is for a person at a terminal and no part of what goes into a pipe.
    const screen = this.#output.isTTY ? this.#output : process.stderr;
    if (onTerminal) screen.write(question);
    if (!keys) return this.#next();
    const answer = await new Promise<string | undefined>((resolve) => {
      this.#hidden = { text: "", answer: resolve };
    });
    this.#input.setRawMode(false);
    screen.write("\n");
    return answer;
  }

  /** Hands line after line to the reader, then the end. */
  listen(reader: Reader): void {
    void (async () => {
      let doubted = ""; // a line that a person may have meant otherwise
      for await (const typed of this.lines()) {
        const line = typed === "" ? doubted : typed;
        const doubt = this.#input.isTTY && line !== doubted ? reader.doubt(line) : undefined;
        doubted = doubt === undefined ? "" : line;
        const complaint = doubt === undefined ? (reader.complaint(line) ?? reader.line(line)) : `${doubt}.`;
        if (complaint !== undefined) this.print(`* ${complaint}`);
        await reader.ready();
      }
      reader.end();
    })();
  }

  /** Every line that comes in, until the input ends. */
  async *lines(): AsyncGenerator<string> {
    for (let line; (line = await this.#next()) !== undefined;) yield line;
  }

  drained(): Promise<void> {
    if (this.#output.writableLength < MAX_UNWRITTEN) return Promise.resolve();
    return new Promise((resolve) => this.#output.once("drain", resolve));
  }

  close(): void {
    if (this.#input.isTTY) this.#input.pause();
  }

  async #next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    const line = this.#lines.shift();
    if (this.#lines.length <= MAX_UNREAD / 2) this.#goOn?.();
    return line;
  }

  #take(chunk: Uint8Array): void {
    const text = this.#decoder.decode(chunk, { stream: true });
    let from = 0;
    while (this.#hidden !== undefined && from < text.length) this.#takeHidden(text[from++]!);
    const lines = (this.#rest + text.slice(from)).split("\n");
    this.#rest = lines.pop()!.slice(0, MAX_LINE);
    this.#lines.push(...lines.map((line) => line.replace(/\r$/, "")));
    this.#wake?.();
  }

  #takeHidden(character: string): void {
    const hidden = this.#hidden!;
    switch (character) {
      case "\r":
      case "\n":
      case "\x04":
        this.#hidden = undefined;
        return hidden.answer(character === "\x04" && hidden.text === "" ? undefined : hidden.text);
      case "\x03":
        this.#input.setRawMode(false);
        return this.#interrupt();
      case "\x7f":
      case "\b":
        hidden.text = hidden.text.slice(0, -1);
        return;
      case "\x15": // Ctrl+U
        hidden.text = "";
        return;
      default:
        hidden.text += character;
    }
  }

  /** The input has ended; a last line without its line end counts. */
  #finish(): void {
    if (this.#ended) return;
    if (this.#rest !== "") this.#lines.push(this.#rest.replace(/\r$/, ""));
    this.#rest = "";
    this.#ended = true;
    this.#hidden?.answer(undefined);
    this.#wake?.();
  }
}
