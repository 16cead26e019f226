// rates.ts: the rate limiters. How fast one connection may ask, which is kept by delay and never by loss; and how often
// somebody may fail to sign in or create accounts. Reads no line and refuses nothing itself.

import type { Request } from "../protocol.ts";

const SAY_BURST = 4; // seconds' worth of `say`s that may come at once
const OTHERS = { rate: 200, burst: 2_000 }; // requests that are no `say`, a second
/** What makes the server read much or answer at length: points a second. A client that comes back joins 100 rooms at once. */
const COSTLY = { rate: 50, burst: 500 };
const SEARCH = 10; // points; everything else costs one
const LIST_POINT = 32 * 1024; // characters of a list of people or rooms that cost one point more
const MAX_DELAY = 10; // s that a request waits at most, whatever its sender has asked before
const MINUTE = 60_000; // ms
/** Failed sign-ins a minute from one network, and of one account from one network. Only failures count, so a class behind
 *  one address may come in together; and whoever has signed in from there before is stopped by their own failures only, so
 *  that a guesser cannot lock the others out. */
const MAX_FAILURES = 10;
const MANY_FAILED = 1_000; // keys; above that those whose minute is over are removed
const HOUR = 3_600_000; // ms
/** Accounts from one network, at once and in an hour. Three classes of 64 that come in the same lesson pass, also behind one
 *  reverse proxy; without an end it would be a million a day, each of them a line in users.json. */
const MAX_REGISTRATIONS = 200;
const MAX_REMEMBERED = 10_000; // networks that created accounts; the one that did so longest ago is forgotten first

/** How fast one connection may ask. */
export class RequestLimiter {
  readonly #now: () => number;
  readonly #says: TokenBucket | undefined;
  readonly #others: TokenBucket;
  #costly: TokenBucket | undefined;

  /** `says`: a second, 0 for no limit. `now` in ms. */
  constructor(says: number, now: () => number) {
    this.#now = now;
    if (says > 0) this.#says = new TokenBucket(says, says * SAY_BURST, now);
    this.#others = new TokenBucket(OTHERS.rate, OTHERS.burst, now);
  }

  /** Counts a request, or a line that is none; ms to wait before it may be done, 0 for none. */
  take(request?: Request): number {
    if (request?.type === "say" || request?.type === "set") return this.#says?.take(1) ?? 0;
    const points = request === undefined ? 0 : costOf(request);
    return Math.max(points === 0 ? 0 : this.#takeCostly(points), this.#others.take(1));
  }

  /** Counts the answer to a request, of so many characters: the next ones pay for a long list. */
  answered({ type }: Request, size: number): void {
    if (type === "who" || type === "rooms") this.#takeCostly(size / LIST_POINT);
  }

  #takeCostly(points: number): number {
    this.#costly ??= new TokenBucket(COSTLY.rate, COSTLY.burst, this.#now);
    return this.#costly.take(points);
  }
}

/** Whether a request makes the server read much or answer at length at once. What a `join` brings comes page by page. */
export function isCostly(request: Request): boolean {
  return request.type !== "join" && costOf(request) > 0;
}

function costOf(request: Request): number {
  switch (request.type) {
    case "history":
      return request.match === undefined && request.with === undefined ? 1 : SEARCH;
    case "people":
    case "remove":
      return SEARCH;
    case "join":
    case "who":
    case "rooms":
      return 1;
    default:
      return 0;
  }
}

/** How many accounts a network may create: a token bucket each, which is full again within an hour. */
export class RegistrationLimiter {
  readonly #now: () => number;
  readonly #full = new Map<string, number>(); // when (ms) the bucket of a network will be full again

  /** `now` in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds until this network may create one more, 0 if it may now. */
  secondsToWait(network: string): number {
    const missing = (this.#full.get(network) ?? 0) - this.#now(); // ms
    return Math.max(0, Math.ceil((missing + HOUR / MAX_REGISTRATIONS - HOUR) / 1000));
  }

  count(network: string): void {
    const now = this.#now();
    const full = Math.max(now, this.#full.get(network) ?? 0) + HOUR / MAX_REGISTRATIONS;
    this.#full.delete(network); // to stand behind all others
    this.#full.set(network, full);
    if (this.#full.size > MAX_REMEMBERED) this.#full.delete(this.#full.keys().next().value!);
  }
}

/** How often somebody may fail in a minute, counted by any key. */
export class FailureLimiter {
  readonly #now: () => number;
  readonly #failures = new Map<string, { count: number; since: number }>();

  /** `now` in ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Seconds until one more try is allowed, 0 if it is now. */
  secondsToWait(key: string): number {
    const { count, since } = this.#failures.get(key) ?? { count: 0, since: 0 };
    const left = since + MINUTE - this.#now();
    return count < MAX_FAILURES || left <= 0 ? 0 : Math.ceil(left / 1000);
  }

  count(key: string): void {
    const now = this.#now();
    const failed = this.#failures.get(key);
    if (failed !== undefined && now - failed.since < MINUTE) {
      failed.count++;
      return;
    }
    if (this.#failures.size >= MANY_FAILED)
      for (const [old, { since }] of this.#failures) if (now - since >= MINUTE) this.#failures.delete(old);
    this.#failures.set(key, { count: 1, since: now });
  }
}

/** A token bucket that tells how long to wait instead of refusing. */
class TokenBucket {
  readonly #rate: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(rate: number, burst: number, now: () => number) {
    this.#rate = rate;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /** Takes some; ms until they would have been there, 0 if they were, MAX_DELAY at most. */
  take(tokens: number): number {
    const now = this.#now();
    const left = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#rate) - tokens;
    this.#tokens = Math.max(left, -MAX_DELAY * this.#rate);
    this.#at = now;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#rate) * 1000;
  }
}
