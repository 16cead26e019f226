// calls.ts: everything that was said in a run and what became of it, for the checker. Keeps a hash of each text instead of the
// text, so that a run of millions fits into memory: about 150 bytes a say, nothing for each time that it is shown.

import { answeredIn, inboxOf } from "../../server/conversations.ts";

/** One say, or one line typed at a text session. `invoked` and `answered` are numbers of steps. */
export interface Call {
  readonly by: string; // the process, or the connection of the text session
  readonly from: string;
  readonly to: string;
  readonly invoked: number;
  answered: number; // Infinity while nobody knows what became of it
  acknowledged: number | undefined; // the place that its sender was told; 0: somewhere
  refused: string | undefined; // code
  typed: string | undefined; // the text of a typed line until it is acknowledged: a cut may have shortened it
  own: number; // its place in the conversation that answers it, 0 while it is not found there
  copy: number; // its place in the recipient's inbox, likewise
}

export class Calls {
  readonly #byText = new Map<number, Call>();
  readonly #open = new Map<number, Call>(); // by number; those without an outcome
  readonly #typed = new Set<Call>(); // that are not acknowledged

  get all(): Iterable<Call> {
    return this.#byText.values();
  }

  add(number: number, said: { by: string; from: string; to: string; text: string }, now: number, typed = false): void {
    const { by, from, to, text } = said;
    const key = hash(text);
    if (this.#byText.has(key)) throw new Error(`A run must not say the same text twice: ${text}`);
    const outcome = { answered: Infinity, acknowledged: undefined, refused: undefined, own: 0, copy: 0 };
    const call: Call = { by, from, to, invoked: now, ...outcome, typed: typed ? text : undefined };
    this.#byText.set(key, call);
    this.#open.set(number, call);
    if (typed) this.#typed.add(call);
  }

  /** The outcome of a say is known. */
  settle(number: number, now: number): Call {
    const call = this.#open.get(number)!;
    this.#open.delete(number);
    this.#typed.delete(call);
    call.typed = undefined;
    call.answered = now;
    return call;
  }

  /** What somebody said with this text to somebody. A typed line that a cut has shortened counts as far as it came, once. */
  find({ from, to, text }: { from: string; to: string; text: string }): Call | undefined {
    const key = hash(text);
    const known = this.#byText.get(key);
    if (known !== undefined) return known;
    const isCut = (call: Call): boolean => call.from === from && call.to === to && call.typed!.startsWith(text);
    const call = [...this.#typed].findLast(isCut); // a cut shortens the last line of its connection
    if (call === undefined) return undefined;
    this.#typed.delete(call);
    this.#byText.set(key, call);
    return call;
  }
}

/** Where a conversation has a call, 0 if it has not. */
export function placeIn(call: Call, conversation: string): number {
  return conversation === answeredIn(call) ? call.own : conversation === inboxOf(call.to) ? call.copy : 0;
}

/** 53 bits of a text. */
export function hash(text: string): number {
  return Number(BigInt.asUintN(53, Bun.hash.wyhash(text)));
}
