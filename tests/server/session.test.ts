import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { openSync, statSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import type { Draft } from "../../server/history.ts";
import { LIMITS } from "../../protocol.ts";
import type { Ok } from "../../protocol.ts";
import { PASSWORD, PATIENCE, startTestServer, type Wire } from "../kit/harness.ts";

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
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    await alice.quiet();

    const stranger = await chat.wire();
    const wrong = await stranger.ask({ type: "login", user: "bob", password: "not-bobs-word" });
    const unknown = await stranger.ask({ type: "login", user: "nobody", password: "not-bobs-word" });
    const token = await stranger.ask({ type: "login", user: "bob", token: "1.x" });

    expect([wrong.code, unknown.code, token.code]).toEqual(["bad_login", "bad_login", "bad_login"]);
    expect(await alice.quiet()).toEqual([]);
    expect(await bob.quiet()).toEqual([]);
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "bob"]);
    expect(await stranger.login("bob")).toMatchObject({ user: "bob" });
  });

  test("several connections of one account are one person, who joins with the first and leaves with the last", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const laptop = await chat.signedIn("bob", "#lab");
    const phone = await chat.signedIn("bob", "#lab");

    expect((await alice.ask({ type: "who", to: "#lab" })).users.sort()).toEqual(["alice", "bob"]);
    expect((await alice.ask({ type: "rooms" })).rooms).toEqual([{ to: "#lab", users: 2 }]);
    expect(await laptop.quiet()).toEqual([]);

    await phone.ask({ type: "exit" });
    expect((await alice.ask({ type: "say", to: "#lab", text: "still there?" })).seq).toBe(1);
    expect((await laptop.next("message")).type).toBe("message");
    expect((await alice.quiet()).filter(({ type }) => type === "left")).toEqual([]);

    await laptop.ask({ type: "exit" });
    expect(await alice.next((frame) => frame.type === "left" && frame.to === "*")).toMatchObject({ users: ["bob"] });
    expect((await alice.ask({ type: "who" })).users).toEqual(["alice"]);
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

describe("rooms", () => {
  test("join tells who is there and the head, then what was said; leave ends it", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    for (const text of ["one", "two", "three"]) await alice.ask({ type: "say", to: "#lab", text });

    const bob = await chat.signedIn("bob");
    const joined = await bob.join("#lab");
    expect(joined).toMatchObject({ to: "#lab", seq: 3 });
    expect(joined.users!.sort()).toEqual(["alice", "bob"]);
    expect(joined.backlog.map(({ seq, text }) => [seq, text])).toEqual([
      [1, "one"],
      [2, "two"],
      [3, "three"],
    ]);

    expect(await bob.ask({ type: "leave", to: "#lab" })).toMatchObject({ type: "ok" });
    await alice.ask({ type: "say", to: "#lab", text: "four" });
    expect((await bob.quiet()).filter(({ type }) => type === "message")).toEqual([]);
    expect((await bob.join("#lab", 2)).backlog.map(({ seq }) => seq)).toEqual([3, 4]);
    expect((await bob.join("#lab", 4)).backlog).toEqual([]);
  });

  test("join without since brings the last fifty; a since beyond the head is a reset", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");
    for (let n = 1; n <= 60; n++) alice.send({ type: "say", to: "#lab", text: `line ${n}`, id: `n-${n}` });
    await alice.quiet();

    const late = await chat.signedIn("alice");
    expect((await late.join("#lab")).backlog.map(({ seq }) => seq)).toEqual(
      Array.from({ length: 50 }, (_, n) => n + 11),
    );
    const restored = await late.join("#lab", 1_000);
    expect(restored).toMatchObject({ reset: true, seq: 60 });
    expect(restored.backlog.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, n) => n + 11));
    expect((await late.join("#lab", 60)).reset).toBeUndefined();
  });

  test("joined and left tell all of one batch together, and nobody hears of himself", async () => {
    const names = ["bob", "carol", "dave"];
    await using chat = await startTestServer(["alice", ...names]);
    const alice = await chat.signedIn("alice", "#lab");
    const others = await Promise.all(names.map((name) => chat.signedIn(name)));
    await alice.quiet();

    // One segment a connection, and all of them are there before the server's next turn reads them.
    for (const other of others) other.send({ type: "join", to: "#lab" });
    const joined = new Set<string>();
    while (joined.size < 3) {
      const event = await alice.next("joined");
      expect(event).toMatchObject({ to: "#lab" });
      for (const user of (event as { users: string[] } & typeof event).users) joined.add(user);
    }
    expect([...joined].sort()).toEqual(names);

    for (const [i, other] of others.entries()) {
      const seen = (await other.quiet()).filter(({ type }) => type === "joined" || type === "left");
      expect(seen.flatMap(({ users }) => users)).not.toContain(names[i]);
    }
  });

  test("who comes and goes in one turn was never there", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");
    await alice.quiet();

    bob.raw('{"type":"join","to":"#lab"}\n{"type":"leave","to":"#lab"}\n');
    await bob.quiet();

    const events = (await alice.quiet()).filter(({ to }) => to === "#lab");
    expect(events.map(({ type }) => type).join()).toBeOneOf(["", "joined,left"]);
  });

  test("a name is one name in any case, and so is a room", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#LAB");
    const bob = await chat.signedIn("BOB", "#Lab");

    expect(await alice.ask({ type: "say", to: "#lAb", text: "hi" })).toMatchObject({ to: "#lab" });
    expect(await bob.next("message")).toMatchObject({ to: "#lab", from: "alice" });
    expect(await alice.ask({ type: "say", to: "Bob", text: "psst" })).toMatchObject({ to: "bob" });
    expect((await bob.ask({ type: "who", to: "#LAB" })).users.sort()).toEqual(["alice", "bob"]);
    expect(await bob.ask({ type: "leave", to: "#LAB" })).toMatchObject({ type: "ok" });
  });

  test("who of everybody, of a room one is not in, and of a room nobody is in", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");

    expect((await bob.ask({ type: "who" })).users.sort()).toEqual(["alice", "bob"]);
    expect(await bob.ask({ type: "who", to: "#lab" })).toMatchObject({ to: "#lab", users: ["alice"] });
    expect(await bob.ask({ type: "who", to: "#void" })).toMatchObject({ to: "#void", users: [] });
    expect(await alice.ask({ type: "rooms" })).toMatchObject({ rooms: [{ to: "#lab", users: 1 }] });
  });
});

