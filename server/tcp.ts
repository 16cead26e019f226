// tcp.ts: connections over TCP. Bytes of a socket become lines for a session, and what a session says goes out through an
// outbox; also the greeting, and a sentence for who speaks another protocol. What a line means is session.ts's business.

import type { ErrorCode } from "../protocol.ts";
import { ERRORS } from "../protocol.ts";
import { Lines } from "../shared/lines.ts";
import { Outbox } from "../shared/outbox.ts";
import type { Admission, Connection } from "./admission.ts";
import type { Certificate } from "./certificate.ts";
import type { Payload } from "./delivery.ts";
import { boundUnacknowledged, probeWhenIdle } from "./keepalive.ts";
import { networkOf } from "./network.ts";
import type { Services } from "./services.ts";
import { Session } from "./session.ts";
import { LINGER, MAX_STALL, REPLAY_MARK } from "./transport.ts";

const GREETING =
  "* Welcome to Banter. Type: register NAME PASSWORD, or login NAME PASSWORD (help lists more, exit leaves).\n";
const GREETING_BYTES = Buffer.from(GREETING);
const GREET_AFTER = 100; // ms a new connection may take to say something, so that a browser gets a page and not a greeting
const HANDSHAKE = 10_000; // ms a TLS handshake may take
const BLANK = new Set(Buffer.from(" \t\r\n\ufeff"));
const TLS_HANDSHAKE = 0x16; // the first byte of what a TLS client says (RFC 8446, 5.1)

export interface TcpOptions {
  hostname: string;
  port: number;
  services: Services;
  admission: Admission;
  certificate: Certificate | undefined; // absent: not encrypted
  page: { port: number; isEncrypted: boolean } | undefined; // where browsers are sent that come here
}

/** Listens. Throws what Bun throws when it cannot. */
export function listenTcp(options: TcpOptions): Bun.TCPSocketListener<TcpConnection> {
  const { hostname, port, services, certificate } = options;
  const listener = Bun.listen<TcpConnection>({
    hostname,
    port,
    ...(certificate && { tls: { cert: certificate.cert, key: certificate.key } }),
    allowHalfOpen: true, // `printf … | nc` ends its side at once and still wants its answers
    socket: {
      open(socket) {
        socket.data = accept(socket, options);
      },
      handshake(socket, done) {
        if (done) socket.data.secured(); // it is false when the handshake failed, and a close follows
      },
      data: (socket, chunk) => socket.data.receive(chunk),
      drain: (socket) => socket.data.outbox.drain(),
      end: (socket) => socket.data.finish(),
      close: (socket, problem) => socket.data.closed(problem),
      error(socket, problem) {
        services.log.error("A connection met a bug", problem);
        socket.terminate();
      },
    },
  });
  boundUnacknowledged(listener);
  return listener;
}

function accept(socket: Bun.Socket<TcpConnection>, options: TcpOptions): TcpConnection {
  probeWhenIdle(socket);
  const connection = new TcpConnection(socket, options);
  const refused = options.admission.enter(connection);
  if (refused !== undefined) connection.refuse(refused);
  else if (options.certificate === undefined) connection.greetSoon();
  return connection;
}

/** One TCP connection: the bytes between a socket and a session. */
class TcpConnection implements Connection {
  readonly address: string;
  readonly network: string;
  readonly outbox: Outbox;
  readonly session: Session;
  opening = "";
  readonly #socket: Bun.Socket<TcpConnection>;
  readonly #options: TcpOptions;
  readonly #lines = new Lines();
  #handshaking: number | undefined; // ms, since when; nothing can be said before it is done
  #greeting: Timer | undefined;
  #state: "new" | "open" | "ending" = "new"; // ending: nothing more is read
  #isPeerEnded = false;

  constructor(socket: Bun.Socket<TcpConnection>, options: TcpOptions) {
    const { services, certificate } = options;
    this.#socket = socket;
    this.#options = options;
    if (certificate !== undefined) this.#handshaking = services.elapsed();
    const { remoteAddress = "unknown", remotePort = 0 } = socket as Partial<typeof socket>; // it may be gone already
    this.network = networkOf(remoteAddress);
    this.address = `${remoteAddress}:${remotePort}`;
    this.outbox = new Outbox(
      {
        write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
        shutdown: () => this.#shutdown(),
        terminate: () => socket.terminate(),
        waits: (change) => options.admission.countQueued(change),
      },
      services.elapsed,
    );
    this.session = new Session(services, this);
    services.log.info(`${this.address} connected`);
  }

  // ---- what happens to the socket ----

