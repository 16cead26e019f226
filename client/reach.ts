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

/** Opens a link and asks whether a Banter server answers there. Rejects with `Refused` when nobody is there, nothing is
 *  answered within `patience` ms, somebody else than a Banter server answers, or it has no room. */
export async function openAnswering(server: Endpoint, patience = server.patience ?? PING_TIMEOUT): Promise<SocketLink> {
  const link = await openLink(server);
  const { promise: answered, resolve } = Promise.withResolvers<"known" | "silent" | "gone" | Refused>();
  const timeout = setTimeout(() => resolve("silent"), patience);
  void link.gone.then(() => resolve("gone"));
  link.listen((event) => {
    if (event.type === "ok") resolve("known");
    else if (event.type === "error") resolve(new Refused(event));
  });
  link.send({ type: "ping" });
  const answer = await answered;
  clearTimeout(timeout);
  if (answer === "known") return link;
  link.cut();
  if (answer instanceof Refused) throw answer;
  const hint = server.isPage ? "" : " Is the port right? The usual one is 12345.";
  const [text, brief]: [string, string] =
    answer === "silent"
      ? [`Nothing is answered at ${link.name}: the server is too busy, or no Banter server.${hint}`, "does not answer"]
      : [`Whoever answers at ${link.name} is no Banter server.${hint}`, "no Banter server"];
  const why = await link.gone;
  throw new Refused(why === undefined ? { code: "unreachable", text, brief } : { code: "unreachable", text: why });
}

/** Asks who answers at an address, before anybody is asked for a name. Resolves with what the server proved its
 *  identity by; rejects as `openAnswering` does. */
export async function identifyServer(server: Endpoint, patience?: number): Promise<Identity> {
  const link = await openAnswering(server, patience);
  link.cut();
  return link.identity;
}
