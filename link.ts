// link.ts: one socket to a server. Bytes in become events that can be trusted, requests become bytes out; tells when it is
// over and why it could not begin. Remembers nothing of an earlier socket. Called by connection.ts.

import { Lines } from "./lines.ts";
import { Outbox } from "./outbox.ts";
import type { Event, Failure, Request } from "./protocol.ts";
import { decodeEvent, encode, LIMITS } from "./protocol.ts";

const CONNECT_TIMEOUT = 10_000; // ms
const KNOCK_TIMEOUT = 5_000; // ms a server may take to answer its first ping
const QUIET = 30_000; // ms without a word from the server after which it is asked whether it is there
const TLS_ALERT = 0x15; // the first byte of what a TLS server says to a client that does not speak TLS
const MOST_LINE = 1024 * 1024; // bytes of one line a server may send

/** How a server proves that it is the one we mean. */
export interface Encryption {
  ca?: string; // PEM; the authorities to believe, instead of those every system knows
  /** Judges a certificate that no authority vouches for, by its SHA-256 fingerprint: a sentence says why it is refused. */
  judge(fingerprint: string, why: string): string | undefined;
}

/** Sees every frame, secrets included, without its LF. */
export type OnWire = (direction: "in" | "out", line: string) => void;

/** A request the server refused, or a connection that could not be made. */
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
}

/** Knocks at a server's door before anybody is asked for a name. Rejects with `Refused` when nobody is there, or somebody
 *  else than a Banter server. */
export async function knock(host: string, port: number, onWire?: OnWire, encryption?: Encryption): Promise<void> {
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
  if (known) return;
  const reason = await link.gone;
  const text =
    reason ?? `Whoever answers at ${host}:${port} is no Banter server. Is the port right? The usual one is 12345.`;
  throw new Refused({ code: "unreachable", text });
}

/** Opens a socket to a server; with `encryption` nothing is sent before its certificate is found good. Rejects with
 *  `Refused` and a sentence that says what to look for. */
export async function openLink(host: string, port: number, onWire?: OnWire, encryption?: Encryption): Promise<Link> {
  const lines = new Lines(MOST_LINE);
  const { promise: gone, resolve: end } = Promise.withResolvers<string | undefined>();
  const { promise: proven, resolve: prove, reject: doubt } = Promise.withResolvers<void>();
  proven.catch(() => {}); // the socket may be gone before anybody asks
  let why: string | undefined; // the connection is over
  let heard = Date.now();
  let onEvent: ((event: Event) => void) | undefined;
  const early: Event[] = [];
  let outbox: Outbox;
  const opening = Bun.connect({
    hostname: host,
    port,
    ...(encryption && { tls: { rejectUnauthorized: false, ...(encryption.ca && { ca: encryption.ca }) } }),
    socket: {
      open(socket) {
        outbox = new Outbox({
          write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
          shutdown: () => void socket.end(),
          terminate: () => socket.terminate(),
        });
      },
      ...(encryption && {
        handshake(socket: Bun.Socket, _done: boolean, problem: Error | null) {
          const refused = examine(socket, problem, encryption, host, port);
          if (refused === undefined) return prove();
          doubt(new Refused({ code: "unreachable", text: refused }));
          socket.terminate();
        },
      }),
      data(socket, chunk) {
        if (chunk[0] === TLS_ALERT && lines.pending === 0) {
          why = `${host}:${port} is encrypted. Connect with --tls, or with --trust-new the first time.`;
          return void socket.terminate();
        }
        heard = Date.now();
        for (const line of lines.push(chunk)) {
          if (line) onWire?.("in", line);
          const event = decodeEvent(line);
          if (event === undefined) continue;
          if (onEvent === undefined) early.push(event);
          else onEvent(event);
        }
        if (lines.overflow) socket.terminate();
      },
      drain: () => outbox.drain(),
      close() {
        doubt(new Refused({ code: "unreachable", text: `${host}:${port} closed the connection.` }));
        end(why);
      },
      error: (socket) => void socket.terminate(),
    },
  });
  const { promise: tooLong, resolve } = Promise.withResolvers<undefined>();
  const timeout = setTimeout(() => resolve(undefined), CONNECT_TIMEOUT);
  const opened = encryption === undefined ? opening : opening.then((socket) => proven.then(() => socket));
  const socket = await Promise.race([opened, tooLong])
    .catch((problem) => {
      if (problem instanceof Refused) throw problem;
      throw new Refused({ code: "unreachable", text: whyUnreachable(problem, host, port) });
    })
    .finally(() => clearTimeout(timeout));
  if (socket === undefined) {
    void opening.then((late) => late.terminate()).catch(() => {});
    const text = `${host} does not answer. A firewall, or Wi-Fi that separates its guests, may be in the way.`;
    throw new Refused({ code: "unreachable", text });
  }
  const send = (request: Request): void => {
    const line = encode(request);
    onWire?.("out", line.slice(0, -1));
    outbox.send(Buffer.from(line));
  };
  const watch = setInterval(() => {
    const quiet = Date.now() - heard;
    if (quiet >= LIMITS.silence * 1000) socket.terminate();
    else if (quiet >= QUIET) send({ type: "ping" });
  }, QUIET / 2);
  void gone.then(() => {
    clearInterval(watch);
    outbox.close();
  });
  return {
    send,
    listen(listener, onEnd) {
      onEvent = listener;
      for (const event of early) listener(event);
      void gone.then(onEnd);
    },
    pause: (on) => void (on ? socket.pause() : socket.resume()),
    end: () => outbox.end(),
    cut: () => socket.terminate(),
    gone,
  };
}

/** Whether the other end of a finished handshake is the server we mean; if not, a sentence. */
function examine(
  socket: Bun.Socket,
  problem: Error | null,
  encryption: Encryption,
  host: string,
  port: number,
): string | undefined {
  const fingerprint: string | undefined = socket.getPeerCertificate()?.fingerprint256;
  if (fingerprint === undefined) return `${host}:${port} does not speak TLS. Nothing was sent. Connect without --tls.`;
  if (socket.authorized) return undefined;
  const { code = "" } = (problem ?? {}) as { code?: string };
  return encryption.judge(fingerprint, DOUBTS[code] ?? "no authority known here signed it");
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
