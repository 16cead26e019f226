// heads.ts: every conversation as the server has it, read to its end in one go: how far it goes, and all of it. One connection
// an account, over which a replay comes as fast as it is read; keeps nothing of it.

import type { Event, Message, Setting } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { openTcp } from "../../client/tcp.ts";
import { inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import { PASSWORD } from "./harness.ts";

type Members = Record<string, readonly string[]>; // by room

/** The highest seq of every room and every inbox ("@alice"). */
export async function readHeads(port: number, users: readonly string[], rooms: Members): Promise<Map<string, number>> {
  const heads = new Map<string, number>();
  await visit(port, users, rooms, Number.MAX_SAFE_INTEGER, (conversation, event) => {
    if (event.type === "ok") heads.set(conversation, event.seq ?? 0);
  });
  return heads;
}

/** What a newcomer is told of a conversation: every message, in the server's order; the last ones, as `history` answers them; and what
 *  is set in a place: a room, "*", or "@alice" for what is about Alice. */
export interface Newcomer {
  each: (conversation: string, message: Message) => void;
  looked: (conversation: string, message: Message) => void;
  told: (user: string, place: string, settings: Setting[]) => void;
}

/** Every conversation, as newcomers are told of it. */
export async function readConversations(
  port: number,
  users: readonly string[],
  rooms: Members,
  { each, looked, told }: Newcomer,
): Promise<void> {
  await visit(port, users, rooms, 0, (conversation, event, user) => {
    if (event.type === "message") return each(conversation, event);
    if (event.type !== "ok") return;
    const { messages, settings } = event;
    for (const message of messages ?? []) looked(conversation, message);
    if (settings === undefined) return;
    if (isRoom(conversation)) return told(user, conversation, settings);
    const isOwn = ({ key }: Setting) => key === "mute";
    told(
      user,
      "*",
      settings.filter((one) => !isOwn(one)),
    );
    told(user, conversation, settings.filter(isOwn));
  });
}

/** Signs in as everybody, one after the other, and enters every room once, after `since`. */
async function visit(
  port: number,
  users: readonly string[],
  rooms: Members,
  since: number,
  hear: (conversation: string, event: Event, user: string) => void,
): Promise<void> {
  const unread = new Set(Object.keys(rooms));
  for (const user of users) {
    const link = await openTcp({ host: "127.0.0.1", port });
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const mine = [...unread].filter((room) => rooms[room]!.includes(user));
    link.listen((event) => {
      if (event.type === "message") hear(isRoom(event.to) ? event.to : inboxOf(user), event, user);
      if (event.type === "ok" && event.id === "done") resolve();
      else if (event.type === "ok") hear(isRoom(event.to ?? "") ? event.to! : inboxOf(user), event, user);
    });
    void link.gone.then(() => resolve());
    link.send({ type: "login", id: "login", user, password: PASSWORD, since });
    for (const to of mine) {
      unread.delete(to);
      link.send({ type: "join", id: to, to, since });
    }
    for (const to of since === 0 ? ["@", ...mine] : [])
      link.send({ type: "history", id: `history-${to}`, to, limit: LIMITS.page });
    link.send({ type: "ping", id: "done" });
    await done;
    link.cut();
  }
}
