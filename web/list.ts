// list.ts: a list of rooms or people that can be opened. An entry keeps its element as long as it is there. The list is one stop
// of the Tab key; inside it the arrow keys move. Does not know what its entries mean.

import { avatar, element, hostTag } from "./dom.ts";
import { isRoom } from "../shared/names.ts";

export interface Row {
  name: string; // "#lab" or "bob"
  faint: boolean; // a room one is not in, a person who is away
  host: boolean;
  detail: string; // beside the name
  current?: boolean;
  unread?: number;
  calls?: boolean; // a direct message or a mention is among the unread
}

export class List {
  readonly #list: HTMLElement;
  readonly #open: (name: string) => void;
  readonly #items = new Map<string, { item: HTMLElement; shown: string }>();
  #order = "";

  constructor(list: HTMLElement, open: (name: string) => void) {
    this.#list = list;
    this.#open = open;
    list.onkeydown = (event) => this.#move(event);
    list.addEventListener("focusin", ({ target }) => this.#stopAt(target as HTMLElement));
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
    else this.#stopAt(this.#buttons.find((button) => button.ariaCurrent !== null) ?? this.#buttons[0]);
  }

  get #buttons(): HTMLElement[] {
    return [...this.#list.querySelectorAll("button")];
  }
  /** Makes one button the one that the Tab key comes to. */
  #stopAt(stop: HTMLElement | undefined): void {
    for (const button of this.#buttons) button.tabIndex = button === stop ? 0 : -1;
  }
  #move(event: KeyboardEvent): void {
    const buttons = this.#buttons;
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || event.altKey) return;
    event.preventDefault();
    buttons[to]?.focus();
  }

  #update({ name, current = false, faint, unread = 0, calls = false, host, detail }: Row): void {
    const known = this.#items.get(name);
    const shown = JSON.stringify([current, faint, unread, calls, host, detail]);
    if (known?.shown === shown) return;
    const item = known?.item ?? element("li", "", this.#button(name));
    const button = item.firstElementChild!;
    button.className = ["entry", faint && "faint", unread > 0 && "unread"].filter(Boolean).join(" ");
    button.ariaCurrent = current ? "page" : null;
    const badge = element("span", calls ? "badge calls" : "badge", String(unread));
    badge.append(element("span", "hidden", " unread"));
    button.replaceChildren(
      isRoom(name) ? "" : avatar(name),
      element("span", "name", name),
      host ? hostTag() : "",
      element("span", detail === "away" ? "hidden" : "detail", detail), // the eyes see it at the avatar
      unread > 0 ? badge : "",
    );
    this.#items.set(name, { item, shown });
  }

  #button(name: string): HTMLElement {
    const button = element("button");
    button.type = "button";
    button.onclick = () => this.#open(name);
    return button;
  }
}
