// people.ts: the panel of a conversation: who is in the room and who is away, or what should be known of a person. Beside the chat
// where there is room for it, over it elsewhere. Shows the first hundred of many, and finds the others by a part of their name.

import type { Board } from "../shared/board.ts";
import { isRoom, LOBBY } from "../shared/names.ts";
import type { Directory } from "./directory.ts";
import { avatar, hostTag, the } from "./dom.ts";
import type { Layers } from "./layers.ts";
import { List } from "./list.ts";
import { keep } from "./memory.ts";

const WIDE = matchMedia("(min-width: 1100px)"); // as in people.css
const MOST = 100; // people that are shown at once
const SOON = 1_000; // ms after which it is asked who is away, once for all who have gone meanwhile
const MANY = 30; // from which on one can look for somebody

/** What there is to show. */
export interface Company {
  name: string; // "#lab" or "bob"
  users: ReadonlySet<string>; // in the room
  directory: Directory;
  board: Board;
}
export interface PeopleHooks {
  open: (user: string) => void;
  leave: () => void;
  /** Ignores somebody, or does not any more: does what is typed for that. */
  ignore: (command: string) => void;
  /** Asks who is away from a room. */
  read: (room: string) => void;
}

export class People {
  readonly #panel = the("panel", HTMLElement);
  readonly #opener = the("here", HTMLButtonElement);
  readonly #title = the("panel-title", HTMLElement);
  readonly #filter = the("panel-filter", HTMLInputElement);
  readonly #leave = the("leave", HTMLButtonElement);
  readonly #ignore = the("ignore", HTMLButtonElement);
  readonly #layers: Layers;
  readonly #read: () => void;
  readonly #here: Section;
  readonly #away: Section;
  #company: Company | undefined;
  #users = new Set<string>(); // who was in the room when it was shown last
  #reading: ReturnType<typeof setTimeout> | undefined;

  /** Opens it. */
  constructor(layers: Layers, { open, leave, ignore, read }: PeopleHooks) {
    this.#layers = layers;
    this.#read = () => {
      const room = this.#company?.name;
      this.#reading = undefined;
      if (this.isOpen && room !== undefined && isRoom(room)) read(room);
    };
    this.#here = new Section("present", open);
    this.#away = new Section("absent", open);
    this.#leave.onclick = leave;
    this.#ignore.onclick = () => {
      const { name, directory } = this.#company!;
      ignore(`/${directory.ignored.has(name) ? "un" : ""}ignore ${name}`);
    };
    this.#filter.oninput = () => this.#show();
    this.#opener.onclick = () => this.#toggle(!this.isOpen, true);
    the("panel-close", HTMLButtonElement).onclick = () => this.#toggle(false, true);
    WIDE.onchange = () => this.#toggle(false);
    this.#toggle(true, true);
  }

  get isOpen(): boolean {
    return !this.#panel.hidden;
  }
  /** `isChosen`: by somebody, and so the next time as well. */
  #toggle(open: boolean, isChosen = false): void {
    if (isChosen && WIDE.matches) keep("local", "panel", open || undefined);
    this.#panel.hidden = !open;
    this.#opener.ariaExpanded = String(open);
    if (!open) return this.#layers.lift(this.#panel);
    this.#read();
    this.#show();
    if (WIDE.matches) return;
    this.#layers.lay({ box: this.#panel, opener: this.#opener, close: () => this.#toggle(false) });
    the("panel-close", HTMLButtonElement).focus();
  }

  show(company: Company): void {
    const { name, users } = company;
    const isOther = this.#company?.name !== name;
    const isLess = [...this.#users].some((user) => !users.has(user));
    this.#company = company;
    this.#users = new Set(users);
    if (isOther) this.#filter.value = "";
    if (isOther) this.#read();
    else if (isLess) this.#reading ??= setTimeout(this.#read, SOON);
    this.#show();
  }
  #show(): void {
    if (!this.isOpen || this.#company === undefined) return;
    const { name, users, directory, board } = this.#company;
    const inRoom = isRoom(name);
    this.#title.replaceChildren(...(inRoom ? [] : [avatar(name)]), name, board.isHost(name) ? hostTag() : "");
    this.#leave.hidden = !inRoom || name === LOBBY;
    this.#ignore.hidden = inRoom;
    this.#ignore.textContent = directory.ignored.has(name) ? "Do not ignore" : "Ignore";
    this.#filter.hidden = users.size <= MANY;
    if (!inRoom) {
      const state = directory.stateOf(name) || "here";
      this.#here.show(state[0]!.toUpperCase() + state.slice(1), [], `Only you and ${name} read what is written here.`);
      return this.#away.show("", [], "");
    }
    this.#list(this.#here, "Here", [...users]);
    this.#list(
      this.#away,
      "Away",
      directory.absent(name).filter((user) => !users.has(user)),
    );
  }
  #list(section: Section, title: string, users: string[]): void {
    const { directory, board } = this.#company!;
    const part = this.#filter.value.trim().toLowerCase();
    const found = users.filter((user) => user.includes(part)).sort();
    const rows = found.slice(0, MOST).map((name) => {
      const faint = section === this.#away;
      const state = directory.stateOf(name);
      return { name, faint, host: board.isHost(name), detail: faint || state !== "away" ? state : "" };
    });
    const others = found.length - rows.length;
    section.show(
      users.length === 0 ? "" : `${title} – ${found.length}`,
      rows,
      others === 0 ? "" : `and ${others} others`,
    );
  }
}

/** People of one kind, under a title. */
class Section {
  readonly #title: HTMLElement;
  readonly #more: HTMLElement;
  readonly #list: List;

  constructor(id: string, open: (user: string) => void) {
    const list = the(id, HTMLElement);
    this.#title = the(`${id}-title`, HTMLElement);
    this.#more = document.createElement("p");
    this.#list = new List(list, open);
    list.after(this.#more);
  }

  show(title: string, rows: Parameters<List["show"]>[0], more: string): void {
    this.#title.textContent = title;
    this.#title.hidden = title === "";
    this.#list.show(rows);
    this.#more.textContent = more;
  }
}
