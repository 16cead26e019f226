// composer.ts: where one writes. Never disabled; keeps one draft a thread over a reload; Enter sends, Shift+Enter makes a line, ↑ in an
// empty field brings back what was sent. What the words mean is actions.ts's business.

import { MAX_MESSAGE_LENGTH } from "../protocol.ts";
import type { Choices } from "../shared/completion.ts";
import { the } from "./dom.ts";
import { keep, recall } from "./memory.ts";
import type { Typing } from "./parts.ts";
import type { Suggestions } from "./suggestions.ts";

const NEAR_LIMIT = 500; // characters left from which on they are counted
const TALLEST = 160; // px
const KEPT = 50; // lines of a thread that can be brought back

export interface ComposerHooks {
  /** Takes what was written; returns whether it was taken. */
  submit: (text: string) => boolean;
  /** Who and what can be named. */
  known: () => Choices;
  /** A command was typed, and what commands mean cannot be loaded. */
  failed: () => void;
}

export class Composer {
  readonly #text = the("draft", HTMLTextAreaElement);
  readonly #count = the("count", HTMLElement);
  readonly #closed = the("closed", HTMLElement);
  readonly #store: string;
  readonly #drafts: Record<string, string>;
  readonly #sent: Record<string, string[]> = {}; // by thread; in this page only, written down nowhere
  readonly #hooks: ComposerHooks;
  readonly #typing: Typing;
  #suggestions: Suggestions | undefined; // once somebody has typed something
  #thread = "";
  #back = 0; // how many lines ago the one was sent that stands in the field; 0: none of them does

  constructor(user: string, typing: Typing, hooks: ComposerHooks) {
    this.#store = `drafts.${user}`;
    this.#drafts = recall<Record<string, string>>("session", this.#store) ?? {};
    this.#typing = typing;
    this.#hooks = hooks;
    this.#text.oninput = () => this.#typed();
    this.#text.onkeydown = (event) => {
      if (event.isComposing || event.keyCode === 229) return; // the key is part of a Japanese word, also the Enter that ends it
      if (this.#suggestions?.press(event) || this.#press(event)) event.preventDefault();
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
    this.#suggestions?.close();
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
    if (mayBeCommand(text) && this.#typing.loaded === undefined) return void this.#sendOnceKnown(text);
    if (!this.#hooks.submit(text)) return this.#suggestions?.close();
    const sent = (this.#sent[thread] ??= []);
    if (!this.#typing.loaded?.isSecret(text) && sent.at(-1) !== text) sent.push(text);
    if (sent.length > KEPT) sent.shift();
    delete this.#drafts[thread];
    this.#keep();
    if (thread === this.#thread) this.show(thread);
  }
  /** Sends a command once it is known what commands mean, if it still stands there. */
  async #sendOnceKnown(text: string): Promise<void> {
    try {
      await this.#typing.load();
    } catch {
      return this.#hooks.failed();
    }
    if (this.value === text) this.#send();
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
    void this.#suggest();
  }
  async #suggest(): Promise<void> {
    if (this.#suggestions === undefined) {
      const loaded = await this.#typing.load().catch(() => undefined); // without it there are no suggestions
      if (loaded === undefined) return;
      this.#suggestions ??= new loaded.Suggestions(this.#text, this.#hooks.known, () => this.#typed());
    }
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

/** Whether a typed line may be more than words. */
export function mayBeCommand(text: string): boolean {
  return /^[/!]/.test(text);
}
