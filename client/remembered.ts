// remembered.ts: who asked to be remembered at a server: the tokens that they sign in with instead of a password, kept by server, account
// and what the server proved its identity by, so that no other server is told one. Holds no password.

import { join } from "node:path";
import { whyUnusable } from "../shared/usage.ts";
import { LineFile } from "./keeping.ts";

export interface Account {
  user: string;
  token: string;
}

export class Remembered {
  readonly #file: LineFile;
  readonly #server: string;

  /** `server` is HOST:PORT. */
  constructor(folder: string, server: string) {
    this.#file = new LineFile(join(folder, "signed-in"));
    this.#server = server;
  }

  /** Somebody who is remembered at a server of this identity: of this name, or who signed in last. */
  find(identity: string, name?: string): Account | undefined {
    try {
      const found = this.#file.read().findLast((line) => {
        const [server, user, proof] = line.split(" ");
        return server === this.#server && proof === identity && (name === undefined || user === name);
      });
      const [, user, , token] = found?.split(" ") ?? [];
      return user === undefined || token === undefined ? undefined : { user, token };
    } catch {
      return undefined; // the password is asked for
    }
  }

  /** Remembers somebody by the token that they have now. A sentence if that cannot be kept. */
  keep(identity: string, { user, token }: Account): string | undefined {
    const line = [this.#server, user, identity, token].join(" ");
    return this.#change((lines) => [...lines.filter((one) => !this.#isOf(one, user)), line]);
  }

  /** Forgets somebody, or everybody at this server. A sentence if that cannot be done. */
  forget(name?: string): string | undefined {
    return this.#change((lines) => lines.filter((line) => !this.#isOf(line, name)));
  }

  #isOf(line: string, name: string | undefined): boolean {
    return line.startsWith(`${this.#server} ${name === undefined ? "" : `${name} `}`);
  }

  #change(change: (lines: string[]) => string[]): string | undefined {
    try {
      this.#file.replace(change);
      return undefined;
    } catch (problem) {
      return `Cannot use ${this.#file.path}, which keeps who is remembered: ${whyUnusable(problem)}.`;
    }
  }
}
