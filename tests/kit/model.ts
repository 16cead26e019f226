// model.ts: what a history must answer, whatever it keeps things in: a model of it in Maps, and people who talk to it with ids
// of every kind. Called by ids.test.ts, backups.test.ts, durability.test.ts and kills.ts.

import type { Draft, History, Outcome } from "../../server/history.ts";
import { messagesOf } from "../../server/history.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { isRoom } from "../../shared/names.ts";
import type { Message } from "../../protocol.ts";
import { encode } from "../../protocol.ts";
import type { Random } from "./random.ts";

export class Model {
  /** The clock of the history: ms since 1970. */
  now = Date.UTC(2026, 10, 21);
  /** Every conversation, as it must be read. */
  readonly conversations = new Map<string, Message[]>();
  readonly counts = { stored: 0, repeated: 0, refused: 0 };
  readonly #answers = new Map<string, Message>(); // by conversation, sender and id

  /** Takes a batch and what became of it; throws at the first outcome that is another than it must be. The clock goes on. */
  take(drafts: readonly Draft[], outcomes: readonly Outcome[]): void {
    for (const [place, draft] of drafts.entries()) {
      const told = outcomes[place]!;
      const expected = this.#store(draft);
      same(told, expected, `what became of ${JSON.stringify(draft)}, ${place + 1} of ${drafts.length}`);
    }
    same(outcomes.length, drafts.length, "the number of outcomes");
    this.now += drafts.length % 3 === 0 ? -7 : 1_000; // clocks are set back, too
  }

  /** Takes a batch, whatever becomes of it. */
  store(drafts: readonly Draft[]): void {
    for (const draft of drafts) this.#store(draft);
  }

  #store(draft: Draft): Outcome {
    const { to, from, id, text, cut } = draft;
    const own = answeredIn(draft);
    const key = JSON.stringify([own, from, id]);
    const known = this.#answers.get(key);
    if (id !== undefined && known !== undefined) {
      const isSame = known.text === text && known.to === to;
      this.counts[isSame ? "repeated" : "refused"]++;
      return isSame ? { repeated: known } : { refused: "id_reused" };
    }
    this.counts.stored++;
    const conversations = isRoom(to) || to === from ? [own] : [own, inboxOf(to)];
    const given = id ?? `~${(this.conversations.get(own)?.length ?? 0) + 1}`;
    const stored = conversations.map((conversation) => {
      const all = this.conversations.get(conversation) ?? [];
      this.conversations.set(conversation, all);
      const message: Message = { type: "message", to, seq: all.length + 1, from, id: given, at: this.now, text };
      if (cut !== undefined) message.cut = cut;
      all.push(message);
      return { conversation, message, line: encode(message) };
    });
    if (id !== undefined) this.#answers.set(key, stored[0]!.message);
    return { stored };
  }

  /** Throws unless a history holds exactly this: every message in its place, read forwards, backwards and in between. */
  async compare(history: History, random: Random): Promise<void> {
    same(await history.head("#never"), 0, "the head of a conversation that is none");
    for (const [conversation, all] of this.conversations) {
      same(await history.head(conversation), all.length, `the head of ${conversation}`);
      same(await readAll(history, conversation), all, conversation);
      for (let times = 0; times < 20; times++) {
        const [after, size] = [random.between(0, all.length), random.between(1, 9)];
        const wanted = all.slice(after, after + size);
        const part = `${conversation} from ${after + 1} to ${after + size}`;
        same(messagesOf(await history.read(conversation, after, after + size)), wanted, part);
        same(
          await history.newest(conversation, size, { before: after + size + 1 }),
          all.slice(0, after + size).slice(-size),
          part,
        );
      }
    }
  }
}

/** Throws unless a history has all that was told (by conversation and seq), each message once, and answers to some of their ids; how
 *  many messages it has. */
