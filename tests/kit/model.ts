// model.ts: what a history must answer, whatever it keeps things in: a model of it in Maps, and people who talk to it with ids
// of every kind. Called by ids.test.ts, backups.test.ts, durability.test.ts and kills.ts.

import type { Draft, History, Outcome } from "../../server/history.ts";
import { messagesOf } from "../../server/history.ts";
import type { Act, RemoveAct, SetAct } from "../../server/acts.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import type { StoredSetting } from "../../server/settings.ts";
import { removeText } from "../../shared/acts.ts";
import { isRoom } from "../../shared/names.ts";
import type { Message } from "../../protocol.ts";
import { encode } from "../../protocol.ts";
import type { Random } from "./random.ts";

export class Model {
  /** The clock of the history: ms since 1970. */
  now = Date.UTC(2026, 10, 21);
  /** Every conversation, as it must be read. */
  readonly conversations = new Map<string, Message[]>();
  /** What is set, by place, key and whom it is about. */
  readonly settings = new Map<string, StoredSetting>();
  /** What removed messages of rooms said, by room and seq. */
  readonly removed = new Map<string, Map<number, string>>();
  readonly counts = { stored: 0, repeated: 0, refused: 0, set: 0, removed: 0 };
  readonly #answers = new Map<string, Message>(); // by conversation, sender and id

  /** Takes a batch and what became of it; throws at the first outcome that is another than it must be. The clock goes on. */
  take(drafts: readonly Draft[], outcomes: readonly Outcome[]): void {
    const expected = drafts.map((draft) => this.#store(draft));
    for (const [place, draft] of drafts.entries())
      same(
        outcomes[place]!,
        told(expected[place]!),
        `what became of ${JSON.stringify(draft)}, ${place + 1} of ${drafts.length}`,
      );
    same(outcomes.length, drafts.length, "the number of outcomes");
    this.now += drafts.length % 3 === 0 ? -7 : 1_000; // clocks are set back, too
  }

  /** Takes a batch, whatever becomes of it. */
  store(drafts: readonly Draft[]): void {
    for (const draft of drafts) this.#store(draft);
  }

  #store(draft: Draft): Outcome {
    const { to, from, id, text, cut, host, act } = draft;
    const own = answeredIn(draft);
    const key = JSON.stringify([own, from, id]);
    const known = this.#answers.get(key);
    if (id !== undefined && known !== undefined) {
      const isSame = known.to === to && says(known, draft);
      this.counts[isSame ? "repeated" : "refused"]++;
      return isSame ? { repeated: known } : { refused: { code: "id_reused" } };
    }
    const conversations = isRoom(to) || to === from ? [own] : [own, inboxOf(to)];
    const removed = act?.act === "remove" ? this.#meant(draft, act, conversations) : [];
    if (act?.act === "remove" && removed.length === 0) {
      this.counts.refused++;
      return { refused: { code: "bad_request", text: `There is nothing of ${act.of} to remove here.` } };
    }
    this.counts.stored++;
    const given = id ?? `~${this.#all(own).length + 1}`;
    const stored = conversations.map((conversation, copy) => {
      const all = this.#all(conversation);
      const message: Message = { type: "message", to, seq: all.length + 1, from, id: given, at: this.now, text };
      if (cut !== undefined) message.cut = cut;
      if (host) message.host = true;
      if (act?.act === "set") {
        const { key, value, of } = act;
        Object.assign(message, { act: "set", key, value }, of !== undefined && { of });
      }
      if (act?.act === "remove") {
        const { length, 0: first } = removed[copy]!;
        const [on, through] = [first!.seq, removed[copy]!.at(-1)!.seq];
        message.text = removeText(act.of, from, length);
        Object.assign(message, { act: "remove", value: `${length}`, of: act.of, on, through });
      }
      all.push(message);
      return { conversation, message, line: "" };
    });
    if (act?.act === "set") this.#set(stored[0]!.message, act);
    for (const [copy, messages] of removed.entries())
      for (const message of messages) this.#empty(conversations[copy]!, message, from);
    if (id !== undefined) this.#answers.set(key, stored[0]!.message);
    return { stored };
  }

