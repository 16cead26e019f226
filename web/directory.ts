// directory.ts: who is signed in, with whom one wrote, and which rooms there are, as the server told it last. Shows nothing.

import type { Ok, Presence, Request } from "../protocol.ts";

export class Directory {
  readonly #ask: (request: Request) => Promise<Ok | undefined>;
  readonly #onChange: () => void;
  present = new Set<string>();
  rooms: { to: string; users: number }[] = [];
  readonly #partners = new Map<string, number>(); // inbox seq of the last message with each

  /** `ask` resolves with nothing when a request is refused; `onChange` is called when an answer has come. */
  constructor(ask: (request: Request) => Promise<Ok | undefined>, onChange: () => void) {
    this.#ask = ask;
    this.#onChange = onChange;
  }

  /** Somebody came or went. */
  presence({ type, to, users }: Presence): void {
    if (to !== "*") return;
    for (const user of users) {
      if (type === "joined") this.present.add(user);
      else this.present.delete(user);
    }
  }

  async readPeople(): Promise<void> {
    const answer = await this.#ask({ type: "who" });
    if (answer !== undefined) this.present = new Set(answer.users);
    this.#onChange();
  }

  /** A direct message was written with somebody. */
  wrote(user: string, seq: number): void {
    this.#partners.set(user, Math.max(seq, this.#partners.get(user) ?? 0));
  }
  /** With whom one wrote, the last one first. */
  get partners(): string[] {
    return [...this.#partners].sort(([, one], [, other]) => other - one).map(([user]) => user);
  }
  async readPartners(): Promise<void> {
    const answer = await this.#ask({ type: "people" });
    for (const { user, seq } of answer?.people ?? []) this.wrote(user, seq);
    this.#onChange();
  }

  async readRooms(): Promise<void> {
    const answer = await this.#ask({ type: "rooms" });
    if (answer !== undefined) this.rooms = answer.rooms ?? [];
    this.#onChange();
  }
}
