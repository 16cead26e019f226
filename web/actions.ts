// actions.ts: what a person asks for, typed or clicked: it becomes requests, by the same table of commands as in every
// client, and their answers become notes. Knows the screen only by what an action may do to it.

import type { Failure, Message, Ok, Refusal, Request, RequestOf } from "../protocol.ts";
import { failure, isRefusal } from "../protocol.ts";
import type { Local, Place } from "../shared/arguments.ts";
import { inRoom } from "../shared/arguments.ts";
import { describe } from "../shared/acts.ts";
import type { Connection } from "../shared/connection.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import { render } from "../shared/render.ts";
import { ALL } from "../shared/settings.ts";
import { ruleLines } from "../shared/standing.ts";
import { whyTooLong } from "../shared/text.ts";
import type { Answer } from "../shared/unanswered.ts";
import { mayBeCommand } from "./composer.ts";
import { clock } from "./dom.ts";
import type { Order } from "./order.ts";
import type { Typing } from "./parts.ts";
import type { Threads } from "./threads.ts";

const LISTED = 50; // people that one note names
const NOT_NOW = ["quiet", "not_allowed", "no_entry"]; // codes of what may well be said later

/** What actions do to the screen. */
export interface Stage {
  /** Where one is. */
  readonly place: Place;
  /** Whose names are known there. */
  readonly known: { people: readonly string[] };
  /** Adds a line of the page's own, to the thread that is shown or to another. */
  note(text: string, thread?: string): void;
  open(thread: string): void;
  /** Forgets a thread, and shows the lobby where it was. */
  forget(thread: string): void;
  showOlder(limit?: number): void;
  /** Looks where one is, or everywhere. */
  search(words: string, everywhere: boolean): void;
  /** Something of ours is on its way. */
  showOwn(to: string): void;
  /** Puts words back where they were written; returns whether it could. */
  giveBack(to: string, text: string): boolean;
  /** Something of ours waits no longer. */
  showWaiting(): void;
  /** The rooms there are may have changed. */
  readRooms(): void;
  signOut(): void;
}

export class Actions {
  readonly #connection: Connection;
  readonly #threads: Threads;
  readonly #order: Order;
  readonly #typing: Typing;
  readonly #stage: Stage;

  constructor(connection: Connection, threads: Threads, order: Order, typing: Typing, stage: Stage) {
    this.#connection = connection;
    this.#threads = threads;
    this.#order = order;
    this.#typing = typing;
    this.#stage = stage;
  }

  /** Takes what was typed; returns whether it was taken. What was not stays where it is, to be mended. The part that knows commands
   *  must be loaded if it may be one. */
  submit(text: string): boolean {
    const { place } = this.#stage;
    if (text.trim() === "") return false;
    const typed = mayBeCommand(text)
      ? this.#typing.loaded!.parseCommand(text, place)
      : ({ type: "say", to: place.room, text } as const);
    if (typed === undefined) return false;
    const complaint = isRefusal(typed) ? failure(typed).text : typed.type === "say" ? this.#whyNot(typed) : undefined;
    if (complaint === undefined) this.perform(typed);
    else this.#stage.note(complaint);
    return complaint === undefined;
  }

