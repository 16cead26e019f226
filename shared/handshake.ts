// handshake.ts: the requests of one sign-in over one link, and their answers. Unlike what is asked later
// (unanswered.ts) they end with the link: the next sign-in asks anew.

import type { Failure, Ok, Request } from "../protocol.ts";
import type { Link } from "./link.ts";
import { Refused } from "./link.ts";

/** Who signs in, and with what. */
export interface Credentials {
  readonly user: string;
  /** The request that signs in now. */
  readonly request: Request;
  /** The server has accepted it, and may give a token for the next time. */
  accepted(answer: Ok): void;
  /** The server says `bad_login`. Returns whether there is something else to try, which is in `request` then. */
  refused(): boolean;
}
interface Asked {
  answered: (answer: Ok | Failure) => void;
  lost: (problem: Refused) => void;
}

export class Handshake {
  readonly #link: Link;
  readonly #ready: (request: Request) => Request & { id: string };
  readonly #granted: (request: Request, answer: Ok) => void;
  readonly #asked = new Map<string, Asked>(); // by id
  #lost: Refused | undefined;

  /** `ready` makes a request as it is sent; `granted` is told of each `ok`, before anything that came after it is looked at. */
  constructor(
    link: Link,
    ready: (request: Request) => Request & { id: string },
    granted: (request: Request, answer: Ok) => void,
  ) {
    this.#link = link;
    this.#ready = ready;
    this.#granted = granted;
  }

  /** Whether an answer is waited for. */
  get isAsking(): boolean {
    return this.#asked.size > 0;
  }

  /** Signs in, enters the rooms there are then, and waits until all that was missed has come; `refused` is told of a room that one
   *  may not enter. Returns the inbox's last seq. Rejects with `Refused`, also when the link is lost meanwhile. */
  async signIn(
    credentials: Credentials,
    rooms: () => readonly string[],
    refused: (room: string, why: Failure) => void,
  ): Promise<number> {
    let answer = await this.#ask(credentials.request);
    if (answer.type === "error" && answer.code === "bad_login" && credentials.refused())
      answer = await this.#ask(credentials.request);
    if (answer.type === "error") throw new Refused(answer);
    credentials.accepted(answer);
    const entering = rooms().map(async (to) => {
      const entered = await this.#ask({ type: "join", to });
      if (entered.type === "error") refused(to, entered);
    });
    await Promise.all(entering);
    await this.#ask({ type: "ping" }); // its answer comes after everything that was missed
    return answer.seq ?? 0;
  }

  #ask(request: Request): Promise<Ok | Failure> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      const answered = (answer: Ok | Failure) => {
        if (answer.type === "ok") this.#granted(request, answer);
        resolve(answer);
      };
      const asked = this.#ready(request);
      this.#asked.set(asked.id, { answered, lost: reject });
      this.#link.send(asked);
    });
  }

  /** Takes an answer; returns whether it was to a request of this sign-in. */
  settle(answer: Ok | Failure): boolean {
    const asked = this.#asked.get(answer.id ?? "");
    if (asked === undefined) return false;
    this.#asked.delete(answer.id!);
    asked.answered(answer);
    return true;
  }

  /** The link is lost. */
  fail(why: string): void {
    this.#lost = new Refused({ code: "unreachable", text: why });
    for (const { lost } of this.#asked.values()) lost(this.#lost);
    this.#asked.clear();
  }
}
