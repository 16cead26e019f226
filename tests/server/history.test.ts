import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Draft, History } from "../../server/history.ts";
import type { Position } from "../../server/positions.ts";
import { messagesOf, openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import { encode, LIMITS } from "../../protocol.ts";
import {
  PASSWORD,
  PATIENCE,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** A history of its own, closed and gone at the end of the scope. */
function openTemporary(now?: () => number): { history: History; file: string } & Disposable {
  const folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const history = openHistory(file, now);
  return {
    history,
    file,
    [Symbol.dispose]() {
      history.close();
      folder[Symbol.dispose]();
    },
  };
}

let serial = 0;
const said = (to: string, from: string, text: string, id = `id-${++serial}`): Draft => ({ to, from, text, id });
/** A search that may always go on. */
const search = (match: string) => ({ match, goOn: async () => true });
const position = (account: string, conversation: string, seq?: number): Position => ({ account, conversation, seq });
const read = async (history: History, conversation: string, after: number, upTo: number) =>
  messagesOf(await history.read(conversation, after, upTo));
const texts = (messages: { text: string }[]) => messages.map(({ text }) => text);

describe("append and read", () => {
  test("every conversation counts for itself, without holes, in the order of the drafts", async () => {
    using open = openTemporary(() => 1763668800000);
    const { history } = open;
    const outcomes = await history.append([
      said("#lab", "alice", "one", "a1"),
      said("#attic", "alice", "first", "a2"),
      { ...said("#lab", "bob", "two", "b1"), cut: 3 },
    ]);

    const at = 1763668800000;
    const messages: Message[] = [
      { type: "message", to: "#lab", seq: 1, from: "alice", id: "a1", at, text: "one" },
      { type: "message", to: "#attic", seq: 1, from: "alice", id: "a2", at, text: "first" },
      { type: "message", to: "#lab", seq: 2, from: "bob", id: "b1", at, text: "two", cut: 3 },
    ];
    expect(outcomes).toEqual(
      messages.map((message) => ({ stored: [{ conversation: message.to, message, line: encode(message) }] })),
    );
    await history.append([said("#lab", "alice", "three")]);
    expect((await read(history, "#lab", 0, 3)).map(({ seq, text }) => [seq, text])).toEqual([
      [1, "one"],
      [2, "two"],
      [3, "three"],
    ]);
    expect(texts(await read(history, "#lab", 1, 2))).toEqual(["two"]);
    expect(await read(history, "#lab", 3, 3)).toEqual([]);
    expect([await history.head("#lab"), await history.head("#attic"), await history.head("#void")]).toEqual([3, 1, 0]);
  });

  test("a direct message has a copy in either inbox, one to oneself has one", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append([
      said("bob", "carol", "hi"),
      said("bob", "alice", "psst", "a1"),
      said("alice", "alice", "milk"),
    ]);

    expect(await read(history, "@alice", 0, 9)).toMatchObject([
      { seq: 1, to: "bob", from: "alice", id: "a1", text: "psst" },
      { seq: 2, to: "alice", from: "alice", text: "milk" },
    ]);
    expect(await read(history, "@bob", 0, 9)).toMatchObject([
      { seq: 1, to: "bob", from: "carol" },
      { seq: 2, to: "bob", from: "alice", id: "a1", text: "psst" },
    ]);
  });

  test("what was stored is there after closing and opening, byte for byte", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    const text = "\u{1f469}\u200d\u{1f467} e\u0301 \0 ' \" \\ \t\n" + "x".repeat(4_000);
    const first = openHistory(file);
    const [outcome] = await first.append([said("#lab", "alice", text)]);
    first.close();

    const second = openHistory(file);
    expect(await read(second, "#lab", 0, 1)).toEqual([(outcome as any).stored[0].message]);
    second.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("the same sender and id again is the same message; with another text it is refused", async () => {
    using open = openTemporary();
    const { history } = open;
    const [first] = await history.append([said("#lab", "alice", "once", "a1")]);
    const message = (first as any).stored[0].message;

    expect(await history.append([said("#lab", "alice", "once", "a1"), said("#lab", "alice", "twice", "a1")])).toEqual([
      { repeated: message },
      { refused: { code: "id_reused" } },
    ]);
    const [direct, again, elsewhere] = await history.append([
      said("bob", "alice", "psst", "a1"),
      said("bob", "alice", "psst", "a1"),
      said("carol", "alice", "psst", "a1"),
    ]);
    expect(again).toEqual({ repeated: (direct as any).stored[0].message });
    expect(elsewhere).toEqual({ refused: { code: "id_reused" } });
    expect([await history.head("#lab"), await history.head("@bob"), await history.head("@carol")]).toEqual([1, 1, 0]);
  });

  test("how far an account has read is kept by conversation, never goes backwards, and survives", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "chat.db");
    const history = openHistory(file);
    expect(await history.positions("bob")).toEqual(new Map());
    await history.append([], [position("bob", "@bob", 7), position("bob", "#lab", 0)]);
    await history.append(
      [said("#lab", "alice", "x")],
      [
        position("bob", "@bob", 3),
        position("constructor", "@constructor", 1),
        position("bob", "#attic", 2),
        position("alice", "#lab", 1),
      ],
    );
    await history.append([], [position("bob", "#lab", 1), position("alice", "#lab"), position("alice", "#void")]);
    history.close();
    const again = openHistory(file);
    expect(await again.positions("bob")).toEqual(new Map(Object.entries({ "#attic": 2, "#lab": 1, "@bob": 7 })));
    expect(await again.positions("constructor")).toEqual(new Map([["@constructor", 1]]));
    expect(await again.positions("alice")).toEqual(new Map());
    again.close();
  });

  test("a full inbox refuses, until some of it is confirmed; retries still get their answer", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(Array.from({ length: LIMITS.inbox }, (_, n) => said("bob", "alice", "x", `old-${n + 1}`)));

    const [refused, retried] = await history.append([
      said("bob", "carol", "one more"),
      said("bob", "alice", "x", "old-7"),
    ]);
    expect(refused).toEqual({ refused: { code: "inbox_full" } });
    expect(retried).toMatchObject({ repeated: { seq: 7 } });
    expect(await history.head("@carol")).toBe(0);
    await history.append([], [position("bob", "@bob", 1)]);
    const [stored, full] = await history.append([said("bob", "carol", "one"), said("bob", "carol", "two")]);
    expect(stored).toMatchObject({ stored: [{ conversation: "@carol" }, { message: { seq: LIMITS.inbox + 1 } }] });
    expect(full).toEqual({ refused: { code: "inbox_full" } });
  });
});

