// link.ts: what a lasting connection needs of one way to a server, whatever it is made of: client/tcp.ts opens a TCP
// socket, client/websocket.ts and web/websocket.ts a WebSocket. Also how a server, or the way to it, says no.

import type { Event, Failure, Request } from "../protocol.ts";

/** A request the server refused (its own code), a connection that could not be made ("unreachable") or must not be
 *  ("untrusted"), or one that was closed before the answer ("closed"). */
export class Refused extends Error {
  readonly code: string;
  readonly after: number | undefined; // seconds
  readonly brief: string; // the text in a few words, where several servers are told of in one sentence
  constructor({ code, text, after, brief }: Pick<Failure, "text" | "after"> & { code: string; brief?: string }) {
    super(text);
    this.code = code;
    this.after = after;
    this.brief = brief ?? text.split(". ")[0]!.replace(/\.$/, "");
  }
}

const ABOUT_WAY = ["unreachable", "untrusted", "lost"]; // codes that no server has said
/** What one server says of itself, where another of the same chat may say something else. */
const ABOUT_SERVER: Record<string, string> = {
  unavailable: "cannot store anything now",
  busy: "is too busy",
  server_full: "is full",
  too_many: "has too many connections from here",
  internal: "has an error",
};

/** Whether another server of the same chat may let in whom this one did not. A refusal of the account is the chat's answer. */
export function isOfServer({ code }: Refused): boolean {
  return ABOUT_WAY.includes(code) || code in ABOUT_SERVER;
}

/** The refusals of several servers as one, whose sentence names each server and why; a single one stays as it is. */
export function refusedByAll(tries: readonly { server: string; problem: Refused }[]): Refused {
  const problems = tries.map(({ problem }) => problem);
  if (problems.length === 1) return problems[0]!;
  const briefs = Map.groupBy(tries, ({ server, problem: { code, brief } }) => {
    const why = ABOUT_SERVER[code] ?? brief.replace(`${server} `, "");
    return why.charAt(0).toLowerCase() + why.slice(1);
  });
  const groups = [...briefs].map(([brief, group]) => `${group.map(({ server }) => server).join(", ")} (${brief})`);
  const text = `None of the ${tries.length} servers lets you in: ${groups.join("; ")}.`;
  const said = problems.find(({ code }) => code in ABOUT_SERVER) ?? problems.find(({ code }) => code === "untrusted");
  const { code, after } = said ?? { code: "unreachable", after: undefined };
  return new Refused({ code, text, ...(after !== undefined && { after }) });
}

/** An open connection to a server: requests out, events that can be trusted in. It does not come back. */
export interface Link {
  send(request: Request): void;
  /** Who hears the events. Those that came before wait until somebody does. */
  listen(onEvent: (event: Event) => void): void;
  /** Stops reading, or goes on; where that cannot be done, nothing happens. */
  pause(on: boolean): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once, whatever waits on either side. */
  cut(): void;
  /** When the server was last heard, in ms since 1970. While nothing is read, it counts as heard. */
  readonly heard: number;
  /** Resolves when the connection is over, with a sentence if the reason is known. */
  readonly gone: Promise<string | undefined>;
}
