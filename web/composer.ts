// composer.ts: where one writes. Never disabled; keeps one draft a thread over a reload; Enter sends, Shift+Enter makes
// a line. What the words mean is actions.ts's business.

import { MAX_MESSAGE_LENGTH } from "../protocol.ts";
import { the } from "./dom.ts";
import { keep, recall } from "./memory.ts";

const NEAR_LIMIT = 500; // characters left from which on they are counted
const TALLEST = 160; // px

export class Composer {
  readonly #text = the("draft", HTMLTextAreaElement);
  readonly #count = the("count", HTMLElement);
  readonly #closed = the("closed", HTMLElement);
  readonly #store: string;
  readonly #drafts: Record<string, string>;
  #thread = "";

  constructor(user: string, send: () => void) {
    this.#store = `drafts.${user}`;
    this.#drafts = recall<Record<string, string>>("session", this.#store) ?? {};
    this.#text.oninput = () => this.#changed();
    this.#text.onkeydown = (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Enter also ends a Japanese word
      event.preventDefault();
      send();
    };
    the("composer", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      send();
      this.focus();
    };
  }

  get value(): string {
    return this.#text.value;
  }
  set value(text: string) {
    this.#text.value = text;
    this.#changed();
  }

  /** Shows the draft for another thread. */
  show(thread: string): void {
    this.#thread = thread;
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

  #changed(): void {
    if (this.value === "") delete this.#drafts[this.#thread];
    else this.#drafts[this.#thread] = this.value;
    this.#keep();
    const left = MAX_MESSAGE_LENGTH - [...this.value].length;
    this.#count.textContent = left < NEAR_LIMIT ? String(left) : "";
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight + 2, TALLEST)}px`;
  }

  /** Commands are not kept: the code of `/host`, or a password after a mistyped `/login`, is written down nowhere. */
  #keep(): void {
    const drafts = Object.entries(this.#drafts).filter(([, text]) => !/^\s*\/(?!\/)/.test(text));
    keep("session", this.#store, Object.fromEntries(drafts));
  }
}