export async function checkHistory(
  history: History,
  random: Random,
  told: ReadonlyMap<string, Message>,
): Promise<number> {
  const answers = new Map<string, Message>(); // by the conversation that answers, sender and id
  const halves = new Set<string>(); // direct messages of which one copy was found
  let [stored, kept] = [0, 0];
  for (const conversation of CONVERSATIONS)
    for (const message of await readAll(history, conversation)) {
      const { to, seq, from, id } = message;
      const promised = told.get(`${conversation} ${seq}`);
      if (promised !== undefined) same(message, promised, `${conversation} ${seq}`);
      if (promised !== undefined) kept++;
      stored++;
      const key = JSON.stringify([from, id]);
      if (!isRoom(to) && from !== to && !halves.delete(key)) halves.add(key);
      if (answeredIn(message) !== conversation) continue;
      if (answers.has(conversation + key)) throw new Error(`${conversation} has ${key} twice`);
      answers.set(conversation + key, message);
    }
  if (kept < told.size) throw new Error(`${told.size} messages were told and ${kept} of them are there`);
  if (halves.size > 0) throw new Error(`only one copy is there of ${[...halves]}`);
  const all = [...answers.values()].filter(({ id }) => !id.startsWith("~")); // nobody retries with an id of the server
  const some = Array.from({ length: Math.min(RETRIES, all.length) }, () => random.pick(all));
  const repeated = some.map((message) => ({ repeated: message }));
  same(await history.append(some), repeated, "what became of retries");
  const others = some.map((message) => ({ ...message, text: "another" }));
  same(await history.append(others), Array(some.length).fill({ refused: "id_reused" }), "what became of other texts");
  return stored;
}

/** A conversation from its beginning to its head; throws where a seq is missing or there twice. */
export async function readAll(history: History, conversation: string): Promise<Message[]> {
  const head = await history.head(conversation);
  const all: Message[] = [];
  while (all.length < head) {
    const page = messagesOf(await history.read(conversation, all.length, head));
    if (page.length === 0) throw new Error(`${conversation} ends at ${all.length} of ${head}`);
    for (const message of page)
      if (all.push(message) !== message.seq)
        throw new Error(`${conversation} has ${message.seq} in place ${all.length}`);
  }
  return all;
}

function same(found: unknown, expected: unknown, what: string): void {
  if (Bun.deepEquals(found, expected, true)) return;
  const [one, other] =
    Array.isArray(found) && Array.isArray(expected) ? difference(found, expected) : [found, expected];
  throw new Error(`${what}: it is ${JSON.stringify(one)} and must be ${JSON.stringify(other)}`);
}
/** The first place where two lists differ. */
function difference(found: readonly unknown[], expected: readonly unknown[]): [unknown, unknown] {
  let place = 0;
  while (place < found.length && Bun.deepEquals(found[place], expected[place], true)) place++;
  return [found[place], expected[place]];
}

const PEOPLE = ["alice", "bob", "carol"];
const ROOMS = ["#lab", "#lab", "#den"]; // much is said in the first
/** What people say things in. */
export const CONVERSATIONS = [...new Set([...ROOMS, ...PEOPLE.map(inboxOf)])];
const MOST = 24; // drafts in a usual batch
const MANY = 500; // and in one of a crowd
const RETRIES = 200; // of a check
const LARGEST = 999_999_999_999_999;

