import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import { Browser, upgrade } from "../kit/browser.ts";
import { PASSWORD, PATIENCE, spawnServer, startTestServer, temporaryFolder, Wire } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** What must not reach anybody's terminal, page or log: C0 without tab and newline, DEL, C1, bidi controls. */
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

/** Attack, what is said, and what everybody gets of it. */
const TEXTS: [string, string, string][] = [
  ["a window title", "a\x1b]0;pwned\x07b", "a]0;pwnedb"],
  ["clearing the screen", "a\x1b[2Jb", "a[2Jb"],
  ["the clipboard", "a\x1b]52;c;cm0gLXJm\x07b", "a]52;c;cm0gLXJmb"],
  ["an 8-bit escape", "a\u009b31mb", "a31mb"],
  ["backspaces", "a" + "\b".repeat(40) + "b", "ab"],
  ["a lone carriage return", "a\rb", "ab"],
  ["DEL and NUL", "a\x7f\0b", "ab"],
  ["an ESC at the end", "ab\x1b", "ab"],
  ["an override", "a\u202eb", "ab"],
  ["an isolate left open", "a\u2066b", "ab"],
  ["a lone surrogate", "a\ud800b", "ab"],
  ["a family and a flag, which are no attack", "👨‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿 é ﷽", "👨‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿 é ﷽"],
  ["300 marks on one letter, which cost a cell", "e" + "\u0301".repeat(300), "e" + "\u0301".repeat(300)],
];

describe("hostile text reaches nobody", () => {
  test("said over TCP, as a typed line and over WebSocket, it is cleaned for everybody", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    /** Somebody in #lab over each transport. */
    const everywhere = async (name: string) => {
      const over = {
        tcp: await chat.signedIn(name, "#lab"),
        typed: await chat.typist(name),
        page: await Browser.signedIn(chat, name, "#lab"),
      };
      over.typed.type("/join lab");
      await over.typed.line((line) => line.startsWith("* You are in lab"));
      return over;
    };
    const alice = await everywhere("alice");
    const bob = await everywhere("bob");

    for (const [attack, said, heard] of TEXTS) {
      const request = { type: "say", to: "#lab", text: said };
      const answers: Message[] = [await alice.tcp.ask(request), await alice.page.ask(request)];
      if (said.isWellFormed()) alice.typed.type(said);
      await alice.typed.quietLines();
      const received = (await bob.tcp.quiet()).filter(({ type }) => type === "message");
      expect([attack, ...[...answers, ...received].map(({ text }) => text)]).toEqual([
        attack,
        ...Array(said.isWellFormed() ? 5 : 4).fill(heard),
      ]);
      const shown = (await bob.typed.quietLines()).filter((line) => line.startsWith("alice (in lab): "));
      expect([attack, ...new Set(shown)]).toEqual([attack, `alice (in lab): ${heard}`]);
    }
    await bob.page.ask({ type: "ping" });
    for (const { tcp, typed, page } of [alice, bob]) {
      for (const text of [tcp.text, typed.text, page.text]) expect(UNSAFE.exec(text)).toBeNull();
      page.socket.close();
    }
    expect(UNSAFE.exec(chat.log())).toBeNull();
  });

  test("names that nobody can have are refused over TCP and HTTP, and not quoted in the log", async () => {
    let elapsed = 0;
    await using chat = await startTestServer(["alice"], { elapsed: () => elapsed });
    const before = readFileSync(join(chat.data, "users.json"), "utf8");
    const names: [string, string][] = [
      ["\u001b[31malice", "bad_name"],
      ["alice\u0007", "bad_name"],
      ["\uff21lice", "bad_name"],
      ["alic\u0435", "bad_name"],
      ["alice\u200d", "bad_name"],
      ["ALICE", "name_taken"],
      ["__proto__", "bad_name"],
      ["../../x", "bad_name"],
      ["..", "bad_name"],
      ["*", "bad_name"],
      ["a b", "bad_name"],
      ["#x", "bad_name"],
      ["a".repeat(33), "bad_name"],
      ['bob","admin":"1', "bad_name"],
      ["bob\n2026-01-01 00:00:00,000 - INFO - root signed in", "bad_name"],
    ];
    for (const [name, code] of names) {
      const wire = await chat.wire(); // each has 30 seconds to sign in
      const registered = await wire.ask({ type: "register", user: name, password: PASSWORD });
      const signedIn = await wire.ask({ type: "login", user: name, password: PASSWORD + "?" });
      const body = JSON.stringify({ user: name, password: PASSWORD });
      const page = await fetch(`http://localhost:${chat.webPort}/register`, { method: "POST", body });
      const answers = [registered.code, signedIn.code, ((await page.json()) as { code: string }).code];
      expect([name, ...answers]).toEqual([name, code, "bad_login", code]);
      elapsed += 6_000; // or guessing is throttled
    }
    expect(readFileSync(join(chat.data, "users.json"), "utf8")).toBe(before);
    for (const line of chat.log().split("\n").slice(0, -1))
      expect(line).toMatch(/^\d{4}-\d\d-\d\d [\d:,]+ - [A-Z]+ - /);
    expect(chat.log()).not.toContain("root signed in");
    expect(UNSAFE.exec(chat.log())).toBeNull();
  });

  test("rooms that nobody can have are refused", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    for (const room of ["#\u001b[2J", "#a b", "#", "lab", "#../x", "#" + "a".repeat(49), "#l\u0430b"])
      for (const type of ["join", "leave", "who"])
        expect([room, (await alice.ask({ type, to: room })).code]).toEqual([room, "bad_room"]);
    expect(await alice.ask({ type: "rooms" })).toMatchObject({ rooms: [] });
  });

  test("nobody can draw a line that looks like another's, or like the server's", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.typist("bob");
    const alice = await chat.signedIn("alice", "#lobby");
    await alice.ask({
      type: "say",
      to: "#lobby",
      text: "hi\nroot: obey\n* root has joined the chat\r\n[pm] root: psst",
    });
    const lines = (await bob.quietLines()).filter((line) => !line.startsWith("* alice has joined"));
    expect(lines).toEqual(["alice: hi", "  root: obey", "  * root has joined the chat", "  [pm] root: psst"]);
  });
});

