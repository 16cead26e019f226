// outbox.ts: bytes to a socket that may be full. Bun's `write` takes what the kernel has room for and keeps nothing, so
// the rest waits here, in order and bounded. Knows nothing of frames.

/** What an outbox needs of a socket. */
export interface Sink {
  /** Takes bytes from `offset` on: how many it took, or -1 when the connection is closed. */
  write(bytes: Uint8Array, offset: number): number;
  /** Everything was handed over: end our side of the connection. */
  shutdown(): void;
  /** Closes at once, whatever waits. */
  terminate(): void;
  /** So many bytes more wait now, or fewer. */
  waits?(change: number): void;
}

/** Bytes that may wait for one reader: some seconds of a very busy room, and 1,000 such readers still fit in memory. */
export const OUTBOX_LIMIT = 4 * 1024 * 1024;

export class Outbox {
  readonly #sink: Sink;
  readonly #now: () => number;
  #queue: Uint8Array[] | undefined; // absent while nothing waits, as in nearly every connection at nearly every time
  #offset = 0; // bytes of queue[0] already taken
  #progress = 0; // ms, when the socket last took something
  #ending = false;
  #lower: { mark: number; resolve: () => void } | undefined;
  /** Bytes that wait. */
  queued = 0;
  /** The reader was cut off because it did not keep up. */
  overrun = false;

  constructor(sink: Sink, now: () => number = Date.now) {
    this.#sink = sink;
    this.#now = now;
  }

  /** Sends bytes, now or as soon as the socket drains. The bytes are shared with other outboxes and must not change.
   *  1. MUST NOT reorder, and MUST NOT start one buffer inside another that is half written.
   *  2. MUST treat `write` as a byte count: short means that the rest waits, -1 that the connection is closed.
   *  3. MUST NOT hold more than OUTBOX_LIMIT bytes: a reader that slow is cut off, so that it costs nobody else memory. */
  send(bytes: Uint8Array): void {
    if (this.#ending || this.overrun) return;
    let taken = 0;
    if (this.#queue === undefined) {
      taken = this.#sink.write(bytes, 0);
      if (taken < 0 || taken === bytes.length) return;
      this.#queue = [];
      this.#offset = taken;
      this.#progress = this.#now();
    }
    this.#queue.push(bytes);
    this.#count(bytes.length - taken);
    if (this.queued > OUTBOX_LIMIT) this.cut();
  }

  /** The socket has room again. */
  drain(): void {
    while (this.#queue !== undefined) {
      const bytes = this.#queue[0]!;
      const taken = this.#sink.write(bytes, this.#offset);
      if (taken < 0) return this.close();
      if (taken > 0) this.#progress = this.#now();
      this.#count(-taken);
      this.#offset += taken;
      if (this.#offset < bytes.length) break;
      this.#queue.shift();
      this.#offset = 0;
      if (this.#queue.length === 0) this.#queue = undefined;
    }
    if (this.#lower !== undefined && this.queued <= this.#lower.mark) this.#release();
    if (this.#ending && this.#queue === undefined) this.#sink.shutdown();
  }

  /** Resolves when at most `mark` bytes wait, or when the connection is closed. One caller at a time. */
  below(mark: number): Promise<void> {
    if (this.queued <= mark) return Promise.resolve();
    return new Promise((resolve) => (this.#lower = { mark, resolve }));
  }

  /** Takes no more, hands over what waits, then ends our side. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (this.#queue === undefined) this.#sink.shutdown();
  }

  /** Whether bytes have waited for `ms` without the socket taking any. */
  stuck(ms: number): boolean {
    return this.#queue !== undefined && this.#now() - this.#progress >= ms;
  }

  /** Cuts off a reader that does not keep up. */
  cut(): void {
    this.overrun = true;
    this.close();
    this.#sink.terminate();
  }

  /** The connection is closed: lets go of everything. */
  close(): void {
    this.#ending = true;
    this.#queue = undefined;
    this.#count(-this.queued);
    this.#release();
  }

  #count(change: number): void {
    this.queued += change;
    this.#sink.waits?.(change);
  }

  #release(): void {
    this.#lower?.resolve();
    this.#lower = undefined;
  }
}
