// checker.ts: judges a run against the delivery promises: everything that was said, answered and shown, step by step in the
// order in which it happened, and at the end the log as the server has it. Pure: knows no socket, no clock and no server.
// The id of a say or an act is its identity; a typed line has none, so its text is, and a run must never say the same text twice.

import type { Message } from "../../protocol.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import type { Asked, Call, Deed } from "./calls.ts";
import { Calls } from "./calls.ts";
import type { Belief, Database } from "./folding.ts";
import { Logbook } from "./logbook.ts";
import type { Ending, Line } from "./readers.ts";
import { Readers } from "./readers.ts";
import { brief, Viewers } from "./viewers.ts";

/** A message, as far as it is judged. */
export type Stored = Pick<Message, "to" | "seq" | "from" | "id" | "text"> &
  Partial<Pick<Message, "at" | "host" | "act" | "key" | "value" | "of" | "on" | "through" | "removed">>;

/** One thing that happened. A process is one client from its start to its end, through any number of connections; a viewer
 *  is whoever sees messages: a process, "alice.1" (what it hands on), one of its connections, "alice.1/3" (what comes over
 *  the wire), or one connection of a text session, "nora.1". */
export type Step =
  /** A viewer asks to see a conversation; a text session is opened. */
  | { step: "asks"; viewer: string; conversation: string }
  /** From now on a viewer sees a conversation, everything after `after`; absent: after what its account has confirmed. */
  | { step: "watch"; viewer: string; user: string; conversation: string; after?: number }
  /** From now on a text session is shown a conversation. `alone`: its account has no other connection meanwhile. */
  | { step: "read"; viewer: string; user: string; conversation: string; alone?: boolean }
  /** `typed`: at a text session, which is told nothing when it is stored. */
  | ({ step: "say"; call: number; text: string; typed?: true } & Asked)
  /** A host, or whoever removes what they said, asks to have something done. `aims`: the id of the direct message that is to go. */
  | ({ step: "act"; call: number; deed: Deed; aims?: string | undefined } & Asked)
  | { step: "stored"; call: number; message: Stored; at?: number }
  /** What was typed after this line was answered, so this line has been taken; `doubtful`: or it was refused. */
  | { step: "taken"; call: number; at?: number; doubtful?: boolean }
  | { step: "refused"; call: number; code: string; at?: number }
  /** `answer`: it answers a say of this very connection, which may be a retry, so it may have been shown before. */
  | { step: "shown"; viewer: string; user: string; message: Stored; answer?: true }
  /** A text session was shown a line. */
  | ({ step: "line"; viewer: string; user: string } & Line)
  /** An account was told how far it has read a conversation that ends at `head`; `least` was confirmed before it asked. */
  | { step: "position"; user: string; conversation: string; seen: number; least: number; head: number }
  /** The server told a viewer that it holds less than it had shown before. */
  | { step: "reset"; viewer: string; conversation: string }
  /** A viewer was put out of a room. */
  | { step: "out"; viewer: string; conversation: string }
  /** What a viewer, or at the end a newcomer, takes to be set in a place. */
  | ({ step: "believes" } & Belief)
  /** The server was killed. */
  | { step: "killed"; at: number }
  /** A viewer sees nothing more. */
  | { step: "gone"; viewer: string; how: Ending };

export interface Run {
  steps: Step[];
  /** The end of it: every conversation ("#lab", "@alice") as the server has it, in the order it gives. */
  log: Record<string, Stored[]>;
  /** The same as it is answered by `history`. */
  looked?: Record<string, Stored[]>;
  /** The processes and text sessions that were there at the end, when everything should have been answered and shown. */
  present: string[];
  hosts?: string[];
  /** What the server keeps beside its log. */
  database?: Database;
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
  | "unshown" // a private message that counts as seen by a text session that was never shown it
  | "forbidden" // done, and its author may not do that
  | "disobeyed" // said while an act that forbids it held
  | "withheld" // refused, and nothing held that forbids it
  | "emptied" // without an act that covers it, or not although one does
  | "unremoved" // shown to somebody who asked after it was removed
  | "unfolded"; // somebody, or the database, does not have what the acts of the log come to

export interface Violation {
  rule: Rule;
  what: string;
}
export type Report = (rule: Rule, what: string) => void;

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
  readonly #logbook: Logbook;
  readonly #aims = new Map<Call, string>(); // ids of direct messages that acts remove
  readonly #removed = new Map<string, Map<string, number>>(); // by conversation, by author and seq: the step in which somebody was told
  readonly #beliefs: Belief[] = [];
  readonly #looked: [conversation: string, message: Stored][] = [];
  #now = 0; // steps

  /** `hosts`: accounts that are hosts all the time. */
  constructor(hosts: readonly string[] = []) {
    this.#logbook = new Logbook(this.#calls, this.#viewers, new Set(hosts), this.#report);
  }

  /** Private messages that were on their way to a text session when it was cut, and were not shown again. */
  get unshown(): number {
    return this.#readers.unshown;
  }

