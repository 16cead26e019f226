// confirmations.ts: how far this account has read, told to the server: at once, but not more often than every two seconds a
// conversation, so that a busy room costs little. What is lost with a connection is said again by whoever reads on. Knows no socket.

const PAUSE = 2_000; // ms between two confirmations of one conversation

interface Reading {
  seq: number; // up to which it was read
  told: number; // up to which the server was told over this link
  timer: ReturnType<typeof setTimeout> | undefined; // until the next may be told
}

export class Confirmations {
  readonly #tell: (to: string, seq: number) => void;
  readonly #readings = new Map<string, Reading>(); // by room, "@" for the inbox
  #isOnline = false;

  /** `tell` confirms to the server; it is called between `start` and `stop` only. */
  constructor(tell: (to: string, seq: number) => void) {
    this.#tell = tell;
  }

  /** A conversation was read up to a seq, or further already. */
  read(to: string, seq: number): void {
    let reading = this.#readings.get(to);
    if (reading === undefined) this.#readings.set(to, (reading = { seq, told: 0, timer: undefined }));
    reading.seq = Math.max(reading.seq, seq);
    if (reading.timer === undefined) this.#flush(to, reading);
  }

  /** Forgets what was read of a conversation: it was left, or is another one now. */
  forget(to: string): void {
    clearTimeout(this.#readings.get(to)?.timer);
    this.#readings.delete(to);
  }

  /** The connection is there and signed in. */
  start(): void {
    this.#isOnline = true;
    for (const [to, reading] of this.#readings) this.#flush(to, reading);
  }
  /** The connection is gone. */
  stop(): void {
    this.#isOnline = false;
    for (const reading of this.#readings.values()) {
      clearTimeout(reading.timer);
      reading.timer = undefined;
      reading.told = 0;
    }
  }
  /** Tells at once what waits. */
  hurry(): void {
    for (const [to, reading] of this.#readings) this.#flush(to, reading);
  }

  #flush(to: string, reading: Reading): void {
    if (!this.#isOnline || reading.seq <= reading.told) return;
    reading.told = reading.seq;
    this.#tell(to, reading.seq);
    clearTimeout(reading.timer);
    reading.timer = setTimeout(() => {
      reading.timer = undefined;
      this.#flush(to, reading);
    }, PAUSE);
  }
}
