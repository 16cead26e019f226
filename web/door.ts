// door.ts: where one signs in or creates an account: the form, and what comes back, in a sentence. Keeps no password, and no account.

import type { Failure } from "../protocol.ts";
import { the } from "./dom.ts";
import type { Account } from "./memory.ts";

const SLOW = 300; // ms after which a sign-in says that it is under way

export class Door {
  readonly #said = the("sign-in-said", HTMLElement);
  readonly #wait = the("sign-in-wait", HTMLElement);
  readonly #name = the("name", HTMLInputElement);
  readonly #password = the("password", HTMLInputElement);
  readonly #enter: (account: Account, stays: boolean) => void;
  #isBusy = false;
  #counting: ReturnType<typeof setInterval> | undefined;

  /** `enter` is called with who has signed in, and whether they stay so on this device. */
  constructor(enter: (account: Account, stays: boolean) => void) {
    this.#enter = enter;
    the("sign-in", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      void this.#signIn("/login");
    };
    the("register", HTMLButtonElement).onclick = () => void this.#signIn("/register");
  }

  /** Waits for somebody; `why` says why nobody is signed in any more. */
  open(why = ""): void {
    this.#say(why);
    this.#name.focus();
  }

  async #signIn(path: "/login" | "/register"): Promise<void> {
    if (this.#isBusy) return;
    const user = this.#name.value.trim();
    const password = this.#password.value;
    if (user === "") return this.#complain("Type a name and a password first.", this.#name);
    if (password === "") return this.#complain("Type a name and a password first.", this.#password);
    this.#isBusy = true;
    const checking = setTimeout(() => this.#say("Checking…"), SLOW);
    try {
      const body = JSON.stringify({ user, password });
      const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      const text = await response.text();
      clearTimeout(checking);
      this.#answered(response, text);
    } catch {
      clearTimeout(checking);
      this.#complain("The server cannot be reached. Check that it is running and that you are on its network.");
    } finally {
      this.#isBusy = false;
    }
  }

  #answered({ ok, status, headers }: Response, text: string): void {
    const isPlain = headers.get("Content-Type")?.startsWith("text/plain") && text.trim() !== "";
    let answer: (Account & Failure) | undefined;
    try {
      answer = JSON.parse(text);
    } catch {
      // The server's own word, or that of something between, such as a proxy.
    }
    if (ok && answer?.token !== undefined) {
      this.#password.value = "";
      this.#say("");
      return this.#enter({ user: answer.user, token: answer.token }, the("stay", HTMLInputElement).checked);
    }
    if (answer?.text !== undefined) this.#refused(answer);
    else if (isPlain && !ok) this.#complain(text);
    else this.#complain(`It was not the chat that answered (status ${status}). Ask whoever runs it.`);
  }

  #refused({ code, text, after }: Failure): void {
    if (code === "bad_login") this.#password.value = "";
    const isName = code === "bad_name" || code === "name_taken";
    const isPassword = code === "bad_login" || code === "bad_password";
    this.#complain(
      code === "bad_login" ? `${text} New here? Create an account.` : text,
      isName ? this.#name : isPassword ? this.#password : undefined,
    );
    if (after !== undefined && code !== "no_entry") this.#countDown(after);
  }

  /** Counts the seconds, which a screen reader hears once. */
  #countDown(seconds: number): void {
    const end = Date.now() + seconds * 1000;
    const once = document.createElement("span");
    once.className = "hidden";
    once.textContent = ` Try again in ${seconds} seconds.`;
    this.#said.append(once);
    const count = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) this.#wait.textContent = `Try again in ${left} s.`;
      else this.#say("You can try again now.");
    };
    count();
    this.#counting = setInterval(count, 1000);
  }

  /** Says what is wrong, and with which field. */
  #complain(text: string, field?: HTMLInputElement): void {
    this.#say(text, true);
    if (field === undefined) return;
    field.ariaInvalid = "true";
    field.focus();
  }
  #say(text: string, isWrong = false): void {
    clearInterval(this.#counting);
    this.#name.ariaInvalid = this.#password.ariaInvalid = null;
    this.#wait.textContent = "";
    this.#said.className = isWrong ? "wrong" : "";
    this.#said.textContent = text;
  }
}
