// chat.ts: a signed-in person's chat: typed lines become requests in their turn, and what happens goes to what they see (view.ts). Keys
// are the console's business.

import type { Request, RequestOf } from "../protocol.ts";
import { failure, isRefusal } from "../protocol.ts";
import { isSecret, parseCommand } from "../shared/commands.ts";
import { complete } from "../shared/completion.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { Asking } from "./asking.ts";
import type { Completion, Console, Reader } from "./console.ts";
import type { Display } from "./display.ts";
import { LocalCommands } from "./local.ts";
import type { Memory } from "./memory.ts";
import { Turns } from "./turns.ts";
import type { Typed } from "./typed.ts";
import { isOwnSide, mayBeMeant, mayEcho, readClassic, whyNotTaken, withoutSecret } from "./typed.ts";
import { View } from "./view.ts";

export interface ChatOptions {
  connection: Connection;
  console: Console;
  display: Display;
  room?: string | undefined; // where to start, "#lobby"
  classic?: boolean | undefined; // bare words in the lobby are commands
  memory?: Memory | undefined; // what this computer keeps for them
  now?: (() => number) | undefined; // ms since 1970
}

const MAX_WAITING = 64; // typed lines not stored yet
const GOODBYE = 60; // ms a server may take to let go of a person; Ctrl+C has to feel like one

