// following.ts: the rooms that this account follows, and how far it has read them and its inbox, on whatever device. The server remembers
// both: what is read on one device is read on all, and a room that is left on one is left on all. Knows no socket.

import type { Followed, Ok, Request, Seen } from "../protocol.ts";
import { Confirmations } from "./confirmations.ts";
import { isRoom, LOBBY } from "./names.ts";

export interface FollowingHooks {
  /** Confirms what was read to the server; called between `start` and `stop` only. */
  confirm: (to: string, seq: number) => void;
  /** Asks the server, however often the connection is lost; `granted` is called if it says yes. */
  ask: (request: Request, granted?: () => void) => void;
  /** A room is followed: it is to be entered. */
  enter: (to: string) => void;
  /** A room was left on another device, or this account was taken out of it. */
  gone: (to: string, isExpelled: boolean) => void;
}
interface Room {
  seen: number; // seq up to which this account has read it
  isKept: boolean; // the server remembers it
}

export class Following {
  readonly #hooks: FollowingHooks;
  readonly #isWanted: boolean;
  readonly #confirmations: Confirmations;
  readonly #rooms = new Map<string, Room>(); // that were entered, or are followed
  #isPossible = false; // the server remembers rooms; one of version 1 would take it for the inbox

  /** `isWanted`: what this account follows is entered, and what is entered is followed. */
  constructor(hooks: FollowingHooks, isWanted: boolean) {
    this.#hooks = hooks;
    this.#isWanted = isWanted;
    this.#confirmations = new Confirmations(hooks.confirm);
  }

  /** Signed in; what is confirmed is sent. */
  start(): void {
    this.#confirmations.start();
  }
  stop(): void {
    this.#confirmations.stop();
  }
  /** Confirms at once what waits. */
  hurry(): void {
    this.#confirmations.hurry();
  }
  /** The same, for the last time. */
  finish(): void {
    this.hurry();
    this.stop();
  }

  /** Takes in what the server remembers, when it lets us in. */
  signedIn(follows: readonly Followed[] | undefined): void {
    this.#isPossible = follows !== undefined;
    if (follows === undefined || !this.#isWanted) return;
    const kept = new Set(follows.map(({ to }) => to));
    for (const [to, { isKept }] of this.#rooms) if (isKept && !kept.has(to) && to !== LOBBY) this.gone(to);
    for (const { to, seen } of follows) {
      this.#note(to, seen, true);
      this.#hooks.enter(to);
    }
  }

  /** A room was entered that has a `head`. Returns how far it was read: what was said before the first visit is not new. */
  entered(to: string, head: number, { seen = 0 }: Ok): number {
    const isFirst = !this.#rooms.has(to) && seen === 0;
    const read = this.#note(to, isFirst ? head : seen);
    if (this.#isWanted && this.#isPossible && !this.#rooms.get(to)!.isKept)
      this.#hooks.ask({ type: "seen", to, seq: read }, () => this.#kept(to, read));
    return read;
  }

  /** The server remembers a room from now on, and has it as read up to a seq. */
  #kept(to: string, seq: number): void {
    if (!this.#rooms.has(to)) return; // it was left meanwhile
    const seen = this.#note(to, seq, true);
    if (seen > seq) this.#confirmations.read(to, seen);
  }

  /** A person or a program here has read a conversation ("@": the inbox) up to a seq. */
  read(to: string, seq: number): void {
    if (isRoom(to)) {
      const room = this.#rooms.get(to);
      if (room === undefined || !this.#isPossible) return;
      this.#note(to, seq);
      if (this.#isWanted && !room.isKept) return; // it will be, or this account follows as many as it may
    }
    this.#confirmations.read(to, seq);
  }

  /** Another device of this account has read a conversation, or left a room. Returns whether it was read. */
  readElsewhere({ to, seq }: Seen): boolean {
    if (seq === undefined) {
      if (to === LOBBY || !this.#rooms.has(to)) return false; // nobody leaves the lobby
      this.#hooks.ask({ type: "leave", to });
      this.gone(to);
    } else if (isRoom(to)) this.#note(to, seq);
    return seq !== undefined;
  }

  /** A conversation was left, or is another one since an older copy of the server was restored. */
  forget(to: string): void {
    this.#rooms.delete(to);
    this.#confirmations.forget(to);
  }

  /** A room was left without a request of ours. */
  gone(to: string, isExpelled = false): void {
    this.forget(to);
    this.#hooks.gone(to, isExpelled);
  }

  #note(to: string, seq: number, isKept = false): number {
    const known = this.#rooms.get(to);
    const seen = Math.max(seq, known?.seen ?? 0);
    this.#rooms.set(to, { seen, isKept: isKept || known?.isKept === true });
    return seen;
  }
}
