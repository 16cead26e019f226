// view.ts: the chat on the screen. What the connection hands on becomes lines and counters, and a person moves through
// the threads. What they ask of the server is in actions.ts.

import type { Message, Ok, Request } from "../protocol.ts";
import type { Place } from "../shared/arguments.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { render } from "../shared/render.ts";
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
import { Reading } from "./reading.ts";
import { Search } from "./search.ts";
import { Sidebar } from "./sidebar.ts";
import { Threads } from "./threads.ts";

const SETTLE = 30; // ms; what happens within is shown together

export class View implements Stage {
  readonly #user: string;
  readonly #leave: (why?: string) => void;
  readonly #connection: Connection;
  readonly #reading: Reading;
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
    this.#reading = new Reading(user, { confirm: (room, seq) => connection.seen(room, seq), changed: soon });
    this.#threads = new Threads(user, this.#reading, async (request) => (await this.#ask(request))?.messages);
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
        this.#conversation.returned();
        this.#soon();
      },
      unplug: () => connection.unplug(),
      hide: () => {
        this.showWaiting();
        connection.confirmNow();
      },
    });
    void this.#hear();
    this.#show(current);
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
        return this.#conversation.came(event);
      case "notice":
        return this.note(event.text);
      case "hosts":
        for (const line of render(event, {})) this.note(line.replace(/^\* /, ""));
        return;
      case "error":
        if (event.code !== "bad_login") return this.note(event.text);
        return this.#leave("Your sign-in has ended. Sign in again; what you wrote waits here.");
      case "answered":
        return this.#actions.answered(event.request, event.answer);
      case "entered":
        return this.#threads.entered(event);
      case "inbox":
        return this.#threads.inbox(event);
      case "seen":
        return event.seq === undefined ? undefined : this.#reading.readElsewhere(event.to, event.seq);
      case "gone":
        return this.#gone(event.to);
      case "reset":
        this.#threads.reset(event.to);
        if (event.to === "@") void this.#directory.readPartners();
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
    this.#conversation.said(message);
    if (isRoom(message.to)) return;
    this.#directory.wrote(this.#threads.of(message).name, message.seq);
    if (message.from !== this.#user) this.#partner = message.from;
  }

  #caughtUp(missed: number): void {
    this.#banner.online(missed);
    this.#conversation.caughtUp();
    this.showWaiting();
    this.readRooms();
    void this.#directory.readPeople();
    if (this.#isFirst) this.#begin();
  }

  /** The first sign-in of this page is over: asks for what does not come by itself. */
  #begin(): void {
    const { name } = this.#conversation;
    this.#isFirst = false;
    keep("local", `rooms.${this.#user}`, undefined); // the server knows them now
    if (isRoom(name) && !this.#connection.rooms.includes(name)) this.open(LOBBY); // left elsewhere meanwhile
    void this.#directory.readPartners();
    void this.#findPartner();
    void this.#threads.findCalls().then(() => this.#soon());
  }

  /** Who wrote the last message that is not one's own is whom `/r` answers. */
  async #findPartner(): Promise<void> {
    if (this.#partner !== undefined) return;
    const answer = await this.#ask({ type: "history", to: "@" });
    this.#partner ??= answer?.messages?.findLast(({ from }) => from !== this.#user)?.from;
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
    this.#conversation.note(text, thread);
  }

  /** Shows a thread; a room one is not in is joined first. */
  open(name: string): void {
    if (isRoom(name) && !this.#connection.rooms.includes(name)) this.#actions.join(name);
    else this.#show(name);
  }
  #show(name: string): void {
    keep("session", `current.${this.#user}`, name);
    this.#conversation.show(name);
    this.#composer.show(name);
    this.#search.close();
    this.#sidebar.toggle(false);
    this.#soon();
    if (matchMedia("(pointer: fine)").matches) this.#composer.focus(); // a phone's keyboard would cover the messages
  }

  forget(name: string): void {
    this.#threads.forget(name);
    if (this.#conversation.name === name) this.open(LOBBY);
  }

  /** A room was left on another device. */
  #gone(name: string): void {
    const wasShown = this.#conversation.name === name;
    this.forget(name);
    if (wasShown) this.note(`You left ${name} on another device.`);
    this.readRooms();
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
    if (this.#conversation.isLookedAt) this.#reading.read(name);
    if (!this.#isFirst) this.#connection.seen("@", this.#reading.inboxRead);

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
