import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeBackup } from "../../server/backups.ts";
import { connect, receiveMessages } from "../../client.ts";
import { messagesOf, openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import {
  PASSWORD,
  PATIENCE,
  Wire,
  run,
  spawnServer,
  startTestServer,
  temporaryFolder,
  writeAccounts,
} from "../kit/harness.ts";
import { checkHistory, Model, People, readAll } from "../kit/model.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

const backup = (data: string) => run([process.execPath, "backup.ts", "--data", data]);
const forever = new AbortController().signal;

test("a backup made while people talk is a data folder of its own, and who comes back to it is told so", async () => {
  using folder = temporaryFolder();
  const [data, restored] = [join(folder.path, "data"), join(folder.path, "restored")];
  writeAccounts(data, ["alice", "bob"]);
  const server = await spawnServer(data, ["--rate", "0"]);
  const alice = await connect({ port: server.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
  const bob = await Wire.open(server.port);
  const { token } = await bob.login("bob");
  const { promise: reset, resolve: wasReset } = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const event of receiveMessages(alice)) if (event.type === "reset" && event.to === "#lab") wasReset();
  })();
  const said: Message[] = [];
  const talk = async (until: () => boolean) => {
    while (!until()) said.push(await alice.say("#lab", `line ${said.length + 1}`));
  };
  await talk(() => said.length === 200);
  await alice.say("bob", "read this when you are back");

  let done = false;
  const before = said.length;
  const copying = backup(data).finally(() => (done = true));
  await talk(() => done);
  const { code, stdout } = await copying;
  const last = await alice.say("#lab", "after the backup");

  expect(code).toBe(0);
  const path = stdout.trim();
  expect(readdirSync(path).sort()).toEqual(["chat.db", "secret.key", "users.json"]);
  for (const name of readdirSync(path)) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
  expect(server.output().match(/Backup made/g)).toHaveLength(1);
  expect(existsSync(join(data, "backup-now"))).toBeFalse();
  // Reading the file of the messages has not opened them to a second server.
  expect(await run([process.execPath, "server.ts", "--port", "0", "--data", data])).toMatchObject({ code: 4 });

  await server.kill9();
  mkdirSync(restored);
  cpSync(path, restored, { recursive: true });
  await using second = await spawnServer(restored, ["--port", String(server.port), "--rate", "0"]);
  alice.retryNow();
  await reset;
  const again = await alice.say("#lab", "once more");
  const carol = await Wire.open(second.port);
  await carol.login("alice");
  const { seq, backlog } = await carol.join("#lab", 0);
  const there = backlog.slice(0, -1);
  expect(there.length).toBeGreaterThanOrEqual(before);
  expect(there.length).toBeLessThan(last.seq);
  expect(there).toEqual(said.slice(0, there.length));
  expect([again.seq, backlog.at(-1)]).toEqual([there.length + 1, again]);
  expect(seq).toBe(again.seq);
  const bobAgain = await Wire.open(second.port);
  expect(await bobAgain.ask({ type: "login", user: "bob", token })).toMatchObject({ type: "ok", user: "bob" });
  expect(await bobAgain.next("message")).toMatchObject({ text: "read this when you are back" });
  await alice.close();
  await reading;
});

test("without a server the program makes the copy itself, and each gets a folder of its own", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  await alice.ask({ type: "say", to: "#lab", text: "hello" });
  await chat.server.stop();
  const [first, second] = [await backup(chat.data), await backup(chat.data)];
  expect([first.code, second.code]).toEqual([0, 0]);
  const copies = readdirSync(join(chat.data, "backup"));
  expect(copies.map((name) => join(chat.data, "backup", name)).sort()).toEqual([
    first.stdout.trim(),
    second.stdout.trim(),
  ]);
  const history = openHistory(join(first.stdout.trim(), "chat.db"));
  expect(await history.head("#lab")).toBe(1);
  history.close();
});

test("the copy is what was stored when it began, however much is written meanwhile", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const history = openHistory(file);
  let said = 0;
  const talk = async () => {
    const text = "✓".repeat(4_000); // 12 kB: 200 of them are a seventh of what the log takes before it is written back
    await history.append(Array.from({ length: 200 }, () => ({ to: "#lab", from: "bob", id: `b-${++said}`, text })));
  };
  while (said < 2_000) await talk();
  const copying = history.copy(join(folder.path, "copy.db"), forever);
  while (said < 6_000) {
    await talk();
    await new Promise((resume) => setImmediate(resume)); // appends alone would leave the copy no turn
  }
  await copying;
  history.close();

  const copy = openHistory(join(folder.path, "copy.db"));
  const head = await copy.head("#lab");
  expect(head).toBeGreaterThanOrEqual(2_000);
  expect(head).toBeLessThan(said);
  for (let seq = 0; seq < head; seq++)
    expect(messagesOf(await copy.read("#lab", seq, seq + 1))[0]?.id).toBe(`b-${seq + 1}`);
  copy.close();
});

