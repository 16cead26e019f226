// calls.ts: everything that was said or done in a run and what became of it, for the checker. Keeps a hash of each text instead of the
// text, so that a run of millions fits into memory: about 250 bytes a call, nothing for each time that it is shown.

import { answeredIn, inboxOf } from "../../server/conversations.ts";

/** What somebody asks to have done, as it was asked: "+2" is two seconds from then on. */
export interface Deed {
  act: "set" | "remove";
  key?: string;
  value?: string;
  of?: string;
  on?: number;
  through?: number;
  last?: number;
}
/** What is asked of the server. An act that was typed has no `id`. */
export interface Asked {
  by: string; // the process, or the connection of the text session
  from: string;
  to: string; // the room or the person in whose conversation it is answered
  id?: string | undefined;
  at?: number | undefined; // ms since 1970
}

/** One say or act, or one line typed at a text session. `invoked` and `answered` are numbers of steps. */
export interface Call {
  readonly by: string;
  readonly from: string;
  readonly to: string;
  text: number; // hash of what was said, as far as it came
  readonly name: number | undefined; // hash of the sender and the id; a typed line has none
  readonly deed: Deed | undefined;
  readonly invoked: number;
  readonly invokedAt: number; // ms since 1970; NaN: not known
  answered: number; // Infinity while nobody knows what became of it
  answeredAt: number;
  acknowledged: number | undefined; // the place that its sender was told; 0: somewhere
  refused: string | undefined; // code
  removed: number; // step in which somebody was told that it is removed; Infinity
  typed: string | undefined; // the text of a typed line until it is acknowledged: a cut may have shortened it
  own: number; // its place in the conversation that answers it, 0 while it is not found there
  copy: number; // its place in the recipient's inbox, likewise
}

export class Calls {
  readonly #byText = new Map<number, Call>();
  readonly #byName = new Map<number, Call>();
  readonly #all: Call[] = [];
  readonly #open = new Map<number, Call>(); // by number; those without an outcome
  readonly #typed = new Set<Call>(); // that are not acknowledged

  get all(): readonly Call[] {
    return this.#all;
  }

  say(number: number, said: Asked & { text: string }, now: number, typed = false): void {
    if (this.#byText.has(hash(said.text))) throw new Error(`A run must not say the same text twice: ${said.text}`);
    const call = this.#add(number, said, said.text, now, undefined);
    this.#byText.set(call.text, call);
    if (!typed) return;
    call.typed = said.text;
    this.#typed.add(call);
  }

  /** A topic is a text, too: a text session shows it. */
  act(number: number, asked: Asked & { deed: Deed }, now: number): Call {
    const { key, value = "" } = asked.deed;
    const isTopic = key === "topic" && value !== "";
    const call = this.#add(number, asked, isTopic ? value : "", now, asked.deed);
    if (isTopic) this.#byText.set(call.text, call);
    return call;
  }

  #add(number: number, asked: Asked, text: string, now: number, deed: Deed | undefined): Call {
    const { by, from, to, id, at = NaN } = asked;
    const outcome = { answered: Infinity, answeredAt: Infinity, acknowledged: undefined, refused: undefined };
    const name = id === undefined ? undefined : nameOf(from, id);
    const found = { removed: Infinity, typed: undefined, own: 0, copy: 0 };
    const call: Call = {
      ...{ by, from, to, text: hash(text), name, deed, invoked: now, invokedAt: at },
      ...outcome,
      ...found,
    };
    this.#all.push(call);
    this.#open.set(number, call);
    if (name !== undefined) this.#byName.set(name, call);
    return call;
  }

  /** The outcome of a call is known. */
  settle(number: number, now: number, at = NaN): Call {
    const call = this.#open.get(number)!;
    this.#open.delete(number);
    this.#typed.delete(call);
    call.typed = undefined;
    call.answered = now;
    call.answeredAt = at;
    return call;
  }

  /** What somebody said or did under this id, or said in these words. A typed line that a cut has shortened counts as far as it came,
   *  once. */
  find({ from, to, text, id, act, removed }: Sought): Call | undefined {
    const named = id === undefined ? undefined : this.#byName.get(nameOf(from, id));
    if (named !== undefined) {
      const isSaid = named.deed === undefined && act === undefined;
      if (isSaid) return removed !== undefined || named.text === hash(text) ? named : undefined;
      return act === named.deed?.act ? named : undefined;
    }
    const known = this.#byText.get(hash(text));
    if (known !== undefined) return id !== undefined && known.name !== undefined ? undefined : known;
    const isCut = (call: Call): boolean => call.from === from && call.to === to && call.typed!.startsWith(text);
    const call = [...this.#typed].findLast(isCut); // a cut shortens the last line of its connection
    if (call === undefined) return undefined;
    this.#typed.delete(call);
    call.text = hash(text);
    this.#byText.set(call.text, call);
    return call;
  }

  /** What was done or said under an id. */
  named(from: string, id: string): Call | undefined {
    return this.#byName.get(nameOf(from, id));
  }
}

interface Sought {
  from: string;
  to: string;
  text: string;
  id?: string | undefined;
  act?: string | undefined;
  removed?: string | undefined;
}

/** Where a conversation has a call, 0 if it has not. */
export function placeIn(call: Call, conversation: string): number {
  return conversation === answeredIn(call) ? call.own : conversation === inboxOf(call.to) ? call.copy : 0;
}

/** 53 bits of a text. */
export function hash(text: string): number {
  return Number(BigInt.asUintN(53, Bun.hash.wyhash(text)));
}
function nameOf(from: string, id: string): number {
  return hash(`${from} ${id}`);
}
