// heading.ts: the line over the messages and the window's title: where one is, who is here, what is unread elsewhere.

import { isRoom, listNames } from "../shared/names.ts";
import { scrollByKeys, the } from "./dom.ts";

/** What there is to show. */
export interface Whereabouts {
  name: string; // "#lab" or "bob"
  topic: string; // of the room
  users: ReadonlySet<string>; // in the room
  state: string; // of the person; "" if they are signed in
  unread: number; // everywhere
  calls: boolean; // some of it is meant for this person
}

export class Heading {
  readonly #here = the("here", HTMLButtonElement);
  readonly #searcher = the("search-open", HTMLButtonElement);
  readonly #words = the("words", HTMLInputElement);
  readonly #title = the("title", HTMLElement);
  readonly #topic = the("topic", HTMLElement);

  constructor() {
    this.#searcher.onclick = () => this.#search(this.#searcher.ariaExpanded !== "true");
    this.#words.onkeydown = ({ key }) => {
      if (key === "Escape") this.#search(false);
    };
  }

  /** On a phone: the field takes the place of the title while one searches. */
  #search(open: boolean): void {
    this.#searcher.ariaExpanded = String(open);
    this.#searcher.parentElement!.classList.toggle("searching", open);
    if (open) this.#words.focus();
  }

  show({ name, topic, users, state, unread, calls }: Whereabouts): void {
    const inRoom = isRoom(name);
    document.title = `${unread === 0 ? "" : `(${unread}${calls ? "!" : ""}) `}${name} – Banter`;
    if (this.#title.textContent !== name) this.#search(false);
    this.#title.textContent = name;
    this.#showTopic(topic);
    this.#here.textContent = inRoom ? `${users.size} here` : state || "here";
    this.#here.className = inRoom || state !== "away" ? "" : "away";
    this.#here.title = inRoom ? listNames([...users].sort()) : "";
  }

  #showTopic(topic: string): void {
    if (this.#topic.textContent === topic) return;
    this.#topic.hidden = topic === "";
    this.#topic.textContent = topic;
    scrollByKeys(this.#topic);
  }
}
