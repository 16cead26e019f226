import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { inboxOf } from "../../server/conversations.ts";
import type { Draft, History } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { isRoom } from "../../shared/names.ts";
import { PATIENCE, temporaryFolder } from "../kit/harness.ts";
import { readAll } from "../kit/model.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

const FULL_LOG = 16_000_000; // bytes
const DAY = 86_400_000;
const PEOPLE = ["alice", "bob", "carol"];
const BYSTANDER = "dave"; // nothing of whom is removed
const ROOMS = ["#lab", "#den", "#attic"];
const SIZES = [1, 2, 3, 9, 40, 200, 900, 1_500, 4_000]; // characters, beside the mark of a text

/** Every byte of every file in a folder. */
function bytes(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
}
/** Which of these marks are in some bytes, and how often. */
function marksIn(content: Buffer): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [mark] of content.toString("latin1").matchAll(/mark-[0-9a-z]+-end/g))
    counts.set(mark, (counts.get(mark) ?? 0) + 1);
  return counts;
}

/** People who say texts of every size, each with a mark of its own, and a history that removes some of them. */
class Chat {
  now = Date.UTC(2026, 10, 21);
  readonly gone = new Set<string>(); // marks of what was removed
  readonly kept = new Set<string>(); // of what was not
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  draft(): Draft {
    const random = this.#random;
    const mark = `mark-${(++this.#count).toString(36)}-end`;
    const id = random.pick([`p-${this.#count}`, mark.slice(5, -4), undefined, `"${this.#count}`.padEnd(60, "\\")]);
    const size = random.chance(0.1) ? random.pick(SIZES) : random.between(0, 60);
    const text = mark + random.pick(["x", "✓", '"', "\u{1f469}"]).repeat(size);
    return { to: random.pick(random.chance(0.7) ? ROOMS : PEOPLE), from: random.pick(PEOPLE), id, text };
  }

  async say(history: History, count: number): Promise<void> {
    const drafts = Array.from({ length: count }, () => this.draft());
    await history.append(drafts);
    for (const { text } of drafts) this.kept.add(/^mark-\w+-end/.exec(text)![0]);
  }

