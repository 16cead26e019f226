// remembered.ts: who asked to be remembered at the servers of a chat: the tokens that they sign in with instead of a password, kept by
// server, account and what the server proved its identity by, so that no other server is told one. Holds no password.

import { join } from "node:path";
import { whyUnusable } from "../shared/usage.ts";
import { LineFile } from "./keeping.ts";

export interface Account {
  user: string;
  token: string;
}

export class Remembered {
  readonly #file: LineFile;
  readonly #servers: readonly string[];

  /** `servers` are those of one chat, as HOST:PORT. */
  constructor(folder: string, servers: readonly string[]) {
    this.#file = new LineFile(join(folder, "signed-in"));
    this.#servers = servers;
  }

  /** Somebody who is remembered at a server of this identity: of this name, or who signed in last. */
  find(at: string, identity: string, name?: string): Account | undefined {
    try {
      const found = this.#file.read().findLast((line) => {
        const [server, user, proof] = line.split(" ");
        return server === at && proof === identity && (name === undefined || user === name);
      });
      const [, user, , token] = found?.split(" ") ?? [];
      return user === undefined || token === undefined ? undefined : { user, token };
    } catch {
      return undefined; // the password is asked for
    }
  }

  /** Remembers somebody by the token that they have now, at servers whose identity was proved, and at those of the chat where they are
   *  remembered already. A sentence if that cannot be kept. */
  keep(identities: ReadonlyMap<string, string>, { user, token }: Account): string | undefined {
    return this.#change((lines) => {
      const old = lines.filter((line) => this.#isOf(line, user));
      const known = old.map((line) => [line.split(" ")[0]!, line.split(" ")[2]!] as const);
      const all = [...new Map([...known, ...identities])];
      const kept = all.map(([server, identity]) => [server, user, identity, token].join(" "));
      return [...lines.filter((line) => !old.includes(line)), ...kept];
    });
  }

  /** Forgets somebody, or everybody at these servers. A sentence if that cannot be done. */
  forget(name?: string): string | undefined {
    return this.#change((lines) => lines.filter((line) => !this.#isOf(line, name)));
  }

  #isOf(line: string, name: string | undefined): boolean {
    const whom = name === undefined ? "" : `${name} `;
    return this.#servers.some((server) => line.startsWith(`${server} ${whom}`));
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
