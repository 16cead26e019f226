// connect.ts: a lasting connection over TCP, for the terminal client and for bots.

import type { ConnectionOptions } from "../shared/connection.ts";
import { Connection } from "../shared/connection.ts";
import type { Account } from "./credentials.ts";
import { AccountCredentials } from "./credentials.ts";
import type { Endpoint } from "./tcp.ts";
import { openTcp } from "./tcp.ts";

/** Where the server is (`localhost:12345`), how it is reached, and who signs in. */
export interface ConnectOptions extends Partial<Endpoint>, Account, Omit<ConnectionOptions, "open" | "credentials"> {}

/** Connects and signs in. Rejects with `Refused` when the first try fails: `bad_login`, `name_taken` and so on as the
 *  server said it, `unreachable`, or `untrusted` for a certificate that is not believed. After that it keeps coming
 *  back until it is closed; a server that is not believed any more is told nothing. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { host = "localhost", port = 12345, encryption, onWire } = options;
  const server: Endpoint = { host, port, encryption, onWire };
  const credentials = new AccountCredentials(options);
  const connection = new Connection({ ...options, credentials, open: () => openTcp(server) });
  await connection.start();
  return connection;
}
