import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Presence } from "../../protocol.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

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
    const hearOfAll = async (to: string) => {
      const joined: string[] = [];
      while (joined.length < 3) {
        const event = await alice.next<Presence>("joined");
        expect(event.to).toBe(to);
        joined.push(...event.users);
      }
      expect(joined.sort()).toEqual(names);
    };
    await hearOfAll("*");
    for (const other of others) other.send({ type: "join", to: "#lab" });
    await hearOfAll("#lab");

    for (const [i, other] of others.entries()) {
      const seen = (await other.quiet()).filter(({ type }) => type === "joined" || type === "left");
      expect(seen.flatMap(({ users }) => users)).not.toContain(names[i]);
    }
  });

  test("who comes and goes at once was never there", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob");
    await alice.next("joined");

    bob.raw('{"type":"join","to":"#lab"}\n{"type":"leave","to":"#lab"}\n');
    await bob.quiet();
    const carol = await chat.signedIn("carol", "#lab");
    await carol.ask({ type: "say", to: "#lab", text: "hi" }); // before it all is told that there is to tell

    const events = (await alice.quiet()).filter(({ to }) => to === "#lab");
    expect(events).toMatchObject([{ type: "joined", users: ["carol"] }, { type: "message" }]);
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
