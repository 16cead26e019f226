// slices.ts: the time of the event loop, shared fairly between connections. Work that takes long is done in slices: who has had
// one waits for a turn of the loop, and however many wait, a turn lets them go on, first come, first served, until a slice of its time
// is over. So what all of them do together delays the others by two slices. Does no work itself and knows nobody.

const SLICE = 2; // ms of work in a turn, after which what takes long waits for another turn
const LITTLE = 0.5; // ms of a turn that each connection may use for short lines all the same, so that a ping waits for nobody

export class Slices {
  readonly #clock: () => number;
  readonly #waiting: (() => void)[] = [];
  #began: number | undefined; // ms, when the first work of this turn began
  #isWatching = false;
  /** Counts the turns in which work was done. */
  turn = 0;

  /** `clock` in ms; it must go on while work is done. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Resolves in a turn of the event loop that is not over. */
  next(): Promise<void> {
    this.#watch();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Work begins: the time, in ms. */
  now(): number {
    const now = this.#clock();
    if (this.#began === undefined) {
      this.#began = now;
      this.#watch();
    }
    return now;
  }

  /** Whether so much was done in this turn that what takes long should wait. */
  isOver(now: number): boolean {
    return this.#began !== undefined && now - this.#began >= SLICE;
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    setImmediate(this.#nextTurn);
  }

  /** setImmediate runs after every socket that was readable in a turn has been read. */
  readonly #nextTurn = (): void => {
    this.#isWatching = false;
    this.turn++;
    this.#began = undefined;
    if (this.#waiting.length === 0) return;
    this.now();
    this.#goOn();
  };

  /** What one does is done in microtasks; when there are none left, the next may go on. */
  readonly #goOn = (): void => {
    this.#waiting.shift()!();
    queueMicrotask(() =>
      process.nextTick(() => {
        if (this.#waiting.length > 0 && !this.isOver(this.now())) this.#goOn();
      }),
    );
  };
}

/** What one connection uses of a turn of the event loop. */
export class Share {
  readonly #slices: Slices;
  #used = 0; // ms of this turn
  #at = 0; // ms, up to when it is counted
  #turn = -1; // which turn it is
  #isResting = true;

  constructor(slices: Slices) {
    this.#slices = slices;
  }

  /** A line is to be taken: what it must wait for, `undefined` if for nothing. `isLong`: it is known to take long. */
  wait(isLong: boolean): Promise<void> | undefined {
    const now = this.#slices.now();
    const { turn } = this.#slices;
    if (turn !== this.#turn) this.#used = 0;
    else if (!this.#isResting) this.#used += now - this.#at; // since the line before
    this.#at = now;
    this.#turn = turn;
    this.#isResting = false;
    if (!this.#slices.isOver(now) || (this.#used < LITTLE && !isLong)) return undefined;
    return this.#slices.next();
  }

  /** Nothing more is done for now. What the last line took is not counted, which spares a look at the clock for each. */
  rest(): void {
    this.#isResting = true;
  }
}
