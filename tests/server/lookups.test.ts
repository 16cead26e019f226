import { expect, setDefaultTimeout, test } from "bun:test";
import { LIMITS } from "../../protocol.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("a search of everything finds what one may read, in rooms and private messages, the newest of all, by time", async () => {
  let now = Date.now();
  await using chat = await startTestServer(["alice", "bob", "carol"], { now: () => ++now });
  const alice = await chat.signedIn("alice", "#lab");
  const bob = await chat.signedIn("bob", "#lab");
  const carol = await chat.signedIn("carol", "#attic");
  await bob.join("#attic");
  await alice.join("#attic");
  await bob.say("#lab", "two sugars", "nothing");
  await bob.say("alice", "sugars, two of them");
  await carol.say("#attic", "Two SUGARS too");
  await alice.say("bob", "two sugars, yes");
  await carol.say("bob", "two sugars of which alice must not know");
  await carol.ask({ type: "join", to: "#cellar" });
  await carol.say("#cellar", "two sugars in a room of carol's own");

  const everywhere = async (fields: object = {}) => {
    const { to, messages } = await alice.ask({ type: "history", to: "*", match: "two sugars", ...fields });
    return [to, ...messages.map((message: { to: string; from: string; text: string }) => [message.to, message.text])];
  };
  const all = [
    ["#lab", "two sugars"],
    ["alice", "sugars, two of them"],
    ["#attic", "Two SUGARS too"],
    ["bob", "two sugars, yes"],
  ];
  expect(await everywhere()).toEqual(["*", ...all]);
  expect(await everywhere({ limit: 2 })).toEqual(["*", ...all.slice(2)]);
  expect(await everywhere({ match: "nowhere" })).toEqual(["*"]);

  // A room that is followed is read wherever one signs in; one that was left is not.
  await alice.ask({ type: "seen", to: "#lab", seq: 1 });
  await alice.ask({ type: "leave", to: "#attic" });
  const phone = await chat.signedIn("alice");
  const { messages } = await phone.ask({ type: "history", to: "*", match: "two" });
  expect(messages.map(({ to }: { to: string }) => to)).toEqual(["#lab", "alice", "bob"]);
});

test("behind a closed door nothing is found by who is no member, also of what was said before", async () => {
  await using chat = await startTestServer(["ms.lee*", "alice"]);
  const lee = await chat.signedIn("ms.lee", "#staff");
  const alice = await chat.signedIn("alice", "#staff");
  await lee.say("#staff", "grades of alice");
  await alice.ask({ type: "seen", to: "#staff", seq: 1 });
  await lee.ask({ type: "set", to: "#staff", key: "door", value: "on" });
  await lee.ask({ type: "set", to: "#staff", key: "member", value: "off", of: "alice" });
  expect((await alice.ask({ type: "history", to: "*", match: "grades" })).messages).toEqual([]);
  expect((await lee.ask({ type: "history", to: "*", match: "grades" })).messages).toHaveLength(1);
});

test("an answer holds no more than a page, however much is found in how many rooms", async () => {
  await using chat = await startTestServer(["alice"], { rate: 0 });
  const alice = await chat.signedIn("alice");
  const long = "needle ".repeat(550);
  for (const room of ["#a", "#b", "#c"]) {
    await alice.join(room);
    await alice.say(room, ...Array.from({ length: 30 }, () => long));
  }
  const { messages } = await alice.ask({ type: "history", to: "*", match: "needle", limit: LIMITS.page });
  const size = messages.reduce((sum: number, { text }: { text: string }) => sum + text.length, 0);
  expect(size).toBeLessThanOrEqual(LIMITS.pageBytes);
  expect(messages.length).toBeGreaterThan(60);
  const places = messages.map(({ at }: { at: number }) => at);
  expect(places).toEqual(places.toSorted((a: number, b: number) => a - b));
  expect(messages.at(-1)).toMatchObject({ to: "#c", seq: 30 });
});

test("everything can only be searched, and the sentence says how", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice");
  const refused = async (fields: object) => (await alice.ask({ type: "history", to: "*", ...fields })).text;
  const why = "Everything, *, can only be searched: with a match that has a word, and without after and before.";
  expect(await refused({})).toBe(why);
  expect(await refused({ match: " \n" })).toBe(why);
  expect(await refused({ match: "tea", before: 3 })).toBe(why);
  expect(await refused({ match: "tea", with: "bob" })).toStartWith("Only of the inbox");
  expect(await refused({ match: "tea ".repeat(3) + "a b c ".repeat(20) })).toBeUndefined();
});

test("with nc, /searchall shows where each was said", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  await bob.say("#lab", "two sugars");
  await bob.say("alice", "two sugars, please");
  const alice = await chat.typist("alice");
  alice.type("/join lab\n/searchall sugars");
  await alice.line((line) => line.startsWith("* You are in lab"));
  expect(await alice.line()).toMatch(/^\* \d\d:\d\d bob \(in lab\): two sugars$/);
  expect(await alice.line()).toMatch(/^\* \d\d:\d\d \[pm\] bob: two sugars, please$/);
  alice.type("/searchall");
  expect(await alice.line()).toBe("* /searchall needs the words to look for.");
});

test("who is away from a room is told to those in it: who follows it and is not there now", async () => {
  await using chat = await startTestServer(["ms.lee*", "alice", "bob", "carol", "dave", "erin"]);
  for (const name of ["bob", "carol", "dave", "erin"]) {
    const one = await chat.signedIn(name, "#lab");
    await one.ask({ type: "seen", to: "#lab", seq: 0 });
    if (name === "erin") await one.ask({ type: "leave", to: "#lab" });
    if (name !== "bob") await one.ask({ type: "exit" });
  }
  const alice = await chat.signedIn("alice", "#lab");
  const { users, away } = await alice.ask({ type: "who", to: "#lab" });
  expect([users.toSorted(), away]).toEqual([
    ["alice", "bob"],
    ["carol", "dave"],
  ]);
  expect((await alice.ask({ type: "who" })).away).toBeUndefined();
  const outside = await chat.signedIn("erin");
  expect((await outside.ask({ type: "who", to: "#lab" })).away).toBeUndefined();
  const lee = await chat.signedIn("ms.lee"); // a host need not be in it
  expect((await lee.ask({ type: "who", to: "#lab" })).away).toEqual(["carol", "dave"]);

  await lee.join("#lab");
  await lee.ask({ type: "set", to: "#lab", key: "door", value: "on" }); // who is there now are its members
  expect((await lee.ask({ type: "who", to: "#lab" })).away).toEqual([]);
});

test("of many who are away as many are named as an answer holds", async () => {
  const names = Array.from({ length: LIMITS.people + 5 }, (_, n) => `pupil-${String(n).padStart(3, "0")}`);
  await using chat = await startTestServer(["alice", ...names]);
  for (const name of names) {
    const one = await chat.signedIn(name, "#lab");
    await one.ask({ type: "seen", to: "#lab", seq: 0 });
    await one.ask({ type: "exit" });
  }
  const alice = await chat.signedIn("alice", "#lab");
  expect((await alice.ask({ type: "who", to: "#lab" })).away).toEqual(names.slice(0, LIMITS.people));
});
