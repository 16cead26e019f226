// tcp.ts: the chat's port. Bytes of a socket become lines for a session, and what a session says goes out as it is; also the
// greeting, and a sentence for who speaks another protocol. What a line means is session.ts's business.

import type { ErrorCode } from "../protocol.ts";
import { ERRORS } from "../protocol.ts";
import { Lines } from "../shared/lines.ts";
import type { Payload } from "./delivery.ts";
import { Session } from "./session.ts";
import type { Accepted } from "./socket.ts";
import { SocketConnection } from "./socket.ts";

const GREETING =
  "* Welcome to Banter. Type: register NAME PASSWORD, or login NAME PASSWORD (help lists more, exit leaves).\n";
const GREETING_BYTES = Buffer.from(GREETING);
const GREET_AFTER = 100; // ms a new connection may take to say something, so that a browser gets a page and not a greeting
const BLANK = new Set(Buffer.from(" \t\r\n\ufeff"));
const TLS_HANDSHAKE = 0x16; // the first byte of what a TLS client says (RFC 8446, 5.1)

/** Where browsers are sent that come to the chat's port. */
export interface PageAddress {
  port: number;
  isEncrypted: boolean;
}

/** One connection to the chat's port: the bytes between a socket and a session. */
export class TcpConnection extends SocketConnection {
  readonly session: Session;
  opening = "";
  readonly #page: PageAddress | undefined;
  readonly #lines = new Lines();
  #greeting: Timer | undefined; // absent once it was sent
  #hasSpoken = false;

  /** `page`: `undefined` without a page. */
  constructor(accepted: Accepted, page: PageAddress | undefined) {
    super(accepted);
    this.#page = page;
    this.session = new Session(accepted.services, this);
    accepted.services.log.info(`${this.address} connected`);
  }

  /** Whoever speaks first is greeted in one write with the first answer. */
  send(payload: Payload): void {
    this.outbox.send(this.#isGreeting() ? Buffer.concat([GREETING_BYTES, payload.bytes]) : payload.bytes);
  }

  /** Who says nothing at first is a person and is greeted; a browser or a TLS client speaks first. */
  protected opened(): void {
    this.#greeting = setTimeout(() => this.#greet(), GREET_AFTER);
  }

  protected received(chunk: Uint8Array): void {
    this.opening ||= firstCharacter(chunk);
    if (!this.#hasSpoken) {
      const answer = answerToOtherProtocol(chunk, this.#page, this.#greeting === undefined);
      if (answer !== undefined) return this.#endWith(answer);
    }
    this.#hasSpoken = true;
    this.session.receive(this.#lines.push(chunk));
    if (this.#lines.overflow || this.#lines.pending > this.session.lineLimit)
      this.session.refuse({ code: "line_too_long" });
  }

  /** A last line without LF counts; everything is answered, then we close. */
  protected finished(): void {
    this.#greet();
    const last = this.#lines.end();
    if (last !== undefined) this.session.receive([last]);
    this.session.finish();
  }

  protected ended(reason: string): void {
    clearTimeout(this.#greeting);
    this.session.closed(reason);
  }

  protected ticked(): void {
    this.session.tick();
  }

  protected refused(code: ErrorCode): void {
    this.#endWith(`* ${ERRORS[code]}\n`);
  }

  #endWith(sentence: string): void {
    clearTimeout(this.#greeting);
    this.outbox.send(Buffer.from(sentence));
    this.end();
  }

  #greet(): void {
    if (this.#isGreeting()) this.outbox.send(GREETING_BYTES);
  }

  /** Whether it is to be greeted now: once. */
  #isGreeting(): boolean {
    if (this.#greeting === undefined || this.isEnding) return false;
    clearTimeout(this.#greeting);
    this.#greeting = undefined;
    return true;
  }
}

/** The first byte that is neither white space nor of a byte order mark, as a character. */
function firstCharacter(chunk: Uint8Array): string {
  const first = chunk.find((byte) => !BLANK.has(byte));
  return first === undefined ? "" : String.fromCharCode(first);
}

/** What to tell a client whose first bytes show that it speaks TLS or HTTP; `undefined` for any other. Over HTTP nothing can be told to
 *  who was greeted. */
function answerToOtherProtocol(
  chunk: Uint8Array,
  page: PageAddress | undefined,
  wasGreeted: boolean,
): string | undefined {
  if (chunk[0] === TLS_HANDSHAKE)
    return "* This is Banter's chat port, which does not speak TLS. Connect without TLS.\n";
  if (wasGreeted) return undefined;
  const start = Buffer.from(chunk.subarray(0, 2048)).toString("latin1");
  if (!/^[A-Z]{3,10} \S+ HTTP\/1/.test(start)) return undefined;
  const host = /^host:\s*([\w.-]+|\[[\da-f:]+\])/im.exec(start)?.[1] ?? "localhost";
  const hint = page && ` The chat page is at http${page.isEncrypted ? "s" : ""}://${host}:${page.port}.`;
  const text = `This is Banter's chat port; it speaks lines of text, not HTTP.${hint ?? ""} In a terminal: bun client.ts, or nc.\n`;
  return `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`;
}
