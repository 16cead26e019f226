// socket.ts: one socket to a server, and the proof that it is the server we mean. Bytes out in order, lines in become events that can
// be trusted; tells when it is over and why it could not begin. What bytes mean is tcp.ts's and websocket.ts's business.

import type { Event, Request } from "../protocol.ts";
import { encode } from "../protocol.ts";
import { decodeEvent } from "../shared/decode.ts";
import { Lines } from "../shared/lines.ts";
import type { Link } from "../shared/link.ts";
import { Refused } from "../shared/link.ts";
import { Outbox } from "../shared/outbox.ts";
import type { Address } from "./address.ts";
import { nameOf } from "./address.ts";

/** A server and how to reach it. */
export interface Endpoint extends Address {
  /** TLS, checked again for every socket; absent: none. `{}` believes the authorities everybody knows, `{ ca }` those
   *  in a PEM (a server's own `tls-cert.pem` is one), `{ judge }` also decides about a fingerprint. */
  encryption?: Encryption | undefined;
  onWire?: OnWire | undefined;
  patience?: number | undefined; // ms it may take to open a connection, and again to answer on it; absent: 10 and 15 s
}
/** Which servers are believed to be the one we mean; without `ca` and `judge`: those that an authority everybody knows
 *  vouches for, under the name they were called by. */
export interface Encryption {
  ca?: string; // PEM; the authorities to believe, instead of those everybody knows
  /** Judges a certificate that no authority vouches for, by its SHA-256 fingerprint; returns why it is refused, if so. */
  judge?(fingerprint: string, why: string): string | undefined;
}
/** What a server proved its identity by; "nothing" is a connection that is not encrypted. */
export type Identity = "nothing" | "authority" | "fingerprint";

/** Sees every frame, secrets included, without its LF. */
export type OnWire = (direction: "in" | "out", line: string) => void;

const CONNECT_TIMEOUT = 10_000; // ms
const TLS_ALERT = 0x15; // the first byte of what a TLS server says to a client that does not speak TLS
const HUNG_UP = "closed the connection";
const MAX_LINE = 1024 * 1024; // bytes of one line a server may send

/** Opens the socket of a link; with `encryption` nothing is sent before the server's certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openSocket(link: SocketLink): Promise<void> {
  const { server } = link;
  const { host, port, encryption } = server;
  const { promise: identified, resolve: identify, reject: fail } = Promise.withResolvers<Identity>();
  identified.catch(() => {}); // the socket may be gone before anybody asks
  if (encryption === undefined) identify("nothing");
  const opening = Bun.connect({
    hostname: host,
    port,
    ...(encryption && { tls: { rejectUnauthorized: false, ...(encryption.ca && { ca: encryption.ca }) } }),
    socket: {
      open: (socket) => link.opened(socket),
      handshake(socket, _done, problem) {
        const verdict = examine(socket, problem, server);
        if (typeof verdict === "string") return identify(verdict);
        fail(verdict);
        socket.terminate();
      },
      data: (_, chunk) => link.take(chunk),
      drain: () => link.drain(),
      close() {
        fail(new Refused({ code: "unreachable", text: `${link.name} closed the connection.`, brief: HUNG_UP }));
        link.closed();
      },
      error: (socket) => void socket.terminate(),
    },
  });
  const { promise: late, reject: giveUp } = Promise.withResolvers<never>();
  const timeout = setTimeout(() => {
    const text = `${host} does not answer. A firewall, or Wi-Fi that separates its guests, may be in the way.`;
    giveUp(new Refused({ code: "unreachable", text, brief: "does not answer" }));
    void opening.then((socket) => socket.terminate()).catch(() => {});
  }, server.patience ?? CONNECT_TIMEOUT);
  try {
    await Promise.race([opening, late]);
    link.identity = await Promise.race([identified, late]);
  } catch (problem) {
    if (problem instanceof Refused) throw problem;
    throw new Refused({ code: "unreachable", ...whyUnreachable(problem as { code?: string }, server, link.name) });
  } finally {
    clearTimeout(timeout);
  }
}

/** What the other end of a finished TLS handshake proved its identity by, or why it is not believed to be the server we
 *  mean. */
