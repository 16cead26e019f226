// websocket.ts: connections as WebSockets. A message's lines go to a session, and what a session says goes out as messages; Bun
// queues what the reader does not take. What a line means is session.ts's business.

import type { ErrorCode } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { OUTBOX_LIMIT } from "../shared/outbox.ts";
import type { Admission, Connection } from "./admission.ts";
import type { Payload } from "./delivery.ts";
import type { Origin } from "./network.ts";
import type { Services } from "./services.ts";
import { Session } from "./session.ts";
import { LINGER, MAX_STALL, REPLAY_MARK } from "./transport.ts";

const SILENCE = 60; // seconds without any sign of life; Bun looks every few seconds

/** What a WebSocket carries: where it comes from, and its connection once it is open. */
export type SocketData = Origin & { connection: WebSocketConnection | undefined };

/** What Bun calls for every WebSocket. */
export function webSocketHandlers(services: Services, admission: Admission): Bun.WebSocketHandler<SocketData> {
  return {
    maxPayloadLength: LIMITS.line + 2, // a whole line with CR and LF
    backpressureLimit: OUTBOX_LIMIT,
    idleTimeout: SILENCE, // Bun pings before, and a browser answers by itself
    open(socket) {
      const connection = new WebSocketConnection(socket, services, admission);
      socket.data.connection = connection;
      const refused = admission.enter(connection);
      if (refused !== undefined) connection.refuse(refused);
    },
    message: (socket, message) => socket.data.connection!.receive(message),
    drain: (socket) => socket.data.connection!.drain(),
    close: (socket, code) => socket.data.connection?.closed(code),
    error(problem, socket) {
      services.log.error("A connection met a bug", problem);
      socket.terminate();
    },
  };
}

/** One WebSocket: the messages between a browser and a session. */
class WebSocketConnection implements Connection {
  readonly address: string;
  readonly network: string;
  readonly session: Session;
  opening = "";
  readonly #socket: Bun.ServerWebSocket<SocketData>;
  readonly #admission: Admission;
  readonly #now: () => number;
  #isOverrun = false; // the reader was cut off because it did not keep up
  #ended: number | undefined; // ms, when our side was closed
  #progress: number; // ms, when the reader last took something
  #drained: (() => void) | undefined; // somebody waits until little is queued
  #counted = 0; // bytes that wait, as the admission limits know it

  constructor(socket: Bun.ServerWebSocket<SocketData>, services: Services, admission: Admission) {
    this.#socket = socket;
    this.#admission = admission;
    this.#now = services.elapsed;
    this.#progress = this.#now();
    this.address = socket.data.address;
    this.network = socket.data.network;
    this.session = new Session(services, this);
    services.log.info(`${this.address} connected (page)`);
  }

  // ---- what happens to the socket ----

  /** One message holds one or more lines; the last LF may be missing. */
  receive(message: string | Buffer): void {
    if (this.#ended !== undefined) return;
    if (typeof message !== "string") {
      this.#socket.close(1003, "Send text messages.");
      return;
    }
    this.opening ||= message.trimStart().charAt(0);
    const lines = message.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
    if (lines.at(-1) === "") lines.pop();
    this.session.receive(lines);
  }

  drain(): void {
    this.#progress = this.#now();
    this.#countQueued(this.queued);
    if (this.queued <= REPLAY_MARK) this.#release();
  }

  closed(code: number): void {
    const isLost = code === 1006 && this.#ended === undefined; // no close frame (RFC 6455, 7.1.5) before our last words
    this.#ended ??= this.#now();
    this.#release();
    this.#countQueued(0);
    this.#admission.leave(this);
    this.session.closed(this.#isOverrun ? "did not keep up" : isLost ? "connection lost" : "left");
  }

  // ---- what a session and the admission limits do with it ----

  get queued(): number {
    return this.#socket.getBufferedAmount();
  }
  /** A message that Bun drops (0) would be a gap, so the reader is cut off and resumes. */
  send(payload: Payload): void {
    if (this.#ended !== undefined) return;
    if (this.queued === 0) this.#progress = this.#now();
    if (this.#socket.sendText(payload.text) === 0) this.cut();
    else this.#countQueued(this.queued);
  }
  drained(): Promise<void> {
    if (this.#ended !== undefined || this.queued <= REPLAY_MARK) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    return promise;
  }
  /** A WebSocket cannot be paused; the session bounds what waits for its turn. */
  pause(): void {}
  end(): void {
    if (this.#ended !== undefined) return;
    this.#ended = this.#now();
    this.#socket.close(1000);
  }
  refuse(code: ErrorCode): void {
    this.session.refuse({ code });
  }
  cut(): void {
    if (this.#isOverrun) return;
    this.#isOverrun = true;
    this.#admission.countSlowReader();
    this.terminate();
  }
  terminate(): void {
    this.#socket.terminate();
  }
  tick(): void {
    const now = this.#now();
    if (this.queued > 0 && now - this.#progress >= MAX_STALL) this.cut();
    else if (this.#ended !== undefined && this.queued === 0 && now - this.#ended >= LINGER) this.terminate();
    else this.session.tick();
  }

  #release(): void {
    this.#drained?.();
    this.#drained = undefined;
  }

  #countQueued(queued: number): void {
    const change = queued - this.#counted;
    this.#counted = queued;
    if (change !== 0) this.#admission.countQueued(change);
  }
}
