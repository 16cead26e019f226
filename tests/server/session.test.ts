import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Event } from "../../protocol.ts";
import type { History } from "../../server/history.ts";
import { Slices } from "../../server/slices.ts";
import { Browser } from "../kit/browser.ts";
import { PASSWORD, PATIENCE, startTestServer, type TestServer, type Wire } from "../kit/harness.ts";
import { openParts } from "../kit/parts.ts";

setDefaultTimeout(PATIENCE);

describe("signing in", () => {
  test("register signs in, and say comes back to everyone in the room as the same message", async () => {
    await using chat = await startTestServer(["bob"]);
    const alice = await chat.wire();
    const welcome = await alice.ask({ type: "register", user: "Alice", password: PASSWORD });
    expect(welcome).toMatchObject({ type: "ok", user: "alice", seq: 0 });
    await alice.join("#lab");
    const bob = await chat.signedIn("bob", "#lab");

    const receipt = await alice.ask({ type: "say", to: "#Lab", text: "two sugars", id: "k3x-17" });

    expect(receipt).toMatchObject({ type: "message", to: "#lab", seq: 1, from: "alice", id: "k3x-17" });
    expect(receipt).toMatchObject({ text: "two sugars", at: expect.any(Number) });
    expect(await bob.next("message")).toEqual(receipt);
  });

  test("login by password, and then by the token it gave", async () => {
    await using chat = await startTestServer(["alice"]);
    const { token, ...welcome } = await (await chat.wire()).login("ALICE");
    expect(welcome).toMatchObject({ type: "ok", user: "alice", seq: 0 });

    const again = await chat.wire();
    expect(await again.ask({ type: "login", user: "alice", token })).toMatchObject({ type: "ok", user: "alice" });
  });

  test("a failed login touches nobody: Bob stays signed in and nobody hears of it", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    await alice.hears("bob", "joined", "#lab");
    await bob.quiet();

    const stranger = await chat.wire();
    const wrong = await stranger.ask({ type: "login", user: "bob", password: "not-bobs-word" });
    const unknown = await stranger.ask({ type: "login", user: "nobody", password: "not-bobs-word" });
    const token = await stranger.ask({ type: "login", user: "bob", token: "1.x" });

    expect([wrong.code, unknown.code, token.code]).toEqual(["bad_login", "bad_login", "bad_login"]);
    expect(await alice.quiet()).toEqual([]);
    expect(await bob.quiet()).toEqual([]);
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "bob"]);
    await chat.signedIn("carol");
    const next: Event = { type: "joined", to: "*", users: ["carol"] }; // before it, all would be told that happened before
    expect([await alice.next(), await bob.next()]).toEqual([next, next]);
    expect(await stranger.login("bob")).toMatchObject({ user: "bob" });
  });

  test("several connections of one account are one person, who joins with the first and leaves with the last", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol", "dave"]);
    const alice = await chat.signedIn("alice", "#lab");
    const laptop = await chat.signedIn("bob", "#lab");
    /** What everybody has heard once somebody has come and spoken: by then all is told that there is to tell. */
    const heardUntil = async (newcomer: string) => {
      const wire = await chat.signedIn(newcomer, "#lab");
      await wire.ask({ type: "say", to: "#lab", text: "hi" });
      const frames = [...(await alice.quiet()), ...(await laptop.quiet())];
      return frames.flatMap(({ type, to, users }) => (users ? [`${users} ${type} ${to}`] : []));
    };
    await heardUntil("carol");
    const phone = await chat.signedIn("bob", "#lab");

    expect((await alice.ask({ type: "who", to: "#lab" })).users.sort()).toEqual(["alice", "bob", "carol"]);
    expect((await alice.ask({ type: "rooms" })).rooms).toEqual([{ to: "#lab", users: 3 }]);

    await phone.ask({ type: "exit" });
    expect((await alice.ask({ type: "say", to: "#lab", text: "still there?" })).seq).toBe(2);
    expect((await laptop.next("message")).type).toBe("message");
    const came = ["dave joined *", "dave joined #lab"];
    expect(await heardUntil("dave")).toEqual([...came, ...came]);

    await laptop.ask({ type: "exit" });
    expect(await alice.next((frame) => frame.type === "left" && frame.to === "*")).toMatchObject({ users: ["bob"] });
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "carol", "dave"]);
  });

  test("every connection of an account sees what its other one says, and its direct messages", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    const laptop = await chat.signedIn("alice", "#lab");
    const phone = await chat.signedIn("alice", "#lab");

    const said = await laptop.ask({ type: "say", to: "#lab", text: "from the laptop" });
    expect(await phone.next("message")).toEqual(said);

    const secret = await bob.ask({ type: "say", to: "alice", text: "psst" });
    expect(secret).toMatchObject({ to: "alice", from: "bob", seq: 1 });
    for (const wire of [laptop, phone])
      expect(await wire.next("message")).toMatchObject({ to: "alice", from: "bob", text: "psst", seq: 1 });
  });

  test("who vanishes while the password is checked leaves no ghost behind", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice");
    const ghosts = await Promise.all(Array.from({ length: 10 }, () => chat.wire()));
    for (const ghost of ghosts) {
      ghost.send({ type: "login", user: "bob", password: PASSWORD });
      ghost.send({ type: "join", to: "#lab" });
    }
    for (const ghost of ghosts) ghost.reset();

    // Hashes are checked first come, first served: when this one is done, so are Bob's.
    await (await chat.signedIn("alice")).quiet();

    expect((await alice.ask({ type: "who" })).users).toEqual(["alice"]);
    expect((await alice.ask({ type: "rooms" })).rooms).toEqual([]);
  });
});

