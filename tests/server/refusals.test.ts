import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { openSync, statSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import type { Draft } from "../../server/history.ts";
import { LIMITS } from "../../protocol.ts";
import type { Ok } from "../../protocol.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

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
      ...[
        '{"type":"ping","id":"~7"}',
        '{"type":"ping","id":7}',
        '{"type":"ping","id":"a b"}',
        `{"type":"ping","id":"${"x".repeat(65)}"}`,
      ],
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
    let [now, elapsed] = [Date.now(), 0];
    await using chat = await startTestServer(["alice", "bob"], { now: () => now, elapsed: () => elapsed });
    const { token } = await (await chat.wire()).login("alice");
    const guesser = await chat.wire();
    for (let n = 0; n < 10; n++)
      expect(
        await guesser.ask({ type: "login", user: n < 5 ? "bob" : "carol", password: `guess-${n}-x` }),
      ).toMatchObject({
        code: "bad_login",
      });
    elapsed += 20_000;
    now -= 3_600_000; // somebody sets the clock back

    const right = { type: "login", user: "bob", password: PASSWORD };
    expect(await guesser.ask(right)).toMatchObject({ code: "throttled", after: 40 });
    expect(await (await chat.wire()).ask({ type: "login", user: "alice", token })).toMatchObject({ type: "ok" });
    elapsed += 40_000;
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
      /^\S+ \S+ - ERROR - bob \(127\.0\.0\.1:\d+\) met a bug: SQLiteError: .* at runs\.ts:\d+$/m,
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
