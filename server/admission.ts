// admission.ts: the admission limits: how many connections there may be in all, from one network and without an account, and
// how much may wait for all readers together. Keeps the list of connections. Knows no bytes.

import type { ErrorCode } from "../protocol.ts";
import { isLoopback } from "./network.ts";
import type { Session } from "./session.ts";

const MAX_PER_NETWORK = 64; // sessions; loopback is exempt
const MAX_ANONYMOUS = 256; // connections without an account that may ask for nothing
const MIN_STAY = 2_000; // ms one of them keeps its place although it asks for nothing: a class comes back all at once
const MAX_NEWCOMERS = 4_096; // connections without an account, however new they are
/** Connections that are told that there is no place, and linger to read it, beyond those there may be. */
const MAX_REFUSED = 64;
const MAX_QUEUED = 256 * 1024 * 1024; // bytes that wait for all readers together

/** One connection: over TCP, as a WebSocket, or one that speaks HTTP and so has no session. */
export interface Connection {
  readonly network: string;
  readonly session: Session | undefined;
  /** Bytes that wait for the reader. */
  readonly queued: number;
  /** Whether nothing it asked for is being done, and nothing was for this long (ms). */
  isIdleFor(ms: number): boolean;
  /** Says why there is no place for this connection, and closes. */
  refuse(code: ErrorCode): void;
  /** Tells it that the server stops, answers what it asked for, and closes. */
  dismiss(text: string): void;
  /** Closes at once because the reader does not keep up. */
  cut(): void;
  /** Closes at once, whatever waits. */
  terminate(): void;
  /** Called every second: ends what has taken too long. */
  tick(): void;
}

/** What comes from one network. */
interface Network {
  sessions: number;
  anonymous: Set<Connection>; // oldest first
}

export class Admission {
  readonly connections = new Set<Connection>();
  /** Readers that were cut off because they did not keep up. */
  slowReaders = 0;
  /** Bytes that wait for all readers together. */
  queued = 0;
  readonly #max: number; // connections
  readonly #maxQueued: number; // bytes
  readonly #networks = new Map<string, Network>();
  #anonymous = 0; // connections
  #emptied: (() => void) | undefined;

  /** `max`: connections in all. `maxQueued`: bytes. */
  constructor(max: number, maxQueued = MAX_QUEUED) {
    this.#max = max;
    this.#maxQueued = maxQueued;
  }

  /** Counts a connection in, until it leaves, and refuses it when there is no place: `server_full`, or `too_many` from its
   *  network. A place is made by the oldest of those without an account that ask for nothing, of the network that has most of
   *  them: whoever takes many places gives up their own. */
  enter(connection: Connection): void {
    const network = this.#networkOf(connection);
    this.connections.add(connection);
    network.anonymous.add(connection);
    this.#anonymous++;
    if (connection.session !== undefined) network.sessions++;
    if (network.sessions > MAX_PER_NETWORK && !isLoopback(connection.network)) this.#refuse(connection, "too_many");
    else if (this.connections.size > this.#max || this.#anonymous > MAX_NEWCOMERS)
      this.#refuse(this.#placeTaker(0, connection) ?? connection, "server_full");
  }

  /** Somebody has signed in on a connection. */
  signedIn(connection: Connection): void {
    this.#keepPlace(connection);
  }

  leave(connection: Connection): void {
    if (!this.connections.delete(connection)) return;
    if (this.connections.size === 0) this.#emptied?.();
    this.#keepPlace(connection);
    const network = this.#networkOf(connection);
    if (connection.session !== undefined) network.sessions--;
    if (network.sessions === 0 && network.anonymous.size === 0) this.#networks.delete(connection.network);
  }

  /** Called every second. */
  tick(): void {
    for (const connection of this.connections) connection.tick();
    while (this.#anonymous > MAX_ANONYMOUS) {
      const taker = this.#placeTaker(MIN_STAY);
      if (taker === undefined) return; // all of them have just asked for something
      this.#refuse(taker, "server_full");
    }
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

  #networkOf({ network }: Connection): Network {
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const fresh: Network = { sessions: 0, anonymous: new Set() };
    this.#networks.set(network, fresh);
    return fresh;
  }

  /** A connection gives up its place for nobody: somebody has signed in on it, or it ends. */
  #keepPlace(connection: Connection): void {
    if (this.#networks.get(connection.network)?.anonymous.delete(connection)) this.#anonymous--;
  }

  /** Ends a connection. It keeps its descriptor until the other side has read why, unless too many do. */
  #refuse(connection: Connection, code: ErrorCode): void {
    this.#keepPlace(connection);
    connection.refuse(code);
    if (this.connections.size > this.#max + MAX_REFUSED) connection.terminate();
  }

  /** Who gives up its place: the oldest connection without an account that is idle for so long (ms), from the network with
   *  most of them. */
  #placeTaker(ms: number, newcomer?: Connection): Connection | undefined {
    let found: Connection | undefined;
    let most = 0;
    for (const { anonymous } of this.#networks.values()) {
      if (anonymous.size <= most) continue;
      const idle = anonymous.values().find((one) => one !== newcomer && one.isIdleFor(ms));
      if (idle === undefined) continue;
      found = idle;
      most = anonymous.size;
    }
    return found;
  }
}
