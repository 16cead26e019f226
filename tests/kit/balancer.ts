// balancer.ts: a load balancer in front of a server: every connection it passes on begins with a header of the PROXY protocol. Writes
// headers by itself, from the specification, and shares no code with what reads them.

import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

/** A header of version 1. */
export function lineHeader(host: string, port: number): Buffer {
  const [family, to] = host.includes(":") ? ["TCP6", "2001:db8::5"] : ["TCP4", "198.51.100.5"];
  return Buffer.from(`PROXY ${family} ${host} ${to} ${port} 12345\r\n`);
}

/** A header of version 2 with these bytes after its first 16. */
export function binary(command: number, family: number, following: Uint8Array): Buffer {
  const length = [following.length >> 8, following.length & 0xff];
  return Buffer.concat([Buffer.from([...SIGNATURE, command, family, ...length]), following]);
}

/** A header of version 2 for a connection from an address of 4 or 16 bytes. */
export function binaryHeader(address: readonly number[], port: number, tlvs: Uint8Array = Buffer.alloc(0)): Buffer {
  const ports = [port >> 8, port & 0xff, 0x30, 0x39];
  const addresses = Buffer.from([...address, ...address.map(() => 1), ...ports]);
  return binary(0x21, address.length === 4 ? 0x11 : 0x21, Buffer.concat([addresses, tlvs]));
}

/** How the header is sent: before anything else, in one piece with the first bytes of the client, or, like all that the client says, in
 *  pieces of one byte. */
type Way = "first" | "together" | "bytes";

/** The address that a server sees its connections come from. */
export const BALANCER = "127.0.0.9";

/** Passes connections on to a port of 127.0.0.1. */
export class Balancer implements AsyncDisposable {
  /** Of the next connection; empty: none. */
  header: Buffer = Buffer.alloc(0);
  way: Way = "first";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#pass(client, target));
  }

  static async open(target: number): Promise<Balancer> {
    const balancer = new Balancer(target);
    await new Promise<void>((resolve) => balancer.#server.listen(0, "127.0.0.1", resolve));
    return balancer;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #pass(client: Socket, target: number): void {
    const { header, way } = this;
    const server = connect({ port: target, host: "127.0.0.1", localAddress: BALANCER, allowHalfOpen: true });
    server.setNoDelay(true);
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => this.#sockets.delete(one));
    }
    server.pipe(client);
    if (way === "bytes") void passBytes(client, server, header);
    else if (way === "first") {
      server.write(header);
      client.pipe(server);
    } else
      client.once("data", (chunk: Buffer) => {
        server.write(Buffer.concat([header, chunk]));
        client.pipe(server);
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Passes on a header and what a client says, a byte a turn. */
async function passBytes(client: Socket, server: Socket, header: Buffer): Promise<void> {
  const bytes = async function* () {
    yield header;
    for await (const chunk of client) yield chunk as Buffer;
  };
  for await (const chunk of bytes())
    for (const byte of chunk) {
      server.write(Uint8Array.of(byte));
      await new Promise((resume) => setImmediate(resume));
    }
  server.end();
}
