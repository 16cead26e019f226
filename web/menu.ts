// menu.ts: the menu behind one's name: sound, notifications, keys, sign out. Says why what cannot be switched on cannot. What is switched
// is in alerts.ts.

import type { Notifying } from "./alerts.ts";
import { hasSound, notifying, setNotifying, setSound } from "./alerts.ts";
import { avatar, the } from "./dom.ts";

const WHY: Record<Notifying, string> = {
  on: "Shown for mentions and private messages while you look elsewhere.",
  off: "For mentions and private messages. Your browser may ask you first.",
  denied: "Blocked. Allow notifications for this page in your browser: click the sign left of the address.",
  insecure: "Browsers show them only for pages over https. Whoever runs the server can start it with --tls.",
  missing: "This browser does not show them for pages like this one.",
};

export class Menu {
  readonly #menu = the("menu", HTMLDialogElement);
  readonly #opener = the("me", HTMLButtonElement);
  readonly #sound = the("sound", HTMLInputElement);
  readonly #notify = the("notify", HTMLInputElement);
  readonly #why = the("notify-why", HTMLElement);

  constructor(user: string, signOut: () => void) {
    this.#opener.prepend(avatar(user), user);
    this.#opener.onclick = () => {
      this.#show();
      this.#menu.showModal();
    };
    the("menu-name", HTMLElement).textContent = user;
    this.#sound.onchange = () => setSound(this.#sound.checked);
    this.#notify.onchange = () => void setNotifying(this.#notify.checked).then(() => this.#show());
    this.#menu.addEventListener(
      "click",
      ({ target }) => {
        // First, so that what a button opens gives the focus back to where the menu was opened.
        if (target === this.#menu || target instanceof HTMLButtonElement) this.#menu.close();
      },
      true,
    );
    window.addEventListener("popstate", () => this.#menu.close()); // the Back button
    the("sign-out", HTMLButtonElement).onclick = signOut;
  }

  #show(): void {
    const state = notifying();
    this.#sound.checked = hasSound();
    this.#notify.checked = state === "on";
    this.#notify.disabled = state !== "on" && state !== "off";
    this.#why.textContent = WHY[state];
  }
}
