// asking.ts: what a person has asked the server for and is not answered yet: each answer is shown in its place among what others do, and
// a line that is refused is where it was typed again. Reads no typed line.

import type { Ok, Request } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import type { Answered } from "../shared/feed.ts";
import type { Console } from "./console.ts";
import type { View } from "./view.ts";

export interface AskingOptions {
  connection: Connection;
  console: Console;
  view: View;
  isEntering: () => boolean; // the first rooms
  isLeaving: () => boolean;
  /** A typed line was refused. */
  refused: (line: string) => void;
  /** Tells that a line was not sent. */
  giveUp: (line: string) => void;
  /** Something was asked or answered. */
  changed: () => void;
}

interface Asked {
  answered: PromiseWithResolvers<void>;
  line: string; // as it was typed, or ""
  place: string; // where
}

export class Asking {
  readonly #options: AskingOptions;
  readonly #asked = new Map<Request, Asked>();

  constructor(options: AskingOptions) {
    this.#options = options;
  }

  /** Asks the server; resolves when it has answered and the answer is shown, in its place among what others do. */
  ask(request: Request, line: string): Promise<void> {
    const { connection, view, changed } = this.#options;
    if (request.type === "join") view.tabs.open(request.to);
    const answered = Promise.withResolvers<void>();
    this.#asked.set(request, { answered, line, place: view.tabs.current });
    connection.send(request);
    changed();
    return answered.promise;
  }

  /** Resolves when all that was asked by now is answered. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#asked.values(), ({ answered }) => answered.promise));
  }

  answered({ request, answer }: Answered): void {
    const shown = answer.type === "ok" ? this.#granted(request, answer) : undefined;
    const asked = this.#asked.get(request);
    this.#asked.delete(request);
    if (answer.type === "error") this.#refused(request, answer.text, asked);
    if (shown === undefined) asked?.answered.resolve();
    else void shown.then(() => asked?.answered.resolve());
    this.#options.changed();
  }

  /** Tells why, and what was to be said is where it was typed again, unless something else is typed there by now. */
  #refused(request: Request, why: string, asked: Asked | undefined): void {
    const { console, view, isLeaving, refused, giveUp } = this.#options;
    if (request.type === "join") view.tabs.close(request.to);
    if (!isLeaving()) view.info(why);
    const { line = "", place = "" } = asked ?? {};
    if (line !== "") refused(line);
    if (line === "" || request.type !== "say") return;
    const isThere = !isLeaving() && view.tabs.get(place) !== undefined;
    if (!isThere || !console.giveBack(place, line)) giveUp(line);
  }

  /** Returns what has to be on the screen before the next line is read. */
  #granted(request: Request, answer: Ok): Promise<void> | undefined {
    const { view, isEntering } = this.#options;
    switch (request.type) {
      case "join":
        return isEntering() ? undefined : view.show(request.to, true);
      case "leave":
        if (request.to !== view.tabs.current) view.info(`You left ${request.to}.`);
        return view.close(request.to);
      default:
        view.answer(request, answer);
        return undefined;
    }
  }
}
