// timeline.ts: what a chat shows in its log: messages of the room on the screen and to the person, what they asked for,
// who came and went. What is said in other rooms waits in their tabs. Sends nothing; looks are display.ts's business.

import type { Message, Ok, Presence, Request } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import { mentions } from "../shared/text.ts";
import type { Known } from "./completion.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import type { Tab, Tabs } from "./tabs.ts";

export interface TimelineOptions {
  user: string; // who reads
  console: Console;
  display: Display;
  tabs: Tabs;
  known: Known;
  now: () => number; // ms since 1970
}

const BELL = 2_000; // ms between two bells

export class Timeline {
  readonly #user: string;
  readonly #console: Console;
  readonly #display: Display;
  readonly #tabs: Tabs;
  readonly #known: Known;
  readonly #now: () => number;
  #rang = 0; // ms since 1970
  /** Who wrote to this person last. */
  partner: string | undefined;

  constructor({ user, console, display, tabs, known, now }: TimelineOptions) {
    this.#user = user;
    this.#console = console;
    this.#display = display;
    this.#tabs = tabs;
    this.#known = known;
    this.#now = now;
  }

  print(lines: readonly string[]): void {
    this.#console.print(...lines);
  }
  /** A sentence of the program. */
  info(text: string): void {
    this.print(this.#display.info(text));
  }

  /** A message has come: to the log, or to the tab of its room until that is shown. */
  message(message: Message): void {
    const { to, from } = message;
    if (from !== this.#user) this.#known.heard(from);
    if (isRoom(to)) {
      const tab = this.#tabs.get(to);
      if (tab !== undefined) this.#place(tab, message);
      return;
    }
    const loud = this.#isLoud(message);
    if (from === this.#user) this.#known.heard(to);
    else this.partner = from;
    this.print(this.#display.message(message, { loud }));
    if (loud) this.#ring();
  }

  #place(tab: Tab, message: Message): void {
    const isOld = tab.head !== undefined && message.seq <= tab.head;
    const loud = !isOld && this.#isLoud(message);
    if (loud) this.#ring();
    if (!this.#isShown(tab.name)) {
      if (!isOld) this.#tabs.hold(tab, message, loud);
      return;
    }
    if (!isOld && tab.fresh) this.print(this.#display.rule("new"));
    if (!isOld) tab.fresh = false;
    this.print(this.#display.message(message, { loud, late: isOld }));
  }

  /** Others came or went. */
  presence(presence: Presence): void {
    const { to, users } = presence;
    this.#known.met(users, this.#user);
    if (to === "*" || (this.#tabs.get(to) !== undefined && this.#isShown(to)))
      this.print(this.#display.event(presence));
  }

  /** The server was restored from an older copy of a room, or of the inbox ("@"). */
  restored(to: string): void {
    const what = to === "@" ? "your messages were" : `${to} was`;
    this.print(this.#display.rule(`${what} restored from an older copy`));
  }

  /** The server has let this person into a room. */
  entered(name: string, { users = [], seq = 0 }: Ok): void {
    this.#tabs.enter(name, seq);
    this.#known.met(users, this.#user);
    if (this.#isShown(name)) this.print(this.#display.entered(name, users));
  }

  /** Puts a room on the screen, with what came while it was not. */
  show(name: string): void {
    const { held, news } = this.#tabs.show(name);
    const more = news > held.length ? `, here are the last ${held.length}` : "";
    this.print(this.#display.rule(`${name}${news > 0 ? `, ${news} new${more}` : ""}`));
    for (const message of held) this.print(this.#display.message(message, { loud: this.#isLoud(message) }));
  }

  /** What somebody asked for. */
  answer(request: Request, answer: Ok): void {
    if (request.type === "rooms") this.#known.rooms = (answer.rooms ?? []).map(({ to }) => to);
    if (request.type === "history" && answer.messages?.length)
      this.#history(answer.messages, request.match !== undefined);
    else this.print(this.#display.event(answer, request));
  }

  #history(messages: readonly Message[], areFound: boolean): void {
    const { length } = messages;
    this.print(this.#display.rule(areFound ? `${length} found` : `the last ${length}`));
    for (const message of messages) this.print(this.#display.message(message, { late: true }));
    this.print(this.#display.rule("now"));
  }

  #isShown(room: string): boolean {
    return room === this.#tabs.current || !this.#console.hasRoomsApart;
  }

  #isLoud({ to, from, text }: Message): boolean {
    return from !== this.#user && (to === this.#user || mentions(text, this.#user));
  }

  #ring(): void {
    if (this.#now() - this.#rang < BELL) return;
    this.#rang = this.#now();
    this.#console.bell();
  }
}
