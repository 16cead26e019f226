import { expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { cpSync, renameSync } from "node:fs";
import { join } from "node:path";
import { connect, receiveMessages } from "../../client.ts";
import type { Request } from "../../protocol.ts";
import { makeBackup } from "../../server/backups.ts";
import { openHistory } from "../../server/history.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const forever = new AbortController().signal;

/** Copies the data of a server that is stopped, as `bun backup.ts` does; the copy's folder. */
async function backUp(data: string): Promise<string> {
  const history = openHistory(join(data, "chat.db"));
  try {
    return await makeBackup(data, history, Date.now, forever);
  } finally {
    history.close();
  }
}

/** Puts a copy in the place of the history there is. */
function restore(copy: string, data: string): void {
  renameSync(join(data, "chat.db"), join(data, `chat.db.${crypto.randomUUID()}`));
  cpSync(join(copy, "chat.db"), join(data, "chat.db"));
}

/** Says `count` messages to the room and to alice. */
async function talk(chat: TestServer, text: string, count: number): Promise<void> {
  const bob = await chat.signedIn("bob", "#lab");
  for (let n = 1; n <= count; n++)
    for (const to of ["#lab", "alice"]) bob.send({ type: "say", to, text: `${text} ${n}` });
  await bob.quiet();
  bob.close();
}

/** Everything a client shows, by conversation, and what it tells of restores. */
function record(alice: Awaited<ReturnType<typeof connect>>) {
  const shown: Record<string, string[]> = { "#lab": [], alice: [] };
  const resets: string[] = [];
  let wake = () => {};
  const reading = (async () => {
    for await (const event of receiveMessages(alice)) {
      if (event.type === "reset") resets.push(event.to);
      if (event.type === "message") shown[event.to]!.push(event.text);
      wake();
    }
  })();
  const until = async (text: string) => {
    while (!Object.values(shown).every((texts) => texts.includes(text)))
      await new Promise<void>((resume) => (wake = resume));
  };
  return { shown, resets, until, reading };
}

const numbered = (text: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${text} ${from + i}`);

test("an older history that has grown past what a client had seen is told to it, and all that is new there is shown", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  let copy = "";
  await talk(chat, "kept", 50);
  await chat.restart(async () => void (copy = await backUp(chat.data)));
  const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
  const { shown, resets, until, reading } = record(alice);
  await talk(chat, "lost", 50);
  await until("lost 50");
  expect(resets).toEqual([]);

  const port = chat.port;
  await chat.restart(async () => {
    restore(copy, chat.data);
    // It grows while alice cannot come back: she knows another port.
    await using other = await startTestServer(["alice", "bob"], { data: chat.data });
    await talk(other, "new", 60);
  });
  expect(chat.port).toBe(port);
  alice.retryNow();
  await until("new 60");
  expect(resets.sort()).toEqual(["#lab", "@"]);
  expect(shown["alice"]!.slice(-60)).toEqual(numbered("new", 1, 60));
  expect(shown["#lab"]!.slice(-50)).toEqual(numbered("new", 11, 60)); // a room begins with its last fifty
  await alice.close();
  await reading;
});

test("a restart, a crash and a backup that nobody restores change nothing for a client that comes back", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await talk(chat, "first", 3);
  const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
  const { shown, resets, until, reading } = record(alice);
  await until("first 3");
  await chat.restart(async () => void (await backUp(chat.data)));
  await talk(chat, "second", 3);
  alice.retryNow();
  await until("second 3");
  expect(resets).toEqual([]);
  expect(shown["#lab"]).toEqual([...numbered("first", 1, 3), ...numbered("second", 1, 3)]);
  await alice.close();
  await reading;
});

test("ok of register, login and join carry the epoch; a since with another one is a reset, without one it is trusted", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const epochOf = async (request: Request): Promise<string> => {
    const wire = await chat.wire();
    const answer = await wire.ask(request as Request);
    const joined = await wire.ask({ type: "join", to: "#lab" });
    expect(joined.epoch).toBe(answer.epoch);
    wire.close();
    return answer.epoch;
  };
  const login: Request = { type: "login", user: "bob", password: PASSWORD };
  const epoch = await epochOf(login);
  expect(epoch).toMatch(/^[a-z0-9]{8,32}$/);
  expect(await epochOf({ type: "register", user: "carol", password: PASSWORD })).toBe(epoch);
  await chat.restart();
  expect(await epochOf(login)).toBe(epoch);

  await talk(chat, "kept", 3);
  let copy = "";
  await chat.restart(async () => void (copy = await backUp(chat.data)));
  expect(await epochOf(login)).toBe(epoch);
  const seen = new Set([epoch]);
  for (let time = 0; time < 2; time++) {
    await chat.restart(() => restore(copy, chat.data));
    const restored = await epochOf(login);
    expect(seen).not.toContain(restored); // the same copy restored twice is two histories
    seen.add(restored);
    await chat.restart();
    expect(await epochOf(login)).toBe(restored);
  }

  const signIn = async (fields: object) => {
    const wire = await chat.wire();
    const { reset } = await wire.ask({ type: "login", user: "alice", password: PASSWORD, ...fields });
    const messages = await wire.quiet();
    return { reset, count: messages.filter(({ type }) => type === "message").length };
  };
  expect(await signIn({ since: 2, epoch })).toEqual({ reset: true, count: 3 });
  expect(await signIn({ since: 2, epoch: [...seen].at(-1) })).toEqual({ reset: undefined, count: 1 });
  expect(await signIn({ since: 2 })).toEqual({ reset: undefined, count: 1 });
  expect(await signIn({ epoch })).toEqual({ reset: undefined, count: 3 }); // no position: nothing to forget
});

test("a history of 1.0.0 gets an epoch at its first start, and a copy carries its mark in chat.db itself", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const marks = (file: string) => {
    const db = new Database(file);
    try {
      return db.query("select * from epoch").all();
    } finally {
      db.close();
    }
  };
  let copy = "";
  await chat.restart(async () => {
    const db = new Database(join(chat.data, "chat.db"));
    db.run("drop table epoch"); // as 1.0.0 made it
    db.close();
    copy = await backUp(chat.data);
    expect(marks(join(chat.data, "chat.db"))).toEqual([{ id: expect.any(String), is_copy: 0 }]);
    expect(marks(join(copy, "chat.db"))).toEqual([{ id: expect.any(String), is_copy: 1 }]);
  });
});
