// menu.ts: the menu behind one's name: sound, notifications, keys, sign out. Says why what cannot be switched on cannot. What is switched
// is in alerts.ts.

import type { Notifying } from "./alerts.ts";
import { hasSound, notifying, setNotifying, setSound } from "./alerts.ts";
import { avatar, element, the } from "./dom.ts";

const WHY: Record<Notifying, string> = {
  on: "Shown for mentions and private messages while you look elsewhere.",
  off: "For mentions and private messages. Your browser may ask you first.",
  denied: "Blocked. Allow notifications for this page in your browser: click the sign left of the address.",
  insecure: "Browsers show them only for pages over https. Whoever runs the server can start it with --tls.",
  missing: "This browser does not show them for pages like this one.",
};

export interface MenuHooks {
  showKeys: () => void;
  signOut: () => void;
}

export class Menu {
  readonly #menu = element("dialog");
  readonly #sound = makeSwitch("sound");
  readonly #notify = makeSwitch("notify");
  readonly #why = element("p");

  constructor(user: string, { showKeys, signOut }: MenuHooks) {
    const name = element("h2", "", user);
    const soundWhy = element("p", "", "A soft one for mentions and private messages.");
    this.#menu.id = "menu";
    this.#menu.ariaLabel = `Menu of ${user}`;
    soundWhy.id = "sound-why";
    this.#why.id = "notify-why";
    this.#menu.append(
      element(
        "div",
        "",
        name,
        element("label", "", "Sound ", this.#sound),
        soundWhy,
        element("label", "", "Notifications ", this.#notify),
        this.#why,
        this.#button("keys-open", "Keys", showKeys),
        this.#button("sign-out", "Sign out", signOut),
      ),
    );
    the("chat", HTMLElement).append(this.#menu);
    const opener = the("me", HTMLButtonElement);
    opener.prepend(avatar(user), user);
    opener.onclick = () => this.#open();
    this.#sound.onchange = () => setSound(this.#sound.checked);
    this.#notify.onchange = () => void setNotifying(this.#notify.checked).then(() => this.#show());
    this.#menu.onclick = ({ target }) => {
      if (target === this.#menu) this.#menu.close(); // beside it
    };
    window.addEventListener("popstate", () => this.#menu.close()); // the Back button
  }

  #open(): void {
    this.#show();
    this.#menu.showModal();
  }

  #button(id: string, words: string, press: () => void): HTMLElement {
    const button = element("button", "", words);
    button.type = "button";
    button.id = id;
    button.onclick = () => {
      this.#menu.close();
      the("me", HTMLButtonElement).focus(); // so that what is opened gives the focus back to where the menu was
      press();
    };
    return button;
  }

  #show(): void {
    const state = notifying();
    this.#sound.checked = hasSound();
    this.#notify.checked = state === "on";
    this.#notify.disabled = state !== "on" && state !== "off";
    this.#why.textContent = WHY[state];
  }
}

/** A switch that is explained by what has its name and "-why". */
function makeSwitch(id: string): HTMLInputElement {
  const input = element("input");
  input.type = "checkbox";
  input.role = "switch";
  input.id = id;
  input.setAttribute("aria-describedby", `${id}-why`);
  return input;
}
