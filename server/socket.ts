// socket.ts: one accepted connection as a socket: its TLS handshake, its send buffer, the ways to end it, and what ends it when the
// other side is too slow. What its bytes mean is the business of its three kinds: tcp.ts, http.ts and websocket.ts.

import type { ErrorCode } from "../protocol.ts";
import { Outbox } from "../shared/outbox.ts";
import type { Admission, Connection } from "./admission.ts";
import type { Origin } from "./network.ts";
import type { Services } from "./services.ts";
import type { Session } from "./session.ts";
import { LINGER, MAX_STALL, REPLAY_MARK } from "./transport.ts";

/** ms a TLS handshake may take, and before that the header of a load balancer. */
export const HANDSHAKE = 10_000;
const PIECE = 16 * 1024; // bytes; what a packet asks for is made in pieces of it, so that it takes little memory at once

/** A socket of Bun's that carries its connection. */
export type Socket = Bun.Socket<SocketConnection>;

/** What a connection is made of. */
export interface Accepted {
  readonly socket: Socket;
  readonly origin: Origin; // of its client, as far as that is known
  readonly services: Services;
  readonly admission: Admission;
  readonly isEncrypting: boolean; // a TLS handshake comes first; nothing can be read or written before it is done
}

export abstract class SocketConnection implements Connection {
  abstract readonly session: Session | undefined;
  readonly address: string;
  readonly network: string;
  protected readonly accepted: Accepted;
  protected readonly outbox: Outbox;
  /** Nothing more is read. */
  protected isEnding = false;
  #handshaking: number | undefined; // ms, since when
  #unread: Uint8Array | undefined; // what has come and waits for its turn; absent while nothing does, as nearly always
  #isHandingOn = false;
  /** Nothing is handed on for now. */
  protected isPaused = false;
  #isSocketPaused = false; // only once more comes than is handed on, so that the end of a connection is noticed until then
  #isPeerEnded = false;
  #isFinished = false;

  constructor(accepted: Accepted) {
    const { socket, origin, services, admission, isEncrypting } = accepted;
    this.accepted = accepted;
    if (isEncrypting) this.#handshaking = services.elapsed();
    this.address = origin.address;
    this.network = origin.network;
    this.outbox = new Outbox(
      {
        write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
        shutdown: () => this.#shutdown(),
        terminate: () => socket.terminate(),
        waits: (change) => admission.countQueued(change),
      },
      services.elapsed,
    );
  }

  // ---- what each kind makes of what happens to the socket ----

  /** How many bytes it takes at once. */
  protected get piece(): number {
    return PIECE;
  }
  /** It can be read and written from now on. */
  protected abstract opened(): void;
  /** Bytes came. Whoever pauses the connection gets no more of them until it goes on. */
  protected abstract received(chunk: Uint8Array): void;
  /** The other side has ended its half: what it asked for is still answered. */
  protected abstract finished(): void;
  /** It is closed. */
  protected abstract ended(reason: string): void;
  /** A second has passed. */
  protected abstract ticked(): void;
  /** Says why there is no place for it. */
  protected abstract refused(code: ErrorCode): void;

  // ---- what happens to the socket ----

  open(): void {
    this.#handshaking = undefined;
    if (!this.isEnding) this.opened();
  }

  receive(chunk: Uint8Array): void {
    if (this.isEnding) return;
    this.#unread = this.#unread === undefined ? chunk : Buffer.concat([this.#unread, chunk]);
    this.#handOn();
    this.#pauseSocket(this.#unread !== undefined);
  }

  drain(): void {
    this.outbox.drain();
  }

  finish(): void {
    this.#isPeerEnded = true;
    if (this.isEnding) this.accepted.socket.end();
    else this.#handOn();
  }

  /** What came, a piece after the other until one of them pauses the connection; after the last one, that it was the last. */
  #handOn(): void {
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    while (this.#unread !== undefined && !this.isPaused && !this.isEnding) {
      const bytes: Uint8Array = this.#unread;
      const isMore = bytes.length > this.piece;
      this.#unread = isMore ? bytes.subarray(this.piece) : undefined;
      this.received(isMore ? bytes.subarray(0, this.piece) : bytes);
    }
    this.#isHandingOn = false;
    if (!this.#isPeerEnded || this.#isFinished || this.#unread !== undefined || this.isEnding) return;
    this.#isFinished = true;
    this.finished();
  }

  #pauseSocket(on: boolean): void {
    if (on === this.#isSocketPaused) return;
    this.#isSocketPaused = on;
    if (on) this.accepted.socket.pause();
    else this.accepted.socket.resume();
  }

  /** What has come and was not handed on, for whoever goes on in its place. */
  protected takeUnread(): Uint8Array {
    const unread = this.#unread ?? new Uint8Array();
    this.#unread = undefined;
    this.#pauseSocket(false);
    return unread;
  }

  closed(problem: Error | undefined): void {
    const { admission } = this.accepted;
    admission.leave(this);
    if (this.outbox.overrun) admission.countSlowReader();
    const reason = this.#whyClosed(problem);
    this.outbox.close();
    this.isEnding = true;
    this.#unread = undefined;
    this.ended(reason);
  }

  #whyClosed(problem: Error | undefined): string {
    if (this.outbox.overrun) return "did not keep up";
    if (this.#handshaking !== undefined) return "no TLS handshake";
    return this.isLost(problem) ? "connection lost" : "left";
  }

  /** Whether it has ended without a goodbye. After our last words a reset is no loss. */
  protected isLost(problem: Error | undefined): boolean {
    return problem !== undefined && !this.isEnding;
  }

  // ---- what a session and the admission limits do with it ----

  isIdleFor(ms: number): boolean {
    return this.session?.isIdleFor(ms) ?? false;
  }
  dismiss(text: string): void {
    this.session?.dismiss(text);
  }
  get queued(): number {
    return this.outbox.queued;
  }
  drained(): Promise<void> {
    return this.outbox.below(REPLAY_MARK);
  }
  signedIn(): void {
    this.accepted.admission.signedIn(this);
  }
  pause(on: boolean): void {
    if (on === this.isPaused || this.isEnding) return;
    this.isPaused = on;
    if (!on) this.#handOn();
    if (this.#unread === undefined) this.#pauseSocket(false);
  }
  end(): void {
    this.isEnding = true;
    this.#unread = undefined;
    this.#pauseSocket(false); // what still comes is read and dropped, or the last words would be lost to a reset
    this.outbox.end();
  }
  refuse(code: ErrorCode): void {
    this.refused(code);
    this.end();
  }
  cut(): void {
    this.outbox.cut();
  }
  terminate(): void {
    this.accepted.socket.terminate();
  }
  tick(): void {
    const { elapsed } = this.accepted.services;
    if (this.#handshaking !== undefined && elapsed() - this.#handshaking >= HANDSHAKE) this.terminate();
    else if (this.outbox.stuck(MAX_STALL)) this.outbox.cut();
    else this.ticked();
  }

  /** Everything is sent: ends our side. A peer that does not end its own is given up after a while; the kernel still hands it
   *  what it has of ours. */
  #shutdown(): void {
    const { socket } = this.accepted;
    if (this.#isPeerEnded) {
      socket.end();
      return;
    }
    socket.shutdown();
    setTimeout(() => socket.end(), LINGER).unref();
  }
}
