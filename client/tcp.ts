// tcp.ts: one socket to a server. Bytes in become events that can be trusted, requests become bytes out; tells when it is
// over and why it could not begin. Remembers nothing of an earlier socket. Called by connection.ts.

import { Lines } from "../shared/lines.ts";
import { Outbox } from "../shared/outbox.ts";
import type { Event, Failure, Request } from "../protocol.ts";
import { encode, LIMITS } from "../protocol.ts";
import { decodeEvent } from "../shared/decode.ts";

const CONNECT_TIMEOUT = 10_000; // ms
const KNOCK_TIMEOUT = 5_000; // ms a server may take to answer its first ping
const QUIET = 30_000; // ms without a word from the server after which it is asked whether it is there
const TLS_ALERT = 0x15; // the first byte of what a TLS server says to a client that does not speak TLS
const MOST_LINE = 1024 * 1024; // bytes of one line a server may send

/** Which servers are believed to be the one we mean; without `ca` and `judge`: those that an authority everybody knows
 *  vouches for, under the name they were called by. */
export interface Encryption {
  ca?: string; // PEM; the authorities to believe, instead of those everybody knows
  /** Judges a certificate that no authority vouches for, by its SHA-256 fingerprint: a sentence says why it is refused. */
  judge?(fingerprint: string, why: string): string | undefined;
}
/** What a server proved itself by; "nothing" is a connection that is not encrypted. */
export type Proof = "nothing" | "authority" | "fingerprint";

/** Sees every frame, secrets included, without its LF. */
export type OnWire = (direction: "in" | "out", line: string) => void;

/** A request the server refused, or a connection that could not be made ("unreachable") or must not be ("untrusted"). */
export class Refused extends Error {
  readonly code: string;
  readonly after: number | undefined; // seconds
  constructor({ code, text, after }: Pick<Failure, "text" | "after"> & { code: string }) {
    super(text);
    this.code = code;
    this.after = after;
  }
}

export interface Link {
  send(request: Request): void;
  /** Who hears the events, and the end. Events wait until somebody does. */
  listen(onEvent: (event: Event) => void, onEnd: (why?: string) => void): void;
  pause(on: boolean): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once, whatever waits on either side. */
  cut(): void;
  /** Resolves when the connection is over, with a sentence if the reason is known. */
  readonly gone: Promise<string | undefined>;
  readonly proof: Proof;
}

/** Knocks at a server's door before anybody is asked for a name; what the server proved itself by. Rejects with `Refused`
 *  when nobody is there, or somebody else than a Banter server. */
export async function knock(host: string, port: number, onWire?: OnWire, encryption?: Encryption): Promise<Proof> {
  const link = await openLink(host, port, onWire, encryption);
  const { promise: answered, resolve } = Promise.withResolvers<boolean>();
  const timeout = setTimeout(() => resolve(false), KNOCK_TIMEOUT);
  link.listen(
    ({ type }) => type === "ok" && resolve(true),
    () => resolve(false),
  );
  link.send({ type: "ping" });
  const known = await answered;
  clearTimeout(timeout);
  link.cut();
  if (known) return link.proof;
  const reason = await link.gone;
  const text =
    reason ?? `Whoever answers at ${host}:${port} is no Banter server. Is the port right? The usual one is 12345.`;
  throw new Refused({ code: "unreachable", text });
}

