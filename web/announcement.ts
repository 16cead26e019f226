// announcement.ts: what hosts want everybody to read, under the heading until it is replaced or removed. A screen reader hears it once.

import type { Setting } from "../protocol.ts";
import { element, scrollByKeys, the } from "./dom.ts";
import { withLinks } from "./prose.ts";

export class Announcement {
  readonly #box = the("announcement", HTMLElement);
  readonly #text = the("announced", HTMLElement);
  readonly #end = the("announced-end", HTMLButtonElement);
  #shown = "";

  /** `end` removes it for everybody. */
  constructor(end: () => void) {
    this.#end.onclick = end;
  }

  /** `isTold`: the log shows, and so says, it at the same moment. */
  show(announcement: Setting | undefined, isHost: boolean, isTold: boolean): void {
    this.#end.hidden = !isHost || announcement === undefined;
    const { by = "", value = "" } = announcement ?? {};
    const shown = `${by} ${value}`;
    if (shown === this.#shown) return;
    this.#shown = shown;
    const isThere = announcement !== undefined;
    this.#box.className = isThere ? "" : "hidden"; // still there, or nothing that comes into it would be heard
    this.#text.ariaLive = isTold ? "off" : "polite";
    this.#text.replaceChildren(...(isThere ? [element("b", "", by), " to everybody: ", ...withLinks(value)] : []));
    if (isThere) scrollByKeys(this.#box);
    else this.#box.removeAttribute("tabindex");
  }
}
