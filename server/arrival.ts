// arrival.ts: a connection from a load balancer until its header has come, which says whose connection it is; then it goes on as a chat's
// or a page's. Ends one that does not begin with a header. What a header is, is proxying.ts's business.

import type { ErrorCode } from "../protocol.ts";
import type { Log } from "./log.ts";
import type { Origin } from "./network.ts";
import { originOf, withoutPort } from "./network.ts";
import { readHeader } from "./proxying.ts";
import type { Accepted } from "./socket.ts";
import { HANDSHAKE, SocketConnection } from "./socket.ts";

const GRACE = 1_000; // ms in which it gives up its place to nobody: a header comes at once, and a class comes all together
const SILENCE = 60_000; // ms between two complaints about one balancer

/** Goes on with a connection: from where it comes, and what came after its header. */
export type Proceed = (origin: Origin, rest: Uint8Array) => void;

/** Has no session, so it is none of the 64 of an address: behind a balancer all would have the same. */
export class Arrival extends SocketConnection {
  readonly session = undefined;
  readonly #complaints: Complaints;
  readonly #proceed: Proceed;
  readonly #since: number; // ms
  #header: Uint8Array = new Uint8Array();

  constructor(accepted: Accepted, complaints: Complaints, proceed: Proceed) {
    super(accepted);
    this.#complaints = complaints;
    this.#proceed = proceed;
    this.#since = accepted.services.elapsed();
  }

  protected received(chunk: Uint8Array): void {
    const bytes = Buffer.concat([this.#header, chunk]);
    const reading = readHeader(bytes);
    if (reading.state === "partial") this.#header = bytes;
    else if (reading.state === "wrong") this.#turnAway(reading.why);
    else {
      const { client } = reading;
      const origin = client === undefined ? this.accepted.origin : originOf(client.host, client.port);
      const rest = Buffer.concat([bytes.subarray(reading.length), this.takeUnread()]);
      this.isEnding = true; // for this one nothing more happens
      this.accepted.admission.leave(this);
      this.#proceed(origin, rest);
    }
  }

  /** Who has said nothing has only looked whether somebody listens. */
  protected finished(): void {
    if (this.#header.length === 0) this.end();
    else this.#turnAway("ended within its PROXY header");
  }

  protected ticked(): void {
    if (this.isEnding || this.#age < HANDSHAKE) return;
    this.#turnAway(`sent no whole header of the PROXY protocol within ${HANDSHAKE / 1000} s`);
  }

  #turnAway(why: string): void {
    this.#complaints.tell(withoutPort(this.address), why);
    this.end();
  }

  get #age(): number {
    return this.accepted.services.elapsed() - this.#since;
  }

  override isIdleFor(ms: number): boolean {
    return this.#age >= Math.max(ms, GRACE);
  }

  /** There are no last words to wait for. */
  override dismiss(): void {
    this.isEnding = true;
    this.accepted.socket.end();
  }

  protected opened(): void {}
  protected ended(): void {}
  /** Nothing can be said to it: perhaps TLS comes next. */
  protected refused(_code: ErrorCode): void {}
}

/** Tells the log of connections from load balancers that were ended: once a minute and balancer. */
export class Complaints {
  readonly #log: Log;
  readonly #elapsed: () => number; // ms
  readonly #told = new Map<string, number>(); // by address, when (ms), the oldest first

  constructor(log: Log, elapsed: () => number) {
    this.#log = log;
    this.#elapsed = elapsed;
  }

  /** `why` completes "the connection …". */
  tell(balancer: string, why: string): void {
    const now = this.#elapsed();
    for (const [address, at] of this.#told) {
      if (now - at < SILENCE) break;
      this.#told.delete(address);
    }
    if (this.#told.has(balancer)) return;
    this.#told.set(balancer, now);
    this.#log.warning(
      `A connection from ${balancer} was ended, because it ${why}. Switch the PROXY protocol on in that load balancer, or take its address out of --proxy-protocol.`,
    );
  }
}
