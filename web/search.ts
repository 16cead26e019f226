// search.ts: the search field and its results, over the messages. Asks through `find`, and shows.

import type { Message } from "../protocol.ts";
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
    this.#title.textContent = `${found.length === 0 ? "Nothing" : count} with “${words}”`;
    list.replaceChildren(...found.reverse().map((message) => row(message, words)));
  }

  close(): void {
    this.#panel.hidden = true;
    this.#words.value = "";
  }
}

function row({ from, at, text }: Message, words: string): HTMLElement {
  const day = new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const body = element("p", "text", ...marked(text, words));
  body.dir = "auto";
  return element("li", "", element("b", "", from), " ", element("time", "", `${day}, ${timeOf(at)}`), body);
}

/** Text with the words that were looked for marked. */
function marked(text: string, words: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  const folded = text.toLowerCase();
  const wanted = words.toLowerCase();
  let from = 0;
  // Where lower case has another length (İ), places would not match: then nothing is marked.
  for (let at; folded.length === text.length && (at = folded.indexOf(wanted, from)) >= 0; from = at + wanted.length)
    parts.push(text.slice(from, at), element("mark", "", text.slice(at, at + wanted.length)));
  return [...parts, text.slice(from)];
}
