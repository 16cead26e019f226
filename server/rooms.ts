// rooms.ts: who is where and hears what: members, presence, and the replay of what was said before. What is said now comes
// stored out of the pipeline. Never reads a request and never sees a socket; nothing here calls a session back except to
// hand it what to send.

import type { Event, Message } from "../protocol.ts";
import { LIMITS } from "../protocol.ts";
import { isRoom } from "../shared/names.ts";
import type { Absence } from "./absences.ts";
import { Absences } from "./absences.ts";
import { EVERYBODY, isInbox, ownerOf } from "./conversations.ts";
import type { Entry, Member } from "./delivery.ts";
import { broadcast, compose, Payload } from "./delivery.ts";
import type { History } from "./history.ts";
import { messagesOf } from "./history.ts";
import { Membership } from "./membership.ts";
import type { Batch, Pipeline } from "./pipeline.ts";
import { Presence } from "./presence.ts";
import type { Slices } from "./slices.ts";
import { Telling } from "./telling.ts";

const MAX_ROOMS = 10_000; // with somebody in them; the list of them still fits into one answer

/** How a member enters a conversation. */
export interface Entering {
  since?: number | undefined; // seq of the last message the member has; beyond the head it is a reset
  epoch?: string | undefined; // of the history in which it has that place; another one is a reset, too
  start: (head: number) => number; // the seq to begin after when there is no usable `since`
  begin: (at: { head: number; reset: boolean }) => void; // told before any message
}

export class Rooms {
  readonly #history: History;
  readonly #pipeline: Pipeline;
  readonly #conversations = new Map<string, Membership>();
  readonly #memberships = new Map<Member, Set<Membership>>();
  #rooms = 0; // of the conversations
  readonly #presence: Presence;
  readonly #telling: Telling;
  readonly #elapsed: () => number;
  readonly #absences = new Absences();
  /** How often a message was handed to a connection. */
  delivered = 0;

  constructor(
    history: History,
    pipeline: Pipeline,
    slices: Slices,
    elapsed: () => number,
    presence = new Presence(() => pipeline.wake()),
  ) {
    this.#history = history;
    this.#pipeline = pipeline;
    this.#presence = presence;
    this.#telling = new Telling(slices, (work) => presence.tell(work));
    this.#elapsed = elapsed;
  }

  /** A member's account has read a conversation that it is in up to `seq`, at most its head; stored when the batch is settled. */
  read(member: Member, name: string, seq: number): Batch {
    const upTo = Math.min(seq, this.#conversations.get(name)?.head ?? 0);
    return this.#pipeline.read({ account: member.user, conversation: name, seq: upTo, by: member });
  }

  /** The last seq that was told of a conversation. */
  async head(name: string): Promise<number> {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined) return this.#history.head(name);
    await conversation.ready;
    return conversation.head;
  }

  /** Makes a member present in the whole chat. */
  arrive(member: Member): void {
    if (member.gone) return; // while its password was checked, for example
    const everybody = this.#open(EVERYBODY);
    this.#add(everybody, member);
    everybody.live.add(member);
  }

  /** Puts a member into a conversation: tells it through `begin`, sends what was said after `since` page by page as its
   *  reader drains, then lets it go live. It is live on return, or when the promise that is returned resolves. It misses nothing
   *  and gets nothing twice: it goes live in the same turn in which its last page reaches `head`, and pages never go past what was
   *  delivered. */
  enter(member: Member, name: string, entering: Entering): Promise<void> | undefined {
    if (member.gone) return undefined;
    const conversation = this.#open(name);
    this.#add(conversation, member);
    conversation.live.delete(member);
    const begin = () => this.#begin(conversation, member, entering);
    return conversation.ready === undefined ? begin() : conversation.ready.then(begin);
  }