describe("order", () => {
  test("pipelined requests of every kind are answered in the order they were sent, each exactly once", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.wire();
    const requests = [
      { type: "ping" },
      { type: "who" }, // not signed in yet
      { type: "login", user: "alice", password: PASSWORD },
      { type: "login", user: "alice", password: PASSWORD }, // signed in already
      { type: "say", to: "#lab", text: "too early" },
      { type: "join", to: "#lab" },
      { type: "say", to: "#lab", text: "one" },
      { type: "say", to: "#lab", text: "" },
      { type: "say", to: "#lab", text: "two" },
      { type: "say", to: "alice", text: "three" },
      { type: "nonsense" },
      { type: "history", to: "#lab" },
      { type: "say", to: "#lab", text: "four" },
      { type: "rooms" },
      { type: "seen", seq: 1 },
      { type: "leave", to: "#lab" },
      { type: "say", to: "#lab", text: "too late" },
      { type: "history", to: "@" },
      { type: "exit" },
    ];
    alice.raw(requests.map((request, i) => JSON.stringify({ ...request, id: `q-${i}` }) + "\n").join(""));
    await alice.ended;

    const frames = alice.unread.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    const answers = frames.filter(({ id }) => id !== undefined);
    expect(answers.map(({ id }) => id)).toEqual(requests.map((_, i) => `q-${i}`));
    expect(answers.map(({ type, code }) => code ?? type)).toEqual([
      ...["ok", "not_signed_in", "ok", "already_signed_in", "not_in_room", "ok", "message", "empty_text", "message"],
      ...["message", "bad_request", "ok", "message", "ok", "ok", "ok", "not_in_room", "ok", "ok"],
    ]);
    expect(answers[11].messages.map(({ text }: { text: string }) => text)).toEqual(["one", "two"]);
  });

  test("what is said to a room and to people by turns is answered in the order it was sent", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const alice = await chat.signedIn("alice", "#lab");
    const addresses = ["bob", "#lab", "bob", "carol", "#lab", "#lab", "carol"];
    alice.raw(addresses.map((to, i) => JSON.stringify({ type: "say", to, text: "hi", id: `to-${i}` }) + "\n").join(""));
    for (const [i, to] of addresses.entries()) expect(await alice.next("message")).toMatchObject({ id: `to-${i}`, to });
  });

  test("a clock that goes back an hour, or forward ten years, changes no order", async () => {
    let now = Date.UTC(2026, 10, 21);
    await using chat = await startTestServer(["alice", "bob"], { now: () => now });
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    const told: string[] = [];
    for (const [text, step] of [
      ["now", -3_600_000],
      ["an hour ago", 315_360_000_000],
      ["ten years on", 0],
    ] as const) {
      expect(await alice.ask({ type: "say", to: "#lab", text })).toMatchObject({ text, at: now, seq: told.push(text) });
      now += step;
      chat.server.sweep(); // nobody was silent because the clock says so
    }
    const { messages } = await bob.ask({ type: "history", to: "#lab" });
    expect(messages.map(({ text }: { text: string }) => text)).toEqual(told);
    await chat.restart();
    const again = await chat.signedIn("bob");
    expect((await again.join("#lab")).backlog.map(({ text }) => text)).toEqual(told);
  });

  test("what two people say in the same turn has one order, the same for both", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    const flood = (name: string) =>
      Array.from({ length: 200 }, (_, n) => `{"type":"say","to":"#lab","text":"${name} ${n}"}\n`).join("");
    await alice.quiet();

    alice.raw(flood("alice"));
    bob.raw(flood("bob"));
    const collect = async (wire: Wire) => {
      const messages = [];
      while (messages.length < 400) messages.push(await wire.next("message"));
      return messages as unknown as { seq: number; from: string; text: string }[];
    };
    const [hers, his] = await Promise.all([collect(alice), collect(bob)]);

    expect(hers).toEqual(his);
    expect(hers.map(({ seq }) => seq)).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
    for (const name of ["alice", "bob"])
      expect(hers.filter(({ from }) => from === name).map(({ text }) => text)).toEqual(
        Array.from({ length: 200 }, (_, n) => `${name} ${n}`),
      );
  });

  test("a client that half-closes still gets every answer, the last line without its LF too", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    const script = await chat.wire();
    script.raw(
      `{"type":"login","user":"alice","password":"${PASSWORD}","id":"1"}\n{"type":"join","to":"#lab","id":"2"}\n`,
    );
    script.raw(`{"type":"say","to":"#lab","text":"one","id":"3"}\n{"type":"say","to":"#lab","text":"two","id":"4"}`);
    script.halfClose();
    await script.ended;

    const ids = script.unread.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).id);
    expect(ids.filter(Boolean)).toEqual(["1", "2", "3", "4"]);
    expect(await bob.next("message")).toMatchObject({ text: "one" });
    expect(await bob.next("message")).toMatchObject({ text: "two" });
  });

  test("who says more than the rate is slowed down and loses nothing", async () => {
    await using chat = await startTestServer(["alice"], { rate: 100 });
    const alice = await chat.signedIn("alice", "#lab");
    const start = performance.now();
    for (let n = 0; n < 420; n++) alice.send({ type: "say", to: "#lab", text: `line ${n}` });
    const answers = (await alice.quiet()).filter(({ type }) => type === "message");

    expect(answers.map(({ seq }) => seq)).toEqual(Array.from({ length: 420 }, (_, n) => n + 1));
    expect(performance.now() - start).toBeGreaterThan(150); // 400 at once, then one each 10 ms
  });
});