  /** The TLS handshake is done. */
  secured(): void {
    this.#handshaking = undefined;
    if (this.#state === "new") this.greetSoon();
  }

  /** Who says nothing at first is a person and is greeted; a browser or a TLS client speaks first. */
  greetSoon(): void {
    this.#greeting = setTimeout(() => this.#greet(), GREET_AFTER);
  }

  receive(chunk: Uint8Array): void {
    if (this.#state === "ending") return;
    this.opening ||= firstCharacter(chunk);
    if (this.#greeting !== undefined) {
      const answer = answerToOtherProtocol(chunk, this.#options.page);
      if (answer !== undefined) return this.#endWith(answer);
      this.#greet();
    }
    this.session.receive(this.#lines.push(chunk));
    if (this.#lines.overflow || this.#lines.pending > this.session.lineLimit)
      this.session.refuse({ code: "line_too_long" });
  }

  /** The other side has ended its half: a last line without LF counts, everything is answered, then we close. */
  finish(): void {
    this.#isPeerEnded = true;
    if (this.#state === "ending") {
      this.#socket.end();
      return;
    }
    this.#greet();
    const last = this.#lines.end();
    if (last !== undefined) this.session.receive([last]);
    this.session.finish();
  }

  closed(problem: Error | undefined): void {
    const { admission } = this.#options;
    clearTimeout(this.#greeting);
    admission.leave(this);
    if (this.outbox.overrun) admission.countSlowReader();
    const reason = this.#whyClosed(problem);
    this.outbox.close();
    this.#state = "ending";
    this.session.closed(reason);
  }

  #whyClosed(problem: Error | undefined): string {
    if (this.outbox.overrun) return "did not keep up";
    if (this.#handshaking !== undefined) return "no TLS handshake";
    return problem !== undefined && this.#state !== "ending" ? "connection lost" : "left"; // after our last words a reset is no loss
  }

  // ---- what a session and the admission limits do with it ----

  get queued(): number {
    return this.outbox.queued;
  }
  send(payload: Payload): void {
    this.outbox.send(payload.bytes);
  }
  drained(): Promise<void> {
    return this.outbox.below(REPLAY_MARK);
  }
  pause(on: boolean): void {
    if (on) this.#socket.pause();
    else this.#socket.resume();
  }
  end(): void {
    this.#state = "ending";
    this.#socket.resume(); // what still comes is read and dropped, or the last words would be lost to a reset
    this.outbox.end();
  }
  refuse(code: ErrorCode): void {
    this.#endWith(`* ${ERRORS[code]}\n`);
  }
  cut(): void {
    this.outbox.cut();
  }
  terminate(): void {
    this.#socket.terminate();
  }
  tick(): void {
    const { elapsed } = this.#options.services;
    if (this.#handshaking !== undefined && elapsed() - this.#handshaking >= HANDSHAKE) this.terminate();
    else if (this.outbox.stuck(MAX_STALL)) this.outbox.cut();
    else this.session.tick();
  }

  #endWith(sentence: string): void {
    clearTimeout(this.#greeting);
    this.outbox.send(Buffer.from(sentence));
    this.end();
  }

  #greet(): void {
    if (this.#state !== "new") return;
    this.#state = "open";
    clearTimeout(this.#greeting);
    this.#greeting = undefined;
    this.outbox.send(GREETING_BYTES);
  }

  /** Everything is sent: ends our side. A peer that does not end its own is given up after a while. */
  #shutdown(): void {
    if (this.#isPeerEnded) {
      this.#socket.end();
      return;
    }
    this.#socket.shutdown();
    setTimeout(() => this.#socket.terminate(), LINGER).unref();
  }
}

/** The first byte that is neither white space nor of a byte order mark, as a character. */
function firstCharacter(chunk: Uint8Array): string {
  const first = chunk.find((byte) => !BLANK.has(byte));
  return first === undefined ? "" : String.fromCharCode(first);
}

/** What to tell a client whose first bytes show that it speaks TLS or HTTP; `undefined` for any other. */
function answerToOtherProtocol(chunk: Uint8Array, page: TcpOptions["page"]): string | undefined {
  if (chunk[0] === TLS_HANDSHAKE)
    return "* This is Banter's chat port, which does not speak TLS. Connect without TLS.\n";
  const start = Buffer.from(chunk.subarray(0, 2048)).toString("latin1");
  if (!/^[A-Z]{3,10} \S+ HTTP\/1/.test(start)) return undefined;
  const host = /^host:\s*([\w.-]+|\[[\da-f:]+\])/im.exec(start)?.[1] ?? "localhost";
  const hint = page && ` The chat page is at http${page.isEncrypted ? "s" : ""}://${host}:${page.port}.`;
  const text = `This is Banter's chat port; it speaks lines of text, not HTTP.${hint ?? ""} In a terminal: bun client.ts, or nc.\n`;
  return `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`;
}
