// door.ts: who may come in, and who is here. What the TCP door and the web door share: how many connections there may be
// in all, from one network and without a name, how much may wait for their readers together, and the list the server looks
// through. Knows no bytes. Called by tcp.ts, websocket.ts, server.ts.

import type { ErrorCode } from "../protocol.ts";
import type { Services } from "./requests.ts";
import type { Session } from "./session.ts";

const PER_NETWORK = 64; // connections; loopback is exempt
const MOST_STRANGERS = 256; // connections that are not signed in
const STRANGER_FIRM = 2_000; // ms a stranger may keep its place although it asks for nothing and others want in
const MOST_QUEUED = 256 * 1024 * 1024; // bytes that wait for all readers together

/** One connection, whichever door it came through. */
export interface Visitor {
  readonly network: string; // whose connections count together
  readonly session: Session;
  readonly queued: number; // bytes that wait for its reader
  /** Called every few seconds: lets go of a reader that takes nothing and of a session that is over. */
  tick(): void;
  /** Closes with the sentence of this refusal. */
  turnAway(code: ErrorCode): void;
  /** Closes at once because its reader does not keep up. */
  cut(): void;
  /** Closes at once, whatever waits. */
  terminate(): void;
}

export class Door {
  readonly services: Services;
  readonly visitors = new Set<Visitor>();
  /** Where the page is, once it is served. */
  page: { port: number; encrypted: boolean } | undefined;
  /** Readers that were cut off because they did not keep up. */
  overruns = 0;
  /** Bytes that wait for all readers together. */
  queued = 0;
  readonly #most: number; // connections
  readonly #mostQueued: number; // bytes
  readonly #strangers = new Set<Visitor>(); // who was not signed in when last looked at, oldest first
  readonly #networks = new Map<string, number>();
  #emptied: (() => void) | undefined;

  constructor(services: Services, most: number, mostQueued = MOST_QUEUED) {
    this.services = services;
    this.#most = most;
    this.#mostQueued = mostQueued;
  }

  /** Counts a connection in. Returns why it must be turned away, if it must: `server_full` or `too_many`. */
  enter(visitor: Visitor): "server_full" | "too_many" | undefined {
    const { network } = visitor;
    const sharing = (this.#networks.get(network) ?? 0) + 1;
    this.visitors.add(visitor);
    this.#networks.set(network, sharing);
    this.#strangers.add(visitor);
    if (this.visitors.size > this.#most || !this.#hasRoomForStranger()) return "server_full";
    return sharing > PER_NETWORK && !isLoopback(network) ? "too_many" : undefined;
  }

  leave(visitor: Visitor): void {
    if (!this.visitors.delete(visitor)) return;
    if (this.visitors.size === 0) this.#emptied?.();
    this.#strangers.delete(visitor);
    const sharing = this.#networks.get(visitor.network)! - 1;
    if (sharing > 0) this.#networks.set(visitor.network, sharing);
    else this.#networks.delete(visitor.network);
  }

  /** Resolves when everybody has left, and after `patience` (ms) at the latest. */
  empty(patience: number): Promise<void> {
    if (this.visitors.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, patience);
      this.#emptied = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** So many bytes more wait for some reader now, or fewer. Past the limit those with most are cut off, as few as will do. */
  waits(change: number): void {
    this.queued += change;
    if (change <= 0 || this.queued <= this.#mostQueued) return;
    const slowest = [...this.visitors].sort((a, b) => b.queued - a.queued);
    for (const visitor of slowest) {
      if (this.queued <= this.#mostQueued) return;
      visitor.cut();
    }
  }

  /** Whether one more may be here without a name. When too many are, the one that has asked for nothing the longest goes;
   *  who signs in just now, like a class after a restart, is not sent away for those who come later. */
  #hasRoomForStranger(): boolean {
    if (this.#strangers.size <= MOST_STRANGERS) return true;
    for (const stranger of this.#strangers) if (stranger.session.user !== "") this.#strangers.delete(stranger);
    if (this.#strangers.size <= MOST_STRANGERS) return true;
    for (const stranger of this.#strangers) {
      if (!stranger.session.isIdleFor(STRANGER_FIRM)) continue;
      this.#strangers.delete(stranger);
      stranger.turnAway("server_full");
      return true;
    }
    return false;
  }
}

/** Whose connections and failures count together: one IPv4 address (also when it comes mapped), or one IPv6 /64. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!address.includes(":") || address === "::1") return address;
  const [head = "", tail] = address.split("%")[0]!.split("::");
  const groups = head.split(":").filter(Boolean);
  if (tail !== undefined) {
    const rest = tail.split(":").filter(Boolean);
    while (groups.length + rest.length < 8) groups.push("0");
    groups.push(...rest);
  }
  return (
    groups
      .slice(0, 4)
      .map((group) => Number.parseInt(group, 16).toString(16))
      .join(":") + "::/64"
  );
}

function isLoopback(network: string): boolean {
  return network === "::1" || network.startsWith("127.");
}
