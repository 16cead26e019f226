// entry.ts: the line that somebody types to the chat, each place its own: what is asked before it goes, why it stays, and the search
// for one that was typed before. Draws nothing.

import type { Completion, Key, Reader } from "./console.ts";
import { Drafts } from "./drafts.ts";
import type { Outcome } from "./editor.ts";
import { Editor } from "./editor.ts";
import { choicesRow } from "./footer.ts";
import { UNMARKED } from "./keyboard.ts";
import { Search } from "./recall.ts";

export interface EntryOptions {
  clean: (text: string) => string;
  complete: (before: string) => Completion;
  block?: ((text: string) => string) | undefined; // see `EditorOptions`
}

const ASK_ABOVE = 5; // pasted lines that are sent without a question

export class Entry {
  /** A sentence above the prompt, until the next key. */
  hint = "";
  readonly #line: Editor;
  readonly #drafts: Drafts;
  #isAsking = false; // the hint is a question, which Enter answers with yes
  #search: Search | undefined;

  constructor({ clean, complete, block }: EntryOptions) {
    this.#line = new Editor({ clean, complete, ...(block && { block }) });
    this.#drafts = new Drafts(this.#line);
  }

  /** What is to be seen of it. */
  get typed(): { text: string; cursor: number } {
    return this.#search ?? this.#line;
  }
  get isPasting(): boolean {
    return this.#line.isPasting;
  }
  clear(): void {
    this.#line.clear();
  }
  /** Lines of an earlier run, the oldest first. */
  recall(lines: readonly string[]): void {
    this.#line.recall.load(lines);
  }

  /** Returns whether it is another place. */
  turnTo(place: string): boolean {
    if (!this.#drafts.turnTo(place)) return false;
    this.hint = "";
    this.#isAsking = false;
    this.#search = undefined;
    return true;
  }
  giveBack(place: string, text: string): boolean {
    return this.#drafts.giveBack(place, text);
  }
  takeHalfTyped(place?: string): string[] {
    const places = place === undefined ? this.#drafts.places : [place];
    return places.map((one) => this.#drafts.take(one)).filter((text) => text.trim() !== "");
  }

  /** Takes a key; returns what is not the line's business. */
  press(typed: string | undefined, key: Key, reader: Reader): Outcome {
    const isSearched = this.#search !== undefined;
    if (this.#search !== undefined && !this.#ends(this.#search, typed, key)) return "edited";
    const { text } = this.#line;
    const outcome = isSearched && isTyped(key) ? this.#line.press(key.sequence![1], {}) : this.#line.press(typed, key);
    const isConfirmed = this.#isAsking && outcome === "enter";
    this.hint = choicesRow(this.#line.choices);
    this.#isAsking = false;
    if (outcome === "pasted") this.#pasted(key.sequence === UNMARKED, reader);
    else if (outcome === "enter") this.#submit(isConfirmed, reader);
    else if (outcome === "cancel" && text !== "") this.clear();
    else if (outcome === "other" && key.ctrl && key.name === "r") this.#begin();
    else return outcome;
    return "edited";
  }

  // ---- a line that goes ----

  #submit(isConfirmed: boolean, reader: Reader): void {
    const line = this.#line;
    const lines = line.text.split("\n").length;
    const text = line.text.trimEnd(); // completion leaves a space behind its words
    const complaint = reader.complaint(text);
    if (complaint !== undefined) return void (this.hint = complaint);
    const doubt = Math.min(line.pasted, lines) > ASK_ABOVE ? askFor(lines) : reader.doubt(text);
    if (doubt !== undefined && !isConfirmed) return this.#ask(`${doubt}, Esc edits.`);
    const { draft } = line;
    line.take(reader.isSecret(line.text)); // first: the line may turn to another place, which has a draft of its own
    const why = reader.line(text);
    if (why === undefined) return;
    line.draft = draft;
    this.hint = why;
  }

  /** A block is in the line. What is too long is told at once; of one that had an Enter of its own it is asked what to do. */
  #pasted(isUnmarked: boolean, reader: Reader): void {
    const complaint = reader.complaint(this.#line.text.trimEnd());
    if (complaint !== undefined) this.hint = complaint;
    else if (isUnmarked) this.#ask(`${askFor(this.#line.text.split("\n").length)}, Esc edits.`);
  }

  #ask(question: string): void {
    this.hint = question;
    this.#isAsking = true;
  }

  // ---- a search ----

  #begin(): void {
    this.#search = new Search(this.#line.recall, this.#line.text);
    this.#tell(this.#search);
  }

  /** Whether a key ends a search, and is for the line. */
  #ends(search: Search, typed: string | undefined, key: Key): boolean {
    const outcome = search.press(typed, key);
    if (outcome === "on") this.#tell(search);
    else {
      this.#search = undefined;
      this.hint = "";
      if (outcome.startsWith("taken") && search.text !== this.#line.text) this.#line.set(search.text, search.cursor);
    }
    return outcome.endsWith("passed");
  }

  #tell({ part, isMissing }: Search): void {
    const found = isMissing ? "Nothing older has" : "Search:";
    this.hint = `${found} ${part.replaceAll(/\s/g, " ")}▏ Enter takes it, Ctrl+R goes back further, Esc leaves`;
  }
}

/** Whether a key with Alt, which ends a search, is Esc and a character, and no key that goes to another place. */
function isTyped({ meta, sequence = "" }: Key): boolean {
  return meta === true && /^\x1b[^\0-\x1f\x7f]$/.test(sequence) && !/[a1-9]$/i.test(sequence);
}
function askFor(lines: number): string {
  return `Send ${lines} ${lines === 1 ? "line" : "lines"} as one message? Enter sends`;
}