describe("a batch that cannot be stored leaves nothing", () => {
  test("when one draft of it is wrong", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append([said("#lab", "alice", "one", "one")]);
    const wrong = { ...said("#lab", "alice", "three"), text: 1n as unknown as string };

    expect(
      history.append([said("#lab", "alice", "two", "two"), wrong], [position("alice", "@alice", 1)]),
    ).rejects.toThrow();

    expect(await history.head("#lab")).toBe(1);
    expect(await history.positions("alice")).toEqual(new Map());
    const [again, next] = await history.append([
      said("#lab", "alice", "one", "one"),
      said("#lab", "alice", "two", "two"),
    ]);
    expect(again).toMatchObject({ repeated: { seq: 1 } });
    expect(next).toMatchObject({ stored: [{ message: { seq: 2 } }] });
  });

  test("when the disk takes no more: the server says unavailable, goes on, and the retry is stored later", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    openHistory(join(folder.path, "chat.db")).close();
    const small = ["sh", "-c", "trap '' XFSZ; ulimit -f 200; exec \"$@\"", "sh"]; // files of 100 or 200 KB at most
    const full = await spawnServer(folder.path, ["--rate", "0"], small);
    const alice = await Wire.open(full.port);
    const login = { type: "login", user: "alice", password: PASSWORD };
    await alice.ask(login);
    await alice.join("#lab");
    let refused: any;
    let stored = 0;
    while (refused === undefined) {
      const answer = await alice.ask({ type: "say", to: "#lab", text: "x".repeat(3_000), id: `m-${stored + 1}` });
      if (answer.type === "message") expect(answer.seq).toBe(++stored);
      else refused = answer;
    }
    expect(refused).toMatchObject({ code: "unavailable", after: 1, id: `m-${stored + 1}` });
    // What comes after the one that failed must not overtake it.
    expect(await alice.ask({ type: "say", to: "#lab", text: "short", id: "later" })).toMatchObject({
      code: "unavailable",
    });
    expect((await alice.ask({ type: "history", to: "#lab" })).messages.at(-1).seq).toBe(stored);
    await full.kill9();

    await using roomy = await spawnServer(folder.path);
    const again = await Wire.open(roomy.port);
    await again.ask(login);
    expect((await again.ask({ type: "join", to: "#lab" })).seq).toBe(stored);
    const retry = { type: "say", to: "#lab", text: "x".repeat(3_000), id: `m-${stored + 1}` };
    expect(await again.ask(retry)).toMatchObject({ type: "message", seq: stored + 1 });
    again.close();
  });
});

