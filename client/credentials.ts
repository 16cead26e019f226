// credentials.ts: what somebody at a terminal, or a bot, signs in with: a password, once the server has given one a
// token, and the password again when the token has ended. Keeps nothing beyond this program.

import type { Ok, Request } from "../protocol.ts";
import type { Credentials } from "../shared/handshake.ts";

export interface Account {
  user: string;
  password?: string | undefined; // this or a token
  token?: string | undefined;
  register?: boolean | undefined; // create the account
  onToken?: ((token: string) => void) | undefined; // told each one that the server gives
}

export class AccountCredentials implements Credentials {
  readonly user: string;
  readonly #password: string | undefined;
  readonly #onToken: ((token: string) => void) | undefined;
  #token: string | undefined;
  #exists: boolean; // the account

  constructor({ user, password, token, register = false, onToken }: Account) {
    this.user = user;
    this.#password = password;
    this.#token = token;
    this.#exists = !register;
    this.#onToken = onToken;
  }

  get request(): Request {
    const { user } = this;
    const password = this.#password ?? "";
    if (!this.#exists) return { type: "register", user, password };
    return { type: "login", user, ...(this.#token === undefined ? { password } : { token: this.#token }) };
  }

  accepted({ token }: Ok): void {
    this.#token = token;
    this.#exists = true;
    if (token !== undefined) this.#onToken?.(token);
  }

  refused(): boolean {
    const wasToken = this.#token !== undefined;
    this.#token = undefined;
    return wasToken && this.#password !== undefined;
  }
}