  /** Removes single messages everywhere, in any order, some of them together. */
  async remove(history: History, chance: number): Promise<void> {
    const acts: Draft[] = [];
    for (const conversation of [...ROOMS, ...PEOPLE.map(inboxOf)])
      for (const { to, from, seq: on, id, text, act, removed } of await readAll(history, conversation)) {
        if (act !== undefined || removed !== undefined || from === BYSTANDER || !this.#random.chance(chance)) continue;
        if (!isRoom(to) && conversation !== inboxOf(from)) continue;
        const goOn = async () => true;
        const theirs = isRoom(to) ? undefined : await history.find(inboxOf(to), from, id, { goOn });
        acts.push({ to, from, text: "", act: { act: "remove", of: from, on, last: 1, theirs } });
        this.#lost(text);
      }
    while (acts.length > 0) {
      const outcomes = await history.append(acts.splice(0, this.#random.between(1, 20)));
      for (const outcome of outcomes) expect(outcome).toHaveProperty("stored");
    }
  }

  /** Removes the last messages of somebody in a room, if there are any. */
  async removeLast(history: History): Promise<void> {
    const [to, of, last] = [this.#random.pick(ROOMS), this.#random.pick(PEOPLE), this.#random.between(1, 3)];
    const [outcome] = await history.append([{ to, from: of, text: "", act: { act: "remove", of, last } }]);
    if (!("stored" in outcome!)) return;
    const { on, through } = outcome.stored[0]!.message;
    for (const text of (await history.removed(to, on!, through!)).values()) this.#lost(text);
  }
  #lost(text: string): void {
    const mark = /^mark-\w+-end/.exec(text)![0];
    this.gone.add(mark);
    this.kept.delete(mark);
  }

  /** Marks of what was removed and is in the folder all the same. A text that lies on two pages is not looked for. */
  traces(folder: string): string[] {
    const found = marksIn(bytes(folder));
    return [...this.gone].filter((mark) => found.has(mark));
  }
  /** Throws unless exactly that is in a history which was not removed. */
  async check(history: History): Promise<void> {
    const all = await Promise.all([...ROOMS, ...PEOPLE.map(inboxOf)].map((name) => readAll(history, name)));
    const marks = marksIn(
      Buffer.from(
        all
          .flat()
          .map(({ text }) => text)
          .join("\n"),
      ),
    );
    expect([...marks.keys()].sort()).toEqual([...this.kept].sort());
  }
}

test.each([1])(
  "what was removed is in no byte of any file a week later, however it was stored; all else is there (seed %d)",
  async (seed) => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    const random = new Random(seed);
    const chat = new Chat(random.fork());
    const history = openHistory(file, () => chat.now);
    expect(await history.erase()).toBe(false);
    for (const chance of [0.02, 0.5]) {
      // One at a time, until their runs are merged and moved to the index; then in bulk.
      for (let n = 0; n < 1_300; n++) {
        await chat.say(history, 1);
        if (random.chance(0.2)) await chat.removeLast(history);
      }
      for (let n = 0; n < 40; n++) await chat.say(history, 100);
      await chat.remove(history, chance);
      await chat.say(history, 100);
      chat.now += 8 * DAY;
      expect(await history.erase()).toBe(true);
      expect([chance, chat.traces(folder.path)]).toEqual([chance, []]);
      await chat.check(history);
      expect(statSync(`${file}-wal`).size).toBeGreaterThan(FULL_LOG);
      expect(await history.erase()).toBe(false);
    }
    // What was cleaned stays so, whatever is written later, into the same pages too.
    const erased = new Set(chat.gone);
    await chat.remove(history, 0.3);
    for (let n = 0; n < 1_300; n++) await chat.say(history, 1);
    history.close();
    expect(chat.traces(folder.path).filter((mark) => erased.has(mark))).toEqual([]);
    using db = new Database(file);
    expect(db.query("pragma integrity_check").get()).toEqual({ integrity_check: "ok" });
    expect(chat.gone.size).toBeGreaterThan(500);
  },
);

test("what was removed in a room is kept for a week, once; a private message is gone at once", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  let now = Date.UTC(2026, 10, 21);
  let history = openHistory(file, () => now);
  const room: Draft = { to: "#lab", from: "bob", id: "b-1", text: "mark-room-end" };
  const direct: Draft = { to: "alice", from: "bob", id: "b-2", text: "mark-direct-end" };
  await history.append([room, direct]);
  await history.append([
    { to: "#lab", from: "alice", text: "", act: { act: "remove", of: "bob", on: 1, last: 1 } },
    { to: "alice", from: "bob", text: "", act: { act: "remove", of: "bob", on: 1, theirs: 1, last: 1 } },
  ]);
  expect(await history.erase()).toBe(true);
  expect(marksIn(bytes(folder.path))).toEqual(new Map([["mark-room-end", 1]]));
  expect(await history.removed("#lab", 1, 9)).toEqual(new Map([[1, "mark-room-end"]]));
  now += 7 * DAY - 1;
  expect(await history.erase()).toBe(false);
  now += 1;
  // A server that is killed before it has erased everything does so at its next start.
  history.close();
  history = openHistory(file, () => now);
  expect(await history.erase()).toBe(true);
  expect(marksIn(bytes(folder.path))).toEqual(new Map());
  expect(await history.removed("#lab", 1, 9)).toEqual(new Map());
  history.close();
});

test("people speak and a copy is made while traces are overwritten; a history that is closed meanwhile stops", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const random = new Random(4);
  const chat = new Chat(random.fork());
  let history = openHistory(file, () => chat.now);
  const long = { to: "#lab", from: BYSTANDER, text: "y".repeat(4_000) };
  for (let n = 0; n < 40; n++) await history.append(Array.from({ length: 100 }, () => long)); // many slices
  for (let n = 0; n < 1_300; n++) await chat.say(history, 1);
  await chat.remove(history, 0.3);
  chat.now += 8 * DAY;
  let isErased = false;
  const erasing = history.erase().then(() => (isErased = true));
  const copying = history.copy(join(folder.path, "copy.db"), new AbortController().signal);
  let said = 0;
  for (; !isErased; said++) {
    await chat.say(history, 5);
    await new Promise((resume) => setImmediate(resume));
  }
  await Promise.all([erasing, copying]);
  expect(said).toBeGreaterThan(5);
  expect(chat.traces(folder.path)).toEqual([]);
  const copy = openHistory(join(folder.path, "copy.db"));
  expect(await readAll(copy, "#lab").then(({ length }) => length)).toBeGreaterThan(4_000);
  copy.close();
  rmSync(join(folder.path, "copy.db"));

  await chat.remove(history, 0.1);
  const stopped = history.erase();
  await new Promise((resume) => setImmediate(resume));
  history.close();
  expect(await stopped).toBe(false);
  history = openHistory(file, () => chat.now);
  chat.now += 8 * DAY;
  expect(await history.erase()).toBe(true);
  expect(chat.traces(folder.path)).toEqual([]);
  history.close();
});
