// suggestions.ts: the list over the composer: what the word before the cursor may become, while somebody types a name, a room or a
// command. The field keeps the focus, and Enter sends what stands in it unless one has moved into the list.

import { COMMANDS } from "../shared/commands.ts";
import type { Choices } from "../shared/completion.ts";
import { complete } from "../shared/completion.ts";
import { avatar, element, the } from "./dom.ts";

export class Suggestions {
  readonly #field: HTMLTextAreaElement;
  readonly #list = the("suggestions", HTMLElement);
  readonly #said = the("suggested", HTMLElement);
  readonly #known: () => Choices;
  readonly #took: () => void;
  #start = 0; // where the word begins in the field
  #end = 0; // and where it ends: at the cursor
  #choices: string[] = []; // none: the list is closed
  #chosen = -1; // -1: one has not moved into the list

  /** `known`: who and what there is; `took`: a choice stands in the field. */
  constructor(field: HTMLTextAreaElement, known: () => Choices, took: () => void) {
    this.#field = field;
    this.#known = known;
    this.#took = took;
    this.#list.onmousedown = (event) => event.preventDefault(); // or the field would lose the focus, and a phone hide its keyboard
    this.#list.onclick = ({ target }) => {
      const index = [...this.#list.children].indexOf((target as Element).closest("[role=option]")!);
      if (index >= 0) this.#take(index);
    };
    field.addEventListener("blur", () => this.close());
    field.addEventListener("click", () => this.close()); // the cursor is elsewhere
  }

  /** Somebody has typed: opens the list, changes or closes it. */
  update(): void {
    const { value, selectionStart, selectionEnd } = this.#field;
    const known = this.#known();
    const before = value.slice(0, selectionStart);
    const { start, choices } = complete(before, known);
    const word = before.slice(start).toLowerCase();
    if (selectionStart !== selectionEnd || choices.every((choice) => choice.trimEnd().toLowerCase() === word))
      return this.close();
    const isOpen = this.#choices.length > 0;
    const isSame = choices.join() === this.#choices.join();
    [this.#start, this.#end, this.#choices] = [start, selectionStart, choices];
    if (!isSame) this.#list.replaceChildren(...choices.map((choice, index) => row(choice, index, known.people)));
    this.#choose(-1);
    if (isOpen) return;
    this.#list.hidden = false;
    const count = choices.length === 1 ? "1 suggestion" : `${choices.length} suggestions`;
    this.#said.textContent = `${count}: the arrow keys choose, Tab takes the first`; // once, not with every letter
  }

  close(): void {
    if (this.#choices.length === 0) return;
    this.#choices = [];
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#choose(-1);
    this.#said.textContent = "";
  }

  /** A key was pressed in the field; returns whether it was meant for the list. */
  press({ key, shiftKey, altKey, ctrlKey, metaKey }: KeyboardEvent): boolean {
    if (this.#choices.length === 0) return false;
    if (!shiftKey && !altKey && !ctrlKey && !metaKey && this.#pressed(key)) return true;
    if (ctrlKey || metaKey || /^(Arrow|Home|End|Page)/.test(key)) this.close(); // the cursor goes elsewhere
    return false;
  }
  #pressed(key: string): boolean {
    const last = this.#choices.length - 1;
    if (key === "ArrowDown") this.#choose(this.#chosen < last ? this.#chosen + 1 : -1);
    else if (key === "ArrowUp") this.#choose(this.#chosen >= 0 ? this.#chosen - 1 : last);
    else if (key === "Tab") this.#take(Math.max(0, this.#chosen));
    else if (key === "Enter" && this.#chosen >= 0) this.#take(this.#chosen);
    else if (key === "Escape") this.close();
    else return false;
    return true;
  }

  #choose(index: number): void {
    const list = this.#list;
    this.#chosen = index;
    for (const [i, option] of [...list.children].entries()) option.ariaSelected = String(i === index);
    const option = list.children[index] as HTMLElement | undefined;
    if (option === undefined) this.#field.removeAttribute("aria-activedescendant");
    else this.#field.setAttribute("aria-activedescendant", option.id);
    const { offsetTop: top, offsetHeight: height } = option ?? { offsetTop: 0, offsetHeight: 0 };
    list.scrollTop = Math.min(top, Math.max(list.scrollTop, top + height - list.clientHeight));
  }

  /** Puts a choice in the place of the half-typed word. What stands behind the cursor stays, one space further. */
  #take(index: number): void {
    const field = this.#field;
    const text = this.#choices[index]!.trimEnd();
    const hasSpace = field.value[this.#end] === " ";
    field.setRangeText(hasSpace ? text : `${text} `, this.#start, this.#end, "end");
    if (hasSpace) field.selectionStart++;
    this.close();
    this.#took();
  }
}

function row(choice: string, index: number, people: readonly string[]): HTMLElement {
  const text = choice.trimEnd();
  const name = text.replace(/^@/, "");
  const command = COMMANDS.find(({ names }) => names.some((one) => text === `/${one}`));
  const item = element("div", "", people.includes(name) && avatar(name), element("b", "", text));
  if (command !== undefined) item.append(` ${command.usage} `, element("span", "", command.help));
  item.id = `suggestion-${index}`;
  item.role = "option";
  item.ariaSelected = "false";
  return item;
}
