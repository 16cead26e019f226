import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { help } from "../../shared/commands.ts";
import type { Message } from "../../protocol.ts";
import { ERRORS } from "../../protocol.ts";
import { networkOf } from "../../server/network.ts";
import {
  PASSWORD,
  PATIENCE,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

describe("hostile bytes", () => {
  test("a line of 10 MB ends its connection with a sentence, before and after sign-in, and nobody else's", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    const stranger = await chat.wire();
    const alice = await chat.signedIn("alice", "#lab");
    const line = Buffer.alloc(10 * 1024 * 1024, "{");

    stranger.raw(line);
    alice.raw(line);

    expect(await stranger.next("error")).toMatchObject({ code: "line_too_long" });
    expect(await alice.next("error")).toMatchObject({ code: "line_too_long" });
    await Promise.all([stranger.ended, alice.ended]);
    expect(await bob.ask({ type: "say", to: "#lab", text: "still here" })).toMatchObject({ seq: 1 });
  });

  test("a whole text session a byte at a time is the same session", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lobby");
    const bob = await chat.wire();
    for (const byte of Buffer.from(`\r\nlogin bob ${PASSWORD}\r\ngr\u00fc\u00dfe \u{1f44b}\r\n!exit\r\n`)) {
      bob.raw(Uint8Array.of(byte));
      await new Promise((resume) => setImmediate(resume));
    }
    await bob.ended;
    expect(await alice.next("message")).toMatchObject({ text: "gr\u00fc\u00dfe \u{1f44b}" });
    expect(bob.text).toEndWith("* Goodbye.\n");
  });

  test("a reset in the middle of a line says nothing", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    await alice.hears("bob", "joined");
    bob.raw('{"type":"say","to":"#lab","text":"half a');
    bob.reset();

    while (!chat.log().includes("disconnected")) await alice.ask({ type: "ping" });
    expect((await alice.ask({ type: "history", to: "#lab" })).messages).toEqual([]);
    expect(chat.log()).toMatch(/ - INFO - bob \(127\.0\.0\.1:\d+\) disconnected \(\w+/);
  });

  test("random bytes end nothing but perhaps their own connection", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    let seed = 42;
    const random = () => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) >> 16;
    for (let n = 0; n < 50; n++) {
      const wire = await chat.wire();
      wire.raw(Uint8Array.from({ length: 3_000 }, random));
      wire.halfClose();
      await wire.ended;
    }
    expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    expect(chat.log()).not.toContain("ERROR");
  });
});

