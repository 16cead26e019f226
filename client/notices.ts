// notices.ts: what hosts have set, told to whoever comes in or enters a room, each once: the announcement again only when it is another
// one. Decides nothing.

import type { Message, Setting } from "../protocol.ts";
import type { Board } from "../shared/board.ts";
import { ALL } from "../shared/settings.ts";
import { standing } from "../shared/standing.ts";
import type { Console } from "./console.ts";
import type { Display } from "./display.ts";

export interface NoticesOptions {
  user: string; // who reads
  console: Console;
  display: Display;
  board: Board;
}

export class Notices {
  readonly #options: NoticesOptions;
  #announced = ""; // what was told last
  #isIn = false;

  constructor(options: NoticesOptions) {
    this.#options = options;
  }

  /** A room was entered. */
  entered(room: string): void {
    this.#tell(this.#options.board.settings(room));
  }

  /** All that was missed is there, and the room on the screen. Returns whether something is for everybody to read that may be new to
   *  this person. */
  cameIn(): boolean {
    const { user, console, display, board } = this.#options;
    const isFirst = !this.#isIn;
    this.#isIn = true;
    // Elsewhere it stands above the prompt for as long as it holds.
    if (isFirst && !console.hasRoomsApart)
      this.#tell([...board.settings(ALL), ...board.settings(`@${user}`)].filter(({ key }) => key !== "announce"));
    const { announcement } = board;
    if (announcement === undefined) return false;
    const isNew = nameOf(announcement) !== this.#announced;
    if (isNew) console.print(...display.announcement(announcement));
    this.#announced = nameOf(announcement);
    return (isNew || isFirst) && announcement.by !== user;
  }

  /** An announcement was shown next to the prompt. */
  shown({ from, value = "" }: Message): void {
    const name = nameOf({ by: from, value });
    const { announcement } = this.#options.board;
    if (announcement !== undefined && nameOf(announcement) === name) this.#announced = name;
  }

  #tell(settings: readonly Setting[]): void {
    const { console, display } = this.#options;
    for (const line of standing(settings, (at) => display.until(at))) console.print(...display.info(line));
  }
}

function nameOf({ by, value }: { by: string; value: string }): string {
  return `${by} ${value}`;
}
