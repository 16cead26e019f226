// tcp.ts: the TCP door. Bytes of a socket become lines for a session, and what a session says goes out through an outbox;
// also the greeting, and who knocks at the wrong port. What a line means is session.ts's business.
// Called by server.ts. One Connection a socket.

import type { Door, Visitor } from "./door.ts";
import { networkOf } from "./door.ts";
import { boundUnacknowledged, probeWhenIdle } from "./keepalive.ts";
import { Lines } from "../shared/lines.ts";
import { Outbox } from "../shared/outbox.ts";
import type { ErrorCode } from "../protocol.ts";
import { ERRORS } from "../protocol.ts";
import type { Payload } from "./delivery.ts";
import type { Link } from "./session.ts";
import { Session } from "./session.ts";
import type { Certificate } from "./certificate.ts";

const GREETING =
  "* Welcome to Banter. Type: register NAME PASSWORD, or login NAME PASSWORD (help lists more, exit leaves).\n";
const GREET_AFTER = 100; // ms a new connection may take to say something, so that a browser gets a page and not a greeting
const HANDSHAKE = 10_000; // ms a TLS handshake may take
const LINGER = 2_000; // ms a closed connection may take to close its side
const STUCK = 30_000; // ms a reader may take nothing at all
const PAGE_MARK = 256 * 1024; // bytes; the next page of a replay waits until less than this waits

/** Listens. Throws what Bun throws when it cannot. */
export function listen(
  hostname: string,
  port: number,
  door: Door,
  certificate?: Certificate,
): Bun.TCPSocketListener<Connection> {
  const listener = Bun.listen<Connection>({
    hostname,
    port,
    ...(certificate && { tls: { cert: certificate.cert, key: certificate.key } }),
    allowHalfOpen: true, // `printf … | nc` ends its side at once and still wants its answers
    socket: {
      open: (socket) => void (socket.data = handleClient(door, socket, certificate !== undefined)),
      handshake: (socket, done) => done && socket.data.secured(), // done is false when it failed, and a close follows
      data: (socket, chunk) => socket.data.receive(chunk),
      drain: (socket) => socket.data.outbox.drain(),
      end: (socket) => socket.data.finish(),
      close: (socket, problem) => socket.data.closed(problem),
      error: (socket, problem) => {
        door.services.log.error("A connection met a bug", problem);
        socket.terminate();
      },
    },
  });
  boundUnacknowledged(listener);
  return listener;
}

/** Accepts a connection: its outbox, its lines and its session, or one sentence and the door if there is no room. */
function handleClient(door: Door, socket: Bun.Socket<Connection>, encrypted: boolean): Connection {
  probeWhenIdle(socket);
  const connection = new Connection(door, socket, encrypted);
  const refused = door.enter(connection);
  if (refused !== undefined) connection.turnAway(refused);
  else if (!encrypted) connection.greetSoon();
  return connection;
}

/** One TCP connection: the bytes between a socket and a session. */
class Connection implements Link, Visitor {
  readonly socket: Bun.Socket<Connection>;
  readonly address: string;
  readonly network: string;
  readonly outbox: Outbox;
  readonly session: Session;
  readonly #door: Door;
  readonly #lines = new Lines();
  #handshaking: number | undefined; // ms, since when; nothing can be said before it is done
  #greeting: Timer | undefined;
  #state: "new" | "open" | "ending" = "new"; // ending: nothing more is read
  #peerEnded = false;

  constructor(door: Door, socket: Bun.Socket<Connection>, encrypted: boolean) {
    this.#door = door;
    if (encrypted) this.#handshaking = door.services.elapsed();
    this.socket = socket;
    const { remoteAddress = "unknown", remotePort = 0 } = socket as Partial<typeof socket>; // it may be gone already
    this.network = networkOf(remoteAddress);
    this.address = `${remoteAddress}:${remotePort}`;
    this.outbox = new Outbox(
      {
        write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
        shutdown: () => this.#shutdown(),
        terminate: () => socket.terminate(),
        waits: (change) => door.waits(change),
      },
      door.services.elapsed,
    );
    this.session = new Session(door.services, this);
    door.services.log.info(`${this.address} connected`);
  }

