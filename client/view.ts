// view.ts: what somebody sees of a chat: the log (timeline.ts), what stands under it (status.ts), and which conversation is on the screen.
// Takes what happens to the one that tells it. Reads no typed line.

import type { Ok, Request } from "../protocol.ts";
import { Board } from "../shared/board.ts";
import type { Connection } from "../shared/connection.ts";
import type { Answered, ClientEvent } from "../shared/feed.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { Archive } from "./archive.ts";
import { Attention } from "./attention.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import { Ignored } from "./ignored.ts";
import { Known } from "./known.ts";
import type { Memory } from "./memory.ts";
import { Notices } from "./notices.ts";
import { Status } from "./status.ts";
import { Tabs } from "./tabs.ts";
import { Timeline } from "./timeline.ts";

export interface ViewOptions {
  connection: Connection;
  console: Console;
  display: Display;
  memory: Memory | undefined; // what this computer keeps
  waiting: () => string[]; // typed lines on their way
  now: () => number; // ms since 1970
}

export class View {
  readonly tabs: Tabs;
  readonly board: Board;
  readonly known = new Known();
  readonly ignored: Ignored;
  readonly #user: string;
  readonly #console: Console;
  readonly #display: Display;
  readonly #archive: Archive;
  readonly #attention: Attention;
  readonly #timeline: Timeline;
  readonly #status: Status;
  #isOpen = false; // the first rooms are on the screen

  constructor({ connection, console, display, memory, waiting, now }: ViewOptions) {
    const { user } = connection;
    const { known } = this;
    const tabs = new Tabs(user);
    const ignored = new Ignored(memory, () => {
      for (const tab of tabs.all) this.#timeline.ignore(tab, tab.recent);
      this.#status.refresh();
    });
    const board = new Board(user);
    this.tabs = tabs;
    this.board = board;
    this.ignored = ignored;
    this.#user = user;
    this.#console = console;
    this.#display = display;
    this.#archive = new Archive(connection, tabs, ignored);
    this.#attention = new Attention({ console, tabs, confirm: (to, seq) => connection.seen(to, seq) });
    const shared = { console, display, tabs, board, now };
    const parts = { archive: this.#archive, attention: this.#attention, known, ignored };
    this.#timeline = new Timeline({ ...shared, ...parts, user, notices: new Notices({ ...shared, user }) });
    this.#status = new Status({ ...shared, waiting });
  }

  get prompt(): string {
    return this.#status.prompt;
  }
  /** Who wrote to this person last. */
  get partner(): string | undefined {
    return this.#timeline.partner;
  }
  print(lines: readonly string[]): void {
    this.#timeline.print(lines);
  }
  /** A sentence of the program. */
  info(text: string): void {
    this.#timeline.info(text);
  }
  /** What somebody asked for. */
  answer(request: Request, answer: Ok): void {
    this.#timeline.answer(request, answer);
  }
  refresh(): void {
    this.#status.refresh();
  }
  stop(): void {
    this.#status.stop();
  }

  // ---- coming in ----

  /** These rooms are being entered, or were when this account signed in: they have the first numbers, in this order. `current` will be
   *  on the screen. */
  begin(rooms: readonly string[], current: string): void {
    for (const to of rooms) this.tabs.open(to);
    this.tabs.current = current;
    this.#console.turnTo(current);
  }

  /** They were entered, unless the server refused: shows the last one, or all where they are not apart; then, below, what was written to
   *  this person. Resolves when the next line may be read. */
  async open(rooms: readonly string[]): Promise<void> {
    const entered = rooms.filter((to) => this.tabs.get(to) !== undefined);
    for (const to of this.#console.hasRoomsApart ? entered.slice(-1) : entered) await this.show(to, true);
    this.#timeline.cameIn();
    this.#timeline.deliver();
    this.#isOpen = true;
    this.#timeline.partner ??= await this.#archive.partner();
    void this.#lookBack();
  }

  /** Finds out what is not needed at once, one after the other: whoever types meanwhile shall not wait behind many searches. */
  async #lookBack(): Promise<void> {
    this.known.met(await this.#archive.people(), this.#user);
    for (const to of new Set([this.tabs.current, LOBBY]))
      if (isRoom(to)) this.known.met(await this.#archive.members(to), this.#user);
    for (const tab of this.tabs.all) {
      this.tabs.call(tab, await this.#archive.calls(tab));
      if (tab.calls.length > 0) this.#timeline.found();
      this.#status.refresh();
    }
  }

  // ---- going from one to another ----

  /** Puts a conversation on the screen; `isEntered`: for the first time. Resolves when it is there. */
  show(name: string, isEntered = false): Promise<void> {
    this.#console.turnTo(name);
    const shown = this.#timeline.show(name, isEntered).then(() => this.#status.refresh());
    this.#status.refresh();
    return shown;
  }

  /** A conversation was left; the lobby takes its place on the screen. */
  async close(name: string): Promise<void> {
    const isCurrent = name === this.tabs.current;
    this.tabs.close(name);
    this.#attention.forget(name);
    if (isCurrent) await this.show(this.tabs.current);
    else this.#status.refresh();
  }

  /** All that was missed is there. These are the rooms that one is in after a sign-in: the server may have refused others that one was
   *  in before. */
  caughtUp(rooms: readonly string[]): void {
    for (const { name, head } of this.tabs.all)
      if (isRoom(name) && head !== undefined && !rooms.includes(name)) void this.close(name);
    if (this.#isOpen) this.#timeline.cameIn();
  }

  /** Somebody looks at the screen again. */
  looked(): void {
    this.#attention.returned();
    this.#status.refresh();
  }

  // ---- what happens ----

  happened(event: Exclude<ClientEvent, Answered | { type: "caught up" }>): void {
    this.board.take(event);
    switch (event.type) {
      case "message":
        this.#timeline.message(event);
        break;
      case "joined":
      case "left":
        return this.#timeline.presence(event);
      case "notice":
      case "hosts":
        this.print(this.#display.event(event));
        break;
      case "error":
        if (event.code === "no_entry") return this.#status.refused(event.text);
        return this.print(this.#display.event(event));
      case "offline":
        return this.#status.offline(event);
      case "online":
        return this.#status.online(event);
      case "reset":
        return this.#timeline.restored(event.to);
      case "entered":
        this.known.met(event.users, this.#user);
        this.tabs.enter(event.to, event);
        break;
      case "inbox":
        this.tabs.signIn(event.seq, event.seen);
        break;
      case "seen":
        this.tabs.readElsewhere(event);
        break;
      case "gone":
        if (!event.isExpelled) this.info(`You left ${event.to} on another device.`);
        return void this.close(event.to);
    }
    this.#status.refresh();
  }
}
