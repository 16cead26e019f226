// dialer.ts: one link to a server after the other: a new one after every loss, with back-off, and a heartbeat while
// there is one. What is said over a link is its owner's business; knows no account, no room and no message.

import type { Silence } from "./heartbeat.ts";
import { Heartbeat, SILENCE } from "./heartbeat.ts";
import type { Link } from "./link.ts";
import { Refused } from "./link.ts";

/** What the owner of the links does with them, and is told of them. */
export interface DialerHooks {
  /** Opens a link. Rejects with `Refused`. */
  open: () => Promise<Link>;
  /** Listens to a new link and signs in; rejects with `Refused`, also when `onLost` comes meanwhile. */
  signIn: (link: Link) => Promise<void>;
  onOnline: () => void;
  /** A link is lost, whether somebody was signed in or not. */
  onLost: (why: string) => void;
  /** Signed in no more, or a try has failed; the next one is in `retry` ms. */
  onOffline: (problem: Refused, retry: number) => void;
  /** The sign-in was refused for good: there is no next try. */
  onSignedOut: (problem: Refused) => void;
}

// ms from one try to the next: doubled every time, with jitter so that a whole class does not return in the same
// moment.
const BACKOFF = { first: 1_000, max: 30_000 };
const MAX_RETRY = 86_400_000; // ms; who is banned for weeks is told so again every day, and timers know no longer ones
const GOODBYE = 1_000; // ms a server may take to answer `exit`

export class Dialer {
  readonly #hooks: DialerHooks;
  readonly #silence: Silence;
  #link: Link | undefined;
  #heartbeat: Heartbeat | undefined; // of the link
  #online = false;
  #failures = 0; // since the last success
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(hooks: DialerHooks, silence: Silence = SILENCE) {
    this.#hooks = hooks;
    this.#silence = silence;
  }

  /** The link there is, signed in or not. */
  get link(): Link | undefined {
    return this.#link;
  }
  /** Whether it is signed in. */
  get online(): boolean {
    return this.#online;
  }

  /** One try. Rejects with `Refused`; after a success it goes on by itself. */
  async dial(): Promise<void> {
    const link = await this.#hooks.open();
    if (this.#closed) return link.cut();
    this.#link = link;
    this.#heartbeat = new Heartbeat(link, this.#silence, () => this.drop("The server does not answer."));
    void link.gone.then((why) => this.#lost(link, why));
    try {
      await this.#hooks.signIn(link);
    } catch (problem) {
      link.end();
      this.#lost(link);
      throw problem;
    }
    if (this.#link !== link) throw new Refused({ code: "unreachable", text: "The connection was lost." });
    this.#failures = 0;
    this.#online = true;
    this.#hooks.onOnline();
  }

  /** Tries until one try succeeds. */
  keepTrying(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.dial().catch((problem: Refused) => {
      if (this.#closed) return;
      if (isFinal(problem)) this.#hooks.onSignedOut(problem);
      else this.#later(problem);
    });
  }

  /** Tries at once instead of waiting for the next try; a person asks for it, so the next one comes soon as well. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    this.#failures = 0;
    this.keepTrying();
  }

  /** There is a reason to doubt the link: it has to prove itself soon. Where there is none, one is tried for at once. */
  probe(): void {
    if (this.#online) this.#heartbeat?.probe();
    else this.retryNow();
  }

  /** Gives the link up. */
  drop(why: string): void {
    const link = this.#link;
    if (link === undefined) return;
    link.cut();
    this.#lost(link, why);
  }

  /** Says goodbye; resolves when the server has let go, or after a second. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#online = false;
    clearTimeout(this.#retry);
    this.#heartbeat?.stop();
    const link = this.#link;
    if (link === undefined) return;
    link.send({ type: "exit" });
    const timeout = setTimeout(() => link.cut(), GOODBYE);
    await link.gone;
    clearTimeout(timeout);
  }

  #lost(link: Link, why = "The connection was lost."): void {
    if (this.#link !== link) return;
    const wasOnline = this.#online;
    this.#link = undefined;
    this.#online = false;
    this.#heartbeat?.stop();
    this.#hooks.onLost(why);
    // A sign-in that was under way fails by itself, and says so.
    if (wasOnline) this.#later(new Refused({ code: "lost", text: why }));
  }

  #later(problem: Refused): void {
    const ceiling = Math.min(BACKOFF.max, BACKOFF.first * 2 ** this.#failures++);
    const pause = Math.round(ceiling * (0.5 + Math.random() / 2));
    const retry = Math.min(MAX_RETRY, Math.max(pause, (problem.after ?? 0) * 1000));
    this.#retry = setTimeout(() => this.keepTrying(), retry);
    this.#hooks.onOffline(problem, retry);
  }
}

/** Whether trying again is of no use: the account, or its password, is another one now, or it is banned without an end. */
function isFinal({ code, after }: Refused): boolean {
  return code === "bad_login" || (code === "no_entry" && after === undefined);
}
