// search.ts: the search field and its results, over the messages. Asks through `find`, and shows.

import type { Message } from "../protocol.ts";
import { covers } from "../shared/acts.ts";
import { wordsOf } from "../shared/text.ts";
import { element, hostTag, the, time, timeOf } from "./dom.ts";
import { prose } from "./prose.ts";

export class Search {
  readonly #words = the("words", HTMLInputElement);
  readonly #panel = the("found", HTMLElement);
  readonly #title = the("found-title", HTMLElement);
  readonly #find: (words: string) => Promise<Message[]>;
  #found: { words: string; messages: Message[] } | undefined; // what is shown

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
    this.#panel.querySelector("ol")!.replaceChildren();
    this.#show(words, (await this.#find(words)).reverse());
  }
  #show(words: string, messages: Message[]): void {
    this.#found = { words, messages };
    const count = messages.length === 1 ? "1 message" : `${messages.length} messages`;
    const quoted = words.split(/\s+/).map((word) => `“${word}”`);
    this.#title.textContent = `${messages.length === 0 ? "Nothing" : count} with ${quoted.join(" and ")}`;
    const rows = messages.map((message) => row(message, wordsOf(words)));
    this.#panel.querySelector("ol")!.replaceChildren(...rows);
  }

  /** What an act removes is not among the results any more. */
  empty(act: Message): void {
    const { words, messages } = this.#found ?? { words: "", messages: [] };
    const left = messages.filter((message) => !covers(act, message));
    if (left.length < messages.length) this.#show(words, left);
  }

  close(): void {
    this.#panel.hidden = true;
    this.#found = undefined;
    this.#words.value = "";
  }
}

function row({ from, host, at, text }: Message, words: readonly string[]): HTMLElement {
  const day = new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short" });
  const mark = (part: string) => marked(part, words);
  const body = element("div", "text", ...prose(text, mark, mark));
  body.dir = "auto";
  return element("li", "", element("b", "", from, host && hostTag()), " ", time(at, `${day}, ${timeOf(at)}`), body);
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
