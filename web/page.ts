// page.ts: the page's beginning and end: sign in or create an account, then the chat; sign out. The chat itself is view.ts,
// the connection chat.ts; they share protocol.ts and commands.ts with the server, unanswered.ts with the terminal client.
// Started by index.html.

import { the } from "./dom.ts";
import type { Account } from "./memory.ts";
import { keep, recall } from "./memory.ts";
import { View } from "./view.ts";

const SLOW = 300; // ms after which a sign-in says that it is under way

const said = the("sign-in-said", HTMLElement);
const name = the("name", HTMLInputElement);
const password = the("password", HTMLInputElement);
const stay = the("stay", HTMLInputElement);
let busy = false;

async function signIn(path: "/login" | "/register"): Promise<void> {
  if (busy) return;
  if (name.value.trim() === "" || password.value === "") {
    said.textContent = "Type a name and a password first.";
    return (name.value.trim() === "" ? name : password).focus();
  }
  busy = true;
  const checking = setTimeout(() => (said.textContent = "Checking…"), SLOW);
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: name.value.trim(), password: password.value }),
    });
    const answer = await response.json();
    clearTimeout(checking);
    if (response.ok) return enter({ user: answer.user, token: answer.token });
    const wait = answer.after === undefined ? "" : ` (${answer.after} s)`;
    const hint = answer.code === "bad_login" ? " New here? Create an account." : "";
    said.textContent = `${answer.text}${wait}${hint}`;
  } catch {
    clearTimeout(checking);
    said.textContent = "The server cannot be reached. Check that it is running and that you are on its network.";
  } finally {
    busy = false;
  }
}

function enter(account: Account): void {
  const where = stay.checked ? "local" : "session";
  password.value = "";
  const keepAccount = (token: string) => keep(where, "account", { ...account, token });
  keepAccount(account.token);
  new View(account, { keepToken: keepAccount, leave });
}

/** Forgets the sign-in and starts over; `why` is shown where one signs in. */
function leave(why?: string): void {
  keep("session", "account", undefined);
  keep("local", "account", undefined);
  keep("session", "why", why);
  location.reload();
}

the("sign-in", HTMLFormElement).onsubmit = (event) => {
  event.preventDefault();
  void signIn("/login");
};
the("register", HTMLButtonElement).onclick = () => void signIn("/register");

const device = recall<Account>("local", "account");
stay.checked = device !== undefined;
const account = recall<Account>("session", "account") ?? device;
if (account !== undefined) enter(account);
else {
  said.textContent = recall<string>("session", "why") ?? said.textContent;
  keep("session", "why", undefined);
  name.focus();
}
