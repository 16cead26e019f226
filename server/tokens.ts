// tokens.ts: what a client signs in with after its first password. A token is `expiry.HMAC` over the name, the expiry and
// the stored password hash, so the server stores nothing for it and a new password ends it. Knows no account.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { replaceFileSync } from "./durable.ts";
import { fault } from "./faults.ts";

const LIFETIME = 30 * 86_400; // s

export class Tokens {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** `file` holds the key that signs; it is made if it is absent or empty, and `warn` is told of an empty one. `now` in ms since
   *  1970. Throws as `readKey` does, and when it cannot be made. */
  constructor(file: string, now: () => number, warn: (event: string) => void) {
    const key = readKey(file);
    if (key === "empty") warn(`${file} was empty and is made anew. Whoever was signed in needs the password once.`);
    this.#key = typeof key === "string" ? makeKey(file) : key;
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
    return new Bun.CryptoHasher("sha256", this.#key).update(`${user}\n${expiry}\n${hash}`).digest("base64url");
  }
}

/** The key in a file; "empty" is what a power cut makes of a file that was not synced, as 1.0.0 wrote it. Throws an Error whose
 *  message is a sentence for people when it is damaged or cannot be read. */
export function readKey(file: string): Buffer | "absent" | "empty" {
  let text: string;
  try {
    text = readFileSync(file, "latin1");
  } catch (problem) {
    if ((problem as { code: string }).code === "ENOENT") return "absent";
    throw fault("read", file, problem);
  }
  if (text === "") return "empty";
  const key = Buffer.from(text.trim(), "hex");
  if (key.length !== 32) throw new Error(`${file} is damaged. Restore a copy, or remove it to sign everybody out.`);
  return key;
}

function makeKey(file: string): Buffer {
  const key = randomBytes(32);
  replaceFileSync(file, key.toString("hex") + "\n");
  return key;
}