test("a copy made while people talk has all that was acknowledged before, is whole, and goes on from there", async () => {
  using folder = temporaryFolder();
  const random = new Random(1);
  const [model, people] = [new Model(), new People(random.fork())];
  const [file, to] = [join(folder.path, "chat.db"), join(folder.path, "copy.db")];
  const history = openHistory(file, () => model.now);
  const talk = async () => {
    const drafts = people.batch();
    model.take(drafts, await history.append(drafts));
  };
  for (let batch = 0; batch < 300; batch++) await talk();
  const told = new Map<string, Message>();
  for (const [conversation, all] of model.conversations)
    for (const message of all) told.set(`${conversation} ${message.seq}`, { ...message });
  let copying = true;
  const copied = history.copy(to, forever).finally(() => (copying = false));
  while (copying) {
    await talk();
    await new Promise((resume) => setImmediate(resume));
  }
  await copied;
  await model.compare(history, random);
  history.close();

  const copy = openHistory(to);
  await checkHistory(copy, random, told);
  for (const [conversation, all] of model.conversations) {
    const copies = await readAll(copy, conversation);
    // What was removed after the copy was begun may be in it as it was.
    const asCopied = ({ removed, ...message }: Message, { text, removed: isGone }: Message) =>
      removed !== undefined && isGone === undefined
        ? { ...message, text }
        : { ...message, ...(removed !== undefined && { removed }) };
    expect(copies).toEqual(all.slice(0, copies.length).map((one, i) => asCopied(one, copies[i]!)));
  }
  const head = await copy.head("#lab");
  const [next] = await copy.append([{ to: "#lab", from: "alice", id: "of the copy alone", text: "hello" }]);
  expect(next).toMatchObject({ stored: [{ message: { seq: head + 1 } }] });
  copy.close();
  using whole = new Database(to);
  expect(whole.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
});

test("a copy that is given up leaves nothing behind, and the next one sweeps up after a power cut", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice"]);
  const history = openHistory(join(folder.path, "chat.db"));
  await history.append([{ to: "#lab", from: "alice", id: "1", text: "hello" }]);
  mkdirSync(join(folder.path, "backup", "2026-01-01T00-00-00Z.tmp"), { recursive: true });
  writeFileSync(join(folder.path, "backup", "2026-01-01T00-00-00Z.tmp", "chat.db"), "half");

  const given = makeBackup(folder.path, history, Date.now, AbortSignal.abort(new Error("the server stops")));
  expect(await given.catch((problem: Error) => problem.message)).toBe("the server stops");
  expect(readdirSync(join(folder.path, "backup"))).toEqual([]);
  const path = await makeBackup(folder.path, history, () => Date.UTC(2026, 10, 21, 9, 30), forever);
  expect(path).toBe(join(folder.path, "backup", "2026-11-21T09-30-00Z"));
  await history.append([{ to: "#lab", from: "alice", id: "2", text: "and on" }]);
  expect(await history.head("#lab")).toBe(2);
  history.close();
});

test("a backup that cannot be written is told, and the chat goes on", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  writeFileSync(join(chat.data, "backup"), "a file where the folder should be");
  const watcher = watch(chat.data, () => chat.server.sweep());
  const { code, stderr } = await backup(chat.data);
  watcher.close();
  expect([code, stderr]).toEqual([1, `The backup failed; ${join(chat.data, "log", "app.log")} says why.\n`]);
  expect(chat.log()).toContain("ERROR - Cannot make a backup");
  expect(await alice.ask({ type: "say", to: "#lab", text: "hello" })).toMatchObject({ type: "message", seq: 1 });
});

test("where there is no chat, nothing is made", async () => {
  using folder = temporaryFolder();
  const { code, stderr } = await backup(folder.path);
  expect([code, stderr]).toEqual([
    4,
    `There is no ${join(folder.path, "chat.db")}. Name the server's folder with --data.\n`,
  ]);
  expect(readdirSync(folder.path)).toEqual([]);
});
