// search.ts: the search field and its results, over the messages. Asks through `find`, and shows.

import type { Message } from "../protocol.ts";
import { wordsOf } from "../shared/text.ts";
import { element, the, timeOf } from "./dom.ts";

export class Search {
  readonly #words = the("words", HTMLInputElement);
  readonly #panel = the("found", HTMLElement);
  readonly #title = the("found-title", HTMLElement);
  readonly #find: (words: string) => Promise<Message[]>;

  constructor(find: (words: string) => Promise<Message[]>) {
    this.#find = find;
    the("search", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void this.start(this.#words.value.trim());
    };
    the("found-close", HTMLButtonElement).onclick = () => this.close();
  }

  async start(words: string): Promise<void> {
    if (words === "") return this.close();
    this.#words.value = words;
    this.#panel.hidden = false;
    this.#title.textContent = "Searching…";
    const list = this.#panel.querySelector("ol")!;
    list.replaceChildren();
    const found = await this.#find(words);
    const count = found.length === 1 ? "1 message" : `${found.length} messages`;
    const quoted = words.split(/\s+/).map((word) => `“${word}”`);
    this.#title.textContent = `${found.length === 0 ? "Nothing" : count} with ${quoted.join(" and ")}`;
    list.replaceChildren(...found.reverse().map((message) => row(message, wordsOf(words))));
  }

  close(): void {
    this.#panel.hidden = true;
    this.#words.value = "";
  }
}

function row({ from, at, text }: Message, words: readonly string[]): HTMLElement {
  const day = new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const body = element("p", "text", ...marked(text, words));
  body.dir = "auto";
  return element("li", "", element("b", "", from), " ", element("time", "", `${day}, ${timeOf(at)}`), body);
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
