// websocket.ts: the page's port: lines in a WebSocket, which passes where only HTTP does. Over our own socket, because Bun's
// WebSocket shows nobody the certificate that is to be trusted, does not stop reading, and does not tell why it was refused.

import { createHash, randomBytes } from "node:crypto";
import { Refused } from "../shared/link.ts";
import { sanitizeMessage } from "../shared/text.ts";
import { hostAndPort, nameOf } from "./address.ts";
import { closeFrame, FrameReader, pongFrame, textFrame } from "./frames.ts";
import type { Endpoint } from "./socket.ts";
import { openSocket, SocketLink } from "./socket.ts";

const PATH = "/ws";
const MAX_HEAD = 16 * 1024; // bytes of an answer, before it is a WebSocket
const HTTP = "HTTP/1.";
const PATIENCE = 15_000; // ms a server may take to answer; one that is short of time takes seconds

/** Opens a WebSocket to a page; with `encryption` nothing is sent before its certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openWebSocket(server: Endpoint): Promise<WebSocketLink> {
  const link = new WebSocketLink(server);
  await openSocket(link);
  await link.upgrade();
  return link;
}

/** One WebSocket. */
export class WebSocketLink extends SocketLink {
  readonly #key = randomBytes(16).toString("base64");
  readonly #frames = new FrameReader();
  readonly #upgraded = Promise.withResolvers<void>();
  #answer: Buffer | undefined = Buffer.alloc(0); // to the request for a WebSocket, as far as it has come; absent: it is one

  /** Asks for the WebSocket. Rejects with `Refused`. */
  async upgrade(): Promise<void> {
    const { promise, reject } = this.#upgraded;
    const refuse = (text: string, brief?: string) =>
      reject(new Refused({ code: "unreachable", text, ...(brief !== undefined && { brief }) }));
    const timeout = setTimeout(() => {
      refuse(`Nothing is answered at ${this.name}: the server is too busy, or no Banter server.`, "does not answer");
      this.cut();
    }, this.server.patience ?? PATIENCE);
    void this.gone.then((why) => (why === undefined ? refuse(this.#whyGone(), "no Banter server") : refuse(why)));
    this.outbox.send(Buffer.from(requestFor(this.name, this.#key)));
    try {
      await promise;
    } finally {
      clearTimeout(timeout);
    }
  }

  /** A TLS server hangs up on plain HTTP. */
  #whyGone(): string {
    const isSilent = this.#answer?.length === 0 && this.server.encryption === undefined;
    const hint = isSilent ? ` If it is encrypted, use ${nameOf(this.server, true)}.` : "";
    return `Whoever answers at ${this.name} is no Banter server.${hint}`;
  }

  protected received(chunk: Uint8Array): void {
    if (this.#answer === undefined) return this.#read(chunk);
    this.#answer = Buffer.concat([this.#answer, chunk]);
    const answer = this.#answer.toString("latin1");
    const { head, body } = partsOf(answer);
    if (answer.startsWith("* ")) return this.fail(whyNot({ status: 0, body: CHAT_PORT, location: "" }, this));
    if (!answer.startsWith(HTTP.slice(0, answer.length))) return this.cut();
    if (head === undefined || body.length < Number(fieldOf(head, "content-length") ?? 0)) {
      if (this.#answer.length > MAX_HEAD) this.cut();
      return;
    }
    const status = Number(head.slice(9, 12));
    const isOne = status === 101 && fieldOf(head, "sec-websocket-accept") === acceptKey(this.#key);
    if (!isOne) return this.fail(whyNot({ status, body, location: fieldOf(head, "location") ?? "" }, this));
    const rest = this.#answer.subarray(head.length + 4);
    this.#answer = undefined;
    this.#upgraded.resolve();
    this.#read(rest);
  }

  /** The end of a message is the end of a line. */
  #read(chunk: Uint8Array): void {
    for (const piece of this.#frames.push(chunk)) {
      if ("ping" in piece) this.outbox.send(pongFrame(piece.ping));
      else if ("isBroken" in piece) return piece.isBroken ? this.cut() : this.end();
      else {
        this.hear(this.lines.push(piece.text));
        const last = piece.isLast ? this.lines.end() : undefined;
        if (last !== undefined) this.hear([last]);
      }
    }
  }

  protected framed(line: Uint8Array): Uint8Array {
    return textFrame(line);
  }

  override end(): void {
    this.outbox.send(closeFrame());
    super.end();
  }
}

/** A page that is reached by https lets in whoever says its name as their origin, whatever the name; a browser does so, too. */
function requestFor(name: string, key: string): string {
  const host = name.replace(/^https?:\/\//, "");
  const origin = name.startsWith("https:") ? `Origin: ${name}\r\n` : "";
  return (
    `GET ${PATH} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${origin}` +
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`
  );
}

/** The answer to our key, which proves that the request was understood (4.2.2). */
function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

function partsOf(answer: string): { head: string | undefined; body: string } {
  const end = answer.indexOf("\r\n\r\n");
  return end < 0 ? { head: undefined, body: "" } : { head: answer.slice(0, end), body: answer.slice(end + 4) };
}
function fieldOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, "im").exec(head)?.[1];
}

interface Answered {
  status: number;
  body: string;
  location: string;
}
const CHAT_PORT = "This is Banter's chat port"; // how a server greets those who speak HTTP there

/** Why it became no WebSocket, and what to do. */
function whyNot({ status, body, location }: Answered, { name, server }: WebSocketLink): string {
  if (body.startsWith(CHAT_PORT))
    return `${name} is the chat's own port. Use ${hostAndPort(server)}${server.encryption ? " with --tls" : ""}, without http.`;
  if (status >= 300 && status < 400 && location !== "") {
    const there = sanitizeMessage(location).replace(/\s/g, "").slice(0, 200);
    return `${name} sends its visitors to ${there.replace(/\/ws$/, "")} instead. If that is the page, use that address.`;
  }
  if (status === 403)
    return `${name} lets nobody in who calls it ${server.host} (403). Use its number address, or https.`;
  if (status === 400 && server.encryption === undefined)
    return `${name} does not understand HTTP (400). If it is encrypted, use ${nameOf(server, true)}.`;
  if (status >= 500)
    return `The server behind ${name} is not running, or is just stopping (${status}). Try again in a moment.`;
  return `${name} is no page of Banter, or something in front of it lets no WebSocket through (${status}).`;
}
