// dialogs.ts: what is asked of hosts over the page: the rules of the whole chat, and for how long somebody is sent out. A part of its
// own, with the list of keys.

import type { Setting } from "../protocol.ts";
import { SETTINGS } from "../shared/settings.ts";
import { RULES } from "../shared/standing.ts";
import { element } from "./dom.ts";
import { makeButton, makeDialog } from "./keys.ts";

export { KeysDialog } from "./keys.ts";

const SCHOOL =
  "Rules of a school: private messages only to and from hosts; only hosts make rooms and send files; no new accounts.";
const OUT = "Whoever is sent out is signed out everywhere, and cannot come in until then.";

type SetRule = (key: string, value: string) => void;

/** The rules, each with the values it can have. What was changed is set when it is saved. */
export class RulesDialog {
  readonly #list = element("div");
  readonly #dialog: HTMLDialogElement;
  readonly #set: SetRule;
  #selects: { key: string; value: string; select: HTMLSelectElement }[] = [];

  constructor(set: SetRule) {
    const close = () => this.#dialog.close();
    const school = makeButton("Rules of a school", () => {
      set("rules", "school");
      close();
    });
    const save = makeButton("Save", () => {
      this.#save();
      close();
    });
    save.className = "primary";
    this.#set = set;
    this.#dialog = makeDialog("rules", "Rules of the whole chat", this.#list, element("p", "", SCHOOL), [
      school,
      makeButton("Cancel", close),
      save,
    ]);
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
  readonly #dialog: HTMLDialogElement;
  #user = "";

  /** `ban` sets how long: a value of the key `ban`. */
  constructor(ban: (user: string, value: string) => void) {
    const close = () => this.#dialog.close();
    const lasting = (words: string, value: string) =>
      makeButton(words, () => {
        close();
        ban(this.#user, value);
      });
    this.#dialog = makeDialog("send-out", "", element("p", "", OUT), [
      lasting("For 5 minutes", "+300"),
      lasting("Until I let them in", "on"),
      makeButton("Cancel", close),
    ]);
  }

  ask(user: string): void {
    if (this.#dialog.open) return;
    this.#user = user;
    this.#dialog.querySelector("h2")!.textContent = `Send ${user} out?`;
    this.#dialog.showModal();
  }
}
