// positions.ts: the rooms somebody is in, and the seq of the last message they have of each and of their inbox. Tells
// new messages from repeated ones, and makes a new link resume where the last one ended. Holds no message.

import type { Message, Ok, Request } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { ClientEvent } from "./feed.ts";
import { isRoom } from "./names.ts";

/** Where a connection begins. */
export interface Beginning {
  rooms?: readonly string[] | undefined; // joined at the start
  backlog?: boolean | undefined; // whether a room's last messages come first (true); a bot that answers says false
  /** Seq of the last message that was dealt with in an earlier life, by room ("@": the inbox): what came later comes first. */
  since?: Readonly<Record<string, number>> | undefined;
  epoch?: string | undefined; // of the history in which these are places
}

export class Positions {
  /** Seq of the last message handed on, by room, "@" for the inbox; not known until the server has said where they
   *  begin. */
  readonly #seqs: Map<string, number | undefined>;
  readonly #heads = new Map<string, number>(); // seq of the last message that a room had when it was entered
  readonly #backlog: boolean;
  #epoch: string | undefined; // of the history in which these are places

  constructor({ rooms = [], backlog = true, since = {}, epoch }: Beginning) {
    this.#seqs = new Map(["@", ...rooms].map((to) => [to, since[to]]));
    this.#backlog = backlog;
    this.#epoch = epoch;
  }

  get rooms(): string[] {
    return [...this.#seqs.keys()].filter(isRoom);
  }

  /** A sign-in or a join that goes on where we are; other requests as they are. */
  resume(request: Request): Request {
    if (request.type !== "login" && request.type !== "join") return request;
    const since = this.#seqs.get(request.type === "join" ? request.to : "@");
    if (since === undefined) return request;
    return request.type === "join" || this.#epoch === undefined
      ? { ...request, since }
      : { ...request, since, epoch: this.#epoch };
  }

  /** Takes in what an `ok` says about rooms and inbox. MUST be called before any message that came after it is taken.
   *  Returns the events there are to tell. */
  granted(request: Request, answer: Ok): ClientEvent[] {
    const { seq = 0, seen = seq, users = [], hosts = [], settings = [], reset, epoch } = answer;
    switch (request.type) {
      case "login":
      case "register":
        return [...this.#replaced(reset, epoch), { type: "inbox", seq, seen, hosts, settings }];
      case "join": {
        const { to } = request;
        this.#heads.set(to, seq);
        const told = reset ? [this.#restored(to)] : [];
        if (this.#seqs.get(to) === undefined)
          this.#seqs.set(to, this.#backlog ? Math.max(0, seq - LIMITS.backlog) : seq);
        return [...told, { type: "entered", to, users, seq, seen, settings, epoch }];
      }
      case "leave":
        this.leave(request.to);
        return [];
      default:
        return [];
    }
  }

  /** Another epoch than before: the history was replaced by an older copy, and no place of ours is one there. */
  #replaced(reset: true | undefined, epoch: string | undefined): ClientEvent[] {
    const isAnother = this.#epoch !== undefined && epoch !== undefined && epoch !== this.#epoch;
    this.#epoch = epoch;
    if (!isAnother) return reset ? [this.#restored("@")] : [];
    const known = [...this.#seqs].filter(([, seq]) => seq !== undefined);
    return known.map(([to]) => this.#restored(to));
  }

  #restored(to: string): ClientEvent {
    this.#seqs.set(to, undefined);
    return { type: "reset", to };
  }

  /** All that waited in the inbox has come, up to its `head`. Where nothing came, all of it was confirmed: its head is
   *  kept nevertheless, so that what another device confirms while we are away is still replayed to us. */
  inboxEnds(head: number): void {
    if (this.#seqs.get("@") === undefined) this.#seqs.set("@", head);
  }

  /** A room that is entered at the next sign-in, or the one under way. */
  join(room: string): void {
    if (!this.#seqs.has(room)) this.#seqs.set(room, undefined);
  }
  leave(room: string): void {
    this.#seqs.delete(room);
  }

  /** Whether a message of a room was said since it was entered last. */
  isLive({ to, seq }: Message): boolean {
    return seq > (this.#heads.get(to) ?? 0);
  }

  /** Takes a message that came: "new"; "known", which is also one of a room we are not in; or "gap", when one before it
   *  is missing. */
  take({ to, seq }: Message): "new" | "known" | "gap" {
    const conversation = isRoom(to) ? to : "@";
    const last = this.#seqs.get(conversation) ?? seq - 1;
    if (!this.#seqs.has(conversation) || seq <= last) return "known";
    if (seq > last + 1) return "gap";
    this.#seqs.set(conversation, seq);
    return "new";
  }
}