export class Chat implements Reader {
  readonly #connection: Connection;
  readonly #console: Console;
  readonly #display: Display;
  readonly #start: string;
  readonly #classic: boolean;
  readonly #view: View;
  readonly #local: LocalCommands;
  readonly #memory: Memory | undefined;
  readonly #turns = new Turns(
    (line) => this.#take(line),
    () => this.#progress(),
  );
  readonly #asking: Asking;
  readonly #signedIn = Promise.withResolvers<void>(); // resolves when what was missed has come
  #entering = true; // the first rooms
  #wake: (() => void) | undefined; // whoever waits in `ready`
  #left: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor({ connection, console, display, room = LOBBY, classic = false, memory, now = Date.now }: ChatOptions) {
    this.#connection = connection;
    this.#console = console;
    this.#display = display;
    this.#start = room;
    this.#classic = classic;
    this.#memory = memory;
    this.#view = new View({ connection, console, display, memory, now, waiting: () => this.#waiting });
    this.#asking = new Asking({
      ...{ connection, console, view: this.#view },
      isEntering: () => this.#entering,
      isLeaving: () => this.#left !== undefined,
      refused: (line) => memory?.dropTyped(line),
      giveUp: (line) => this.#giveUp([line]),
      changed: () => this.#progress(),
    });
    this.#local = new LocalCommands(connection.user, console, display, this.#view);
  }

  /** Runs until its person leaves, or is signed out by the server. */
  async run(): Promise<"left" | "signed out"> {
    this.#view.info(`Welcome, ${this.#user}. /help lists the commands, /exit leaves.`);
    const rooms = [...new Set([LOBBY, this.#start])];
    this.#view.begin([...rooms, ...this.#connection.rooms], this.#start);
    const hearing = this.#hear();
    this.#turns.wait(this.#enterFirst(rooms));
    this.#console.listen(this);
    await Promise.race([hearing, this.#over.promise]);
    this.#view.stop();
    if (this.#left !== undefined) return "left";
    this.#giveUp([...this.#waiting, ...this.#console.takeHalfTyped()]);
    return "signed out";
  }

  async #enterFirst(rooms: readonly string[]): Promise<void> {
    const others = rooms.filter((to) => !this.#connection.rooms.includes(to));
    await Promise.all([this.#signedIn.promise, ...others.map((to) => this.#ask({ type: "join", to }))]);
    this.#entering = false;
    await this.#view.open(rooms);
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
    if (this.#leavesAtOnce(text)) return void this.#leave(0);
    if (!this.#console.echoes && mayEcho(text)) this.#view.print([this.#display.dim(this.#view.prompt + text)]);
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

  complaint(text: string): string | undefined {
    return whyNotTaken(text);
  }
  doubt(text: string): string | undefined {
    return this.#classic ? undefined : mayBeMeant(text);
  }
  isSecret(text: string): boolean {
    return isSecret(text);
  }

  async ready(): Promise<void> {
    while (this.#waiting.length >= MAX_WAITING)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  key(name: string): void {
    const { tabs } = this.#view;
    const to = name === "alt+a" ? tabs.next() : tabs.names[Number(/^alt\+([1-9])$/.exec(name)?.[1]) - 1];
    if (to !== undefined && to !== tabs.current) void this.#view.show(to);
  }

  looked(): void {
    this.#view.looked();
  }

  end(): void {
    void this.#leave(this.#console.patience);
  }
  interrupt(): void {
    void this.#leave(GOODBYE);
  }

  complete(before: string): Completion {
    const { known, tabs, board } = this.#view;
    const rooms = [...tabs.names.filter(isRoom), ...known.rooms];
    return complete(before, { people: known.people, rooms, isHost: board.isHost(this.#user) });
  }

  /** What a line means where one is now. */
  #read(text: string): Typed {
    const place = { user: this.#user, room: this.#view.tabs.current, partner: this.#view.partner };
    return this.#classic ? readClassic(text, place) : parseCommand(text, place);
  }

  /** A line has its turn. It is kept to be recalled by a later run if it is understood and no secret, unless the server refuses it. Bots
   *  recall nothing. */
  #take(line: string): Promise<void> | undefined {
    const typed = this.#read(line);
    const isUnderstood = typed !== undefined && (typed === "message" || !isRefusal(typed));
    if (this.#console.recall && isUnderstood && !isSecret(line)) this.#memory?.keepTyped(line);
    return this.#perform(typed, line);
  }

  #perform(typed: Typed, line: string): Promise<void> | undefined {
    if (typed === undefined) return undefined;
    if (typed === "message") return this.#askMessage();
    if (isRefusal(typed)) this.#view.print(this.#display.event(failure(typed)));
    else if (isOwnSide(typed)) this.#local.perform(typed);
    else if (typed.type === "open") return this.#open(typed.to, line);
    else if (typed.type === "exit") this.end();
    else if (typed.type === "say")
      void this.#ask(typed, line); // the next line goes on its way meanwhile
    else if (typed.type === "join" && this.#view.tabs.get(typed.to)?.head !== undefined)
      return this.#view.show(typed.to);
    else if (typed.type === "leave") return this.#leaveOne(typed, line);
    else return this.#ask(typed, line);
    return undefined;
  }

  /** A room is left, a person only not shown any more; `/leave bob` may be either. */
  #leaveOne(request: RequestOf<"leave">, line: string): Promise<void> | undefined {
    const { tabs } = this.#view;
    const { to } = request;
    const person = to.replace(/^#/, "");
    if (tabs.get(to) === undefined && tabs.get(person) !== undefined) return this.#view.close(person);
    if (tabs.get(to) === undefined) return void this.#view.info(`You are not in ${to}. /rooms lists where you are.`);
    return isRoom(to) ? this.#ask(request, line) : this.#view.close(to);
  }

  /** What was written with a person: a place of its own, where there are places. */
  #open(name: string, line: string): Promise<void> {
    if (!this.#console.hasRoomsApart) return this.#ask({ type: "history", to: "@", with: name }, line);
    const isNew = this.#view.tabs.get(name) === undefined;
    this.#view.tabs.open(name);
    return this.#view.show(name, isNew);
  }

  async #askMessage(): Promise<void> {
    const to = await this.#console.ask("To: ");
    const text = to === undefined ? undefined : await this.#console.ask("Message: ");
    if (text === undefined) return;
    const line = `/msg ${to} ${text}`;
    await this.#perform(parseCommand(line, { user: this.#user, room: this.#view.tabs.current }), line);
  }

  #ask(request: Request, line = ""): Promise<void> {
    return this.#asking.ask(request, line);
  }

  // ---- what happens ----

  async #hear(): Promise<void> {
    for await (const event of receiveMessages(this.#connection)) {
      this.#happened(event);
      await this.#console.drained();
    }
  }

  #happened(event: ClientEvent): void {
    if (event.type === "answered") this.#asking.answered(event);
    else if (event.type === "caught up") this.#caughtUp();
    else if (event.type === "gone") this.#gone(event);
    else this.#view.happened(event);
  }

  #gone(event: Extract<ClientEvent, { type: "gone" }>): void {
    this.#giveUp(this.#console.takeHalfTyped(event.to));
    this.#view.happened(event);
  }

  #caughtUp(): void {
    this.#view.caughtUp(this.#connection.rooms);
    this.#signedIn.resolve();
  }

  // ---- the end ----

  /** Leaves; `patience` ms for what was typed just now, without it as long as it takes. */
  #leave(patience: number | undefined): Promise<void> {
    this.#left ??= this.#depart(patience);
    return this.#left;
  }

  async #depart(patience: number | undefined): Promise<void> {
    const answered = this.#turns.settled().then(() => this.#asking.settled());
    if (patience === undefined) await answered;
    else if (this.#connection.online) await Promise.race([answered, Bun.sleep(patience)]);
    const unsent = this.#waiting;
    const closed = this.#connection.close();
    await (this.#console.patience === undefined ? closed : Promise.race([closed, Bun.sleep(GOODBYE)]));
    this.#giveUp(unsent);
    this.#over.resolve();
  }

  #giveUp(unsent: readonly string[]): void {
    for (const text of unsent) this.#view.info(`Not sent: ${withoutSecret(text)}`);
  }

  /** Typed lines that are not stored yet, in order. */
  get #waiting(): string[] {
    return [...this.#connection.waiting.map(({ text }) => text), ...this.#turns.waiting.map(withoutSecret)];
  }

  /** Something was asked, answered or took its turn. */
  #progress(): void {
    this.#view.refresh();
    this.#wake?.();
  }
}
