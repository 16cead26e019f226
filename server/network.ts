// network.ts: addresses: where a connection comes from, whose connections count together, and how people reach this computer.

import { networkInterfaces } from "node:os";

/** Where a request comes from. */
export interface Origin {
  readonly address: string; // "192.168.1.7:50312", for the log
  readonly network: string; // see `networkOf`
}

/** Where a connection from this address and port comes from. */
export function originOf(host: string, port: number): Origin {
  return { address: `${host}:${port}`, network: networkOf(host) };
}

/** Who asks for something that takes a while. */
export interface Asker extends Origin {
  readonly gone: boolean; // its connection has ended: nobody waits for the answer
}

/** The address of an origin without its port, as people know it. */
export function withoutPort(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/:\d+$/, "");
}

/** Whose connections and failed sign-ins count together: one IPv4 address (also when it comes mapped), or one IPv6 /64. */
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
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(":")}::/64`;
}

export function isLoopback(network: string): boolean {
  return network === "::1" || network.startsWith("127.");
}

/** This computer's IPv4 addresses in its networks. */
export function lanAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ family, internal }) => family === "IPv4" && !internal).map(({ address }) => address);
}

/** Whether who listens there listens on all addresses. */
export function isEverywhere(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The addresses of the page: of the one host it listens on, or of all of this computer's when it listens on all. */
export function pageAddresses(host: string, port: number, isEncrypted: boolean, addresses = lanAddresses()): string[] {
  const hosts = isEverywhere(host) ? addresses : [host.includes(":") ? `[${host}]` : host];
  return hosts.map((address) => `http${isEncrypted ? "s" : ""}://${address}:${port}`);
}
