// says.ts: the order of one connection's `say`s. Requests take effect in the order they were sent, and a `say` that could not
// be stored is not overtaken by later ones while the client sends it again.

import { isRoom } from "../shared/names.ts";

const OWN_INBOX = "@"; // where every direct message of this connection is answered

/** What a batch of the pipeline tells those whose messages are in it. */
interface Stored {
  readonly settled: Promise<void>; // resolves when all of it is stored and delivered, or refused
  readonly isSettled: boolean;
}

export class Says {
  #batch: Stored | undefined; // of the last `say`
  #answeredIn = ""; // a room, or OWN_INBOX
  #failed: string | undefined; // the id of a `say` that could not be stored

  /** A `say` to a room or a person is on its way in `batch`. */
  posted(batch: Stored, to: string): void {
    this.#batch = batch;
    this.#answeredIn = answeredIn(to);
  }

  /** What a later request has to wait for, `undefined` if nothing. A `say` (`to`: its address) that is answered in the same
   *  conversation travels in the same batch or a later one, so it need not wait. */
  blocks(to?: string): Promise<void> | undefined {
    if (this.#batch === undefined || this.#batch.isSettled) return undefined;
    return to !== undefined && answeredIn(to) === this.#answeredIn ? undefined : this.#batch.settled;
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

function answeredIn(to: string): string {
  return isRoom(to) ? to : OWN_INBOX;
}
