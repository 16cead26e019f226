// local.ts: the commands that ask nothing of the server: /help, /rules, /ignore and /clear. Sends nothing.

import type { Local } from "../shared/arguments.ts";
import { nearest } from "../shared/nearest.ts";
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
        if (typed.user === undefined) return this.#list();
        return typed.isOn ? this.#ignore(typed.user) : this.#show(typed.user);
    }
  }

  /** Whom this person ignores, and how much was not shown: the one place where that is told. */
  #list(): void {
    const told = this.#view.ignored.all.map(({ name, count }) => `${name} (${count} not shown)`);
    this.#view.info(told.length === 0 ? "You ignore nobody." : `You ignore ${told.join(", ")}.`);
  }

  #ignore(name: string): void {
    const { ignored, known, board } = this.#view;
    if (ignored.has(name)) return this.#view.info(`You ignore ${name} already. /unignore ${name} ends it.`);
    const near = known.people.includes(name) ? undefined : nearest(name, known.people);
    const hosts = board.isHost(name) ? ` What ${name} does as a host is shown all the same.` : "";
    const doubt = near === undefined ? "" : ` Did you mean ${near}?`;
    const why = this.#view.ignore(name, true);
    this.#view.info(
      `You ignore ${name}: nothing that ${name} says is shown to you.${hosts} /unignore ${name} ends it.${doubt}`,
    );
    if (why !== undefined) this.#view.info(why);
  }

  #show(name: string): void {
    if (!this.#view.ignored.has(name)) return this.#view.info(`You do not ignore ${name}.`);
    const why = this.#view.ignore(name, false);
    this.#view.info(`What ${name} says is shown again. /history shows what you missed.`);
    if (why !== undefined) this.#view.info(why);
  }
}
