// later.ts: what is loaded when it is asked for: the list of people, a search and its results, the list of keys, saving the conversation.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Conversation } from "./conversation.ts";
import type * as dialogs from "./dialogs.ts";
import { the } from "./dom.ts";
import type { Layers } from "./layers.ts";
import { recall } from "./memory.ts";
import { Part } from "./parts.ts";
import type * as panel from "./people.ts";
import type * as saving from "./saving.ts";
import type * as searching from "./search.ts";

const WIDE = "(min-width: 1100px)"; // as in people.css

/** By what and where they work. */
export interface Surroundings {
  connection: Connection;
  conversation: Conversation;
  ask: (request: Request) => Promise<Ok | undefined>;
  search: searching.SearchHooks;
  people: panel.PeopleHooks;
  layers: Layers;
  /** Something is there that has to be shown. */
  changed: () => void;
  /** It cannot be done now: a part of the page could not be loaded. */
  failed: () => void;
}

export class Later {
  readonly #around: Surroundings;
  readonly #dialogs = new Part<typeof dialogs>("/dialogs.js");
  readonly #peoplePart = new Part<typeof panel>("/people.js");
  readonly #savingPart = new Part<typeof saving>("/saving.js");
  readonly #searchPart = new Part<typeof searching>("/search.js");
  /** There since somebody has searched. */
  search: searching.Search | undefined;
  #people: panel.People | undefined;
  #keys: dialogs.KeysDialog | undefined;
  #saving: saving.Saving | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
    the("search", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void this.find(the("words", HTMLInputElement).value.trim(), false);
    };
    the("here", HTMLButtonElement).onclick = () => void this.#openPeople();
    if (matchMedia(WIDE).matches && recall("local", "panel") === true) void this.#openPeople();
    the("save", HTMLButtonElement).onclick = () => void this.#save();
  }

  async find(words: string, everywhere: boolean): Promise<void> {
    const { connection, search, failed } = this.#around;
    const script = await this.#searchPart.load().catch(failed);
    if (script === undefined) return;
    this.search ??= new script.Search(connection.user, search);
    await this.search.start(words, everywhere);
  }
  /** The first time; from then on the list itself opens and closes. */
  async #openPeople(): Promise<void> {
    const { people, layers, failed, changed } = this.#around;
    const script = await this.#peoplePart.load().catch(failed);
    if (script === undefined) return;
    this.#people ??= new script.People(layers, people);
    changed();
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

  /** The connection may be lost, or back, and people may have come or gone. */
  show(company: panel.Company): void {
    this.#people?.show(company);
    this.#saving?.online(this.#around.connection.online);
  }
}
