// tcp.ts: one socket to a server. Bytes in become events that can be trusted, requests become bytes out; tells when it
// is over and why it could not begin. Remembers nothing of an earlier socket.

import type { Event, Request } from "../protocol.ts";
import { encode } from "../protocol.ts";
import { decodeEvent } from "../shared/decode.ts";
import { Lines } from "../shared/lines.ts";
import type { Link } from "../shared/link.ts";
import { Refused } from "../shared/link.ts";
import { Outbox } from "../shared/outbox.ts";

/** A server and how to reach it. */
export interface Endpoint {
  host: string;
  port: number;
  /** TLS, checked again for every socket; absent: none. `{}` believes the authorities everybody knows, `{ ca }` those
   *  in a PEM (a server's own `tls-cert.pem` is one), `{ judge }` also decides about a fingerprint. */
  encryption?: Encryption | undefined;
  onWire?: OnWire | undefined;
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
const PING_TIMEOUT = 15_000; // ms a server may take to answer its first ping; one that is short of time takes seconds
const TLS_ALERT = 0x15; // the first byte of what a TLS server says to a client that does not speak TLS
const MAX_LINE = 1024 * 1024; // bytes of one line a server may send

/** Asks who answers at an address, before anybody is asked for a name. Resolves with what the server proved its
 *  identity by; rejects with `Refused` when nobody is there, nothing is answered within `patience` ms, or somebody else than a
 *  Banter server answers. */
export async function identifyServer(server: Endpoint, patience = PING_TIMEOUT): Promise<Identity> {
  const link = await openTcp(server);
  const { promise: answered, resolve } = Promise.withResolvers<"known" | "silent" | "gone">();
  const timeout = setTimeout(() => resolve("silent"), patience);
  void link.gone.then(() => resolve("gone"));
  link.listen(({ type }) => type === "ok" && resolve("known"));
  link.send({ type: "ping" });
  const answer = await answered;
  clearTimeout(timeout);
  link.cut();
  if (answer === "known") return link.identity;
  const { host, port } = server;
  const hint = "Is the port right? The usual one is 12345.";
  const text =
    answer === "silent"
      ? `Nothing is answered at ${host}:${port}: the server is too busy, or no Banter server. ${hint}`
      : `Whoever answers at ${host}:${port} is no Banter server. ${hint}`;
  throw new Refused({ code: "unreachable", text: (await link.gone) ?? text });
}

/** Opens a socket to a server; with `encryption` nothing is sent before its certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openTcp(server: Endpoint): Promise<TcpLink> {
  const { host, port, encryption } = server;
  const link = new TcpLink(server);
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
        fail(new Refused({ code: "unreachable", text: `${host}:${port} closed the connection.` }));
        link.closed();
      },
      error: (socket) => void socket.terminate(),
    },
  });
  const { promise: late, reject: giveUp } = Promise.withResolvers<never>();
  const timeout = setTimeout(() => {
    const text = `${host} does not answer. A firewall, or Wi-Fi that separates its guests, may be in the way.`;
    giveUp(new Refused({ code: "unreachable", text }));
    void opening.then((socket) => socket.terminate()).catch(() => {});
  }, CONNECT_TIMEOUT);
  try {
    await Promise.race([opening, late]);
    link.identity = await Promise.race([identified, late]);
    return link;
  } catch (problem) {
    if (problem instanceof Refused) throw problem;
    throw new Refused({ code: "unreachable", text: whyUnreachable(problem as { code?: string }, server) });
  } finally {
    clearTimeout(timeout);
  }
}

/** What the other end of a finished TLS handshake proved its identity by, or why it is not believed to be the server we
 *  mean. */
function examine(socket: Bun.Socket, problem: Error | null, { host, port, encryption }: Endpoint): Identity | Refused {
  const fingerprint: string | undefined = socket.getPeerCertificate()?.fingerprint256;
  if (fingerprint === undefined) {
    const text = `${host}:${port} does not speak TLS. Nothing was sent. Connect without --tls.`;
    return new Refused({ code: "unreachable", text });
  }
  if (socket.authorized) return "authority";
  const { code = "" } = (problem ?? {}) as { code?: string };
  const why = UNVERIFIED[code] ?? "no authority known here signed it";
  const text =
    encryption?.judge === undefined
      ? `The certificate of ${host}:${port} is refused: ${why}. Nothing was sent. Its fingerprint is ${fingerprint}.`
      : encryption.judge(fingerprint, why);
  return text === undefined ? "fingerprint" : new Refused({ code: "untrusted", text });
}

const UNVERIFIED: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
  CERT_HAS_EXPIRED: "it has expired",
};

function whyUnreachable({ code }: { code?: string }, { host, port }: Endpoint): string {
  if (code === "ENOTFOUND")
    return `There is no computer called ${host} here. Check the spelling, or use the number address the server printed.`;
  return `Nobody is listening at ${host}:${port}. Is the server running, and is the address right?`;
}

/** A link from the moment its socket opens; `openTcp` hands it out once the server has proved its identity. */
export class TcpLink implements Link {
  identity: Identity = "nothing";
  readonly gone: Promise<string | undefined>;
  readonly #server: Endpoint;
  readonly #lines = new Lines(MAX_LINE);
  readonly #early: Event[] = []; // what came before anybody listened
  readonly #over: (why?: string) => void;
  #socket!: Bun.Socket; // from `opened` on, which comes before anything else
  #outbox!: Outbox;
  #onEvent: ((event: Event) => void) | undefined;
  #heard = Date.now();
  #paused = false;
  #why: string | undefined; // it is over

  constructor(server: Endpoint) {
    this.#server = server;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.gone = promise;
    this.#over = resolve;
  }

  // ---- what happens to the socket ----

  opened(socket: Bun.Socket): void {
    this.#socket = socket;
    this.#outbox = new Outbox({
      write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
      shutdown: () => void socket.end(),
      terminate: () => socket.terminate(),
    });
  }
  take(chunk: Uint8Array): void {
    if (chunk[0] === TLS_ALERT && this.#lines.pending === 0) {
      this.#why = `${this.#server.host}:${this.#server.port} is encrypted. Connect with --tls.`;
      return this.cut();
    }
    this.#heard = Date.now();
    for (const line of this.#lines.push(chunk)) {
      if (line) this.#server.onWire?.("in", line);
      const event = decodeEvent(line);
      if (event === undefined) continue;
      if (this.#onEvent === undefined) this.#early.push(event);
      else this.#onEvent(event);
    }
    if (this.#lines.overflow) this.cut();
  }
  drain(): void {
    this.#outbox.drain();
  }
  closed(): void {
    this.#outbox?.close();
    this.#over(this.#why);
  }

  // ---- what its owner does with it ----

  get heard(): number {
    return this.#paused ? Date.now() : this.#heard;
  }
  send(request: Request): void {
    const line = encode(request);
    this.#server.onWire?.("out", line.slice(0, -1));
    this.#outbox.send(Buffer.from(line));
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
    this.#outbox.end();
  }
  cut(): void {
    this.#socket.terminate();
  }
}
