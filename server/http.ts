// http.ts: the page's port. Connections that speak HTTP, read and written by node:http over sockets that we accept ourselves, because
// `Bun.serve` tells of no connection before its request is whole: none could be counted, timed or refused. A request for a WebSocket
// makes the connection one. What is answered is routes.ts's business.

import type { IncomingMessage } from "node:http";
import { createServer, ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { LIMITS } from "../protocol.ts";
import type { Asker } from "./network.ts";
import type { Answer } from "./responses.ts";
import { replyText } from "./responses.ts";
import type { Asked, Routes } from "./routes.ts";
import type { Accepted } from "./socket.ts";
import { SocketConnection } from "./socket.ts";
import { WebSocketConnection } from "./websocket.ts";

const MAX_HEAD = 16 * 1024; // bytes of a request's head
const MAX_BODY = LIMITS.lineBeforeSignIn; // bytes
const PIECE = 4 * 1024; // bytes handed to node:http at once, so that they hold few requests
const IDLE = 5_000; // ms in which a request, or the rest of one, must come
const LAST_REQUEST = 20_000; // ms after which a connection is closed with the next answer
const MAX_STAY = 30_000; // ms a connection may be here without becoming a WebSocket, like one that does not sign in

const TOO_LARGE: Answer = { status: 413, headers: {}, body: "" };
const MISUNDERSTOOD = {
  400: "This is Banter's page, which speaks HTTP; that was not a request that it can read.",
  408: "The rest of that request did not come in time.",
  431: "The head of that request is longer than 16 KiB.",
};

/** The page's port: what its connections share. */
export class Http {
  readonly routes: Routes;
  readonly #server = createServer({ maxHeaderSize: MAX_HEAD });
  #isStopping = false;

  constructor(routes: Routes) {
    this.routes = routes;
    this.#server.on("request", (request: IncomingMessage, response: ServerResponse) =>
      connectionOf(request).asked(request, response),
    );
    this.#server.on("upgrade", (request: IncomingMessage, _socket: Duplex, head: Buffer) =>
      connectionOf(request).askedToUpgrade(request, head),
    );
    this.#server.on("clientError", ({ code }: NodeJS.ErrnoException, socket: Duplex) =>
      (socket as RequestStream).connection.misunderstood(code === "HPE_HEADER_OVERFLOW" ? 431 : 400),
    );
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Takes no new WebSocket, and closes each connection with its next answer. */
  stop(): void {
    this.#isStopping = true;
    this.routes.stop();
  }

  /** Reads requests from a stream. */
  serve(stream: Duplex): void {
    this.#server.emit("connection", stream);
  }
}

function connectionOf(request: IncomingMessage): HttpConnection {
  return (request.socket as unknown as RequestStream).connection;
}

/** A connection as node:http knows it. */
class RequestStream extends Duplex {
  readonly connection: HttpConnection;

  constructor(connection: HttpConnection) {
    super();
    this.connection = connection;
    this.on("error", () => {}); // the connection is gone, which it hears from its socket
  }
  override _read(): void {} // bytes are pushed
  override _write(bytes: Uint8Array, _encoding: string, done: () => void): void {
    void this.connection.write(bytes).then(done);
  }
  override _final(done: () => void): void {
    this.connection.end();
    done();
  }
  override _destroy(_problem: Error | null, done: () => void): void {
    this.connection.end();
    done();
  }
  /** node:http asks for it; `ticked` ends what takes too long. */
  setTimeout(): this {
    return this;
  }
}

/** One connection to the page's port, until it becomes a WebSocket. */
export class HttpConnection extends SocketConnection implements Asker {
  readonly session = undefined;
  readonly #http: Http;
  readonly #stream = new RequestStream(this);
  readonly #start: number; // ms
  #idleSince: number; // ms
  #hasPart = false; // node:http has a part of a head
  #request: IncomingMessage | undefined; // the last one whose head has come
  #open = 0; // requests that are not answered

  constructor(accepted: Accepted, http: Http) {
    super(accepted);
    this.#http = http;
    this.#start = this.#idleSince = accepted.services.elapsed();
  }

  // ---- what happens to the socket ----

  protected opened(): void {
    this.#idleSince = this.accepted.services.elapsed();
    this.#http.serve(this.#stream);
  }

  protected override get piece(): number {
    return PIECE;
  }

