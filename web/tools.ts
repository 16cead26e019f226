// tools.ts: what hosts can press in the heading: for a room, or the person whose thread is open. Shows what applies now.

import type { RequestOf } from "../protocol.ts";
import type { Board } from "../shared/board.ts";
import { isRoom } from "../shared/names.ts";
import type { Key } from "../shared/settings.ts";
import { ALL, endOf } from "../shared/settings.ts";
import type { Directory } from "./directory.ts";
import { element, the } from "./dom.ts";

const SHORT = "+600"; // s: how long a lock or a mute lasts that ends by itself

/** What the buttons do. */
export interface ToolHooks {
  set: (request: RequestOf<"set">) => void;
  /** Asks for how long, then sends somebody out. */
  sendOut: (user: string) => void;
  showRules: () => void;
}
/** By what it is decided which buttons there are. */
export interface State {
  board: Board;
  directory: Directory;
  now: number; // ms since 1970
}
type Tool = [words: string, press: () => void];

export class Tools {
  readonly #box = the("tools", HTMLElement);
  readonly #hooks: ToolHooks;
  #shown = "";

  constructor(hooks: ToolHooks) {
    this.#hooks = hooks;
  }

  /** Shows the buttons for a room or a person; to hosts only. */
  show(name: string, user: string, state: State): void {
    const tools = state.board.isHost(user) ? this.#toolsFor(name, user, state) : [];
    const shown = [name, ...tools.map(([words]) => words)].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    const hadFocus = this.#box.contains(document.activeElement);
    const buttons = tools.map(([words, press]) => {
      const button = element("button", "", words);
      button.type = "button";
      button.onclick = press;
      return button;
    });
    this.#box.hidden = buttons.length === 0;
    this.#box.replaceChildren(...buttons);
    if (hadFocus) buttons[0]?.focus(); // what was pressed is another button now
  }

  #toolsFor(name: string, user: string, { board, directory, now }: State): Tool[] {
    const rules: Tool = ["Rules", this.#hooks.showRules];
    if (isRoom(name)) return [...this.#roomTools(name, board, now), rules];
    return name === user || board.isHost(name) ? [rules] : [...this.#personTools(name, directory), rules];
  }

  #roomTools(room: string, board: Board, now: number): Tool[] {
    const isLocked = (place: string) =>
      board.settings(place).some(({ key, value }) => key === "lock" && endOf(value, now) !== undefined);
    if (isLocked(ALL)) return [["Unlock the chat", () => this.#set(ALL, "lock", "off")]];
    if (isLocked(room)) return [["Unlock", () => this.#set(room, "lock", "off")]];
    return [
      ["Lock", () => this.#set(room, "lock", "on")],
      ["Lock 10 min", () => this.#set(room, "lock", SHORT)],
    ];
  }
  #personTools(user: string, { muted, banned }: Directory): Tool[] {
    return [
      muted.has(user)
        ? ["Unmute", () => this.#set(user, "mute", "off")]
        : ["Mute 10 min", () => this.#set(user, "mute", SHORT)],
      banned.has(user)
        ? ["Let in", () => this.#set(user, "ban", "off")]
        : ["Send out", () => this.#hooks.sendOut(user)],
    ];
  }

  #set(to: string, key: Key, value: string): void {
    this.#hooks.set({ type: "set", to, key, value });
  }
}
