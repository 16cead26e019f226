// editor.ts: the line being typed: text, cursor, undo, history, completion and pasted blocks, all by grapheme, never by
// character. Knows keys and text, no screen and no chat. Called by terminal.ts, one editor a prompt.

/** A key as `node:readline`'s keypress events report it. */
export interface Key {
  name?: string | undefined;
  ctrl?: boolean | undefined;
  meta?: boolean | undefined;
  shift?: boolean | undefined;
  sequence?: string | undefined;
}
/** What the text before the cursor may become: each choice replaces it from `start` on. */
export interface Completion {
  start: number;
  choices: string[];
}
export interface EditorOptions {
  /** Text as it may be shown: what is typed or pasted goes through it first. */
  clean?: (text: string) => string;
  complete?: (before: string) => Completion;
}
/** What a key came to; "other" keys are not the editor's. */
export type Outcome = "edited" | "enter" | "end" | "cancel" | "suspend" | "refresh" | "other";

const MOST_TEXT = 64 * 1024; // UTF-16 units of one typed text; a pasted novel must not slow down every key
const MOST_HISTORY = 500; // lines
const MOST_UNDO = 100; // steps
const graphemes = new Intl.Segmenter();

export class Editor {
  text = "";
  cursor = 0; // UTF-16 index, between two graphemes
  /** Lines of the largest block pasted into this text. */
  pasted = 0;
  /** Choices of the completion under way, and which of them is in the text. */
  choices: { all: string[]; index: number } | undefined;

  readonly #options: EditorOptions;
  #history: string[] = [];
  #at = 0; // place in the history; its length: the draft
  #draft = "";
  #undo: { text: string; cursor: number }[] = [];
  #typing = false; // the last edit was a typed character, so the next one undoes together with it
  #killed = "";
  #block: string[] | undefined; // a pasted block that is still coming
  #blockSize = 0;
  #completing: (Completion & { rest: string }) | undefined;

  constructor(options: EditorOptions = {}) {
    this.#options = options;
  }

  /** Takes the text away, into the history. */
  take(): string {
    const text = this.text;
    if (text.trim() !== "" && this.#history.at(-1) !== text) this.#history.push(text);
    if (this.#history.length > MOST_HISTORY) this.#history.shift();
    this.clear();
    return text;
  }

  clear(): void {
    this.text = "";
    this.cursor = this.pasted = 0;
    this.#undo = [];
    this.#at = this.#history.length;
    this.#stopCompleting();
  }

  /** Replaces all of the text. */
  set(text: string): void {
    this.#change(text, text.length);
  }

  press(typed: string | undefined, key: Key): Outcome {
    if (key.name === "paste-start") this.#block = [];
    else if (this.#block !== undefined) this.#takePasted(typed, key);
    else {
      if (key.name !== "tab") this.#stopCompleting();
      const outcome = key.meta ? this.#pressMeta(key) : key.ctrl ? this.#pressCtrl(key) : this.#pressPlain(typed, key);
      if (outcome !== "edited" || key.name !== undefined) this.#typing = false;
      return outcome;
    }
    return "edited";
  }

  #pressPlain(typed: string | undefined, { name, shift, sequence }: Key): Outcome {
    switch (name) {
      case "return":
        return "enter";
      case "enter": // Ctrl+J
        return this.#insert("\n");
      case "tab":
        return this.#complete(shift ? -1 : 1);
      case "left":
        return this.#move(this.#left());
      case "right":
        return this.#move(this.#right());
      case "home":
        return this.#move(this.#lineStart());
      case "end":
        return this.#move(this.#lineEnd());
      case "up":
        return this.#vertical(-1);
      case "down":
        return this.#vertical(1);
      case "backspace":
        return this.#remove(this.#left(), this.cursor);
      case "delete":
        return this.#remove(this.cursor, this.#right());
    }
    if (sequence === "\x1f") return this.#undoOne(); // Ctrl+_
    if (typed === undefined || typed === null || /^[\0-\x1f\x7f]/.test(typed)) return "other";
    return this.#insert(typed, true);
  }

  #pressCtrl({ name }: Key): Outcome {
    switch (name) {
      case "a":
        return this.#move(this.#lineStart());
      case "e":
        return this.#move(this.#lineEnd());
      case "b":
        return this.#move(this.#left());
      case "f":
        return this.#move(this.#right());
      case "p":
        return this.#vertical(-1);
      case "n":
        return this.#vertical(1);
      case "left":
        return this.#move(this.#wordLeft());
      case "right":
        return this.#move(this.#wordRight());
      case "h":
        return this.#remove(this.#left(), this.cursor);
      case "w":
        return this.#kill(this.cursor - /\S*\s*$/.exec(this.text.slice(0, this.cursor))![0].length, this.cursor);
      case "u":
        return this.#kill(this.#lineStart(), this.cursor);
      case "k":
        return this.#kill(this.cursor, this.#lineEnd());
      case "y":
        return this.#insert(this.#killed);
      case "t":
        return this.#transpose();
      case "d":
        return this.text === "" ? "end" : this.#remove(this.cursor, this.#right());
      case "c":
        return "cancel";
      case "z":
        return "suspend";
      case "l":
        return "refresh";
      default:
        return "other";
    }
  }

  #pressMeta({ name, sequence }: Key): Outcome {
    switch (name ?? sequence?.slice(1)) {
      case "return":
      case "enter":
        return this.#insert("\n");
      case "b":
      case "left":
        return this.#move(this.#wordLeft());
      case "f":
      case "right":
        return this.#move(this.#wordRight());
      case "d":
        return this.#kill(this.cursor, this.#wordRight());
      case "backspace":
        return this.#kill(this.#wordLeft(), this.cursor);
      default:
        return "other";
    }
  }

