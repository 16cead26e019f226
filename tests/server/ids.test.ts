import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Draft } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { PATIENCE, temporaryFolder } from "../kit/harness.ts";
import { Model, People } from "../kit/model.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

const BATCHES = 400; // for each seed
const OPENED = 70; // batches, after which the history is closed and opened

test.each([1, 2, 3])(
  "ids of every kind are stored once, then repeated, or refused with another text (seed %d)",
  async (seed) => {
    using folder = temporaryFolder();
    const random = new Random(seed);
    const [model, people] = [new Model(), new People(random.fork())];
    const open = () => openHistory(join(folder.path, "chat.db"), () => model.now);
    let history = open();
    for (let batch = 1; batch <= BATCHES; batch++) {
      const drafts = people.batch();
      const outcomes = await history.append(drafts);
      people.heard(outcomes);
      try {
        model.take(drafts, outcomes);
      } catch (problem) {
        throw new Error(`seed ${seed}, batch ${batch}: ${(problem as Error).message}`);
      }
      if (batch % OPENED > 0) continue;
      history.close();
      history = open();
    }
    await model.compare(history, random);
    history.close();
    const { stored, repeated, refused, set, removed } = model.counts;
    expect(Math.min(stored, repeated, refused)).toBeGreaterThan(300);
    expect(Math.min(set, removed)).toBeGreaterThan(30);
  },
);

test("numbers that go on for long, leave gaps and come late are told from those that were there", async () => {
  using folder = temporaryFolder();
  const random = new Random(7);
  const model = new Model();
  const open = () => openHistory(join(folder.path, "chat.db"), () => model.now);
  let history = open();
  const said = (number: number): Draft => ({ to: "#lab", from: "alice", id: `a-${number}`, text: `${number}` });
  const other = (number: number): Draft => ({ ...said(number), from: "bob", id: `b.${number}` });
  const append = async (drafts: Draft[]) => model.take(drafts, await history.append(drafts));

  const last = 2_000;
  for (let from = 1; from <= last; from += 50)
    await append(Array.from({ length: 50 }, (_, n) => (n === 9 ? other(from + n) : said(from + n))));
  await append([last + 200, last + 201, last + 150, last + 151, last + 199].map(said));
  const numbers = Array.from({ length: last + 210 }, (_, n) => n + 1);
  const mixed = numbers.map((number) => ({ number, rank: random.next() })).sort((one, other) => one.rank - other.rank);
  while (mixed.length > 0) await append(mixed.splice(0, 300).map(({ number }) => said(number)));
  history.close();
  history = open();
  const some = numbers.filter(() => random.chance(0.2));
  await append(some.map(said));
  await append(some.map((number) => ({ ...said(number), text: "another" })));
  await model.compare(history, random);
  history.close();
  const repeated = last - last / 50 + 5;
  expect(model.counts).toEqual({
    stored: numbers.length + last / 50,
    repeated: repeated + some.length,
    refused: some.length,
    set: 0,
    removed: 0,
  });
});
