// logbook.ts: judges the log that a server has at the end of a run: every entry was said or done, once, in order, and as its sender
// was told; what acts set and remove; and that nothing else was. Part of checker.ts.

import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import type { Call, Calls } from "./calls.ts";
import { hash } from "./calls.ts";
import type { Report, Stored } from "./checker.ts";
import { Crowd, isAsAsked } from "./crowd.ts";
import type { Belief, Database } from "./folding.ts";
import { decides, Emptied, Settled } from "./folding.ts";
import { Holding } from "./holding.ts";
import type { Viewers } from "./viewers.ts";
import { brief } from "./viewers.ts";

/** What the log has said so far about one conversation. */
interface Told {
  entries: (Call | undefined)[]; // by place
  authors: string[]; // by seq; "" of acts
  removed: Map<number, string>; // by seq: who has emptied it
  removals: Stored[]; // acts
  latest: Map<string, number>; // by process, when it said the last of its that was told
  newest: number; // when the last of them all was said
}
/** What the log comes to, by conversation. */
export interface Outcome {
  entries: ReadonlyMap<string, readonly (Call | undefined)[]>;
  emptied: ReadonlyMap<string, ReadonlyMap<number, string>>; // by seq: by whom
}

export class Logbook {
  readonly holding: Holding;
  readonly #calls: Calls;
  readonly #viewers: Viewers;
  readonly #report: Report;
  readonly #log = new Map<string, Told>();
  readonly #settled = new Settled();
  readonly #crowd = new Crowd();
  readonly #late: [call: Call, what: string][] = []; // that stand behind what was said after them
  #database: Database | undefined;

  constructor(calls: Calls, viewers: Viewers, hosts: ReadonlySet<string>, report: Report) {
    this.#calls = calls;
    this.#viewers = viewers;
    this.#report = report;
    this.holding = new Holding(hosts, report);
  }

  /** What the server keeps beside its log; before the first entry. */
  stores(database: Database): void {
    this.#database = database;
  }

  /** The next entry of a conversation. */
  keep(conversation: string, entry: Stored): void {
    const told: Told = this.#log.get(conversation) ?? {
      ...{ entries: [], authors: [], removed: new Map(), removals: [], latest: new Map(), newest: 0 },
    };
    this.#log.set(conversation, told);
    const { from, seq, act, removed } = entry;
    const place = told.entries.length + 1;
    if (seq !== place) this.#report("hole", `${conversation} has seq ${seq} where ${place} should be: ${brief(entry)}`);
    this.#viewers.compare(conversation, entry, "The log");
    const call = this.#callOf(conversation, entry);
    told.entries.push(call);
    told.authors[place] = act === undefined ? from : "";
    if (removed !== undefined) told.removed.set(place, removed);
    if (act === "remove") told.removals.push(entry);
    if (act === "set" && decides(conversation, entry)) this.#settled.take(entry);
    this.holding.take(conversation, entry, call);
    const isOwn = conversation === answeredIn(entry);
    if (isOwn) this.#crowd.invites(entry);
    if (call !== undefined) this.#place(call, conversation, entry, told);
    else if (!this.#crowd.found(entry, isOwn))
      this.#report("phantom", `${conversation} ${brief(entry)} was never said`);
  }

  /** What was said or done to be this entry. */
  #callOf(conversation: string, entry: Stored): Call | undefined {
    const { from, to, seq, removed, key, value = "" } = entry;
    const was = removed === undefined ? undefined : this.#database?.removed.get(conversation)?.get(seq);
    const call = this.#calls.find({ ...entry, text: key === "topic" ? value : (was ?? entry.text) });
    if (call === undefined || call.from !== from || call.to !== to) return undefined;
    return isAsAsked(call, entry, conversation === answeredIn(entry)) ? call : undefined;
  }

  /** A call has this place in the log. */
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
      this.#late.push([call, `${what} was said before something of ${call.by} that stands before it`]);
    else told.latest.set(call.by, call.invoked);
    if (call.answered < told.newest)
      this.#report("overtaken", `${what} was answered before something was said that stands before it`);
    told.newest = Math.max(told.newest, call.invoked);
  }

  // ---- the end ----

  /** Judges what the log comes to, and what somebody takes it to be. */
  finish(beliefs: readonly Belief[]): Outcome {
    const { all } = this.#calls;
    for (const call of all) {
      const { from, to, acknowledged, own, copy } = call;
      if (Crowd.has(call)) continue;
      const what = `What ${call.by} said to ${to} as number ${call.invoked}`;
      if (acknowledged !== undefined && own === 0)
        this.#report("lost", `${what} was acknowledged, and ${answeredIn(call)} does not have it`);
      if (!isRoom(to) && to !== from && (own === 0) !== (copy === 0))
        this.#report("lost", `${what} is in one of the two inboxes only`);
    }
    this.#crowd.judge(all, this.#report);
    this.holding.judge(all);
    for (const [call, what] of this.#late) if (!this.holding.mayBeForgotten(call)) this.#report("reordered", what);
    const emptied = new Map(Array.from(this.#log, ([name, told]) => [name, this.#fold(name, told)]));
    for (const belief of beliefs) this.#settled.compare(belief, this.#report);
    if (this.#database !== undefined) this.#compareStored(this.#database);
    return { entries: new Map(Array.from(this.#log, ([name, { entries }]) => [name, entries])), emptied };
  }

  /** What the acts of a conversation empty, which must be all that is empty there. */
  #fold(name: string, { authors, removals, removed }: Told): ReadonlyMap<number, string> {
    const emptied = new Emptied();
    for (const act of removals) {
      const count = emptied.take(act, (seq) => authors[seq] ?? "");
      if (count !== Number(act.value) || emptied.by.get(act.on!) === undefined)
        this.#report("emptied", `${name} ${brief(act)} says ${act.value} and finds ${count}`);
    }
    for (const [seq, by] of emptied.by)
      if (removed.get(seq) !== by)
        this.#report("emptied", `${name} ${seq} was removed by ${by}, and is said to be by ${removed.get(seq)}`);
    for (const [seq, by] of removed)
      if (!emptied.by.has(seq)) this.#report("emptied", `${name} ${seq} is empty by ${by}, and no act covers it`);
    return emptied.by;
  }

  #compareStored({ settings, removed }: Database): void {
    this.#settled.compareStored(settings, this.#report);
    for (const [name, told] of this.#log) {
      if (!isRoom(name)) continue;
      const texts = removed.get(name) ?? new Map<number, string>();
      for (const seq of new Set([...texts.keys(), ...told.removed.keys()])) {
        const [text, call] = [texts.get(seq), told.entries[seq - 1]];
        if (text === undefined || !told.removed.has(seq) || (call !== undefined && hash(text) !== call.text))
          this.#report("unfolded", `The database keeps "${text}" of ${name} ${seq}, which is not what was removed`);
      }
    }
  }
}
