// unsent.ts: what still waits to be sent when somebody leaves: the browser asks before it closes the tab, and a dialog before one signs
// out. Neither asks when nothing waits. Keeps nothing.

import { the } from "./dom.ts";

export class Unsent {
  readonly #dialog = the("unsent", HTMLDialogElement);
  readonly #title = the("unsent-title", HTMLElement);
  readonly #count: () => number;
  #leave: () => void = () => {};

  /** `count`: how many messages wait. */
  constructor(count: () => number) {
    this.#count = count;
    window.onbeforeunload = (event) => {
      if (count() > 0) event.preventDefault();
    };
    this.#dialog.onclose = () => {
      if (this.#dialog.returnValue === "leave") this.#leave();
    };
  }

  /** Calls `leave`, after a question if something waits. */
  ask(leave: () => void): void {
    if (this.#dialog.open) return;
    if (this.#count() === 0) return leave();
    this.#leave = leave;
    this.#dialog.returnValue = "";
    this.show();
    this.#dialog.showModal();
  }
  /** Something waits no longer. */
  show(): void {
    const count = this.#count();
    this.#title.textContent =
      count === 0
        ? "Everything is sent."
        : count === 1
          ? "1 message is not sent yet."
          : `${count} messages are not sent yet.`;
  }
}
