// prose.ts: what a text looks like on the page: its addresses are links, its code has letters of one width and can be copied. Text becomes
// text nodes, never markup. What is selected and copied by hand is the text as it was sent: the backticks are there, in no size.

import type { Fence } from "../shared/passages.ts";
import { addresses, passages, pieces } from "../shared/passages.ts";
import { element, scrollByKeys, the } from "./dom.ts";

const LONG = 30; // lines of code from which on they have a scroll bar
const SHOWN = 3_000; // ms for which a button says what it did

type Nodes = (Node | string)[];
const scrolling = new ResizeObserver((entries) => {
  for (const { target } of entries) scrollByKeys(target as HTMLElement);
});

/** A text as nodes. `words` and `code` make those of what is no code, and of what is. */
export function prose(
  text: string,
  words: (text: string) => Nodes = withLinks,
  code = (text: string): Nodes => [text],
): Nodes {
  return passages(text).flatMap((passage, i, { length }) => {
    if (passage.fence !== undefined) return [block(passage.fence, code(passage.text))];
    const line = pieces(passage.text).flatMap(({ text, ticks }) =>
      ticks === undefined ? words(text) : [element("code", "", tick(ticks), ...code(text), tick(ticks))],
    );
    return i < length - 1 ? [...line, "\n"] : line; // it ends the last line, and an empty one before code is seen
  });
}

/** Text with its http and https addresses as links, everything else as it is. */
export function withLinks(text: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const { index, text: address, href } of addresses(text)) {
    const link = element("a", "", address);
    link.href = href;
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
    nodes.push(document.createTextNode(text.slice(from, index)), link);
    from = index + address.length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

/** A block of code that scrolls by itself, with a button that copies it. */
function block({ open, language, close }: Fence, nodes: Nodes): HTMLElement {
  const code = element("code", "", ...nodes);
  const box = element("pre", "", code);
  box.role = "group"; // what can have the focus has a name
  box.ariaLabel = "Code";
  scrolling.observe(box);
  const button = element("button", "copy", "Copy");
  button.type = "button";
  button.onclick = () => told(button, copy(code));
  const name = element("span", "", tick(open.slice(0, open.lastIndexOf("`") + 1)), language);
  const isLong = code.textContent.split("\n").length > LONG;
  return element(
    "div",
    isLong ? "code long" : "code",
    element("div", "", name, button),
    box,
    close !== undefined && tick(close),
  );
}
function tick(ticks: string): HTMLElement {
  const made = element("span", "tick", ticks);
  made.ariaHidden = "true";
  return made;
}

/** Copies code as it is, without colours; it stays selected. `navigator.clipboard` is missing where the page comes over plain http. */
function copy(code: HTMLElement): boolean {
  const asText = (event: ClipboardEvent) => {
    event.clipboardData?.setData("text/plain", code.textContent);
    event.preventDefault();
  };
  getSelection()?.selectAllChildren(code);
  document.addEventListener("copy", asText);
  const isDone = document.execCommand("copy");
  document.removeEventListener("copy", asText);
  return isDone;
}
/** Says on the button, and to a screen reader, whether it was copied. */
function told(button: HTMLButtonElement, isDone: boolean): void {
  const say = (words: string, aloud = words) => {
    button.textContent = words;
    the("told", HTMLElement).textContent = aloud;
  };
  say(isDone ? "Copied" : "Press Ctrl+C");
  setTimeout(() => say("Copy", ""), SHOWN);
}
