// websocket.ts: one WebSocket to the server, as the page's link. Messages in become events that can be trusted,
// requests become messages out. Remembers nothing of an earlier one.

import type { Event, Request } from "../protocol.ts";
import { encode } from "../protocol.ts";
import { decodeEvent } from "../shared/decode.ts";
import type { Link } from "../shared/link.ts";
import { Refused } from "../shared/link.ts";

const CONNECT_TIMEOUT = 10_000; // ms

/** Opens a WebSocket. Rejects with `Refused` when it is refused, or not open after ten seconds. */
export function openWebSocket(url: string): Promise<Link> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    const fail = (text: string) => {
      clearTimeout(timeout);
      socket.close();
      reject(new Refused({ code: "unreachable", text }));
    };
    const timeout = setTimeout(() => fail("The server does not answer."), CONNECT_TIMEOUT);
    socket.onclose = () => fail("The server cannot be reached.");
    socket.onopen = () => {
      clearTimeout(timeout);
      resolve(new WebSocketLink(socket));
    };
  });
}

class WebSocketLink implements Link {
  heard = Date.now();
  readonly gone: Promise<undefined>;
  readonly #socket: WebSocket;
  readonly #early: Event[] = []; // what came before anybody listened
  #onEvent = (event: Event): void => void this.#early.push(event);
  #over: () => void = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.gone = new Promise((resolve) => {
      this.#over = () => resolve(undefined);
    });
    socket.onclose = () => this.#over();
    socket.onmessage = ({ data }) => {
      this.heard = Date.now();
      for (const line of String(data).split("\n")) {
        const event = decodeEvent(line);
        if (event !== undefined) this.#onEvent(event);
      }
    };
  }

  send(request: Request): void {
    this.#socket.send(encode(request));
  }
  listen(onEvent: (event: Event) => void): void {
    this.#onEvent = onEvent;
    for (const event of this.#early.splice(0)) onEvent(event);
  }
  /** A browser reads whatever comes; the page keeps up by showing only the end of it. */
  pause(): void {}
  end(): void {
    this.#socket.close();
  }
  /** The browser may take its time to close; for us it is over. */
  cut(): void {
    this.#socket.onmessage = null;
    this.#socket.close();
    this.#over();
  }
}