describe("the first byte that is no white space decides what a connection speaks", () => {
  const notUtf8 = (text: string) => Buffer.from(text, "latin1");

  test.each([
    ["a frame that is not UTF-8", notUtf8('{"type":"ping","id":"\xff"}\n')],
    ["white space before a frame", " \t \r\n  {\n"],
    ["a byte order mark and white space before a frame", "\ufeff  \n{\n"],
  ])("frames: %s", async (_, bytes) => {
    await using chat = await startTestServer();
    const wire = await chat.wire();
    wire.raw(bytes);
    expect(await wire.next()).toMatchObject({ type: "error", code: "bad_request" });
    expect(await wire.ask({ type: "ping" })).toMatchObject({ type: "ok" });
  });

  test.each([
    ["a line that is not UTF-8", notUtf8("\xff\xfe{\n")],
    ["white space before a word", "  \n  help\n"],
  ])("lines: %s", async (_, bytes) => {
    await using chat = await startTestServer();
    const wire = await chat.wire();
    wire.raw(bytes);
    await wire.line((line) => line.startsWith("* Welcome"));
    expect(await wire.line()).toStartWith("* ");
  });
});

/** A hash of PASSWORD whose check takes some hundred milliseconds. */
const SLOW = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 65_536, timeCost: 10 });

