// link.ts: one socket to a server. Bytes in become events that can be trusted, requests become bytes out; tells when it is
// over and why it could not begin. Remembers nothing of an earlier socket. Called by connection.ts.

import { Lines } from "./lines.ts";
import { Outbox } from "./outbox.ts";
import type { Event, Failure, Request } from "./protocol.ts";
import { decodeEvent, encode, LIMITS } from "./protocol.ts";

const CONNECT_TIMEOUT = 10_000; // ms
const KNOCK_TIMEOUT = 5_000; // ms a server may take to answer its first ping
const QUIET = 30_000; // ms without a word from the server after which it is asked whether it is there
const MOST_LINE = 1024 * 1024; // bytes of one line a server may send

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
  listen(onEvent: (event: Event) => void, onEnd: () => void): void;
  pause(on: boolean): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once, whatever waits on either side. */
  cut(): void;
  readonly gone: Promise<void>;
}

/** Knocks at a server's door before anybody is asked for a name. Rejects with `Refused` when nobody is there, or somebody
 *  else than a Banter server. */
export async function knock(host: string, port: number, onWire?: OnWire): Promise<void> {
  const link = await openLink(host, port, onWire);
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
  const text = `Whoever answers at ${host}:${port} is no Banter server. Is the port right? The usual one is 12345.`;
  throw new Refused({ code: "unreachable", text });
}

/** Opens a socket to a server. Rejects with `Refused` and a sentence that says what to look for. */
export async function openLink(host: string, port: number, onWire?: OnWire): Promise<Link> {
  const lines = new Lines(MOST_LINE);
  const { promise: gone, resolve: end } = Promise.withResolvers<void>();
  let heard = Date.now();
  let onEvent: ((event: Event) => void) | undefined;
  const early: Event[] = [];
  let outbox: Outbox;
  const opening = Bun.connect({
    hostname: host,
    port,
    socket: {
      open(socket) {
        outbox = new Outbox({
          write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
          shutdown: () => void socket.end(),
          terminate: () => socket.terminate(),
        });
      },
      data(socket, chunk) {
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
      close: () => end(),
      error: (socket) => void socket.terminate(),
    },
  });
  const { promise: tooLong, resolve } = Promise.withResolvers<undefined>();
  const timeout = setTimeout(() => resolve(undefined), CONNECT_TIMEOUT);
  const socket = await Promise.race([opening, tooLong])
    .catch((problem) => {
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

function whyUnreachable({ code }: { code?: string }, host: string, port: number): string {
  if (code === "ENOTFOUND")
    return `There is no computer called ${host} here. Check the spelling, or use the number address the server printed.`;
  return `Nobody is listening at ${host}:${port}. Is the server running, and is the address right?`;
}
