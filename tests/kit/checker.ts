// checker.ts: judges a run against the delivery promises: everything that was said, answered and shown, in the order in
// which it was recorded, and the log as the server has it at the end. Pure: knows no socket, no clock and no server.
// The text of a say is its identity, so a run must never say the same text twice.

import type { Message } from "../../protocol.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";

export type Stored = Pick<Message, "to" | "seq" | "from" | "id" | "text">;

/** One thing that happened. A process is one client from its start to its end, through any number of connections; a viewer
 *  is whoever sees messages: a process, "alice.1" (what it hands on), or one of its connections, "alice.1/3" (what comes
 *  over the wire). */
export type Step =
  /** From now on a viewer sees a conversation, everything after `after`; absent: after what its account has confirmed. */
  | { step: "watch"; viewer: string; user: string; conversation: string; after?: number }
  | { step: "say"; call: number; by: string; from: string; to: string; text: string }
  | { step: "stored"; call: number; message: Stored }
  | { step: "refused"; call: number; code: string }
  /** `answer`: it answers a say of this very connection, which may be a retry, so it may have been shown before. */
  | { step: "shown"; viewer: string; user: string; message: Stored; answer?: true }
  /** The server told a viewer that it holds less than it had shown before. */
  | { step: "reset"; viewer: string; conversation: string };

export interface Run {
  steps: Step[];
  /** The end of it: every conversation ("#lab", "@alice") as the server has it, in the order it gives. */
  log: Record<string, Stored[]>;
  /** The processes that were there at the end, when everything should have been answered and shown. */
  present: string[];
}

export type Rule =
  | "lost" // acknowledged, and not in the log at that place; or in one inbox of a direct message only
  | "doubled" // said once, in a conversation's log twice
  | "phantom" // shown, or in the log, and not in the log or never said
  | "refused" // refused, and in the log all the same
  | "diverged" // somebody saw another message at that place than the log has
  | "out of sequence" // a viewer saw something other than last + 1
  | "hole" // the log's seqs are not 1, 2, 3 ...
  | "reordered" // one process's messages in another order than it said them
  | "overtaken" // said after another was answered, and before it in the log
  | "leaked" // somebody saw, or the log has in a conversation, what does not belong there
  | "reset" // the server holds less than it had shown
  | "behind" // a process present at the end has not seen everything
  | "unanswered"; // a process present at the end still waits for an answer

export interface Violation {
  rule: Rule;
  what: string;
}

interface Call {
  step: Step & { step: "say" };
  invoked: number; // index of its step
  answered: number; // likewise; Infinity while nobody knows what became of it
  stored?: Stored;
  refused?: string;
}
interface View {
  user: string;
  conversation: string;
  last: number | undefined; // seq; undefined until the first message where it is not known where it begins
}
type Report = (rule: Rule, what: string) => void;

/** Everything in a run that breaks a promise; empty when it kept them all. */
export function check(run: Run): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (rule, what) => void violations.push({ rule, what });
  const calls = collectCalls(run.steps);
  checkLog(run.log, calls, report);
  checkAnswers(run.log, calls, report);
  const { views, handedOn } = checkViews(run, report);
  checkOrder(run.log, calls, report);
  checkEnd(run, calls, views, handedOn, report);
  return violations;
}

/** How often each rule was broken, most often first: `lost 3, behind 1`. */
export function summary(violations: readonly Violation[]): string {
  const counts = new Map<Rule, number>();
  for (const { rule } of violations) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([rule, count]) => `${rule} ${count}`).join(", ") || "none";
}

function collectCalls(steps: readonly Step[]): Map<string, Call> {
  const calls = new Map<string, Call>();
  const byNumber = new Map<number, Call>();
  for (const [index, step] of steps.entries()) {
    if (step.step === "say") {
      if (calls.has(step.text)) throw new Error(`A run must not say the same text twice: ${step.text}`);
      const call: Call = { step, invoked: index, answered: Infinity };
      calls.set(step.text, call);
      byNumber.set(step.call, call);
    } else if (step.step === "stored" || step.step === "refused") {
      const call = byNumber.get(step.call)!;
      call.answered = index;
      if (step.step === "stored") call.stored = step.message;
      else call.refused = step.code;
    }
  }
  return calls;
}

/** The conversations that a message to `to` is kept in. */
function homes({ to, from }: { to: string; from: string }): string[] {
  return isRoom(to) ? [to] : [...new Set([inboxOf(from), inboxOf(to)])];
}

function checkLog(log: Run["log"], calls: Map<string, Call>, report: Report): void {
  const kept = new Map<string, Set<string>>(); // text to the conversations it is in
  for (const [conversation, entries] of Object.entries(log)) {
    for (const [index, entry] of entries.entries()) {
      if (entry.seq !== index + 1)
        report("hole", `${conversation} has seq ${entry.seq} where ${index + 1} should be: ${brief(entry)}`);
      const call = calls.get(entry.text);
      if (call === undefined || call.step.from !== entry.from || call.step.to !== entry.to) {
        report("phantom", `${conversation} ${brief(entry)} was never said`);
        continue;
      }
      if (call.refused !== undefined) report("refused", `${conversation} ${brief(entry)} was refused: ${call.refused}`);
      if (!homes(entry).includes(conversation)) report("leaked", `${brief(entry)} is kept in ${conversation}`);
      const places = kept.get(entry.text) ?? new Set();
      if (places.has(conversation)) report("doubled", `${conversation} has ${brief(entry)} a second time`);
      kept.set(entry.text, places.add(conversation));
    }
  }
  for (const [text, places] of kept)
    for (const home of homes(calls.get(text)!.step))
      if (!places.has(home)) report("lost", `"${shorten(text)}" is in ${[...places].join()} and not in ${home}`);
}

