// status.ts: what a chat shows under its log: the prompt, what is on its way, what waits in other rooms, why nothing can be written here
// and, while there is no connection, when the next try is. Tells in the log that the connection was lost and that it is back.

import type { Board } from "../shared/board.ts";
import type { Offline, Online } from "../shared/feed.ts";
import { isRoom } from "../shared/names.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import type { Tabs } from "./tabs.ts";

export interface StatusOptions {
  console: Console;
  display: Display;
  tabs: Tabs;
  board: Board;
  waiting: () => string[]; // lines on their way
  now: () => number; // ms since 1970
}

const MAX_PAUSE = 86_400_000; // ms; timers know no much longer ones

export class Status {
  readonly #options: StatusOptions;
  #offline: { next: number; server: string | undefined } | undefined; // the next try, ms since 1970, and where
  #ticker: Timer | undefined;
  #reopening: Timer | undefined; // when one can write again here
  readonly #warned = new Set<string>(); // what was told of servers that are not trusted, since one was online
  #refused = ""; // why this account may not come in, as it was told last

  constructor(options: StatusOptions) {
    this.#options = options;
  }

  get prompt(): string {
    const { display, tabs } = this.#options;
    return display.prompt(tabs.current);
  }

  refresh(): void {
    const { console, display, tabs, board, waiting, now } = this.#options;
    const closed = board.whyClosed(tabs.current, now());
    this.#refreshAt(closed?.until);
    const rows = display.status({
      ...{ waiting: waiting(), elsewhere: tabs.waiting(), closed },
      retry: this.#offline && Math.ceil((this.#offline.next - now()) / 1000),
      server: this.#offline?.server,
    });
    console.footer(this.prompt, rows);
    const { count, isCall } = tabs.news;
    const news = count > 0 ? `(${count}${isCall ? "!" : ""}) ` : "";
    console.title?.(`${news}${isRoom(tabs.current) ? "" : "@"}${tabs.current} – Banter`);
  }

  /** Looks again when a lock or a mute is over (ms since 1970). */
  #refreshAt(end = Infinity): void {
    clearTimeout(this.#reopening);
    const pause = end - this.#options.now();
    if (pause < Infinity) this.#reopening = setTimeout(() => this.refresh(), Math.min(Math.max(pause, 1), MAX_PAUSE));
  }

  /** Tells why this account may not come in; once, for each try is refused by the same sentence. */
  refused(text: string): void {
    const { console, display } = this.#options;
    if (text !== this.#refused) console.print(...display.info(text));
    this.#refused = text;
  }

  /** There is no connection. The reason is of use to a person only where it tells them not to trust the server, or that a host sent them out. */
  offline({ code, reason, retry, server }: Offline): void {
    const { console, display, now } = this.#options;
    if (this.#offline === undefined)
      console.print(...display.rule("connection lost; what you type now is sent when it is back", now()));
    if (code === "untrusted" && !this.#warned.has(reason)) console.print(...display.info(reason));
    if (code === "untrusted") this.#warned.add(reason);
    if (code === "no_entry") this.refused(reason);
    this.#offline = { next: now() + retry, server };
    this.#ticker ??= setInterval(() => this.refresh(), 1_000);
    this.refresh();
  }

  /** The connection is back, or there for the first time; the messages that were missed come after this. */
  online({ missed, server }: Online): void {
    const { console, display, now } = this.#options;
    const messages = missed === 1 ? "message" : "messages";
    if (this.#offline !== undefined) {
      const where = server === undefined ? "" : ` at ${server}`;
      console.print(...display.rule(`back online${where}${missed > 0 ? `, ${missed} missed ${messages}` : ""}`, now()));
    }
    this.#refused = "";
    this.#warned.clear();
    this.stop();
    this.refresh();
  }

  /** Looks at no clock any more. */
  stop(): void {
    this.#offline = undefined;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    clearTimeout(this.#reopening);
  }
}