describe("the wrong door", () => {
  test("a TLS client that was greeted is told so, too, and is no person who types", async () => {
    await using chat = await startTestServer();
    const client = await chat.wire();
    await client.line((line) => line.startsWith("* Welcome"));
    client.raw(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
    await client.ended;
    expect(client.text).toEndWith("\n* This is Banter's chat port, which does not speak TLS. Connect without TLS.\n");
  });

  test("a browser gets a page that says where to go", async () => {
    await using chat = await startTestServer();
    const answer = await fetch(`http://127.0.0.1:${chat.port}/`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toStartWith("text/plain");
    expect(await answer.text()).toStartWith("This is Banter's chat port; it speaks lines of text, not HTTP.");
  });

  test("a TLS client gets a sentence, not silence", async () => {
    await using chat = await startTestServer();
    const client = await chat.wire();
    client.raw(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
    await client.ended;
    expect(client.text).toBe("* This is Banter's chat port, which does not speak TLS. Connect without TLS.\n");
  });

  test("who has begun to type is greeted, and before anything else", async () => {
    await using chat = await startTestServer();
    const [slow, quick] = [await chat.wire(), await chat.wire()];
    slow.raw("hel");
    expect(await slow.line()).toStartWith("* Welcome");
    slow.type("p");
    for (const line of help(false)) expect(await slow.line()).toBe(`* ${line}`);
    quick.raw("help\nhelp\n");
    expect(await quick.line()).toStartWith("* Welcome");
    for (const line of [...help(false), ...help(false)]) expect(await quick.line()).toBe(`* ${line}`);
  });

  test("a person may type GET / HTTP/1.1 after the greeting and is only told to sign in", async () => {
    await using chat = await startTestServer();
    const person = await chat.typist();
    await person.line((line) => line.startsWith("* Welcome"));
    person.type("GET / HTTP/1.1");
    expect(await person.line()).toBe(`* ${ERRORS.not_signed_in}`);
    person.type("help");
    expect(await person.line()).toBe(`* ${help(false)[0]}`);
  });
});

test("who has said exit has left, however the connection ends", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const witness = await chat.wire();
  for (const name of ["alice", "bob"]) {
    const wire = await chat.signedIn(name);
    if (name === "alice") await wire.ask({ type: "exit" });
    wire.reset();
  }
  const ends = () => chat.log().match(/(alice|bob) \(\S+ disconnected \(.*\)/g) ?? [];
  while (ends().length < 2) await witness.ask({ type: "ping" });
  expect(
    ends()
      .map((end) => end.replace(/ \(\S+/, ""))
      .sort(),
  ).toEqual(["alice disconnected (left)", "bob disconnected (connection lost)"]);
});

describe("many and slow", () => {
  test("40,000 lines in one packet are all taken, in order, while others are served", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const carol = await chat.signedIn("carol");
    const alice = await chat.typist("alice");
    alice.raw("x\n".repeat(40_000) + "the end\n");
    expect((await carol.ask({ type: "ping" })).type).toBe("ok");
    for (let seq = 1; seq <= 40_000; seq++) expect((await bob.next<Message>("message")).seq).toBe(seq);
    expect(await bob.next("message")).toMatchObject({ seq: 40_001, text: "the end" });
  });

  test("5,000 connects and disconnects leave no descriptor and no presence behind", async () => {
    using folder = temporaryFolder();
    await using server = await spawnServer(folder.path);
    const witness = await Wire.open(server.port);
    await witness.ask({ type: "ping" });
    const descriptors = () => readdirSync(`/proc/${server.pid}/fd`).length;
    const before = descriptors();

    for (let round = 0; round < 50; round++) {
      const wires = await Promise.all(Array.from({ length: 100 }, () => Wire.open(server.port)));
      // One that is reset before it was accepted was never there, so each hears an answer first.
      await Promise.all(wires.map((wire) => wire.ask({ type: "ping" })));
      for (const [n, wire] of wires.entries()) {
        if (n % 3 === 0) wire.raw("half a line");
        if (n % 2 === 0) wire.close();
        else wire.reset();
      }
    }
    const gone = () => server.output().match(/ disconnected /g)?.length ?? 0;
    while (gone() < 5_000) await witness.ask({ type: "ping" });

    expect(descriptors()).toBeLessThanOrEqual(before);
    witness.close();
  });

  test("a member that never reads is cut off; nobody else misses anything or waits for it", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    const carol = await chat.signedIn("carol", "#lab");
    bob.socket.pause();
    const text = "\u{1f44b}".repeat(4_000); // 16 KB
    const cutOff = () => chat.log().includes("disconnected (did not keep up)");

    let said = 0;
    for (; !cutOff(); said += 50) {
      for (let n = 0; n < 50; n++) alice.send({ type: "say", to: "#lab", text });
      for (let n = 1; n <= 50; n++) expect((await carol.next<Message>("message")).seq).toBe(said + n);
      expect(said).toBeLessThan(2_000);
    }

    expect((await alice.quiet()).filter(({ type }) => type === "message")).toHaveLength(said);
    const back = await chat.signedIn("bob");
    expect((await back.join("#lab", said - 10)).backlog.map(({ seq }) => seq)).toHaveLength(10);
  });

  test("one who takes nothing for 30 seconds is cut off, however little waits", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice", "bob"], { elapsed: () => now });
    const alice = await chat.signedIn("alice", "#lab");
    const cutOffs = () => chat.log().match(/disconnected \(did not keep up\)/g)?.length ?? 0;
    const say = async (times: number) => {
      for (let n = 0; n < times; n++) alice.send({ type: "say", to: "#lab", text: "\u{1f44b}".repeat(4_000) });
      await alice.quiet();
    };
    // How much the kernel takes for one who does not read differs; a first one, cut off at 4 MiB more than that, shows it.
    (await chat.signedIn("bob", "#lab")).socket.pause();
    let said = 0;
    for (; cutOffs() === 0; said += 10) await say(10);
    const bob = await chat.signedIn("bob");
    await bob.join("#lab", said);
    bob.socket.pause();
    await say(said - 128); // 2 MiB less, so that some wait and the bound is not reached

    now += 29_000;
    chat.server.sweep();
    await alice.quiet();
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "bob"]);
    now += 1_000;
    chat.server.sweep();
    while (cutOffs() < 2) await alice.ask({ type: "ping" });
    now += 30_000;
    chat.server.sweep();
    await alice.hears("bob", "left");
  });

  test("lines that come while a password is checked wait in turn, and the sender waits with them", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const slow = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 65_536, timeCost: 10 });
    await chat.restart(() =>
      writeFileSync(join(chat.data, "users.json"), JSON.stringify({ alice: { password: slow } })),
    );
    const alice = await chat.wire();
    alice.send({ type: "login", user: "alice", password: PASSWORD, id: "in" });
    for (let n = 1; n <= 3; n++) alice.send({ type: "who", id: `w-${n}` });
    alice.raw(Buffer.alloc(64 * 1024 * 1024, '{"type":"ping"}\n'));

    expect(await alice.next()).toMatchObject({ type: "ok", id: "in", user: "alice" });
    expect(alice.unsent).toBeGreaterThan(32 * 1024 * 1024); // it was not read meanwhile
    for (let n = 1; n <= 3; n++) expect(await alice.next()).toMatchObject({ id: `w-${n}`, users: ["alice"] });
    for (let n = 1; n <= 1_000; n++) expect(await alice.next()).toEqual({ type: "ok" });
    alice.reset();
  });

  test("server_full: below the limit of descriptors one more is told so, and when one leaves there is room", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const few = ["sh", "-c", 'ulimit -n 140; exec "$@"', "sh"]; // 128 are kept, so 12 may come
    await using server = await spawnServer(folder.path, [], few);
    const wires = [];
    for (let n = 0; n < 12; n++) {
      const wire = await Wire.open(server.port);
      await wire.login("alice");
      wires.push(wire);
    }
    const late = await Wire.open(server.port);
    await late.ended;
    expect(late.text).toBe(`* ${ERRORS.server_full}\n`);
    await wires[0]!.ask({ type: "exit" });
    await wires[0]!.ended;
    // The place is free when the server has seen the other half close, which the log tells.
    while ((server.output().match(/ disconnected /g)?.length ?? 0) < 2) await wires[1]!.ask({ type: "ping" });
    const next = await Wire.open(server.port);
    expect(await next.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    for (const wire of [...wires, next]) wire.close();
  });
});

