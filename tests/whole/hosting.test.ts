import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Message } from "../../protocol.ts";
import { PASSWORD, PATIENCE, startTestServer, type TestServer } from "../kit/harness.ts";
import type { Draft } from "../../server/history.ts";
import type { Parts } from "../kit/parts.ts";
import { openParts } from "../kit/parts.ts";
import { Person, withAppend } from "../kit/rooms.ts";
import { speak, WAYS } from "../kit/voices.ts";

setDefaultTimeout(PATIENCE);

const MINUTE = 60_000; // ms
/** A server with a teacher and two pupils, whose clocks a test moves. */
async function school() {
  const time = { now: Date.UTC(2026, 10, 30, 8), elapsed: 0 }; // ms
  const chat = await startTestServer(["ms.lee*", "mr.kim*", "bob", "zoe"], {
    now: () => time.now,
    elapsed: () => time.elapsed,
  });
  /** It is so much later; `elapsed` tells it also to whatever measures how long somebody was silent. */
  const pass = (ms: number, clock: keyof typeof time = "now"): void => void (time[clock] += ms);
  return { chat, pass, [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose]() };
}
const set = (to: string, key: string, value: string, more = {}) => ({ type: "set", to, key, value, ...more });
const say = (text: string, to = "#lobby") => ({ type: "say", to, text });
/** Somebody at a text session, and what they are shown until now. */
async function nc(chat: TestServer, user: string) {
  const wire = await chat.typist(user);
  const type = async (line: string): Promise<string[]> => {
    wire.type(line);
    return (await wire.quietLines()).filter((told) => !told.endsWith(" has joined the chat")); // which comes a little later
  };
  return { wire, type };
}

