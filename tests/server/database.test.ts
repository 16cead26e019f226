import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Event, Message } from "../../protocol.ts";
import { InUse } from "../../server/database.ts";
import type { Draft } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { startServer } from "../../server.ts";
import { PATIENCE, REPOSITORY, run, spawnServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const said = (text: string, id = text): Draft => ({ to: "#lab", from: "alice", text, id });

test("a second opener is refused, and the first goes on", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const history = openHistory(file);
  await history.append([said("one")]);
  expect(() => openHistory(file)).toThrow(/in use by another Banter server\. Stop that one first/);
  await history.append([said("two")]);
  expect(await history.head("#lab")).toBe(2);
  history.close();
});

test("two servers cannot use one data folder, also as two processes", async () => {
  using folder = temporaryFolder();
  await using first = await spawnServer(folder.path);
  const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);
  expect(problem).toMatchObject({ exitCode: 4, message: expect.stringContaining("in use by another Banter server") });
  await first.kill9();
  await (await startServer({ port: 0, data: folder.path })).stop(); // the lock went with its process
});

const sound = (() => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const history = openHistory(file);
  void history.append(Array.from({ length: 500 }, (_, n) => said("x".repeat(500), `id-${n}`)));
  history.close();
  return readFileSync(file);
})();
const foreign = (sql: string) => {
  using folder = temporaryFolder();
  const db = new Database(join(folder.path, "other.db"), { create: true });
  db.run(sql);
  db.close();
  return readFileSync(join(folder.path, "other.db"));
};
const scribbled = Buffer.from(sound).fill(0xa5, 8_192, 40_960);
/** A history of ours after this was done to it. */
const spoiled = (sql: string) => altered((file) => writeFileSync(file, sound), sql);
/** The same of a history of 1.0.0 with 500 messages more. */
const old = (sql: string) =>
  altered(
    (file) => copyFileSync(join(REPOSITORY, "tests/fixtures/1.0.0/data/chat.db"), file),
    `with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 500)
       insert into messages select '#cellar', n, 'alice', n, null, 0, hex(zeroblob(250)), null from numbers;
     ${sql}`,
  );
function altered(make: (file: string) => void, sql: string): Buffer {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  make(file);
  const db = new Database(file);
  db.run("pragma journal_mode = delete");
  db.run(sql);
  db.close();
  return readFileSync(file);
}
/** Without the unique index of this table. */
const withoutKey = (table: string, columns: string) =>
  spoiled(`alter table ${table} rename to other; create table ${table} as select * from other; drop table other;
    ${columns}`);

test.each<[string, Uint8Array, RegExp]>([
  ["no database at all", Buffer.from("hello, this is not a database\n".repeat(100)), /damaged/],
  ["a single byte", Buffer.of(0), /damaged/],
  ["cut off in the middle", sound.subarray(0, sound.length / 2), /damaged/],
  ["scribbled over", scribbled, /damaged/],
  ["of 1.0.0, scribbled over", old("select 1").fill(0xa5, 16_384, 40_960), /damaged/],
  ["made by a newer version", foreign("create table messages (a); pragma user_version = 99"), /newer Banter/],
  ["of another program", foreign("create table recipes (a)"), /holds no messages of Banter/],
  [
    "of another program's first version",
    foreign("create table recipes (a); pragma user_version = 1"),
    /no messages of/,
  ],
  [
    "of another program, with a write-ahead log",
    foreign("pragma journal_mode = wal; create table recipes (a); pragma user_version = 1"),
    /no messages of/,
  ],
  ["with other messages", foreign("create table messages (a, text); pragma user_version = 1"), /no messages of/],
  ["without an index of its runs", withoutKey("runs", ""), /is damaged \(its index "runs" is missing\)/],
  [
    "with two of a run",
    withoutKey("runs", "create index place on runs (conversation, last)"),
    /is damaged \(its index "runs" is missing\)/,
  ],
  ["without what knows a retry", withoutKey("ids", ""), /is damaged \(its index "ids" is missing\)/],
  ["of 1.0.0 without an order", old("drop index place"), /is damaged \(its index "place" is missing\)/],
  [
    "of 1.0.0 with two of a place",
    old("drop index place; create index place on messages (conversation, seq)"),
    /is damaged \(its index "place" is missing\)/,
  ],
  ["of 1.0.0 without what knows a retry", old("drop index once"), /is damaged \(its index "once" is missing\)/],
  [
    "of 1.0.0 without one of its messages",
    old("delete from messages where conversation = '#cellar' and seq = 17"),
    /is damaged \(a message of #cellar before 18 is missing\)/,
  ],
])("%s stops the start with one sentence that names it and is left as it is", async (_, content, why) => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  writeFileSync(file, content);

  const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);

  expect(problem.exitCode).toBe(4);
  expect(problem.message).toMatch(why);
  expect(problem.message).toStartWith(file);
  expect(problem.message).not.toContain("\n");
  expect([why, /Restore a copy/.test(problem.message)]).toEqual([why, /damaged/.test(problem.message)]);
  expect(readFileSync(file).equals(Buffer.from(content))).toBeTrue();
  expect(readdirSync(folder.path)).toEqual(["chat.db"]);
});

