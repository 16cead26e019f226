import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import { PATIENCE, startTestServer, type TestServer, type Wire } from "../kit/harness.ts";
import { speak, WAYS } from "../kit/voices.ts";

setDefaultTimeout(PATIENCE);

const PEOPLE = ["ms.lee*", "mr.kim*", "bob", "zoe"];
const history = async (wire: Wire, to = "#lobby"): Promise<Message[]> =>
  (await wire.ask({ type: "history", to })).messages;
const texts = (messages: readonly Message[]) => messages.map(({ text }) => text);
const remove = (wire: Wire, more: Record<string, unknown>) => wire.ask({ type: "remove", to: "#lobby", ...more });
/** Ms. Lee, Bob and Zoe in the lobby, where Bob and Zoe have said something. */
async function talk(chat: TestServer) {
  const wire = (user: string) => chat.signedIn(user, "#lobby");
  const [lee, bob, zoe] = [await wire("ms.lee"), await wire("bob"), await wire("zoe")];
  for (const n of [1, 2, 3]) {
    await bob.ask({ type: "say", to: "#lobby", text: `bob ${n}`, id: `b-${n}` });
    await zoe.ask({ type: "say", to: "#lobby", text: `zoe ${n}` });
  }
  return { lee, bob, zoe };
}

describe.each(WAYS)("over %s", (way) => {
  test("one's own last message, or the last ones; nobody else's", async () => {
    await using chat = await startTestServer(PEOPLE);
    const bob = await speak(chat, way, "bob");
    const zoe = await chat.signedIn("zoe", "#lobby");
    for (const text of ["one", "two", "three"]) expect(await bob.say(text)).toBe("");
    await zoe.ask({ type: "say", to: "#lobby", text: "mine" });
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe("");
    expect(texts(await history(zoe)).slice(0, 4)).toEqual(["one", "two", "(removed)", "mine"]);
    expect(await bob.act("/remove 2", { type: "remove", to: "#lobby", last: 2 })).toBe("");
    expect(texts(await history(zoe)).slice(0, 4)).toEqual(["(removed)", "(removed)", "(removed)", "mine"]);
    const not = "You can remove your own messages only. Nothing was removed.";
    expect(await bob.act("/remove zoe", { type: "remove", to: "#lobby", of: "zoe" })).toBe(not);
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe("There is nothing of bob to remove here.");
    expect(await bob.say("four")).toBe("");
  });

  test("also while one is muted, and where it is locked", async () => {
    await using chat = await startTestServer(PEOPLE);
    const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await speak(chat, way, "bob")];
    await bob.say("sorry");
    await lee.ask({ type: "set", to: "bob", key: "mute", value: "on" });
    await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "on" });
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe("");
    expect((await history(lee))[0]).toMatchObject({ removed: "bob" });
  });
});

test("a host removes a flood in one act; everybody is told in order, and what was said is nowhere", async () => {
  await using chat = await startTestServer(PEOPLE);
  const { lee, bob, zoe } = await talk(chat);
  const act = await remove(lee, { of: "bob", last: 2 });
  expect(act).toMatchObject({
    ...{ type: "message", to: "#lobby", seq: 7, from: "ms.lee", host: true, text: "removed 2 messages of bob" },
    ...{ act: "remove", of: "bob", on: 3, through: 5, value: "2" },
  });
  expect(await zoe.next((event) => event.type === "message" && event.act === "remove")).toEqual({
    ...act,
    id: expect.any(String),
  });
  expect(texts(await history(zoe)).slice(0, 6)).toEqual(["bob 1", "zoe 1", "(removed)", "zoe 2", "(removed)", "zoe 3"]);
  expect((await history(zoe))[2]).toEqual({
    ...{ type: "message", to: "#lobby", seq: 3, from: "bob", id: "b-2", at: expect.any(Number) },
    ...{ text: "(removed)", removed: "ms.lee" },
  });
  const found = await zoe.ask({ type: "history", to: "#lobby", match: "bob 2" });
  expect(found.messages).toEqual([]);
  // Hosts can still read it, nobody else can.
  expect((await history(lee))[2]).toMatchObject({ text: "(removed)", was: "bob 2" });
  expect(zoe.text.slice(zoe.text.indexOf('"act":"remove"'))).not.toContain("bob 2");
  // A retry of what was removed is answered by what is left of it, whatever its text.
  const retry = await bob.ask({ type: "say", to: "#lobby", text: "bob 2", id: "b-2" });
  expect(retry).toMatchObject({ type: "message", seq: 3, text: "(removed)", removed: "ms.lee" });
  expect(await bob.ask({ type: "say", to: "#lobby", text: "other", id: "b-1" })).toMatchObject({ code: "id_reused" });
});

test("who was away learns of it in order, who comes new gets the emptied message, after a restart too", async () => {
  await using chat = await startTestServer(PEOPLE);
  const { lee, zoe } = await talk(chat);
  zoe.reset();
  await remove(lee, { on: 1 });
  await chat.restart();
  const back = await chat.signedIn("zoe");
  const { backlog } = await back.join("#lobby", 6);
  expect(backlog).toEqual([expect.objectContaining({ seq: 7, act: "remove", on: 1, through: 1, of: "bob" })]);
  const fresh = await chat.signedIn("mr.kim");
  expect((await fresh.join("#lobby", 0)).backlog.slice(0, 2)).toEqual([
    expect.objectContaining({ seq: 1, text: "(removed)", removed: "ms.lee" }),
    expect.objectContaining({ seq: 2, text: "zoe 1" }),
  ]);
});

