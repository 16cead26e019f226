// says.ts: the order of one connection's `say`s. Requests take effect in the order they were sent, and a `say` that could not
// be stored is not overtaken by later ones while the client sends it again.

/** What a batch of the pipeline tells those whose messages are in it. */
interface Stored {
  readonly settled: Promise<void>; // resolves when all of it is stored and delivered, or refused
  readonly isSettled: boolean;
}

export class Says {
  #batch: Stored | undefined; // of the last `say`
  #conversation = ""; // that answers it
  #failed: string | undefined; // the id of a `say` that could not be stored

  /** A `say` is on its way in `batch` and will be answered in `conversation`. */
  posted(batch: Stored, conversation: string): void {
    this.#batch = batch;
    this.#conversation = conversation;
  }

  /** What a later request has to wait for, `undefined` if nothing. A `say` that is answered in the same conversation
   *  (`conversation`) travels in the same batch or a later one, so it need not wait. */
  blocks(conversation?: string): Promise<void> | undefined {
    if (this.#batch === undefined || this.#batch.isSettled || this.#conversation === conversation) return undefined;
    return this.#batch.settled;
  }

  // ---- what could not be stored ----

  /** A `say` with this id could not be stored; without an id it is not sent again, and nothing waits for it. */
  failed(id: string | undefined): void {
    this.#failed ??= id;
  }

  /** Whether a `say` may be stored: while a failed one is to be sent again, only that one may. */
  mayStore(id: string | undefined): boolean {
    if (this.#failed !== undefined && this.#failed !== id) return false;
    this.#failed = undefined;
    return true;
  }

  /** The client's `say` with this id was refused for good, so nothing waits for it any more. */
  gaveUp(id: string | undefined): void {
    if (this.#failed === id) this.#failed = undefined;
  }
}
