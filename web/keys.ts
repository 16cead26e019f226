// keys.ts: the list of the page's keys, as a dialog behind "?" and a button. What a key does is decided where it is pressed.

import { element, the } from "./dom.ts";

const KEYS: readonly [keys: readonly string[], what: string][] = [
  [["Enter"], "send"],
  [["Shift+Enter"], "begin a new line"],
  [["↑"], "in an empty field: the line you sent last; ↑ and ↓ go on from there, Esc empties the field"],
  [["@", "#", "/"], "begin a name, a room, a command; Tab takes the first that is shown, ↑ and ↓ choose"],
  [["Alt+↑", "Alt+↓"], "go to the room or person above or below"],
  [["Alt+A"], "go to what is unread"],
  [["Esc"], "close what is open, go to the newest message"],
  [["any letter"], "goes into the message field, wherever you are"],
  [["?"], "outside a field: this list"],
];

export class KeysDialog {
  readonly #dialog = the("keys", HTMLDialogElement);

  constructor() {
    const rows = KEYS.flatMap(([keys, what]) => [
      element("dt", "", ...keys.flatMap((key) => [element("kbd", "", key), " "])),
      element("dd", "", what),
    ]);
    the("key-list", HTMLElement).append(...rows);
  }

  /** The focus goes back to where it was when the list is closed. */
  open(): void {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}
