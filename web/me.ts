// me.ts: the button with one's name. The menu behind it, the list of keys, and what tells somebody who looks elsewhere are a part of the
// page that comes when the chat is there: menu.ts.

import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import { avatar, the } from "./dom.ts";
import type { Alerts, KeysDialog, Menu } from "./menu.ts";
import type * as parts from "./parts.ts";
import { Part } from "./parts.ts";
import type { Reading } from "./reading.ts";

export interface MeHooks {
  open: (name: string) => void;
  signOut: () => void;
  /** The menu cannot be shown now, in a sentence. */
  failed: (why: string) => void;
  /** It is there. */
  ready: () => void;
  /** Whether the first sign-in of this page is over. */
  hasBegun: () => boolean;
}

export class Me {
  readonly #part: parts.Menu = new Part("/menu.js");
  readonly #begin: (part: NonNullable<parts.Menu["loaded"]>) => void;
  readonly #failed: MeHooks["failed"];
  #menu: Menu | undefined;
  #keys: KeysDialog | undefined;
  /** Nothing rings before it is loaded. */
  alerts: Alerts | undefined;

  constructor(connection: Connection, reading: Reading, conversation: Conversation, hooks: MeHooks) {
    const { user } = connection;
    const button = the("me", HTMLButtonElement);
    button.prepend(avatar(user), user);
    button.onclick = () => this.#with(() => this.#menu!.open());
    this.#failed = hooks.failed;
    this.#begin = ({ Alerts, KeysDialog, Menu }) => {
      this.#keys = new KeysDialog();
      this.#menu = new Menu(user, { showKeys: () => this.showKeys(), signOut: hooks.signOut });
      this.alerts = new Alerts(user, reading, conversation, hooks.open);
      if (hooks.hasBegun()) this.alerts.caughtUp();
      hooks.ready();
    };
    void this.#load().catch(() => {}); // it is tried again when it is wanted
  }

  showKeys(): void {
    this.#with(() => this.#keys!.open());
  }

  #with(use: () => void): void {
    this.#load().then(use, () => this.#failed("The server cannot be reached, so the menu cannot be shown now."));
  }
  async #load(): Promise<void> {
    const part = await this.#part.load();
    if (this.#menu === undefined) this.#begin(part);
  }
}
