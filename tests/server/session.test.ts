import { describe, expect, setDefaultTimeout, test } from "bun:test";
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
