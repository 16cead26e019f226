// chat.ts: a signed-in person's seat: the rooms they are in, the one they talk in, what waits elsewhere, what is on its way,
// and what becomes of the connection. Turns typed lines into requests and events into lines of the log.
// Delivery is connection.ts's business, looks are display.ts's, keys are the console's. Called by client.ts.

import { help, parseCommand } from "./commands.ts";
import { complete } from "./completion.ts";
import type { Connection, Occurrence } from "./connection.ts";
import type { Display } from "./display.ts";
import type { Completion } from "./editor.ts";
import type { Message, Ok, Request } from "./protocol.ts";
import { failure, isRefusal, LOBBY, MAX_MESSAGE_LENGTH } from "./protocol.ts";
import type { Console, Reader } from "./terminal.ts";

export interface ChatOptions {
  connection: Connection;
  console: Console;
  display: Display;
  room?: string; // where to start, "#lobby"
  classic?: boolean; // bare words in the lobby are commands
  now?: () => number; // ms since 1970
}

interface Room {
  name: string;
  head: number | undefined; // seq of the last message from before we came; not known until the server has answered
  held: Message[]; // not shown, because another room is on the screen
  news: number; // how many came, held or dropped
  mentioned: boolean;
  fresh: boolean; // old messages were shown and no new one yet
}

/** What a typed line asks for; "message" is the word of classic mode that asks for a name and a text. */
type Read = ReturnType<typeof parseCommand> | "message";

const MOST_WAITING = 64; // typed lines not stored yet
const MOST_LINES = 50; // lines of one message
const MOST_HELD = 100; // messages a room keeps for later; more are in its history
const MOST_PEOPLE = 500; // names remembered for completion
const ROWS_WAITING = 3; // waiting lines that are shown
const BELL = 2_000; // ms between two bells
const PATIENCE = 1_000; // ms a leaving person waits for what they just typed
const GOODBYE = 150; // ms a server may take to let go of a person; Ctrl+C has to feel like one
const NARROW = 60; // columns below which the status is said in few words
const KEYS = [
  "Tab completes /command, @name and #room. Alt+Enter: a new line. Alt+A, Alt+1…9: another room.",
  "//text says /text. Ctrl+C clears the line, and leaves when it is empty.",
];

