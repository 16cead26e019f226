// readers.ts: whether everybody at a text session was shown what they should have been: lines without places, ids and retries,
// so they are judged at the end, by the places that the log gives to their texts.
// What can be asked of them: within a connection nothing twice, in order, without a hole; only what this very connection has
// typed is not shown to it. From one connection to the next of an account that has no other, no private message is skipped
// except one that was on its way when a connection was cut: the server counts what it has sent to a text session as seen.
// What is removed may be shown before or after that, and of acts only topics have words of their own: no others are missed.

import { inboxOf } from "../../server/conversations.ts";
import type { Call } from "./calls.ts";
import { placeIn } from "./calls.ts";
import type { Report } from "./checker.ts";

/** What the server sent to a text session that has not ended in order may not have arrived. */
export type Ending = "orderly" | "cut";

interface Reading {
  viewer: string;
  user: string;
  conversation: string;
  alone: boolean; // the account has no other connection at the same time
  asked: number; // step in which it was opened
  began: number; // step
  shown: Call[];
  emptied: Line[];
  ended: { at: number; how: Ending } | undefined;
}

/** A line as it was shown; `removed`: it says who has removed what was said. */
export interface Line {
  from: string;
  to: string;
  text: string;
  removed?: string | undefined;
}

/** Places looked at before the first line of a connection: a say that was said after it began stands among these. */
const NEAR = 5_000;

export class Readers {
  /** Private messages that were on their way to a text session when it was cut, and were not shown again. */
  unshown = 0;
  readonly #report: Report;
  readonly #readings: Reading[] = [];
  readonly #current = new Map<string, Map<string, Reading>>(); // by viewer, by conversation
  readonly #asked = new Map<string, number>(); // by viewer
  #emptied: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map(); // in the log, by conversation and place: by whom

  constructor(report: Report) {
    this.#report = report;
  }

  /** A text session is opened. */
  asks(viewer: string, now: number): void {
    this.#asked.set(viewer, now);
  }

  /** From now on a text session is shown a conversation. */
  begin(viewer: string, user: string, conversation: string, alone: boolean, now: number): void {
    const current = this.#current.get(viewer) ?? new Map<string, Reading>();
    if (current.has(conversation)) return;
    const asked = this.#asked.get(viewer) ?? now;
    const found = { shown: [], emptied: [], ended: undefined };
    const reading: Reading = { viewer, user, conversation, alone, asked, began: now, ...found };
    this.#readings.push(reading);
    this.#current.set(viewer, current.set(conversation, reading));
  }

  has(viewer: string): boolean {
    return this.#current.has(viewer);
  }

  /** A line was shown; `call` is what was said with its text, if anything was. */
  line(viewer: string, conversation: string, line: Line, call?: Call): void {
    const reading = this.#current.get(viewer)?.get(conversation);
    if (line.removed !== undefined) return void reading?.emptied.push(line);
    const what = `${viewer} was shown "${line.text.slice(0, 40)}" as from ${line.from} to ${line.to}`;
    if (call === undefined || call.from !== line.from || call.to !== line.to)
      this.#report("phantom", `${what}, which nobody said`);
    else if (reading === undefined || (conversation.startsWith("@") && !isParty(call, reading.user)))
      this.#report("leaked", `${what}, which is not theirs`);
    else if (call.by === viewer && call.deed === undefined)
      this.#report("out of sequence", `${what}, which it has typed itself`);
    else if (call.removed < reading.asked) this.#report("unremoved", `${what}, which had been removed before it came`);
    else reading.shown.push(call);
  }