/** Opens a socket to a server; with `encryption` nothing is sent before its certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openLink(host: string, port: number, onWire?: OnWire, encryption?: Encryption): Promise<Link> {
  const address = `${host}:${port}`;
  const link = new SocketLink(address, onWire);
  const { promise: proven, resolve: prove, reject: doubt } = Promise.withResolvers<Proof>();
  proven.catch(() => {}); // the socket may be gone before anybody asks
  if (encryption === undefined) prove("nothing");
  const opening = Bun.connect({
    hostname: host,
    port,
    ...(encryption && { tls: { rejectUnauthorized: false, ...(encryption.ca && { ca: encryption.ca }) } }),
    socket: {
      open: (socket) => link.open(socket),
      handshake(socket, _done, problem) {
        const verdict = examine(socket, problem, encryption ?? {}, address);
        if (typeof verdict === "string") return prove(verdict);
        doubt(verdict);
        socket.terminate();
      },
      data: (_, chunk) => link.take(chunk),
      drain: () => link.drain(),
      close() {
        doubt(new Refused({ code: "unreachable", text: `${address} closed the connection.` }));
        link.close();
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
    link.proof = await Promise.race([proven, late]);
    return link;
  } catch (problem) {
    if (problem instanceof Refused) throw problem;
    throw new Refused({ code: "unreachable", text: whyUnreachable(problem as { code?: string }, host, port) });
  } finally {
    clearTimeout(timeout);
  }
}

/** What the other end of a finished handshake proved itself by, or why it is not believed to be the server we mean. */
function examine(socket: Bun.Socket, problem: Error | null, encryption: Encryption, address: string): Proof | Refused {
  const fingerprint: string | undefined = socket.getPeerCertificate()?.fingerprint256;
  if (fingerprint === undefined) {
    const text = `${address} does not speak TLS. Nothing was sent. Connect without --tls.`;
    return new Refused({ code: "unreachable", text });
  }
  if (socket.authorized) return "authority";
  const { code = "" } = (problem ?? {}) as { code?: string };
  const why = DOUBTS[code] ?? "no authority known here signed it";
  const text =
    encryption.judge === undefined
      ? `The certificate of ${address} is refused: ${why}. Nothing was sent. Its fingerprint is ${fingerprint}.`
      : encryption.judge(fingerprint, why);
  return text === undefined ? "fingerprint" : new Refused({ code: "untrusted", text });
}

const DOUBTS: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
  CERT_HAS_EXPIRED: "it has expired",
};

function whyUnreachable({ code }: { code?: string }, host: string, port: number): string {
  if (code === "ENOTFOUND")
    return `There is no computer called ${host} here. Check the spelling, or use the number address the server printed.`;
  return `Nobody is listening at ${host}:${port}. Is the server running, and is the address right?`;
}

/** A link from the moment its socket opens; whoever opens it hands it out once the server is proven. */
class SocketLink implements Link {
  proof: Proof = "nothing";
  readonly gone: Promise<string | undefined>;
  readonly #address: string;
  readonly #onWire: OnWire | undefined;
  readonly #lines = new Lines(MOST_LINE);
  readonly #early: Event[] = [];
  readonly #end: (why?: string) => void;
  #socket!: Bun.Socket; // from `open` on, which comes before anything else
  #outbox!: Outbox;
  #onEvent: ((event: Event) => void) | undefined;
  #heard = Date.now();
  #watch: Timer | undefined;
  #why: string | undefined; // the connection is over

  constructor(address: string, onWire: OnWire | undefined) {
    this.#address = address;
    this.#onWire = onWire;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.gone = promise;
    this.#end = resolve;
  }

  // ---- what happens to the socket ----

  open(socket: Bun.Socket): void {
    this.#socket = socket;
    this.#outbox = new Outbox({
      write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
      shutdown: () => void socket.end(),
      terminate: () => socket.terminate(),
    });
  }
  take(chunk: Uint8Array): void {
    if (chunk[0] === TLS_ALERT && this.#lines.pending === 0) {
      this.#why = `${this.#address} is encrypted. Connect with --tls.`;
      return this.cut();
    }
    this.#heard = Date.now();
    for (const line of this.#lines.push(chunk)) {
      if (line) this.#onWire?.("in", line);
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
  close(): void {
    clearInterval(this.#watch);
    this.#outbox?.close();
    this.#end(this.#why);
  }

  // ---- what is done with it ----

  send(request: Request): void {
    const line = encode(request);
    this.#onWire?.("out", line.slice(0, -1));
    this.#outbox.send(Buffer.from(line));
  }
  listen(onEvent: (event: Event) => void, onEnd: (why?: string) => void): void {
    this.#onEvent = onEvent;
    for (const event of this.#early.splice(0)) onEvent(event);
    this.#watch = setInterval(() => this.#look(), QUIET / 2);
    void this.gone.then((why) => {
      clearInterval(this.#watch);
      onEnd(why);
    });
  }
  pause(on: boolean): void {
    void (on ? this.#socket.pause() : this.#socket.resume());
  }
  end(): void {
    this.#outbox.end();
  }
  cut(): void {
    this.#socket.terminate();
  }

  #look(): void {
    const quiet = Date.now() - this.#heard;
    if (quiet >= LIMITS.silence * 1000) this.cut();
    else if (quiet >= QUIET) this.send({ type: "ping" });
  }
}
