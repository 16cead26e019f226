// timeline.ts: what a chat shows in its log: messages of the conversation on the screen and to the person, what they asked for, who came
// and went. What is said elsewhere waits in its tab. Looks are display.ts's business.

import type { Message, Ok, Presence, Request, RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { expels, isAct } from "../shared/acts.ts";
import type { Board } from "../shared/board.ts";
import { isRoom } from "../shared/names.ts";
import { ALL } from "../shared/settings.ts";
import { mentions } from "../shared/text.ts";
import type { Archive } from "./archive.ts";
import { MAX_SHOWN } from "./archive.ts";
import type { Attention } from "./attention.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import { isAnnouncement } from "./display.ts";
import type { Ignored } from "./ignored.ts";
import type { Known } from "./known.ts";
import type { Notices } from "./notices.ts";
import { emptyRemoved } from "./removed.ts";
import type { Tab, Tabs } from "./tabs.ts";

export interface TimelineOptions {
  user: string; // who reads
  console: Console;
  display: Display;
  tabs: Tabs;
  archive: Archive;
  attention: Attention;
  known: Known;
  ignored: Ignored;
  board: Board;
  notices: Notices;
  now: () => number; // ms since 1970
}

const BELL = 2_000; // ms between two bells
const CONTEXT = 10; // messages that were read already, above what is new

export class Timeline {
  readonly #options: TimelineOptions;
  #rang = 0; // ms since 1970
  #waiting: Message[] | undefined = []; // private ones that are not shown before a room is
  /** Who wrote to this person last. */
  partner: string | undefined;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  print(lines: readonly string[]): void {
    this.#options.console.print(...lines);
  }
  /** A sentence of the program. */
  info(text: string): void {
    this.print(this.#options.display.info(text));
  }

  // ---- what comes ----

  /** A message has come: to the log, or to the tab of its conversation until that is shown. */
  message(message: Message): void {
    const { user, tabs, known } = this.#options;
    const { to, from } = message;
    if (from !== user && !this.#isHidden(message)) known.heard(from);
    else if (!isRoom(to)) known.heard(to);
    if (!isRoom(to)) return this.#private(message);
    const tab = tabs.get(to);
    if (tab === undefined) return;
    const isReplayed = tab.arriving !== undefined;
    const isHidden = this.#isHidden(message);
    const loud = this.#isLoud(message) && message.seq > tab.seen;
    tabs.take(tab, message, loud);
    if (message.act === "remove") tabs.empty(tab, this.#isHost);
    if (isHidden && message.seq > tab.seen) tab.ignored.push(message.seq);
    if (loud) this.#ring();
    if (tab.state === "shown" && isHidden) this.#options.attention.shown(to, message.seq);
    else if (tab.state === "shown") this.#append(tab, message, loud);
    else if (tab.state === "hidden" && !isReplayed && this.#concerns(message)) this.#tellAct(message);
  }

  /** Whether an act is told whatever is on the screen: what is for everybody, what this person did, and why they are not in a room any
   *  more. */
  #concerns(message: Message): boolean {
    const { user } = this.#options;
    return (
      isAct(message) &&
      !this.#isHidden(message) &&
      (message.of === ALL || message.from === user || expels(message, user))
    );
  }

  #tellAct(message: Message): void {
    this.print(this.#options.display.message(message));
    this.#announce(message);
  }

  /** A message was shown as it came: if it is for everybody to read, it rings. */
  #announce(message: Message): void {
    if (!isAnnouncement(message)) return;
    this.#options.notices.shown(message);
    if (message.from !== this.#options.user) this.#ring();
  }

  get #isHost(): boolean {
    const { board, user } = this.#options;
    return board.isHost(user);
  }

  #isHidden(message: Message): boolean {
    return this.#options.ignored.hides(message);
  }
  #isVisible = (message: Message): boolean => !this.#isHidden(message);

  /** Of these messages of a tab, those of people whom this one ignores are no news. */
  ignore(tab: Tab, messages: readonly Message[]): void {
    this.#options.tabs.ignore(
      tab,
      messages.filter((message) => this.#isHidden(message)),
    );
  }

  /** Something was said in the room on the screen. */
  #append(tab: Tab, message: Message, loud: boolean): void {
    const { user, display, attention } = this.#options;
    const isNew = message.seq > tab.seen;
    if (isNew && !attention.isThere && !tab.isRuled && message.from !== user) {
      tab.isRuled = true;
      this.print(display.rule("new"));
    }
    this.print(display.message(message, { loud, late: !isNew }));
    this.#announce(message);
    attention.shown(tab.name, message.seq);
  }

  /** Something was written to this person, or by them: to the log whatever is on the screen, and into the tab of whom it was
   *  written with. */
  #private(message: Message): void {
    const { user, console, tabs, attention } = this.#options;
    const { to, from, seq } = message;
    const partner = from === user ? to : from;
    const isNews = from !== user && this.#isVisible(message);
    if (isNews) this.partner = from;
    const tab = console.hasRoomsApart && isNews ? tabs.open(partner, seq - 1) : tabs.get(partner);
    tabs.inbox = Math.max(seq, tabs.inbox);
    if (tab !== undefined) tabs.take(tab, message, isNews);
    if (tab !== undefined && message.act === "remove") tabs.empty(tab, false);
    if (tab !== undefined && from === user) tabs.read(tab, seq); // who answers has read
    if (this.#waiting !== undefined) return void this.#waiting.push(message);
    if (tab?.state === "shown") attention.shown(tab.name, seq);
    this.#tell(message);
  }

  #tell(message: Message): void {
    const loud = this.#isLoud(message);
    if (this.#isVisible(message)) this.print(this.#options.display.message(message, { loud }));
    if (loud) this.#ring();
    this.#options.attention.shown("@", message.seq);
  }

  /** Shows what was written to this person while they were away, below the room: next to where they type. */
  deliver(): void {
    const { user, display } = this.#options;
    const waiting = emptyRemoved(this.#waiting ?? [], false);
    this.#waiting = undefined;
    const count = waiting.filter((message) => message.from !== user && this.#isVisible(message)).length;
    if (count > 0)
      this.print(display.rule(`while you were away: ${many(count)} ${count === 1 ? "message" : "messages"} to you`));
    if (count > 0) for (const message of waiting) this.#tell(message);
    else if (waiting.length > 0) this.#options.attention.shown("@", waiting.at(-1)!.seq);
  }

  /** All that was missed is there: tells what hosts want everybody to read. */
  cameIn(): void {
    if (this.#options.notices.cameIn()) this.#ring();
  }

  /** Others came or went. */
  presence(presence: Presence): void {
    const { user, display, known, ignored } = this.#options;
    known.met(presence.users, user);
    const users = presence.users.filter((one) => !ignored.has(one));
    if (presence.to === "*" || this.#isShown(presence.to)) this.print(display.event({ ...presence, users }));
  }

  /** The server was restored from an older copy of a room, or of the inbox ("@"). */
  restored(to: string): void {
    const { tabs, attention, display } = this.#options;
    tabs.restore(to);
    attention.forget(to);
    const what = to === "@" ? "your messages were" : `${to} was`;
    this.print(display.rule(`${what} restored from an older copy`));
  }

  // ---- what is shown ----

  /** Puts a conversation on the screen: some messages that were read already, then what is new. `isEntered`: this person has not
   *  been there before. Resolves when it is there; what comes meanwhile is part of it. */
  async show(name: string, isEntered = false): Promise<void> {
    const { console, display, tabs, archive } = this.#options;
    const before = tabs.get(tabs.current);
    if (before !== undefined && console.hasRoomsApart) before.state = "hidden";
    tabs.current = name;
    const tab = tabs.get(name);
    if (tab === undefined || tab.state === "shown") return this.print(display.rule(name));
    tab.state = "opening";
    await tab.arriving?.promise;
    const context = isEntered ? Math.max(0, LIMITS.backlog - tabs.after(tab)) : CONTEXT;
    const older = await archive.older(tab, context);
    if (tabs.get(name) !== tab || tab.state !== "opening") return; // it was left meanwhile, or another one is shown
    tab.state = "shown";
    const held = emptyRemoved([...older, ...tab.recent], this.#isHost);
    this.ignore(tab, held);
    this.#draw(tab, held, context, isEntered);
  }

  #draw(tab: Tab, held: readonly Message[], context: number, isEntered: boolean): void {
    const { display, tabs, attention, notices } = this.#options;
    const unread = held.filter(({ seq }) => seq > tab.seen).slice(-MAX_SHOWN);
    const isCut = tabs.after(tab) > unread.length;
    const read = isCut
      ? []
      : held.slice(Math.max(0, held.length - unread.length - context), held.length - unread.length);
    const news = tabs.unread(tab);
    const told = `${many(news)} new${isCut ? `, here are the last ${many(unread.length)}` : ""}`;
    if (isEntered && isRoom(tab.name)) {
      this.print(display.entered(tab.name, tab.users));
      notices.entered(tab.name);
    } else this.print(display.rule(`${tab.name}${news > 0 ? `, ${told}` : ""}`));
    if (held.length === 0 && !isRoom(tab.name))
      this.info(`You have not written with ${tab.name} yet. What you type here is for ${tab.name} alone.`);
    if (this.#options.ignored.has(tab.name))
      this.info(
        `You ignore ${tab.name}. /unignore ${tab.name} ends it; /history shows what you wrote with each other.`,
      );
    this.print(display.messages(read.filter(this.#isVisible)));
    if (news > 0 && (isEntered || read.length > 0)) this.print(display.rule(isEntered && isCut ? told : "new"));
    this.print(
      display.messages(unread.filter(this.#isVisible), (message) => isRoom(tab.name) && this.#isLoud(message)),
    );
    for (const message of held.slice(-CONTEXT)) if (isAnnouncement(message)) notices.shown(message);
    tab.isRuled = news > 0;
    const last = held.at(-1);
    const isLacking = isCut && unread.length < MAX_SHOWN; // there is no connection to get the others by
    if (last !== undefined && !isLacking) attention.shown(tab.name, last.seq);
  }

  /** What somebody asked for. */
  answer(request: Request, answer: Ok): void {
    const { user, display, known, console, tabs } = this.#options;
    known.met([...(answer.users ?? []), ...(answer.away ?? [])], user);
    if (request.type === "rooms") known.rooms = (answer.rooms ?? []).map(({ to }) => to);
    if (request.type === "rooms" && console.hasRoomsApart) return this.info(`Rooms: ${tabs.list(answer.rooms ?? [])}`);
    if (request.type === "history" && answer.messages?.length) this.#history(answer.messages, request);
    else this.print(display.event(answer, request));
  }

  /** What was written with one person is all shown: they are asked for by name. */
  #history(messages: readonly Message[], request: RequestOf<"history">): void {
    const { display } = this.#options;
    const { length } = messages;
    const shown = request.with === undefined ? messages.filter(this.#isVisible) : messages;
    const rest = shown.length < length ? `, ${length - shown.length} of people you ignore` : "";
    this.print(display.rule((request.match === undefined ? `the last ${length}` : `${length} found`) + rest));
    this.print(display.messages(shown));
    this.print(display.rule("now"));
  }

  // ---- attention ----

  #isShown(room: string): boolean {
    return this.#options.tabs.get(room)?.state === "shown";
  }

  /** Whether a message calls this person; what was removed, and what hosts do in a room, calls nobody. */
  #isLoud({ to, from, text, act, removed }: Message): boolean {
    const { user } = this.#options;
    if (from === user || removed !== undefined || this.#options.ignored.has(from)) return false;
    return to === user || (act === undefined && mentions(text, user));
  }

  /** Calls were found further back: who was not rung for yet is now. */
  found(): void {
    if (this.#rang === 0) this.#ring();
  }

  #ring(): void {
    const { console, now } = this.#options;
    if (now() - this.#rang < BELL) return;
    this.#rang = now();
    console.bell();
  }
}

function many(count: number): string {
  return count.toLocaleString("en");
}
