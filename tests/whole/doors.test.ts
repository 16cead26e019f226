import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer, writeAccounts } from "../kit/harness.ts";
import { speak, WAYS } from "../kit/voices.ts";

setDefaultTimeout(PATIENCE);

const PEOPLE = ["ms.lee*", "mr.kim*", "bob", "zoe", "eve"];
const set = (key: string, value: string, more = {}) => ({ type: "set", to: "#team", key, value, ...more });
const NO_ENTRY = { type: "error", code: "no_entry", text: expect.stringContaining("team has a door") };

test("a room with a door is for those who were in it, those who are invited, and hosts; others do not see it", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [lee, bob, eve] = [
    await chat.signedIn("ms.lee", "#team"),
    await chat.signedIn("bob", "#team"),
    await chat.signedIn("eve"),
  ];
  await bob.ask({ type: "say", to: "#team", text: "a plan" });
  expect(await bob.ask(set("door", "on"))).toMatchObject({ code: "not_allowed" });
  expect(await lee.ask(set("door", "on"))).toMatchObject({ act: "set", key: "door", value: "on" });
  expect(await eve.ask({ type: "join", to: "#team" })).toMatchObject(NO_ENTRY);
  expect(await eve.ask({ type: "who", to: "#team" })).toMatchObject(NO_ENTRY);
  expect((await eve.ask({ type: "rooms" })).rooms).toEqual([]);
  expect(await eve.ask({ type: "history", to: "#team" })).toMatchObject({ code: "not_in_room" });
  expect(await eve.ask({ type: "say", to: "#team", text: "hi" })).toMatchObject({ code: "not_in_room" });
  expect(await bob.ask({ type: "who", to: "#team" })).toMatchObject({
    users: ["ms.lee", "bob"],
    members: ["bob", "ms.lee"],
  });
  const kim = await chat.signedIn("mr.kim", "#team"); // a host enters any, and is seen
  await bob.hears("mr.kim", "joined", "#team");
  expect(await kim.ask(set("member", "on", { of: "zoe" }))).toMatchObject({ text: "let zoe into team", of: "zoe" });
  const zoe = await chat.signedIn("zoe");
  expect((await zoe.ask({ type: "history", to: "@" })).messages).toMatchObject([
    { from: "mr.kim", host: true, text: "You can come into #team now: /join team" },
  ]);
  expect(await zoe.join("#team")).toMatchObject({ settings: [{ key: "door", value: "on", by: "ms.lee" }] });
  await chat.restart();
  expect(await (await chat.signedIn("eve")).ask({ type: "join", to: "#team" })).toMatchObject(NO_ENTRY);
  expect(await (await chat.signedIn("zoe")).ask({ type: "join", to: "#team" })).toMatchObject({ type: "ok" });
  const back = await chat.signedIn("ms.lee", "#team");
  await back.ask(set("door", "off"));
  expect(await (await chat.signedIn("eve")).ask({ type: "join", to: "#team" })).toMatchObject({ type: "ok" });
  await back.ask(set("door", "on"));
  expect(await back.ask({ type: "who", to: "#team" })).toMatchObject({ members: ["eve", "ms.lee", "zoe"] });
});

describe.each(WAYS)("over %s", (way) => {
  test("who is taken out hears the act as the last of the room, and does not get in again", async () => {
    await using chat = await startTestServer(PEOPLE);
    const lee = await chat.signedIn("ms.lee", "#team");
    const bob = await speak(chat, way, "bob");
    expect(await bob.act("/join team", { type: "join", to: "#team" })).toBe("");
    await lee.ask(set("door", "on"));
    await lee.ask(set("member", "off", { of: "bob" }));
    await lee.hears("bob", "left", "#team");
    await lee.ask({ type: "say", to: "#team", text: "he is gone" });
    expect(await bob.act("/join team", { type: "join", to: "#team" })).toContain("team has a door");
    expect(bob.text()).not.toContain("he is gone");
    expect(bob.text()).toContain(
      way === "nc" ? "* ms.lee took bob out of team" : '"key":"member","value":"off","of":"bob"',
    );
    if (way === "nc") {
      expect(await bob.say("here I am")).toBe(""); // in the lobby
      await lee.join("#lobby");
      expect((await lee.ask({ type: "history", to: "#lobby" })).messages.at(-1)).toMatchObject({ text: "here I am" });
    }
  });
});

test("a room that one follows and may not enter any more is not among those that one follows", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [lee, bob] = [await chat.signedIn("ms.lee", "#team"), await chat.signedIn("bob", "#team")];
  await bob.ask({ type: "seen", to: "#team", seq: 0 });
  await lee.ask(set("door", "on"));
  await lee.ask(set("member", "off", { of: "bob" }));
  const phone = await chat.wire();
  expect((await phone.login("bob")).follows).toEqual([]);
});

test("a host who is one no more leaves the rooms that only hosts may enter", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [lee, kim] = [await chat.signedIn("ms.lee", "#team"), await chat.signedIn("mr.kim")];
  await lee.ask(set("door", "on"));
  await kim.join("#team");
  await lee.hears("mr.kim", "joined", "#team");
  writeAccounts(chat.data, ["ms.lee*", "mr.kim"]);
  chat.server.sweep();
  expect(await kim.next((event) => event.type === "seen")).toEqual({ type: "seen", to: "#team" });
  await lee.hears("mr.kim", "left", "#team");
});
