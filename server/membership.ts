// membership.ts: one conversation while somebody is in it: its members, who of them has everything that was said so far, and up to where
// that is. Sends nothing.

import type { Entry, Member } from "./delivery.ts";
import { Roster } from "./roster.ts";

export class Membership {
  readonly name: string; // of the conversation
  readonly members = new Set<Member>(); // everybody in it, also those who are still catching up
  readonly live = new Set<Member>(); // who has everything up to `head` and gets what comes next
  readonly replaying = new Set<Member>(); // who is being sent what was said before; of the rest they hear who comes and goes
  readonly roster = new Roster();
  /** Seq of the last message delivered. */
  head = 0;
  /** Until `head` is known. */
  ready: Promise<void> | undefined;

  /** `head`: of what is stored. A batch may be delivered while it is read, so the larger of the two counts. */
  constructor(name: string, head: Promise<number>) {
    this.name = name;
    this.ready = head.then((stored) => {
      this.head = Math.max(this.head, stored);
      this.ready = undefined;
    });
  }

  remove(member: Member): void {
    this.members.delete(member);
    this.live.delete(member);
    this.replaying.delete(member);
  }

  /** What of a batch is news here: a member that entered while the batch was stored has read its messages from the history already. */
  fresh(entries: readonly Entry[]): Entry[] {
    return entries.filter(({ event, only }) => only || event.type !== "message" || event.seq > this.head);
  }
}
