// hearing.ts: what the connection hands on, event by event: it becomes messages, counters, lists and notes. Asks for what does not come
// by itself when the first sign-in of a page is over.

import type { Failure, Message } from "../protocol.ts";
import { describe, expels } from "../shared/acts.ts";
import type { Connection } from "../shared/connection.ts";
import { receiveMessages } from "../shared/connection.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { render } from "../shared/render.ts";
import type { Actions, Stage } from "./actions.ts";
import type { Banner } from "./banner.ts";
import type { Conversation } from "./conversation.ts";
import type { Directory } from "./directory.ts";
import { clock } from "./dom.ts";
import type { Me } from "./me.ts";
import { keep } from "./memory.ts";
import type { Order } from "./order.ts";
import type { Reading } from "./reading.ts";
import type { Search } from "./search.ts";
import type { Threads } from "./threads.ts";

/** What takes in what happens. */
export interface Parts {
  connection: Connection;
  reading: Reading;
  threads: Threads;
  directory: Directory;
  order: Order;
  actions: Actions;
  conversation: Conversation;
  search: Search;
  me: Me;
  banner: Banner;
}
/** What else happens on the screen. */
export interface Page extends Stage {
  /** Counters, lists and heading may be out of date. */
  soon(): void;
  /** Nobody is signed in any more. */
  leave(why: string): void;
}

export class Hearing {
  readonly #parts: Parts;
  readonly #page: Page;
  #expelled: Message | undefined; // the act that took this account out of a room
  #isLive = false; // all that was missed has come
  #shutOut: string | undefined; // why it could not enter a room again
  /** The first sign-in of this page is not over. */
  isFirst = true;

  constructor(parts: Parts, page: Page) {
    this.#parts = parts;
    this.#page = page;
    void this.#hear();
  }

  async #hear(): Promise<void> {
    for await (const event of receiveMessages(this.#parts.connection))
      try {
        const { conversation, directory, order } = this.#parts;
        if (order.take(event, conversation.isLive ? conversation.name : undefined)) void directory.readPeople();
        this.#happened(event);
        this.#page.soon();
      } catch (problem) {
        reportError(problem); // to the browser's console; the next event may do better
      }
  }

  #happened(event: ClientEvent): void {
    const { actions, banner, conversation, directory, me, reading, search, threads } = this.#parts;
    switch (event.type) {
      case "message":
        return this.#said(event);
      case "joined":
      case "left":
        directory.presence(event);
        return conversation.came(event);
      case "notice":
        return this.#page.note(event.text);
      case "hosts":
        for (const line of render(event, {})) this.#page.note(line.replace(/^\* /, ""));
        return;
      case "error":
        return this.#failed(event);
      case "answered":
        return actions.answered(event.request, event.answer);
      case "entered":
        return threads.entered(event);
      case "inbox":
        return threads.inbox(event);
      case "seen":
        if (event.seq === undefined) return;
        me.alerts?.readElsewhere(event.to, event.seq);
        return reading.readElsewhere(event.to, event.seq);
      case "gone":
        return this.#gone(event.to, event.isExpelled ? this.#whyExpelled() : this.#whyLeft(event.to));
      case "reset":
        threads.reset(event.to);
        conversation.reset();
        search.close();
        if (event.to === "@") void directory.readPartners();
        return this.#page.note("The server was restored from an older copy; what was said after it is gone there.");
      case "online":
        return;
      case "caught up":
        return void this.#caughtUp(event.missed);
      case "offline":
        this.#isLive = false;
        me.alerts?.offline();
        banner.offline(event);
        conversation.offline();
        return this.#page.showWaiting();
    }
  }

  #said(message: Message): void {
    const { connection, conversation, directory, me, search, threads } = this.#parts;
    conversation.said(message);
    me.alerts?.heard(threads.of(message).name, message);
    if (message.act === "remove") search.empty(message);
    if (expels(message, connection.user)) this.#expelled = message;
    if (!isRoom(message.to)) directory.wrote(threads.of(message).name, message);
  }

  /** The connection, or a room it was to enter again, is refused. */
  #failed({ id, code, text, after }: Failure): void {
    if (code === "bad_login")
      return this.#page.leave("Your sign-in has ended. Sign in again; what you wrote waits here.");
    if (code !== "no_entry") return this.#page.note(text);
    if (id !== undefined) return void (this.#shutOut = text); // of a room it was in; more comes first
    if (after === undefined) return this.#page.leave(text);
    this.#parts.banner.sentOut(text, after * 1000);
  }
  /** Rooms that one may not enter any more are gone. */
  #leaveShut(why: string): void {
    const { connection, threads } = this.#parts;
    this.#shutOut = undefined;
    const shut = [...threads.all.keys()].filter((name) => isRoom(name) && !connection.rooms.includes(name));
    for (const name of shut) this.#gone(name, why);
  }

  #caughtUp(missed: number): void {
    const { banner, conversation, directory, me } = this.#parts;
    this.#isLive = true;
    me.alerts?.caughtUp();
    banner.online(missed);
    conversation.caughtUp();
    if (this.#shutOut !== undefined) this.#leaveShut(this.#shutOut);
    this.#page.showWaiting();
    this.#page.readRooms();
    void directory.readPeople();
    if (this.isFirst) this.#begin();
  }

  /** The first sign-in of this page is over: asks for what does not come by itself. */
  #begin(): void {
    const { connection, conversation, directory, threads } = this.#parts;
    const { name } = conversation;
    this.isFirst = false;
    keep("local", `rooms.${connection.user}`, undefined); // the server knows them now
    if (isRoom(name) && !connection.rooms.includes(name)) this.#page.open(LOBBY); // left elsewhere meanwhile
    void directory.readPartners();
    void directory.findPartner();
    void threads.findCalls().then(() => this.#page.soon());
  }

  /** A room was left on another device, or this account was taken out of it. */
  #gone(name: string, why: string): void {
    const wasShown = this.#parts.conversation.name === name;
    this.#page.forget(name);
    if (wasShown) this.#page.note(why);
    this.#page.readRooms();
  }
  #whyExpelled(): string {
    return `${describe(this.#expelled!, this.#parts.connection.user, clock)}.`;
  }
  #whyLeft(name: string): string {
    if (this.#isLive) return `You left ${name} on another device.`;
    return `You are not in ${name} any more: you left it on another device, or a host took you out.`;
  }
}
