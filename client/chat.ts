// chat.ts: a signed-in person's chat: typed lines become requests in their turn, and what happens goes to the log
// (timeline.ts) and to what stands under it (status.ts). Keys are the console's business.

import type { Ok, Request } from "../protocol.ts";
import { failure, isRefusal } from "../protocol.ts";
import { parseCommand } from "../shared/commands.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import type { Answered, ClientEvent } from "../shared/feed.ts";
import { LOBBY } from "../shared/names.ts";
import { whyTooLong } from "../shared/text.ts";
import type { Typed } from "./classic.ts";
import { readClassic } from "./classic.ts";
import { complete, Known } from "./completion.ts";
import type { Completion, Console, Reader } from "./console.ts";
import type { Display } from "./display.ts";
import { Status } from "./status.ts";
import { Tabs } from "./tabs.ts";
import { Timeline } from "./timeline.ts";
import { Turns } from "./turns.ts";

export interface ChatOptions {
  connection: Connection;
  console: Console;
  display: Display;
  room?: string | undefined; // where to start, "#lobby"
  classic?: boolean | undefined; // bare words in the lobby are commands
  now?: (() => number) | undefined; // ms since 1970
}

const MAX_WAITING = 64; // typed lines not stored yet
const MAX_LINES = 50; // of one message
const GOODBYE = 60; // ms a server may take to let go of a person; Ctrl+C has to feel like one

