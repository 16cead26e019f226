// sidebar.ts: the lists at the side, rooms and people: what is unread, where one is, who is away. On a phone it lies
// over the chat and is opened by a button. Keeps the focus of somebody who walks through it by keyboard.

import type { Board } from "../shared/board.ts";
import type { Directory } from "./directory.ts";
import { avatar, element, hostTag, the } from "./dom.ts";
import type { Threads } from "./threads.ts";
import { isRoom } from "../shared/names.ts";

interface Row {
  name: string; // "#lab" or "bob"
  current: boolean;
  faint: boolean; // a room one is not in, a person who is away
  unread: number;
  calls: boolean; // a direct message or a mention is among the unread
  host: boolean;
  detail: string; // beside the name
}
/** What there is to show. */
export interface Places {
  user: string;
  threads: Threads;
  current: string;
  joined: readonly string[]; // rooms
  directory: Directory;
  board: Board;
}

export class Sidebar {
  readonly #side = the("side", HTMLElement);
  readonly #opener = the("side-open", HTMLButtonElement);
  readonly #rooms: List;
  readonly #people: List;
  /** Every name that can be opened, in the order they are shown. */
  names: string[] = [];
  /** Those with something unread, who calls first. */
  unread: string[] = [];

  constructor(user: string, open: (name: string) => void, join: (room: string) => void, signOut: () => void) {
    this.#rooms = new List(the("rooms", HTMLElement), open);
    this.#people = new List(the("people", HTMLElement), open);
    the("me", HTMLElement).append(avatar(user), user);
    the("sign-out", HTMLButtonElement).onclick = signOut;
    this.#opener.onclick = () => this.toggle(true);
    the("side-close", HTMLButtonElement).onclick = () => this.toggle(false);
    const room = the("room", HTMLInputElement);
    the("join", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      if (room.value.trim() === "") return room.focus();
      join(room.value.trim());
      room.value = "";
    };
  }

  get isOpen(): boolean {
    return this.#side.classList.contains("open");
  }
  /** On a phone: lays the lists over the chat, or takes them away. */
  toggle(open: boolean): void {
    const was = this.isOpen;
    this.#side.classList.toggle("open", open);
    the("main", HTMLElement).inert = open;
    this.#opener.ariaExpanded = String(open);
    if (open) the("side-close", HTMLButtonElement).focus();
    else if (was) this.#opener.focus();
  }

  /** Returns what is unread in all, and whether some of it is meant for this person. */
  show({ user, threads, current, joined, directory, board }: Places): { unread: number; calls: boolean } {
    const { rooms, present } = directory;
    const row = (name: string, faint: boolean, detail = ""): Row => {
      const { reading } = threads;
      const [unread, calls] = [reading.unread(name), reading.calls(name)];
      return { name, current: name === current, faint, unread, calls, host: board.isHost(name), detail };
    };
    const others = rooms.filter(({ to }) => !joined.includes(to));
    const opened = [...threads.all.keys()].filter((name) => !isRoom(name));
    const byName = [...present, ...opened].filter((name) => name !== user || threads.all.has(name)).sort();
    const people = [...new Set([...directory.partners, ...byName])];
    const roomRows = [
      ...joined.map((name) => row(name, false)),
      ...others.map(({ to, users }) => row(to, true, `${users} here, join`)),
    ];
    const peopleRows = people.map((name) => row(name, !present.has(name), directory.stateOf(name)));
    this.#rooms.show(roomRows);
    this.#people.show(peopleRows);
    const rows = [...roomRows, ...peopleRows];
    const waiting = rows.filter(({ unread }) => unread > 0);
    this.names = rows.map(({ name }) => name);
    this.unread = waiting.sort((a, b) => Number(b.calls) - Number(a.calls)).map(({ name }) => name);
    const elsewhere = waiting.reduce((sum, { unread, current }) => sum + (current ? 0 : unread), 0);
    the("elsewhere", HTMLElement).textContent = elsewhere > 0 ? String(elsewhere) : "";
    return { unread: waiting.reduce((sum, { unread }) => sum + unread, 0), calls: waiting.some(({ calls }) => calls) };
  }
}

/** One list; an entry keeps its element as long as it is there. */
class List {
  readonly #list: HTMLElement;
  readonly #open: (name: string) => void;
  readonly #items = new Map<string, { item: HTMLElement; shown: string }>();
  #order = "";

  constructor(list: HTMLElement, open: (name: string) => void) {
    this.#list = list;
    this.#open = open;
  }

  show(rows: readonly Row[]): void {
    for (const row of rows) this.#update(row);
    const names = rows.map(({ name }) => name);
    const order = names.join(" ");
    if (order === this.#order) return;
    this.#order = order;
    const focused = document.activeElement;
    for (const name of this.#items.keys()) if (!names.includes(name)) this.#items.delete(name);
    this.#list.replaceChildren(...names.map((name) => this.#items.get(name)!.item));
    if (focused instanceof HTMLElement && this.#list.contains(focused)) focused.focus();
  }

  #update({ name, current, faint, unread, calls, host, detail }: Row): void {
    const known = this.#items.get(name);
    const shown = JSON.stringify([current, faint, unread, calls, host, detail]);
    if (known?.shown === shown) return;
    const item = known?.item ?? element("li", "", this.#button(name));
    const button = item.firstElementChild!;
    button.className = [faint && "faint", unread > 0 && "unread"].filter(Boolean).join(" ");
    button.ariaCurrent = current ? "page" : null;
    const badge = element("span", calls ? "badge calls" : "badge", String(unread));
    badge.append(element("span", "hidden", " unread"));
    button.replaceChildren(
      isRoom(name) ? "" : avatar(name),
      element("span", "name", name),
      host ? hostTag() : "",
      element("span", "detail", detail),
      unread > 0 ? badge : "",
    );
    this.#items.set(name, { item, shown });
  }

  #button(name: string): HTMLElement {
    const button = element("button");
    button.onclick = () => this.#open(name);
    return button;
  }
}
