// archive.ts: what only the server has: older lines of a conversation, calls further back, with whom somebody wrote. What a server does not
// know, because it is of version 1, is not there. Prints nothing.

import type { Message, Ok, Request } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import type { Connection } from "../shared/connection.ts";
import { isRoom } from "../shared/names.ts";
import { mentions } from "../shared/text.ts";
import type { Ignored } from "./ignored.ts";
import type { Tab, Tabs } from "./tabs.ts";

/** Unread messages of one conversation that are shown; more are only counted. */
export const MAX_SHOWN = 1_000;

export class Archive {
  readonly #connection: Connection;
  readonly #tabs: Tabs;
  readonly #ignored: Ignored;

  constructor(connection: Connection, tabs: Tabs, ignored: Ignored) {
    this.#connection = connection;
    this.#tabs = tabs;
    this.#ignored = ignored;
  }

  /** What comes before the messages that a tab holds: all unread ones, as far as they are shown, and before them so many that
   *  were read (`context`). Without a connection nothing does: who turns to a tab does not wait for one. */
  async older(tab: Tab, context: number): Promise<Message[]> {
    let older: Message[] = [];
    for (;;) {
      const held = [...older, ...tab.recent];
      const unread = this.#tabs.after(tab);
      const wanted = (unread > MAX_SHOWN ? MAX_SHOWN : unread + context) - held.length;
      const first = held[0]?.seq ?? (isRoom(tab.name) ? (tab.head ?? 0) + 1 : undefined);
      if (wanted <= 0 || first === 1 || !this.#connection.online) return older;
      const page = await this.#page(tab.name, first, Math.min(wanted, LIMITS.page));
      if (page.length === 0) return older;
      older = [...page, ...older];
    }
  }

  async #page(name: string, before: number | undefined, limit: number): Promise<Message[]> {
    const range = { limit, ...(before !== undefined && { before }) };
    const messages = await this.#history({ ...(isRoom(name) ? { to: name } : { to: "@", with: name }), ...range });
    if (isRoom(name)) return messages;
    return messages.filter(({ to, from }) => (from === this.#user ? to : from) === name); // version 1 does not know `with`
  }

  /** Where this person was called among what is unread and did not come. */
  async calls({ name, seen, head, recent }: Tab): Promise<number[]> {
    if (!isRoom(name) || (recent[0]?.seq ?? head ?? 0) <= seen + 1) return [];
    const found = await this.#history({ to: name, after: seen, match: this.#user, limit: LIMITS.page });
    const isCall = ({ from, text }: Message) => !this.#isQuiet(from) && mentions(text, this.#user);
    return found.filter(isCall).map(({ seq }) => seq);
  }

  /** Who wrote to this person last, of those whom they do not ignore. */
  async partner(): Promise<string | undefined> {
    const messages = await this.#history({ to: "@", limit: LIMITS.backlog });
    return messages.findLast(({ from }) => !this.#isQuiet(from))?.from;
  }

  /** With whom this person wrote, the last ones first. */
  async people(): Promise<string[]> {
    const answer = await this.#ask({ type: "people" });
    return (answer?.people ?? []).map(({ user }) => user);
  }

  #isQuiet(from: string): boolean {
    return from === this.#user || this.#ignored.has(from);
  }
  /** Who is in a room, and who is away from it. A server of version 1 does not know who is away. */
  async members(room: string): Promise<string[]> {
    const answer = await this.#ask({ type: "who", to: room });
    return [...(answer?.users ?? []), ...(answer?.away ?? [])];
  }

  get #user(): string {
    return this.#connection.user;
  }

  async #history(fields: Omit<Extract<Request, { type: "history" }>, "type">): Promise<Message[]> {
    return (await this.#ask({ type: "history", ...fields }))?.messages ?? [];
  }

  async #ask(request: Request): Promise<Ok | undefined> {
    const answer = await this.#connection.ask(request).catch(() => undefined);
    return answer?.type === "ok" ? answer : undefined;
  }
}
