// sidebar.ts: the lists at the side, rooms and people: what is unread, where one is, who is away. On a phone it lies
// over the chat and is opened by a button.

import type { Board } from "../shared/board.ts";
import type { Directory } from "./directory.ts";
import { the } from "./dom.ts";
import type { Layers } from "./layers.ts";
import type { Row } from "./list.ts";
import { List } from "./list.ts";
import type { Threads } from "./threads.ts";
import { isRoom } from "../shared/names.ts";

const NARROW = matchMedia("(max-width: 720px)"); // as in side.css

/** What there is to show. */
export interface Places {
  user: string;
  threads: Threads;
  current: string;
  joined: readonly string[]; // rooms
  directory: Directory;
  board: Board;
}

export interface SidebarHooks {
  open: (name: string) => void;
  join: (room: string) => void;
  /** One wants to write. */
  write: () => void;
}

export class Sidebar {
  readonly #side = the("side", HTMLElement);
  readonly #opener = the("side-open", HTMLButtonElement);
  readonly #adder = the("room-open", HTMLButtonElement);
  readonly #form = the("join", HTMLFormElement);
  readonly #layers: Layers;
  readonly #rooms: List;
  readonly #more: List;
  readonly #people: List;
  /** Every name that can be opened, in the order they are shown. */
  names: string[] = [];
  /** Those with something unread, who calls first. */
  unread: string[] = [];

  constructor(layers: Layers, { open, join, write }: SidebarHooks) {
    this.#layers = layers;
    this.#rooms = new List(the("joined", HTMLElement), open);
    this.#more = new List(the("more", HTMLElement), open);
    this.#people = new List(the("people", HTMLElement), open);
    the("skip", HTMLAnchorElement).onclick = (event) => {
      event.preventDefault(); // of the address nothing changes
      write();
    };
    this.#opener.onclick = () => this.toggle(true);
    the("side-close", HTMLButtonElement).onclick = () => this.toggle(false);
    NARROW.onchange = () => this.toggle(false);
    this.#listenToForm(join);
  }
  /** A room is named in a field that is there only when it is wanted. */
  #listenToForm(join: (room: string) => void): void {
    const room = the("room", HTMLInputElement);
    this.#adder.onclick = () => this.#add(this.#form.hidden === true);
    this.#form.onkeydown = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation(); // it closes nothing else
      this.#add(false);
    };
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      if (room.value.trim() === "") return room.focus();
      join(room.value.trim());
      this.#add(false);
    };
  }
  #add(open: boolean): void {
    this.#form.hidden = !open;
    this.#form.reset();
    this.#adder.ariaExpanded = String(open);
    (open ? the("room", HTMLInputElement) : this.#adder).focus();
  }

  get isOpen(): boolean {
    return this.#side.classList.contains("open");
  }
  /** On a phone: lays the lists over the chat, or takes them away. */
  toggle(open: boolean): void {
    this.#side.classList.toggle("open", open);
    this.#opener.ariaExpanded = String(open);
    if (!open) return this.#layers.lift(this.#side);
    this.#layers.lay({ box: this.#side, opener: this.#opener, close: () => this.toggle(false) });
    the("side-close", HTMLButtonElement).focus();
  }

  /** Returns what is unread in all, and whether some of it is meant for this person. */
  show({ user, threads, current, joined, directory, board }: Places): { unread: number; calls: boolean } {
    const { rooms, present } = directory;
    const row = (name: string, faint: boolean, detail = ""): Required<Row> => {
      const { reading } = threads;
      const [unread, calls] = [reading.unread(name), reading.calls(name)];
      return { name, current: name === current, faint, unread, calls, host: board.isHost(name), detail };
    };
    const others = rooms.filter(({ to }) => !joined.includes(to));
    const opened = [...threads.all.keys()].filter((name) => !isRoom(name));
    const byName = [...present, ...opened].filter((name) => name !== user || threads.all.has(name)).sort();
    const people = [...new Set([...directory.partners, ...byName])];
    const roomRows = joined.map((name) => row(name, false));
    const otherRows = others.map(({ to, users: count }) => row(to, true, `${count} here, join`));
    const peopleRows = people.map((name) => row(name, !present.has(name), directory.stateOf(name)));
    this.#rooms.show(roomRows);
    this.#more.show(otherRows);
    the("more-title", HTMLElement).hidden = otherRows.length === 0;
    this.#people.show(peopleRows);
    the("nobody", HTMLElement).hidden = peopleRows.length > 0;
    const rows = [...roomRows, ...otherRows, ...peopleRows];
    const waiting = rows.filter(({ unread }) => unread > 0);
    this.names = rows.map(({ name }) => name);
    this.unread = waiting.sort((a, b) => Number(b.calls) - Number(a.calls)).map(({ name }) => name);
    const elsewhere = waiting.reduce((sum, { unread, current }) => sum + (current ? 0 : unread), 0);
    the("elsewhere", HTMLElement).textContent = elsewhere > 0 ? String(elsewhere) : "";
    return { unread: waiting.reduce((sum, { unread }) => sum + unread, 0), calls: waiting.some(({ calls }) => calls) };
  }
}