  /** The TLS handshake is done. */
  secured(): void {
    this.#handshaking = undefined;
    if (this.#state === "new") this.greetSoon();
  }

  /** Who says nothing at first is a person and is greeted; a browser or a TLS client speaks first. */
  greetSoon(): void {
    this.#greeting = setTimeout(() => this.#greet(), GREET_AFTER);
  }

  turnAway(code: ErrorCode): void {
    this.#leaveWith(`* ${ERRORS[code]}\n`);
  }

  receive(chunk: Uint8Array): void {
    if (this.#state === "ending") return;
    if (this.#greeting !== undefined) {
      const answer = wrongDoor(chunk, this.#door.page);
      if (answer !== undefined) {
        return this.#leaveWith(answer);
      }
      this.#greet();
    }
    this.session.receive(this.#lines.push(chunk));
    if (this.#lines.overflow || this.#lines.pending > this.session.lineLimit)
      this.session.refuse({ code: "line_too_long" });
  }

  /** The other side has ended its half: a last line without LF counts, everything is answered, then we close. */
  finish(): void {
    this.#peerEnded = true;
    if (this.#state === "ending") return void this.socket.end();
    this.#greet();
    const last = this.#lines.end();
    if (last !== undefined) this.session.receive([last]);
    this.session.finish();
  }

  closed(problem: Error | undefined): void {
    clearTimeout(this.#greeting);
    this.#door.leave(this);
    if (this.outbox.overrun) this.#door.overruns++;
    const isLost = problem !== undefined && this.#state !== "ending"; // a reset after the last words loses nobody
    const lost = this.#handshaking !== undefined ? "no TLS handshake" : isLost ? "connection lost" : "left";
    const reason = this.outbox.overrun ? "did not keep up" : lost;
    this.outbox.close();
    this.#state = "ending";
    this.session.closed(reason);
  }

  get queued(): number {
    return this.outbox.queued;
  }
  cut(): void {
    this.outbox.cut();
  }
  terminate(): void {
    this.socket.terminate();
  }
  tick(): void {
    const { elapsed } = this.#door.services;
    if (this.#handshaking !== undefined && elapsed() - this.#handshaking >= HANDSHAKE) this.terminate();
    else if (this.outbox.stuck(STUCK)) this.outbox.cut();
    else this.session.tick();
  }

  send(payload: Payload): void {
    this.outbox.send(payload.bytes);
  }
  drained(): Promise<void> {
    return this.outbox.below(PAGE_MARK);
  }
  pause(on: boolean): void {
    if (on) this.socket.pause();
    else this.socket.resume();
  }
  end(): void {
    this.#state = "ending";
    this.socket.resume(); // what still comes is read and dropped, or the last words would be lost to a reset
    this.outbox.end();
  }

  #leaveWith(sentence: string): void {
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

  #shutdown(): void {
    if (this.#peerEnded) return void this.socket.end();
    this.socket.shutdown();
    setTimeout(() => this.socket.terminate(), LINGER).unref();
  }
}

const GREETING_BYTES = Buffer.from(GREETING);

/** What to tell a client whose first bytes show that it knocked at the wrong port; `undefined` for one who is right. */
function wrongDoor(chunk: Uint8Array, page: Door["page"]): string | undefined {
  if (chunk[0] === 0x16) return "* This is Banter's chat port, which does not speak TLS. Connect without TLS.\n"; // a TLS handshake record
  const start = Buffer.from(chunk.subarray(0, 2048)).toString("latin1");
  if (!/^[A-Z]{3,10} \S+ HTTP\/1/.test(start)) return undefined;
  const host = /^host:\s*([\w.-]+|\[[\da-f:]+\])/im.exec(start)?.[1] ?? "localhost";
  const address = page && `http${page.encrypted ? "s" : ""}://${host}:${page.port}`;
  const hint = address === undefined ? "" : ` The chat page is at ${address}.`;
  const text = `This is Banter's chat port; it speaks lines of text, not HTTP.${hint} In a terminal: bun client.ts, or nc.\n`;
  return `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`;
}
