// rooms.ts: who is where and hears what: members, presence, and the replay of what was said before. What is said now comes
// stored out of the pipeline. Never reads a request and never sees a socket. Called by session.ts and requests.ts; nothing
// here calls a session back except to hand it what to send.

import type { Entry, Member } from "./delivery.ts";
import { broadcast, compose } from "./delivery.ts";
import type { History } from "./history.ts";
import type { Batch } from "./pipeline.ts";
import { Pipeline } from "./pipeline.ts";
import type { Message } from "../protocol.ts";
import { EVERYBODY, inboxOf } from "./conversations.ts";
import { isRoom } from "../shared/names.ts";

const MOST_ROOMS = 10_000; // with somebody in them; the list of them still fits into one answer

interface Conversation {
  name: string;
  members: Set<Member>; // everybody in it, also those who are still catching up
  live: Set<Member>; // who has everything up to `head` and gets what comes next
  replaying: Set<Member>; // who is being sent what was said before; of the rest they hear who comes and goes
  accounts: Map<string, number>; // connections an account has in it
  head: number; // seq of the last message delivered
  ready: Promise<void>; // `head` is known
  joined: Set<string>; // accounts, since the last delivery
  left: Set<string>;
}

export class Rooms {
  readonly history: History;
  readonly pipeline: Pipeline;
  readonly #conversations = new Map<string, Conversation>();
  #rooms = 0; // of the conversations
  readonly #changed = new Set<Conversation>(); // whose presence is to be told
  /** How often a message was handed to a connection. */
  delivered = 0;