  #begin(conversation: Membership, member: Member, entering: Entering): Promise<void> | undefined {
    const { since, epoch, start, begin } = entering;
    const isStale = epoch !== undefined && epoch !== this.#history.epoch;
    const reset = since !== undefined && (isStale || since > conversation.head);
    const from = since === undefined || reset ? start(conversation.head) : since;
    if (!conversation.members.has(member)) return undefined;
    begin({ head: conversation.head, reset });
    const after = Math.max(0, from);
    if (after < conversation.head) return this.#replay(conversation, member, after);
    conversation.live.add(member);
    return undefined;
  }

  async #replay(conversation: Membership, member: Member, from: number): Promise<void> {
    conversation.replaying.add(member);
    let after = from;
    while (after < conversation.head) {
      await member.readyForPage(conversation.head - after <= LIMITS.page);
      if (member.gone || !conversation.members.has(member)) return;
      const upTo = conversation.head;
      const page = await this.#history.read(conversation.name, after, upTo);
      if (!conversation.members.has(member)) return;
      this.#telling.before([member]);
      if (member.text) {
        const messages = messagesOf(page);
        member.send(compose(messages, member, true));
        this.#shown(conversation, messages, [member]);
      } else member.send(new Payload(page.lines)); // as it is stored
      after = page.last;
    }
    conversation.replaying.delete(member);
    conversation.live.add(member);
  }

  leave(member: Member, name: string): void {
    const conversation = this.#conversations.get(name);
    if (conversation?.members.has(member)) this.#remove(conversation, member, "left");
  }

  /** A member leaves everything. `left`: for good, so nobody waits for its account any more; `lost`: it may come back soon. */
  leaveAll(member: Member, how: "left" | "lost"): void {
    for (const conversation of this.#memberships.get(member) ?? []) this.#remove(conversation, member, how);
    if (how === "left" && !this.isOnline(member.user))
      for (const absence of this.#absences.takeOf(member.user)) this.#end(absence);
  }

  /** Called every second: who was lost and did not come back has left. */
  tick(): void {
    for (const absence of this.#absences.takeOver(this.#elapsed())) this.#end(absence);
  }

  #end({ user, name, since }: Absence): void {
    const conversation = this.#conversations.get(name);
    if (conversation?.roster.lostAt(user) === since) this.#gone(conversation, user);
  }

  has(member: Member, name: string): boolean {
    return this.#conversations.get(name)?.members.has(member) ?? false;
  }

  /** The rooms a member is in. */
  roomsOf(member: Member): string[] {
    return Array.from(this.#memberships.get(member) ?? [], ({ name }) => name).filter(isRoom);
  }

  /** Whether one more room would be more than the server allows. */
  isFull(name: string): boolean {
    return this.#rooms >= MAX_ROOMS && !this.#conversations.has(name);
  }

  /** The accounts in a room, or everybody online, as `reader` is told of them. */
  who(name: string = EVERYBODY, reader?: string): string[] {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined) return [];
    this.#presence.listed(name, reader);
    return conversation.roster.names.slice();
  }

  /** The connections in a conversation. */
  membersOf(name: string): Member[] {
    return [...(this.#conversations.get(name)?.members ?? [])];
  }

  isOnline(user: string): boolean {
    return this.#conversations.get(EVERYBODY)?.roster.isConnected(user) ?? false;
  }

  /** The rooms somebody is in, and how many accounts are. */
  list(): { to: string; users: number }[] {
    const rooms = [...this.#conversations.values()].filter(({ name, members }) => isRoom(name) && members.size > 0);
    return rooms.map(({ name, roster: { size } }) => ({ to: name, users: size }));
  }
  /** Whether somebody is in a room. */
  isOpen(name: string): boolean {
    return this.#conversations.has(name);
  }

  #open(name: string): Membership {
    const known = this.#conversations.get(name);
    if (known !== undefined) return known;
    const conversation = new Membership(name, this.#history.head(name));
    this.#conversations.set(name, conversation);
    if (isRoom(name)) this.#rooms++;
    return conversation;
  }

  #close({ name }: Membership): void {
    this.#presence.forget(name);
    this.#conversations.delete(name);
    if (isRoom(name)) this.#rooms--;
  }

  #add(conversation: Membership, member: Member): void {
    const { name, members, roster } = conversation;
    if (members.has(member)) return;
    members.add(member);
    const memberships = this.#memberships.get(member);
    if (memberships === undefined) this.#memberships.set(member, new Set([conversation]));
    else memberships.add(conversation);
    if (roster.add(member.user) && roster.size > 1) this.#presence.changed(name, member.user, true);
  }

  #remove(conversation: Membership, member: Member, how: "left" | "lost"): void {
    const { name, members, roster } = conversation;
    const { user } = member;
    conversation.remove(member);
    this.#telling.drop(member, name);
    const memberships = this.#memberships.get(member)!;
    memberships.delete(conversation);
    if (memberships.size === 0) this.#memberships.delete(member);
    if (members.size === 0) return this.#close(conversation);
    const since = this.#elapsed();
    if (!roster.lose(user, since)) return;
    if (how === "lost") this.#absences.add({ user, name, since });
    else this.#gone(conversation, user);
  }

  #gone({ name, roster }: Membership, user: string): void {
    roster.remove(user);
    this.#presence.changed(name, user, false);
  }

  // ---- delivery ----

  /** Tells an event to everybody who is signed in, or in that conversation, after what they were told before. */
  tellAll(event: Event, name = EVERYBODY): void {
    this.#tell(name, [{ event }]);
  }

  /** Tells everybody what is theirs, in the order in which it was stored. An account's coming is told before what it says
   *  and its going after it, wherever that was. */
  deliver(entries: Map<string, Entry[]>): void {
    const news = this.#presence.take(entries);
    for (const { name, joined, left } of news) {
      const said = entries.get(name);
      if (said === undefined) this.#announce("joined", name, joined);
      else {
        // In one write.
        if (joined.length > 0) said.unshift({ event: { type: "joined", to: name, users: joined } });
        if (left.length > 0) said.push({ event: { type: "left", to: name, users: left } });
      }
    }
    for (const [name, told] of entries) this.#tell(name, told);
    for (const { name, left } of news) if (!entries.has(name)) this.#announce("left", name, left);
    this.#telling.go();
  }

  /** Who is there will be told, in slices; who is told something else meanwhile is told this before. */
  #announce(type: "joined" | "left", name: string, users: string[]): void {
    const conversation = this.#conversations.get(name);
    if (conversation === undefined || users.length === 0) return;
    for (const members of [conversation.live, conversation.replaying])
      this.#telling.add({ type, to: name, users }, members);
  }

  #tell(name: string, entries: readonly Entry[]): void {
    const conversation = this.#conversations.get(name);
    for (const { event, only } of entries)
      if (only !== undefined && conversation?.members.has(only) !== true) only.send(compose([event], only)); // it is in it no more
    if (conversation === undefined) return; // nobody is there
    const fresh = conversation.fresh(entries);
    for (const { event, only } of fresh)
      if (!only && event.type === "message") {
        conversation.head = event.seq;
        this.delivered += conversation.live.size;
      }
    this.#telling.before(conversation.members);
    broadcast(conversation.live, fresh);
    const rest = conversation.replaying.size > 0 ? fresh.filter(({ event }) => event.type !== "message") : [];
    broadcast(conversation.replaying, rest);
    if (!isInbox(name)) return;
    const readers = [...conversation.live].filter(({ text }) => text);
    const messages = fresh.flatMap(({ event, only }) => (event.type === "message" && !only ? [event] : []));
    this.#shown(conversation, messages, readers);
  }

  /** A person at a text session cannot confirm, so direct messages that were shown to them count as seen. */
  #shown(conversation: Membership, messages: readonly Message[], readers: readonly Member[]): void {
    const last = messages.at(-1);
    if (last === undefined || readers.length === 0 || !isInbox(conversation.name)) return;
    const user = ownerOf(conversation.name);
    const partner = messages.findLast(({ from }) => from !== user)?.from;
    if (partner !== undefined) for (const reader of readers) reader.wasWrittenBy(partner);
    this.#pipeline.read({ account: user, conversation: conversation.name, seq: last.seq });
  }
}