function examine(socket: Bun.Socket, problem: Error | null, server: Endpoint): Identity | Refused {
  const { encryption, isPage } = server;
  const fingerprint: string | undefined = socket.getPeerCertificate()?.fingerprint256;
  if (fingerprint === undefined) {
    const advice = isPage ? `Use ${nameOf(server, false)}.` : "Connect without --tls.";
    const text = `${nameOf(server, true)} does not speak TLS. Nothing was sent. ${advice}`;
    return new Refused({ code: "unreachable", text, brief: "does not speak TLS" });
  }
  if (socket.authorized) return "authority";
  const { code = "" } = (problem ?? {}) as { code?: string };
  const why = UNVERIFIED[code] ?? "no authority known here signed it";
  const text =
    encryption?.judge === undefined
      ? `The certificate of ${nameOf(server, true)} is refused: ${why}. Nothing was sent. Its fingerprint is ${fingerprint}.`
      : encryption.judge(fingerprint, why);
  if (text === undefined) return "fingerprint";
  return new Refused({ code: "untrusted", text, brief: "its certificate is not trusted" });
}

const UNVERIFIED: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
  CERT_HAS_EXPIRED: "it has expired",
};

function whyUnreachable({ code }: { code?: string }, { host, port, isPage }: Endpoint, name: string) {
  if (code === "ENOTFOUND") {
    const advice = "Check the spelling, or use the number address the server printed.";
    return { text: `There is no computer called ${host} here. ${advice}`, brief: "no such computer" };
  }
  const hint = isPage && (port === 80 || port === 443) ? ` The page's usual port is 12346: ${name}:12346` : "";
  const text = `Nobody is listening at ${name}. Is the server running, and is the address right?${hint}`;
  return { text, brief: "nobody is listening" };
}

/** A link from the moment its socket opens; it is handed out once the server has proved its identity. */
export abstract class SocketLink implements Link {
  identity: Identity = "nothing";
  readonly server: Endpoint;
  readonly gone: Promise<string | undefined>;
  protected readonly lines = new Lines(MAX_LINE);
  protected outbox!: Outbox; // from `opened` on, which comes before anything else
  readonly #early: Event[] = []; // what came before anybody listened
  readonly #over: (why?: string) => void;
  #socket!: Bun.Socket;
  #onEvent: ((event: Event) => void) | undefined;
  #heard = Date.now();
  #hasHeard = false;
  #paused = false;
  #why: string | undefined; // it is over

  constructor(server: Endpoint) {
    this.server = server;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.gone = promise;
    this.#over = resolve;
  }

  /** What the server is called in a sentence. */
  get name(): string {
    return nameOf(this.server, this.server.encryption !== undefined);
  }

  /** Takes bytes that came. */
  protected abstract received(chunk: Uint8Array): void;
  /** A line as it is sent. */
  protected abstract framed(line: Uint8Array): Uint8Array;

  // ---- what happens to the socket ----

  opened(socket: Bun.Socket): void {
    this.#socket = socket;
    this.outbox = new Outbox({
      write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
      shutdown: () => void socket.end(),
      terminate: () => socket.terminate(),
    });
  }
  take(chunk: Uint8Array): void {
    const isFirst = !this.#hasHeard;
    this.#hasHeard = true;
    if (isFirst && chunk[0] === TLS_ALERT) {
      const advice = this.server.isPage ? `Use ${nameOf(this.server, true)}.` : "Connect with --tls.";
      return this.fail(`${this.name} is encrypted. ${advice}`);
    }
    this.#heard = Date.now();
    this.received(chunk);
    if (this.lines.overflow) this.cut();
  }
  drain(): void {
    this.outbox.drain();
  }
  closed(): void {
    this.outbox?.close();
    this.#over(this.#why);
  }

  /** Lines have come. */
  protected hear(lines: readonly (string | null)[]): void {
    for (const line of lines) {
      if (line) this.server.onWire?.("in", line);
      const event = decodeEvent(line);
      if (event === undefined) continue;
      if (this.#onEvent === undefined) this.#early.push(event);
      else this.#onEvent(event);
    }
  }
  /** It cannot go on. */
  protected fail(why: string): void {
    this.#why = why;
    this.cut();
  }

  // ---- what its owner does with it ----

  get heard(): number {
    return this.#paused ? Date.now() : this.#heard;
  }
  send(request: Request): void {
    const line = encode(request);
    this.server.onWire?.("out", line.slice(0, -1));
    this.outbox.send(this.framed(Buffer.from(line)));
  }
  listen(onEvent: (event: Event) => void): void {
    this.#onEvent = onEvent;
    for (const event of this.#early.splice(0)) onEvent(event);
  }
  pause(on: boolean): void {
    if (on === this.#paused) return;
    this.#paused = on;
    this.#heard = Date.now();
    if (on) this.#socket.pause();
    else this.#socket.resume();
  }
  end(): void {
    this.outbox.end();
  }
  cut(): void {
    this.#socket.terminate();
  }
}