  take(step: Step): void {
    const now = ++this.#now;
    switch (step.step) {
      case "asks":
        this.#viewers.asks(step.viewer, step.conversation, now);
        return this.#readers.asks(step.viewer, now);
      case "watch":
        return this.#viewers.watch(step.viewer, step.conversation, step.after);
      case "read":
        return this.#readers.begin(step.viewer, step.user, step.conversation, step.alone ?? false, now);
      case "say":
        return this.#calls.say(step.call, step, now, step.typed);
      case "act": {
        const call = this.#calls.act(step.call, step, now);
        if (step.aims !== undefined) this.#aims.set(call, step.aims);
        return;
      }
      case "stored":
        return this.#acknowledge(this.#calls.settle(step.call, now, step.at), step.message, now);
      case "taken": {
        const call = this.#calls.settle(step.call, now, step.at);
        if (!step.doubtful) call.acknowledged = 0;
        return;
      }
      case "refused":
        this.#calls.settle(step.call, now, step.at).refused = step.code;
        return;
      case "shown":
        this.#checkRemoved(step.viewer, step.user, step.message);
        return this.#viewers.shown(step.viewer, step.user, step.message, step.answer ?? false);
      case "line": {
        const { viewer, user, to, removed } = step;
        const call = removed === undefined ? this.#calls.find({ ...step, id: undefined }) : undefined;
        return this.#readers.line(viewer, isRoom(to) ? to : inboxOf(user), step, call);
      }
      case "position": {
        const { user, conversation, seen, least, head } = step;
        if (seen < least || seen > head)
          this.#report("forgotten", `${user} is told ${seen} of ${conversation}, between ${least} and ${head}`);
        return;
      }
      case "reset":
        return this.#viewers.reset(step.viewer, step.conversation);
      case "out":
        return this.#viewers.out(step.viewer, step.conversation);
      case "believes":
        return void this.#beliefs.push(step);
      case "killed":
        return this.#logbook.holding.killed(step.at);
      case "gone":
        this.#viewers.gone(step.viewer);
        return this.#readers.gone(step.viewer, step.how, now);
    }
  }

  #acknowledge(call: Call, message: Stored, now: number): void {
    call.acknowledged = message.seq;
    const text = message.key === "topic" ? message.value! : message.text;
    if (this.#calls.find({ ...message, text }) !== call)
      return this.#report("lost", `${brief(message)} was acknowledged to ${call.by}, who had said something else`);
    const conversation = answeredIn(call);
    this.#viewers.compare(conversation, message, call.by);
    if (message.act !== "remove") return;
    const { of, on = 1, through = 0 } = message;
    const removed = this.#removed.get(conversation) ?? new Map<string, number>();
    this.#removed.set(conversation, removed);
    for (let seq = on; seq <= through; seq++) if (!removed.has(`${of} ${seq}`)) removed.set(`${of} ${seq}`, now);
    const aim = this.#calls.named(call.from, this.#aims.get(call) ?? "");
    if (aim !== undefined) aim.removed = Math.min(aim.removed, now);
  }

  /** Whoever asks after a removal was acknowledged must not be shown what was said. */
  #checkRemoved(viewer: string, user: string, message: Stored): void {
    const { to, from, seq, id, act, removed } = message;
    if (act !== undefined || removed !== undefined || this.#removed.size === 0) return;
    const conversation = isRoom(to) ? to : inboxOf(user);
    const known = this.#removed.get(conversation)?.get(`${from} ${seq}`);
    const told = known ?? (isRoom(to) ? undefined : this.#calls.named(from, id)?.removed) ?? Infinity;
    if (told < this.#viewers.asked(viewer, conversation))
      this.#report("unremoved", `${viewer} saw ${conversation} ${brief(message)}, which had been removed before`);
  }

  /** What the server keeps beside its log; before the first entry. */
  stores(database: Database): void {
    this.#logbook.stores(database);
  }
  /** The next entry of a conversation, as the server has it at the end. */
  keep(conversation: string, entry: Stored): void {
    this.#logbook.keep(conversation, entry);
  }
  /** An entry as `history` answers it at the end. */
  look(conversation: string, entry: Stored): void {
    this.#viewers.compare(conversation, entry, "Whoever asks for it");
    this.#looked.push([conversation, entry]);
  }

  /** Judges the end; everything that breaks a promise, empty when all were kept. `present` as in a run. */
  finish(present: readonly string[]): Violation[] {
    const there = new Set(present);
    for (const one of there)
      if (!this.#viewers.has(one) && !this.#readers.has(one)) this.#report("behind", `"${one}" never got in`);
    for (const { by, to, invoked, answered } of this.#calls.all)
      if (answered === Infinity && there.has(by))
        this.#report("unanswered", `What ${by} said to ${to} as number ${invoked} has no answer`);
    const { entries, emptied } = this.#logbook.finish(this.#beliefs);
    for (const [conversation, { seq, removed }] of this.#looked)
      if (emptied.get(conversation)?.get(seq) !== removed)
        this.#report("unfolded", `${conversation} ${seq} is not answered as the acts of the log leave it`);
    const heads = new Map(Array.from(entries, ([name, { length }]) => [name, length]));
    this.#viewers.finish(present, heads, emptied);
    this.#readers.finish(present, entries, emptied);
    return this.violations;
  }
}

/** Everything in a run that breaks a promise; empty when it kept them all. */
export function check({ steps, log, looked = {}, present, hosts, database }: Run): Violation[] {
  const checker = new Checker(hosts);
  for (const step of steps) checker.take(step);
  if (database !== undefined) checker.stores(database);
  for (const [conversation, entries] of Object.entries(log))
    for (const entry of entries) checker.keep(conversation, entry);
  for (const [conversation, entries] of Object.entries(looked))
    for (const entry of entries) checker.look(conversation, entry);
  return checker.finish(present);
}

/** How often each rule was broken, most often first: `lost 3, behind 1`. */
export function summary(violations: readonly Violation[]): string {
  const counts = new Map<Rule, number>();
  for (const { rule } of violations) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([rule, count]) => `${rule} ${count}`).join(", ") || "none";
}
