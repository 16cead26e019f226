// tokens.ts: what a client signs in with after its first password. A token is `expiry.HMAC` over the name, the expiry and
// the stored password hash, so the server stores nothing for it and a new password ends it. Knows no account.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const LIFETIME = 30 * 86_400; // s

export class Tokens {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** `file` holds the key that signs; it is made if it is absent. `now` in ms since 1970. Throws as `readKey` does. */
  constructor(file: string, now: () => number) {
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("hex") + "\n", { mode: 0o600, flag: "wx" });
    this.#key = readKey(file);
    this.#now = now;
  }

  /** A token for an account with this password hash. */
  issue(user: string, hash: string): string {
    const expiry = Math.floor(this.#now() / 1000) + LIFETIME; // s since 1970
    return `${expiry}.${this.#sign(user, expiry, hash)}`;
  }

  /** Whether a token is one of ours, for this account and this password hash, and has not expired. */
  isValid(token: string, user: string, hash: string): boolean {
    const [, expiry, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(token) ?? [];
    if (expiry === undefined || mac === undefined || Number(expiry) * 1000 <= this.#now()) return false;
    return timingSafeEqual(Buffer.from(mac), Buffer.from(this.#sign(user, Number(expiry), hash)));
  }

  #sign(user: string, expiry: number, hash: string): string {
    return createHmac("sha256", this.#key).update(`${user}\n${expiry}\n${hash}`).digest("base64url");
  }
}

/** The key in a file. Throws an Error whose message is one sentence for people when it is damaged. */
export function readKey(file: string): Buffer {
  const key = Buffer.from(readFileSync(file, "latin1").trim(), "hex");
  if (key.length !== 32) throw new Error(`${file} is damaged. Restore a copy, or remove it to sign everybody out.`);
  return key;
}