  #whyNot({ to, text }: RequestOf<"say">): string | undefined {
    const closed = this.#order.whyClosed(to);
    return closed === undefined ? whyTooLong(text) : `${closed} Nothing was sent.`;
  }

  /** Joins the room of this name, with or without its #. */
  join(room: string): void {
    this.perform(inRoom(room, (to) => ({ type: "join", to })));
  }

  /** Leaves a room; a person is only not shown any more. */
  leave(thread: string): void {
    if (isRoom(thread)) this.#connection.send({ type: "leave", to: thread });
    else this.#stage.open(LOBBY);
  }

  perform(typed: Request | Refusal | Local): void {
    if (isRefusal(typed)) return this.#stage.note(failure(typed).text);
    switch (typed.type) {
      case "help":
        return this.#stage.note(this.#typing.loaded!.help(true, this.#order.isHost).join("\n"));
      case "rules":
        return this.#rules();
      case "open":
        return this.#stage.open(typed.to);
      case "ignore":
        return this.#ignore(typed);
      case "clear":
        return this.#stage.note(this.#typing.loaded!.NOT_HERE.clear);
      case "exit":
        return this.#stage.signOut();
      case "history":
        return this.#history(typed);
      case "leave":
        return this.leave(typed.to);
      default:
        this.#connection.send(typed);
        if (typed.type === "say") this.#stage.showOwn(typed.to);
    }
  }

  #ignore(typed: Extract<Local, { type: "ignore" }>): void {
    const known = { people: this.#stage.known.people, isHost: (name: string) => this.#order.board.isHost(name) };
    const lines = this.#typing.loaded!.ignore(typed, this.#threads.reading.ignored, known);
    if (typed.user !== undefined && typed.isOn) this.#threads.ignore(typed.user);
    this.#stage.note(lines.join("\n"));
  }

  /** Hosts change the rules, others read them. */
  #rules(): void {
    if (this.#order.isHost) this.#order.showRules();
    else this.#stage.note(ruleLines(this.#order.board.settings(ALL)).join("\n"));
  }

  /** What was said is shown in its thread; only the whole inbox, which is none, is told in notes. */
  #history(typed: RequestOf<"history">): void {
    const thread = typed.with ?? typed.to;
    if (typed.match !== undefined) this.#stage.search(typed.match, typed.to === ALL);
    else if (thread === "@") this.#connection.send(typed);
    else if (thread === this.#stage.place.room) this.#stage.showOlder(typed.limit);
    else this.#stage.open(thread);
  }

  /** The server has answered something that was asked here. */
  answered(request: Request, answer: Answer): void {
    const stage = this.#stage;
    switch (request.type) {
      case "say":
        stage.showWaiting();
        if (answer.type === "error") this.#notSaid(request, answer);
        return;
      case "join":
        return answer.type === "error" ? stage.note(answer.text) : stage.open(request.to);
      case "leave":
        if (answer.type === "error") return stage.note(answer.text);
        stage.forget(request.to);
        return stage.readRooms();
      case "who":
        if (answer.type === "ok" && answer.users !== undefined) return this.#toldWho(request, answer, answer.users);
        return this.#told(request, answer);
      case "set":
      case "remove":
        return answer.type === "message" ? this.#done(answer) : this.#told(request, answer);
      default:
        this.#told(request, answer);
    }
  }

  #told(request: Request, answer: Answer): void {
    for (const line of this.#lines(request, answer)) this.#stage.note(line);
  }
  #toldWho(request: Request, answer: Ok, users: readonly string[]): void {
    const [list, ...rest] = this.#lines(request, { ...answer, users: users.slice(0, LISTED) });
    const more = users.length > LISTED ? ` and ${users.length - LISTED} others` : "";
    this.#stage.note([`${list}${more}`, ...rest].join("\n"));
  }
  #lines(request: Request, answer: Answer): string[] {
    const { user } = this.#stage.place;
    return render(answer, { user, asked: request }).map((line) => line.replace(/^\* /, ""));
  }
  /** An act stands in its own conversation; who is elsewhere is told here. */
  #done(act: Message): void {
    if (this.#threads.of(act).name !== this.#stage.place.room)
      this.#stage.note(describe(act, this.#connection.user, clock));
  }

  /** The server did not take it, whatever its code: says why where it was meant to go, and gives the words back. */
  #notSaid({ to, text }: RequestOf<"say">, { code, text: why }: Failure): void {
    if (NOT_NOW.includes(code) && this.#stage.giveBack(to, text)) return this.#stage.note(why, to);
    if (code !== "unknown_user" || this.#threads.get(to).entries.length > 0)
      return this.#stage.note(`Not sent: ${text}\n${why}`, to);
    this.#stage.forget(to);
    this.#stage.note(`Not sent to ${to}: ${text}\n${why}`);
  }
}
