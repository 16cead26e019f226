// view.ts: the chat on the screen. What the connection hands on becomes lines and counters, what a person types becomes
// requests, by the same table of commands as everywhere. Called by page.ts, once somebody is signed in.

import type { Local, Place } from "../shared/commands.ts";
import { help, parseCommand } from "../shared/commands.ts";
import type { Failure, Message, Ok, Presence, Refusal, Request } from "../protocol.ts";
import { failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { Banner } from "./banner.ts";
import type { Occurrence } from "./connection.ts";
import { Chat } from "./connection.ts";
import { Composer } from "./composer.ts";
import { listenToDevice } from "./device.ts";
import { the } from "./dom.ts";
import { Heading } from "./heading.ts";
import type { Account } from "./memory.ts";
import { keep, recall } from "./memory.ts";
import { Search } from "./search.ts";
import { Sidebar } from "./sidebar.ts";
import type { ReadMarks, Thread } from "./threads.ts";
import { Threads } from "./threads.ts";
import { Timeline } from "./timeline.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { render } from "../shared/render.ts";
import { whyTooLong } from "../shared/text.ts";

/** What becomes of the sign-in. */
export interface AccountKeeper {
  keepToken: (token: string) => void;
  leave: (why?: string) => void;
}

const SETTLE = 30; // ms; what happens within is shown together

export class View {
  readonly #user: string;
  readonly #account: AccountKeeper;
  readonly #chat: Chat;
  readonly #threads: Threads;
  readonly #timeline: Timeline;
  readonly #search: Search;
  readonly #sidebar: Sidebar;
  readonly #composer: Composer;
  readonly #heading: Heading;
  readonly #banner: Banner;
  #present = new Set<string>(); // who is signed in
  #rooms: { to: string; users: number }[] = []; // that there are
  #current: Thread;
  #partner: string | undefined; // who wrote the last direct message
  #isFirst = true; // has not been online yet
  #confirmed = 0; // inbox seq the server was told of
  #loading = false;
  #refreshing: ReturnType<typeof setTimeout> | undefined;

  constructor(account: Account, keeper: AccountKeeper) {
    const { user } = account;
    this.#user = user;
    this.#account = keeper;
    the("door", HTMLElement).hidden = true;
    the("chat", HTMLElement).hidden = false;
    const marks = recall<ReadMarks>("local", `read.${user}`) ?? {};
    this.#threads = new Threads(user, marks, (request) => this.#chat.ask(request));
    this.#current = this.#threads.get(recall<string>("session", `current.${user}`) ?? LOBBY);
    this.#timeline = new Timeline(user, {
      wantsOlder: () => void this.#older(),
      moved: () => this.#soon(),
      jump: () => this.#toEnd(),
    });
    this.#search = new Search((words) => this.#threads.find(this.#current, words));
    this.#composer = new Composer(user, () => this.#submit());
    this.#sidebar = new Sidebar(
      user,
      (name) => this.#open(name),
      (room) => void this.#perform(parseCommand(`/join ${room}`, this.#place)!),
      () => this.#signOut(),
    );
    this.#heading = new Heading(
      () => void this.#perform({ type: "who", ...(isRoom(this.#current.name) && { to: this.#current.name }) }),
      () => void this.#leaveRoom(this.#current.name),
    );
    this.#banner = new Banner(() => this.#chat.retryNow());
    const rooms = recall<string[]>("local", `rooms.${user}`) ?? [];
    const waiting = recall<Waiting[]>("session", `waiting.${user}`) ?? [];
    this.#chat = new Chat(account, rooms, waiting, (occurrence) => {
      this.#happened(occurrence);
      this.#soon();
    });
    listenToDevice({
      step: (by) => this.#step(by),
      openUnread: () => this.#sidebar.unread[0] !== undefined && this.#open(this.#sidebar.unread[0]),
      back: () => this.#back(),
      write: () => this.#composer.focus(),
      wake: () => {
        this.#chat.probe();
        this.#soon();
      },
      unplug: () => this.#chat.unplug(),
      hide: () => this.#showWaiting(),
    });
    this.#open(this.#current.name);
  }

  // ---- what happens ----

  #happened(occurrence: Occurrence): void {
    switch (occurrence.type) {
      case "message":
        return this.#said(occurrence);
      case "joined":
      case "left":
        return this.#presence(occurrence);
      case "notice":
        return this.#note(occurrence.text);
      case "settled":
        return this.#showWaiting();
      case "entered":
        return this.#threads.entered(occurrence);
      case "inbox":
        return this.#threads.inbox(occurrence.seq, this.#isFirst);
      case "reset":
        this.#threads.reset(occurrence.to);
        return this.#note("The server was restored from an older copy; what was said after it is gone there.");
      case "online":
        return void this.#online(occurrence.missed, occurrence.token);
      case "offline":
        this.#banner.offline(occurrence.reason, occurrence.retry);
        this.#timeline.refresh();
        return this.#showWaiting();
      case "refused":
        return this.#refused(occurrence.failure, occurrence.waiting);
      case "signed out":
        return this.#account.leave(occurrence.text);
    }
  }

  #said(message: Message): void {
    const thread = this.#threads.of(message);
    if (!isRoom(message.to)) {
      this.#threads.handed(message);
      if (message.from !== this.#user) this.#partner = message.from;
    }
    const looking = this.#chat.online && this.#isLookedAt(thread);
    const place = this.#threads.add(message);
    if (place === "known") return;
    if (!looking && this.#threads.isUnread(thread, message)) thread.fresh ??= message.seq;
    const isShown = thread === this.#current;
    const trimmed = (!isShown || this.#timeline.following) && this.#threads.trim(thread);
    if (!isShown || !this.#chat.online) return; // while much is being caught up with, it is shown once at the end
    if (place === "between" || trimmed) this.#timeline.refresh();
    else this.#timeline.append(message);
  }

  #presence({ type, to, users }: Presence): void {
    if (to === "*") for (const user of users) type === "joined" ? this.#present.add(user) : this.#present.delete(user);
    const note = this.#threads.presence({ type, to, users });
    if (note !== undefined && this.#current.entries.includes(note)) this.#timeline.append(note);
  }

  async #online(missed: number, token: string): Promise<void> {
    this.#account.keepToken(token);
    this.#confirmed = 0;
    this.#banner.online(missed);
    if (this.#isFirst) this.#show();
    else this.#timeline.refresh();
    this.#showWaiting();
    void this.#chat.ask({ type: "rooms" }).then((answer) => this.#knowRooms(answer));
    const here = await this.#chat.ask({ type: "who" });
    if (here.type === "ok") this.#present = new Set(here.users);
    this.#soon();
    if (!this.#isFirst) return;
    this.#isFirst = false;
    await this.#threads.older(undefined, LIMITS.page);
    if (!isRoom(this.#current.name)) this.#show();
    this.#soon();
  }

  #knowRooms(answer: Ok | Failure): void {
    if (answer.type === "ok") this.#rooms = answer.rooms ?? [];
    this.#soon();
  }

  /** The server did not take it: say why where it was meant to go, and give the words back. */
  #refused(refusal: Failure, waiting: Waiting | undefined): void {
    this.#showWaiting();
    const said = render(refusal, { user: this.#user }).join(" ").replace(/^\* /, "");
    if (waiting === undefined) return this.#note(said);
    const thread = this.#threads.get(waiting.to);
    if (refusal.code === "unknown_user" && thread.entries.length === 0) {
      this.#threads.all.delete(waiting.to);
      if (thread === this.#current) this.#open(LOBBY);
      return this.#note(`${said} (to ${waiting.to}: ${waiting.text})`);
    }
    this.#note(`${said} (${waiting.text})`, thread);
  }

  #note(text: string, thread = this.#current): void {
    const note = this.#threads.note(thread, text);
    if (thread === this.#current) this.#timeline.append(note);
  }

  // ---- what a person does ----

  #submit(): void {
    const typed = parseCommand(this.#composer.value, this.#place);
    if (typed === undefined) return;
    if (isRefusal(typed)) return this.#note(failure(typed).text); // the words stay, to be mended
    const tooLong = typed.type === "say" ? whyTooLong(typed.text) : undefined;
    if (tooLong !== undefined) return this.#note(tooLong);
    this.#composer.value = "";
    void this.#perform(typed);
  }

  get #place(): Place {
    return { user: this.#user, room: this.#current.name, partner: this.#partner };
  }

  async #perform(typed: Request | Refusal | Local): Promise<void> {
    if (isRefusal(typed)) return this.#note(failure(typed).text);
    switch (typed.type) {
      case "say":
        return this.#say(typed.to, typed.text);
      case "help":
        return this.#note(help(true).join("\n"));
      case "exit":
        return this.#signOut();
      case "history":
        if (typed.match !== undefined) return this.#search.start(typed.match);
        return this.#older(typed.limit);
      case "join":
        return this.#join(typed.to);
      case "leave":
        return this.#leaveRoom(typed.to);
      default: {
        const answer = await this.#chat.ask(typed);
        for (const line of render(answer, { user: this.#user, asked: typed })) this.#note(line.replace(/^\* /, ""));
      }
    }
  }

  #say(to: string, text: string): void {
    if (this.#current.name !== to) this.#open(to);
    if (this.#current.fresh !== undefined) {
      this.#current.fresh = undefined;
      this.#timeline.refresh();
    }
    this.#chat.say(to, text);
    this.#showWaiting();
    this.#timeline.toEnd();
    this.#soon();
  }

  async #join(to: string): Promise<void> {
    const answer = await this.#chat.ask({ type: "join", to });
    if (answer.type === "error") this.#note(answer.text);
    else this.#open(to);
  }

  async #leaveRoom(to: string): Promise<void> {
    if (!isRoom(to)) return this.#open(LOBBY);
    const answer = await this.#chat.ask({ type: "leave", to });
    if (answer.type === "error") return this.#note(answer.text);
    this.#threads.all.delete(to);
    if (this.#current.name === to) this.#open(LOBBY);
    this.#knowRooms(await this.#chat.ask({ type: "rooms" }));
  }

  #signOut(): void {
    this.#chat.close();
    this.#account.leave();
  }

  /** Shows a thread; a room one is not in is joined first. */
  #open(name: string): void {
    if (isRoom(name) && !this.#chat.rooms.includes(name)) return void this.#join(name);
    if (this.#current.name !== name) this.#current.fresh = undefined;
    this.#current = this.#threads.get(name);
    keep("session", `current.${this.#user}`, name);
    this.#composer.show(name);
    this.#search.close();
    this.#sidebar.toggle(false);
    this.#show();
    this.#soon();
    if (matchMedia("(pointer: fine)").matches) this.#composer.focus(); // a phone's keyboard would cover the messages
  }

  #show(): void {
    this.#timeline.show(this.#current, this.#chat.waiting);
    if (this.#current.entries.length === 0) void this.#older();
  }

  /** Reads what was said before. */
  async #older(limit = 100): Promise<void> {
    const thread = this.#current;
    if (this.#loading || this.#threads.isComplete(thread) || !this.#chat.online) return;
    this.#loading = true;
    await this.#threads.older(thread, limit);
    this.#loading = false;
    if (thread === this.#current) this.#timeline.refresh();
    else if (this.#current.entries.length === 0) void this.#older();
    this.#soon();
  }

  // ---- what is shown ----

  #isLookedAt(thread: Thread): boolean {
    return thread === this.#current && this.#timeline.following && !document.hidden;
  }

  #showWaiting(): void {
    keep("session", `waiting.${this.#user}`, this.#chat.waiting);
    this.#timeline.showWaiting(this.#chat.waiting);
  }

  /** Brings counters, lists and heading up to date, once for all that happens within a moment. */
  #soon(): void {
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = undefined;
      this.#refresh();
    }, SETTLE);
  }
  #refresh(): void {
    const { name, users } = this.#current;
    if (this.#chat.online && this.#isLookedAt(this.#current)) this.#threads.markRead(this.#current);
    keep("local", `read.${this.#user}`, this.#threads.read);
    keep("local", `rooms.${this.#user}`, this.#chat.rooms);
    const { seen } = this.#threads;
    if (seen > this.#confirmed && this.#chat.online && !this.#isFirst) this.#chat.seen((this.#confirmed = seen));

    const { unread, calls } = this.#sidebar.show({
      ...{ user: this.#user, threads: this.#threads, current: name },
      ...{ joined: this.#chat.rooms, rooms: this.#rooms, present: this.#present },
    });
    this.#heading.show({ name, users, present: this.#present.has(name), unread, calls });
    this.#timeline.showButtons(this.#threads.unread(this.#current).length, !this.#threads.isComplete(this.#current));
  }

  #toEnd(): void {
    this.#timeline.toEnd();
    this.#composer.focus();
    this.#soon();
  }

  #step(by: 1 | -1): void {
    const { names } = this.#sidebar;
    const next = names.at((names.indexOf(this.#current.name) + by) % names.length);
    if (next !== undefined) this.#open(next);
  }

  #back(): void {
    if (this.#sidebar.isOpen) return this.#sidebar.toggle(false);
    this.#search.close();
    this.#toEnd();
  }
}
