// passwords.ts: a password to a hash, and whether a hash is of that password. Hashing is slow on purpose, so it waits in one
// bounded queue that networks share fairly. Never keeps a password and never says one.

import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { LIMITS } from "../protocol.ts";
import type { Asker } from "./network.ts";

/** OWASP's floor for argon2id: 19 MiB, two passes; about 30 to 50 ms. */
const COST = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Costs a hash in users.json may ask for; more would let a planted hash stall the server. */
const MAX_COST = { memory: 262_144, time: 10, lanes: 4 }; // KiB, passes, lanes
const MAX_WAITING = 256; // hashes; about ten seconds of work, well within the 30 s a sign-in may take

/** UTF-16 units before NFC, which makes one character of four at most, each of two units; its cost grows with the square of the
 *  length. */
const MAX_TYPED = 8 * LIMITS.password.max;

/** NFC, so that one password typed on two keyboards is one password (RFC 8265); `undefined` if it cannot be one. */
export function normalizePassword(password: string): string | undefined {
  if (password.length > MAX_TYPED) return undefined;
  const secret = password.normalize("NFC");
  const length = [...secret].length;
  return secret.isWellFormed() && length >= LIMITS.password.min && length <= LIMITS.password.max ? secret : undefined;
}

export function hashPassword(secret: string): Promise<string> {
  return Bun.password.hash(secret, COST);
}

/** A hash nobody has the password of. Checking a password against it takes as long as against any other. */
export function decoyHash(): string {
  const [salt, hash] = [randomBytes(32), randomBytes(32)].map((bytes) => bytes.toString("base64").replace("=", ""));
  return `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=1$${salt}$${hash}`;
}

/** Whether `hash` is of `secret`, or why that cannot be told. */
export async function verifyPassword(secret: string, hash: string): Promise<boolean | "damaged" | "too costly"> {
  const [, m, t, p] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(hash)?.map(Number) ?? [];
  if (m === undefined) return "damaged";
  if (m > MAX_COST.memory || t! > MAX_COST.time || p! > MAX_COST.lanes) return "too costly";
  return Bun.password.verify(secret, hash).catch(() => "damaged" as const);
}

/** Somebody in the queue; told whether it is their turn, or will never be. */
interface Waiting {
  asker: Asker;
  start: (isTurn: boolean) => void;
}

/** A bounded queue of which at most `width` run at once, shared fairly: one of each network in rotation, and within a network
 *  first in, first out. So whatever comes from one network, somebody of another waits for a hash or two. (Bun's own pool starts
 *  the newest hash first, which would let the first in a class wait longest.) */
export class Gate {
  readonly #width: number;
  readonly #max: number;
  readonly #queues = new Map<string, Waiting[]>(); // by network; the first is next
  #running = 0;

  /** One core stays free for everybody who is signed in already. */
  constructor(width: number = Math.max(1, cpus().length - 1), max: number = MAX_WAITING) {
    this.#width = width;
    this.#max = max;
  }

  get waiting(): number {
    let sum = 0;
    for (const { length } of this.#queues.values()) sum += length;
    return sum;
  }

  /** Runs `work` in its turn; `undefined` if too many wait, or if its asker has gone when its turn comes. */
  async run<T>(asker: Asker, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#width) this.#running++;
    else if (!(await this.#turn(asker))) return undefined; // or else one that is finished hands its place on
    try {
      return await work();
    } finally {
      this.#handOn();
    }
  }

  #turn(asker: Asker): Promise<boolean> {
    const queue = this.#queues.get(asker.network) ?? [];
    if (this.waiting >= this.#max && !this.#makeRoom(queue.length + 1)) return Promise.resolve(false);
    this.#queues.set(asker.network, queue);
    return new Promise((start) => queue.push({ asker, start }));
  }

  /** Ends one wait, so that another can begin: of somebody who has gone, or of the last in the longest queue if that one is longer
   *  than `length`. */
  #makeRoom(length: number): boolean {
    let longest: Waiting[] = [];
    for (const queue of this.#queues.values()) {
      const gone = queue.findIndex(({ asker }) => asker.gone);
      if (gone >= 0) {
        queue.splice(gone, 1)[0]!.start(false);
        return true;
      }
      if (queue.length > longest.length) longest = queue;
    }
    if (longest.length <= length) return false;
    longest.pop()!.start(false);
    return true;
  }

  /** Gives a place that is free to the next who still waits for it. */
  #handOn(): void {
    for (const [network, queue] of this.#queues) {
      this.#queues.delete(network);
      for (let next; (next = queue.shift()) !== undefined;) {
        const isTurn = !next.asker.gone;
        next.start(isTurn);
        if (!isTurn) continue;
        if (queue.length > 0) this.#queues.set(network, queue); // behind all others
        return;
      }
    }
    this.#running--;
  }
}
