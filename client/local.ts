// local.ts: the commands that ask nothing of the server: /help, /rules, /ignore and /clear. Sends nothing.

import type { Local } from "../shared/arguments.ts";
import { ignore } from "../shared/ignoring.ts";
import { ALL } from "../shared/settings.ts";
import { ruleLines } from "../shared/standing.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";
import type { View } from "./view.ts";

export class LocalCommands {
  readonly #user: string;
  readonly #console: Console;
  readonly #display: Display;
  readonly #view: View;

  constructor(user: string, console: Console, display: Display, view: View) {
    this.#user = user;
    this.#console = console;
    this.#display = display;
    this.#view = view;
  }

  perform(typed: Exclude<Local, { type: "open" }>): void {
    const view = this.#view;
    switch (typed.type) {
      case "help":
        return view.print(this.#display.help(view.board.isHost(this.#user)));
      case "rules":
        for (const rule of ruleLines(view.board.settings(ALL))) view.info(rule);
        return;
      case "clear":
        return this.#console.clear();
      case "ignore":
        return this.#ignore(typed);
    }
  }

  #ignore(typed: Extract<Local, { type: "ignore" }>): void {
    const { ignored, known, board } = this.#view;
    const people = { people: known.people, isHost: (name: string) => board.isHost(name) };
    for (const line of ignore(typed, ignored, people)) this.#view.info(line);
  }
}
