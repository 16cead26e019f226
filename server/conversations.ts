// conversations.ts: the names of conversations, as the server stores them: "#lab" is a room, "@bob" the inbox of bob, which
// holds what he received and what he sent. Clients never see the name of an inbox.

import { isRoom } from "../shared/names.ts";

/** The conversation everybody signed in is in: nothing is said in it, it only carries presence. */
export const EVERYBODY = "*";

/** The conversation that holds an account's direct messages. */
export function inboxOf(account: string): string {
  return "@" + account;
}
/** The conversation whose copy of a message answers its sender: the room, or the sender's own inbox. */
export function answeredIn({ to, from }: { to: string; from: string }): string {
  return isRoom(to) ? to : inboxOf(from);
}
/** With whom a direct message in the inbox of `owner` was written. */
export function partnerOf({ to, from }: { to: string; from: string }, owner: string): string {
  return from === owner ? to : from;
}
/** Whether a conversation is an inbox. */
export function isInbox(conversation: string): boolean {
  return conversation.startsWith("@");
}
/** Whose inbox this is. */
export function ownerOf(inbox: string): string {
  return inbox.slice(1);
}
