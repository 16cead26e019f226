// rates.ts: how fast one connection may ask. Counts requests and says how long the next one waits: by delay, never by loss.
// Reads no line and refuses nothing. Called by session.ts.

import type { Request } from "./protocol.ts";

const SAY_BURST = 4; // seconds' worth of `say`s that may come at once
const OTHERS = { rate: 200, burst: 2_000 }; // requests that are no `say`, a second
/** What makes the server read much or answer at length: points a second. A client that comes back joins 100 rooms at once. */
const COSTLY = { rate: 50, burst: 500 };
const SEARCH = 10; // points; everything else costs one

export class Pace {
  readonly #now: () => number;
  readonly #says: Bucket | undefined;
  readonly #others: Bucket;
  #costly: Bucket | undefined;

  /** `says`: a second, 0 for no limit. `now` in ms. */
  constructor(says: number, now: () => number) {
    this.#now = now;
    if (says > 0) this.#says = new Bucket(says, says * SAY_BURST, now);
    this.#others = new Bucket(OTHERS.rate, OTHERS.burst, now);
  }

  /** Counts a request, or a line that is none; ms to wait before it may be done, 0 for none. */
  take(request?: Request): number {
    if (request?.type === "say") return this.#says?.take(1) ?? 0;
    const points = request === undefined ? 0 : costOf(request);
    const wait = points === 0 ? 0 : (this.#costly ??= new Bucket(COSTLY.rate, COSTLY.burst, this.#now)).take(points);
    return Math.max(wait, this.#others.take(1));
  }
}

function costOf(request: Request): number {
  switch (request.type) {
    case "history":
      return request.match === undefined ? 1 : SEARCH;
    case "join":
    case "who":
    case "rooms":
      return 1;
    default:
      return 0;
  }
}

/** A token bucket that tells how long to wait instead of refusing. */
class Bucket {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(rate: number, burst: number, now: () => number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /** Takes some; ms until they would have been there, 0 if they were. */
  take(tokens: number): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#rate) - tokens;
    this.#at = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate) * 1000;
  }
}
