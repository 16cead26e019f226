// rooms.ts: who hears what. Members and presence, and the one pipeline on which everything said travels: the drafts of
// one turn of the event loop are appended to the history together, and only then delivered. Never reads a request and
// never sees a socket. Called by session.ts; nothing here calls a session back except to hand it what to send.

import type { Entry, Member } from "./delivery.ts";
import { broadcast, compose } from "./delivery.ts";
import type { Draft, History, Outcome } from "./history.ts";
import type { Message, Refusal } from "./protocol.ts";
import { answeredIn, failure, inboxOf } from "./protocol.ts";

/** The conversation everybody signed in is in: nothing is said in it, it only carries presence. */
export const EVERYBODY = "*";
const MOST_ROOMS = 10_000; // with somebody in them; the list of them still fits into one answer

const BUSY = 8; // messages in a batch above which many are talking
const GATHER = 3; // turns of the event loop the next batch then gathers longer; a turn without news takes some µs

/** A draft on its way: who said it, the id it was asked with, if any, and what its author is told once it is stored. */
export interface Post extends Draft {
  by: Member;
  asked?: string | undefined;
  note?: string | undefined;
}

/** What one turn of the event loop gathered. `settled` resolves when all of it is stored and delivered, or refused. */
export class Batch {
  readonly posts: Post[] = [];
  readonly confirmed = new Map<string, number>();
  readonly settled: Promise<void>;
  delivered = false;
  failed = false;
  readonly #resolve: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#resolve = resolve;
  }
  settle(): void {
    this.delivered = true;
    this.posts.length = 0; // sessions keep their last batch, which must not keep what others said in it
    this.#resolve();
  }
}

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
  readonly #report: (event: string, problem: unknown) => void;
  readonly #conversations = new Map<string, Conversation>();
  #rooms = 0; // of the conversations
  readonly #changed = new Set<Conversation>(); // whose presence is to be told
  #batch: Batch | undefined;
  #scheduled = false;
  #size = 0; // messages in the last batch
  #flushing: Promise<void> | undefined;
  /** Messages stored, and how often one was handed to a connection. */
  stored = 0;
  delivered = 0;
  #serial = 0;
  readonly #prefix = crypto.getRandomValues(new BigUint64Array(1))[0]!.toString(36);

  /** `report` is told of a batch that could not be stored or delivered. */
  constructor(history: History, report: (event: string, problem: unknown) => void) {
    this.history = history;
    this.#report = report;
  }

  /** Hands a message to the pipeline. Whoever said it hears in its conversation what became of it.
   *  1. MUST NOT deliver anything to anybody, sender included, before the append has returned.
   *  2. MUST keep the order of one member's posts, also when one of them could not be stored: after `unavailable` this
   *     member's later posts are refused alike until it sends the failed one again, so no retry is overtaken.
   *  3. MUST answer each post exactly once. */
  post(post: Omit<Post, "id">): Batch {
    const batch = this.#gather();
    batch.posts.push({ ...post, id: post.asked ?? this.#nextId() });
    return batch;
  }

  /** Confirms an account's inbox up to `seq`, at most its head, never backwards; stored when the batch is settled. */
  confirm(user: string, seq: number): Batch {
    const batch = this.#gather();
    const head = this.#conversations.get(inboxOf(user))?.head ?? 0;
    batch.confirmed.set(user, Math.max(Math.min(seq, head), batch.confirmed.get(user) ?? 0));
    return batch;
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
      this.#schedule();
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
    const rooms = [...this.#conversations.values()].filter(({ name, members }) => name.startsWith("#") && members.size);
    return rooms.map(({ name, accounts }) => ({ to: name, users: accounts.size }));
  }

  /** Resolves when everything posted so far is stored and delivered, or refused. */
  async settled(): Promise<void> {
    await this.#flushing;
    await this.#batch?.settled;
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
    if (name.startsWith("#")) this.#rooms++;
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
    this.#schedule();
  }

  /** An id for a `say` that came without one. They ascend, so that the index of ids grows at one end: a page or two to
   *  write in a batch instead of one a sender. */
  #nextId(): string {
    return `${this.#prefix}-${(++this.#serial).toString(36).padStart(7, "0")}`;
  }

  #gather(): Batch {
    this.#batch ??= new Batch();
    this.#schedule();
    return this.#batch;
  }

  /** setImmediate runs after every socket that was readable in this turn has been read, so they all share one batch. While
   *  many talk, a batch gathers some turns longer, so that those who were just answered speak in it too: half as many
   *  batches, a third more messages in all at 10 and 100 members, twice as many at 1,000. A lone message waits for nobody. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    let turns = this.#size > BUSY ? GATHER : 0;
    const turn = () => void (turns-- > 0 ? setImmediate(turn) : (this.#flushing = this.#flush()));
    setImmediate(turn);
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#size = batch?.posts.length ?? 0;
    try {
      const entries = batch === undefined ? new Map<string, Entry[]>() : await this.#append(batch);
      this.#deliver(entries);
    } catch (problem) {
      this.#report("Cannot deliver a batch", problem);
    }
    batch?.settle();
    this.#scheduled = false;
    if (this.#batch !== undefined || this.#changed.size > 0) this.#schedule();
  }

  /** Appends a batch; what is to be told of it, by conversation, in the order in which it was said. */
  async #append(batch: Batch): Promise<Map<string, Entry[]>> {
    const entries = new Map<string, Entry[]>();
    const add = (conversation: string, entry: Entry): void => {
      const list = entries.get(conversation);
      if (list === undefined) entries.set(conversation, [entry]);
      else list.push(entry);
    };
    const refuse = (post: Post, refusal: Refusal): void =>
      add(answeredIn(post), { event: failure(refusal, post.asked), only: post.by });

    const posts: Post[] = [];
    for (const post of batch.posts)
      if (isOvertaking(post)) refuse(post, { code: "unavailable", after: 1 });
      else posts.push(post);
    let outcomes: Outcome[];
    try {
      outcomes = await this.history.append(posts, batch.confirmed);
    } catch (problem) {
      this.#report(`Cannot store ${posts.length} messages`, problem);
      batch.failed = true;
      for (const post of posts) {
        post.by.stalled ??= post.asked;
        refuse(post, { code: "unavailable", after: 1 });
      }
      return entries;
    }
    for (let i = 0; i < posts.length; i++) {
      const post = posts[i]!;
      const outcome = outcomes[i]!;
      if ("refused" in outcome) refuse(post, { code: outcome.refused });
      else if ("repeated" in outcome) add(answeredIn(post), { event: outcome.repeated, only: post.by });
      else {
        this.stored++;
        // Who types sees what was typed; frames come back to their sender as the receipt.
        for (const { conversation, message } of outcome.stored)
          add(conversation, post.by.text ? { event: message, not: post.by } : { event: message });
        if (post.note !== undefined)
          add(answeredIn(post), { event: { type: "notice", text: post.note }, only: post.by });
      }
    }
    return entries;
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
      if (!name.startsWith("#") || (entries.get(name) ?? []).length === 0) continue;
      // A room's own are sent together with what was said in it, in one write.
      entries.set(name, [...(comings.get(name) ?? []), ...entries.get(name)!, ...(goings.get(name) ?? [])]);
      comings.delete(name);
      goings.delete(name);
    }
    for (const group of [comings, entries, goings]) for (const [name, said] of group) this.#tell(name, said);
    for (const { name, members } of changed)
      if (members.size === 0 && this.#conversations.delete(name) && name.startsWith("#")) this.#rooms--;
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

/** Whether a post would overtake an earlier one of its member that could not be stored and is to be sent again. */
function isOvertaking({ by, asked }: Post): boolean {
  if (by.stalled === undefined) return false;
  if (by.stalled !== asked) return true;
  by.stalled = undefined;
  return false;
}
