// proxy.ts: a bad network in front of a server. Splits what passes at random bytes, delays it, stalls, and ends connections in
// the middle of anything, by a reset or as if both sides had finished; after some resets the bytes that were on their way
// still reach the server late, as they do. Keeps the order of a connection's bytes. Never reads what passes.

import { setTimeout as pass } from "node:timers/promises";
import { Outbox } from "../../shared/outbox.ts";
import type { Random } from "./random.ts";

/** How bad the network is. */
const WEATHER = {
  life: { low: 500, high: 60_000 }, // bytes until a connection is cut, both ways together; short lives are the more likely ones
  fin: 0.2, // share of cuts that end both sides in order, in the middle of a frame
  late: 0.5, // share of cuts that are resets which leave bytes on their way to the server; the others are plain resets
  stall: { probability: 0.002, low: 100, high: 1_500 }, // of a piece, in ms: nothing passes in that direction meanwhile
  slow: { up: 0.7, down: 0.1 }, // probability that a piece is delayed, to the server and to the client
  delay: 20, // ms at most; three times that for what is late
  split: 0.3, // probability that a piece is cut in two
};

export class Proxy implements AsyncDisposable {
  /** The port of the server that connections go to. */
  target: number;
  resets = 0;
  /** Resets after which bytes reached the server that the client had sent before. */
  late = 0;
  /** Connections that were ended as if both sides had finished. */
  fins = 0;
  stalls = 0;
  /** Called whenever bytes of a server have been passed on. */
  onPassed: (() => void) | undefined;
  /** Everything passes at once and nothing is reset. */
  calm = false;
  readonly pipes = new Set<Pipe>();
  /** Bytes until a connection is cut, at most. */
  readonly life: number;
  readonly #listener: Bun.TCPSocketListener<Pipe>;

  constructor(target: number, random: Random, life = WEATHER.life.high) {
    this.target = target;
    this.life = life;
    this.#listener = Bun.listen<Pipe>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void (socket.data = new Pipe(this, socket, random.fork())),
        data: (socket, chunk) => socket.data.receive(chunk, socket.data.up),
        drain: (socket) => socket.data.down.outbox?.drain(),
        close: (socket) => void socket.data.ended(socket.data.up),
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.stop(true);
    for (const pipe of this.pipes) pipe.end();
  }
}

/** One connection through the proxy. */
class Pipe {
  readonly up: Flow; // to the server
  readonly down: Flow; // to the client
  readonly #proxy: Proxy;
  readonly #random: Random;
  readonly #client: Bun.Socket<Pipe>;
  readonly #ending: "reset" | "late" | "fin";
  #server: Bun.Socket | undefined;
  #life: number; // bytes left until it is cut
  #cut = false; // the client is gone, and what it had sent is still on its way
  #isOver = false; // both sides were ended, and nothing more passes

  constructor(proxy: Proxy, client: Bun.Socket<Pipe>, random: Random) {
    this.#proxy = proxy;
    this.#client = client;
    this.#random = random;
    const { low } = WEATHER.life;
    this.#life = low + (proxy.life - low) * random.next() ** 2;
    const choice = random.next();
    this.#ending = choice < WEATHER.late ? "late" : choice < WEATHER.late + WEATHER.fin ? "fin" : "reset";
    this.up = new Flow((piece) => this.#carry(piece, this.up));
    this.down = new Flow((piece) => this.#carry(piece, this.down));
    this.down.connect(client);
    proxy.pipes.add(this);
    void this.#connect();
  }

  async #connect(): Promise<void> {
    const opening = Bun.connect({
      hostname: "127.0.0.1",
      port: this.#proxy.target,
      socket: {
        data: (_, chunk) => this.receive(chunk, this.down),
        drain: () => this.up.outbox?.drain(),
        close: () => void this.ended(this.down),
      },
    });
    this.#server = await opening.catch(() => undefined);
    if (this.#server === undefined || !this.#proxy.pipes.has(this)) return this.end();
    this.up.connect(this.#server);
  }

  /** Takes bytes on their way, in one piece or in two. */
  receive(chunk: Uint8Array, flow: Flow): void {
    const split = !this.#proxy.calm && this.#random.chance(WEATHER.split) ? this.#random.between(0, chunk.length) : 0;
    flow.push(chunk.subarray(0, split), chunk.subarray(split));
  }

  /** Passes a piece on, as the weather allows. */
  async #carry(piece: Uint8Array, flow: Flow): Promise<void> {
    const slow = flow === this.up ? WEATHER.slow.up : WEATHER.slow.down;
    if (!this.#proxy.calm && this.#random.chance(slow)) await pass(this.#random.between(1, WEATHER.delay));
    const { probability, low, high } = WEATHER.stall;
    if (!this.#proxy.calm && this.#random.chance(probability)) {
      this.#proxy.stalls++;
      await pass(this.#random.between(low, high));
    }
    if (this.#isOver || (this.#cut && flow === this.down)) return;
    if (!this.#cut && !this.#proxy.calm && (this.#life -= piece.length) < 0) {
      if (this.#ending !== "late") {
        flow.outbox!.send(piece.subarray(0, Math.max(0, piece.length + this.#life)));
        if (this.#ending === "fin") return this.#finish();
        this.#proxy.resets++;
        return this.end();
      }
      if (flow === this.up) {
        this.#proxy.resets++;
        this.#proxy.late++;
        this.#cut = true;
        this.#client.terminate();
        await pass(this.#random.between(WEATHER.delay, 4 * WEATHER.delay));
      }
    }
    flow.outbox!.send(piece);
    if (flow === this.down) this.#proxy.onPassed?.();
  }

  /** One side is gone: what was on its way to the other still gets there. */
  async ended(other: Flow): Promise<void> {
    await other.running;
    other.outbox?.end();
    this.#proxy.pipes.delete(this);
  }

  /** Ends both sides as if they had finished. */
  #finish(): void {
    this.#proxy.fins++;
    this.#isOver = true;
    this.#proxy.pipes.delete(this);
    this.up.outbox?.end();
    this.down.outbox?.end();
  }

  end(): void {
    this.#isOver = true;
    this.#proxy.pipes.delete(this);
    this.#client.terminate();
    this.#server?.terminate();
  }
}

/** Pieces on their way to one side, one after the other. */
class Flow {
  outbox: Outbox | undefined; // absent until that side is connected
  running: Promise<void> | undefined;
  readonly #carry: (piece: Uint8Array) => Promise<void>;
  #queue: Uint8Array[] = [];

  constructor(carry: (piece: Uint8Array) => Promise<void>) {
    this.#carry = carry;
  }

  connect(socket: Bun.Socket<any>): void {
    this.outbox = new Outbox({
      write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
      shutdown: () => void socket.end(),
      terminate: () => socket.terminate(),
    });
    this.push();
  }

  push(...pieces: Uint8Array[]): void {
    this.#queue.push(...pieces.filter(({ length }) => length > 0));
    if (this.outbox !== undefined && this.#queue.length > 0) this.running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let piece; (piece = this.#queue.shift()) !== undefined;) await this.#carry(piece);
    this.running = undefined;
  }
}