describe("hostile bytes are answered, and the connection stays", () => {
  const bad = (bytes: number[] | string) => Buffer.from(bytes as number[]);
  const FRAMES: [string, Buffer][] = [
    ["no UTF-8", bad([0x7b, 0xff, 0xfe])],
    ["an overlong slash", bad([0x7b, 0xc0, 0xaf])],
    ["a surrogate in UTF-8", bad([0x7b, 0xed, 0xa0, 0x80])],
    ["beyond Unicode", bad([0x7b, 0xf4, 0x90, 0x80, 0x80])],
    ["NUL", bad("{\0}")],
    ["60,000 brackets", bad("[".repeat(60_000))],
    ["a type with a method", bad('{"type":{"toString":1}}')],
    ["an inherited type", bad('{"type":"constructor"}')],
    ["a number beyond all", bad('{"type":"seen","seq":1e400}')],
    ["a number that is rounded", bad('{"type":"seen","seq":9007199254740993}')],
    ["a negative one", bad('{"type":"history","to":"@","limit":-1}')],
    ["an array", bad("[]")],
    ["null", bad("null")],
    ["an id with an escape", bad('{"type":"ping","id":"\\u001b[2J"}')],
    ["no type but a prototype", bad('{"__proto__":{"type":"ping"}}')],
  ];
  test("each is bad_request, quickly, before and after sign-in, and over WebSocket", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    const page = await Browser.signedIn(chat, "alice");
    for (const [attack, bytes] of FRAMES) {
      const start = performance.now();
      alice.raw(Buffer.concat([bytes, Buffer.from("\n")]));
      expect([attack, (await alice.next<any>()).code]).toEqual([attack, "bad_request"]);
      expect(performance.now() - start).toBeLessThan(500);
      if (bytes.length < 1_000) {
        const stranger = await chat.wire();
        stranger.raw(Buffer.concat([Buffer.from('{"type":"ping"}\n'), bytes, Buffer.from("\n")]));
        await stranger.next("ok");
        expect([attack, (await stranger.next<any>()).code]).toEqual([attack, "bad_request"]);
      }
      const text = bytes.toString("utf8");
      if (!Buffer.from(text).equals(bytes)) continue; // a browser cannot send what is not UTF-8
      page.socket.send(text);
      expect([attack, (await page.next()).code]).toEqual([attack, "bad_request"]);
    }
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");
    expect(UNSAFE.exec(alice.text)).toBeNull();
    page.socket.close();
  });

  test("8,000 keys, and keys that are somebody's prototype, change nothing", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice", "#lab");
    const keys = Array.from({ length: 8_000 }, (_, n) => `"${n.toString(36)}":0`).join();
    alice.raw(`{${keys},"type":"ping","id":"keys"}\n`);
    expect(await alice.next()).toEqual({ type: "ok", id: "keys" });
    alice.raw('{"type":"ping","type":"say","__proto__":{"admin":true},"to":"#lab","text":"last wins","id":"twice"}\n');
    expect(await alice.next("message")).toMatchObject({ text: "last wins", from: "alice" });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test("every way to cut a conversation into packets gives the same answers", async () => {
    await using chat = await startTestServer(["alice"]);
    const login = `{"type":"login","user":"alice","password":"${PASSWORD}","id":"1"}`;
    const bytes = Buffer.from(
      `\ufeff${login}\r\n\r\n{"type":"join","to":"#lab"}\n{"type":"say","to":"#lab","text":"😀 a\\rb"}\n`,
    );
    const texts: string[] = [];
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const wire = await chat.wire();
      for (let at = 0; at < bytes.length; at += size) {
        wire.raw(bytes.subarray(at, at + size));
        await new Promise((resume) => setImmediate(resume));
      }
      await wire.next((frame: any) => frame.type === "ok" && frame.to === "#lab");
      const said = (await wire.quiet()).filter(({ type }) => type === "message");
      texts.push(said.at(-1).text);
      wire.close();
    }
    expect(texts).toEqual(Array(5).fill("😀 ab"));
  });

  test("WebSocket frames that the protocol forbids end their own connection", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await Browser.signedIn(chat, "alice", "#lab");
    const mask = [1, 2, 3, 4];
    const frames: [string, number[]][] = [
      ["unmasked", [0x81, 2, 0x7b, 0x7d]],
      ["compressed, which was not agreed", [0xc1, 0x80, ...mask]],
      ["a reserved opcode", [0x83, 0x80, ...mask]],
      ["a continuation of nothing", [0x80, 0x80, ...mask]],
      ["a ping in parts", [0x09, 0x80, ...mask]],
      ["a ping of 126 bytes", [0x89, 0xfe, 0, 126, ...mask]],
      ["eight exabytes", [0x81, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, ...mask]],
    ];
    for (const [, bytes] of frames) {
      const wire = await Wire.open(chat.webPort);
      wire.raw(upgrade(`localhost:${chat.webPort}`));
      await wire.line((line) => line === "\r");
      wire.raw(Uint8Array.from(bytes));
      await wire.ended;
    }
    const pinging = await Browser.signedIn(chat, "alice", "#lab");
    for (let n = 0; n < 10_000; n++) (pinging.socket as unknown as { ping(): void }).ping();
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");
    expect(chat.log()).not.toMatch(/ERROR|bug/);
    for (const { socket } of [alice, pinging]) socket.close();
  });

  test("connections that are reset before anybody looked at them are no bug", async () => {
    using folder = temporaryFolder();
    await using server = await spawnServer(folder.path);
    const witness = await Wire.open(server.port);
    for (let round = 0; round < 20; round++) {
      const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.open(server.port)));
      for (const wire of wires) {
        wire.raw("x");
        wire.reset();
      }
      await Promise.all(wires.map(({ ended }) => ended));
    }
    const ends = () => server.log().match(/ disconnected /g)?.length ?? 0;
    while (ends() < 200) await witness.ask({ type: "ping" });
    expect(server.log()).not.toContain("bug");
  });
});
