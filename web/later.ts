// later.ts: what is loaded when it is asked for: a search and its results, the list of keys, saving the conversation.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import type * as dialogs from "./dialogs.ts";
import { the } from "./dom.ts";
import { Part } from "./parts.ts";
import type * as saving from "./saving.ts";
import type * as searching from "./search.ts";

/** By what and where they work. */
export interface Surroundings {
  connection: Connection;
  conversation: Conversation;
  ask: (request: Request) => Promise<Ok | undefined>;
  search: searching.SearchHooks;
  /** It cannot be done now: a part of the page could not be loaded. */
  failed: () => void;
}

export class Later {
  readonly #around: Surroundings;
  readonly #dialogs = new Part<typeof dialogs>("/dialogs.js");
  readonly #savingPart = new Part<typeof saving>("/saving.js");
  readonly #searchPart = new Part<typeof searching>("/search.js");
  /** There since somebody has searched. */
  search: searching.Search | undefined;
  #keys: dialogs.KeysDialog | undefined;
  #saving: saving.Saving | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    the("search", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void this.find(the("words", HTMLInputElement).value.trim(), false);
    };
    the("save", HTMLButtonElement).onclick = () => void this.#save();
  }

  async find(words: string, everywhere: boolean): Promise<void> {
    const { connection, search, failed } = this.#around;
    const script = await this.#searchPart.load().catch(failed);
    if (script === undefined) return;
    this.search ??= new script.Search(connection.user, search);
    await this.search.start(words, everywhere);
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
