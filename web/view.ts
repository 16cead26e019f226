// view.ts: the chat on the screen: a person moves through the threads, and all parts of the page show the same. What happens is in
// hearing.ts, what they ask of the server in actions.ts.

import type { Ok, Request } from "../protocol.ts";
import type { Place } from "../shared/arguments.ts";
import type { Connection } from "../shared/connection.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { Actions } from "./actions.ts";
import { Alerts } from "./alerts.ts";
import { Banner } from "./banner.ts";
import { Composer } from "./composer.ts";
import { Conversation } from "./conversation.ts";
import { listenToDevice } from "./device.ts";
import { Directory } from "./directory.ts";
import { the } from "./dom.ts";
import { Heading } from "./heading.ts";
import type { Page } from "./hearing.ts";
import { Hearing } from "./hearing.ts";
import { Later } from "./later.ts";
import { Layers } from "./layers.ts";
import { keep, recall } from "./memory.ts";
import { Menu } from "./menu.ts";
import { Order } from "./order.ts";
import type * as parts from "./parts.ts";
import { Part } from "./parts.ts";
import { Reading } from "./reading.ts";
import { Sidebar } from "./sidebar.ts";
import { Threads } from "./threads.ts";
import { Unsent } from "./unsent.ts";

const SETTLE = 30; // ms; what happens within is shown together

export class View implements Page {
  readonly #user: string;
  readonly leave: (why?: string) => void;
  readonly #connection: Connection;
  readonly #reading: Reading;
  readonly #threads: Threads;
  readonly #directory: Directory;
  readonly #actions: Actions;
  readonly #conversation: Conversation;
  readonly #sidebar: Sidebar;
  readonly #composer: Composer;
  readonly #unsent: Unsent;
  readonly #heading = new Heading();
  readonly #layers = new Layers();
  readonly #alerts: Alerts;
  readonly #later: Later;
  readonly #order: Order;
  readonly #hearing: Hearing;
  #rights: string; // by which the messages are drawn
  #refreshing: ReturnType<typeof setTimeout> | undefined;

