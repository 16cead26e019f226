// order.ts: what hosts have set, on the screen: the announcement, the buttons of hosts, the rules; and what of it ends by itself. What is
// set is in shared/board.ts.

import type { Message, Request } from "../protocol.ts";
import { Board } from "../shared/board.ts";
import type { ClientEvent } from "../shared/feed.ts";
import { isRoom } from "../shared/names.ts";
import { ALL } from "../shared/settings.ts";
import { Announcement } from "./announcement.ts";
import type * as dialogs from "./dialogs.ts";
import type { Directory } from "./directory.ts";
import type { Reader } from "./message.ts";
import { Part } from "./parts.ts";
import { mayRead, mayRemove, nextEnd, whatHolds, whyClosed } from "./rights.ts";
import { Tools } from "./tools.ts";

const FARTHEST = 86_400_000; // ms for which a timer is set at most

export interface OrderHooks {
  /** A host asks for something. */
  perform: (request: Request) => void;
  /** Something holds no more, and nobody has told so. */
  ended: () => void;
  /** What a host asked for cannot be shown: a part of the page could not be loaded. */
  failed: () => void;
}

export class Order {
  readonly board: Board;
  readonly #user: string;
  readonly #perform: OrderHooks["perform"];
  readonly #ended: () => void;
  readonly #announcement: Announcement;
  readonly #tools: Tools;
  readonly #failed: () => void;
  readonly #dialogs = new Part<typeof dialogs>("/dialogs.js");
  #rules: dialogs.RulesDialog | undefined;
  #question: dialogs.SendOutDialog | undefined;
  #ahead = Infinity; // ms, by which the clock here is ahead of the server's: the least that was seen
  #isTold = false; // the log has just shown the announcement
  #end: ReturnType<typeof setTimeout> | undefined; // of the next lock or mute

  constructor(user: string, { perform, ended, failed }: OrderHooks) {
    this.board = new Board(user);
    this.#user = user;
    this.#perform = perform;
    this.#ended = ended;
    this.#failed = failed;
    this.#announcement = new Announcement(() => this.#set(ALL, "announce", ""));
    this.#tools = new Tools({
      set: perform,
      sendOut: (whom) => void this.#askHowLong(whom),
      showRules: () => this.showRules(),
    });
  }

  /** The server's clock, as far as it is known: by the one here, which may be wrong, a lock would end early or late. */
  get #now(): number {
    return Date.now() - (this.#ahead === Infinity ? 0 : this.#ahead);
  }
  get isHost(): boolean {
    return this.board.isHost(this.#user);
  }
  /** On what the buttons at messages depend. */
  get rights(): string {
    return JSON.stringify([this.board.hosts, this.board.settings(ALL).find(({ key }) => key === "removing")?.value]);
  }
  /** What this person may do to messages; `was` asks what one said that was removed. */
  reader(was: (message: Message) => Promise<string | undefined>): Reader {
    return {
      user: this.#user,
      mayRemove: (message) => mayRemove(this.board, this.#user, message),
      remove: ({ to, seq, from }) =>
        this.#perform({ type: "remove", on: seq, ...(isRoom(to) ? { to, of: from } : { to: "@" }) }),
      mayRead: (message) => mayRead(this.board, this.#user, message),
      read: async (message) => (await was(message)) ?? "What it said is not kept any more.",
    };
  }

  /** Takes an event in; `shown` is the thread whose messages are shown as they come. Returns whether who is muted or sent out may have
   *  changed, as far as hosts are told. */
  take(event: ClientEvent, shown: string | undefined): boolean {
    this.board.take(event);
    if (event.type !== "message") return event.type === "hosts" && this.isHost;
    if (shown !== undefined) this.#ahead = Math.min(this.#ahead, Date.now() - event.at);
    if (event.key === "announce") this.#isTold = event.to === shown;
    return this.isHost && (event.key === "mute" || event.key === "ban");
  }

  /** Brings everything up to date for the thread that is open; returns what one should know who writes there. */
  show(name: string, directory: Directory): string {
    this.#announcement.show(this.board.announcement, this.isHost, this.#isTold);
    this.#isTold = false;
    this.#tools.show(name, this.#user, { board: this.board, directory, now: this.#now });
    this.#wait(name);
    return whatHolds(this.board, name, this.#now);
  }
  /** Why nothing can be written there now, in a sentence; `undefined` if it can. */
  whyClosed(to: string): string | undefined {
    return whyClosed(this.board, to, this.#now);
  }
  showRules(): void {
    void this.#open(({ RulesDialog }) => {
      this.#rules ??= new RulesDialog((key, value) => this.#set(ALL, key, value));
      this.#rules.open(this.board.settings(ALL));
    });
  }
  #askHowLong(whom: string): Promise<void> {
    return this.#open(({ SendOutDialog }) => {
      this.#question ??= new SendOutDialog((user, value) => this.#set(user, "ban", value));
      this.#question.ask(whom);
    });
  }
  async #open(show: (loaded: typeof dialogs) => void): Promise<void> {
    const loaded = await this.#dialogs.load().catch(this.#failed);
    if (loaded !== undefined) show(loaded);
  }
  #set(to: string, key: string, value: string): void {
    this.#perform({ type: "set", to, key, value });
  }

  #wait(name: string): void {
    clearTimeout(this.#end);
    const now = this.#now;
    const end = nextEnd(this.board, [ALL, `@${this.#user}`, isRoom(name) ? name : `@${name}`], now);
    if (end !== undefined) this.#end = setTimeout(this.#ended, Math.min(end - now, FARTHEST) + 1);
  }
}
