// heading.ts: the line over the messages and the window's title: where one is, who is here, what is unread elsewhere.
// Called by view.ts.

import { LOBBY } from "../protocol.ts";
import { the } from "./dom.ts";

/** What there is to show. */
export interface Whereabouts {
  name: string; // "#lab" or "bob"
  users: ReadonlySet<string>; // in the room
  present: boolean; // the person is signed in
  unread: number; // everywhere
  calls: boolean; // some of it is meant for this person
}

export class Heading {
  readonly #here = the("here", HTMLButtonElement);
  readonly #leave = the("leave", HTMLButtonElement);
  readonly #title = the("title", HTMLElement);

  constructor(tellWhoIsHere: () => void, leave: () => void) {
    this.#here.onclick = tellWhoIsHere;
    this.#leave.onclick = leave;
  }

  show({ name, users, present, unread, calls }: Whereabouts): void {
    const isRoom = name.startsWith("#");
    document.title = `${unread === 0 ? "" : `(${unread}${calls ? "!" : ""}) `}${name} – Banter`;
    this.#title.textContent = name;
    this.#here.textContent = isRoom ? `${users.size} here` : present ? "here" : "away";
    this.#here.title = isRoom ? [...users].sort().join(", ") : "";
    this.#leave.hidden = !isRoom || name === LOBBY;
  }
}