describe("newest", () => {
  test("the newest before a seq, oldest first", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(Array.from({ length: 9 }, (_, n) => said("#lab", "alice", `${n + 1}`)));
    expect(texts(await history.newest("#lab", 3))).toEqual(["7", "8", "9"]);
    expect(texts(await history.newest("#lab", 3, { before: 4 }))).toEqual(["1", "2", "3"]);
    expect(texts(await history.newest("#lab", 3, { before: 1 }))).toEqual([]);
    expect(texts(await history.newest("#lab", 50, { after: 6 }))).toEqual(["7", "8", "9"]);
    expect(texts(await history.newest("#lab", 1, { after: 6, before: 9 }))).toEqual(["8"]);
    expect(texts(await history.newest("#lab", 50, { after: 8, before: 9 }))).toEqual([]);
    expect(texts(await history.newest("#lab", 50, { after: 9, before: 3 }))).toEqual([]);
    expect(texts(await history.newest("#lab", 0))).toEqual([]);
    expect(texts(await history.newest("#void", 3))).toEqual([]);
  });

  test("match finds text, ignoring case beyond ASCII, and counts only what it finds", async () => {
    using open = openTemporary();
    const { history } = open;
    const lines = ["GRÜSSE", "50 % off", "Привет", "a_b", "ΟΔΟΣ", "grüsse again", "İstanbul"];
    await history.append(lines.map((text) => said("#lab", "alice", text)));
    const find = async (match: string, limit = 50) =>
      texts(await history.newest("#lab", limit, undefined, search(match)));

    expect(await find("grüsse")).toEqual(["GRÜSSE", "grüsse again"]);
    expect(await find("GRÜSSE", 1)).toEqual(["grüsse again"]);
    expect(await find("привет")).toEqual(["Привет"]);
    expect(await find("%")).toEqual(["50 % off"]);
    expect(await find("_")).toEqual(["a_b"]);
    expect(await find("οδος")).toEqual(["ΟΔΟΣ"]);
    expect(await find("nothing")).toEqual([]);
  });

  test("match looks through more rows than one step", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(
      Array.from({ length: 5_000 }, (_, n) => said("#lab", "alice", n % 2_400 ? "hay" : `needle ${n}`)),
    );
    expect(texts(await history.newest("#lab", 50, undefined, search("needle")))).toEqual([
      "needle 0",
      "needle 2400",
      "needle 4800",
    ]);
  });

  test("a search ends with what it has found when it may not go on, and when the history is closed", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(Array.from({ length: 20_000 }, (_, n) => said("#lab", "alice", `line ${n}`)));
    let steps = 0;
    const twoSteps = { match: "line", goOn: async () => ++steps <= 2 };
    expect(texts(await history.newest("#lab", 3, undefined, twoSteps))).toEqual([
      "line 19997",
      "line 19998",
      "line 19999",
    ]);
    expect(steps).toBe(1);
    steps = 0;
    expect(await history.newest("#lab", 3, undefined, { ...twoSteps, match: "nowhere" })).toEqual([]);
    expect(steps).toBe(3);
    const closing = async () => {
      if (++steps === 5) history.close();
      return true;
    };
    expect(await history.newest("#lab", 3, undefined, { match: "nowhere", goOn: closing })).toEqual([]);
    expect(steps).toBe(5);
  });
});

