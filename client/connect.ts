// connect.ts: a lasting connection to a server, for the terminal client and for bots.

import type { ConnectionOptions } from "../shared/connection.ts";
import { Connection } from "../shared/connection.ts";
import { Refused } from "../shared/link.ts";
import { readAddress } from "./address.ts";
import type { Account } from "./credentials.ts";
import { AccountCredentials } from "./credentials.ts";
import { openLink } from "./reach.ts";
import type { Endpoint } from "./socket.ts";

/** Where the server is, how it is reached, and who signs in. */
export interface ConnectOptions extends Partial<Endpoint>, Account, Omit<ConnectionOptions, "open" | "credentials"> {
  /** `localhost:12345`, or the address of a page, `https://chat.example.org`; or else `host` and `port` say it. */
  server?: string | undefined;
}

/** Connects and signs in. Rejects with `Refused` when the first try fails: `bad_login`, `name_taken` and so on as the
 *  server said it, `unreachable`, or `untrusted` for a certificate that is not believed. After that it keeps coming
 *  back until it is closed; a server that is not believed any more is told nothing. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const server = endpointOf(options);
  const credentials = new AccountCredentials(options);
  const connection = new Connection({ ...options, credentials, open: () => openLink(server) });
  await connection.start();
  return connection;
}

/** `https:` believes, unless it is said otherwise, the authorities everybody knows. */
function endpointOf({
  server,
  host = "localhost",
  port = 12345,
  isPage,
  encryption,
  onWire,
}: ConnectOptions): Endpoint {
  if (server === undefined) return { host, port, isPage, encryption, onWire };
  const address = readAddress(server);
  if (typeof address === "string") throw new Refused({ code: "unreachable", text: address });
  const { isEncrypted, ...where } = address;
  if (isEncrypted === false && encryption !== undefined)
    throw new Refused({ code: "unreachable", text: `${server} is not encrypted. Use https.` });
  return { ...where, encryption: encryption ?? (isEncrypted ? {} : undefined), onWire };
}
