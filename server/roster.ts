// roster.ts: who is in a conversation: its accounts, however many connections each has there. Who has lost the last one stays in it for
// a while, since most come back. Tells nobody.

export class Roster {
  readonly #connections = new Map<string, number>(); // by account; 0 for one that was lost
  #lost: Map<string, number> | undefined; // when (ms) an account without a connection was lost; absent while none is, as in inboxes
  #names: string[] | undefined; // of the accounts, once somebody has asked

  /** How many accounts there are. */
  get size(): number {
    return this.#connections.size;
  }
  get names(): readonly string[] {
    return (this.#names ??= [...this.#connections.keys()]);
  }
  /** Whether an account has a connection here. */
  isConnected(user: string): boolean {
    return (this.#connections.get(user) ?? 0) > 0;
  }
  /** Since when (ms) an account has been lost, if it is. */
  lostAt(user: string): number | undefined {
    return this.#lost?.get(user);
  }

  /** One connection more; whether the account was not here. */
  add(user: string): boolean {
    const count = this.#connections.get(user);
    this.#connections.set(user, (count ?? 0) + 1);
    this.#lost?.delete(user);
    if (count === undefined) this.#names?.push(user);
    return count === undefined;
  }

  /** One connection less, at a time in ms; whether it was the account's last one, which stays until it is removed. */
  lose(user: string, now: number): boolean {
    const count = this.#connections.get(user)! - 1;
    this.#connections.set(user, count);
    if (count === 0) (this.#lost ??= new Map()).set(user, now);
    return count === 0;
  }

  remove(user: string): void {
    this.#connections.delete(user);
    this.#lost?.delete(user);
    this.#names = undefined;
  }
}