/** Ids that look like numbered ones and are not, that only just are, and that mean something to some program. */
const ODD = [
  ...[
    "p",
    "p-",
    "p-0",
    "p-00",
    "p-007",
    "p--1",
    "-",
    "--",
    "-1",
    "1",
    "0",
    "p-1-2",
    "p-1.5",
    "p-1e3",
    "p-+1",
    "P-1",
    "P-2",
  ],
  ...["p-1", "p-2", "p-7", `p-${LARGEST - 1}`, `p-${LARGEST}`, `p-${LARGEST + 1}`, `p-${LARGEST + 2}`],
  ...["p-9007199254740992", "p-9007199254740993", "p-18446744073709551616", `p-${"9".repeat(62)}`],
  ...[
    '"',
    "\\",
    '\\"',
    "'",
    "''",
    'p"-1',
    'p"-2',
    "p\\-1",
    "p\\-2",
    "p'-1",
    "p'-2",
    '","text":"x',
    "\\u0041",
    "A",
    "\\n-1",
  ],
  ...["%", "_", "p%-1", "p_-1", "*", "?", "@alice", "#lab", ";--", "[]", "{}", "null", "true", "}"],
  ...[
    "constructor",
    "__proto__",
    "__proto__-1",
    "toString-1",
    "x".repeat(64),
    `${"x".repeat(62)}-1`,
    `${"x".repeat(62)}-2`,
  ],
  ...[`${"x".repeat(48)}-${LARGEST}`, `${"x".repeat(47)}-${LARGEST + 1}`, "-".repeat(64), `${"-".repeat(62)}-1`],
];

/** People who say things to rooms, each other and themselves, and say many of them again. */
export class People {
  readonly #random: Random;
  readonly #said: Draft[] = [];
  readonly #counts = new Map<string, number>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** What they say next, together. */
  batch(): Draft[] {
    const size = this.#random.between(1, this.#random.chance(0.01) ? MANY : MOST);
    return Array.from({ length: size }, () => {
      const isAgain = this.#said.length > 0 && this.#random.chance(0.3);
      const draft = isAgain ? this.#again() : this.#new();
      this.#said.push(draft);
      return draft;
    });
  }

  /** What was said before, often just now: the same, or under the same id something else, somewhere else or by another. */
  #again(): Draft {
    const { length } = this.#said;
    const first = this.#random.chance(0.5) ? Math.max(0, length - MOST) : 0;
    const draft = this.#said[this.#random.between(first, length - 1)]!;
    const chance = this.#random.next();
    if (chance < 0.6) return draft;
    if (chance < 0.75) return { ...draft, text: this.#text() };
    return chance < 0.9 ? { ...draft, to: this.#recipient() } : { ...draft, from: this.#random.pick(PEOPLE) };
  }

  #new(): Draft {
    const [from, to] = [this.#random.pick(PEOPLE), this.#recipient()];
    const draft: Draft = { to, from, id: this.#id(from, to), text: this.#text() };
    return this.#random.chance(0.05) ? { ...draft, cut: this.#random.between(1, 60_000) } : draft;
  }

  #recipient(): string {
    return this.#random.pick(this.#random.chance(0.6) ? ROOMS : PEOPLE);
  }

  #text(): string {
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.7) return `t${random.between(0, 9)}`; // so that another text may be the same again
    if (chance < 0.95) return `\u{1f469}\u200d\u{1f467} "é✓" \\ {\n\t','} ${random.next()}`;
    return random.pick(["x", "✓", "\u{1f469}", '"']).repeat(random.between(100, 4_000));
  }

  #id(from: string, to: string): string | undefined {
    const random = this.#random;
    const chance = random.next();
    if (chance < 0.35) return this.#next(`${from}${to}-`); // counted in each conversation
    if (chance < 0.55) return this.#next(`${from}-`); // counted in all together
    if (chance < 0.7) return `r${random.between(0, 2)}-${random.between(1, 300)}`; // in any order
    if (chance < 0.75) return `d-${LARGEST + 1 - Number(this.#next(""))}`; // backwards
    if (chance < 0.8) return `g-${10 * Number(this.#next(""))}`; // with gaps
    if (chance < 0.85) return `${from}-0${this.#next("")}`;
    if (chance < 0.88) return this.#next("n").padStart(64, '"\\x');
    if (chance < 0.92) return undefined; // the server gives one
    return random.pick(ODD);
  }

  /** This prefix with its next number. */
  #next(prefix: string): string {
    const count = (this.#counts.get(prefix) ?? 0) + 1;
    this.#counts.set(prefix, count);
    return `${prefix}${count}`;
  }
}
