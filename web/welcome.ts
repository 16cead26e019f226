// welcome.ts: what stands where nothing has been said yet: which room this is and how others find it, or who reads along.

import { isRoom } from "../shared/names.ts";
import { avatar, element } from "./dom.ts";

const LOCAL = /^(localhost|127\..*|\[::1\])$/; // where nobody else finds the server

/** A row for a room or a person. */
export function welcome(name: string): HTMLElement {
  if (!isRoom(name)) {
    const words = `Only you and ${name} read this. What you write waits for ${name} if they are away.`;
    return element("li", "welcome", avatar(name), element("b", "", name), element("p", "", words));
  }
  return element(
    "li",
    "welcome",
    element("b", "", name),
    element("p", "", `This is the start of ${name}. Say hello!`),
    invitation(),
    key("sends", "Enter"),
    key("begins a new line", "Shift", "Enter"),
    key("lists all commands", "/help"),
  );
}

/** How others find the chat. */
function invitation(): HTMLElement {
  const link = element("a", "", "how to join");
  link.href = "/join";
  link.target = "_blank";
  const address = LOCAL.test(location.hostname) ? [] : [" or give them ", element("strong", "", location.origin)];
  return element("p", "", "To let others in, show them ", link, ...address, ".");
}
function key(does: string, ...keys: string[]): HTMLElement {
  return element("p", "", ...keys.flatMap((one) => [element("kbd", "", one), " "]), does);
}
