// search.ts: the search field and its results, over the messages: of the conversation that is open or of all. A result leads to its
// message; then only one line of the results stays, to come back to. Asks through `find` and `open`, and shows.

import type { Message } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { covers } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";
import { emoteOf, wordsOf } from "../shared/text.ts";
import { clock, element, hostTag, the, time } from "./dom.ts";
import { prose } from "./prose.ts";

export interface SearchHooks {
  /** The newest messages with all these words, oldest first; `undefined` if that was refused. */
  find: (words: string, everywhere: boolean) => Promise<Message[] | undefined>;
  /** Finds a message, to show it; says why it cannot. */
  open: (message: Message) => Promise<(() => void) | string>;
}

export class Search {
  readonly #user: string;
  readonly #hooks: SearchHooks;
  readonly #words = the("words", HTMLInputElement);
  readonly #panel = the("found", HTMLElement);
  readonly #title = the("found-title", HTMLElement);
  readonly #said = the("found-said", HTMLElement);
  readonly #list = this.#panel.querySelector("ol")!;
  readonly #results = the("found-open", HTMLButtonElement);
  readonly #here = the("found-here", HTMLButtonElement);
  readonly #everywhere = the("found-everywhere", HTMLButtonElement);
  #found: { words: string; messages: Message[] } | undefined; // what is shown
  #isEverywhere = false;
  #searching: object | undefined; // what was asked for last

  constructor(user: string, hooks: SearchHooks) {
    this.#user = user;
    this.#hooks = hooks;
    the("search", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void this.start(this.#words.value.trim(), this.#isEverywhere);
    };
    the("found-close", HTMLButtonElement).onclick = () => this.close();
    this.#here.onclick = () => void this.start(this.#asked, false);
    this.#everywhere.onclick = () => void this.start(this.#asked, true);
    this.#results.onclick = () => {
      this.#putAside(false);
      (this.#list.querySelector<HTMLElement>("[aria-current]") ?? this.#here).focus();
    };
  }

  /** Whether only one line is left of the results. */
  get isAside(): boolean {
    return !this.#panel.hidden && !this.#results.hidden;
  }
  get #asked(): string {
    return this.#words.value.trim() || (this.#found?.words ?? "");
  }

  async start(words: string, everywhere: boolean): Promise<void> {
    if (words === "") return this.close();
    const searching = (this.#searching = {});
    this.#isEverywhere = everywhere;
    this.#here.ariaPressed = String(!everywhere);
    this.#everywhere.ariaPressed = String(everywhere);
    this.#found = { words, messages: [] };
    this.#words.value = words;
    this.#panel.hidden = false;
    this.#putAside(false);
    this.#title.textContent = "Searching…";
    this.#list.replaceChildren();
    const messages = await this.#hooks.find(words, everywhere);
    if (this.#searching !== searching) return;
    if (messages !== undefined) this.#show(words, messages.reverse());
    else this.#title.textContent = "This cannot be searched for now.";
  }
  #show(words: string, messages: Message[]): void {
    this.#found = { words, messages };
    const { length } = messages;
    const newest = length === LIMITS.page ? "The newest " : "";
    const count = length === 0 ? "Nothing" : length === 1 ? "1 message" : `${newest}${length} messages`;
    const quoted = words.split(/\s+/).map((word) => `“${word}”`);
    this.#title.textContent = `${count} with ${quoted.join(" and ")}`;
    this.#list.replaceChildren(...messages.map((message) => this.#row(message, wordsOf(words))));
    this.#panel.scrollTop = 0;
  }

  #row(message: Message, words: readonly string[]): HTMLElement {
    const { from, to, host, at, text } = message;
    const place = this.#isEverywhere && ` ${isRoom(to) ? to : `with ${from === this.#user ? to : from}`}`;
    const button = element("button", "", element("b", "", from, host && hostTag()), " ", time(at, clock(at)), place);
    button.onclick = () => void this.#open(message, button);
    const mark = (part: string) => marked(part, words);
    const body = element("div", "text", ...prose(emoteOf(text) ?? text, mark, mark));
    body.dir = "auto";
    const row = element("li", "", button, body);
    // A text may hold buttons, so it is in none; a click there is one on its message all the same, unless it selects something.
    body.onclick = ({ target }) =>
      (target as Element).closest("button, pre") === null && getSelection()?.isCollapsed === true && button.click();
    return row;
  }
  async #open(message: Message, button: HTMLElement): Promise<void> {
    const found = this.#found;
    this.#said.textContent = "Opening…";
    const show = await this.#hooks.open(message);
    if (found !== this.#found) return;
    if (typeof show === "string") return void (this.#said.textContent = show);
    this.#list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    button.ariaCurrent = "true";
    this.#putAside(true); // first: it makes room
    show();
  }
  #putAside(isAside: boolean): void {
    this.#results.hidden = !isAside;
    this.#panel.classList.toggle("aside", isAside);
    this.#said.textContent = "";
  }

  /** What an act removes is not among the results any more. */
  empty(act: Message): void {
    const { words, messages } = this.#found ?? { words: "", messages: [] };
    const left = messages.filter((message) => !covers(act, message));
    if (left.length < messages.length) this.#show(words, left);
  }

  close(): void {
    if (this.#panel.contains(document.activeElement)) the("scroll", HTMLElement).focus();
    this.#panel.hidden = true;
    this.#searching = this.#found = undefined;
    this.#words.value = "";
  }
}

/** Text with the words that were looked for marked, wherever they are. */
function marked(text: string, words: readonly string[]): (Node | string)[] {
  const folded = text.toLowerCase();
  if (folded.length !== text.length) return [text]; // places in it would not match (İ)
  const isMarked = Array<boolean>(text.length).fill(false);
  for (const word of words)
    for (let at = -1; (at = folded.indexOf(word, at + 1)) >= 0;) isMarked.fill(true, at, at + word.length);
  const parts: (Node | string)[] = [];
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = isMarked.indexOf(!isMarked[from], from);
    if (to < 0) to = text.length;
    const part = text.slice(from, to);
    parts.push(isMarked[from] ? element("mark", "", part) : part);
  }
  return parts;
}
