// save.ts: the button that saves the conversation that is open. The dialog behind it is a part of its own: saving.ts.

import type { Ok, RequestOf } from "../protocol.ts";
import { the } from "./dom.ts";
import type * as parts from "./parts.ts";
import { Part } from "./parts.ts";
import type { Saving } from "./saving.ts";

export interface SaveHooks {
  user: string;
  ask: (request: RequestOf<"history">) => Promise<Ok | undefined>;
  /** The conversation that is open, and whether there is a connection. */
  where: () => { name: string; isOnline: boolean };
  /** It cannot be saved now, in a sentence. */
  failed: (why: string) => void;
}

export class Save {
  readonly #hooks: SaveHooks;
  readonly #part: parts.Saving = new Part("/saving.js");
  #saving: Saving | undefined;

  constructor(hooks: SaveHooks) {
    this.#hooks = hooks;
    the("save", HTMLButtonElement).onclick = () => void this.#open();
  }

  async #open(): Promise<void> {
    const { user, ask, where, failed } = this.#hooks;
    const loaded = await this.#part.load().catch(() => undefined);
    if (loaded === undefined) return failed("The server cannot be reached, so nothing can be saved now.");
    this.#saving ??= new loaded.Saving(user, ask);
    const { name, isOnline } = where();
    this.#saving.open(name, isOnline);
  }

  /** Whether there is a connection. */
  online(isOnline: boolean): void {
    this.#saving?.online(isOnline);
  }
}
