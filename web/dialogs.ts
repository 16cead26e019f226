// dialogs.ts: what is asked of hosts over the page: the rules of the whole chat, and for how long somebody is sent out.

import type { Setting } from "../protocol.ts";
import { SETTINGS } from "../shared/settings.ts";
import { RULES } from "../shared/standing.ts";
import { element, the } from "./dom.ts";

type SetRule = (key: string, value: string) => void;

/** The rules, each with the values it can have. What was changed is set when it is saved. */
export class RulesDialog {
  readonly #dialog = the("rules", HTMLDialogElement);
  readonly #list = the("rule-list", HTMLElement);
  readonly #set: SetRule;
  #selects: { key: string; value: string; select: HTMLSelectElement }[] = [];

  constructor(set: SetRule) {
    this.#set = set;
    the("rules-form", HTMLFormElement).onsubmit = () => this.#save();
    the("rules-cancel", HTMLButtonElement).onclick = () => this.#dialog.close();
    the("rules-school", HTMLButtonElement).onclick = () => {
      set("rules", "school");
      this.#dialog.close();
    };
  }

  /** `settings` are those of the whole server. */
  open(settings: readonly Setting[]): void {
    if (this.#dialog.open) return;
    this.#selects = RULES.map(([key, , words, usual]) => {
      const { values } = SETTINGS[key];
      const value = settings.find((setting) => setting.key === key)?.value ?? values[0];
      const select = element("select");
      for (const one of values) select.append(new Option((words as Record<string, string>)[one] ?? usual, one));
      select.value = value;
      return { key, value, select };
    });
    const rows = RULES.map(([, name], i) => element("label", "", element("span", "", name), this.#selects[i]!.select));
    this.#list.replaceChildren(...rows);
    this.#dialog.showModal();
  }

  #save(): void {
    for (const { key, value, select } of this.#selects) if (select.value !== value) this.#set(key, select.value);
  }
}

/** For how long somebody is sent out. */
export class SendOutDialog {
  readonly #dialog = the("send-out", HTMLDialogElement);
  readonly #title = the("send-out-title", HTMLElement);
  #user = "";

  /** `ban` sets how long: a value of the key `ban`. */
  constructor(ban: (user: string, value: string) => void) {
    this.#dialog.onclose = () => {
      if (this.#dialog.returnValue !== "") ban(this.#user, this.#dialog.returnValue);
    };
  }

  ask(user: string): void {
    if (this.#dialog.open) return;
    this.#user = user;
    this.#title.textContent = `Send ${user} out?`;
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }
}
