// chat.ts: a signed-in person's chat: typed lines become requests in their turn, events become lines of the log, and the
// footer tells what is on its way, what waits in other rooms and what becomes of the connection.
// Delivery is connection.ts's business, looks are display.ts's, keys are the console's. Called by client.ts.

import { parseCommand } from "../shared/commands.ts";
import { complete, Known } from "./completion.ts";
import type { Connection, Occurrence } from "./connection.ts";
import type { Display } from "./display.ts";
import type { Completion } from "./editor.ts";
import type { Message, Ok, Request } from "../protocol.ts";
import { failure, isRefusal } from "../protocol.ts";
import type { Tab } from "./tabs.ts";
import { Tabs } from "./tabs.ts";
import type { Console, Reader } from "./terminal.ts";
import type { Typed } from "./turns.ts";
import { readClassic, Turns } from "./turns.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { mentions, whyTooLong } from "../shared/text.ts";

export interface ChatOptions {
  connection: Connection;
  console: Console;
  display: Display;
  room?: string; // where to start, "#lobby"
  classic?: boolean; // bare words in the lobby are commands
  now?: () => number; // ms since 1970
}

const MAX_WAITING = 64; // typed lines not stored yet
const MAX_LINES = 50; // of one message
const BELL = 2_000; // ms between two bells
const PATIENCE = 1_000; // ms a leaving person waits for what they just typed
const GOODBYE = 60; // ms a server may take to let go of a person; Ctrl+C has to feel like one