  /** `report` is told of a batch that could not be stored or delivered. */
  constructor(history: History, report: (event: string, problem: unknown) => void) {
    this.history = history;
    this.pipeline = new Pipeline(history, (entries) => this.#deliver(entries), report);
  }

  /** Confirms an account's inbox up to `seq`, at most its head, never backwards; stored when the batch is settled. */
  confirm(user: string, seq: number): Batch {
    return this.pipeline.confirm(user, Math.min(seq, this.#conversations.get(inboxOf(user))?.head ?? 0));
  }

  /** Puts a member into a conversation: tells it through `begin`, sends what was said after `since` page by page as its
   *  reader drains, then lets it go live. Resolves when it is live. It misses nothing and gets nothing twice: it goes
   *  live in the same turn in which its last page reaches `head`, and pages never go past what was delivered.
   *  `start` gives the seq to begin after when there is no usable `since`; a `since` beyond the head is a reset. */
  async enter(
    member: Member,
    name: string,
    since: number | undefined,
    start: (head: number) => number,
    begin: (at: { head: number; users: string[]; reset: boolean }) => void,
  ): Promise<void> {
    if (member.gone) return; // while its password was checked, say
    const conversation = this.#open(name);
    if (!conversation.members.has(member)) this.#arrive(conversation, member);
    conversation.live.delete(member);
    await conversation.ready;
    if (!conversation.members.has(member)) return;
    const reset = since !== undefined && since > conversation.head;
    let after = since === undefined || reset ? Math.max(0, start(conversation.head)) : since;
    begin({ head: conversation.head, users: [...conversation.accounts.keys()], reset });
    conversation.replaying.add(member);
    while (after < conversation.head) {
      await member.drained();
      const upTo = conversation.head;
      const page = await this.history.read(name, after, upTo);
      if (!conversation.members.has(member)) return;
      if (page.length > 0) member.send(compose(page, member, true));
      if (member.text) this.#shown(conversation, page, [member]);
      after = page.at(-1)?.seq ?? upTo;
    }
    conversation.replaying.delete(member);
    conversation.live.add(member);
  }

  leave(member: Member, name: string): void {
    const conversation = this.#conversations.get(name);
    if (!conversation?.members.delete(member)) return;
    member.in.delete(name);
    conversation.live.delete(member);
    conversation.replaying.delete(member);
    const count = conversation.accounts.get(member.user)! - 1;
    if (count > 0) conversation.accounts.set(member.user, count);
    else {
      conversation.accounts.delete(member.user);
      if (!conversation.joined.delete(member.user)) conversation.left.add(member.user);
      this.#changed.add(conversation);
      this.pipeline.wake();
    }
  }

  leaveAll(member: Member): void {
    for (const name of member.in) this.leave(member, name);
  }

  has(member: Member, name: string): boolean {
    return this.#conversations.get(name)?.members.has(member) ?? false;
  }

  /** Whether one more room would be more than the server allows. */
  isFull(name: string): boolean {
    return this.#rooms >= MOST_ROOMS && !this.#conversations.has(name);
  }

  /** The accounts in a room, or everybody online. */
  who(name: string = EVERYBODY): string[] {
    return [...(this.#conversations.get(name)?.accounts.keys() ?? [])];
  }

  online(user: string): boolean {
    return this.#conversations.get(EVERYBODY)?.accounts.has(user) ?? false;
  }

  /** The rooms somebody is in, and how many accounts are. */
  list(): { to: string; users: number }[] {
    const rooms = [...this.#conversations.values()].filter(({ name, members }) => isRoom(name) && members.size);
    return rooms.map(({ name, accounts }) => ({ to: name, users: accounts.size }));
  }

  #open(name: string): Conversation {
    const known = this.#conversations.get(name);
    if (known !== undefined) return known;
    const conversation: Conversation = {
      name,
      members: new Set(),
      live: new Set(),
      replaying: new Set(),
      accounts: new Map(),
      head: 0,
      // A batch may be delivered while the head is being read, so the larger of the two counts.
      ready: this.history.head(name).then((head) => void (conversation.head = Math.max(conversation.head, head))),
      joined: new Set(),
      left: new Set(),
    };
    this.#conversations.set(name, conversation);
    if (isRoom(name)) this.#rooms++;
    return conversation;
  }

  #arrive(conversation: Conversation, member: Member): void {
    conversation.members.add(member);
    member.in.add(conversation.name);
    const count = conversation.accounts.get(member.user) ?? 0;
    conversation.accounts.set(member.user, count + 1);
    if (count > 0) return;
    if (!conversation.left.delete(member.user)) conversation.joined.add(member.user);
    this.#changed.add(conversation);
    this.pipeline.wake();
  }

  /** Tells everybody what is theirs. Who comes is announced before they speak and who goes after it, wherever that was. */
  #deliver(entries: Map<string, Entry[]>): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    const comings = new Map<string, Entry[]>();
    const goings = new Map<string, Entry[]>();
    for (const { name, joined, left } of changed) {
      const told = !name.startsWith("@"); // whoever is in an inbox is its owner
      if (told && joined.size > 0) comings.set(name, [{ event: { type: "joined", to: name, users: [...joined] } }]);
      if (told && left.size > 0) goings.set(name, [{ event: { type: "left", to: name, users: [...left] } }]);
      joined.clear();
      left.clear();
      if (!isRoom(name) || (entries.get(name) ?? []).length === 0) continue;
      // A room's own are sent together with what was said in it, in one write.
      entries.set(name, [...(comings.get(name) ?? []), ...entries.get(name)!, ...(goings.get(name) ?? [])]);
      comings.delete(name);
      goings.delete(name);
    }
    for (const group of [comings, entries, goings]) for (const [name, said] of group) this.#tell(name, said);
    for (const { name, members } of changed)
      if (members.size === 0 && this.#conversations.delete(name) && isRoom(name)) this.#rooms--;
  }

  #tell(name: string, said: readonly Entry[]): void {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined) return; // nobody is there
    // What is not beyond the head was read by everybody when they entered, while this batch was on its way.
    const fresh = said.filter(({ event, only }) => only || event.type !== "message" || event.seq > conversation.head);
    for (const { event, only } of fresh)
      if (!only && event.type === "message") {
        conversation.head = event.seq;
        this.delivered += conversation.live.size;
      }
    broadcast(conversation.live, fresh);
    if (conversation.replaying.size > 0)
      broadcast(
        conversation.replaying,
        fresh.filter(({ event }) => event.type !== "message"),
      );
    if (name.startsWith("@")) this.#shownLive(conversation, fresh);
  }

  #shownLive(conversation: Conversation, entries: Entry[]): void {
    const readers = [...conversation.live].filter(({ text }) => text);
    const messages = entries.flatMap(({ event, only }) => (event.type === "message" && !only ? [event] : []));
    if (readers.length > 0 && messages.length > 0) this.#shown(conversation, messages, readers);
  }

  /** A person at a text session cannot confirm, so what was shown to them counts as seen. */
  #shown(conversation: Conversation, messages: Message[], readers: Member[]): void {
    const last = messages.at(-1);
    if (last === undefined || !conversation.name.startsWith("@")) return;
    const user = conversation.name.slice(1);
    const partner = messages.findLast(({ from }) => from !== user)?.from;
    for (const reader of readers) reader.partner = partner ?? reader.partner;
    this.confirm(user, last.seq);
  }
}
