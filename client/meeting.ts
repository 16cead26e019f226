// meeting.ts: who the servers of a list are, before anybody is asked for a name: finds the first that answers, and asks a person
// whether one that was never met is trusted. Signs nobody in.

import { Refused, refusedByAll } from "../shared/link.ts";
import { hostAndPort } from "./address.ts";
import { nameOfEndpoint } from "./connect.ts";
import { identifyServer } from "./reach.ts";
import type { Endpoint, Identity } from "./socket.ts";
import { Trust } from "./trust.ts";

/** How a server may come to be trusted that was never met, and that no authority vouches for. */
export interface TrustOnFirstUse {
  isAsked: boolean; // whether a person decides; without, it is trusted
}
export interface MeetingOptions {
  servers: readonly Endpoint[];
  trustOnFirstUse?: TrustOnFirstUse | undefined; // absent: a server that was never met is refused
  meetsAll: boolean; // not only the first that answers: the others, too, as far as they do
  say: (text: string) => void; // a sentence
  show: (...rows: string[]) => void; // as they are
  confirm: (question: string) => Promise<boolean>; // rejects when nobody answers
  wait: <T>(work: Promise<T>) => Promise<T>; // says that it is under way, if that takes long
}
/** The servers as they are tried from now on, the one that answered first, and what each one that was met proved its identity by. */
export interface Met {
  servers: readonly Endpoint[];
  identity: Identity; // of the first
  proofs: ReadonlyMap<string, string>; // by HOST:PORT
}

/** What a server is remembered by, which proved its identity in this way: one with another certificate is another one. */
export function proofOf(identity: Identity, { encryption }: Endpoint): string {
  const fingerprint = encryption instanceof Trust ? encryption.fingerprint : undefined;
  return identity === "fingerprint" && fingerprint !== undefined ? fingerprint : identity;
}

/** Asks who the servers are, one after the other, until one answers. Rejects with `Refused` when none does; the sentence names all. */
export async function meet(options: MeetingOptions): Promise<Met> {
  const { servers, say } = options;
  const tries: { server: string; problem: Refused }[] = [];
  for (const [place, server] of servers.entries()) {
    try {
      const identity = await identify(server, options);
      const order = [...servers.slice(place), ...servers.slice(0, place)];
      const proofs = new Map([[hostAndPort(server), proofOf(identity, server)]]);
      if (options.meetsAll) await meetOthers(servers.slice(place + 1), proofs, options);
      return { servers: order, identity, proofs };
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.code === "nobody") throw problem;
      if (problem.code === "untrusted" && servers.length > 1) say(problem.message);
      tries.push({ server: nameOfEndpoint(server), problem });
    }
  }
  throw refusedByAll(tries);
}

/** Meets the other servers of the list at once, so that one of them can be turned to later, when nobody can be asked. One that does
 *  not answer now, or is not trusted, stays unknown. */
async function meetOthers(others: readonly Endpoint[], proofs: Map<string, string>, options: MeetingOptions) {
  const visits = others.map((server) => identifyServer(server).catch((problem: unknown) => problem));
  for (const [i, visit] of (await options.wait(Promise.all(visits))).entries()) {
    const server = others[i]!;
    try {
      const identity = visit instanceof Error ? await befriend(server, visit, options) : (visit as Identity);
      proofs.set(hostAndPort(server), proofOf(identity, server));
    } catch (problem) {
      if (!(problem instanceof Refused) || problem.code === "nobody") throw problem;
      if (problem.code === "untrusted") options.say(problem.message);
    }
  }
}

async function identify(server: Endpoint, options: MeetingOptions): Promise<Identity> {
  try {
    return await options.wait(identifyServer(server));
  } catch (problem) {
    return befriend(server, problem, options);
  }
}

/** A server that was refused because it was never met is trusted or not, before it is told anything; any other refusal stays one. */
async function befriend(server: Endpoint, problem: unknown, options: MeetingOptions): Promise<Identity> {
  const { trustOnFirstUse, say, confirm } = options;
  const trust = server.encryption instanceof Trust ? server.encryption : undefined;
  if (trust?.unknown === undefined || trustOnFirstUse === undefined) throw problem;
  const { fingerprint, why } = trust.unknown;
  if (trustOnFirstUse.isAsked) {
    say(`${trust.server} is new to you, and no authority vouches for its certificate: ${why}.`);
    say("Whoever runs the server can tell you its fingerprint. If it is another one, somebody else is listening:");
    options.show(`  ${fingerprint.slice(0, 48)}`, `  ${fingerprint.slice(48)}`);
    if (!(await confirm("Trust it from now on? [y/N] ")))
      throw new Refused({ code: "untrusted", text: "Not trusted. Nothing was sent." });
  } else say(`${trust.server} is new; from now on this fingerprint is trusted: ${fingerprint}`);
  const unusable = trust.keep(fingerprint);
  if (unusable !== undefined) throw new Refused({ code: "untrusted", text: unusable });
  return options.wait(identifyServer(server));
}
