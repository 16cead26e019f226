// patience.ts: how long a connection may take to sign in, and how long it may be silent. Tells what is due; ends nothing itself.

import { LIMITS } from "../protocol.ts";

const SIGN_IN = 30; // s from the start until somebody must be signed in
const TYPED_SIGN_IN = 120; // s, for who types: choosing a name and a password takes a person longer than a program
const QUIET = 30_000; // ms without a frame after which a JSON session is asked whether it is there

export class Patience {
  readonly #now: () => number;
  readonly #start: number; // ms
  #heard: number; // ms
  #isAsked = false; // and nothing was heard since

  /** `now` in ms, on a clock that never jumps. */
  constructor(now: () => number) {
    this.#now = now;
    this.#start = this.#heard = now();
  }

  /** Something was heard, or the silence is our own fault. */
  heard(): void {
    this.#heard = this.#now();
    this.#isAsked = false;
  }

  isSilentFor(ms: number): boolean {
    return this.#now() - this.#heard >= ms;
  }

  /** Whether it took too long to sign in. `isTyped`: a line has come that is no frame. */
  isSignInOver(isTyped: boolean): boolean {
    return this.#now() - this.#start >= secondsToSignIn(isTyped) * 1000;
  }

  /** What is due to one who is signed in: to be asked, once, whether they are there, or to be ended. */
  due(): "ask" | "end" | undefined {
    if (this.isSilentFor(LIMITS.silence * 1000)) return "end";
    if (this.#isAsked || !this.isSilentFor(QUIET)) return undefined;
    this.#isAsked = true;
    return "ask";
  }
}

export function secondsToSignIn(isTyped: boolean): number {
  return isTyped ? TYPED_SIGN_IN : SIGN_IN;
}
