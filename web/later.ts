// later.ts: what is behind two buttons and few press: the menu behind one's name, with the list of keys, and saving the conversation.
// Their parts of the page are loaded then.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import { avatar, the } from "./dom.ts";
import type * as menu from "./menu.ts";
import { Part } from "./parts.ts";
import type * as saving from "./saving.ts";

/** By what and where they work. */
export interface Surroundings {
  connection: Connection;
  conversation: Conversation;
  ask: (request: Request) => Promise<Ok | undefined>;
  note: (text: string) => void;
  signOut: () => void;
}

export class Later {
  readonly #around: Surroundings;
  readonly #menuPart = new Part<typeof menu>("/menu.js");
  readonly #savingPart = new Part<typeof saving>("/saving.js");
  #menu: menu.Menu | undefined;
  #keys: menu.KeysDialog | undefined;
  #saving: saving.Saving | undefined;

  constructor(around: Surroundings) {
    const { user } = around.connection;
    this.#around = around;
    const opener = the("me", HTMLButtonElement);
    opener.prepend(avatar(user), user);
    opener.onclick = () => void this.#showMenu();
    the("save", HTMLButtonElement).onclick = () => void this.#save();
  }

  async #showMenu(): Promise<void> {
    const script = await this.#load(this.#menuPart);
    if (script === undefined) return;
    const { connection, signOut } = this.#around;
    this.#menu ??= new script.Menu(connection.user, { showKeys: () => void this.showKeys(), signOut });
    this.#menu.open();
  }
  async showKeys(): Promise<void> {
    const script = await this.#load(this.#menuPart);
    if (script !== undefined) (this.#keys ??= new script.KeysDialog()).open();
  }

  /** Asks in which form the conversation that is open is to be saved. */
  async #save(): Promise<void> {
    const { connection, conversation, ask } = this.#around;
    const script = await this.#load(this.#savingPart);
    if (script === undefined) return;
    this.#saving ??= new script.Saving(connection.user, ask);
    this.#saving.open(conversation.name, connection.online);
  }

  /** The connection may be lost, or back. */
  show(): void {
    this.#saving?.online(this.#around.connection.online);
  }

  async #load<T>(part: Part<T>): Promise<T | undefined> {
    try {
      return await part.load();
    } catch {
      this.#around.note("The server cannot be reached, so this cannot be done now.");
      return undefined;
    }
  }
}
