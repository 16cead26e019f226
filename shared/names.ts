// names.ts: what accounts and rooms may be called, and the one spelling of each.

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
