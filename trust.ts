// trust.ts: which servers this person trusts. Fingerprints of certificates that no authority vouches for, kept from the
// first visit on; one that has changed is refused. Never connects. Called by client.ts.

import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Where the fingerprints are kept, one line a server: `localhost:12345 AB:CD:…`. */
export function trustFile(env: Record<string, string | undefined>): string {
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "banter", "servers");
}

/** A judge of one server's certificates: `undefined` for the fingerprint it had before, or with `trustNew` for the first it
 *  is seen with, which is written to `file` (0600); for any other a sentence that says why it is refused. */
export function judgeOf(server: string, file: string, trustNew: boolean) {
  return (fingerprint: string, why: string): string | undefined => {
    try {
      const known = knownFingerprint(server, file);
      if (known === fingerprint) return undefined;
      if (known !== undefined)
        return (
          `WARNING: THE CERTIFICATE OF ${server} HAS CHANGED. Somebody may be posing as this server. Nothing was sent. ` +
          `It was ${known} and is ${fingerprint}. Ask whoever runs the server; if it has a new certificate, remove its line from ${file}.`
        );
      if (!trustNew)
        return (
          `Cannot tell whose certificate ${server} has: ${why}. Nothing was sent. Its fingerprint is ${fingerprint}. ` +
          `If the server printed the same one, come in with --trust-new; or name the authority that signed it: --ca FILE.`
        );
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      appendFileSync(file, `${server} ${fingerprint}\n`, { mode: 0o600 });
      return undefined;
    } catch (problem) {
      return `Cannot use ${file}, which keeps the fingerprints of servers: ${(problem as Error).message}.`;
    }
  };
}

function knownFingerprint(server: string, file: string): string | undefined {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code !== "ENOENT") throw problem;
  }
  const lines = text.split("\n").map((line) => line.split(" "));
  return lines.findLast(([name]) => name === server)?.[1];
}