describe.each(WAYS)("over %s", (way) => {
  test("whoever is muted writes to hosts only, on every connection, until it is over", async () => {
    await using school_ = await school();
    const { chat, pass } = school_;
    const lee = await speak(chat, way, "ms.lee");
    const [bob, again] = [await speak(chat, way, "bob"), await speak(chat, "tcp", "bob")];
    expect(await lee.act("/mute bob 10m", set("bob", "mute", "+600"))).toBe("");
    const muted = /^ms\.lee muted you for 10 more minutes\. You can still write to hosts\. Nothing was sent\.$/;
    for (const voice of [bob, again]) {
      expect(await voice.say("not fair")).toMatch(muted);
      expect(await voice.say("not fair", "zoe")).toMatch(muted);
      expect(await voice.say("sorry", "ms.lee")).toBe("");
      expect(await voice.say("a note", "bob")).toBe("");
    }
    expect(await (await speak(chat, way, "bob")).say("again")).toMatch(muted); // a new connection is no way out
    pass(10 * MINUTE);
    expect(await bob.say("thanks")).toBe("");
    expect(await lee.act("/mute bob", set("bob", "mute", "on"))).toBe("");
    expect(await bob.say("again")).toMatch(/^ms\.lee muted you\. You can/);
    expect(await lee.act("/unmute bob", set("bob", "mute", "off"))).toBe("");
    expect(await bob.say("thanks")).toBe("");
  });

  test("in a room, or a chat, that is locked only hosts write; the time it ends is told, and it ends", async () => {
    await using school_ = await school();
    const { chat, pass } = school_;
    const [lee, kim] = [await speak(chat, way, "ms.lee"), await speak(chat, way, "mr.kim")];
    const bob = await speak(chat, way, "bob");
    expect(await bob.act("/lock", set("#lobby", "lock", "on"))).toBe("Only hosts can do that. Nothing was done.");
    expect(await lee.act("/lock 15m", set("#lobby", "lock", "+900"))).toBe("");
    expect(await bob.say("one")).toBe(
      "ms.lee locked lobby for 15 more minutes: only hosts can write here. Nothing was sent.",
    );
    expect(await bob.say("psst", "zoe")).toBe("");
    expect(await kim.say("go on")).toBe("");
    expect(await lee.act("/lock all", set("*", "lock", "on"))).toBe("");
    pass(16 * MINUTE);
    expect(await bob.say("two")).toBe("ms.lee locked the chat: only hosts can write. Nothing was sent.");
    expect(await bob.say("psst", "zoe")).toBe(
      "ms.lee locked the chat. You can still write to hosts. Nothing was sent.",
    );
    expect(await bob.say("help", "mr.kim")).toBe("");
    expect(await kim.act("/unlock all", set("*", "lock", "off"))).toBe("");
    expect(await bob.say("three")).toBe("");
  });

  test("who is banned hears why, is gone from everywhere, and comes back when it is over", async () => {
    await using school_ = await school();
    const { chat, pass } = school_;
    const lee = await speak(chat, way, "ms.lee");
    const bobs = [
      await speak(chat, "tcp", "bob"),
      await speak(chat, "websocket", "bob"),
      await speak(chat, "nc", "bob"),
    ];
    const zoe = await chat.signedIn("zoe", "#lobby");
    expect(await lee.act("/kick bob", set("bob", "ban", "+300"))).toBe("");
    for (const bob of bobs) {
      await bob.ended;
      expect(bob.text()).toContain("ms.lee sent you out. You can come back in 5 minutes.");
    }
    await zoe.hears("bob", "left", "#lobby");
    expect(speak(chat, way, "bob")).rejects.toThrow("ms.lee sent you out. You can come back in 5 minutes.");
    const wrong = await (await chat.wire()).ask({ type: "login", user: "bob", password: "not the password" });
    expect(wrong.code).toBe("bad_login"); // who guesses learns nothing
    pass(5 * MINUTE);
    expect(await (await speak(chat, way, "bob")).say("back")).toBe("");
    expect(await lee.act("/ban bob", set("bob", "ban", "on"))).toBe("");
    expect(speak(chat, way, "bob")).rejects.toThrow("Ask a host to let you come in again.");
    expect(await lee.act("/unban bob", set("bob", "ban", "off"))).toBe("");
    expect(await (await speak(chat, way, "bob")).say("back")).toBe("");
  });

  test("a room can be slow, and then a message that comes too soon says when the next one may", async () => {
    await using school_ = await school();
    const { chat, pass } = school_;
    const [lee, bob, zoe] = [
      await speak(chat, way, "ms.lee"),
      await speak(chat, way, "bob"),
      await speak(chat, way, "zoe"),
    ];
    expect(await lee.act("/slow 30", set("#lobby", "slow", "30"))).toBe("");
    expect(await bob.say("one")).toBe("");
    pass(10_000, "elapsed");
    expect(await bob.say("two")).toBe(
      "lobby is slow: one message in 30 s, so you can write again in 20 s. Nothing was sent.",
    );
    expect([await zoe.say("mine"), await lee.say("one"), await lee.say("two")]).toEqual(["", "", ""]);
    pass(20_000, "elapsed");
    expect(await bob.say("two")).toBe("");
    expect(await lee.act("/slow off", set("#lobby", "slow", "0"))).toBe("");
    expect([await bob.say("three"), await bob.say("four")]).toEqual(["", ""]);
  });

  test("private messages can be for hosts only, or off; notes to oneself never are", async () => {
    await using school_ = await school();
    const { chat } = school_;
    const [lee, bob] = [await speak(chat, way, "ms.lee"), await speak(chat, way, "bob")];
    expect(await lee.act("/rules private hosts", set("*", "private", "hosts"))).toBe("");
    expect(await bob.say("psst", "zoe")).toBe("Private messages go only to and from hosts here. Nothing was sent.");
    expect([await bob.say("help", "ms.lee"), await lee.say("yes?", "bob"), await bob.say("note", "bob")]).toEqual([
      "",
      "",
      "",
    ]);
    expect(await lee.act("/rules private off", set("*", "private", "off"))).toBe("");
    const off = "Private messages are switched off here. Nothing was sent.";
    expect([await bob.say("help", "ms.lee"), await lee.say("yes?", "bob"), await bob.say("note", "bob")]).toEqual([
      off,
      off,
      "",
    ]);
    expect(await lee.act("/mute bob", set("bob", "mute", "on"))).toBe(""); // that is no way not to be muted
    expect(await bob.say("hi")).toStartWith("ms.lee muted you");
  });

  test("hosts cannot act on hosts, and nobody who is none can act at all", async () => {
    await using school_ = await school();
    const { chat } = school_;
    const [lee, bob] = [await speak(chat, way, "ms.lee"), await speak(chat, way, "bob")];
    const other = "mr.kim is a host, and hosts cannot do that to each other. Nothing was done.";
    expect(await lee.act("/mute mr.kim", set("mr.kim", "mute", "on"))).toBe(other);
    expect(await lee.act("/ban mr.kim", set("mr.kim", "ban", "on"))).toBe(other);
    expect(await lee.act("/ban ms.lee", set("ms.lee", "ban", "on"))).toStartWith("ms.lee is a host");
    const not = "Only hosts can do that. Nothing was done.";
    for (const [typed, frame] of [
      ["/mute zoe", set("zoe", "mute", "on")],
      ["/kick zoe", set("zoe", "ban", "+300")],
      ["/announce free pizza", set("*", "announce", "free pizza")],
      ["/topic pizza", set("#lobby", "topic", "pizza")],
      ["/slow 3600", set("#lobby", "slow", "3600")],
      ["/rules school", set("*", "rules", "school")],
      ["/unmute bob", set("bob", "mute", "off")],
    ] as const)
      expect(await bob.act(typed, frame)).toBe(not);
  });
});