describe("time", () => {
  test("who does not sign in within 30 seconds, or 120 if a line was typed, is told and let go; who did stays", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice"], { elapsed: () => now });
    const stranger = await chat.wire();
    await stranger.ask({ type: "ping" });
    const alice = await chat.signedIn("alice");
    const silent = await chat.typist();
    await silent.line((line) => line.startsWith("* Welcome"));
    const typist = await chat.typist();
    typist.type("help");
    await typist.line((line) => line.startsWith("* /exit"));

    now += 29_999;
    chat.server.sweep();
    silent.raw("a line that does not end earns no time");
    expect(await stranger.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    now += 1;
    chat.server.sweep();
    expect(await stranger.next()).toMatchObject({ code: "not_signed_in", text: expect.stringContaining("30 seconds") });
    await Promise.all([stranger.ended, silent.ended]);
    expect(silent.text).toEndWith("\n* Nobody signed in within 30 seconds, so this connection closes.\n");
    expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    now += 89_999;
    chat.server.sweep();
    typist.type("help"); // more lines earn no more time
    await typist.line((line) => line.startsWith("* /exit"));
    now += 1;
    chat.server.sweep();
    await typist.ended;
    expect(typist.text).toEndWith("\n* Nobody signed in within 120 seconds, so this connection closes.\n");
  });

  test("a JSON session is asked after 30 seconds and gone after 75; any frame keeps it; a text session may be silent", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice", "bob", "carol"], { elapsed: () => now });
    const alice = await chat.signedIn("alice");
    const bob = await chat.signedIn("bob");
    const carol = await chat.typist("carol");
    for (const wire of [alice, bob]) await wire.hears("carol", "joined");
    await alice.quiet();
    await bob.quiet();
    await carol.quietLines();

    now += 30_000;
    chat.server.sweep();
    chat.server.sweep();
    expect(await bob.next()).toEqual({ type: "ping" });
    expect(await alice.next()).toEqual({ type: "ping" });
    expect(await alice.quiet()).toEqual([]); // asked once, and this was heard
    now += 44_999;
    chat.server.sweep();
    expect(await alice.next("ping")).toEqual({ type: "ping" });
    expect(await alice.quiet()).toEqual([]);
    now += 1;
    chat.server.sweep();
    expect(await bob.next()).toMatchObject({ type: "notice", text: expect.stringContaining("Nothing was heard") });
    await bob.ended;
    expect(await alice.next((frame) => frame.type === "left")).toMatchObject({ to: "*", users: ["bob"] });
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "carol"]);
    expect(await carol.quietLines()).toEqual(["* bob has left the chat"]);
  });
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["::FFFF:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["fe80::1", "fe80:0:0:0::/64"],
])("networkOf: the failures of %s count for %s", (address, network) => {
  expect(networkOf(address)).toBe(network);
});