/** The same history, which tells each time it is asked for the newest messages, a page, or whether a search may go on. */
function watched(history: History, told: (what: "newest" | "page" | "step") => void): History {
  return {
    epoch: history.epoch,
    append: (...args) => history.append(...args),
    read(...args) {
      told("page");
      return history.read(...args);
    },
    newest(name, limit, range, search) {
      told("newest");
      const goOn = () =>
        search!.goOn().then((may) => {
          if (may) told("step");
          return may;
        });
      return history.newest(name, limit, range, search && { ...search, goOn });
    },
    head: (...args) => history.head(...args),
    partners: (...args) => history.partners(...args),
    positions: (...args) => history.positions(...args),
    followers: (...args) => history.followers(...args),
    settings: () => history.settings(),
    removed: (...args) => history.removed(...args),
    find: (...args) => history.find(...args),
    erase: () => history.erase(),
    copy: (...args) => history.copy(...args),
    close: () => history.close(),
  };
}
const stored = (count: number, text = "a line") =>
  Array.from({ length: count }, (_, n) => ({ to: "#lab", from: "alice", id: `n-${n}`, text }));
const ids = (count: number) => Array.from({ length: count }, (_, n) => `q-${n}`);
const packet = (count: number, request: object) =>
  ids(count)
    .map((id) => `${JSON.stringify({ ...request, id })}\n`)
    .join("");
/** The ids of the next answers. */
async function answersTo(wire: Wire, count: number): Promise<string[]> {
  const answered: string[] = [];
  while (answered.length < count) answered.push((await wire.next<any>((frame: object) => "id" in frame)).id);
  return answered;
}

describe("nobody makes others wait", () => {
  test("a packet full of work is done a slice a turn: who asks meanwhile is answered between", async () => {
    let asked = 0;
    let now = 0;
    await using chat = openParts(["alice", "bob"], {
      history: (history) => watched(history, () => void asked++),
      slices: new Slices(() => (now += 0.5)), // every look at this clock takes half a millisecond
    });
    await chat.services.history.append(stored(10));
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");
    asked = 0;

    alice.raw(packet(400, { type: "history", to: "#lab" }));
    while (asked === 0) await bob.ask({ type: "ping" });
    const until = asked;
    expect(until).toBeLessThan(100);
    expect(await answersTo(alice, 400)).toEqual(ids(400));
    expect(asked).toBe(400);
  });

  test("the pages of all replays and the steps of all searches are done in slices, a few in a turn of the event loop", async () => {
    const turns: number[] = [];
    let now = 0;
    const slices = new Slices(() => (now += 1)); // every look at this clock takes a millisecond
    const names = ["alice", "bob", "carol"];
    await using chat = openParts(names, {
      slices,
      history: (history) => watched(history, (what) => void (what !== "newest" && turns.push(slices.turn))),
    });
    await chat.services.history.append(stored(4_000));
    const wires = await Promise.all(names.map((name) => chat.signedIn(name)));
    turns.length = 0;

    const replayed = wires.map(async (wire) => (await wire.join("#lab", 0)).backlog.length);
    expect(await Promise.all(replayed)).toEqual([4_000, 4_000, 4_000]);
    const pages = turns.length;
    for (const wire of wires) wire.send({ type: "history", to: "#lab", match: "nowhere" });
    for (const wire of wires) expect(await wire.next("ok")).toMatchObject({ messages: [] });

    expect([pages, turns.length - pages]).toEqual([60, 6]); // of 200 messages; of 256 KiB
    const inOne = Map.groupBy(turns, (turn) => turn).values();
    expect(Math.max(...inOne.map(({ length }) => length))).toBeLessThan(10);
  });

  test("a search ends when its asker has gone", async () => {
    let steps = 0;
    await using chat = openParts(["alice", "bob"], {
      history: (history) =>
        watched(history, (what) => {
          if (what === "step" && ++steps === 2) alice.reset();
        }),
    });
    await chat.services.history.append(stored(40_000));
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");
    alice.send({ type: "history", to: "#lab", match: "nowhere" });
    await alice.ended;
    while (chat.services.rooms.isOnline("alice")) await bob.ask({ type: "ping" });
    const until = steps;
    for (let n = 0; n < 5; n++) await bob.ask({ type: "ping" });
    expect([until < 20, steps]).toEqual([true, until]);
  });

  test("a server that stops waits for no replay and no search, and they end without a trace", async () => {
    const logged: string[] = [];
    await using chat = await startTestServer(["alice", "bob"], { console: (line) => void logged.push(line) });
    const alice = await chat.signedIn("alice", "#lab");
    for (let n = 0; n < 5_000; n++) alice.send({ type: "say", to: "#lab", text: `line ${n}` });
    await alice.quiet();
    const bob = await chat.signedIn("bob");
    const others = await Promise.all(Array.from({ length: 20 }, () => chat.signedIn("alice", "#lab")));
    for (const wire of others) wire.send({ type: "history", to: "#lab", match: "nowhere" });
    bob.send({ type: "join", to: "#lab", since: 0 });
    await bob.next("message"); // they are under way
    for (const wire of [alice, bob, ...others]) wire.reset();

    await chat.server.stop();
    for (let turn = 0; turn < 100; turn++) await new Promise((resume) => setImmediate(resume));
    expect(logged.at(-1)).toEndWith("Server stopped\n");
    expect(logged.join("")).not.toContain("ERROR");
  });
});