test("of lines that are sent at once as the lock falls each is stored before it, or refused, in their order", async () => {
  await using school_ = await school();
  const { chat } = school_;
  const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  for (let n = 1; n <= 500; n++) {
    bob.send({ ...say(`line ${n}`), id: `b-${n}` });
    if (n === 250) lee.send(set("#lobby", "lock", "on"));
  }
  const answers: any[] = [];
  while (answers.length < 500)
    answers.push(await bob.next((frame) => "id" in frame && frame.id?.startsWith("b-") === true));
  expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 500 }, (_, n) => `b-${n + 1}`));
  const { messages } = await lee.ask({ type: "history", to: "#lobby", limit: 1 });
  expect(messages[0]).toMatchObject({ act: "set", key: "lock" });
  const stored = answers.filter(({ type }) => type === "message");
  const refused = answers.slice(stored.length);
  for (const answer of stored) expect(answer.seq).toBeLessThan(messages[0].seq);
  expect(refused.every(({ code }) => code === "quiet")).toBe(true);
});

test("what is set outlives a restart and a kill, and a retry is answered by what was done", async () => {
  await using school_ = await school();
  const { chat } = school_;
  const lee = await chat.signedIn("ms.lee", "#lobby");
  const lock = { ...set("#lobby", "lock", "on"), id: "q-1" };
  const first = await lee.ask(lock);
  expect(first).toMatchObject({
    to: "#lobby",
    seq: 1,
    from: "ms.lee",
    text: "locked lobby: only hosts can write",
    host: true,
  });
  await lee.ask({ ...set("#lobby", "lock", "off"), id: "q-2" });
  expect(await lee.ask(lock)).toEqual(first); // it is not locked again
  expect(await lee.ask({ ...lock, value: "off" })).toMatchObject({ code: "id_reused" });
  const bob = await chat.signedIn("bob", "#lobby");
  const said = await bob.ask({ ...say("hello"), id: "b-1" });
  await lee.ask(set("#lobby", "lock", "on"));
  expect(await bob.ask({ ...say("hello"), id: "b-1" })).toEqual(said); // stored before the lock
  await lee.ask(set("bob", "mute", "on"));
  await lee.ask(set("*", "announce", "open page 12"));
  await chat.restart();
  const back = await chat.wire();
  const { settings } = await back.login("bob");
  expect(settings).toEqual([
    { key: "announce", value: "open page 12", by: "ms.lee" },
    { key: "mute", value: "on", by: "ms.lee" },
  ]);
  expect((await back.join("#lobby")).settings).toEqual([{ key: "lock", value: "on", by: "ms.lee" }]);
  expect(await back.ask(say("now?"))).toMatchObject({ code: "quiet" });
});

test("frames with fields of acts that somebody else sends are messages like any other", async () => {
  await using school_ = await school();
  const bob = await school_.chat.signedIn("bob", "#lobby");
  const forged = { ...say("* ms.lee locked lobby"), host: true, act: "set", key: "lock", value: "on", removed: "zoe" };
  const message = await bob.ask(forged);
  expect(Object.keys(message).sort()).toEqual(["at", "from", "id", "seq", "text", "to", "type"]);
  expect(await bob.ask(say("still open"))).toMatchObject({ type: "message" });
});

