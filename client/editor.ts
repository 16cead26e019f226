// editor.ts: the line being typed: text, cursor, undo, history, completion and pasted blocks, all by grapheme, never by
// character. Knows keys and text, no screen and no chat. Every prompt has an editor of its own.

import type { Completion, Key } from "./console.ts";
import { blankLeft, left, lineEnd, lineStart, right, vertical, wordLeft, wordRight } from "./cursor.ts";
import { Recall } from "./recall.ts";

export interface EditorOptions {
  /** Text as it may be shown: what is typed or pasted goes through it first. */
  clean?: (text: string) => string;
  complete?: (before: string) => Completion;
  /** A pasted block of several lines that begins a text, as it would have to be typed. */
  block?: (text: string) => string;
}
/** A half-typed text. */
export interface Draft {
  text: string;
  cursor: number;
  pasted: number;
}
/** What a key came to; "pasted": a block is whole; "other" keys are not the editor's. */
export type Outcome = "edited" | "pasted" | "enter" | "end" | "cancel" | "suspend" | "refresh" | "other";

const MAX_TEXT = 64 * 1024; // UTF-16 units of one typed text; a pasted novel must not slow down every key
const MAX_UNDO = 100; // steps

export class Editor {
  text = "";
  cursor = 0; // UTF-16 index, between two graphemes
  /** Lines of the largest block pasted into this text. */
  pasted = 0;
  /** Choices of the completion under way, and which of them is in the text. */
  choices: { all: string[]; index: number } | undefined;

  readonly recall = new Recall();
  readonly #options: EditorOptions;
  #undo: { text: string; cursor: number }[] = [];
  #typing = false; // the last edit was a typed character, so the next one undoes together with it
  #killed = "";
  #block: string[] | undefined; // a pasted block that is still coming
  #blockSize = 0;
  #completing: (Completion & { rest: string }) | undefined;

  constructor(options: EditorOptions = {}) {
    this.#options = options;
  }

  /** Takes the text away, to be recalled unless it is secret. */
  take(isSecret = false): string {
    const text = this.text;
    if (!isSecret) this.recall.add(text);
    this.clear();
    return text;
  }

  clear(): void {
    this.text = "";
    this.cursor = 0;
    this.pasted = 0;
    this.#undo = [];
    this.recall.reset();
    this.#stopCompleting();
  }

  get draft(): Draft {
    return { text: this.text, cursor: this.cursor, pasted: this.pasted };
  }
  /** Another text, as it was left. */
  set draft(draft: Draft) {
    this.clear();
    Object.assign(this, draft);
  }

  /** Replaces all of the text. */
  set(text: string, cursor = text.length): void {
    this.#change(text, cursor);
  }

  /** Whether a pasted block is still coming. */
  get isPasting(): boolean {
    return this.#block !== undefined;
  }

  press(typed: string | undefined, key: Key): Outcome {
    if (key.name === "paste-start") this.#block = [];
    else if (this.#block !== undefined) return this.#takePasted(typed, key);
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
        return this.#move(left(this.text, this.cursor));
      case "right":
        return this.#move(right(this.text, this.cursor));
      case "home":
        return this.#move(lineStart(this.text, this.cursor));
      case "end":
        return this.#move(lineEnd(this.text, this.cursor));
      case "up":
        return this.#vertical(-1);
      case "down":
        return this.#vertical(1);
      case "backspace":
        return this.#remove(left(this.text, this.cursor), this.cursor);
      case "delete":
        return this.#remove(this.cursor, right(this.text, this.cursor));
    }
    if (sequence === "\x1f") return this.#undoOne(); // Ctrl+_
    if (typed === undefined || typed === null || /^[\0-\x1f\x7f]/.test(typed)) return "other";
    return this.#insert(typed, true);
  }

