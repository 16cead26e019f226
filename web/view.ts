// view.ts: the chat on the screen. What the connection hands on becomes lines and counters, and a person moves through
// the threads. What they ask of the server is in actions.ts.

import type { Message, Ok, Request } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { Place } from "../shared/commands.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { Banner } from "./banner.ts";
import type { Stage } from "./actions.ts";
import { Actions } from "./actions.ts";
import { Composer } from "./composer.ts";
import { Conversation } from "./conversation.ts";
import { listenToDevice } from "./device.ts";
import { Directory } from "./directory.ts";
import { the } from "./dom.ts";
import { Heading } from "./heading.ts";
import { keep, recall } from "./memory.ts";
import { Search } from "./search.ts";
import { Sidebar } from "./sidebar.ts";
import type { ReadMarks } from "./threads.ts";
import { Threads } from "./threads.ts";

const SETTLE = 30; // ms; what happens within is shown together

export class View implements Stage {
  readonly #user: string;
  readonly #leave: (why?: string) => void;
  readonly #connection: Connection;
  readonly #threads: Threads;
  readonly #directory: Directory;
  readonly #actions: Actions;
  readonly #conversation: Conversation;
  readonly #search: Search;
  readonly #sidebar: Sidebar;
  readonly #composer: Composer;
  readonly #heading: Heading;
  readonly #banner: Banner;
  #partner: string | undefined; // who wrote the last direct message
  #isFirst = true; // the first sign-in of this page
  #refreshing: ReturnType<typeof setTimeout> | undefined;

