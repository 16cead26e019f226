// admission.ts: the admission limits: how many connections there may be in all, from one network and without an account, and
// how much may wait for all readers together. Keeps the list of connections. Knows no bytes.

import { isLoopback } from "./network.ts";
import type { Session } from "./session.ts";
import type { Transport } from "./transport.ts";

const MAX_PER_NETWORK = 64; // connections; loopback is exempt
const MAX_ANONYMOUS = 256; // connections that are not signed in
const MIN_STAY = 2_000; // ms a connection that is not signed in keeps its place although it asks for nothing and others want in
const MAX_QUEUED = 256 * 1024 * 1024; // bytes that wait for all readers together

/** One connection, over TCP or as a WebSocket. */
export interface Connection extends Transport {
  readonly session: Session;
}

export class Admission {
  readonly connections = new Set<Connection>();
  /** Readers that were cut off because they did not keep up. */
  slowReaders = 0;
  /** Bytes that wait for all readers together. */
  queued = 0;
  readonly #max: number; // connections
  readonly #maxQueued: number; // bytes
  readonly #anonymous = new Set<Connection>(); // not signed in when last looked at, oldest first
  readonly #networks = new Map<string, number>(); // connections, by network
  #emptied: (() => void) | undefined;

  /** `max`: connections in all. `maxQueued`: bytes. */
  constructor(max: number, maxQueued = MAX_QUEUED) {
    this.#max = max;
    this.#maxQueued = maxQueued;
  }

  /** Counts a connection in, also one that is refused, until it leaves. Returns why it is refused, if it is: `server_full`
   *  or `too_many`. */
  enter(connection: Connection): "server_full" | "too_many" | undefined {
    const { network } = connection;
    const sharing = (this.#networks.get(network) ?? 0) + 1;
    this.connections.add(connection);
    this.#networks.set(network, sharing);
    this.#anonymous.add(connection);
    if (this.connections.size > this.#max || !this.#hasPlaceForAnonymous()) return "server_full";
    return sharing > MAX_PER_NETWORK && !isLoopback(network) ? "too_many" : undefined;
  }

  leave(connection: Connection): void {
    if (!this.connections.delete(connection)) return;
    if (this.connections.size === 0) this.#emptied?.();
    this.#anonymous.delete(connection);
    const sharing = this.#networks.get(connection.network)! - 1;
    if (sharing > 0) this.#networks.set(connection.network, sharing);
    else this.#networks.delete(connection.network);
  }

  /** Resolves when every connection has left, and after `patience` (ms) at the latest. */
  empty(patience: number): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A reader was cut off because it did not keep up. */
  countSlowReader(): void {
    this.slowReaders++;
  }

  /** `change` more bytes wait for some reader now, or fewer. Past the limit the connections with most are cut off, as few as
   *  will do. */
  countQueued(change: number): void {
    this.queued += change;
    if (change <= 0 || this.queued <= this.#maxQueued) return;
    const slowest = [...this.connections].sort((a, b) => b.queued - a.queued);
    for (const connection of slowest) {
      if (this.queued <= this.#maxQueued) return;
      connection.cut();
    }
  }

  /** Whether there is a place for one more connection without an account. When there are too many, the oldest that asks for
   *  nothing loses its place; those that are signing in just now, like a class after a restart, keep theirs. */
  #hasPlaceForAnonymous(): boolean {
    if (this.#anonymous.size <= MAX_ANONYMOUS) return true;
    for (const connection of this.#anonymous) if (connection.session.user !== "") this.#anonymous.delete(connection);
    if (this.#anonymous.size <= MAX_ANONYMOUS) return true;
    for (const connection of this.#anonymous) {
      if (!connection.session.isIdleFor(MIN_STAY)) continue;
      this.#anonymous.delete(connection);
      connection.refuse("server_full");
      return true;
    }
    return false;
  }
}
