// link.ts: what a lasting connection needs of one way to a server, whatever it is made of: client/tcp.ts opens a TCP
// socket, client/websocket.ts and web/websocket.ts a WebSocket. Also how a server, or the way to it, says no.

import type { Event, Failure, Request } from "../protocol.ts";

/** A request the server refused (its own code), a connection that could not be made ("unreachable") or must not be
 *  ("untrusted"), or one that was closed before the answer ("closed"). */
export class Refused extends Error {
  readonly code: string;
  readonly after: number | undefined; // seconds
  constructor({ code, text, after }: Pick<Failure, "text" | "after"> & { code: string }) {
    super(text);
    this.code = code;
    this.after = after;
  }
}

/** An open connection to a server: requests out, events that can be trusted in. It does not come back. */
export interface Link {
  send(request: Request): void;
  /** Who hears the events. Those that came before wait until somebody does. */
  listen(onEvent: (event: Event) => void): void;
  /** Stops reading, or goes on; where that cannot be done, nothing happens. */
  pause(on: boolean): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once, whatever waits on either side. */
  cut(): void;
  /** When the server was last heard, in ms since 1970. While nothing is read, it counts as heard. */
  readonly heard: number;
  /** Resolves when the connection is over, with a sentence if the reason is known. */
  readonly gone: Promise<string | undefined>;
}
