// dialer.ts: one link to a server after the other: a new one after every loss, at once to the next server where there are
// several, with back-off when all were tried, and a heartbeat while there is one. What is said over a link is its owner's business; knows no account, no room and no message.

import type { Silence } from "./heartbeat.ts";
import { Heartbeat, SILENCE } from "./heartbeat.ts";
import type { Link } from "./link.ts";
import { isOfServer, Refused, refusedByAll } from "./link.ts";

/** What the owner of the links does with them, and is told of them. */
export interface DialerHooks {
  /** Opens a link to the server at this place of the list. Rejects with `Refused`. */
  open: (place: number) => Promise<Link>;
  /** Listens to a new link and signs in; rejects with `Refused`, also when `onLost` comes meanwhile. */
  signIn: (link: Link) => Promise<void>;
  onOnline: () => void;
  /** A link is lost, whether somebody was signed in or not. */
  onLost: (why: string) => void;
  /** Signed in no more, or a try has failed; the next one is in `retry` ms, 0 where another server is tried at once. */
  onOffline: (problem: Refused, retry: number) => void;
  /** The sign-in was refused for good: there is no next try. */
  onSignedOut: (problem: Refused) => void;
}

// ms from one try to the next: doubled every time, with jitter so that a whole class does not return in the same
// moment.
const BACKOFF = { first: 1_000, max: 30_000 };
const MAX_RETRY = 86_400_000; // ms; who is banned for weeks is told so again every day, and timers know no longer ones
const SETTLED = 10_000; // ms after which a loss is no sign any more that all servers are in trouble
const GOODBYE = 1_000; // ms a server may take to answer `exit`

export class Dialer {
  readonly #hooks: DialerHooks;
  readonly #silence: Silence;
  #link: Link | undefined;
  #heartbeat: Heartbeat | undefined; // of the link
  readonly #names: readonly string[]; // of the servers; one without a name, where there is only one
  #online = false;
  #hasBeenOnline = false;
  #since = 0; // when it was signed in last, ms since 1970
  #place = 0; // of the server whose turn it is
  #left: number; // servers that may be tried before it waits
  #failures = 0; // since the last success
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** `names` are those of the servers that are one chat, in the order in which they are tried; none: there is only one. */
  constructor(hooks: DialerHooks, names: readonly string[] = [], silence: Silence = SILENCE) {
    this.#hooks = hooks;
    this.#names = names.length > 1 ? names : [""];
    this.#left = this.#names.length;
    this.#silence = silence;
  }

  /** The link there is, signed in or not. */
  get link(): Link | undefined {
    return this.#link;
  }
  /** The server that one is signed in at, or that is tried next, where there are several. */
  get server(): string | undefined {
    return this.#names[this.#place] || undefined;
  }
  /** Whether it is signed in. */
  get online(): boolean {
    return this.#online;
  }

  /** One try at each server, in their turn, until one lets in. Rejects with `Refused` when none does, or one refuses the
   *  account; after a success it goes on by itself. */
  async dial(): Promise<void> {
    const tries: { server: string; problem: Refused }[] = [];
    for (;;) {
      this.#left--;
      try {
        return await this.#try(this.#place);
      } catch (problem) {
        if (!(problem instanceof Refused)) throw problem;
        tries.push({ server: this.#names[this.#place] ?? "", problem });
        if (this.#closed || !isOfServer(problem)) throw problem;
        this.#turn();
        const isLast = this.#left <= 0;
        // Who waits for the first sign-in is told only what they must not overlook, and then in full, also of the last one.
        const isGrave = problem.code === "untrusted" && this.#names.length > 1;
        if (isGrave || (this.#hasBeenOnline && !isLast)) this.#hooks.onOffline(problem, 0);
        if (isLast) throw refusedByAll(tries);
      }
    }
  }

  async #try(place: number): Promise<void> {
    const link = await this.#hooks.open(place);
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
    this.#online = this.#hasBeenOnline = true;
    this.#since = Date.now();
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
    if (!wasOnline) return;
    this.#turn();
    const problem = new Refused({ code: "lost", text: why });
    const count = this.#names.length;
    if (Date.now() - this.#since >= SETTLED) this.#left = count;
    if (count === 1 || this.#left <= 0) return this.#later(problem);
    this.#retry = setTimeout(() => this.keepTrying(), 0);
    this.#hooks.onOffline(problem, 0);
  }

  /** It is the next server's turn. */
  #turn(): void {
    this.#place = (this.#place + 1) % this.#names.length;
  }

  #later(problem: Refused): void {
    this.#left = this.#names.length;
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
