// dom.ts: the few ways in which the page makes and finds elements. Text is always a text node.

const COLOURS = 16; // classes c0 to c15 of names.css
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** An element of index.html. */
export function the<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${id}`);
  return found;
}

type Child = Node | string | undefined | false;

/** An element with a class and children; strings become text nodes. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  name = "",
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (name !== "") made.className = name;
  made.append(...children.filter((child) => child !== undefined && child !== false));
  return made;
}

/** A round letter in a person's own colour, for the eyes only. */
export function avatar(name: string): HTMLElement {
  const round = element("span", `avatar ${colour(name)}`, name[0]!.toUpperCase());
  round.ariaHidden = "true";
  return round;
}
/** The class of a person's colour. */
export function colour(name: string): string {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.charCodeAt(0)) % 9973;
  return `c${hash % COLOURS}`;
}

/** Local time, 24 hours: `14:02`. */
export function timeOf(at: number): string {
  return new Date(at).toTimeString().slice(0, 5);
}
/** The same, with the day unless it is today: `Dec 3, 14:02`. */
export function clock(at: number): string {
  const date = new Date(at);
  if (date.toDateString() === new Date().toDateString()) return timeOf(at);
  return `${date.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${timeOf(at)}`;
}

/** When something was said; `shown` in few words, and in full to who points at it. */
export function time(at: number, shown = timeOf(at)): HTMLElement {
  const made = element("time", "", shown);
  made.dateTime = new Date(at).toISOString();
  made.title = FULL.format(at);
  return made;
}

/** What stands beside the name of a host. */
export function hostTag(): HTMLElement {
  return element("span", "host", "host");
}

/** Lets an element be scrolled with the keys if what it holds does not fit. */
export function scrollByKeys(box: HTMLElement): void {
  if (box.scrollHeight > box.clientHeight || box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  else box.removeAttribute("tabindex");
}
