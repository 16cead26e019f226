// proxy.ts: a bad network in front of a server. Splits what passes at random bytes, delays it, and resets connections in
// the middle of anything; after some resets the bytes that were on their way still reach the server late, as they do.
// Keeps the order of the bytes of a connection. Never reads what passes. Called by workload.ts.

import { Outbox } from "../outbox.ts";
import type { Random } from "./random.ts";

/** How bad the network is. */
export interface Weather {
  reset: { low: number; high: number }; // bytes a connection lives, both ways together
  late: number; // probability that a reset leaves bytes on the way to the server
  slow: number; // probability that a piece is delayed
  delay: number; // ms at most
}

interface Side {
  outbox: Outbox | undefined; // towards this side; undefined until it is connected
  close: () => void;
  queue: Uint8Array[]; // pieces for this side
}

export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Where connections go. */
  target: number;
  /** Connections that were reset on purpose. */
  readonly resets: number;
  /** Connections of which bytes reached the server after their client was cut off. */
  readonly stragglers: number;
  /** Called, at most once, when some bytes of a server have been passed on. */
  onPassed: (() => void) | undefined;
  /** From now on everything passes at once and nothing is reset. */
  calm(): void;
}

export function openProxy(target: number, weather: Weather, random: Random): Proxy {
  let calm = false;
  const counts = { resets: 0, stragglers: 0 };
  const pipes = new Set<Pipe>();

  /** One connection through the proxy. */
  class Pipe {
    readonly client: Side;
    readonly server: Side = { outbox: undefined, close: () => {}, queue: [] };
    readonly #random = random.fork();
    #left: number; // bytes until the reset
    #cut = false; // its client is gone, the rest goes to the server late
    #pumping = new Set<Side>();

    constructor(socket: Bun.Socket<Pipe>) {
      this.#left = this.#random.between(weather.reset.low, weather.reset.high);
      this.client = { outbox: outboxOf(socket), close: () => socket.terminate(), queue: [] };
      pipes.add(this);
      void this.#connect();
    }

    async #connect(): Promise<void> {
      const { server } = this;
      try {
        const socket = await Bun.connect({
          hostname: "127.0.0.1",
          port: proxy.target,
          socket: {
            data: (_, chunk) => this.pass(this.client, chunk),
            drain: () => server.outbox?.drain(),
            close: () => void this.ended(this.client),
            error: () => {},
          },
        });
        server.outbox = outboxOf(socket);
        server.close = () => socket.terminate();
        if (pipes.has(this)) void this.#pump(server);
        else server.close();
      } catch {
        this.#end();
      }
    }

    /** Takes bytes for one side and cuts them into pieces. */
    pass(to: Side, chunk: Uint8Array): void {
      for (let rest = chunk; rest.length > 0;) {
        const split = !calm && this.#random.chance(0.3) ? this.#random.between(1, rest.length) : rest.length;
        to.queue.push(rest.subarray(0, split));
        rest = rest.subarray(split);
      }
      void this.#pump(to);
    }

    async #pump(to: Side): Promise<void> {
      if (to.outbox === undefined || this.#pumping.has(to)) return;
      this.#pumping.add(to);
      while (to.queue.length > 0 && pipes.has(this)) {
        if (!calm && this.#random.chance(weather.slow)) await pass(this.#random.between(1, weather.delay));
        const piece = to.queue.shift();
        if (piece === undefined) break;
        if (!calm && !this.#cut && (this.#left -= piece.length) < 0) {
          to.outbox.send(piece.subarray(0, piece.length + this.#left));
          if (to === this.server) to.queue.unshift(piece.subarray(piece.length + this.#left));
          this.#reset();
        } else if (!this.#cut || to === this.server) to.outbox.send(piece);
        if (to === this.client) {
          proxy.onPassed?.();
        }
      }
      this.#pumping.delete(to);
    }

    #reset(): void {
      counts.resets++;
      if (!this.#random.chance(weather.late) || this.server.queue.length === 0) return this.#end();
      counts.stragglers++;
      this.#cut = true;
      this.client.close();
    }

    /** The other side of `to` is gone: what was on its way to `to` still gets there, late if that is the server. */
    async ended(to: Side): Promise<void> {
      if (!pipes.has(this)) return;
      if (to === this.server) await pass(this.#random.between(1, 10 * weather.delay));
      await this.#pump(to);
      this.#end();
    }

    #end(): void {
      if (!pipes.delete(this)) return;
      this.client.close();
      this.server.close();
    }
  }

  const listener = Bun.listen<Pipe>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = new Pipe(socket)),
      data: (socket, chunk) => socket.data.pass(socket.data.server, chunk),
      drain: (socket) => socket.data.client.outbox?.drain(),
      close: (socket) => void socket.data.ended(socket.data.server),
      error: () => {},
    },
  });
  const proxy: Proxy = {
    port: listener.port,
    target,
    get resets() {
      return counts.resets;
    },
    get stragglers() {
      return counts.stragglers;
    },
    onPassed: undefined,
    calm: () => void (calm = true),
    async [Symbol.asyncDispose]() {
      listener.stop(true);
      for (const { client, server } of pipes) {
        client.close();
        server.close();
      }
    },
  };
  return proxy;
}
