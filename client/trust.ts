// trust.ts: which servers this person trusts. Fingerprints of certificates that no authority vouches for, kept from the
// first visit on; one that has changed is refused. Never connects and never asks.

import { join } from "node:path";
import { whyUnusable } from "../shared/usage.ts";
import { LineFile, stateFolder } from "./keeping.ts";

/** Where the fingerprints are kept, one line a server: `localhost:12345 AB:CD:…`. */
export function trustFile(env: Record<string, string | undefined>): string {
  return join(stateFolder(env), "servers");
}

/** What is known of one server: believed by its certificate's fingerprint, if that is the one in `file`. An
 *  `Encryption` to connect with. */
export class Trust {
  /** A certificate that was refused because this server was never met before: somebody may decide to `keep` it. */
  unknown: { fingerprint: string; why: string } | undefined;
  readonly server: string; // HOST:PORT
  readonly #file: LineFile;

  constructor(server: string, file: string) {
    this.server = server;
    this.#file = new LineFile(file);
  }

  /** `undefined` for the fingerprint that is known; for any other a sentence that says why it is refused. */
  judge(fingerprint: string, why: string): string | undefined {
    this.unknown = undefined;
    let known: string | undefined;
    try {
      known = this.#known();
    } catch (problem) {
      return this.#unusable(problem);
    }
    if (known === fingerprint) return undefined;
    if (known !== undefined)
      return (
        `WARNING: THE CERTIFICATE OF ${this.server} HAS CHANGED. Somebody may be posing as this server. Nothing was sent. ` +
        `It was ${known} and is ${fingerprint}. Ask whoever runs the server; if it has a new certificate, remove its line from ${this.#file.path}.`
      );
    this.unknown = { fingerprint, why };
    return (
      `Cannot tell whose certificate ${this.server} has: ${why}. Nothing was sent. Its fingerprint is ${fingerprint}. ` +
      `If the server printed the same one, come in with --trust-new; or name the authority that signed it: --ca FILE.`
    );
  }

  /** The fingerprint that is known of this server, if one is. */
  get fingerprint(): string | undefined {
    try {
      return this.#known();
    } catch {
      return undefined;
    }
  }

  /** Trusts this fingerprint from now on: it is written to the file (0600). A sentence if it cannot be. */
  keep(fingerprint: string): string | undefined {
    try {
      this.#file.append(`${this.server} ${fingerprint}`);
      return undefined;
    } catch (problem) {
      return this.#unusable(problem);
    }
  }

  #known(): string | undefined {
    const lines = this.#file.read().map((line) => line.trim().split(/\s+/));
    return lines.findLast(([server]) => server === this.server)?.[1];
  }

  #unusable(problem: unknown): string {
    return `Cannot use ${this.#file.path}, which keeps the fingerprints of servers: ${whyUnusable(problem)}.`;
  }
}
