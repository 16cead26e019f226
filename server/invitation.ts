// invitation.ts: what a server prints at its start, for whoever started it to tell the others: how to join, and how to become the
// first host. Prints nothing itself.

import { lanAddresses, pageAddresses } from "./network.ts";

/** A server that listens. */
export interface Listening {
  readonly host: string;
  readonly port: number;
  readonly webPort: number | undefined; // undefined without a page
  readonly fingerprint: string | undefined; // of its certificate; undefined without TLS
}

/** How to join. `isForAll`: other computers may; `addresses`: this computer's in its networks. */
export function joinLines(server: Listening, isForAll: boolean, addresses = lanAddresses()): string {
  const { host, port, webPort, fingerprint } = server;
  const isEncrypted = fingerprint !== undefined;
  const isAlone = isForAll && addresses.length === 0;
  const lines: string[] = [];
  const suffix = port === 12345 ? "" : `:${port}`;
  const hosts = isAlone ? ["localhost"] : isForAll ? addresses : [host];
  for (const address of hosts) {
    const other = isEncrypted ? `openssl s_client -quiet -connect ${address}:${port}` : `nc ${address} ${port}`;
    lines.push(`Join with: bun client.ts ${address}${suffix}${isEncrypted ? " --tls" : ""}    or: ${other}`);
  }
  if (isEncrypted) lines.push(`Fingerprint of the certificate: ${fingerprint}`);
  const pages =
    webPort === undefined ? [] : pageAddresses(isAlone ? "localhost" : host, webPort, isEncrypted, addresses);
  for (const address of pages) lines.push(`In a browser: ${address}    (projector: ${address}/join)`);
  if (isAlone) lines.push(NO_NETWORK, pages.length > 0 ? `Then ${pages[0]}/join says how.` : "Then start again.");
  return lines.map((line) => `${line}\n`).join("");
}

const NO_NETWORK = "This computer is in no network: nobody else can join. Join the Wi-Fi, or plug in a cable.";

/** How to become the first host. */
export function hostLine(code: string): string {
  return `Host code: ${code}. Create your account, then type /host ${code} (keep this window off the projector).\n`;
}
