// parts.ts: parts of the page that are scripts of their own, because many never need them. Each is loaded when it is first wanted.

import type * as menu from "./menu.ts";
import type * as saving from "./saving.ts";
import type * as typing from "./typing.ts";

/** A part: where it is, and what it exports once it is here. */
export class Part<T> {
  readonly #url: string;
  #tries = 0;
  loaded: T | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  /** Rejects when the server cannot be reached. */
  async load(): Promise<T> {
    // A browser may remember that an address could not be loaded, so each try has another one.
    this.loaded ??= (await import(`${this.#url}?${this.#tries++}`)) as T;
    return this.loaded;
  }
}

export type Typing = Part<typeof typing>;
export type Menu = Part<typeof menu>;
export type Saving = Part<typeof saving>;
