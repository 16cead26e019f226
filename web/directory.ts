// directory.ts: who is signed in, with whom one wrote, and which rooms there are, as the server told it last. Shows nothing.

import type { Message, Ok, Presence, Request } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import type { Ignored } from "./ignored.ts";
import type { Thread } from "./threads.ts";

export class Directory {
  readonly #user: string;
  readonly ignored: Ignored;
  readonly #ask: (request: Request) => Promise<Ok | undefined>;
  readonly #onChange: () => void;
  present = new Set<string>();
  muted = new Set<string>(); // as hosts are told
  banned = new Set<string>();
  readonly #absent = new Map<string, string[]>(); // by room: who follows it and was not there when it was asked
  #partner: string | undefined;
  rooms: { to: string; users: number }[] = [];
  readonly #partners = new Map<string, number>(); // inbox seq of the last message with each

  /** `ask` resolves with nothing when a request is refused; `onChange` is called when an answer has come. */
  constructor(
    user: string,
    ignored: Ignored,
    ask: (request: Request) => Promise<Ok | undefined>,
    onChange: () => void,
  ) {
    this.#user = user;
    this.ignored = ignored;
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

  /** What should be known of somebody beside their name. */
  stateOf(user: string): string {
    if (this.banned.has(user)) return "sent out";
    if (this.muted.has(user)) return "muted";
    if (this.ignored.has(user)) return "ignored";
    return this.present.has(user) ? "" : "away";
  }
  async readPeople(): Promise<void> {
    const answer = await this.#ask({ type: "who" });
    if (answer !== undefined) {
      this.present = new Set(answer.users);
      this.muted = new Set(answer.muted);
      this.banned = new Set(answer.banned);
    }
    this.#onChange();
  }

  /** Who follows a room and is not there, as far as it was asked. */
  absent(room: string): string[] {
    return this.#absent.get(room) ?? [];
  }
  async readAbsent(room: string): Promise<void> {
    const answer = await this.#ask({ type: "who", to: room });
    if (answer !== undefined) this.#absent.set(room, answer.away ?? []);
    this.#onChange();
  }

  /** A direct message was written with somebody. */
  wrote(user: string, { seq, from }: Pick<Message, "seq" | "from">): void {
    this.#met(user, seq);
    if (from !== this.#user && !this.ignored.has(from)) this.#partner = from;
  }
  #met(user: string, seq: number): void {
    this.#partners.set(user, Math.max(seq, this.#partners.get(user) ?? 0));
  }
  /** Who wrote the last direct message that is not one's own: whom `/r` answers. */
  get partner(): string | undefined {
    return this.#partner;
  }
  async findPartner(): Promise<void> {
    if (this.#partner !== undefined) return;
    const answer = await this.#ask({ type: "history", to: "@" });
    this.#partner ??= answer?.messages?.findLast(({ from }) => from !== this.#user && !this.ignored.has(from))?.from;
  }
  /** With whom one wrote, the last one first. */
  get partners(): string[] {
    return [...this.#partners].sort(([, one], [, other]) => other - one).map(([user]) => user);
  }
  async readPartners(): Promise<void> {
    const answer = await this.#ask({ type: "people" });
    for (const { user, seq } of answer?.people ?? []) this.#met(user, seq);
    this.#onChange();
  }

  async readRooms(): Promise<void> {
    const answer = await this.#ask({ type: "rooms" });
    if (answer !== undefined) this.rooms = answer.rooms ?? [];
    this.#onChange();
  }

  /** Who and what can be named in a thread: first who spoke there last, and the rooms one has `joined`. */
  known({ name, entries, users }: Thread, joined: readonly string[]): { people: string[]; rooms: string[] } {
    const spoke = entries.flatMap((entry) => (entry.type === "message" ? entry.from : [])).reverse();
    const here = isRoom(name) ? users : [name];
    const people = new Set([...spoke, ...here, ...this.present, ...this.partners]);
    people.delete(this.#user);
    return { people: [...people], rooms: [...joined, ...this.rooms.map(({ to }) => to)] };
  }
}