function checkAnswers(log: Run["log"], calls: Map<string, Call>, report: Report): void {
  for (const { stored, step } of calls.values()) {
    if (stored === undefined) continue;
    const entry = at(log, answeredIn(step), stored.seq);
    if (entry === undefined || !isSame(entry, stored) || stored.text !== step.text)
      report("lost", `${answeredIn(step)} ${brief(stored)} was acknowledged; the log has ${brief(entry)} there`);
  }
}

/** Follows every viewer through its conversations. */
function checkViews({ steps, log }: Run, report: Report) {
  const views = new Map<string, View>();
  const handedOn = new Map<string, number>(); // conversation to the last seq that a process handed on; an inbox's are of its account
  for (const step of steps) {
    if (step.step === "watch") {
      const { viewer, user, conversation, after } = step;
      views.set(`${viewer} ${conversation}`, { user, conversation, last: after });
    } else if (step.step === "reset") {
      report("reset", `${step.viewer} was told to start ${step.conversation} over`);
      const view = views.get(`${step.viewer} ${step.conversation}`);
      if (view !== undefined) view.last = undefined;
    }
    if (step.step !== "shown") continue;

    const { viewer, user, message, answer } = step;
    const { to, from, seq } = message;
    const conversation = isRoom(to) ? to : inboxOf(user);
    const view = views.get(`${viewer} ${conversation}`);
    if (view === undefined || (!isRoom(to) && user !== to && user !== from)) {
      report("leaked", `${viewer} saw ${brief(message)} to ${to}, which is not theirs`);
      continue;
    }
    const entry = at(log, conversation, seq);
    if (entry === undefined)
      report("phantom", `${viewer} saw ${conversation} ${brief(message)}; the log does not have it`);
    else if (!isSame(entry, message))
      report("diverged", `${viewer} saw ${conversation} ${brief(message)}; the log has ${brief(entry)} there`);

    const seen = handedOn.get(conversation) ?? 0;
    // Where an inbox begins is the server's to know, but never past what its account has been shown.
    const last = view.last ?? Math.min(seen, seq - 1);
    if (seq !== last + 1 && !(answer && seq <= last))
      report("out of sequence", `${viewer} saw ${conversation} ${brief(message)} after ${last}`);
    view.last = Math.max(last, seq);
    if (!viewer.includes("/")) handedOn.set(conversation, Math.max(seen, seq));
  }
  return { views, handedOn };
}

function checkOrder(log: Run["log"], calls: Map<string, Call>, report: Report): void {
  for (const [conversation, entries] of Object.entries(log)) {
    const latest = new Map<string, Call>(); // of each process
    let soonest: Call | undefined; // of all that follow, the one answered first
    for (const entry of entries) {
      const call = calls.get(entry.text);
      if (call === undefined) continue;
      const before = latest.get(call.step.by);
      if (before !== undefined && before.invoked > call.invoked)
        report("reordered", `${conversation} ${brief(entry)} was said before "${shorten(before.step.text)}"`);
      else latest.set(call.step.by, call);
    }
    for (const entry of entries.toReversed()) {
      const call = calls.get(entry.text);
      if (call === undefined) continue;
      if (soonest !== undefined && soonest.answered < call.invoked)
        report("overtaken", `${conversation} ${brief(entry)} comes before one answered before it was said`);
      if (soonest === undefined || call.answered < soonest.answered) soonest = call;
    }
  }
}

function checkEnd(
  { log, present }: Run,
  calls: Map<string, Call>,
  views: Map<string, View>,
  handedOn: Map<string, number>,
  report: Report,
): void {
  for (const process of present)
    for (const [name, view] of views) {
      const { conversation } = view;
      // Whose account had confirmed all of its inbox before it came has nothing to see there.
      const last = view.last ?? handedOn.get(conversation) ?? 0;
      const head = log[conversation]?.length ?? 0;
      if (name === `${process} ${conversation}` && last < head)
        report("behind", `${process} saw ${conversation} up to ${last} of ${head}`);
    }
  for (const { step, answered } of calls.values())
    if (answered === Infinity && present.includes(step.by))
      report("unanswered", `${step.by} still waits for "${shorten(step.text)}" to ${step.to}`);
}

function at(log: Run["log"], conversation: string, seq: number): Stored | undefined {
  const entry = log[conversation]?.[seq - 1];
  return entry?.seq === seq ? entry : log[conversation]?.find((other) => other.seq === seq);
}

function isSame(one: Stored, other: Stored): boolean {
  return one.from === other.from && one.id === other.id && one.text === other.text && one.to === other.to;
}

function brief(entry: Stored | undefined): string {
  return entry === undefined ? "nothing" : `${entry.seq} ${entry.from} "${shorten(entry.text)}"`;
}

function shorten(text: string): string {
  return text.length <= 24 ? text : `${text.slice(0, 23)}…`;
}
