// heartbeat.ts: whether the server at the other end of a link is still there. Asks when it has been silent for a while,
// and says so when it stays silent. By the time of day, which goes on while a device sleeps: who wakes up notices at
// once.

import { LIMITS } from "../protocol.ts";
import type { Link } from "./link.ts";

/** For how long a server may be silent, in ms: before it is asked whether it is there, and before it counts as gone. */
export interface Silence {
  ask: number;
  gone: number;
}

export const SILENCE: Silence = { ask: 30_000, gone: LIMITS.silence * 1000 };

const PROBE = 5_000; // ms a server has to answer when there is a reason to doubt that it is there

export class Heartbeat {
  readonly #link: Link;
  readonly #silence: Silence;
  readonly #onGone: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  #asked = 0; // when we asked last, ms since 1970
  #deadline = Infinity; // until when a probe has to be answered, ms since 1970

  /** `onGone` is called when the server counts as gone, again and again until `stop`. */
  constructor(link: Link, silence: Silence, onGone: () => void) {
    this.#link = link;
    this.#silence = silence;
    this.#onGone = onGone;
    this.#timer = setInterval(() => this.#look(), silence.ask / 30);
  }

  /** Gives the server less time than usual: a device woke up, or its network has changed. */
  probe(): void {
    this.#ask();
    this.#deadline = this.#asked + PROBE;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { heard } = this.#link;
    const now = Date.now();
    if (heard >= this.#asked) this.#deadline = Infinity;
    if (now - heard >= this.#silence.gone || now >= this.#deadline) this.#onGone();
    else if (now - heard >= this.#silence.ask && this.#asked <= heard) this.#ask();
  }

  #ask(): void {
    this.#asked = Date.now();
    this.#link.send({ type: "ping" });
  }
}
