// composer.ts: where one writes. Never disabled; keeps one draft a thread over a reload; Enter sends, Shift+Enter makes a line, ↑ in an
// empty field brings back what was sent. What the words mean is actions.ts's business.

import { MAX_MESSAGE_LENGTH } from "../protocol.ts";
import { isSecret } from "../shared/commands.ts";
import type { Choices } from "../shared/completion.ts";
import { the } from "./dom.ts";
import { keep, recall } from "./memory.ts";
import { Suggestions } from "./suggestions.ts";

const NEAR_LIMIT = 500; // characters left from which on they are counted
const TALLEST = 160; // px
const KEPT = 50; // lines of a thread that can be brought back

export interface ComposerHooks {
  /** Takes what was written; returns whether it was taken. */
  submit: (text: string) => boolean;
  /** Who and what can be named. */
  known: () => Choices;
}

export class Composer {
  readonly #text = the("draft", HTMLTextAreaElement);
  readonly #count = the("count", HTMLElement);
  readonly #closed = the("closed", HTMLElement);
  readonly #store: string;
  readonly #drafts: Record<string, string>;
  readonly #sent: Record<string, string[]> = {}; // by thread; in this page only, written down nowhere
  readonly #submit: ComposerHooks["submit"];
  readonly #suggestions: Suggestions;
  #thread = "";
  #back = 0; // how many lines ago the one was sent that stands in the field; 0: none of them does

  constructor(user: string, { submit, known }: ComposerHooks) {
    this.#store = `drafts.${user}`;
    this.#drafts = recall<Record<string, string>>("session", this.#store) ?? {};
    this.#submit = submit;
    this.#suggestions = new Suggestions(this.#text, known, () => this.#typed());
    this.#text.oninput = () => this.#typed();
    this.#text.onkeydown = (event) => {
      if (event.isComposing || event.keyCode === 229) return; // the key is part of a Japanese word, also the Enter that ends it
      if (this.#suggestions.press(event) || this.#press(event)) event.preventDefault();
    };
    const form = the("composer", HTMLFormElement);
    form.querySelector("button")!.onmousedown = (event) => event.preventDefault(); // a phone's keyboard stays
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#send();
      this.focus();
    };
  }

  get value(): string {
    return this.#text.value;
  }
  set value(text: string) {
    this.#text.value = text;
    this.#suggestions.close();
    this.#changed();
  }

  /** Shows the draft for another thread. */
  show(thread: string): void {
    this.#thread = thread;
    this.#back = 0;
    this.#text.placeholder = `Message ${thread}`;
    this.value = this.#drafts[thread] ?? "";
  }
  /** Says what one should know who writes here; "" says nothing. */
  explain(text: string): void {
    if (this.#closed.textContent !== text) this.#closed.textContent = text;
  }
  /** Puts words back where they were written, unless something else stands there by now. Returns whether it could. */
  giveBack(thread: string, text: string): boolean {
    if ((this.#drafts[thread] ?? "") !== "") return false;
    this.#drafts[thread] = text;
    if (thread === this.#thread) this.value = text;
    else this.#keep();
    return true;
  }
  focus(): void {
    this.#text.focus();
  }

  /** A key was pressed; returns whether it means something here. */
  #press({ key, shiftKey, altKey, ctrlKey, metaKey }: KeyboardEvent): boolean {
    if (shiftKey || altKey || ctrlKey || metaKey) return false;
    if (key === "Enter") this.#send();
    else if (key === "ArrowUp" && (this.#back > 0 || this.value === "")) this.#bring(this.#back + 1);
    else if (key === "ArrowDown" && this.#back > 0) this.#bring(this.#back - 1);
    else if (key === "Escape" && this.#back > 0) this.#bring(0);
    else return false;
    return true;
  }

  /** Sends what was written, if it is taken. By then another thread may be open. */
  #send(): void {
    const { value: text } = this;
    const thread = this.#thread;
    if (!this.#submit(text)) return this.#suggestions.close();
    const sent = (this.#sent[thread] ??= []);
    if (!isSecret(text) && sent.at(-1) !== text) sent.push(text);
    if (sent.length > KEPT) sent.shift();
    delete this.#drafts[thread];
    this.#keep();
    if (thread === this.#thread) this.show(thread);
  }
  /** Shows the line that was sent here so many lines ago; the field is empty past the last one. */
  #bring(back: number): void {
    const sent = this.#sent[this.#thread] ?? [];
    this.#back = Math.min(back, sent.length);
    this.value = sent.at(-this.#back || sent.length) ?? "";
  }

  #typed(): void {
    this.#back = 0;
    this.#changed();
    this.#suggestions.update();
  }
  #changed(): void {
    if (this.value === "") delete this.#drafts[this.#thread];
    else this.#drafts[this.#thread] = this.value;
    this.#keep();
    const left = MAX_MESSAGE_LENGTH - [...this.value].length;
    this.#count.textContent = left >= NEAR_LIMIT ? "" : left < 0 ? `${-left} too many` : `${left} left`;
    this.#count.className = left < 0 ? "over" : "";
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight + 2, TALLEST)}px`;
  }

  /** Commands are not kept: the code of `/host`, or a password after a mistyped `/login`, is written down nowhere. */
  #keep(): void {
    const drafts = Object.entries(this.#drafts).filter(([, text]) => !/^\s*\/(?!\/)/.test(text));
    keep("session", this.#store, Object.fromEntries(drafts));
  }
}
