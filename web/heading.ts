// heading.ts: the line over the messages and the window's title: where one is, who is here, what is unread elsewhere.

import { isRoom, listNames, LOBBY } from "../shared/names.ts";
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
  readonly #leave = the("leave", HTMLButtonElement);
  readonly #title = the("title", HTMLElement);
  readonly #topic = the("topic", HTMLElement);

  constructor(tellWhoIsHere: () => void, leave: () => void) {
    this.#here.onclick = tellWhoIsHere;
    this.#leave.onclick = leave;
  }

  show({ name, topic, users, state, unread, calls }: Whereabouts): void {
    const inRoom = isRoom(name);
    document.title = `${unread === 0 ? "" : `(${unread}${calls ? "!" : ""}) `}${name} – Banter`;
    this.#title.textContent = name;
    this.#showTopic(topic);
    this.#here.textContent = inRoom ? `${users.size} here` : state || "here";
    this.#here.title = inRoom ? listNames([...users].sort()) : "";
    this.#leave.hidden = !inRoom || name === LOBBY;
  }

  #showTopic(topic: string): void {
    if (this.#topic.textContent === topic) return;
    this.#topic.hidden = topic === "";
    this.#topic.textContent = topic;
    scrollByKeys(this.#topic);
  }
}
