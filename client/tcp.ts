// tcp.ts: the chat's port: lines as they are. Tells who answers there in another protocol.

import type { Endpoint } from "./socket.ts";
import { openSocket, SocketLink } from "./socket.ts";
import { hostAndPort, nameOf } from "./address.ts";

/** Opens a socket to a server; with `encryption` nothing is sent before its certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openTcp(server: Endpoint): Promise<TcpLink> {
  const link = new TcpLink(server);
  await openSocket(link);
  return link;
}

/** One connection to the chat's port. */
export class TcpLink extends SocketLink {
  #isGreeted = false; // a line has come

  protected received(chunk: Uint8Array): void {
    const lines = this.lines.push(chunk);
    if (!this.#isGreeted && lines[0]?.startsWith("HTTP/1.")) {
      const page = nameOf({ ...this.server, isPage: true }, this.server.encryption !== undefined);
      return this.fail(
        `${hostAndPort(this.server)} is no chat port: it speaks HTTP. If it is Banter's page, join by ${page}`,
      );
    }
    this.#isGreeted ||= lines.length > 0;
    this.hear(lines);
  }

  protected framed(line: Uint8Array): Uint8Array {
    return line;
  }
}
