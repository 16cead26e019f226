// connect.ts: a lasting connection to a chat, at one server of a list, for the terminal client and for bots.

import type { ConnectionOptions } from "../shared/connection.ts";
import { Connection } from "../shared/connection.ts";
import { Refused } from "../shared/link.ts";
import { nameOf, readAddresses } from "./address.ts";
import type { Account } from "./credentials.ts";
import { AccountCredentials } from "./credentials.ts";
import { openAnswering, openLink } from "./reach.ts";
import type { Endpoint, SocketLink } from "./socket.ts";

const PATIENCE = 5_000; // ms one of several servers may take to be reached, and again to answer

/** Where the server is, how it is reached, and who signs in. */
export interface ConnectOptions
  extends Partial<Endpoint>, Account, Omit<ConnectionOptions, "open" | "servers" | "credentials"> {
  /** `localhost:12345`, or the address of a page, `https://chat.example.org`, or several servers of one chat,
   *  `host1,host2:12346`, of which the next is tried when one does not let in; or else `host` and `port` say it. */
  server?: string | undefined;
  endpoints?: readonly Endpoint[] | undefined; // the same, read already
  /** Looks at a link before anybody signs in over it; returns why nobody may, if so. */
  judgeLink?: ((link: SocketLink) => Refused | undefined) | undefined;
}

/** Connects and signs in. Rejects with `Refused` when the first try fails: `bad_login`, `name_taken` and so on as the
 *  server said it, `unreachable`, or `untrusted` for a certificate that is not believed. After that it keeps coming
 *  back until it is closed; a server that is not believed any more is told nothing. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const endpoints = inList(options.endpoints ?? endpointsOf(options));
  const credentials = new AccountCredentials(options);
  const open = async (place: number): Promise<SocketLink> => {
    const link = await (endpoints.length > 1 ? openAnswering : openLink)(endpoints[place]!);
    const problem = options.judgeLink?.(link);
    if (problem === undefined) return link;
    link.cut();
    throw problem;
  };
  const connection = new Connection({ ...options, credentials, open, servers: endpoints.map(nameOfEndpoint) });
  await connection.start();
  return connection;
}

/** What a server is called in a sentence. */
export function nameOfEndpoint(server: Endpoint): string {
  return nameOf(server, server.encryption !== undefined);
}

/** Where there are several servers, each has less time: another one may answer. */
export function inList(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  return endpoints.length > 1 ? endpoints.map((one) => ({ ...one, patience: one.patience ?? PATIENCE })) : endpoints;
}

/** `https:` believes, unless it is said otherwise, the authorities everybody knows. */
function endpointsOf(options: ConnectOptions): Endpoint[] {
  const { server, host = "localhost", port = 12345, isPage, encryption, onWire, patience } = options;
  if (server === undefined) return [{ host, port, isPage, encryption, onWire, patience }];
  const addresses = readAddresses(server);
  if (typeof addresses === "string") throw new Refused({ code: "unreachable", text: addresses });
  return addresses.map(({ isEncrypted, ...where }) => {
    if (isEncrypted === false && encryption !== undefined)
      throw new Refused({ code: "unreachable", text: `${nameOf(where, false)} is not encrypted. Use https.` });
    return { ...where, encryption: encryption ?? (isEncrypted ? {} : undefined), onWire, patience };
  });
}
