// later.ts: what few ask for: the list of keys, and saving the conversation. Their parts of the page are loaded then.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import type * as dialogs from "./dialogs.ts";
import { the } from "./dom.ts";
import { Part } from "./parts.ts";
import type * as saving from "./saving.ts";

/** By what and where they work. */
export interface Surroundings {
  connection: Connection;
  conversation: Conversation;
  ask: (request: Request) => Promise<Ok | undefined>;
  /** It cannot be done now: a part of the page could not be loaded. */
  failed: () => void;
}

export class Later {
  readonly #around: Surroundings;
  readonly #dialogs = new Part<typeof dialogs>("/dialogs.js");
  readonly #savingPart = new Part<typeof saving>("/saving.js");
  #keys: dialogs.KeysDialog | undefined;
  #saving: saving.Saving | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    the("save", HTMLButtonElement).onclick = () => void this.#save();
  }

  async showKeys(): Promise<void> {
    const script = await this.#dialogs.load().catch(this.#around.failed);
    if (script !== undefined) (this.#keys ??= new script.KeysDialog()).open();
  }

  /** Asks in which form the conversation that is open is to be saved. */
  async #save(): Promise<void> {
    const { connection, conversation, ask, failed } = this.#around;
    const script = await this.#savingPart.load().catch(failed);
    if (script === undefined) return;
    this.#saving ??= new script.Saving(connection.user, ask);
    this.#saving.open(conversation.name, connection.online);
  }

  /** The connection may be lost, or back. */
  show(): void {
    this.#saving?.online(this.#around.connection.online);
  }
}