  #all(conversation: string): Message[] {
    const known = this.conversations.get(conversation) ?? [];
    this.conversations.set(conversation, known);
    return known;
  }

  /** What an act removes in each of these conversations; nothing at all if it is not there. */
  #meant({ to, from }: Draft, act: RemoveAct, conversations: readonly string[]): Message[][] {
    const { of, on, through = on, theirs, last } = act;
    const of_ = (conversation: string) =>
      this.#all(conversation).filter((one) => one.from === of && one.act === undefined && one.removed === undefined);
    if (isRoom(to)) {
      const all = of_(to);
      const meant = on === undefined ? all.slice(-last) : all.filter(({ seq }) => seq >= on && seq <= through!);
      return meant.length === 0 ? [] : [meant];
    }
    if (of !== from) return [];
    const copies = conversations.map((conversation, copy) =>
      of_(conversation).find((one) => one.to === to && one.seq === (copy === 0 ? on : theirs)),
    );
    const isOne = copies.every((one) => one !== undefined && one.id === copies[0]!.id);
    return isOne ? copies.map((one) => [one!]) : [];
  }

  #empty(conversation: string, message: Message, by: string): void {
    this.counts.removed++;
    if (isRoom(conversation)) {
      const texts = this.removed.get(conversation) ?? new Map<number, string>();
      this.removed.set(conversation, texts.set(message.seq, message.text));
    }
    delete message.cut;
    Object.assign(message, { text: "(removed)", removed: by });
  }

  #set({ to, from }: Message, { key, value, of, members = [] }: SetAct): void {
    this.counts.set++;
    const place = of === "*" ? "*" : isRoom(to) ? to : `@${to}`;
    const put = (key: string, of: string, value: string) =>
      this.settings.set(JSON.stringify([place, key, of]), { place, key, of, value, by: from });
    const whom = key === "member" ? of! : "";
    if (["off", "0", "", "all", "open"].includes(value)) this.settings.delete(JSON.stringify([place, key, whom]));
    else put(key, whom, value);
    if (key !== "door") return;
    for (const [name, setting] of this.settings)
      if (setting.place === place && setting.key === "member") this.settings.delete(name);
    if (value === "on") for (const member of members) put("member", member, "on");
  }

  /** Throws unless a history holds exactly this: every message in its place, read forwards, backwards and in between. */
  async compare(history: History, random: Random): Promise<void> {
    same(await history.head("#never"), 0, "the head of a conversation that is none");
    const sorted = (settings: StoredSetting[]) =>
      settings.map((one) => JSON.stringify(Object.entries(one).sort())).sort();
    same(sorted(await history.settings()), sorted([...this.settings.values()]), "what is set");
    for (const [conversation, all] of this.conversations) {
      const texts = [...(await history.removed(conversation, 1, all.length))].sort(([one], [other]) => one - other);
      const kept = [...(this.removed.get(conversation) ?? [])].sort(([one], [other]) => one - other);
      same(texts, kept, `what was removed in ${conversation}`);
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

/** An outcome as it is told once the batch is done, for what one draft stores a later one may remove. */
function told(outcome: Outcome): Outcome {
  if (!("stored" in outcome)) return outcome;
  return { stored: outcome.stored.map((copy) => ({ ...copy, line: encode(copy.message) })) };
}

/** Whether a stored message is what this draft would have become. */
function says(known: Message, { text, act }: Draft): boolean {
  if (act === undefined) return known.act === undefined && (known.removed !== undefined || known.text === text);
  if (known.act !== act.act || known.of !== act.of) return false;
  if (act.act === "remove") {
    const { on, through = on } = act;
    return on === undefined || (on <= known.on! && through! >= known.through!);
  }
  const isTime = (value: string) => ["lock", "mute", "ban"].includes(act.key) && Number(value) > 0;
  return known.key === act.key && (known.value === act.value || (isTime(known.value!) && isTime(act.value)));
}

/** What must have been said to be stored as this message. */
export function draftOf({ to, from, id, text, cut, host, act, key, value, of, on, through }: Message): Draft {
  const acts: Record<string, Act> = {
    set: { act: "set", key: key as SetAct["key"], value: value!, of },
    remove: { act: "remove", of: of!, on, through, last: 1 },
  };
  const made = acts[act ?? ""];
  return { to, from, id, text, ...(cut !== undefined && { cut }), ...(host && { host }), ...(made && { act: made }) };
}

/** Throws unless exactly those messages are empty that an act has removed. */
function checkRemoved(conversation: string, all: readonly Message[]): void {
  const by = new Map<number, string>();
  for (const { act, seq, from, of, on, through } of all)
    if (act === "remove")
      for (const one of all.slice(on! - 1, through))
        if (one.from === of && one.act === undefined && one.seq < seq && !by.has(one.seq)) by.set(one.seq, from);
  for (const { seq, text, removed } of all) {
    same(removed, by.get(seq), `who has removed ${seq} of ${conversation}`);
    if (removed !== undefined) same(text, "(removed)", `what is left in ${seq} of ${conversation}`);
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
  for (const conversation of CONVERSATIONS) {
    const all = await readAll(history, conversation);
    checkRemoved(conversation, all);
    for (const message of all) {
      const { to, seq, from, id, removed } = message;
      const promised = told.get(`${conversation} ${seq}`);
      const { cut: _, ...uncut } = promised ?? message;
      const expected = removed === undefined ? promised : { ...uncut, text: message.text, removed };
      if (promised !== undefined) same(message, expected, `${conversation} ${seq}`);
      if (promised !== undefined) kept++;
      stored++;
      const key = JSON.stringify([from, id]);
      if (!isRoom(to) && from !== to && !halves.delete(key)) halves.add(key);
      if (answeredIn(message) !== conversation) continue;
      if (answers.has(conversation + key)) throw new Error(`${conversation} has ${key} twice`);
      answers.set(conversation + key, message);
    }
  }
  if (kept < told.size) throw new Error(`${told.size} messages were told and ${kept} of them are there`);
  if (halves.size > 0) throw new Error(`only one copy is there of ${[...halves]}`);
  const all = [...answers.values()].filter(({ id }) => !id.startsWith("~")); // nobody retries with an id of the server
  const some = Array.from({ length: Math.min(RETRIES, all.length) }, () => random.pick(all));
  const repeated = some.map((message) => ({ repeated: message }));
  same(await history.append(some.map(draftOf)), repeated, "what became of retries");
  const others = some.map((message) => ({ ...draftOf(message), text: "another" }));
  const expected = some.map((message) =>
    message.act === undefined && message.removed === undefined
      ? { refused: { code: "id_reused" } }
      : { repeated: message },
  );
  same(await history.append(others), expected, "what became of other texts");
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

const KEYS: [SetAct["key"], string[]][] = [
  ["lock", ["on", "off", "1900000000000", "1900000000007"]],
  ["slow", ["0", "10", "30"]],
  ["topic", ["", "fractions", "✓"]],
  ["door", ["on", "off"]],
  ["member", ["on", "off"]],
];
const MOST_REMOVED = 7; // by one act
const REMEMBERED = 20; // direct messages that may be removed

/** People who say things to rooms, each other and themselves, and say many of them again; unless there are no `acts`, they also set
 *  things and remove what was said. */
export class People {
  readonly #random: Random;
  readonly #acts: boolean;
  readonly #said: Draft[] = [];
  #direct: Draft[] = []; // acts that remove direct messages
  readonly #counts = new Map<string, number>();

  constructor(random: Random, { acts = true } = {}) {
    this.#random = random;
    this.#acts = acts;
  }

  /** Takes in what became of what they said: only then is it known where a direct message is. */
  heard(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) {
      if (!("stored" in outcome) || isRoom(outcome.stored[0]!.message.to)) continue;
      const [{ message }, copy] = [outcome.stored[0]!, outcome.stored[1]];
      const { to, from, seq: on } = message;
      const act: Act = { act: "remove", of: from, on, last: 1, theirs: copy?.message.seq };
      this.#direct = [...this.#direct.slice(-REMEMBERED), { to, from, text: "", act }];
    }
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
    if (this.#acts && this.#random.chance(0.08)) return this.#act(from, to);
    const draft: Draft = { to, from, id: this.#id(from, to), text: this.#text() };
    return this.#random.chance(0.05) ? { ...draft, cut: this.#random.between(1, 60_000) } : draft;
  }

  #act(from: string, to: string): Draft {
    const random = this.#random;
    const id = this.#id(from, to);
    const host = random.chance(0.5) || undefined;
    if (!isRoom(to) && this.#direct.length > 0) return { ...random.pick(this.#direct), id, host };
    if (random.chance(0.4)) {
      const [key, values] = random.pick(KEYS);
      const of = key === "member" ? random.pick(PEOPLE) : random.chance(0.2) ? "*" : undefined;
      const act: Act = {
        act: "set",
        key,
        value: random.pick(values),
        of,
        members: PEOPLE.slice(0, random.between(0, 3)),
      };
      return { to, from, id, host, text: `set ${key}`, act };
    }
    const act: Act = { act: "remove", of: random.pick(PEOPLE), last: random.between(1, MOST_REMOVED) };
    if (random.chance(0.5)) act.on = random.between(1, Math.ceil(this.#said.length / 3));
    if (act.on !== undefined && random.chance(0.7)) act.through = act.on + random.between(0, 3 * MOST_REMOVED);
    return { to, from, id, host, text: "", act };
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