  /** `leave` is called when nobody is signed in any more, with a reason unless they wanted it. */
  constructor(connection: Connection, leave: (why?: string) => void) {
    const { user } = connection;
    this.#user = user;
    this.#unsent = new Unsent(() => connection.waiting.length);
    this.leave = leave;
    this.#connection = connection;
    the("door", HTMLElement).hidden = true;
    the("chat", HTMLElement).hidden = false;
    const soon = () => this.soon();
    const failed = () =>
      this.note("The server cannot be reached, so this cannot be done now. Try again when it is back.");
    this.#reading = new Reading(user, { confirm: (room, seq) => connection.seen(room, seq), changed: soon });
    this.#threads = new Threads(user, this.#reading, async (request) => (await this.#ask(request))?.messages);
    this.#directory = new Directory(user, this.#reading.ignored, (request) => this.#ask(request), soon);
    this.#order = new Order(user, {
      perform: (request) => this.#actions.perform(request),
      ended: () => (this.#order.isHost ? void this.#directory.readPeople() : soon()),
      failed,
    });
    this.#rights = this.#order.rights;
    const typing: parts.Typing = new Part("/typing.js");
    this.#actions = new Actions(connection, this.#threads, this.#order, typing, this);
    const current = recall<string>("session", `current.${user}`) ?? LOBBY;
    this.#conversation = this.#converse(current);
    this.#composer = new Composer(user, typing, {
      submit: (text) => {
        this.#conversation.leaveExcerpt(); // the answer comes at the end
        return this.#actions.submit(text);
      },
      failed,
      known: () => ({ ...this.known, isHost: this.#order.isHost }),
    });
    this.#sidebar = new Sidebar(this.#layers, {
      open: (name) => this.open(name),
      join: (room) => this.#actions.join(room),
      write: () => this.#composer.focus(),
    });
    this.#later = new Later({
      connection,
      conversation: this.#conversation,
      ask: (request) => this.#ask(request),
      layers: this.#layers,
      changed: soon,
      people: {
        open: (name) => this.open(name),
        leave: () => this.#actions.leave(this.#conversation.name),
        ignore: (command) => void typing.load().then(() => this.#actions.submit(command), failed),
        read: (room) => void this.#directory.readAbsent(room),
      },
      search: {
        find: (words, everywhere) => this.#threads.find(everywhere ? undefined : this.#conversation.thread, words),
        open: (message) => this.#conversation.seek(message),
      },
      failed,
    });
    new Menu(user, { showKeys: () => void this.#later.showKeys(), signOut: () => this.signOut() });
    this.#alerts = new Alerts(user, this.#reading, this.#conversation, (name) => this.open(name));
    this.#hearing = new Hearing(
      {
        connection,
        reading: this.#reading,
        threads: this.#threads,
        directory: this.#directory,
        order: this.#order,
        actions: this.#actions,
        conversation: this.#conversation,
        later: this.#later,
        alerts: this.#alerts,
        banner: new Banner(() => connection.retryNow()),
      },
      this,
    );
    this.#listenToDevice();
    this.#show(current);
  }

  #listenToDevice(): void {
    const connection = this.#connection;
    listenToDevice({
      step: (by) => this.#step(by),
      openUnread: () => this.#sidebar.unread[0] !== undefined && this.open(this.#sidebar.unread[0]),
      back: () => this.#back(),
      write: () => this.#write(),
      showKeys: () => void this.#later.showKeys(),
      fileCame: () => this.note("Files cannot be sent here."),
      wake: () => {
        connection.probe();
        this.#conversation.returned();
        this.soon();
      },
      unplug: () => connection.unplug(),
      hide: () => {
        this.showWaiting();
        connection.confirmNow();
      },
    });
  }

  #converse(current: string): Conversation {
    return new Conversation(this.#connection, this.#threads, current, {
      reader: this.#order.reader((message) => this.#threads.was(message)),
      onChange: () => this.soon(),
      jump: () => this.#toEnd(),
      open: (name) => this.open(name),
      turnTo: (name) => this.#turnTo(name),
    });
  }

  /** Who and what can be named there. */
  get known(): { people: string[]; rooms: string[] } {
    return this.#directory.known(this.#conversation.thread, this.#connection.rooms);
  }
  /** Where one is, for what is typed. */
  get place(): Place {
    return { user: this.#user, room: this.#conversation.name, partner: this.#directory.partner };
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
    this.#later.search?.close();
    this.#conversation.show(name);
    this.#turnTo(name);
    if (matchMedia("(pointer: fine)").matches) this.#composer.focus(); // a phone's keyboard would cover the messages
  }
  #turnTo(name: string): void {
    keep("session", `current.${this.#user}`, name);
    this.#composer.show(name);
    this.#layers.close();
    if (this.#order.isHost && !isRoom(name)) void this.#directory.readPeople(); // whether they are muted
    this.soon();
  }

  forget(name: string): void {
    this.#threads.forget(name);
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
    this.#unsent.show();
  }

  giveBack(to: string, text: string): boolean {
    return this.#composer.giveBack(to, text);
  }

  search(words: string, everywhere: boolean): void {
    void this.#later.find(words, everywhere);
  }

  signOut(): void {
    this.#unsent.ask(() => this.leave());
  }

  // ---- what is shown ----

  /** Brings counters, lists and heading up to date, once for all that happens within a moment. */
  soon(): void {
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = undefined;
      this.#refresh();
    }, SETTLE);
  }
  #refresh(): void {
    const { name, users } = this.#conversation.thread;
    if (this.#conversation.isLookedAt) this.#reading.read(name);
    if (!this.#hearing.isFirst) this.#connection.seen("@", this.#reading.inboxRead);

    const { board } = this.#order;
    const { unread, calls } = this.#sidebar.show({
      user: this.#user,
      threads: this.#threads,
      current: name,
      joined: this.#connection.rooms,
      directory: this.#directory,
      board,
    });
    this.#alerts.show(calls);
    this.#later.show({ name, users, directory: this.#directory, board });
    const state = this.#directory.stateOf(name);
    this.#heading.show({ name, topic: board.topic(name), users, state, unread, calls });
    this.#composer.explain(this.#order.show(name, this.#directory));
    if (this.#rights !== (this.#rights = this.#order.rights)) this.#conversation.retool();
    this.#conversation.showButtons();
  }

  #toEnd(): void {
    this.#conversation.toEnd();
    this.#composer.focus();
    this.soon();
  }

  #write(): void {
    if (this.#sidebar.isOpen) this.#sidebar.toggle(false);
    this.#composer.focus();
  }

  /** To the next room one is in, or person: no key enters a room. */
  #step(by: 1 | -1): void {
    const { rooms } = this.#connection;
    const names = this.#sidebar.names.filter((name) => !isRoom(name) || rooms.includes(name));
    const next = names.at((names.indexOf(this.#conversation.name) + by) % names.length);
    if (next !== undefined) this.open(next);
  }

  #back(): void {
    if (this.#layers.close()) return;
    // From a message that was found one goes back to the end first, and its results stay.
    const { search } = this.#later;
    if (!search?.isAside || !this.#conversation.isAway) search?.close();
    this.#toEnd();
  }
}