  #pressCtrl({ name }: Key): Outcome {
    switch (name) {
      case "a":
        return this.#move(lineStart(this.text, this.cursor));
      case "e":
        return this.#move(lineEnd(this.text, this.cursor));
      case "b":
        return this.#move(left(this.text, this.cursor));
      case "f":
        return this.#move(right(this.text, this.cursor));
      case "p":
        return this.#vertical(-1);
      case "n":
        return this.#vertical(1);
      case "left":
        return this.#move(wordLeft(this.text, this.cursor));
      case "right":
        return this.#move(wordRight(this.text, this.cursor));
      case "h":
        return this.#remove(left(this.text, this.cursor), this.cursor);
      case "w":
        return this.#kill(blankLeft(this.text, this.cursor), this.cursor);
      case "u":
        return this.#kill(lineStart(this.text, this.cursor), this.cursor);
      case "k":
        return this.#kill(this.cursor, lineEnd(this.text, this.cursor));
      case "y":
        return this.#insert(this.#killed);
      case "t":
        return this.#transpose();
      case "d":
        return this.text === "" ? "end" : this.#remove(this.cursor, right(this.text, this.cursor));
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
        return this.#move(wordLeft(this.text, this.cursor));
      case "f":
      case "right":
        return this.#move(wordRight(this.text, this.cursor));
      case "d":
        return this.#kill(this.cursor, wordRight(this.text, this.cursor));
      case "backspace":
        return this.#kill(wordLeft(this.text, this.cursor), this.cursor);
      default:
        return "other";
    }
  }

  // ---- edits ----

  #move(to: number): Outcome {
    this.cursor = to;
    return "edited";
  }

  #insert(added: string, typed = false): Outcome {
    const clean = (this.#options.clean?.(added) ?? added).slice(0, MAX_TEXT - this.text.length);
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

  /** Ctrl+T: swaps the graphemes left and right of the cursor and steps over them; at the end of a line, the last two. */
  #transpose(): Outcome {
    const { text, cursor } = this;
    const start = lineStart(text, cursor);
    const end = cursor === lineEnd(text, cursor) ? cursor : right(text, cursor);
    const middle = left(text, end);
    if (middle <= start) return "edited";
    const before = left(text, middle);
    const swapped = text.slice(middle, end) + text.slice(before, middle);
    this.#change(text.slice(0, before) + swapped + text.slice(end), end);
    return "edited";
  }

  #change(text: string, cursor: number): void {
    this.#remember();
    this.text = text;
    this.cursor = cursor;
  }

  #remember(): void {
    this.#undo.push({ text: this.text, cursor: this.cursor });
    if (this.#undo.length > MAX_UNDO) this.#undo.shift();
  }

  #undoOne(): Outcome {
    const before = this.#undo.pop();
    if (before === undefined) return "edited";
    this.text = before.text;
    this.cursor = before.cursor;
    return "edited";
  }

  /** Up and down: among the lines of a text of several, then through those typed before. The draft is kept. */
  #vertical(step: -1 | 1): Outcome {
    const place = vertical(this.text, this.cursor, step);
    if (place !== undefined) return this.#move(place);
    const recalled = this.recall.step(step, this.text);
    if (recalled !== undefined) this.set(recalled);
    return "edited";
  }

  #takePasted(typed: string | undefined, key: Key): Outcome {
    if (key.name === "paste-end" || (key.ctrl && key.name === "c")) {
      // A last line end belongs to how the block was copied, not to the text.
      const block = this.#block!.join("").replace(/\r\n?/g, "\n").replace(/\n$/, "");
      this.#block = undefined;
      this.#blockSize = 0;
      const isFirst = this.text === "" && block.includes("\n");
      this.#insert(isFirst ? (this.#options.block?.(block) ?? block) : block);
      this.pasted = Math.max(this.pasted, block.split("\n").length);
      return "pasted";
    }
    const piece = typed ?? key.sequence ?? "";
    if (this.#blockSize < MAX_TEXT) this.#block!.push(piece);
    this.#blockSize += piece.length;
    return "edited";
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
    this.#completing = undefined;
    this.choices = undefined;
  }
}
