// reach.ts: the way to a server: over TCP, or by its page's WebSocket; and who answers there. Signs nobody in.

import { Refused } from "../shared/link.ts";
import type { Endpoint, Identity, SocketLink } from "./socket.ts";
import { openTcp } from "./tcp.ts";
import { openWebSocket } from "./websocket.ts";

const PING_TIMEOUT = 15_000; // ms a server may take to answer its first ping; one that is short of time takes seconds

/** Opens a link to a server; with `encryption` nothing is sent before its certificate is found good. Rejects with `Refused`
 *  and a sentence that says what to look for. */
export function openLink(server: Endpoint): Promise<SocketLink> {
  return server.isPage ? openWebSocket(server) : openTcp(server);
}

/** Asks who answers at an address, before anybody is asked for a name. Resolves with what the server proved its
 *  identity by; rejects with `Refused` when nobody is there, nothing is answered within `patience` ms, or somebody else than a
 *  Banter server answers. */
export async function identifyServer(server: Endpoint, patience = PING_TIMEOUT): Promise<Identity> {
  const link = await openLink(server);
  const { promise: answered, resolve } = Promise.withResolvers<"known" | "silent" | "gone">();
  const timeout = setTimeout(() => resolve("silent"), patience);
  void link.gone.then(() => resolve("gone"));
  link.listen(({ type }) => type === "ok" && resolve("known"));
  link.send({ type: "ping" });
  const answer = await answered;
  clearTimeout(timeout);
  link.cut();
  if (answer === "known") return link.identity;
  const hint = server.isPage ? "" : " Is the port right? The usual one is 12345.";
  const text =
    answer === "silent"
      ? `Nothing is answered at ${link.name}: the server is too busy, or no Banter server.${hint}`
      : `Whoever answers at ${link.name} is no Banter server.${hint}`;
  throw new Refused({ code: "unreachable", text: (await link.gone) ?? text });
}