describe("pages", () => {
  test("at most 200 messages, and asking again from the last one reads on", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(Array.from({ length: 450 }, () => said("#lab", "alice", "x")));
    expect(await history.newest("#lab", 1_000)).toHaveLength(200);
    const sizes = [];
    for (let after = 0; after < 450;) {
      const page = await read(history, "#lab", after, 450);
      sizes.push(page.length);
      after = page.at(-1)!.seq;
    }
    expect(sizes).toEqual([200, 200, 50]);
  });

  test("at most a quarter of a million characters, but never nothing; and a page cut short locks nothing", async () => {
    using open = openTemporary();
    const { history } = open;
    await history.append(Array.from({ length: 100 }, () => said("#lab", "alice", "x".repeat(4_000))));
    const page = await read(history, "#lab", 0, 100);
    expect(page.map(({ seq }) => seq)).toEqual(Array.from({ length: 63 }, (_, n) => n + 1)); // 63 lines of 4,000 and some characters
    expect((await history.newest("#lab", 200)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 65 }, (_, n) => n + 36),
    );
    await history.append([said("#lab", "alice", "y".repeat(300_000))]);
    expect(await history.newest("#lab", 200)).toHaveLength(1);
    expect(await read(history, "#lab", 100, 101)).toHaveLength(1);
    expect(await read(history, "#lab", 0, 101)).toEqual(page);
  });
});

test("a line has room for any field, and one that became shorter is filled up with white space: no place moves", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "chat.db");
  const first = openHistory(file, () => 0);
  await first.append(["one", "a long secret", "three"].map((text, n) => said("#lab", "alice", text, `a-${n + 1}`)));
  first.close();

  const db = new Database(file);
  const { lines } = db.query<{ lines: Uint8Array }, []>("select lines from chunks").get()!;
  const old = Buffer.from(lines).toString().split("\n");
  const emptied = { ...JSON.parse(old[1]!), text: "", gone: "bob" };
  const changed = Buffer.from([old[0], JSON.stringify(emptied).padEnd(old[1]!.length), ...old.slice(2)].join("\n"));
  expect(changed.length).toBe(lines.length);
  db.run("update chunks set lines = ?, sum = ?", [changed, crc32(changed)]);
  db.close();

  const second = openHistory(file, () => 0);
  expect(await read(second, "#lab", 1, 3)).toEqual([emptied, JSON.parse(old[2]!)]);
  expect(await second.newest("#lab", 2, { before: 3 })).toEqual([JSON.parse(old[0]!), emptied]);
  expect(await second.newest("#lab", 2, undefined, search("secret"))).toEqual([]);
  expect(await second.append([said("#lab", "alice", "", "a-2")])).toEqual([{ repeated: emptied }]);
  second.close();
});

test.each([
  ["two hundred thousand messages", 200_000, "nothing that anybody would look for, in a usual length"],
  ["six thousand of the longest messages", 6_000, "✓".repeat(4_000)],
])("a search over %s finds the one, and others are answered meanwhile", async (_, count, usual) => {
  await using chat = await startTestServer(["alice", "bob"]);
  await chat.restart(async () => {
    const history = openHistory(join(chat.data, "chat.db"));
    const drafts = Array.from({ length: count }, (_, index) => ({
      to: "#lab",
      from: "bob",
      id: `${index}`,
      text: usual,
    }));
    drafts[17]!.text = "Where is the TEAPOT?";
    await history.append(drafts);
    history.close();
  });
  const [alice, bob] = [await chat.signedIn("alice", "#lab"), await chat.signedIn("bob")];

  let found: Message[] | undefined;
  const search = alice.ask({ type: "history", to: "#lab", match: "teapot" }).then(({ messages }) => (found = messages));
  let answered = 0;
  for (; found === undefined; answered++) await bob.ask({ type: "ping" });

  expect(await search).toMatchObject([{ seq: 18, text: "Where is the TEAPOT?" }]);
  expect(answered).toBeGreaterThan(6);
});
