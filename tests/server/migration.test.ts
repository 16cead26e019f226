import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import type { Draft, History } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { PATIENCE, REPOSITORY, run, temporaryFolder } from "../kit/harness.ts";
import { draftOf, Model, People } from "../kit/model.ts";
import { has } from "../kit/needs.ts";
import { Random } from "../kit/random.ts";
import { seenBy } from "../kit/rooms.ts";

setDefaultTimeout(PATIENCE);

/** What 1.0.0 would have stored: the schema of its data, and what people of every kind of id said. */
function writeOld(file: string, batches: number): Model {
  copyFileSync(join(REPOSITORY, "tests/fixtures/1.0.0/data/chat.db"), file);
  const [model, people] = [new Model(), new People(new Random(1), { acts: false })];
  using db = new Database(file);
  db.run("delete from messages");
  db.run("delete from confirmed");
  const insert = db.query("insert into messages values (?, ?, ?, ?, ?, ?, ?, ?)");
  db.transaction(() => {
    for (let batch = 0; batch < batches; batch++) model.store(people.batch());
    for (const [conversation, messages] of model.conversations)
      for (const { seq, from, id, to, at, text, cut } of messages)
        insert.run(conversation, seq, from, id, to.startsWith("#") ? null : to, at, text, cut ?? null);
    db.run("insert into confirmed values ('alice', 7), ('bob', 2)");
  })();
  return model;
}

const said = (text: string): Draft => ({ to: "#lab", from: "alice", id: `late-${text}`, text });

async function expectAll(history: History, model: Model): Promise<void> {
  await model.compare(history, new Random(2));
  expect([await seenBy(history, "alice"), await seenBy(history, "bob")]).toEqual([7, 2]);
}

test("what 1.0.0 has stored is there: every message, id and confirmation, also for a person with sqlite3", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const model = writeOld(file, 300);
  const { size } = statSync(file);
  const told: string[] = [];
  const history = openHistory(
    file,
    () => model.now,
    (progress) => told.push(progress),
  );
  await expectAll(history, model);
  const count = [...model.conversations.values()].flat().length;
  expect(told).toEqual([
    `Converted ${file}: ${count.toLocaleString("en")} messages are in the format of this version.`,
  ]);

  const random = new Random(3);
  const all = [...model.conversations.values()]
    .flat()
    .filter(({ id }) => !id.startsWith("~"))
    .map(draftOf);
  const again = Array.from({ length: 500 }, () => random.pick(all));
  model.take(again, await history.append(again));
  model.take(
    again.map((draft) => ({ ...draft, text: "another" })),
    await history.append(again.map((draft) => ({ ...draft, text: "another" }))),
  );
  await model.compare(history, random);
  const { epoch } = history;
  history.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(file).size).toBeLessThan(1.3 * size);
  expect(readdirSync(folder.path)).toEqual(["chat.db"]);

  using db = new Database(file);
  for (const [conversation, messages] of model.conversations) {
    const rows = db.query("select * from messages where conversation = ? order by seq").all(conversation);
    expect(rows).toEqual(messages.map((message) => toRow(conversation, message)));
  }
  db.close();
  const second = openHistory(file, undefined, () => expect.unreachable());
  expect(second.epoch).toBe(epoch);
  await expectAll(second, model);
  second.close();
});

function toRow(conversation: string, { seq, from, to, id, at, text, cut }: Message) {
  return { conversation, seq, sender: from, recipient: to, id, at, text, cut: cut ?? null };
}

test("what a server of 1.0.0 that was killed has left in its log is there, and the log is not taken for one of the new file", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const model = writeOld(file, 50);
  const late = [said("one"), said("two")];
  model.store(late);
  const values = model.conversations
    .get("#lab")!
    .slice(-2)
    .map(({ seq, from, id, at, text }) => `('#lab', ${seq}, '${from}', '${id}', null, ${at}, '${text}', null)`);
  const source = `import { Database } from "bun:sqlite";
    const db = new Database(${JSON.stringify(file)});
    db.run("pragma journal_mode = wal");
    db.run(${JSON.stringify(`insert into messages values ${values.join(", ")}`)});
    process.kill(process.pid, "SIGKILL");`;
  expect((await run([process.execPath, "-e", source])).code).not.toBe(0);
  expect(statSync(`${file}-wal`).size).toBeGreaterThan(0);
  const history = openHistory(file, () => model.now);
  await expectAll(history, model);
  model.take(late, await history.append(late));
  history.close();
  const again = openHistory(file);
  await expectAll(again, model);
  again.close();
});

test.if(has("strace"))("who is killed while it is converted finds the old file whole, or the new one", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const model = writeOld(file, 2_000);
  const source = `import { openHistory } from ${JSON.stringify(join(REPOSITORY, "server", "history.ts"))};
    openHistory(${JSON.stringify(file)});`;
  const convert = (...injected: string[]) => {
    const strace = [
      "strace",
      "-f",
      "-o",
      "/dev/null",
      ...injected.flatMap((one) => ["-e", `inject=${one}:signal=KILL`]),
    ];
    return Bun.spawn([...strace, process.execPath, "-e", source], { stderr: "ignore" }).exited;
  };
  const isOld = () => {
    using db = new Database(file, { readonly: true });
    return db.query<{ user_version: number }, []>("pragma user_version").get()!.user_version === 1;
  };
  for (const call of ["pwrite64:when=1", "pwrite64:when=60", "pwrite64:when=300", "fsync:when=1", "rename:when=1"]) {
    expect(await convert(call)).not.toBe(0);
    expect([call, isOld(), existsSync(`${file}.converted`)]).toEqual([call, true, true]);
  }
  expect(await convert("fsync:when=2")).not.toBe(0); // of the folder, after the new file has taken the old one's place
  expect(isOld()).toBeFalse();
  const history = openHistory(file);
  await expectAll(history, model);
  history.close();
});
