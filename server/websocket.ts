// websocket.ts: the WebSocket door. A message's lines go to a session, and what a session says goes out as messages; Bun
// queues what the reader does not take. What a line means is session.ts's business. Called by web.ts. One Visit a socket.

import type { Door, Visitor } from "./door.ts";
import { OUTBOX_LIMIT } from "../shared/outbox.ts";
import type { ErrorCode } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { Origin } from "./requests.ts";
import type { Payload } from "./delivery.ts";
import type { Link } from "./session.ts";
import { Session } from "./session.ts";

const PAGE_MARK = 256 * 1024; // bytes; the next page of a replay waits until less than this waits
const STUCK = 30_000; // ms a reader may take nothing at all
const SILENCE = 60; // seconds without any sign of life; Bun looks every few seconds
const LINGER = 2_000; // ms a closed connection may take to close its side

/** Where a WebSocket comes from, and its connection once it is open. */
export type Guest = Origin & { visit: Visit | undefined };

/** What Bun calls for every WebSocket. */
export function handlers(door: Door): Bun.WebSocketHandler<Guest> {
  return {
    maxPayloadLength: LIMITS.line + 2, // a whole line with CR and LF
    backpressureLimit: OUTBOX_LIMIT,
    idleTimeout: SILENCE, // Bun pings before, and a browser answers by itself
    open: (socket) => void (socket.data.visit = handleVisit(door, socket)),
    message: (socket, message) => socket.data.visit!.receive(message),
    drain: (socket) => socket.data.visit!.drain(),
    close: (socket, code) => socket.data.visit?.closed(code),
    error(problem, socket) {
      door.services.log.error("A connection met a bug", problem);
      socket.terminate();
    },
  };
}

/** Accepts a WebSocket, or says in one frame why not and closes. */
function handleVisit(door: Door, socket: Bun.ServerWebSocket<Guest>): Visit {
  const visit = new Visit(door, socket);
  const refused = door.enter(visit);
  if (refused !== undefined) visit.turnAway(refused);
  return visit;
}

/** One WebSocket: the messages between a browser and a session. */
class Visit implements Link, Visitor {
  readonly address: string;
  readonly network: string;
  readonly session: Session;
  readonly #door: Door;
  readonly #socket: Bun.ServerWebSocket<Guest>;
  readonly #now: () => number;
  #overrun = false;
  #ended: number | undefined; // ms, when our side was closed
  #progress: number; // ms, when the reader last took something
  #lower: (() => void) | undefined; // waits until little is queued
  #counted = 0; // bytes that wait, as the door knows it

  constructor(door: Door, socket: Bun.ServerWebSocket<Guest>) {
    this.#door = door;
    this.#socket = socket;
    this.#now = door.services.elapsed;
    this.#progress = this.#now();
    this.address = socket.data.address;
    this.network = socket.data.network;
    this.session = new Session(door.services, this);
    door.services.log.info(`${this.address} connected (page)`);
  }

  turnAway(code: ErrorCode): void {
    this.session.refuse({ code });
  }

  /** One message holds one or more lines; the last LF may be missing. */
  receive(message: string | Buffer): void {
    if (this.#ended !== undefined) return;
    if (typeof message !== "string") return void this.#socket.close(1003, "Send text messages.");
    const lines = message.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
    if (lines.at(-1) === "") lines.pop();
    this.session.receive(lines);
  }

  get queued(): number {
    return this.#socket.getBufferedAmount();
  }

  /** A message that Bun drops (0) would be a gap, so the reader is cut off and resumes. */
  send(payload: Payload): void {
    if (this.#ended !== undefined) return;
    if (this.queued === 0) this.#progress = this.#now();
    if (this.#socket.sendText(payload.text) === 0) this.cut();
    else this.#count();
  }
  drain(): void {
    this.#progress = this.#now();
    this.#count();
    if (this.#lower === undefined || this.queued > PAGE_MARK) return;
    this.#lower();
    this.#lower = undefined;
  }
  drained(): Promise<void> {
    if (this.#ended !== undefined || this.queued <= PAGE_MARK) return Promise.resolve();
    return new Promise((resolve) => (this.#lower = resolve));
  }
  /** A WebSocket cannot be paused; the session bounds what waits for its turn. */
  pause(): void {}
  end(): void {
    if (this.#ended !== undefined) return;
    this.#ended = this.#now();
    this.#socket.close(1000);
  }
  terminate(): void {
    this.#socket.terminate();
  }

  tick(): void {
    const now = this.#now();
    if (this.queued > 0 && now - this.#progress >= STUCK) this.cut();
    else if (this.#ended !== undefined && this.queued === 0 && now - this.#ended >= LINGER) this.terminate();
    else this.session.tick();
  }

  closed(code: number): void {
    const isLost = code === 1006 && this.#ended === undefined; // no close frame (RFC 6455, 7.1.5) before our last words
    this.#ended ??= this.#now();
    this.#lower?.();
    this.#count(0);
    this.#door.leave(this);
    this.session.closed(this.#overrun ? "did not keep up" : isLost ? "connection lost" : "left");
  }

  cut(): void {
    if (this.#overrun) return;
    this.#overrun = true;
    this.#door.overruns++;
    this.terminate();
  }

  #count(waiting = this.queued): void {
    const change = waiting - this.#counted;
    this.#counted = waiting;
    if (change !== 0) this.#door.waits(change);
  }
}