  gone(viewer: string, how: Ending, now: number): void {
    for (const reading of this.#current.get(viewer)?.values() ?? []) reading.ended = { at: now, how };
    this.#current.delete(viewer);
    this.#asked.delete(viewer);
  }

  /** At the end, with the log: everything by conversation, in its order, and what is `emptied` there by whom. */
  finish(
    present: readonly string[],
    log: ReadonlyMap<string, readonly (Call | undefined)[]>,
    emptied: ReadonlyMap<string, ReadonlyMap<number, string>>,
  ): void {
    this.#emptied = emptied;
    const before = new Map<string, { last: number; cut: number }>(); // by inbox of an account that has one connection at a time
    for (const reading of this.#readings) {
      const entries = log.get(reading.conversation) ?? [];
      for (const line of reading.emptied) this.#checkEmptied(reading, line, entries);
      const last = this.#follow(reading, entries, present.includes(reading.viewer));
      if (!reading.alone || reading.conversation !== inboxOf(reading.user)) continue;
      const { last: known, cut } = before.get(reading.conversation) ?? { last: 0, cut: 0 };
      this.#compareWithBefore(reading, entries, known, cut);
      const { ended } = reading;
      before.set(reading.conversation, {
        last: Math.max(known, last),
        cut: ended?.how === "cut" ? ended.at : cut,
      });
    }
  }

  /** Follows one connection through one conversation; the last place it was shown, 0 if none. */
  #follow(reading: Reading, entries: readonly (Call | undefined)[], isPresent: boolean): number {
    const { viewer, conversation, began } = reading;
    const misses = (from: number, to: number, since: number): number | undefined => {
      for (let place = from; place <= to; place++) {
        const call = entries[place - 1];
        if (
          call !== undefined &&
          call.by !== viewer &&
          call.invoked > since &&
          this.#isShown(call, conversation, place)
        )
          return place;
      }
      return undefined;
    };
    let last = 0;
    for (const call of reading.shown) {
      const place = placeIn(call, conversation);
      if (place === 0) {
        this.#report(
          "phantom",
          `${viewer} was shown in ${conversation} what ${call.by} said and the log does not have`,
        );
        continue;
      }
      const missed = last === 0 ? misses(Math.max(1, place - NEAR), place - 1, began) : misses(last + 1, place - 1, 0);
      if (place <= last) this.#report("out of sequence", `${viewer} was shown ${conversation} ${place} after ${last}`);
      else if (missed !== undefined)
        this.#report("out of sequence", `${viewer} was not shown ${conversation} ${missed}, but ${place}`);
      last = Math.max(last, place);
    }
    if (!isPresent) return last;
    const head = entries.length;
    const missed = last === 0 ? misses(Math.max(1, head - NEAR), head, began) : misses(last + 1, head, 0);
    if (missed !== undefined) this.#report("behind", `${viewer} was not shown ${conversation} ${missed} of ${head}`);
    return last;
  }

  /** Whether what was said must have been shown with its text. */
  #isShown({ deed }: Call, conversation: string, place: number): boolean {
    const hasWords = deed === undefined || (deed.key === "topic" && deed.value !== "");
    return hasWords && this.#emptied.get(conversation)?.has(place) !== true;
  }

  /** Where a line says that something was removed, it was, by whom it says. */
  #checkEmptied(
    { viewer, conversation }: Reading,
    { from, to, removed }: Line,
    entries: readonly (Call | undefined)[],
  ): void {
    for (const [place, by] of this.#emptied.get(conversation) ?? []) {
      const call = entries[place - 1];
      if (by === removed && call?.from === from && call.to === to) return;
    }
    this.#report("unfolded", `${viewer} was told in ${conversation} that ${removed} removed something of ${from}`);
  }

  /** What stands between the last private message that an account was shown and the first that its next connection was. */
  #compareWithBefore(reading: Reading, entries: readonly (Call | undefined)[], last: number, cut: number): void {
    const [first] = reading.shown;
    if (first === undefined) return;
    for (let place = last + 1; place < placeIn(first, reading.conversation); place++) {
      const call = entries[place - 1];
      if (call === undefined || call.from === reading.user || !this.#isShown(call, reading.conversation, place))
        continue;
      if (call.invoked < cut) this.unshown++;
      else this.#report("unshown", `${reading.conversation} ${place} counts as seen, and no session was shown it`);
    }
  }
}

function isParty({ from, to }: Call, user: string): boolean {
  return from === user || to === user;
}
