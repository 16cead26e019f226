// page.ts: the page's beginning and end: sign in or create an account, then the chat over a lasting connection; sign
// out. The chat itself is view.ts. Started by index.html.

import { Connection } from "../shared/connection.ts";
import type { Credentials } from "../shared/handshake.ts";
import { LOBBY } from "../shared/names.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { the } from "./dom.ts";
import type { Account } from "./memory.ts";
import { keep, recall } from "./memory.ts";
import { View } from "./view.ts";
import { openWebSocket } from "./websocket.ts";

const SLOW = 300; // ms after which a sign-in says that it is under way
// Somebody looks at a page, so it says sooner than a program that a silent server is gone.
const SILENCE = { ask: 30_000, gone: 45_000 };

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
  const checking = setTimeout(() => {
    said.textContent = "Checking…";
  }, SLOW);
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: name.value.trim(), password: password.value }),
    });
    const answer = await response.json();
    clearTimeout(checking);
    if (response.ok) return enter({ user: answer.user, token: answer.token });
    const wait = answer.after === undefined || answer.code === "no_entry" ? "" : ` (${answer.after} s)`;
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
  keep(where, "account", account);
  const connection = connect(account, (token) => keep(where, "account", { ...account, token }));
  new View(connection, leave);
}

/** A connection that begins where the last page of this account ended. Every sign-in brings a new token. */
function connect({ user, token }: Account, keepToken: (token: string) => void): Connection {
  const credentials: Credentials = {
    user,
    get request() {
      return { type: "login" as const, user, token };
    },
    accepted(answer) {
      token = answer.token ?? token;
      keepToken(token);
    },
    refused: () => false,
  };
  const old = recall<string[]>("local", `rooms.${user}`) ?? []; // where 1.0.0 kept them: the server knows them from now on
  const connection = new Connection({
    credentials,
    open: () => openWebSocket(new URL("/ws", location.href.replace(/^http/, "ws")).href),
    rooms: [LOBBY, ...old],
    follows: true,
    autoConfirm: false, // what nobody has looked at stays unread
    silence: SILENCE,
  });
  // What that page could not send any more goes first. It keeps its ids, so that what had arrived is not said twice.
  const waiting = recall<Waiting[]>("session", `waiting.${user}`) ?? [];
  for (const { id, to, text } of waiting) connection.send({ type: "say", id, to, text });
  connection.keepTrying();
  return connection;
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
