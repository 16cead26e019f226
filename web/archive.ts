// archive.ts: the whole of a conversation, read from the server page by page: from its end to its beginning, and then what came meanwhile,
// so that nothing is in it that was removed by then. Shows nothing and keeps nothing.

import type { Message, RequestOf } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { covers, emptied } from "../shared/acts.ts";
import { isRoom } from "../shared/names.ts";

/** Asks for messages; `undefined` when that is refused, or they are not wanted any more. */
export type Ask = (request: RequestOf<"history">) => Promise<readonly Message[] | undefined>;
/** So many messages are read; of how many is known of rooms only: direct messages have the places of the whole inbox. */
export type Progress = (count: number, of: number | undefined) => void;

/** All that was said in a room, or with a person, oldest first; `undefined` when some of it was not given. */
export async function readAll(name: string, ask: Ask, progress: Progress): Promise<Message[] | undefined> {
  const said = await read(name, 0, ask, (count, head) => progress(count, isRoom(name) ? head : undefined));
  if (said === undefined) return undefined;
  const later = await read(name, said.at(-1)?.seq ?? 0, ask, () => {});
  if (later === undefined) return undefined;
  const acts = later.filter(({ act }) => act === "remove");
  const left = said.map((message) => {
    const act = message.removed === undefined ? acts.find((one) => covers(one, message)) : undefined;
    return act === undefined ? message : emptied(message, act.from);
  });
  return [...left, ...later];
}

/** What was said after a place. */
async function read(
  name: string,
  after: number,
  ask: Ask,
  progress: (count: number, head: number) => void,
): Promise<Message[] | undefined> {
  const place = isRoom(name) ? { to: name } : { to: "@", with: name };
  const pages: (readonly Message[])[] = [];
  let [count, head] = [0, 0];
  for (let older = {}; ; older = { before: pages.at(-1)![0]!.seq }) {
    const page = await ask({ type: "history", ...place, after, ...older, limit: LIMITS.page });
    if (page === undefined) return undefined;
    if (page.length === 0) return pages.reverse().flat();
    pages.push(page);
    head = Math.max(head, page.at(-1)!.seq);
    progress((count += page.length), head);
  }
}