export class Chat implements Reader {
  readonly #connection: Connection;
  readonly #console: Console;
  readonly #display: Display;
  readonly #start: string;
  readonly #classic: boolean;
  readonly #now: () => number;
  readonly #tabs = new Tabs();
  #entering = true; // the first rooms
  #partner: string | undefined; // who wrote to us last
  readonly #known = new Known();
  readonly #asked = new Set<Promise<void>>();
  readonly #turns = new Turns(
    (line) => this.#perform(this.#read(line)),
    () => this.#refresh(),
  );
  #offline: { next: number; reason: string } | undefined; // the next try, ms since 1970, and why it is one
  #ticker: Timer | undefined;
  #rang = 0; // ms since 1970
  #left: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor({ connection, console, display, room = LOBBY, classic = false, now = Date.now }: ChatOptions) {
    this.#connection = connection;
    this.#console = console;
    this.#display = display;
    this.#start = room;
    this.#classic = classic;
    this.#now = now;
  }

  /** Runs until its person leaves, or is signed out by the server. */
  async run(): Promise<"left" | "signed out"> {
    this.#info(`Welcome, ${this.#user}. /help lists the commands, /exit leaves.`);
    this.#tabs.current = this.#start;
    const hearing = this.#hear();
    const entering = Array.from(new Set([LOBBY, this.#start]), (to) => this.#ask({ type: "join", to }));
    this.#turns.wait(Promise.all(entering).then(() => (this.#entering = false)));
    this.#console.listen(this);
    await Promise.race([hearing, this.#over.promise]);
    clearInterval(this.#ticker);
    return this.#left === undefined ? "signed out" : "left";
  }

  get #user(): string {
    return this.#connection.user;
  }

  // ---- what is typed ----

  line(text: string): string | undefined {
    if (this.#offline !== undefined) this.#connection.retryNow();
    if (text.trim() === "") return undefined;
    const typed = this.#read(text);
    const verb = typed === undefined || typed === "message" || isRefusal(typed) ? undefined : typed.type;
    if (!this.#console.plain) {
      if (this.#waiting().length >= MAX_WAITING)
        return `${MAX_WAITING} lines wait already. This one stays here until some are sent.`;
      if (verb === "exit" && this.#turns.waiting.length > 0) return void this.#leave(0);
      if (/^\/(?!\/|login|register)/.test(text)) this.#console.print(this.#display.dim(this.#prompt() + text));
    }
    const complaint = verb === "say" ? whyNotSent(text.trimEnd()) : undefined;
    if (complaint === undefined) this.#turns.add(text);
    this.#refresh();
    return complaint;
  }

  async ready(): Promise<void> {
    while (this.#asked.size >= MAX_WAITING) await Promise.race(this.#asked);
  }

  key(name: string): void {
    const room = name === "alt+a" ? this.#tabs.next() : this.#tabs.names[Number(/^alt\+([1-9])$/.exec(name)?.[1]) - 1];
    if (room !== undefined && room !== this.#tabs.current) this.#show(room);
  }

  /** Nobody will type any more: what a pipe has brought is sent first, however long that takes. */
  end(): void {
    void this.#leave(this.#console.plain ? undefined : PATIENCE);
  }
  interrupt(): void {
    void this.#leave(GOODBYE);
  }

  complete(before: string): Completion {
    return complete(before, this.#known.people, [...this.#tabs.names, ...this.#known.rooms]);
  }

  #read(line: string): Typed {
    const text = this.#console.plain ? line : line.trimEnd(); // completion leaves a space behind its words
    const place = { user: this.#user, room: this.#tabs.current, partner: this.#partner };
    return this.#classic ? readClassic(text, place) : parseCommand(text, place);
  }

  #perform(typed: Typed): Promise<void> | undefined {
    if (typed === undefined) return undefined;
    if (typed === "message") return this.#askMessage();
    if (isRefusal(typed)) this.#print(this.#display.event(failure(typed)));
    else if (typed.type === "help") this.#print(this.#display.help());
    else if (typed.type === "exit") void this.#leave(this.#console.plain ? undefined : PATIENCE);
    else if (typed.type === "say") void this.#ask(typed);
    else if (typed.type === "join" && this.#tabs.get(typed.to)?.head !== undefined) this.#show(typed.to);
    else return this.#ask(typed);
    return undefined;
  }

  async #askMessage(): Promise<void> {
    const to = await this.#console.ask("To: ");
    const text = to === undefined ? undefined : await this.#console.ask("Message: ");
    if (text === undefined) return;
    await this.#perform(parseCommand(`/msg ${to} ${text}`, { user: this.#user, room: this.#tabs.current }));
  }

  #ask(request: Request): Promise<void> {
    if (request.type === "join") this.#tabs.open(request.to);
    const asked = this.#connection
      .ask(request)
      .then(async (answer) => {
        if (request.type !== "join") await this.#connection.passed(answer); // what was said before it is shown before it
        if (answer.type === "ok") this.#answered(request, answer);
      })
      .catch((problem: Error) => {
        if (request.type === "join") this.#tabs.close(request.to);
        if (this.#left === undefined) this.#info(problem.message);
      })
      .finally(() => {
        this.#asked.delete(asked);
        this.#refresh();
      });
    this.#asked.add(asked);
    this.#refresh();
    return asked;
  }

  #answered(request: Request, answer: Ok): void {
    switch (request.type) {
      case "join":
        return this.#entered(request.to, answer);
      case "leave":
        this.#tabs.close(request.to);
        return this.#show(this.#tabs.current);
      case "history": {
        if (!answer.messages?.length) break;
        const found = answer.messages.length;
        this.#print(this.#display.rule(request.match === undefined ? `the last ${found}` : `${found} found`));
        for (const message of answer.messages) this.#print(this.#display.message(message, { late: true }));
        return this.#print(this.#display.rule("now"));
      }
      case "rooms":
        this.#known.rooms = (answer.rooms ?? []).map(({ to }) => to);
    }
    this.#print(this.#display.event(answer, request));
  }

  // ---- rooms ----

  #entered(name: string, { users = [], seq = 0 }: Ok): void {
    const early = this.#tabs.enter(name, seq);
    this.#known.met(users, this.#user);
    if (!this.#entering) this.#tabs.current = name; // at the start it is known already
    if (this.#isShown(name)) this.#print(this.#display.entered(name, users));
    for (const message of early) this.#place(this.#tabs.get(name)!, message);
  }

  /** Puts a room on the screen, with what came while it was not. */
  #show(name: string): void {
    const { held, news } = this.#tabs.show(name);
    const more = news > held.length ? `, here are the last ${held.length}` : "";
    this.#print(this.#display.rule(`${name}${news > 0 ? `, ${news} new${more}` : ""}`));
    for (const message of held) this.#print(this.#display.message(message, { loud: this.#isLoud(message) }));
    this.#refresh();
  }

  #isShown(room: string): boolean {
    return room === this.#tabs.current || this.#console.plain;
  }

  // ---- what happens ----

  async #hear(): Promise<void> {
    for (let next; (next = await this.#connection.next()) !== undefined;) {
      this.#take(next);
      await this.#console.drained();
    }
  }

  #take(occurrence: Occurrence): void {
    switch (occurrence.type) {
      case "message":
        return this.#hearMessage(occurrence);
      case "joined":
      case "left": {
        const { to, users } = occurrence;
        this.#known.met(users, this.#user);
        if (to === "*" || (this.#tabs.get(to) !== undefined && this.#isShown(to)))
          this.#print(this.#display.event(occurrence));
        return;
      }
      case "offline":
        return this.#lost(occurrence);
      case "online":
        return this.#back(occurrence.missed);
      case "reset": {
        const what = occurrence.to === "@" ? "your messages were" : `${occurrence.to} was`;
        return this.#print(this.#display.rule(`${what} restored from an older copy`));
      }
      default:
        return this.#print(this.#display.event(occurrence));
    }
  }

  #hearMessage(message: Message): void {
    const { to, from } = message;
    if (from !== this.#user) this.#known.heard(from);
    if (isRoom(to)) {
      const tab = this.#tabs.get(to);
      if (tab !== undefined) this.#place(tab, message);
      return;
    }
    const loud = this.#isLoud(message);
    if (from === this.#user) this.#known.heard(to);
    else this.#partner = from;
    this.#print(this.#display.message(message, { loud }));
    if (loud) this.#ring();
  }

  /** A message of a room, to where it belongs: the log, or what waits for the room to be shown. */
  #place(tab: Tab, message: Message): void {
    const old = tab.head !== undefined && message.seq <= tab.head;
    const loud = !old && this.#isLoud(message);
    if (loud) this.#ring();
    if (tab.head === undefined || (!old && !this.#isShown(tab.name))) {
      this.#tabs.hold(tab, message, loud);
      return this.#refresh();
    }
    if (!this.#isShown(tab.name)) return;
    if (!old && tab.fresh) this.#print(this.#display.rule("new"));
    if (!old) tab.fresh = false;
    this.#print(this.#display.message(message, { loud, late: old }));
    this.#refresh();
  }

  #isLoud({ to, from, text }: Message): boolean {
    return from !== this.#user && (to === this.#user || mentions(text, this.#user));
  }

  #ring(): void {
    if (this.#now() - this.#rang < BELL) return;
    this.#rang = this.#now();
    this.#console.bell();
  }

  // ---- the connection ----

  #lost({ code, reason, retry }: Extract<Occurrence, { type: "offline" }>): void {
    if (this.#offline === undefined)
      this.#print(this.#display.rule("connection lost; what you type now is sent when it is back", this.#now()));
    if (code === "untrusted" && reason !== this.#offline?.reason) this.#info(reason);
    this.#offline = { next: this.#now() + retry, reason };
    this.#ticker ??= setInterval(() => this.#refresh(), 1_000);
    this.#refresh();
  }

  #back(missed: number): void {
    const messages = missed === 1 ? "message" : "messages";
    if (this.#offline !== undefined) {
      const told = missed > 0 ? `back online, ${missed} missed ${messages}` : "back online";
      this.#print(this.#display.rule(told, this.#now()));
    } else if (missed > 0) this.#print(this.#display.rule(`while you were away: ${missed} ${messages} to you`));
    this.#offline = undefined;
    clearInterval(this.#ticker);
    this.#ticker = undefined;
    this.#refresh();
  }

  /** Leaves; `patience` ms for what was typed just now, without it as long as it takes. */
  #leave(patience: number | undefined): Promise<void> {
    return (this.#left ??= this.#depart(patience));
  }

  async #depart(patience: number | undefined): Promise<void> {
    const answered = this.#turns.settled().then(() => Promise.all(this.#asked));
    if (patience === undefined) await answered;
    else if (this.#connection.online) await Promise.race([answered, Bun.sleep(patience)]);
    const unsent = this.#waiting();
    const closed = this.#connection.close();
    await (this.#console.plain ? closed : Promise.race([closed, Bun.sleep(GOODBYE)]));
    for (const text of unsent) this.#info(`Not sent: ${text}`);
    this.#over.resolve();
  }

  // ---- the screen ----

  #print(lines: readonly string[]): void {
    this.#console.print(...lines);
  }
  #info(text: string): void {
    this.#print(this.#display.info(text));
  }

  /** Typed lines that are not stored yet, in order. */
  #waiting(): string[] {
    return [...this.#connection.waiting.map(({ text }) => text), ...this.#turns.waiting];
  }

  #prompt(): string {
    return this.#display.prompt(this.#tabs.current);
  }

  #refresh(): void {
    const rows = this.#display.status({
      waiting: this.#waiting(),
      elsewhere: this.#tabs.waiting(),
      retry: this.#offline && Math.ceil((this.#offline.next - this.#now()) / 1000),
    });
    this.#console.footer(this.#prompt(), rows);
  }
}

/** Why a text is no message, if it is none. */
function whyNotSent(text: string): string | undefined {
  const lines = text.split("\n").length;
  if (lines > MAX_LINES) return `That message has ${lines} lines; ${MAX_LINES} fit. Nothing was sent.`;
  return whyTooLong(text);
}
