// removed.ts: messages that somebody has removed meanwhile, emptied as the server has emptied them. Holds nothing.

import type { Message } from "../protocol.ts";
import { covers, emptied } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";

/** Messages of one conversation, those emptied that an act among them removes. Of a room `keeps` leaves what they said for hosts to
 *  read: the server tells it them, too. */
export function emptyRemoved(messages: readonly Message[], keeps: boolean): Message[] {
  const acts = messages.filter(({ act }) => act === "remove");
  return messages.map((message) => {
    const act = message.removed === undefined ? acts.find((one) => covers(one, message)) : undefined;
    if (act === undefined) return message;
    const rest = emptied(message, act.from);
    return keeps && isRoom(message.to) ? { ...rest, was: message.text } : rest;
  });
}