  /** `leave` is called when nobody is signed in any more, with a reason unless they wanted it. */
  constructor(connection: Connection, leave: (why?: string) => void) {
    const { user } = connection;
    this.#user = user;
    this.#leave = leave;
    this.#connection = connection;
    the("door", HTMLElement).hidden = true;
    the("chat", HTMLElement).hidden = false;
    const soon = () => this.#soon();
    const marks = recall<ReadMarks>("local", `read.${user}`) ?? {};
    this.#threads = new Threads(user, marks, async (request) => (await this.#ask(request))?.messages);
    this.#directory = new Directory((request) => this.#ask(request), soon);
    this.#actions = new Actions(connection, this.#threads, this);
    const current = recall<string>("session", `current.${user}`) ?? LOBBY;
    this.#conversation = new Conversation(connection, this.#threads, current, soon, () => this.#toEnd());
    this.#search = new Search((words) => this.#threads.find(this.#conversation.thread, words));
    this.#composer = new Composer(user, () => {
      if (this.#actions.submit(this.#composer.value)) this.#composer.value = "";
    });
    this.#sidebar = new Sidebar(
      user,
      (name) => this.open(name),
      (room) => this.#actions.join(room),
      () => this.signOut(),
    );
    this.#heading = new Heading(
      () => this.#actions.who(this.#conversation.name),
      () => this.#actions.leave(this.#conversation.name),
    );
    this.#banner = new Banner(() => connection.retryNow());
    listenToDevice({
      step: (by) => this.#step(by),
      openUnread: () => this.#sidebar.unread[0] !== undefined && this.open(this.#sidebar.unread[0]),
      back: () => this.#back(),
      write: () => this.#composer.focus(),
      wake: () => {
        connection.probe();
        this.#soon();
      },
      unplug: () => connection.unplug(),
      hide: () => this.showWaiting(),
    });
    void this.#hear();
    this.open(current);
  }

  /** Where one is, for what is typed. */
  get place(): Place {
    return { user: this.#user, room: this.#conversation.name, partner: this.#partner };
  }

  // ---- what happens ----

  async #hear(): Promise<void> {
    for await (const event of receiveMessages(this.#connection))
      try {
        this.#happened(event);
        this.#soon();
      } catch (problem) {
        reportError(problem); // to the browser's console; the next event may do better
      }
  }

  #happened(event: ClientEvent): void {
    switch (event.type) {
      case "message":
        return this.#said(event);
      case "joined":
      case "left":
        this.#directory.presence(event);
        return this.#conversation.noted(this.#threads.presence(event));
      case "notice":
        return this.note(event.text);
      case "error":
        if (event.code !== "bad_login") return this.note(event.text);
        return this.#leave("Your sign-in has ended. Sign in again; what you wrote waits here.");
      case "answered":
        return this.#actions.answered(event.request, event.answer);
      case "entered":
        return this.#threads.entered(event);
      case "inbox":
        return this.#threads.inbox(event.seq, this.#isFirst);
      case "reset":
        this.#threads.reset(event.to);
        return this.note("The server was restored from an older copy; what was said after it is gone there.");
      case "online":
        return;
      case "caught up":
        return void this.#caughtUp(event.missed);
      case "offline":
        this.#banner.offline(event.reason, event.retry);
        this.#conversation.offline();
        return this.showWaiting();
    }
  }

  #said(message: Message): void {
    if (!isRoom(message.to)) {
      this.#threads.handed(message);
      if (message.from !== this.#user) this.#partner = message.from;
    }
    this.#conversation.said(message);
  }

  async #caughtUp(missed: number): Promise<void> {
    const conversation = this.#conversation;
    this.#banner.online(missed);
    conversation.caughtUp();
    if (this.#isFirst) conversation.show(conversation.name);
    else conversation.refresh();
    this.showWaiting();
    this.readRooms();
    await this.#directory.readPeople();
    if (!this.#isFirst) return;
    this.#isFirst = false;
    await this.#threads.older(undefined, LIMITS.page);
    if (!isRoom(conversation.name)) conversation.show(conversation.name);
    this.#soon();
  }

  /** Asks for something the page wants to know; nothing when it is refused. */
  #ask(request: Request): Promise<Ok | undefined> {
    return this.#connection.ask(request).then(
      (answer) => answer as Ok,
      () => undefined,
    );
  }

  // ---- what actions do ----

  readRooms(): void {
    void this.#directory.readRooms();
  }

  note(text: string, thread = this.#conversation.name): void {
    this.#conversation.noted(this.#threads.note(this.#threads.get(thread), text));
  }

  /** Shows a thread; a room one is not in is joined first. */
  open(name: string): void {
    if (isRoom(name) && !this.#connection.rooms.includes(name)) return this.#actions.join(name);
    keep("session", `current.${this.#user}`, name);
    this.#conversation.show(name);
    this.#composer.show(name);
    this.#search.close();
    this.#sidebar.toggle(false);
    this.#soon();
    if (matchMedia("(pointer: fine)").matches) this.#composer.focus(); // a phone's keyboard would cover the messages
  }

  forget(name: string): void {
    this.#threads.all.delete(name);
    if (this.#conversation.name === name) this.open(LOBBY);
  }

  showOlder(limit?: number): void {
    void this.#conversation.showOlder(limit);
  }

  showOwn(to: string): void {
    if (this.#conversation.name !== to) this.open(to);
    this.#conversation.showOwn();
  }

  showWaiting(): void {
    this.#conversation.showWaiting();
  }

  search(words: string): void {
    void this.#search.start(words);
  }

  signOut(): void {
    void this.#connection.close();
    this.#leave();
  }

  // ---- what is shown ----

  /** Brings counters, lists and heading up to date, once for all that happens within a moment. */
  #soon(): void {
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = undefined;
      this.#refresh();
    }, SETTLE);
  }
  #refresh(): void {
    const { name, users } = this.#conversation.thread;
    if (this.#conversation.isLookedAt) this.#threads.markRead(this.#conversation.thread);
    keep("local", `read.${this.#user}`, this.#threads.read);
    keep("local", `rooms.${this.#user}`, this.#connection.rooms);
    if (!this.#isFirst) this.#connection.seen("@", this.#threads.seen);

    const { unread, calls } = this.#sidebar.show({
      user: this.#user,
      threads: this.#threads,
      current: name,
      joined: this.#connection.rooms,
      directory: this.#directory,
    });
    this.#heading.show({ name, users, present: this.#directory.present.has(name), unread, calls });
    this.#conversation.showButtons();
  }

  #toEnd(): void {
    this.#conversation.toEnd();
    this.#composer.focus();
    this.#soon();
  }

  #step(by: 1 | -1): void {
    const { names } = this.#sidebar;
    const next = names.at((names.indexOf(this.#conversation.name) + by) % names.length);
    if (next !== undefined) this.open(next);
  }

  #back(): void {
    if (this.#sidebar.isOpen) return this.#sidebar.toggle(false);
    this.#search.close();
    this.#toEnd();
  }
}
