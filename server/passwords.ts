// passwords.ts: a password to a hash, and whether a hash is of that password. Hashing is slow on purpose, so it waits in one
// bounded queue. Never keeps a password and never says one.

import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { LIMITS } from "../protocol.ts";

/** OWASP's floor for argon2id: 19 MiB, two passes; about 30 to 50 ms. */
const COST = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
/** Costs a hash in users.json may ask for; more would let a planted hash stall the server. */
const MAX_COST = { memory: 262_144, time: 10, lanes: 4 }; // KiB, passes, lanes
const MAX_WAITING = 256; // hashes; about ten seconds of work, well within the 30 s a sign-in may take

/** NFC, so that one password typed on two keyboards is one password (RFC 8265); `undefined` if it cannot be one. */
export function normalizePassword(password: string): string | undefined {
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

/** A bounded queue, first in first out, of which at most `width` run at once. Bun's own pool starts the newest hash first,
 *  which would let the first in a class wait longest. */
export class Gate {
  readonly #width: number;
  readonly #max: number;
  readonly #queue: (() => void)[] = [];
  #running = 0;

  /** One core stays free for everybody who is signed in already. */
  constructor(width: number = Math.max(1, cpus().length - 1), max: number = MAX_WAITING) {
    this.#width = width;
    this.#max = max;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs `work` in its turn; `undefined` if too many wait already. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#running >= this.#width) {
      if (this.#queue.length >= this.#max) return undefined;
      await new Promise<void>((turn) => this.#queue.push(turn)); // one that is finished hands its place on
    } else this.#running++;
    try {
      return await work();
    } finally {
      const turn = this.#queue.shift();
      if (turn === undefined) this.#running--;
      else turn();
    }
  }
}
