import { expect, setDefaultTimeout, test } from "bun:test";
import type { Lines } from "../../shared/lines.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);

inTerminal("names have colours, NO_COLOR turns them off, and neither is needed to see a call", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using coloured = await sitIn(chat.port, "alice");
  await using bare = await sitIn(chat.port, "alice", [], { env: { NO_COLOR: "1" } });
  await bob.ask({ type: "say", to: "#lobby", text: "alice?" });
  await coloured.until(">> bob: alice?");
  await bare.until(">> bob: alice?");

  expect(coloured.output()).toMatch(/\x1b\[38;5;\d+mbob\x1b\[39m/);
  expect(bare.output()).not.toMatch(/\x1b\[[\d;]*m/);
});

for (const [how, args, env] of [
  ["--plain", ["--plain"], {}],
  ["TERM=dumb", [], { TERM: "dumb" }],
] as const)
  inTerminal(`${how}: lines only, one an event, and still no password on the screen`, async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice", [...args], { env });
    await bob.ask({ type: "say", to: "#lobby", text: "one\ntwo" });
    await alice.until("\nbob: one / two\n");
    alice.type("hello\r");
    await alice.until("\nalice: hello\n");
    expect(alice.output()).not.toContain("\x1b");
    expect(alice.output()).not.toContain(PASSWORD);
    alice.type("\x04");
    expect(await alice.exited).toBe(0);
  });

inTerminal(
  "code keeps its indentation, tabs are columns of four, long lines go on below it, and its fences are dim",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice", [], { columns: 50, env: { NO_COLOR: "" } });
    const code = [
      "def fib(n):",
      "\ta, b = 0, 1",
      "  \tc",
      "    return first_word + second_word + third_word + last",
      "",
      "x = `1`",
    ];
    await bob.say(
      "#lobby",
      ["look, alice:", "```python", ...code, "```", "that `is` it"].join("\n"),
      "a\tb\n\tc",
      "end",
    );
    const text = await alice.until("bob: end");
    const shown = text.slice(text.indexOf("look, alice"), text.indexOf("bob: end"));
    expect(
      shown
        .replaceAll(/\d\d:\d\d /g, "")
        .split("\n")
        .slice(0, -1),
    ).toEqual([
      "look, alice:",
      "  ```python",
      "  def fib(n):",
      "      a, b = 0, 1",
      "      c",
      "      return first_word + second_word +",
      "      third_word + last",
      "",
      "  x = `1`",
      "  ```",
      "  that `is` it",
      "bob: a   b",
      "      c",
    ]);
    for (const bytes of [
      "\x1b[2m```python\x1b[22m",
      "\x1b[2m```\x1b[22m",
      "\x1b[1mthat `is` it\x1b[22m",
      "\n  x = `1`\r",
    ])
      expect(alice.output()).toContain(bytes);
  },
);

inTerminal("a day that changes gets a line of its own, also in messages from long ago", async () => {
  const at = (day: number, hour: number) => new Date(2024, 10, day, hour, 7).getTime();
  using server = listen((frame, write) => {
    const say = (seq: number, when: number) => ({
      type: "message",
      to: "#lobby",
      seq,
      from: "bob",
      id: `b-${seq}`,
      at: when,
      text: `number ${seq}`,
    });
    if (frame.type !== "join") return write(welcome(frame));
    write({ ...welcome(frame), seq: 3 }, say(1, at(3, 9)), say(2, at(3, 10)), say(3, at(4, 9)));
  });
  await using alice = await sitIn(server.port, "alice");
  await alice.until(
    "── Sunday 3 November ──\n09:07 bob: number 1\n10:07 bob: number 2\n── Monday 4 November ──\n09:07 bob: number 3",
  );
});

inTerminal(
  "acts stand in their place, dim and with the day; a host is marked in the message that they said",
  async () => {
    const at = (day: number, hour: number) => new Date(2024, 10, day, hour, 7).getTime();
    const message = (seq: number, when: number, more: Record<string, unknown>) => ({
      ...{ type: "message", to: "#lobby", seq, from: "ms.lee", id: `l-${seq}`, at: when, text: "something was done" },
      ...more,
    });
    using server = listen((frame, write) => {
      if (frame.type !== "join") return write(welcome(frame));
      write(
        { ...welcome(frame), seq: 6 },
        message(1, at(3, 9), { text: "open page 12", host: true }),
        message(2, at(4, 9), { act: "set", key: "lock", value: String(at(4, 10)), of: "*", host: true }),
        message(3, at(4, 10), { act: "set", key: "announce", value: "page\n12", of: "*", host: true }),
        message(4, at(4, 11), { from: "alice", act: "remove", of: "alice", on: 9, through: 9, value: "1" }),
        message(5, at(4, 12), { text: "(removed)", removed: "alice", from: "bob", was: "alice:\n\u001b[2Jhm" }),
        message(6, at(4, 13), { act: "dance", text: "danced" }), // of a newer server
      );
    });
    await using alice = await sitIn(server.port, "alice", [], { env: { NO_COLOR: "" } });
    const text = await alice.until("13:07 ms.lee: danced\n");
    expect(text).toContain(
      [
        "── Sunday 3 November ──",
        "09:07 ms.lee (host): open page 12",
        "── Monday 4 November ──",
        "09:07 * ms.lee locked the chat until 10:07 on Monday 4 November: only hosts",
        "  can write",
        "10:07 ── ms.lee to everybody: page 12 ──",
        "11:07 * you removed a message",
        "12:07 bob: (removed by you: alice:",
        "  [2Jhm)",
        "",
      ].join("\n"),
    );
    expect(alice.output()).toContain("\x1b[2m* ms.lee locked the chat");
    expect(alice.output()).toContain("\x1b[2m(removed by you");
  },
);

