// answers.ts: the answers of one connection, composed as frames or as lines and written together at the end of a turn. Decides
// nothing about what is answered; how a socket takes it is the transport's business.

import type { Event } from "../protocol.ts";
import { encode } from "../protocol.ts";
import type { Viewer } from "../shared/render.ts";
import { linesOf, Payload } from "./delivery.ts";
import type { Transport } from "./transport.ts";

export class Answers {
  readonly #transport: Transport;
  #text = "";

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Characters that were composed and not sent yet. */
  get size(): number {
    return this.#text.length;
  }

  /** Composes an answer: as lines for a `viewer`, as a frame without one. Returns its length in characters. */
  add(event: Event, viewer?: Viewer): number {
    const before = this.size;
    if (viewer === undefined) this.#text += encode(event);
    else this.#text += linesOf(event, viewer);
    return this.size - before;
  }

  /** Sends what was composed. */
  write(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    this.#transport.send(new Payload(text));
  }
}