describe("messages", () => {
  test("a direct message waits for one who is away, until it is confirmed with seen", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice");
    for (const text of ["one", "two"]) await alice.ask({ type: "say", to: "bob", text });

    const bob = await chat.wire();
    expect(await bob.login("bob")).toMatchObject({ seq: 2 });
    const waiting = await bob.quiet();
    expect(waiting.map(({ seq, text }) => [seq, text])).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
    expect(await bob.ask({ type: "seen", seq: 1 })).toMatchObject({ type: "ok" });

    const phone = await chat.signedIn("bob");
    expect((await phone.quiet()).map(({ text }) => text)).toEqual(["two"]);
    await phone.ask({ type: "seen", seq: 999 }); // at most the head
    await phone.ask({ type: "seen", seq: 0 }); // never backwards
    await alice.ask({ type: "say", to: "bob", text: "three" });

    const tablet = await chat.signedIn("bob");
    expect((await tablet.quiet()).map(({ text }) => text)).toEqual(["three"]);
    const old = await chat.wire();
    await old.login("bob", { since: 0 });
    expect((await old.quiet()).map(({ text }) => text)).toEqual(["one", "two", "three"]);
    const restored = await chat.wire();
    expect(await restored.login("bob", { since: 4 })).toMatchObject({ reset: true, seq: 3 });
  });

  test("a message to oneself has one copy", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");

    expect(await alice.ask({ type: "say", to: "alice", text: "milk" })).toMatchObject({ seq: 1, to: "alice" });
    expect(await alice.quiet()).toEqual([]);
    expect((await alice.ask({ type: "history", to: "@" })).messages).toHaveLength(1);
  });

  test("history: the newest, oldest first, before, limit and match", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");
    for (const text of ["Öl", "wine", "ÖL and vinegar", "bread"]) await alice.ask({ type: "say", to: "#lab", text });
    await alice.ask({ type: "say", to: "alice", text: "a note" });
    const texts = async (more: object) =>
      (await alice.ask({ type: "history", to: "#lab", ...more })).messages.map(({ text }: { text: string }) => text);

    expect(await texts({})).toEqual(["Öl", "wine", "ÖL and vinegar", "bread"]);
    expect(await texts({ limit: 2 })).toEqual(["ÖL and vinegar", "bread"]);
    expect(await texts({ before: 3 })).toEqual(["Öl", "wine"]);
    expect(await texts({ before: 3, limit: 1 })).toEqual(["wine"]);
    expect(await texts({ match: "öl" })).toEqual(["Öl", "ÖL and vinegar"]);
    expect(await texts({ match: "öl", limit: 1 })).toEqual(["ÖL and vinegar"]);
    expect(await texts({ match: "%" })).toEqual([]);
    expect(await texts({ limit: 0 })).toEqual([]);
    expect(await alice.ask({ type: "history", to: "@" })).toMatchObject({ to: "@", messages: [{ text: "a note" }] });
  });

  test("text is made safe and a long one is cut, and both are stored so", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");

    const dressed = await alice.ask({ type: "say", to: "#lab", text: "a\u0007b\u202ec\td\ne " });
    expect(dressed.text).toBe("abc\td\ne ");
    const long = await alice.ask({ type: "say", to: "#lab", text: "é".repeat(4_100) });
    expect([...long.text]).toHaveLength(4_000);
    expect(long.cut).toBe(100);
    expect(await bob.next("message")).toEqual(dressed);
    expect(await bob.next("message")).toEqual(long);
    expect((await bob.ask({ type: "history", to: "#lab" })).messages).toEqual([dressed, long]);
  });

  test("a retry is answered by the stored message, to that connection only; another text is id_reused", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    const first = await alice.ask({ type: "say", to: "#lab", text: "once", id: "r-1" });
    expect(await bob.next("message")).toEqual(first);

    expect(await alice.ask({ type: "say", to: "#lab", text: "once", id: "r-1" })).toEqual(first);
    expect(await alice.ask({ type: "say", to: "#lab", text: "twice", id: "r-1" })).toMatchObject({ code: "id_reused" });
    const phone = await chat.signedIn("alice", "#lab");
    expect(await phone.ask({ type: "say", to: "#lab", text: "once", id: "r-1" })).toEqual(first);
    expect(await bob.quiet()).toEqual([]);

    const own = await bob.ask({ type: "say", to: "#lab", text: "once", id: "r-1" });
    expect(own).toMatchObject({ from: "bob", seq: 2 }); // another sender's id is another id
    const direct = await alice.ask({ type: "say", to: "bob", text: "once", id: "r-2" });
    expect(await alice.ask({ type: "say", to: "bob", text: "once", id: "r-2" })).toEqual(direct);
    expect(await alice.ask({ type: "say", to: "alice", text: "once", id: "r-2" })).toMatchObject({ code: "id_reused" });
  });

  test("a retry that overtakes its first try in the same packet is stored once and answered twice", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");
    const say = '{"type":"say","to":"#lab","text":"once","id":"r-1"}\n';

    alice.raw(say + say);
    const answers = await alice.quiet();

    expect(answers).toHaveLength(2);
    expect(answers[0]).toMatchObject({ seq: 1, id: "r-1" });
    expect(answers[1]).toEqual(answers[0]);
    expect((await alice.ask({ type: "history", to: "#lab" })).messages).toHaveLength(1);
  });

  test("a message without an id is given one", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");

    alice.raw('{"type":"say","to":"#lab","text":"a"}\n{"type":"say","to":"#lab","text":"b"}\n');
    const [a, b] = await alice.quiet();

    expect(a.id).toMatch(/^[!-~]{1,64}$/);
    expect(b.id).not.toBe(a.id);
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
    await bob.next((frame) => frame.type === "left" && frame.to === "*");
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

describe("refusals", () => {
  test("unknown fields are ignored, and optional ones may be null", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.wire();
    const login = { type: "login", user: "alice", password: PASSWORD, token: null, since: null, colour: "red" };
    expect(await alice.ask(login)).toMatchObject({ type: "ok" });
    expect(await alice.ask({ type: "ping", to: 7, __proto__: { type: "exit" } })).toMatchObject({ type: "ok" });
    expect(await alice.ask({ type: "who", to: null })).toMatchObject({ users: ["alice"] });
  });

  test("bad_request keeps the connection, whatever the line was", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bad = [
      ...["{", "null", "[]", "7", '"say"', "{}", '{"type":"dance"}', '{"type":"__proto__"}', '{"type":"constructor"}'],
      ...['{"type":7}', '{"type":"say"}', '{"type":"say","to":"#lab"}', '{"type":"say","to":"#lab","text":7}'],
      ...['{"type":"seen"}', '{"type":"seen","seq":-1}', '{"type":"seen","seq":1.5}', '{"type":"seen","seq":"1"}'],
      ...['{"type":"seen","seq":1e300}', '{"type":"join","to":"#lab","since":-1}', '{"type":"ping","id":""}'],
      ...['{"type":"ping","id":7}', '{"type":"ping","id":"a b"}', `{"type":"ping","id":"${"x".repeat(65)}"}`],
      '{"type":"login","user":7,"password":"x"}',
    ];
    for (const line of bad) {
      alice.type(line);
      expect({ line, ...(await alice.next()) }).toMatchObject({ line, type: "error", code: "bad_request" });
    }
    alice.raw(Buffer.from([0x7b, 0xff, 0xfe, 0x0a]));
    expect(await alice.next()).toMatchObject({ code: "bad_request", text: expect.stringContaining("UTF-8") });
    expect(await alice.quiet()).toEqual([]);
  });

  test("a refusal carries its request's id, also where only a field was wrong", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    for (const request of [{ type: "dance" }, { type: "seen", seq: "x" }, { type: "join", to: "lab" }])
      expect(await alice.ask({ ...request, id: "mine" })).toMatchObject({ type: "error", id: "mine" });
  });

  test("each code in its place, with a sentence", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const stranger = await chat.wire();
    const before = [
      [{ type: "who" }, "not_signed_in"],
      [{ type: "say", to: "#lobby", text: "hi" }, "not_signed_in"],
      [{ type: "register", user: "a", password: PASSWORD }, "bad_name"],
      [{ type: "register", user: "alice.", password: "short" }, "bad_password"],
      [{ type: "register", user: "carol", password: "x".repeat(257) }, "bad_password"],
      [{ type: "register", user: "Alice", password: PASSWORD }, "name_taken"],
      [{ type: "login", user: "alice", password: "wrong-word" }, "bad_login"],
      [{ type: "login", user: "alice" }, "bad_request"],
      [{ type: "login", user: "alice", password: PASSWORD, token: "x" }, "bad_request"],
    ] as const;
    for (const [request, code] of before) expect(await stranger.ask(request)).toMatchObject({ type: "error", code });

    const alice = await chat.signedIn("alice", "#lab");
    const after = [
      [{ type: "login", user: "bob", password: PASSWORD }, "already_signed_in"],
      [{ type: "register", user: "carol", password: PASSWORD }, "already_signed_in"],
      [{ type: "say", to: "nobody", text: "hi" }, "unknown_user"],
      [{ type: "say", to: "no body", text: "hi" }, "unknown_user"],
      [{ type: "say", to: "constructor", text: "hi" }, "unknown_user"],
      [{ type: "say", to: "__proto__", text: "hi" }, "unknown_user"],
      [{ type: "say", to: "#attic", text: "hi" }, "not_in_room"],
      [{ type: "say", to: "#a b", text: "hi" }, "bad_room"],
      [{ type: "join", to: "lab" }, "bad_room"],
      [{ type: "join", to: "#" + "x".repeat(49) }, "bad_room"],
      [{ type: "leave", to: "#attic" }, "not_in_room"],
      [{ type: "history", to: "#attic" }, "not_in_room"],
      [{ type: "history", to: "bob" }, "bad_room"],
      [{ type: "say", to: "#lab", text: " \n\u202e" }, "empty_text"],
    ] as const;
    for (const [request, code] of after) {
      const answer = await alice.ask(request);
      expect(answer).toMatchObject({ type: "error", code, text: expect.stringMatching(/^[A-Z].*\.$/) });
    }
    expect(await alice.quiet()).toEqual([]);
  });

  test("line_too_long closes: 4 KiB for a stranger, 64 KiB for one who is signed in", async () => {
    await using chat = await startTestServer(["alice"]);
    const stranger = await chat.wire();
    stranger.send({ type: "ping", pad: "x".repeat(4_000) });
    expect(await stranger.next()).toMatchObject({ type: "ok" });
    stranger.send({ type: "ping", pad: "x".repeat(5_000) });
    expect(await stranger.next()).toMatchObject({ code: "line_too_long" });
    await stranger.ended;

    const alice = await chat.signedIn("alice");
    alice.send({ type: "ping", pad: "x".repeat(65_000) });
    expect(await alice.next("ok")).toMatchObject({ type: "ok" });
    alice.send({ type: "ping", pad: "x".repeat(66_000) });
    expect(await alice.next("error")).toMatchObject({ code: "line_too_long" });
    await alice.ended;
  });

  test("throttled: after ten failures this address waits, with the seconds; a token still signs in", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice", "bob"], { now: () => now });
    const { token } = await (await chat.wire()).login("alice");
    const guesser = await chat.wire();
    for (let n = 0; n < 10; n++)
      expect(
        await guesser.ask({ type: "login", user: n < 5 ? "bob" : "carol", password: `guess-${n}-x` }),
      ).toMatchObject({
        code: "bad_login",
      });
    now += 20_000;

    const right = { type: "login", user: "bob", password: PASSWORD };
    expect(await guesser.ask(right)).toMatchObject({ code: "throttled", after: 40 });
    expect(await (await chat.wire()).ask({ type: "login", user: "alice", token })).toMatchObject({ type: "ok" });
    now += 40_000;
    expect(await (await chat.wire()).ask(right)).toMatchObject({ type: "ok" });
  });

  test("too_many: the room after the hundredth", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    for (let n = 0; n < LIMITS.rooms; n++) alice.send({ type: "join", to: `#r${n}` });
    expect((await alice.quiet()).filter(({ type }) => type === "error")).toEqual([]);

    expect(await alice.ask({ type: "join", to: "#more" })).toMatchObject({ code: "too_many" });
    expect(await alice.ask({ type: "join", to: "#r7" })).toMatchObject({ type: "ok" });
    await alice.ask({ type: "leave", to: "#r7" });
    expect(await alice.ask({ type: "join", to: "#more" })).toMatchObject({ type: "ok" });
  });

  test("inbox_full: the sender is told, and there is room again when the inbox is confirmed", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await chat.restart(() => fill(chat.data, LIMITS.inbox, { to: "bob", from: "alice", text: "x" }));
    const alice = await chat.signedIn("alice");
    const bob = await chat.wire();
    await bob.login("bob", { since: LIMITS.inbox });

    expect(await alice.ask({ type: "say", to: "bob", text: "one more" })).toMatchObject({ code: "inbox_full" });
    expect(await alice.ask({ type: "say", to: "bob", text: "x", id: "old-7" })).toMatchObject({ seq: 7 });
    await bob.ask({ type: "seen", seq: 1 });
    expect(await alice.ask({ type: "say", to: "bob", text: "one more" })).toMatchObject({ type: "message" });
    expect(await bob.next("message")).toMatchObject({ text: "one more", seq: LIMITS.inbox + 1 });
  });

  test("internal: a disk that goes bad costs the connection that met it, and the log says where", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await chat.restart(() => fill(chat.data, 60_000, { to: "#lab", from: "alice", text: "x".repeat(800) }));
    const alice = await chat.signedIn("alice");
    const bob = await chat.signedIn("bob", "#lab");
    const file = join(chat.data, "chat.db");
    const fd = openSync(file, "r+");
    writeSync(fd, Buffer.alloc(statSync(file).size - 65_536, 0xa5), 0, undefined, 8_192);
    closeSync(fd);

    expect(await bob.ask({ type: "history", to: "#lab", before: 3_000 })).toMatchObject({ code: "internal" });
    await bob.ended;
    expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    expect((await alice.ask({ type: "who" })).users).toEqual(["alice"]);
    expect(chat.log()).toMatch(
      /^\S+ \S+ - ERROR - bob \(127\.0\.0\.1:\d+\) met a bug: SQLiteError: .* at history\.ts:\d+$/m,
    );
  });

  test("exit and ping also before sign-in", async () => {
    await using chat = await startTestServer();
    const stranger = await chat.wire();
    expect(await stranger.ask({ type: "ping" })).toEqual({ type: "ok", id: expect.any(String) } satisfies Ok);
    expect(await stranger.ask({ type: "exit" })).toMatchObject({ type: "ok" });
    await stranger.ended;
  });
});

/** Writes messages into the history of a server that is not running. */
async function fill(data: string, count: number, { to, from, text }: Omit<Draft, "id">): Promise<void> {
  const history = openHistory(join(data, "chat.db"));
  await history.append(Array.from({ length: count }, (_, n) => ({ to, from, text, id: `old-${n + 1}` })));
  history.close();
}
