// names.ts: what accounts and rooms may be called, the one spelling of each, and several in few words.

/** The room that everybody at a text session, in the terminal client or on the page is in. */
export const LOBBY = "#lobby";

const NAME = /^[a-z0-9][a-z0-9._-]{1,31}$/i;
const ROOM = /^#[a-z0-9._-]{1,48}$/i;

/** The one spelling of an account's name, or `undefined` if nobody can be called that. ASCII only, so nothing looks
 *  like it. */
export function foldName(name: string): string | undefined {
  return NAME.test(name) ? name.toLowerCase() : undefined;
}
/** The one spelling of a room's name, "#" included, or `undefined`. */
export function foldRoom(room: string): string | undefined {
  return ROOM.test(room) ? room.toLowerCase() : undefined;
}
/** Whether an address is a room, and not a person or an inbox. */
export function isRoom(to: string): boolean {
  return to.startsWith("#");
}

/** `carol`, `carol and dave`, `carol, dave and erin`; of more than three the first two: `carol, dave and 998 others`. */
export function listNames(names: readonly string[]): string {
  if (names.length > 3) return `${names.slice(0, 2).join(", ")} and ${names.length - 2} others`;
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
