// pipeline.ts: group commit. What one turn of the event loop gathered is appended to the history together, in one
// transaction, and only then handed on to be delivered. What may be said is decided there, post by post. Never knows who is where.

import type { Entry, Member } from "./delivery.ts";
import type { Draft, History, Outcome } from "./history.ts";
import type { House } from "./house.ts";
import type { Position } from "./positions.ts";
import type { Refusal } from "../protocol.ts";
import { failure } from "../protocol.ts";
import { answeredIn, inboxOf, isInbox } from "./conversations.ts";

const BUSY = 8; // messages in a batch above which many are talking
const MORE_TURNS = 3; // of the event loop, for which the batch after a busy one gathers longer; an idle turn takes some µs

/** A draft on its way to the history. */
export interface Post extends Draft {
  by: Member; // who said it
  note?: string | undefined; // what a person who typed it is told once it is stored
  then?: Post | undefined; // what is said after it once it is stored
}

/** How far somebody has read, on its way to the history. */
export interface Reading extends Position {
  by?: Member | undefined; // who said so; the others of that account are told
}

/** What one turn of the event loop gathered. */
export class Batch {
  readonly posts: Post[] = [];
  readonly positions = new Map<string, Reading>(); // by account and conversation
  /** Resolves when all of it is stored and delivered, or refused. */
  readonly settled: Promise<void>;
  isSettled = false;
  /** It could not be stored. */
  failed = false;
  readonly #resolve: () => void;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#resolve = resolve;
  }
  settle(): void {
    this.isSettled = true;
    this.posts.length = 0; // sessions keep their last batch, which must not keep what others said in it
    this.#resolve();
  }
}

export class Pipeline {
  readonly #history: History;
  readonly #house: House;
  readonly #deliver: (entries: Map<string, Entry[]>) => void;
  readonly #report: (event: string, problem: unknown) => void;
  #batch: Batch | undefined;
  #scheduled = false;
  #isAwake = false; // there is something to deliver even if nothing was said
  #size = 0; // messages in the last batch
  #flushing: Promise<void> | undefined;
  /** Messages stored. */
  stored = 0;

  /** `house` judges what is said; `deliver` gets what is to be told, by conversation, in the order in which it was said, once it is
   *  stored; `report` is told of a batch that could not be stored or delivered. */
  constructor(
    history: History,
    house: House,
    deliver: (entries: Map<string, Entry[]>) => void,
    report: (event: string, problem: unknown) => void,
  ) {
    this.#history = history;
    this.#house = house;
    this.#deliver = deliver;
    this.#report = report;
  }

  /** Hands a message to the pipeline. Whoever said it hears in its conversation what became of it.
   *  1. MUST NOT deliver anything to anybody, sender included, before the append has returned.
   *  2. MUST keep the order of one member's posts, also when one of them could not be stored: after `unavailable` this
   *     member's later posts are refused alike until it sends the failed one again (`Says`).
   *  3. MUST answer each post exactly once. */
  post(post: Post): Batch {
    const batch = this.#gather();
    batch.posts.push(post);
    return batch;
  }

  /** Hands a position to the pipeline: stored, and told to the other connections of the account, when the batch is settled. */
  read(reading: Reading): Batch {
    const batch = this.#gather();
    const key = `${reading.account} ${reading.conversation}`;
    const { seq = reading.seq } = batch.positions.get(key) ?? {};
    if (seq === undefined || reading.seq === undefined || reading.seq >= seq) batch.positions.set(key, reading);
    return batch;
  }

  /** Delivers once this turn is over and the batch under way is done, even if nothing is said. */
  wake(): void {
    this.#isAwake = true;
    this.#schedule();
  }

  /** Resolves when everything posted so far is stored and delivered, or refused. */
  async settled(): Promise<void> {
    await this.#flushing;
    await this.#batch?.settled;
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
    let turns = this.#size > BUSY ? MORE_TURNS : 0;
    const turn = (): void => {
      if (turns === 0) {
        this.#flushing = this.#flush();
        return;
      }
      turns--;
      setImmediate(turn);
    };
    setImmediate(turn);
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = undefined;
    this.#size = batch?.posts.length ?? 0;
    try {
      const entries = batch === undefined ? new Map<string, Entry[]>() : await this.#append(batch);
      this.#isAwake = false;
      this.#deliver(entries);
    } catch (problem) {
      this.#report("Cannot deliver a batch", problem);
    }
    batch?.settle();
    this.#scheduled = false;
    if (this.#batch !== undefined || this.#isAwake) this.#schedule();
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
      add(answeredIn(post), { event: failure(refusal, post.id), only: post.by });

    const posts: Post[] = [];
    for (const post of batch.posts) {
      if (this.#house.isHost(post.from)) post.host = true; // the server alone says so
      if (post.by.says.mayStore(post.id)) posts.push(post);
      else refuse(post, { code: "unavailable", after: 1 });
    }
    let outcomes: Outcome[];
    try {
      outcomes = await this.#history.append(posts, batch.positions.values(), this.#house);
      this.#house.committed();
    } catch (problem) {
      this.#house.rolledBack();
      this.#report(`Cannot store ${posts.length} messages`, problem);
      batch.failed = true;
      for (const post of posts) {
        post.by.says.failed(post.id);
        refuse(post, { code: "unavailable", after: 1 });
      }
      return entries;
    }
    for (let i = 0; i < posts.length; i++) {
      const post = posts[i]!;
      const outcome = outcomes[i]!;
      if ("refused" in outcome) refuse(post, outcome.refused);
      else if ("repeated" in outcome) add(answeredIn(post), { event: outcome.repeated, only: post.by });
      else {
        this.stored++;
        if (post.then !== undefined) this.post(post.then);
        // Who types sees what was typed, unless it was a command; frames come back to their sender as the receipt.
        const not = post.by.text && post.act === undefined ? post.by : undefined;
        for (const { conversation, message, line } of outcome.stored) add(conversation, { event: message, line, not });
        if (post.note !== undefined)
          add(answeredIn(post), { event: { type: "notice", text: post.note }, only: post.by });
      }
    }
    for (const { account, conversation, seq, by } of batch.positions.values())
      add(inboxOf(account), {
        event: { type: "seen", to: isInbox(conversation) ? "@" : conversation, ...(seq !== undefined && { seq }) },
        not: by,
      });
    return entries;
  }
}