  // ---- places ----

  #left(): number {
    if (this.cursor === 0) return 0;
    return graphemes.segment(this.text).containing(this.cursor - 1)!.index;
  }
  #right(): number {
    const next = graphemes.segment(this.text).containing(this.cursor);
    return next === undefined ? this.text.length : next.index + next.segment.length;
  }
  #wordLeft(): number {
    return (
      this.cursor -
      /(?:[\p{L}\p{M}\p{N}_]+[^\p{L}\p{M}\p{N}_]*|[\s\S]?)$/u.exec(this.text.slice(0, this.cursor))![0].length
    );
  }
  #wordRight(): number {
    return (
      this.cursor +
      /^(?:[^\p{L}\p{M}\p{N}_]*[\p{L}\p{M}\p{N}_]+|[\s\S]*)/u.exec(this.text.slice(this.cursor))![0].length
    );
  }
  #lineStart(): number {
    return this.text.lastIndexOf("\n", this.cursor - 1) + 1 || 0;
  }
  #lineEnd(): number {
    const end = this.text.indexOf("\n", this.cursor);
    return end < 0 ? this.text.length : end;
  }

  // ---- edits ----

  #move(to: number): Outcome {
    this.cursor = to;
    return "edited";
  }

  #insert(added: string, typed = false): Outcome {
    const clean = (this.#options.clean?.(added) ?? added).slice(0, MOST_TEXT - this.text.length);
    if (!(typed && this.#typing)) this.#remember();
    this.#typing = typed && clean !== " ";
    this.text = this.text.slice(0, this.cursor) + clean + this.text.slice(this.cursor);
    this.cursor += clean.length;
    return "edited";
  }

  #remove(from: number, to: number): Outcome {
    if (from < to) this.#change(this.text.slice(0, from) + this.text.slice(to), from);
    return "edited";
  }

  #kill(from: number, to: number): Outcome {
    if (from < to) this.#killed = this.text.slice(from, to);
    return this.#remove(from, to);
  }

  #transpose(): Outcome {
    const end = this.cursor === this.#lineEnd() ? this.cursor : this.#right();
    const second = graphemes.segment(this.text).containing(end - 1);
    const first =
      second && second.index > this.#lineStart() && graphemes.segment(this.text).containing(second.index - 1);
    if (!first || end <= this.#lineStart()) return "edited";
    this.#change(this.text.slice(0, first.index) + second.segment + first.segment + this.text.slice(end), end);
    return "edited";
  }

  #change(text: string, cursor: number): void {
    this.#remember();
    this.text = text;
    this.cursor = cursor;
  }

  #remember(): void {
    this.#undo.push({ text: this.text, cursor: this.cursor });
    if (this.#undo.length > MOST_UNDO) this.#undo.shift();
  }

  #undoOne(): Outcome {
    const before = this.#undo.pop();
    if (before !== undefined) ({ text: this.text, cursor: this.cursor } = before);
    return "edited";
  }

  /** Up and down: among the lines of a text of several, then through the history. The draft is kept. */
  #vertical(step: -1 | 1): Outcome {
    const start = this.#lineStart();
    const end = this.#lineEnd();
    if (step < 0 ? start > 0 : end < this.text.length) {
      const column = this.cursor - start;
      this.cursor = step < 0 ? start - 1 : end + 1;
      const from = this.#lineStart();
      const wanted = Math.min(from + column, this.#lineEnd());
      return this.#move(graphemes.segment(this.text).containing(wanted)?.index ?? wanted);
    }
    const to = this.#at + step;
    if (to < 0 || to > this.#history.length) return "edited";
    if (this.#at === this.#history.length) this.#draft = this.text;
    this.#at = to;
    this.set(this.#history[to] ?? this.#draft);
    return "edited";
  }

  #takePasted(typed: string | undefined, key: Key): void {
    if (key.name === "paste-end" || (key.ctrl && key.name === "c")) {
      // A last line end belongs to how the block was copied, not to the text.
      const block = this.#block!.join("").replace(/\r\n?/g, "\n").replace(/\n$/, "");
      this.#block = undefined;
      this.#blockSize = 0;
      this.#insert(block);
      this.pasted = Math.max(this.pasted, block.split("\n").length);
    } else if (this.#blockSize < MOST_TEXT) {
      const piece = typed ?? key.sequence ?? "";
      this.#block!.push(piece);
      this.#blockSize += piece.length;
    }
  }

  // ---- completion ----

  #complete(step: -1 | 1): Outcome {
    if (this.#completing === undefined) {
      const found = this.#options.complete?.(this.text.slice(0, this.cursor));
      if (found === undefined || found.choices.length === 0) return "edited";
      this.#remember();
      this.#completing = { ...found, rest: this.text.slice(this.cursor) };
      this.choices = { all: found.choices, index: step > 0 ? 0 : found.choices.length - 1 };
    } else {
      const { choices } = this.#completing;
      this.choices!.index = (this.choices!.index + step + choices.length) % choices.length;
    }
    const { start, choices, rest } = this.#completing;
    const before = this.text.slice(0, start) + choices[this.choices!.index]!;
    this.text = before + rest;
    this.cursor = before.length;
    if (choices.length === 1) this.#stopCompleting();
    return "edited";
  }

  #stopCompleting(): void {
    this.#completing = this.choices = undefined;
  }
}
