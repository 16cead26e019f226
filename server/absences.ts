// absences.ts: which accounts have lost their last connection in a conversation, and may come back: a phone that changes its network, a page
// that is loaded again. Who does within 30 s was never away. Looks itself at nobody's connections.

const PATIENCE = 30_000; // ms

/** An account that was lost from a conversation. */
export interface Absence {
  readonly user: string;
  readonly name: string; // of the conversation
  readonly since: number; // ms
}

export class Absences {
  #all: Absence[] = []; // who was lost first comes first; some are back

  add(absence: Absence): void {
    this.#all.push(absence);
  }

  /** Takes out those of an account, which has left for good. */
  takeOf(user: string): Absence[] {
    const taken = this.#all.filter((absence) => absence.user === user);
    if (taken.length > 0) this.#all = this.#all.filter((absence) => absence.user !== user);
    return taken;
  }

  /** Takes out those that are over at a time, in ms. */
  takeOver(now: number): Absence[] {
    const first = this.#all.findIndex(({ since }) => now < since + PATIENCE);
    return this.#all.splice(0, first < 0 ? this.#all.length : first);
  }
}
