// absences.ts: which accounts have lost their last connection in a conversation, and when each has left for good: when it did not come back in
// time. Most do: a phone that changes its network, a page that is loaded again.

const PATIENCE = 30_000; // ms in which whoever comes back was never away

/** An account that was lost from a conversation. */
export interface Absence {
  readonly user: string;
  readonly name: string; // of the conversation
  readonly since: number; // ms
}

export class Absences {
  readonly #over: (absence: Absence) => void;
  readonly #clock: () => number;
  readonly #after: (ms: number, work: () => void) => void;
  #waiting: Absence[] = []; // who was lost first comes first
  #isTimed = false;

  /** `over` is called when somebody did not come back; whether they did, it has to look itself. `clock` in ms. */
  constructor(
    over: (absence: Absence) => void,
    clock: () => number = () => performance.now(),
    after: (ms: number, work: () => void) => void = (ms, work) => void setTimeout(work, ms).unref(),
  ) {
    this.#over = over;
    this.#clock = clock;
    this.#after = after;
  }

  get now(): number {
    return this.#clock();
  }

  add(absence: Absence): void {
    this.#waiting.push(absence);
    this.#time();
  }

  /** An account has left for good: nobody waits for it any more, wherever it was. */
  end(user: string): void {
    const over = this.#waiting.filter((absence) => absence.user === user);
    if (over.length > 0) this.#waiting = this.#waiting.filter((absence) => absence.user !== user);
    for (const absence of over) this.#over(absence);
  }

  #time(): void {
    const first = this.#waiting[0];
    if (first === undefined || this.#isTimed) return;
    this.#isTimed = true;
    this.#after(first.since + PATIENCE - this.#clock(), () => {
      this.#isTimed = false;
      const count = this.#waiting.findIndex(({ since }) => this.#clock() < since + PATIENCE);
      for (const absence of this.#waiting.splice(0, count < 0 ? this.#waiting.length : count)) this.#over(absence);
      this.#time();
    });
  }
}
