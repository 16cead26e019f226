// banner.ts: the line that says since when there is no connection and when the next try is. A screen reader hears each
// change once, never the seconds.

import { the, timeOf } from "./dom.ts";

const GREETING = 5_000; // ms for which "back online" is shown

export class Banner {
  readonly #box = the("banner", HTMLElement);
  readonly #status = the("status", HTMLElement);
  readonly #countdown = the("countdown", HTMLElement);
  readonly #retry = the("retry", HTMLButtonElement);
  #since: number | undefined; // ms, when the connection was lost
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(retry: () => void) {
    this.#retry.onclick = retry;
  }

  /** There is no connection; the next try is in `wait` ms. */
  offline(reason: string, wait: number): void {
    this.#since ??= Date.now();
    const next = Date.now() + wait;
    this.#show(`${reason} Not connected since ${timeOf(this.#since)}.`, true);
    const count = () => {
      const seconds = Math.ceil((next - Date.now()) / 1000);
      this.#countdown.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : "Trying…";
    };
    count();
    this.#timer = setInterval(count, 1000);
  }

  /** The connection is back, or there for the first time. */
  online(missed: number): void {
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
