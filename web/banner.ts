// banner.ts: the line that says since when there is no connection and when the next try is. A screen reader hears each
// change once, never the seconds.

import type { Offline } from "../shared/feed.ts";
import { clock, the, timeOf } from "./dom.ts";

const LONG = 86_400_000; // ms; the page tries again once a day, and the reason says how long it is
const GREETING = 5_000; // ms for which "back online" is shown

export class Banner {
  readonly #box = the("banner", HTMLElement);
  readonly #status = the("status", HTMLElement);
  readonly #countdown = the("countdown", HTMLElement);
  readonly #retry = the("retry", HTMLButtonElement);
  #isSentOut = false; // until one is back
  #since: number | undefined; // ms, when the connection was lost
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(retry: () => void) {
    this.#retry.onclick = retry;
  }

  /** There is no connection. */
  offline({ code, reason, retry }: Offline): void {
    if (code === "no_entry") return this.sentOut(reason, retry);
    if (code === "lost" && this.#isSentOut) return; // it was told why, and when one may come back
    this.#isSentOut = false;
    this.#since ??= Date.now();
    const next = Date.now() + retry;
    this.#show(`${reason} Not connected since ${timeOf(this.#since)}.`, true);
    const count = () => {
      const seconds = Math.ceil((next - Date.now()) / 1000);
      this.#countdown.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : "Trying…";
    };
    count();
    this.#timer = setInterval(count, 1000);
  }

  /** A host has sent one out, for so many ms. */
  sentOut(reason: string, wait: number): void {
    this.#isSentOut = true;
    this.#since ??= Date.now();
    this.#show(reason, true);
    if (wait < LONG) this.#countdown.textContent = `This page comes back by itself at ${clock(Date.now() + wait)}.`;
  }

  /** The connection is back, or there for the first time. */
  online(missed: number): void {
    this.#isSentOut = false;
    if (this.#since === undefined) return this.#hide();
    this.#since = undefined;
    const words = missed === 0 ? "Nothing was missed" : missed === 1 ? "1 missed message" : `${missed} missed messages`;
    this.#show(`Back online. ${words}.`, false);
    this.#timer = setTimeout(() => this.#hide(), GREETING);
  }

  #show(text: string, isOffline: boolean): void {
    clearInterval(this.#timer);
    if (this.#status.textContent !== text) this.#status.textContent = text;
    this.#countdown.textContent = "";
    this.#retry.hidden = !isOffline;
    this.#box.className = isOffline ? "offline" : "";
    this.#box.hidden = false;
  }
  #hide(): void {
    clearInterval(this.#timer);
    this.#box.hidden = true;
    this.#status.textContent = "";
  }
}