export class Chat implements Reader {
  readonly #options: ChatOptions;
  readonly #user: string;
  readonly #now: () => number;
  readonly #rooms = new Map<string, Room>(); // in the order of their numbers
  #room: string = LOBBY; // the one on the screen
  #partner: string | undefined;
  #people: string[] = []; // who spoke last comes first
  readonly #asked = new Set<Promise<void>>();
  #queue: string[] = []; // typed lines behind a request whose answer decides what they mean
  #busy: string | undefined; // that request, as it was typed; "" for entering the first rooms
  #offline: { next: number } | undefined; // ms since 1970
  #ticker: Timer | undefined;
  #rang = 0; // ms since 1970
  #left: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor(options: ChatOptions) {
    this.#options = options;
    this.#user = options.connection.user;
    this.#now = options.now ?? Date.now;
  }

  /** Runs until its person leaves, or is signed out by the server. */
  async run(): Promise<"left" | "signed out"> {
    const { console, display, room = LOBBY } = this.#options;
    console.print(...display.info(`Welcome, ${this.#user}. /help lists the commands, /exit leaves.`));
    this.#room = room;
    const listening = this.#hear();
    const entering = Array.from(new Set([LOBBY, room]), (to) => this.#ask({ type: "join", to }));
    this.#wait("", Promise.all(entering));
    console.listen(this);
    await Promise.race([listening, this.#over.promise]);
    clearInterval(this.#ticker);
    return this.#left === undefined ? "signed out" : "left";
  }

  // ---- what is typed ----

  line(text: string): string | undefined {
    if (this.#offline !== undefined) this.#options.connection.retryNow();
    if (text.trim() === "") return undefined;
    const typed = this.#read(text);
    const verb = typed === undefined || typed === "message" || isRefusal(typed) ? undefined : typed.type;
    if (!this.#options.console.plain) {
      if (this.#waiting().length >= MOST_WAITING)
        return `${MOST_WAITING} lines wait already. This one stays here until some are sent.`;
      if (verb === "exit" && this.#busy !== undefined) return void this.#leave(0);
      if (/^\/(?!\/|login|register)/.test(text)) this.#print(this.#options.display.dim(this.#prompt() + text));
    }
    if (verb === "say") {
      const { length } = [...text.trimEnd()];
      const lines = text.trimEnd().split("\n").length;
      const count = (n: number) => n.toLocaleString("en");
      if (length > MAX_MESSAGE_LENGTH)
        return `That message has ${count(length)} characters; ${count(MAX_MESSAGE_LENGTH)} fit. Nothing was sent.`;
      if (lines > MOST_LINES) return `That message has ${lines} lines; ${MOST_LINES} fit. Nothing was sent.`;
    }
    this.#queue.push(text);
    this.#work();
    return undefined;
  }

  async ready(): Promise<void> {
    while (this.#asked.size >= MOST_WAITING) await Promise.race(this.#asked);
  }

  key(name: string): void {
    const rooms = [...this.#rooms.values()];
    if (name === "alt+a") {
      const waiting = rooms.filter(({ news }) => news > 0);
      const next = waiting.find(({ mentioned }) => mentioned) ?? waiting[0];
      if (next !== undefined) this.#show(next);
    } else if (/^alt\+[1-9]$/.test(name)) {
      const room = rooms[Number(name.slice(4)) - 1];
      if (room !== undefined && room.name !== this.#room) this.#show(room);
    }
  }

  /** Nobody will type any more: what a pipe has brought is sent first, however long that takes. */
  end(): void {
    void this.#leave(this.#options.console.plain ? undefined : PATIENCE);
  }

  interrupt(): void {
    void this.#leave(GOODBYE);
  }

  complete(before: string): Completion {
    return complete(before, { people: this.#people, rooms: [...this.#rooms.keys()] });
  }

  #read(text: string): Read {
    const place = { user: this.#user, room: this.#room, partner: this.#partner };
    if (this.#options.classic) {
      const words = text.trim();
      if (this.#room !== LOBBY && words !== "leave") return { type: "say", to: this.#room, text: text.trimEnd() };
      if (words === "message") return "message";
      if (/^(who|leave|exit|join \S+)$/.test(words)) return parseCommand(`/${words}`, place);
    }
    return parseCommand(text, place);
  }

  /** Takes typed lines in their turn. One that changes where later ones go, or that is answered by lines, is waited for. */
  #work(): void {
    while (this.#queue.length > 0 && this.#busy === undefined) {
      const line = this.#queue.shift()!;
      const pending = this.#perform(this.#read(line));
      if (pending !== undefined) this.#wait(line, pending);
    }
    this.#refresh();
  }

  #wait(line: string, pending: Promise<unknown>): void {
    this.#busy = line;
    void pending.finally(() => {
      this.#busy = undefined;
      this.#work();
    });
  }

  #perform(typed: Read): Promise<void> | undefined {
    const { console, display } = this.#options;
    if (typed === undefined) return undefined;
    if (typed === "message") return this.#askMessage();
    if (isRefusal(typed)) this.#print(...display.event(failure(typed)));
    else if (typed.type === "help") {
      for (const line of [...help(true), ...(console.plain ? [] : KEYS)]) this.#print(...display.info(line));
    } else if (typed.type === "exit") void this.#leave(PATIENCE);
    else if (typed.type === "say") void this.#ask(typed);
    else if (typed.type === "join" && this.#rooms.get(typed.to)?.head !== undefined)
      this.#show(this.#rooms.get(typed.to)!);
    else return this.#ask(typed);
    return undefined;
  }

  async #askMessage(): Promise<void> {
    const to = await this.#options.console.ask("To: ");
    const text = to === undefined ? undefined : await this.#options.console.ask("Message: ");
    if (text === undefined) return;
    const typed = parseCommand(`/msg ${to} ${text}`, { user: this.#user, room: this.#room });
    await this.#perform(typed);
  }

  #ask(request: Request): Promise<void> {
    const { connection, display } = this.#options;
    if (request.type === "join" && !this.#rooms.has(request.to)) this.#rooms.set(request.to, newRoom(request.to));
    const asked = connection
      .ask(request)
      .then((answer) => {
        if (answer.type === "ok") this.#answered(request, answer);
      })
      .catch((problem: Error) => {
        if (request.type === "join") this.#forget(request.to);
        if (this.#left === undefined) this.#print(...display.info(problem.message));
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
    const { display } = this.#options;
    switch (request.type) {
      case "join":
        return this.#entered(this.#rooms.get(request.to)!, answer);
      case "leave":
        this.#forget(request.to);
        return this.#show(this.#rooms.get(LOBBY)!);
      case "history": {
        if (!answer.messages?.length) return this.#print(...display.event(answer, request));
        const found = answer.messages.length;
        this.#print(...display.rule(request.match === undefined ? `the last ${found}` : `${found} found`));
        for (const message of answer.messages) this.#print(...display.message(message, { late: true }));
        return this.#print(...display.rule("now"));
      }
      default:
        return this.#print(...display.event(answer, request));
    }
  }

  // ---- rooms ----

  #entered(room: Room, { users = [], seq = 0 }: Ok): void {
    const { display, console } = this.#options;
    const early = room.held;
    room.head = seq;
    room.held = [];
    room.news = 0;
    for (const user of users) this.#meet(user, false);
    if (this.#left !== undefined) return;
    if (this.#busy !== "") this.#room = room.name; // at the start it is known already
    if (room.name === this.#room || console.plain)
      this.#print(...display.rule(`You are in ${room.name}, ${company(users.filter((user) => user !== this.#user))}`));
    room.fresh = seq > 0;
    for (const message of early) this.#place(room, message);
  }

  /** Puts a room on the screen, with what came while it was not. */
  #show(room: Room): void {
    const { display } = this.#options;
    const { held, news } = room;
    this.#room = room.name;
    room.held = [];
    room.news = 0;
    room.mentioned = false;
    const more = news > held.length ? `, the last ${held.length}` : "";
    this.#print(...display.rule(`${room.name}${news > 0 ? `, ${news} new${more}` : ""}`));
    for (const message of held) this.#print(...display.message(message, { loud: this.#isLoud(message) }));
    if (news > 0) room.fresh = false;
    this.#refresh();
  }

  #forget(name: string): void {
    this.#rooms.delete(name);
    if (this.#room === name) this.#room = LOBBY;
  }

  // ---- what happens ----

  async #hear(): Promise<void> {
    const { connection, console } = this.#options;
    for (let next; (next = await connection.next()) !== undefined;) {
      this.#take(next);
      await console.drained();
    }
  }

  #take(occurrence: Occurrence): void {
    const { display } = this.#options;
    switch (occurrence.type) {
      case "message":
        return this.#hearMessage(occurrence);
      case "joined":
      case "left":
        for (const user of occurrence.users) this.#meet(user, false);
        if (occurrence.to !== "*" && occurrence.to !== this.#room && !this.#options.console.plain) return;
        if (occurrence.to !== "*" && !this.#rooms.has(occurrence.to)) return;
        return this.#print(...display.event(occurrence));
      case "offline":
        return this.#lost(occurrence.retry);
      case "online":
        return this.#back(occurrence.missed);
      case "reset":
        return this.#print(
          ...display.rule(
            `${occurrence.to === "@" ? "your messages were" : `${occurrence.to} was`} restored from an older copy`,
          ),
        );
      default:
        return this.#print(...display.event(occurrence));
    }
  }

  #hearMessage(message: Message): void {
    const { display } = this.#options;
    if (message.to.startsWith("#")) {
      const room = this.#rooms.get(message.to);
      if (room !== undefined) this.#place(room, message);
      return;
    }
    const other = message.from === this.#user ? message.to : message.from;
    this.#meet(other, true);
    if (message.from !== this.#user) this.#partner = message.from;
    this.#print(...display.message(message, { loud: this.#isLoud(message) }));
    if (this.#isLoud(message)) this.#ring();
    this.#refresh();
  }

  /** A message of a room, to where it belongs: the log, or what waits for the room to be shown. */
  #place(room: Room, message: Message): void {
    const { display, console } = this.#options;
    if (room.head === undefined) return hold(room, message);
    const old = message.seq <= room.head;
    const loud = !old && this.#isLoud(message);
    if (message.from !== this.#user) this.#meet(message.from, true);
    if (loud) this.#ring();
    if (room.name === this.#room || console.plain) {
      if (!old && room.fresh) this.#print(...display.rule("new"));
      if (!old) room.fresh = false;
      this.#print(...display.message(message, { loud, late: old }));
    } else if (!old) {
      hold(room, message);
      room.mentioned ||= loud;
    }
    this.#refresh();
  }

  #isLoud({ to, from, text }: Message): boolean {
    return from !== this.#user && (to === this.#user || mentions(text, this.#user));
  }

  #ring(): void {
    if (this.#now() - this.#rang < BELL) return;
    this.#rang = this.#now();
    this.#options.console.bell();
  }

  #meet(user: string, spoke: boolean): void {
    if (user === this.#user) return;
    const others = this.#people.filter((name) => name !== user);
    if (spoke) this.#people = [user, ...others].slice(0, MOST_PEOPLE);
    else if (others.length === this.#people.length && others.length < MOST_PEOPLE) this.#people.push(user);
  }

  // ---- the connection ----

  #lost(retry: number): void {
    const { display } = this.#options;
    if (this.#offline === undefined)
      this.#print(...display.rule("connection lost; what you type now is sent when it is back", this.#now()));
    this.#offline = { next: this.#now() + retry };
    this.#ticker ??= setInterval(() => this.#refresh(), 1_000);
    this.#refresh();
  }

  #back(missed: number): void {
    const { display } = this.#options;
    const messages = `${missed} ${missed === 1 ? "message" : "messages"}`;
    if (this.#offline !== undefined)
      this.#print(
        ...display.rule(`back online${missed > 0 ? `, ${messages.replace(" ", " missed ")}` : ""}`, this.#now()),
      );
    else if (missed > 0) this.#print(...display.rule(`while you were away: ${messages} to you`));
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
    const { connection, console, display } = this.#options;
    const answered = (async () => {
      while (this.#asked.size > 0 || this.#busy !== undefined) {
        await Promise.all(this.#asked);
        await Promise.resolve();
      }
    })();
    if (patience === undefined) await answered;
    else if (connection.online) await Promise.race([answered, Bun.sleep(patience)]);
    const unsent = this.#waiting();
    const closed = connection.close();
    await (console.plain ? closed : Promise.race([closed, Bun.sleep(GOODBYE)]));
    if (unsent.length > 0) this.#print(...display.info(`Not sent: ${unsent.join("\n")}`));
    this.#over.resolve();
  }

  // ---- the screen ----

  #print(...lines: string[]): void {
    this.#options.console.print(...lines);
  }

  /** Typed lines that are not stored yet, in order. */
  #waiting(): string[] {
    const said = this.#options.connection.waiting.map(({ text }) => text);
    return [...said, ...(this.#busy ? [this.#busy] : []), ...this.#queue];
  }

  #prompt(): string {
    const { columns } = this.#options.console;
    const most = Math.max(6, Math.floor(columns / 2) - 2);
    return `${this.#room.length > most ? this.#room.slice(0, most - 1) + "…" : this.#room}> `;
  }

  #refresh(): void {
    const { console, display } = this.#options;
    const waiting = this.#waiting();
    const rows = waiting.slice(0, ROWS_WAITING).map((text) => `  … ${text.replaceAll("\n", " ⏎ ")}`);
    if (waiting.length > ROWS_WAITING) rows.push(`  … and ${waiting.length - ROWS_WAITING} more`);
    if (this.#offline !== undefined) rows.push(this.#countdown(this.#offline.next));
    const news = [...this.#rooms.values()].flatMap(({ name, news, mentioned, head }, i) =>
      news > 0 && head !== undefined ? [`${i + 1}:${name.slice(1)} ${news}${mentioned ? "!" : ""}`] : [],
    );
    if (news.length > 0) rows.push(`  ${news.join("  ")}${console.columns < NARROW ? "" : "  Alt+A to read"}`);
    console.footer(
      this.#prompt(),
      rows.map((row) => display.dim(row)),
    );
  }

  #countdown(next: number): string {
    const seconds = Math.ceil((next - this.#now()) / 1000);
    const narrow = this.#options.console.columns < NARROW;
    if (seconds <= 0) return narrow ? "  Offline, trying…" : "  Not connected. Trying now…";
    return narrow
      ? `  Offline: ${seconds} s/Enter`
      : `  Not connected. Trying again in ${seconds} s, or press Enter. You can keep typing.`;
  }
}

/** Whether a text calls somebody by name. */
export function mentions(text: string, user: string): boolean {
  const name = user.replace(/[.]/g, "\\.");
  return new RegExp(`(?<![\\p{L}\\p{N}._-])${name}(?![\\p{L}\\p{N}_-]|\\.[\\p{L}\\p{N}])`, "iu").test(text);
}

function newRoom(name: string): Room {
  return { name, head: undefined, held: [], news: 0, mentioned: false, fresh: false };
}

function hold(room: Room, message: Message): void {
  room.news++;
  room.held.push(message);
  if (room.held.length > MOST_HELD) room.held.shift();
}

function company(others: string[]): string {
  if (others.length === 0) return "alone so far";
  const few = others.slice(0, 8);
  const rest = others.length - few.length;
  if (rest > 0) return `with ${few.join(", ")} and ${rest} more`;
  return `with ${few.length > 1 ? `${few.slice(0, -1).join(", ")} and ` : ""}${few.at(-1)}`;
}