describe("answers", () => {
  const LONG = "x".repeat(1_300);

  test("that are not read are not followed by more: the requests wait, and are answered when they are read", async () => {
    let asked = 0;
    await using chat = openParts(["alice", "bob"], { history: (history) => watched(history, () => void asked++) });
    await chat.services.history.append(stored(200, LONG));
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");
    asked = 0;

    alice.socket.pause();
    alice.raw(packet(200, { type: "history", to: "#lab", limit: 200 }));
    let before = -1;
    while (asked === 0 || before < asked) {
      before = asked;
      for (let n = 0; n < 50; n++) await bob.ask({ type: "ping" });
    }
    expect(asked).toBeLessThan(100); // a few megabytes that the kernel took
    const [waiting] = [...chat.admission.connections].filter(({ session }) => session?.user === "alice");
    expect(waiting!.queued).toBeLessThan(1024 * 1024);
    alice.socket.resume();
    expect(await answersTo(alice, 200)).toEqual(ids(200));
  });

  test("32 requests under way are answered to a client that reads, also for all of 9,900 rooms or the longest history", async () => {
    await using chat = openParts(["alice"]);
    await chat.services.history.append(stored(200, LONG));
    const rooms = (i: number) =>
      Array.from({ length: 100 }, (_, n) => `{"type":"join","to":"#${`${i}-`.padEnd(20, "x")}${n}"}\n`).join("");
    for (let i = 0; i < 99; i++) {
      const member = await chat.signedIn("alice");
      member.raw(rooms(i));
      await member.quiet();
    }
    const alice = await chat.signedIn("alice", "#lab");
    for (const request of [{ type: "rooms" }, { type: "who" }, { type: "history", to: "#lab", limit: 200 }]) {
      alice.raw(packet(32, request));
      expect(await answersTo(alice, 32)).toEqual(ids(32));
    }
  });
});

