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
  readonly #asked = new Map<string, Asked>(); // by id
  #lost: Refused | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Whether an answer is waited for. */
  get isAsking(): boolean {
    return this.#asked.size > 0;
  }

  /** Asks; `onOk` is called when it is granted, before anything that came after the answer is looked at. Rejects with
   *  `Refused` when the link is lost before the answer. */
  ask(request: Request & { id: string }, onOk: (answer: Ok) => void = () => {}): Promise<Ok | Failure> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      const answered = (answer: Ok | Failure) => {
        if (answer.type === "ok") onOk(answer);
        resolve(answer);
      };
      this.#asked.set(request.id, { answered, lost: reject });
      this.#link.send(request);
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
