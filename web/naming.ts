// naming.ts: marks the name of who reads a text in it, where it calls them. Changes only elements, never the words.

import { nameOf } from "../shared/text.ts";
import { element } from "./dom.ts";

/** Marks a person's name in the text of a message; in code and in addresses it calls nobody. */
export function markName(body: HTMLElement, user: string): void {
  const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode() !== null) texts.push(walker.currentNode as Text);
  for (const text of texts) {
    if (text.parentElement!.closest("a, code, pre") !== null) continue;
    for (let rest = text, found = nameOf(user).exec(text.data); found !== null; found = nameOf(user).exec(rest.data)) {
      const name = rest.splitText(found.index);
      rest = name.splitText(found[0].length);
      const mark = element("mark");
      name.replaceWith(mark);
      mark.append(name);
    }
  }
}