describe("who is not signed in", () => {
  /** From now on every password takes some hundred milliseconds. */
  const checkSlowly = (chat: TestServer) =>
    chat.restart(() => writeFileSync(join(chat.data, "users.json"), JSON.stringify({ alice: { password: SLOW } })));

  test("is not slowed down by empty lines", async () => {
    await using chat = await startTestServer([], { elapsed: () => 0 });
    const stranger = await chat.wire();
    stranger.raw("\n".repeat(100_000));
    expect(await stranger.ask({ type: "ping" })).toMatchObject({ type: "ok" });
  });

  test("has 30 seconds, also while requests that came too fast are delayed", async () => {
    let now = 0;
    await using chat = await startTestServer([], { elapsed: () => now });
    const stranger = await chat.wire();
    stranger.raw(packet(2_300, { type: "ping" })); // 2,000 are free, and this clock brings no more
    expect(await answersTo(stranger, 2_001)).toEqual(ids(2_001));
    now += 30_000;
    chat.server.sweep();
    await stranger.next((frame) => frame.type === "error" && frame.code === "not_signed_in");
    await stranger.ended;
    expect(stranger.text).not.toContain("q-2299");
  });

  test("keeps the place while a password is checked, and no longer: a sign-in that comes too late is not tried", async () => {
    let now = 0;
    await using chat = await startTestServer([], { elapsed: () => now });
    await checkSlowly(chat);
    const stranger = await chat.wire();
    const bob = await chat.wire();
    stranger.raw(packet(3, { type: "login", user: "alice", password: "not-her-word" }));
    await bob.ask({ type: "ping" });
    now += 30_000;
    chat.server.sweep(); // bob is late, the other one's password is being checked
    await bob.ended;
    expect(await stranger.next("error")).toMatchObject({ id: "q-0", code: "bad_login" });
    expect(await stranger.next("error")).toMatchObject({ code: "not_signed_in" });
    await stranger.ended;
  });

  test("may send on while the password is checked: it waits outside, and nothing of it is lost", async () => {
    await using chat = await startTestServer();
    await checkSlowly(chat);
    const browser = await Browser.open(chat);
    browser.socket.send(JSON.stringify({ type: "login", user: "alice", password: PASSWORD, id: "in" }));
    for (let n = 0; n < 100; n++) browser.socket.send("\n".repeat(60_000)); // a message is read at once
    const script = await chat.wire();
    script.raw(`login alice ${PASSWORD}\n${"x\n".repeat(20_000)}the end\n`);
    script.halfClose();
    expect(await browser.ask({ type: "join", to: "#lobby" })).toMatchObject({ type: "ok" });
    await script.ended;
    const said = await browser.ask({ type: "history", to: "#lobby", limit: 1 });
    expect(said.messages).toMatchObject([{ seq: 20_001, text: "the end" }]);
  });

  test("is idle while it is only delayed, and not while its password is checked", async () => {
    await using chat = openParts(["alice"], { hash: SLOW });
    const stranger = await chat.wire();
    stranger.raw(packet(2_100, { type: "ping" }));
    await answersTo(stranger, 2_001);
    const alice = await chat.wire();
    await alice.ask({ type: "ping" });
    const [delayed, session] = [...chat.admission.connections].map((connection) => connection.session);
    expect([delayed!.isIdleFor(0), delayed!.isPasswordUnderWay]).toEqual([true, false]);

    alice.send({ type: "login", user: "alice", password: PASSWORD });
    const bob = await chat.wire();
    while (session!.isIdleFor(0)) await bob.ask({ type: "ping" });
    expect(session!.isPasswordUnderWay).toBe(true);
    await alice.next("ok");
    expect([session!.isPasswordUnderWay, session!.user]).toEqual([false, "alice"]);
  });
});

test("who is delayed is not silent: their silence begins when they are answered", async () => {
  let now = 0;
  await using chat = await startTestServer(["alice"], { elapsed: () => now, rate: 1 });
  const alice = await chat.signedIn("alice", "#lab");
  alice.raw(packet(5, { type: "say", to: "#lab", text: "one of five" })); // four are free
  expect(await answersTo(alice, 4)).toEqual(ids(4));
  now += 80_000;
  chat.server.sweep();
  expect((await alice.next<any>("message")).id).toBe("q-4");
  chat.server.sweep();
  expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
});