test("what a newer Banter had not finished when it was killed is left as it is", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  writeFileSync(file, sound);
  const script = `import { Database } from "bun:sqlite";
    const db = new Database(${JSON.stringify(file)});
    db.run("pragma journal_mode = wal; pragma user_version = 3; pragma wal_checkpoint(truncate)");
    db.run("create table newer (a)");
    process.kill(process.pid, "SIGKILL");`;
  expect((await run([process.execPath, "-e", script])).code).not.toBe(0);
  const contents = () =>
    readdirSync(folder.path).map((name) => [name, Bun.hash(readFileSync(join(folder.path, name)))]);
  const before = contents();
  expect(before.map(([name]) => name)).toContain("chat.db-wal");
  expect(() => openHistory(file)).toThrow(
    `${file} was made by a newer Banter (format 3; this one knows 2). Run that one, or choose another --data folder.`,
  );
  expect(contents()).toEqual(before);
});

test("a link stays one, and what it leads to is used", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "disk"));
  const [file, target] = [join(folder.path, "chat.db"), join(folder.path, "disk", "messages.db")];
  symlinkSync("disk/messages.db", file);
  for (const round of [1, 2]) {
    const history = openHistory(file);
    await history.append([said(`hello ${round}`)]);
    expect(await history.head("#lab")).toBe(round);
    expect(() => openHistory(target)).toThrow(InUse);
    history.close();
  }
  expect([readlinkSync(file), readdirSync(folder.path).sort()]).toEqual(["disk/messages.db", ["chat.db", "disk"]]);
});

test("a folder in its place, and a folder that cannot be made", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "chat.db"));
  expect(() => openHistory(join(folder.path, "chat.db"))).toThrow(/chat\.db/);
  writeFileSync(join(folder.path, "file"), "");
  const problem = await startServer({ port: 0, data: join(folder.path, "file") }).catch((problem) => problem);
  expect(problem).toMatchObject({ exitCode: 4, message: expect.stringContaining(join(folder.path, "file")) });
  expect(existsSync(join(folder.path, "file", "chat.db"))).toBeFalse();
});

describe("a large history, of which a line was changed on disk", () => {
  const MARK = "needle in the middle";
  const large = (() => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    const history = openHistory(file);
    const texts = Array.from({ length: 3_000 }, (_, n) => (n === 1_500 ? MARK : `${n}`).padEnd(3_900, "x"));
    for (let n = 0; n < texts.length; n += 300)
      void history.append(texts.slice(n, n + 300).map((text, i) => said(text, `id-${n + i + 1}`)));
    history.close();
    const content = readFileSync(file);
    content.write("N", content.indexOf(MARK));
    return content;
  })();

  test("its server starts, tells what is whole, and finds the damage before the line is told; a backup says so", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    writeFileSync(file, large);
    writeAccounts(folder.path, ["alice"]);
    await using server = await spawnServer(folder.path, ["--no-web"]);
    const open = async () => {
      const alice = await Wire.open(server.port);
      await alice.login("alice");
      await alice.join("#lab");
      return alice;
    };
    const page = async (alice: Wire, before: number) => {
      const { messages } = await alice.ask({ type: "history", to: "#lab", limit: 3, before });
      return messages.map(({ seq }: Message) => seq);
    };
    const alice = await open();
    expect(await page(alice, 3_001)).toEqual([2_998, 2_999, 3_000]);
    expect(await page(alice, 1_400)).toEqual([1_397, 1_398, 1_399]);
    const questions = [
      { type: "history", to: "#lab", limit: 3, before: 1_502 },
      { type: "history", to: "#lab", match: MARK },
      { type: "join", to: "#lab", since: 1_490 },
    ];
    for (const question of questions) {
      const one = await open();
      one.send({ ...question, id: "q" });
      const seen: Event[] = [];
      const isFailure = (event: Event) => seen.push(event) > 0 && event.type === "error";
      expect(await one.next(isFailure)).toMatchObject({ code: "internal" });
      expect(JSON.stringify(seen)).not.toContain("eedle");
    }
    expect(readFileSync(join(folder.path, "log", "app.log"), "utf8")).toContain(`${file} is damaged (what was said`);
    expect(await page(alice, 1_400)).toEqual([1_397, 1_398, 1_399]);

    const backup = await run([process.execPath, "backup.ts", "--data", folder.path]);
    expect(backup).toMatchObject({ code: 1, stdout: "" });
    expect(backup.stderr).toMatch(/backup.*chat\.db is damaged \(what was said .*\)\. .* use an older backup\.\n$/);
  });

  test("it is found at the start when a server was killed", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    writeFileSync(file, large);
    openHistory(file).close();
    writeFileSync(`${file}-wal`, "what a server that was killed has left");
    expect(() => openHistory(file)).toThrow(`${file} is damaged (what was said`);
    expect(readFileSync(file).equals(large)).toBeTrue();
  });
});
