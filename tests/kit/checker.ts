// checker.ts: judges a run against the delivery promises: everything that was said, answered and shown, step by step in the
// order in which it happened, and at the end the log as the server has it. Pure: knows no socket, no clock and no server.
// The text of a say is its identity, so a run must never say the same text twice.

import type { Message } from "../../protocol.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import type { Call } from "./calls.ts";
import { Calls } from "./calls.ts";
import type { Ending } from "./readers.ts";
import { Readers } from "./readers.ts";
import { brief, Viewers } from "./viewers.ts";

export type Stored = Pick<Message, "to" | "seq" | "from" | "id" | "text">;

/** One thing that happened. A process is one client from its start to its end, through any number of connections; a viewer
 *  is whoever sees messages: a process, "alice.1" (what it hands on), one of its connections, "alice.1/3" (what comes over
 *  the wire), or one connection of a text session, "nora.1". */
export type Step =
  /** From now on a viewer sees a conversation, everything after `after`; absent: after what its account has confirmed. */
  | { step: "watch"; viewer: string; user: string; conversation: string; after?: number }
  /** From now on a text session is shown a conversation. `alone`: its account has no other connection meanwhile. */
  | { step: "read"; viewer: string; user: string; conversation: string; alone?: boolean }
  /** `typed`: at a text session, which is told nothing when it is stored. */
  | { step: "say"; call: number; by: string; from: string; to: string; text: string; typed?: true }
  | { step: "stored"; call: number; message: Stored }
  /** What was typed after this line was answered, so this line has been taken. */
  | { step: "taken"; call: number }
  | { step: "refused"; call: number; code: string }
  /** `answer`: it answers a say of this very connection, which may be a retry, so it may have been shown before. */
  | { step: "shown"; viewer: string; user: string; message: Stored; answer?: true }
  /** A text session was shown a line. */
  | { step: "line"; viewer: string; user: string; from: string; to: string; text: string }
  /** An account was told how far it has read a conversation that ends at `head`; `least` was confirmed before it asked. */
  | { step: "position"; user: string; conversation: string; seen: number; least: number; head: number }
  /** The server told a viewer that it holds less than it had shown before. */
  | { step: "reset"; viewer: string; conversation: string }
  /** A viewer sees nothing more. */
  | { step: "gone"; viewer: string; how: Ending };

export interface Run {
  steps: Step[];
  /** The end of it: every conversation ("#lab", "@alice") as the server has it, in the order it gives. */
  log: Record<string, Stored[]>;
  /** The processes and text sessions that were there at the end, when everything should have been answered and shown. */
  present: string[];
}

export type Rule =
  | "lost" // acknowledged, and not in the log at that place; or in one inbox of a direct message only
  | "doubled" // in the log twice
  | "phantom" // in the log or on a screen, and never said like that; or shown, and not in the log
  | "refused" // in the log although it was refused
  | "diverged" // shown differently to two viewers, or not as it is in the log
  | "out of sequence" // a viewer missed one, or saw one again or out of order
  | "hole" // the log of a conversation is not 1, 2, 3 …
  | "reordered" // what one process said is not in the order in which it said it
  | "overtaken" // said after another was answered, and placed before it
  | "leaked" // shown to, or kept in the inbox of, somebody whose conversation it is not
  | "reset" // the server fell back behind what it had shown
  | "forgotten" // what an account has read, or more of it is told than there is
  | "behind" // a process or text session present at the end has not seen everything
  | "unanswered" // a process or text session present at the end still waits for an answer
  | "unshown"; // a private message that counts as seen by a text session that was never shown it

export interface Violation {
  rule: Rule;
  what: string;
}
export type Report = (rule: Rule, what: string) => void;

/** What the log has said so far about one conversation. */
interface Told {
  entries: (Call | undefined)[]; // by place
  latest: Map<string, number>; // by process, when it said the last of its that was told
  newest: number; // when the last of them all was said
}

const MAX_VIOLATIONS = 10_000; // a server that is broken breaks every promise