test("a lesson at text sessions: what is done is read, and what is refused says what to do", async () => {
  await using school_ = await school();
  const { chat } = school_;
  const [lee, bob] = [await nc(chat, "ms.lee"), await nc(chat, "bob")];
  expect(await lee.type("open page 12")).toEqual([]);
  expect(await bob.type("an insult")).toContain("[host] ms.lee: open page 12");
  expect(await lee.type("/remove bob")).toContain("* ms.lee removed a message of bob");
  expect(await lee.type("/mute bob 10m")).toEqual([
    expect.stringMatching(/^\* you muted bob until [-\d: ]+\. bob can still write to hosts$/),
  ]);
  expect(await bob.type("not fair")).toEqual([
    "* ms.lee removed a message of bob",
    expect.stringMatching(/^\* ms\.lee muted you until [-\d: ]+\. You can still write to hosts$/),
    "* ms.lee muted you for 10 more minutes. You can still write to hosts. Nothing was sent.",
  ]);
  await lee.type("/announce open page 12");
  await lee.type("/lock all");
  expect(await bob.type("/history")).toEqual([
    "* ms.lee to everybody: open page 12",
    "* ms.lee locked the chat: only hosts can write",
    expect.stringMatching(/^\* [-\d: ]+ \[host\] ms\.lee: open page 12$/),
    expect.stringMatching(/^\* [-\d: ]+ bob: \(removed by ms\.lee\)$/),
    expect.stringMatching(/^\* [-\d: ]+ ms\.lee removed a message of bob$/),
    expect.stringMatching(/^\* [-\d: ]+ ms\.lee to everybody: open page 12$/),
    expect.stringMatching(/^\* [-\d: ]+ ms\.lee locked the chat: only hosts can write$/),
  ]);
  expect((await lee.type("/history")).join("\n")).toContain("bob: (removed by ms.lee: an insult)");
  const zoe = await chat.wire();
  zoe.type(`login zoe ${PASSWORD}`);
  await zoe.line((line) => line === "* Only hosts can write here (ms.lee).");
  expect(zoe.text).toContain("* ms.lee to everybody: open page 12");
  expect(await lee.type("/who")).toContain("* Muted: bob");
  expect(await bob.type("/rules")).toContain("* Private messages (private): among all");
  expect((await bob.type("/help")).join("\n")).not.toContain("/lock");
  expect((await lee.type("/help")).join("\n")).toContain("/lock [ROOM|all] [TIME]");
});

