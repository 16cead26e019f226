// later.ts: the parts of the page that come after it, as scripts of their own, so that it is there sooner: what tells somebody who looks
// elsewhere, the menu behind one's name and the list of keys as soon as the chat is shown; what saves a conversation, when one asks for it.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import { avatar, the } from "./dom.ts";
import type * as menu from "./menu.ts";
import type { Reading } from "./reading.ts";
import type * as saving from "./saving.ts";

/** By what and where they work. */
export interface Surroundings {
  connection: Connection;
  reading: Reading;
  conversation: Conversation;
  ask: (request: Request) => Promise<Ok | undefined>;
  note: (text: string) => void;
  open: (name: string) => void;
  signOut: () => void;
  /** Whether the first sign-in of this page is over. */
  hasBegun: () => boolean;
}

export class Later {
  readonly #around: Surroundings;
  #menu: menu.Menu | undefined;
  #keys: menu.KeysDialog | undefined;
  #saving: saving.Saving | undefined;
  alerts: menu.Alerts | undefined;

  constructor(around: Surroundings) {
    const { user } = around.connection;
    this.#around = around;
    const opener = the("me", HTMLButtonElement);
    opener.prepend(avatar(user), user);
    opener.onclick = async () => (await this.#loadMenu()) && this.#menu!.open();
    the("save", HTMLButtonElement).onclick = () => void this.#save();
    void this.#loadMenu();
  }

  /** Whether they are there; says so if not. */
  async #loadMenu(): Promise<boolean> {
    const { connection, reading, conversation, open, signOut, hasBegun } = this.#around;
    const script = await this.#load<typeof menu>("/menu.js");
    if (script === undefined || this.#menu !== undefined) return script !== undefined;
    const keys = new script.KeysDialog();
    this.#keys = keys;
    this.#menu = new script.Menu(connection.user, { showKeys: () => keys.open(), signOut });
    this.alerts = new script.Alerts(connection.user, reading, conversation, open);
    if (hasBegun()) this.alerts.caughtUp();
    return true;
  }

  async showKeys(): Promise<void> {
    if (await this.#loadMenu()) this.#keys!.open();
  }

  /** Asks in which form the conversation that is open is to be saved. */
  async #save(): Promise<void> {
    const { connection, conversation, ask } = this.#around;
    const script = await this.#load<typeof saving>("/saving.js");
    if (script === undefined) return;
    this.#saving ??= new script.Saving(connection.user, ask);
    this.#saving.open(conversation.name, connection.online);
  }

  /** Something may have changed: the connection, or whether something unread is meant for this person. */
  show(isCalled: boolean): void {
    this.alerts?.show(isCalled);
    this.#saving?.online(this.#around.connection.online);
  }

  #load<T>(script: string): Promise<T | undefined> {
    return import(script).catch(() => this.#around.note("The server cannot be reached, so this cannot be done now."));
  }
}