test("a range covers the messages of one person, and no act; what is not there is refused with a sentence", async () => {
  await using chat = await startTestServer(PEOPLE);
  const { lee, bob } = await talk(chat);
  await lee.ask({ type: "set", to: "#lobby", key: "topic", value: "tea" });
  expect(await remove(lee, { on: 1, through: 6 })).toMatchObject({ of: "bob", on: 1, through: 5, value: "3" });
  expect(texts(await history(bob)).slice(0, 6)).toEqual([
    "(removed)",
    "zoe 1",
    "(removed)",
    "zoe 2",
    "(removed)",
    "zoe 3",
  ]);
  for (const [what, code] of [
    [{ on: 1 }, "bad_request"], // it is removed
    [{ on: 7 }, "bad_request"], // an act
    [{ on: 99 }, "bad_request"],
    [{ on: 4, through: 2 }, "bad_request"],
    [{ last: 0 }, "bad_request"],
    [{ last: 101 }, "bad_request"],
    [{ of: "mr.kim" }, "not_allowed"], // a host
    [{ to: "#lab" }, "not_in_room"],
  ] as const) {
    const refused = await remove(lee, what);
    expect(refused).toMatchObject({ type: "error", code, text: expect.stringMatching(/\.$/) });
  }
  expect(await remove(bob, { on: 4 })).toMatchObject({ code: "not_allowed" });
});

test("of what one sees of private messages one removes one's own: it is gone at once, in both inboxes", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [bob, zoe, lee] = [await chat.signedIn("bob"), await chat.signedIn("zoe"), await chat.signedIn("ms.lee")];
  await zoe.ask({ type: "say", to: "bob", text: "hello" });
  const { seq } = await bob.ask({ type: "say", to: "zoe", text: "a secret" });
  await zoe.ask({ type: "say", to: "ms.lee", text: "help" });
  expect(await zoe.ask({ type: "remove", to: "@", on: 2 })).toMatchObject({ code: "not_allowed" });
  expect(await lee.ask({ type: "remove", to: "@", on: 1 })).toMatchObject({ code: "not_allowed" });
  const act = await bob.ask({ type: "remove", to: "@", on: seq });
  expect(act).toMatchObject({ to: "zoe", from: "bob", act: "remove", of: "bob", on: 2, through: 2 });
  expect(await zoe.next((event) => event.type === "message" && event.act === "remove")).toMatchObject({
    on: 2,
    seq: 4,
  });
  for (const wire of [bob, zoe]) {
    const messages = await history(wire, "@");
    expect(JSON.stringify(messages)).not.toContain("a secret");
    expect(messages[1]).toMatchObject({ text: "(removed)", removed: "bob" });
  }
  await bob.ask({ type: "say", to: "zoe", text: "another" });
  expect(await bob.ask({ type: "remove", to: "zoe" })).toMatchObject({ to: "zoe", act: "remove" });
  expect(JSON.stringify(await history(zoe, "@"))).not.toContain("another");
  expect(await bob.ask({ type: "remove", to: "zoe" })).toMatchObject({ code: "bad_request" });
});

test("what is removed in the batch in which it was said is told as what is left of it", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [bob, zoe] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("zoe", "#lobby")];
  bob.send({ type: "say", to: "#lobby", text: "oops" });
  bob.send({ type: "remove", to: "#lobby" });
  const act = await zoe.next((event) => event.type === "message" && event.act === "remove");
  expect(act).toMatchObject({ seq: 2, on: 1 });
  expect((await history(zoe))[0]).toMatchObject({ text: "(removed)" });
});

test("after seven days what was removed is in no file of the data folder, while people go on", async () => {
  const time = { now: Date.UTC(2026, 10, 30) }; // ms
  await using chat = await startTestServer(PEOPLE, { now: () => time.now });
  const bytes = () =>
    readdirSync(chat.data, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name)));
  const isKept = (text: string) => bytes().some((file) => file.includes(text));
  const sweepOften = () => {
    for (let n = 0; n < 60; n++) chat.server.sweep();
  };
  const erased = async (times: number) => {
    const lines = () => chat.log().match(/What was removed is erased/g)?.length ?? 0;
    while (lines() < times) await bob.ask({ type: "ping" });
  };
  const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  await bob.ask({ type: "say", to: "#lobby", text: "an insult that nobody should find" });
  await bob.ask({ type: "say", to: "zoe", text: "a secret between two" });
  await remove(lee, { of: "bob" });
  await bob.ask({ type: "remove", to: "zoe" });
  sweepOften();
  await erased(1);
  expect([isKept("a secret between two"), isKept("an insult that nobody should find")]).toEqual([false, true]);
  time.now += 7 * 86_400_000;
  sweepOften();
  await erased(2);
  expect(isKept("an insult that nobody should find")).toBe(false);
  expect((await history(lee))[0]).not.toHaveProperty("was");
  expect(await bob.ask({ type: "say", to: "#lobby", text: "hello" })).toMatchObject({ seq: 3 });
});