test("who may register, make rooms and remove their own is for hosts to say; school is all of it at once", async () => {
  await using school_ = await school();
  const { chat } = school_;
  let [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  await bob.join("#lab");
  expect(await lee.ask(set("*", "rules", "school"))).toMatchObject({
    to: "#lobby",
    of: "*",
    key: "rules",
    value: "school",
  });
  let stranger = await chat.wire();
  const closed = await stranger.ask({ type: "register", user: "eve", password: PASSWORD });
  expect(closed).toMatchObject({ code: "no_entry", text: expect.stringContaining("No accounts can be made here now") });
  const post = await fetch(`http://localhost:${chat.webPort}/register`, {
    method: "POST",
    body: JSON.stringify({ user: "eve", password: PASSWORD }),
  });
  expect(post.status).toBe(403);
  expect(await bob.ask({ type: "join", to: "#den" })).toMatchObject({
    code: "not_allowed",
    text: expect.stringContaining("Only hosts make new rooms"),
  });
  const zoe = await chat.signedIn("zoe", "#lobby");
  expect(await zoe.ask({ type: "join", to: "#lab" })).toMatchObject({ type: "ok" });
  expect(await lee.ask({ type: "join", to: "#den" })).toMatchObject({ type: "ok" });
  expect(await zoe.ask(say("psst", "bob"))).toMatchObject({ code: "not_allowed" });
  await lee.ask(set("*", "removing", "hosts"));
  const { seq } = await bob.ask(say("oh"));
  expect(await bob.ask({ type: "remove", to: "#lobby", on: seq })).toMatchObject({ code: "not_allowed" });
  await chat.restart();
  expect((await (await chat.wire()).login("zoe")).settings?.map(({ key, value }) => `${key} ${value}`)).toEqual([
    "accounts closed",
    "files hosts",
    "private hosts",
    "removing hosts",
    "rooms hosts",
  ]);
  [lee, bob, stranger] = [
    await chat.signedIn("ms.lee", "#lobby"),
    await chat.signedIn("bob", "#lobby"),
    await chat.wire(),
  ];
  await lee.ask(set("*", "rules", "open"));
  expect(await stranger.ask({ type: "register", user: "eve", password: PASSWORD })).toMatchObject({ type: "ok" });
  expect(await bob.ask({ type: "join", to: "#nest" })).toMatchObject({ type: "ok" });
});

test("what cannot be set is refused with what can be", async () => {
  await using school_ = await school();
  const lee = await school_.chat.signedIn("ms.lee", "#lobby");
  const why = async (frame: Record<string, unknown>) => (await lee.ask(frame)).text;
  expect(await why(set("#lobby", "colour", "red"))).toStartWith('Nothing is called "colour" that can be set: lock, ');
  expect(await why(set("bob", "topic", "x"))).toBe('"topic" can be set for room. Nothing was done.');
  expect(await why(set("#lobby", "lock", "tomorrow"))).toStartWith('"lock" can be off, on, +SECONDS');
  expect(await why(set("#lobby", "lock", "1000"))).toStartWith('"lock" can be'); // long ago
  expect(await why(set("#lobby", "slow", "99999"))).toStartWith('"slow" can be 0 to 3600');
  expect(await why(set("*", "private", "maybe"))).toBe('"private" can be all, hosts, off. Nothing was done.');
  expect((await lee.ask(set("nobody", "mute", "on"))).code).toBe("unknown_user");
  expect((await lee.ask(set("#lab", "lock", "on"))).code).toBe("not_in_room");
  expect(await why(set("#lobby", "door", "on"))).toStartWith("The lobby has no door");
});

test("an act that cannot be stored holds for nobody, and what was set before holds on", async () => {
  let isFull = false;
  await using chat = openParts(["ms.lee*", "bob"], {
    history: (stored) =>
      withAppend(stored, async (drafts, positions, judge) => {
        if (!isFull) return stored.append(drafts, positions, judge);
        // The transaction fails at its end, when all of it was judged.
        for (const draft of drafts) {
          expect(judge!.refuse(draft)).toBeUndefined();
          const { to, from, text, act } = draft;
          judge!.stored(draft, { ...{ type: "message", to, seq: 9, from, id: "x", at: 0, text }, ...act } as Message);
        }
        throw new Error("disk full");
      }),
  });
  const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  await lee.ask(set("#lobby", "topic", "tea"));
  isFull = true;
  const lock = { ...set("#lobby", "lock", "on"), id: "q-1" };
  const others = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("ms.lee", "#lobby")];
  for (const [wire, act] of [
    [lee, lock],
    [others[0]!, set("#lobby", "topic", "coffee")],
    [others[1]!, set("*", "rules", "school")],
  ] as const)
    expect(await wire.ask(act)).toMatchObject({ code: "unavailable" });
  isFull = false;
  expect(await bob.ask(say("open?"))).toMatchObject({ type: "message" });
  expect(await bob.ask(say("psst", "bob"))).toMatchObject({ type: "message" });
  expect((await bob.join("#lobby")).settings).toEqual([{ key: "topic", value: "tea", by: "ms.lee" }]);
  expect(await lee.ask(lock)).toMatchObject({ act: "set" });
  expect(await bob.ask(say("open?"))).toMatchObject({ code: "quiet" });
});

describe("within one batch", () => {
  /** Posts drafts that share a batch, and waits until it is told. */
  async function post(chat: Parts, drafts: readonly Draft[]): Promise<void> {
    const posts = drafts.map((draft) => chat.services.pipeline.post({ ...draft, by: new Person(draft.from) }));
    expect(new Set(posts).size).toBe(1);
    await posts[0]!.settled;
  }
  const lines = (from: string, text: string): Draft => ({ to: "#lobby", from, text });

  test.each([
    ["bob", "ban"],
    ["bob", "mute"],
    ["#lobby", "lock"],
  ] as const)("what comes after the act that forbids it has no place: %s, %s", async (to, key) => {
    await using chat = openParts(["ms.lee*", "bob", "zoe"]);
    const act: Draft = { to, from: "ms.lee", text: "", act: { act: "set", key, value: "on" } };
    await post(chat, [lines("bob", "before"), act, lines("bob", "after"), lines("ms.lee", "mine")]);
    const said = await chat.services.history.newest("#lobby", 9);
    expect(said.filter((one) => one.act === undefined).map(({ text }) => text)).toEqual(["before", "mine"]);
  });

  test("what is removed there is told to nobody", async () => {
    await using chat = openParts(["ms.lee*", "bob", "zoe"]);
    const zoe = await chat.signedIn("zoe", "#lobby");
    const removal: Draft = { to: "#lobby", from: "ms.lee", text: "", act: { act: "remove", of: "bob", last: 1 } };
    await post(chat, [lines("bob", "an insult"), removal]);
    expect(await zoe.next("message")).toMatchObject({ seq: 1, text: "(removed)", removed: "ms.lee" });
    expect(await zoe.next("message")).toMatchObject({ seq: 2, act: "remove", on: 1 });
    expect(zoe.text).not.toContain("an insult");
  });
});