/** Takes the steps of a run as they happen, then the log (`keep`), then judges its end (`finish`). */
export class Checker {
  readonly violations: Violation[] = [];
  readonly #report: Report = (rule, what) => {
    if (this.violations.length < MAX_VIOLATIONS) this.violations.push({ rule, what });
  };
  readonly #calls = new Calls();
  readonly #viewers = new Viewers(this.#report);
  readonly #readers = new Readers(this.#report);
  readonly #log = new Map<string, Told>();
  #now = 0; // steps

  /** Private messages that were on their way to a text session when it was cut, and were not shown again. */
  get unshown(): number {
    return this.#readers.unshown;
  }

  take(step: Step): void {
    const now = ++this.#now;
    switch (step.step) {
      case "watch":
        return this.#viewers.watch(step.viewer, step.conversation, step.after);
      case "read":
        return this.#readers.begin(step.viewer, step.user, step.conversation, step.alone ?? false, now);
      case "say":
        return this.#calls.add(step.call, step, now, step.typed);
      case "stored":
        return this.#acknowledge(this.#calls.settle(step.call, now), step.message);
      case "taken":
        this.#calls.settle(step.call, now).acknowledged = 0;
        return;
      case "refused":
        this.#calls.settle(step.call, now).refused = step.code;
        return;
      case "shown":
        return this.#viewers.shown(step.viewer, step.user, step.message, step.answer ?? false);
      case "line": {
        const { viewer, user, to } = step;
        return this.#readers.line(viewer, isRoom(to) ? to : inboxOf(user), step, this.#calls.find(step));
      }
      case "position": {
        const { user, conversation, seen, least, head } = step;
        if (seen < least || seen > head)
          this.#report("forgotten", `${user} is told ${seen} of ${conversation}, between ${least} and ${head}`);
        return;
      }
      case "reset":
        return this.#viewers.reset(step.viewer, step.conversation);
      case "gone":
        this.#viewers.gone(step.viewer);
        return this.#readers.gone(step.viewer, step.how, now);
    }
  }

  #acknowledge(call: Call, message: Stored): void {
    call.acknowledged = message.seq;
    if (this.#calls.find(message) !== call)
      this.#report("lost", `${brief(message)} was acknowledged to ${call.by}, who had said something else`);
    else this.#viewers.compare(answeredIn(call), message, call.by);
  }

  /** The next entry of a conversation, as the server has it at the end. */
  keep(conversation: string, entry: Stored): void {
    const told: Told = this.#log.get(conversation) ?? { entries: [], latest: new Map(), newest: 0 };
    this.#log.set(conversation, told);
    const place = told.entries.length + 1;
    if (entry.seq !== place)
      this.#report("hole", `${conversation} has seq ${entry.seq} where ${place} should be: ${brief(entry)}`);
    this.#viewers.compare(conversation, entry, "The log");
    const call = this.#calls.find(entry);
    const isSaid = call !== undefined && call.from === entry.from && call.to === entry.to;
    told.entries.push(isSaid ? call : undefined);
    if (!isSaid) this.#report("phantom", `${conversation} ${brief(entry)} was never said`);
    else this.#place(call, conversation, entry, told);
  }

  /** A say has this place in the log. */
  #place(call: Call, conversation: string, entry: Stored, told: Told): void {
    const what = `${conversation} ${brief(entry)}`;
    if (call.refused !== undefined) this.#report("refused", `${what} was refused: ${call.refused}`);
    const isOwn = conversation === answeredIn(call);
    if (!isOwn && (isRoom(call.to) || conversation !== inboxOf(call.to)))
      return this.#report("leaked", `${brief(entry)} is kept in ${conversation}`);
    if ((isOwn ? call.own : call.copy) > 0) return this.#report("doubled", `${what} is there a second time`);
    if (isOwn) call.own = entry.seq;
    else call.copy = entry.seq;
    if (isOwn && call.acknowledged && call.acknowledged !== entry.seq)
      this.#report("lost", `${what} was acknowledged at ${call.acknowledged}`);

    if ((told.latest.get(call.by) ?? 0) > call.invoked)
      this.#report("reordered", `${what} was said before something of ${call.by} that stands before it`);
    else told.latest.set(call.by, call.invoked);
    if (call.answered < told.newest)
      this.#report("overtaken", `${what} was answered before something was said that stands before it`);
    told.newest = Math.max(told.newest, call.invoked);
  }

  /** Judges the end; everything that breaks a promise, empty when all were kept. `present` as in a run. */
  finish(present: readonly string[]): Violation[] {
    const there = new Set(present);
    for (const one of there)
      if (!this.#viewers.has(one) && !this.#readers.has(one)) this.#report("behind", `"${one}" never got in`);
    for (const call of this.#calls.all) {
      const { by, from, to } = call;
      const what = `What ${by} said to ${to} as number ${call.invoked}`;
      if (call.acknowledged !== undefined && call.own === 0)
        this.#report("lost", `${what} was acknowledged, and ${answeredIn(call)} does not have it`);
      const hasTwo = !isRoom(to) && to !== from;
      if (hasTwo && (call.own === 0) !== (call.copy === 0))
        this.#report("lost", `${what} is in one of the two inboxes only`);
      if (call.answered === Infinity && there.has(by)) this.#report("unanswered", `${what} has no answer`);
    }
    const log = new Map(Array.from(this.#log, ([name, { entries }]) => [name, entries]));
    this.#viewers.finish(present, new Map(Array.from(log, ([name, { length }]) => [name, length])));
    this.#readers.finish(present, log);
    return this.violations;
  }
}

/** Everything in a run that breaks a promise; empty when it kept them all. */
export function check({ steps, log, present }: Run): Violation[] {
  const checker = new Checker();
  for (const step of steps) checker.take(step);
  for (const [conversation, entries] of Object.entries(log))
    for (const entry of entries) checker.keep(conversation, entry);
  return checker.finish(present);
}

/** How often each rule was broken, most often first: `lost 3, behind 1`. */
export function summary(violations: readonly Violation[]): string {
  const counts = new Map<Rule, number>();
  for (const { rule } of violations) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([rule, count]) => `${rule} ${count}`).join(", ") || "none";
}
