// page.ts: the page's beginning and end: who is signed in comes in, and has the chat over a lasting connection until they sign out, here
// or in another tab. Where one signs in is door.ts, the chat itself view.ts. Started by index.html.

import { Connection } from "../shared/connection.ts";
import type { Credentials } from "../shared/handshake.ts";
import { LOBBY } from "../shared/names.ts";
import type { Waiting } from "../shared/unanswered.ts";
import { Door } from "./door.ts";
import { the } from "./dom.ts";
import type { Account } from "./memory.ts";
import { forget, keep, recall } from "./memory.ts";
import { View } from "./view.ts";
import { openWebSocket } from "./websocket.ts";

// Somebody looks at a page, so it says sooner than a program that a silent server is gone.
const SILENCE = { ask: 30_000, gone: 45_000 };

/** `where` the sign-in is kept: on this device, or in this tab. */
function enter(account: Account, where: "local" | "session"): void {
  const { user } = account;
  keep(where, "account", account);
  const isKept = recall(where, "account") !== undefined; // some browsers keep nothing
  const tabs = new BroadcastChannel("banter");

  const connection = connect(account, (token) => {
    const isGone = isKept && recall<Account>(where, "account")?.user !== user;
    if (isGone)
      signOut(SIGNED_OUT); // while this tab slept; it must not write the account back
    else keep(where, "account", { user, token });
  });
  const leave = (why?: string) => {
    void connection.close();
    keep("session", "account", undefined);
    if (recall<Account>("local", "account")?.user === user) keep("local", "account", undefined);
    keep("session", "why", why);
    window.onbeforeunload = null; // what it asks was asked, or is no question any more
    location.reload();
  };
  /** Also leaves nothing behind of this person. */
  const signOut = (why?: string) => {
    keep("session", "left", user); // what this tab still writes until it is reloaded goes then
    forget(user);
    leave(why);
  };
  tabs.onmessage = ({ data }) => data === user && signOut(SIGNED_OUT);
  new View(connection, (why) => {
    if (why !== undefined) return leave(why);
    tabs.postMessage(user);
    signOut();
  });
}
const SIGNED_OUT = "You have signed out in another tab.";

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

const left = recall<string>("session", "left");
if (left !== undefined) forget(left);
keep("session", "left", undefined);

const device = recall<Account>("local", "account");
const tab = recall<Account>("session", "account");
the("stay", HTMLInputElement).checked = device !== undefined;
const door = new Door((account, stays) => enter(account, stays ? "local" : "session"));
if (tab !== undefined) enter(tab, "session");
else if (device !== undefined) enter(device, "local");
else door.open(recall("session", "why"));
keep("session", "why", undefined);