  /** A piece a turn, and none while a request is answered. */
  protected received(piece: Uint8Array): void {
    this.#hasPart = true;
    this.pause(true);
    this.#stream.push(piece);
    setImmediate(() => this.#goOn());
  }

  #goOn(): void {
    if (!this.#isAnswering) this.pause(false);
  }

  protected finished(): void {
    this.#stream.push(null);
  }

  protected ended(): void {
    this.#stream.destroy();
  }

  get gone(): boolean {
    return this.isEnding;
  }

  protected ticked(): void {
    if (this.#isAnswering) return;
    const now = this.accepted.services.elapsed();
    if (now - this.#idleSince < IDLE && now - this.#start < MAX_STAY) return;
    if (this.#hasPart || this.#open > 0) this.misunderstood(408);
    else this.end();
  }

  /** It was waiting for a request, which an answer would not be to, or has just come. */
  protected refused(): void {}

  /** Who asks for nothing is told nothing, so there are no last words to wait for. A browser keeps such connections for minutes. */
  override dismiss(): void {
    if (this.#isAnswering) return;
    if (this.#open === 0 && !this.#hasPart && this.queued === 0) this.accepted.socket.end();
    else this.end();
  }

  override isIdleFor(ms: number): boolean {
    return !this.#isAnswering && this.accepted.services.elapsed() - this.#idleSince >= ms;
  }

  /** A request has come whole and is not answered. */
  get #isAnswering(): boolean {
    return this.#open > 0 && this.#request!.complete;
  }

  // ---- what node:http does with it ----

  /** Sends bytes of an answer; resolves when its reader takes more. */
  write(bytes: Uint8Array): Promise<void> {
    this.outbox.send(bytes);
    return this.drained();
  }

  asked(request: IncomingMessage, response: ServerResponse): void {
    this.#take(request, response);
    void readBody(request).then((body) => this.#answer(request, response, body));
  }

  /** An upgrade to anything but a WebSocket is ignored (RFC 9110, 7.8). */
  askedToUpgrade(request: IncomingMessage, head: Buffer): void {
    const key = keyOf(request);
    if (key !== undefined && !this.#http.isStopping && this.#http.routes.whyNot(this.#read(request, "")) === undefined)
      return this.#becomeWebSocket(key, head);
    const response = new ServerResponse(request);
    response.assignSocket(this.#stream as unknown as Socket);
    response.on("finish", () => this.#stream.end()); // node:http has let go of the connection
    this.#take(request, response);
    void this.#answer(request, response, "");
  }

  /** Answers what is no request that can be read, and closes. */
  misunderstood(status: 400 | 408 | 431): void {
    const text = `${MISUNDERSTOOD[status]} Nothing was done.\n`;
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
    this.outbox.send(Buffer.from(`${head}Content-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`));
    this.end();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    this.#hasPart = false;
    this.#request = request;
    this.#open++;
    response.on("close", () => {
      this.#open--;
      this.#idleSince = this.accepted.services.elapsed();
      this.#goOn();
    });
  }

  #read({ method = "", url = "", headers }: IncomingMessage, body: string): Asked {
    return { method, path: URL.parse(url, "http://localhost")?.pathname ?? "", headers, body, asker: this };
  }

  /** `body` is `undefined` when it is too large. */
  async #answer(request: IncomingMessage, response: ServerResponse, body: string | undefined): Promise<void> {
    const { log, elapsed } = this.accepted.services;
    let answer: Answer;
    try {
      answer = body === undefined ? TOO_LARGE : await this.#http.routes.answer(this.#read(request, body));
    } catch (problem) {
      log.error("A web request met a bug", problem);
      answer = replyText(500, "Something went wrong in the server.\n");
    }
    const isLast = body === undefined || this.#http.isStopping || elapsed() - this.#start >= LAST_REQUEST;
    const { status, headers, body: content } = answer;
    response.writeHead(status, {
      ...headers,
      ...(status !== 304 && { "Content-Length": Buffer.byteLength(content) }), // to a HEAD, too
      ...(isLast && { Connection: "close" }),
    });
    response.end(content);
  }

  #becomeWebSocket(key: string, head: Buffer): void {
    const { socket, admission } = this.accepted;
    const connection = new WebSocketConnection({ ...this.accepted, isEncrypting: false }, key);
    const unread = Buffer.concat([head, this.takeUnread()]);
    this.isEnding = true; // for this one nothing more happens
    socket.data = connection;
    admission.leave(this);
    connection.open();
    admission.enter(connection);
    if (unread.length > 0) connection.receive(unread);
  }
}

/** The key of a request for a WebSocket, `undefined` if it is none (RFC 6455, 4.2.1). */
function keyOf({ headers }: IncomingMessage): string | undefined {
  const key = headers["sec-websocket-key"];
  const isOne = headers.upgrade?.toLowerCase() === "websocket" && headers["sec-websocket-version"] === "13";
  return isOne && typeof key === "string" && /^[\w+/]{22}==$/.test(key) ? key : undefined;
}

/** The body of a request, `undefined` as soon as it is too large. */
function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    request.on("data", (part: Buffer) => {
      size += part.length;
      if (size > MAX_BODY) resolve(undefined);
      else parts.push(part);
    });
    request.on("end", () => resolve(Buffer.concat(parts).toString()));
    request.on("error", () => resolve(undefined)); // the connection was lost
  });
}
