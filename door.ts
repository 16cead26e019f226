// door.ts: who may come in, and who is here. What the TCP door and the web door share: how many connections there may be
// in all and from one network, and the list the server looks through. Knows no bytes. Called by tcp.ts, web.ts, server.ts.

import type { Services } from "./requests.ts";
import type { Session } from "./session.ts";

const PER_NETWORK = 64; // connections; loopback is exempt

/** One connection, whichever door it came through. */
export interface Visitor {
  readonly network: string; // whose connections count together
  readonly session: Session;
  readonly queued: number; // bytes that wait for its reader
  /** Called every few seconds: lets go of a reader that takes nothing and of a session that is over. */
  tick(): void;
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
  readonly #most: number; // connections
  readonly #networks = new Map<string, number>();

  constructor(services: Services, most: number) {
    this.services = services;
    this.#most = most;
  }

  /** Counts a connection in. Returns why it must be turned away, if it must: `server_full` or `too_many`. */
  enter(visitor: Visitor): "server_full" | "too_many" | undefined {
    const { network } = visitor;
    const sharing = (this.#networks.get(network) ?? 0) + 1;
    this.visitors.add(visitor);
    this.#networks.set(network, sharing);
    if (this.visitors.size > this.#most) return "server_full";
    return sharing > PER_NETWORK && !isLoopback(network) ? "too_many" : undefined;
  }

  leave(visitor: Visitor): void {
    if (!this.visitors.delete(visitor)) return;
    const sharing = this.#networks.get(visitor.network)! - 1;
    if (sharing > 0) this.#networks.set(visitor.network, sharing);
    else this.#networks.delete(visitor.network);
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