export class Chat implements Reader {
  readonly #connection: Connection;
  readonly #console: Console;
  readonly #display: Display;
  readonly #start: string;
  readonly #classic: boolean;
  readonly #tabs = new Tabs();
  readonly #known = new Known();
  readonly #timeline: Timeline;
  readonly #status: Status;
  readonly #turns = new Turns(
    (line) => this.#perform(this.#read(line)),
    () => this.#progress(),
  );
  readonly #asked = new Map<Request, PromiseWithResolvers<void>>(); // what is not answered yet
  #entering = true; // the first rooms
  #wake: (() => void) | undefined; // whoever waits in `ready`
  #left: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor({ connection, console, display, room = LOBBY, classic = false, now = Date.now }: ChatOptions) {
    this.#connection = connection;
    this.#console = console;
    this.#display = display;
    this.#start = room;
    this.#classic = classic;
    const shared = { console, display, tabs: this.#tabs, now };
    this.#timeline = new Timeline({ ...shared, user: connection.user, known: this.#known });
    this.#status = new Status({ ...shared, waiting: () => this.#waiting });
  }

  /** Runs until its person leaves, or is signed out by the server. */
  async run(): Promise<"left" | "signed out"> {
    this.#timeline.info(`Welcome, ${this.#user}. /help lists the commands, /exit leaves.`);
    this.#tabs.current = this.#start;
    const hearing = this.#hear();
    this.#turns.wait(this.#enterFirst());
    this.#console.listen(this);
    await Promise.race([hearing, this.#over.promise]);
    this.#status.stop();
    if (this.#left !== undefined) return "left";
    this.#giveUp(this.#waiting);
    return "signed out";
  }

  async #enterFirst(): Promise<void> {
    await Promise.all(Array.from(new Set([LOBBY, this.#start]), (to) => this.#ask({ type: "join", to })));
    this.#entering = false;
  }

  get #user(): string {
    return this.#connection.user;
  }

  // ---- what is typed ----

  line(text: string): string | undefined {
    this.#connection.retryNow(); // Enter does, if there is no connection
    if (text.trim() === "") return undefined;
    const waiting = this.#waiting.length;
    if (waiting >= MAX_WAITING) return `${waiting} lines wait already. This one stays here until some are sent.`;
    const complaint = whyNotTaken(text);
    if (complaint !== undefined) return complaint;
    if (this.#leavesAtOnce(text)) return void this.#leave(0);
    if (!this.#console.echoes && mayEcho(text)) this.#timeline.print([this.#display.dim(this.#status.prompt + text)]);
    this.#turns.add(text);
    this.#progress();
    return undefined;
  }

  /** Whether this is an /exit that must not wait for its turn: the lines before it may wait for a server that is gone.
   *  What other lines mean is read in their turn only: it depends on the room that is shown by then. */
  #leavesAtOnce(text: string): boolean {
    if (this.#console.patience === undefined || this.#turns.waiting.length === 0) return false;
    const typed = this.#read(text);
    return typeof typed === "object" && "type" in typed && typed.type === "exit";
  }

  async ready(): Promise<void> {
    while (this.#waiting.length >= MAX_WAITING)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  key(name: string): void {
    const room = name === "alt+a" ? this.#tabs.next() : this.#tabs.names[Number(/^alt\+([1-9])$/.exec(name)?.[1]) - 1];
    if (room !== undefined && room !== this.#tabs.current) this.#show(room);
  }

  end(): void {
    void this.#leave(this.#console.patience);
  }
  interrupt(): void {
    void this.#leave(GOODBYE);
  }

  complete(before: string): Completion {
    return complete(before, this.#known.people, [...this.#tabs.names, ...this.#known.rooms]);
  }

  /** What a line means where one is now. */
  #read(text: string): Typed {
    const place = { user: this.#user, room: this.#tabs.current, partner: this.#timeline.partner };
    return this.#classic ? readClassic(text, place) : parseCommand(text, place);
  }

  #perform(typed: Typed): Promise<void> | undefined {
    if (typed === undefined) return undefined;
    if (typed === "message") return this.#askMessage();
    if (isRefusal(typed)) this.#timeline.print(this.#display.event(failure(typed)));
    else if (typed.type === "help") this.#timeline.print(this.#display.help());
    else if (typed.type === "open") this.#connection.send({ type: "history", to: "@", with: typed.to });
    else if (typed.type === "exit") this.end();
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

  /** Asks the server; resolves when it has answered and the answer is shown, in its place among what others do. */
  #ask(request: Request): Promise<void> {
    if (request.type === "join") this.#tabs.open(request.to);
    const asked = Promise.withResolvers<void>();
    this.#asked.set(request, asked);
    this.#connection.send(request);
    this.#progress();
    return asked.promise;
  }

  #answered({ request, answer }: Answered): void {
    if (answer.type === "ok") this.#granted(request, answer);
    if (answer.type === "error") {
      if (request.type === "join") this.#tabs.close(request.to);
      if (this.#left === undefined) this.#timeline.info(answer.text);
    }
    this.#asked.get(request)?.resolve();
    this.#asked.delete(request);
    this.#progress();
  }

  #granted(request: Request, answer: Ok): void {
    switch (request.type) {
      case "join":
        if (!this.#entering) this.#tabs.current = request.to; // at the start it is known already
        return this.#timeline.entered(request.to, answer);
      case "leave":
        this.#tabs.close(request.to);
        return this.#show(this.#tabs.current);
      default:
        this.#timeline.answer(request, answer);
    }
  }

  #show(room: string): void {
    this.#timeline.show(room);
    this.#status.refresh();
  }

  // ---- what happens ----

  async #hear(): Promise<void> {
    for await (const event of receiveMessages(this.#connection)) {
      this.#happened(event);
      await this.#console.drained();
    }
  }

  #happened(event: ClientEvent): void {
    switch (event.type) {
      case "message":
        this.#timeline.message(event);
        return this.#status.refresh();
      case "answered":
        return this.#answered(event);
      case "joined":
      case "left":
        return this.#timeline.presence(event);
      case "notice":
      case "error":
        return this.#timeline.print(this.#display.event(event));
      case "offline":
        return this.#status.offline(event);
      case "online":
        return this.#status.online(event.missed);
      case "reset":
        return this.#timeline.restored(event.to);
      case "entered": // the answer to our own request tells it
      case "inbox":
      case "caught up":
        return;
    }
  }

  // ---- the end ----

  /** Leaves; `patience` ms for what was typed just now, without it as long as it takes. */
  #leave(patience: number | undefined): Promise<void> {
    this.#left ??= this.#depart(patience);
    return this.#left;
  }

  async #depart(patience: number | undefined): Promise<void> {
    const answered = this.#turns
      .settled()
      .then(() => Promise.all(Array.from(this.#asked.values(), ({ promise }) => promise)));
    if (patience === undefined) await answered;
    else if (this.#connection.online) await Promise.race([answered, Bun.sleep(patience)]);
    const unsent = this.#waiting;
    const closed = this.#connection.close();
    await (this.#console.patience === undefined ? closed : Promise.race([closed, Bun.sleep(GOODBYE)]));
    this.#giveUp(unsent);
    this.#over.resolve();
  }

  #giveUp(unsent: readonly string[]): void {
    for (const text of unsent) this.#timeline.info(`Not sent: ${text}`);
  }

  /** Typed lines that are not stored yet, in order. */
  get #waiting(): string[] {
    return [...this.#connection.waiting.map(({ text }) => text), ...this.#turns.waiting];
  }

  /** Something was asked, answered or took its turn. */
  #progress(): void {
    this.#status.refresh();
    this.#wake?.();
  }
}

/** Why a line is not taken, if it is not. */
function whyNotTaken(text: string): string | undefined {
  const typed = text.trimEnd();
  const lines = typed.split("\n").length;
  if (lines > MAX_LINES) return `That message has ${lines} lines; ${MAX_LINES} fit. Nothing was sent.`;
  return whyTooLong(typed);
}

/** Whether a typed line is repeated in the log, above its answer: a command is. A message is not, it comes back by
 *  itself; nor is a /login or /register, typed by mistake, which holds a password. */
function mayEcho(text: string): boolean {
  return /^\/(?!\/|login|register)/.test(text);
}
