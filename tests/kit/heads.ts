// heads.ts: every conversation as the server has it, read to its end in one go: how far it goes, and all of it. One connection
// an account, over which a replay comes as fast as it is read; keeps nothing of it.

import type { Event, Message } from "../../protocol.ts";
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

/** Every message of every conversation, each conversation in the server's order. */
export async function readConversations(
  port: number,
  users: readonly string[],
  rooms: Members,
  each: (conversation: string, message: Message) => void,
): Promise<void> {
  await visit(port, users, rooms, 0, (conversation, event) => {
    if (event.type === "message") each(conversation, event);
  });
}

/** Signs in as everybody, one after the other, and enters every room once, after `since`. */
async function visit(
  port: number,
  users: readonly string[],
  rooms: Members,
  since: number,
  hear: (conversation: string, event: Event) => void,
): Promise<void> {
  const unread = new Set(Object.keys(rooms));
  for (const user of users) {
    const link = await openTcp({ host: "127.0.0.1", port });
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const mine = [...unread].filter((room) => rooms[room]!.includes(user));
    link.listen((event) => {
      if (event.type === "message") hear(isRoom(event.to) ? event.to : inboxOf(user), event);
      if (event.type === "ok" && event.id === "done") resolve();
      else if (event.type === "ok") hear(event.to ?? inboxOf(user), event);
    });
    void link.gone.then(() => resolve());
    link.send({ type: "login", id: "login", user, password: PASSWORD, since });
    for (const to of mine) {
      unread.delete(to);
      link.send({ type: "join", id: to, to, since });
    }
    link.send({ type: "ping", id: "done" });
    await done;
    link.cut();
  }
}
