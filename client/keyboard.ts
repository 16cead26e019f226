// keyboard.ts: a terminal's input as keys, in order. What was pasted comes between "paste-start" and "paste-end", whether the terminal
// marks it or not, and whether somebody looks is told apart. Knows no line and no screen.

import type { Interface } from "node:readline";
import { emitKeypressEvents } from "node:readline";
import type { Key } from "./console.ts";
import { FOCUS } from "./modes.ts";
import { Pasting } from "./pasting.ts";

const ESCAPE = 100; // ms without another byte after which Esc is a key by itself, and no beginning of one

export interface KeyboardHooks {
  key: (typed: string | undefined, key: Key) => void;
  /** Whether somebody looks, as the terminal tells it; who types does. */
  watched: (isWatched: boolean) => void;
  /** Whether what comes now is a line being typed, and no answer to a question. */
  takesBlocks: () => boolean;
}

/** The end of a block that the terminal has not marked: its last Enter was part of it. */
export const UNMARKED = "an unmarked block";

export class Keyboard {
  readonly #input: NodeJS.ReadStream;
  readonly #hooks: KeyboardHooks;
  readonly #pasting = new Pasting();
  #isBlock = false; // the keys of this read are a block

  constructor(input: NodeJS.ReadStream, hooks: KeyboardHooks) {
    this.#input = input;
    this.#hooks = hooks;
    // In this order: the keys of a read come between these two.
    input.on("data", this.#onRead);
    emitKeypressEvents(input, { escapeCodeTimeout: ESCAPE } as unknown as Interface);
    input.on("keypress", this.#onKey);
    input.on("data", this.#onReadEnd);
  }

  close(): void {
    this.#input.off("data", this.#onRead).off("data", this.#onReadEnd).off("keypress", this.#onKey);
  }

  readonly #onRead = (bytes: Uint8Array | string): void => {
    if (!this.#hooks.takesBlocks()) return;
    const read = this.#pasting.take(typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("latin1"));
    if (read === "typed") return;
    this.#isBlock = true;
    this.#onKey(undefined, { name: "paste-start" });
    if (read === "a new line of it") this.#onKey("\r", { name: "return", sequence: "\r" });
  };

  readonly #onReadEnd = (): void => {
    if (!this.#isBlock) return;
    this.#isBlock = false;
    this.#onKey(undefined, { name: "paste-end", sequence: UNMARKED });
  };

  readonly #onKey = (typed: string | undefined, key: Key): void => {
    const focus = FOCUS[key.sequence ?? ""];
    this.#hooks.watched(focus ?? true);
    if (focus === undefined) this.#hooks.key(typed, key);
  };
}
