// websocket.ts: connections as WebSockets. A message's lines go to a session, and what a session says goes out as messages. How
// bytes become messages is frames.ts's business, what a line means is session.ts's.

import type { ErrorCode } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { Payload } from "./delivery.ts";
import { acceptKey, CLOSED, closeFrame, FrameReader, pingFrame, pongFrame } from "./frames.ts";
import { Session } from "./session.ts";
import type { Accepted } from "./socket.ts";
import { SocketConnection } from "./socket.ts";

const QUIET = 30_000; // ms without a byte after which the other side is pinged; a browser answers by itself
const SILENCE = 60_000; // ms without a byte after which it is gone

/** One WebSocket: the messages between a browser and a session. */
export class WebSocketConnection extends SocketConnection {
  readonly session: Session;
  opening = "";
  readonly #key: string;
  readonly #frames = new FrameReader(LIMITS.line + 2); // a whole line with CR and LF
  #heard: number; // ms
  #isPinged = false;

  /** `key`: the client's Sec-WebSocket-Key. */
  constructor(accepted: Accepted, key: string) {
    super(accepted);
    this.#key = key;
    this.#heard = accepted.services.elapsed();
    this.session = new Session(accepted.services, this);
    accepted.services.log.info(`${this.address} connected (page)`);
  }

  send(payload: Payload): void {
    this.outbox.send(payload.frame);
  }

  /** Says goodbye, sends what waits, then closes. */
  override end(code: number = CLOSED.normally): void {
    if (this.isEnding) return;
    this.outbox.send(closeFrame(code));
    super.end();
  }

  protected opened(): void {
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(this.#key)}\r\n\r\n`;
    this.outbox.send(Buffer.from(head));
  }

  protected received(chunk: Uint8Array): void {
    this.#heard = this.accepted.services.elapsed();
    this.#isPinged = false;
    for (const one of this.#frames.push(chunk)) {
      if (this.isEnding) return;
      if ("text" in one) this.#receiveLines(one.text);
      else if ("close" in one) this.end(one.close);
      // The newest ping is the one to answer (RFC 6455, 5.5.3), so no answers pile up for who does not read them.
      else if (this.queued === 0) this.outbox.send(pongFrame(one.ping));
    }
  }

  /** One message holds one or more lines; the last LF may be missing. */
  #receiveLines(message: string): void {
    this.opening ||= message.trimStart().charAt(0);
    const lines = message.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
    if (lines.at(-1) === "") lines.pop();
    this.session.receive(lines);
  }

  protected finished(): void {
    this.end();
  }

  protected ended(reason: string): void {
    this.session.closed(reason);
  }

  /** No close frame came, and none was sent (RFC 6455, 7.1.5). */
  protected override isLost(): boolean {
    return !this.isEnding;
  }

  protected ticked(): void {
    const silent = this.isPaused ? 0 : this.accepted.services.elapsed() - this.#heard;
    if (silent >= SILENCE) this.terminate();
    else if (silent >= QUIET && !this.#isPinged) {
      this.#isPinged = true;
      this.outbox.send(pingFrame());
    }
    this.session.tick();
  }

  protected refused(code: ErrorCode): void {
    this.session.refuse({ code });
  }
}
