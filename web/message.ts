// message.ts: one row of the log: what somebody said, what a host did, or a line of the page's own. Text becomes text nodes, never
// markup.

import type { Message } from "../protocol.ts";
import { describe } from "../shared/acts.ts";
import { emoteOf } from "../shared/text.ts";
import { avatar, clock, colour, element, hostTag, time } from "./dom.ts";
import { ofWhom } from "./ignored.ts";
import { markName } from "./naming.ts";
import { prose, withLinks } from "./prose.ts";
import { calls } from "./reading.ts";

/** Who reads, and what they may do to a message. */
export interface Reader {
  user: string;
  mayRemove: (message: Message) => boolean;
  remove: (message: Message) => void;
  /** Whether they may know what a message said that was removed. */
  mayRead: (message: Message) => boolean;
  read: (message: Message) => Promise<string>;
}

/** A row of what somebody said; `together` with the one before it, it needs no name. */
export function messageRow(message: Message, together: boolean, reader: Reader): HTMLElement {
  const { from, seq, text, cut, at, host, removed } = message;
  const name = ["message"];
  if (together) name.push("together");
  if (from === reader.user) name.push("mine");
  else if (calls(message, reader.user)) name.push("mention");
  const emote = emoteOf(text);
  if (emote !== undefined) name.push("emote");
  const said = removed === undefined ? textOf(emote ?? text) : textOf(goneText(message, reader.user), "text gone");
  if (name.includes("mention")) markName(said, reader.user);
  const item = element(
    "li",
    name.join(" "),
    together ? undefined : avatar(from),
    element("b", `from ${colour(from)}`, from, host && hostTag()),
    said,
    cut === undefined ? undefined : element("em", "", `${cut} more characters were cut off`),
    time(at),
    tool(message, reader),
  );
  item.dataset.seq = String(seq);
  return itsOf(item, message);
}

/** Empties the row of a message that was removed, where it stands. A screen reader hears of the act that did it, and not of this: that a
 *  text changes is not announced. */
export function emptyRow(item: Element, message: Message, reader: Reader): void {
  const text = item.querySelector(".text")!;
  text.className = "text gone";
  (text.firstChild as Text).data = goneText(message, reader.user);
  while (text.childNodes.length > 1) text.lastChild!.remove();
  item.classList.remove("mention");
  item.querySelector("em")?.remove();
  const button = item.querySelector<HTMLButtonElement>(".tool");
  if (button !== null && reader.mayRead(message)) makeReader(button, message, reader);
  else button?.remove();
}
function goneText({ removed }: Message, user: string): string {
  return `removed by ${removed === user ? "you" : removed}`;
}

/** A row of what a host did. */
export function actRow(message: Message, user: string): HTMLElement {
  return itsOf(noteRow(describe(message, user, clock), message.at), message);
}
/** Says whose row it is, so that it can be hidden. */
function itsOf(item: HTMLElement, message: Message): HTMLElement {
  const of = ofWhom(message);
  if (of !== undefined) item.dataset.of = of;
  return item;
}

/** A grey row: a line of the page's own. */
export function noteRow(text: string, at: number): HTMLElement {
  return element("li", "note", tableOf(text) ?? element("p", "", ...withLinks(text)), time(at));
}
/** Lines of two columns each, such as the list of the commands; nothing of other texts. */
function tableOf(text: string): HTMLElement | undefined {
  const lines = text.split("\n");
  const column = /^\S.*? {2,}/.exec(text)?.[0].length;
  if (column === undefined || lines.length === 1 || lines.some((line) => !/\S {2,}\S/.test(line))) return undefined;
  const table = element("p", "table", ...lines.map((line) => element("span", "", line)));
  table.style.setProperty("--column", `${column}ch`);
  return table;
}

/** What is not stored yet. */
export function waitingRow(text: string, user: string): HTMLElement {
  const emote = emoteOf(text);
  return element(
    "li",
    "message mine waiting",
    avatar(user),
    textOf(emote === undefined ? text : `${user} ${emote}`),
    element("em", "", element("span", "hidden", "waiting…")),
  );
}

/** What may be done to a message has changed, maybe. */
export function retool(item: Element, message: Message, reader: Reader): void {
  const old = item.querySelector(".tool");
  const now = tool(message, reader);
  if (now === undefined) {
    old?.remove();
    item.querySelector(".was")?.remove();
  } else if (old === null) item.append(now);
}

/** What may be done to a message: it can be removed, or once it is, read by hosts. */
function tool(message: Message, reader: Reader): HTMLElement | undefined {
  const button = element("button", "tool", "Remove");
  if (reader.mayRead(message)) makeReader(button, message, reader);
  else if (!reader.mayRemove(message)) return undefined;
  else {
    button.ariaLabel = `Remove “${message.text.slice(0, 60)}” of ${message.from}`;
    button.onclick = () => reader.remove(message);
  }
  return button;
}
/** Makes a button show, and hide, what a removed message said. It is no news to who looks at the page together with others. */
function makeReader(button: HTMLButtonElement, message: Message, reader: Reader): void {
  const name = (words: string) => {
    (button.firstChild as Text).data = words;
    button.ariaLabel = `${words} what ${message.from} said`;
  };
  name("Show");
  button.onclick = async () => {
    const item = button.parentElement!;
    const shown = item.querySelector(".was");
    shown?.remove();
    if (shown === null) item.querySelector(".text")!.after(textOf(await reader.read(message), "text was"));
    name(shown === null ? "Hide" : "Show");
  };
}
function textOf(text: string, name = "text"): HTMLElement {
  const body = element("div", name, "", ...prose(text)); // the first node is always words, which can be replaced
  body.dir = "auto"; // text of one direction cannot reorder what stands beside it
  return body;
}