inTerminal(
  "--wire shows every frame with its bytes, and neither the password nor the token nor a host code",
  async () => {
    await using chat = await startTestServer(["alice"]);
    await using alice = await sitIn(chat.port, "alice", ["--wire"], { columns: 200 });
    alice.type("two sugars\r");
    const text = await alice.until(/← \d+ B \{"type":"message".*"text":"two sugars"\}/);
    expect(text).toMatch(/→ \d+ B \{"type":"login","user":"alice","password":"\*\*\*","id":"[^"]+"\}/);
    expect(text).toMatch(/← \d+ B \{"type":"ok".*"token":"\*\*\*"/);
    const [, bytes, frame] = /→ (\d+) B (\{"type":"say".*\})/.exec(text)!;
    expect(Number(bytes)).toBe(frame!.length + 1);
    alice.type("/host 1234-56\r");
    const told = await alice.until(/← \d+ B \{"type":"error","id":"[^"]+","code":"not_allowed"/);
    expect(told).toMatch(/→ \d+ B \{"type":"claim","code":"\*\*\*"/);
    expect(told).not.toContain("1234-56");
    expect(alice.output()).not.toContain(PASSWORD);
  },
);

// ---- a hostile server ----

inTerminal(
  "escape sequences, bidi controls, impossible frames and false lines are drawn as text or dropped",
  async () => {
    const nasty = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\r\b";
    using server = listen((frame, write) => {
      write(welcome(frame));
      if (frame.type !== "join") return;
      const message = { type: "message", to: "#lobby", seq: 1, from: "bob", id: "b-1", at: 9e15, text: nasty };
      write(
        ...["garbage", "{", "[]", "null", "{}", '{"type":5}', { type: "message" }, { ...message, from: "b\x1b[2Jb" }],
        ...[
          { ...message, seq: "1" },
          { ...message, to: "#\x1b" },
          { type: "joined", to: "*", users: ["\x1b[2J", 5] },
        ],
        ...[{ type: "ok", id: 5 }, { type: "error", code: "nope", text: "x" }, `{"type":"notice","text":"${nasty}"}`],
        ...[message, { ...message, to: "#elsewhere", text: "not our room" }],
        { type: "notice", text: `${nasty}end\n12:00 bob: I said this` },
        "x".repeat(10_000),
        { type: "notice", text: "that was all" },
      );
    });
    await using alice = await sitIn(server.port, "alice");
    const text = await alice.until("that was all");

    expect(alice.screen.strange).toEqual([]);
    const output = alice.output().replaceAll("\x1b]2;#lobby – Banter\x07", "");
    expect(output).not.toMatch(/[\u202a-\u202e\u2066-\u2069\x9b\b]|\x1b\]/);
    expect(text).toContain("--:-- bob: [2J]0;owned31mgnp.exe");
    expect(text).toContain("\n  12:00 bob: I said this");
    expect(text).not.toMatch(/elsewhere|not our room|NaN/);
  },
);

inTerminal("a flood does not keep Ctrl+C waiting", async () => {
  const flood = Buffer.from(`${JSON.stringify({ type: "notice", text: "flood ".repeat(50) })}\n`.repeat(500));
  let rest = flood;
  const pour = (socket: Bun.Socket<Lines>) => {
    for (let taken; (taken = socket.write(rest)) >= 0; rest = flood)
      if (taken < rest.length) return void (rest = rest.subarray(taken));
  };
  using server = listen((frame, write) => {
    write(welcome(frame));
    if (frame.type === "say") for (const socket of server.sockets) pour(socket);
  }, pour);
  await using alice = await sitIn(server.port, "alice");
  alice.type("more!\r");
  await alice.until("flood flood");
  alice.type("\x03");
  expect(await alice.exited).toBe(0);
});

inTerminal("a line without an end is not waited for: the client lets go of such a server", async () => {
  const endless = Buffer.alloc(64 * 1024, "x");
  let poured = 0;
  const pour = (socket: Bun.Socket<Lines>) => {
    for (let taken; (taken = socket.write(endless)) > 0;) poured += taken;
  };
  using server = listen((frame, write) => {
    write(welcome(frame));
    if (frame.type === "join") for (const socket of server.sockets) pour(socket);
  }, pour);
  await using alice = await sitIn(server.port, "alice");
  await alice.until("connection lost");
  expect(poured).toBeLessThan(64 * 1024 * 1024);
});
