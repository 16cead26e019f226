import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import { Lines } from "../../shared/lines.ts";
import {
  PASSWORD,
  PATIENCE,
  REPOSITORY,
  run,
  spawnServer,
  startChat,
  temporaryFolder,
  writeAccounts,
} from "../kit/harness.ts";
import { sitAtClient, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const CLIENT = [process.execPath, "client.ts"];
const ALT = "\x1b";

/** A server that says what a test tells it to: `answer` gets each frame and writes whatever it likes. */
function listen(
  answer: (frame: any, write: (...frames: unknown[]) => void) => void,
  pour?: (socket: Bun.Socket<Lines>) => void,
) {
  const sockets = new Set<Bun.Socket<Lines>>();
  const server = Bun.listen<Lines>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = new Lines();
        sockets.add(socket);
      },
      data(socket, chunk) {
        const write = (...frames: unknown[]) =>
          void socket.write(frames.map((one) => (typeof one === "string" ? one : JSON.stringify(one)) + "\n").join(""));
        for (const line of socket.data.push(chunk)) answer(JSON.parse(line!), write);
      },
      drain: (socket) => pour?.(socket),
      close: (socket) => void sockets.delete(socket),
    },
  });
  return { port: server.port, sockets, [Symbol.dispose]: () => server.stop(true) };
}

/** What every server answers to a client that signs in and enters a room. */
function welcome({ type, id, to, user }: any): Record<string, unknown> {
  if (type === "login") return { type: "ok", id, user, token: "1.a", seq: 0 };
  return type === "join" ? { type: "ok", id, to, users: ["alice"], seq: 0 } : { type: "ok", id };
}

// ---- first contact ----

test("a new person is asked for a name and a password once each, gets an account, and no password is ever shown", async () => {
  await using chat = await startChat(["bob"]);
  await using alice = sitAtClient(chat.port);
  await alice.until(/not encrypted[\s\S]*Name:$/);
  alice.type("Zoë K\r");
  await alice.until("for example zoe-k.\nName:");
  alice.type("Alice\rtiny\r");
  await alice.until("That password has 4 characters; 8 are needed.");
  alice.type("first-try-1\r");
  await alice.until("Create a new account called alice? [y/N]");
  alice.type("y\r");
  await alice.until(/Type the password again:$/);
  alice.type("other-one-2\r");
  await alice.until("The two passwords differ.\nChoose a password:");
  const drawn = alice.output().length;
  alice.type(PASSWORD);
  await alice.until(() => alice.output().length > drawn);
  alice.type(`\r${PASSWORD}\r`);
  await alice.until(/Welcome, alice\.[\s\S]*You are in #lobby, alone so far/);

  for (const secret of ["tiny", "first-try-1", "other-one-2", PASSWORD]) expect(alice.output()).not.toContain(secret);
  expect((await (await chat.wire()).login("alice")).user).toBe("alice");
});

test("a wrong password counts down and never says whether the name was wrong; a taken name asks for another", async () => {
  await using chat = await startChat(["bob"]);
  await using visitor = sitAtClient(chat.port, ["--name", "bob"]);
  await visitor.until(/is hidden\):/);
  visitor.type("not-bobs-1\rn\r");
  await visitor.until("No account matches that name and password.\nCreate a new account called bob? [y/N] n");
  await visitor.until(/4 tries left[\s\S]*name\):$/);
  visitor.type("not-bobs-2\ry\rnot-bobs-2\r");
  await visitor.until(/bob is taken\. Free: bob2, bob3\.[\s\S]*Name:$/);
  visitor.type("bob\r");
  await visitor.until("3 tries left");
  visitor.type(`${PASSWORD}\r`);
  await visitor.until("Welcome, bob.");
});

test("five wrong passwords end the program with code 4, Ctrl+C at a question with 130", async () => {
  await using chat = await startChat(["bob"]);
  await using visitor = sitAtClient(chat.port, ["--name", "bob"]);
  for (let i = 0; i < 5; i++) {
    await visitor.until(() => visitor.screen.rows.at(-1)!.endsWith("):") && visitor.output().split("[y/N]").length > i);
    visitor.type("not-bobs-1\rn\r");
    await visitor.until(i < 4 ? `${4 - i} ${i < 3 ? "tries" : "try"} left` : /No account matches[\s\S]*Check both/);
  }
  expect(await visitor.exited).toBe(4);

  await using other = sitAtClient(chat.port);
  await other.until("Name:");
  other.type("\x03");
  expect(await other.exited).toBe(130);
});

test("who waits for the server longer than a moment reads that it is at work", async () => {
  let letIn = () => {};
  using server = listen((frame, write) => {
    if (frame.type === "login") letIn = () => write(welcome(frame));
    else write(welcome(frame));
  });
  await using alice = sitAtClient(server.port, ["--name", "alice"]);
  await alice.until(/is hidden\):/);
  alice.type(`${PASSWORD}\r`);
  await alice.until("Checking…");
  letIn();
  await alice.until("#lobby>");
  expect(alice.screen.text).not.toContain("Checking");
});

test("somebody who is no Banter server is not told a name or a password", async () => {
  const heard: string[] = [];
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        heard.push(bytes.toString());
        socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      },
    },
  });
  const { code, stdout } = await run([...CLIENT, `127.0.0.1:${server.port}`], `alice\n${PASSWORD}\n`);
  expect(stdout).toContain(`Whoever answers at 127.0.0.1:${server.port} is no Banter server.`);
  expect(code).toBe(3);
  expect(heard.join("")).toBe('{"type":"ping"}\n');
});

// ---- delivery ----

test("a line waits above the prompt, and enters the log when the server has stored it", async () => {
  let store = () => {};
  using server = listen((frame, write) => {
    if (frame.type !== "say") return write(welcome(frame));
    const { to, id, text } = frame;
    store = () => write({ type: "message", to, seq: 1, from: "alice", id, at: Date.now(), text });
  });
  await using alice = await sitIn(server.port, "alice");
  alice.type("is this on?\r");
  await alice.until("  … is this on?\n#lobby>");
  expect(alice.screen.text).not.toContain("alice: is this on?");
  store();
  await alice.until(/alice: is this on\?\n#lobby>$/);
  expect(alice.screen.text).not.toContain("…");
});

test("after kill -9 of the server what was typed waits, is sent once and in order, and what was missed comes once", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice", "bob"]);
  const first = await spawnServer(folder.path);
  await using alice = await sitIn(first.port, "alice");
  alice.type("before\r");
  await alice.until("alice: before\n#lobby>");

  await first.kill9();
  await alice.until(/connection lost[\s\S]*Not connected. Trying again in \d s, or press Enter/);
  alice.type("one\rtwo\rthree\rfour\r");
  await alice.until("  … one\n  … two\n  … three\n  … and 1 more\n");
  alice.type("a draft");
  await using _ = await spawnServer(folder.path, ["--port", String(first.port)]);
  // Enter tries at once; the draft that goes with it is one more line.
  alice.type("\r");
  await alice.until(/── back online ──\n(\d\d:\d\d alice: (one|two|three|four|a draft)\n){5}#lobby>$/);
  expect([...alice.screen.text.match(/alice: .*/g)!]).toEqual(
    ["before", "one", "two", "three", "four", "a draft"].map((text) => `alice: ${text}`),
  );
  expect(readFileSync(join(folder.path, "log", "app.log"), "utf8").match(/alice signed in/g)).toHaveLength(2);
});

test("who comes back is told how many messages were missed, and sees each once", async () => {
  await using chat = await startChat(["alice", "bob"]);
  await using alice = await sitIn(chat.port, "alice");
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "one", id: "b-1" });
  await alice.until("bob: one");
  await chat.restart(async () => {
    const said = [
      { to: "#lobby", text: "two" },
      { to: "#lobby", text: "three" },
      { to: "alice", text: "four" },
    ];
    const history = openHistory(join(chat.data, "chat.db"));
    await history.append(said.map((one) => ({ ...one, from: "bob", id: one.text })));
    history.close();
  });
  await alice.until("connection lost");
  alice.type("\r");
  await alice.until("── back online, 3 missed messages ──");
  await alice.until(/bob → you: four[\s\S]*bob: three/);

  expect([...alice.screen.text.match(/bob(?: → you)?: \w+/g)!].sort()).toEqual(
    ["bob → you: four", "bob: one", "bob: three", "bob: two"].sort(),
  );
});

// ---- rooms ----

test("several rooms at once: the status row tells what waits, Alt+A reads it, a call rings once", async () => {
  await using chat = await startChat(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "old" });
  await using alice = await sitIn(chat.port, "alice");
  await alice.until("bob: old");
  await bob.ask({ type: "say", to: "#lobby", text: "fresh" });
  await alice.until(/bob: old\n── new ──\n\d\d:\d\d bob: fresh\n#lobby>$/);

  alice.type("/join lab\r");
  await alice.until(/── You are in #lab, alone so far ──\n#lab>$/);
  await bob.ask({ type: "say", to: "#lobby", text: "first" });
  await alice.until("  1:lobby 1  Alt+A to read\n#lab>");
  expect(alice.screen.bells).toBe(0);
  await bob.ask({ type: "say", to: "#lobby", text: "where is Alice?" });
  await bob.ask({ type: "say", to: "#lobby", text: "alice!" });
  await alice.until("  1:lobby 3!  Alt+A to read\n#lab>");
  expect(alice.screen.bells).toBe(1);
  expect(alice.screen.text).not.toContain("where is Alice");

  alice.type(`${ALT}a`);
  await alice.until(/── #lobby, 3 new ──\n.*bob: first\n.*>> bob: where is Alice\?\n.*>> bob: alice!\n#lobby>$/);
  alice.type("/join lab\r");
  await alice.until(/#lab>$/);
  alice.type("/leave\r");
  await alice.until(/#lobby>$/);
  expect((await bob.ask({ type: "who", to: "#lab" })).users).toEqual([]);
});

test("a day that changes gets a line of its own, also in messages from long ago", async () => {
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

// ---- commands ----

test("a mistyped command is not sent and names the nearest; two slashes say one; help fits one screen", async () => {
  await using chat = await startChat(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  alice.type("/jion lab\r");
  await alice.until("Unknown command /jion. Did you mean /join? Nothing was sent.");
  alice.type("//join us\r");
  expect(await bob.next("message")).toMatchObject({ text: "/join us" });
  const before = alice.screen.text.split("\n").length;
  alice.type("/help\r");
  await alice.until(/leaves when it is empty\.\n#lobby>$/);
  expect(alice.screen.text.split("\n").length - before).toBeLessThan(24);
  expect(await bob.quiet()).toEqual([]);
});

for (const [how, keys] of Object.entries({
  "/exit": "/exit\r",
  "/quit": "/quit\r",
  "!exit": "!exit\r",
  "Ctrl+D on an empty line": "\x04",
  "Ctrl+C on an empty line": "\x03",
  "Ctrl+C twice on a typed line": "half\x03\x03",
}))
  test(`${how} leaves with code 0, and the others hear of it`, async () => {
    await using chat = await startChat(["alice", "bob"]);
    await using alice = await sitIn(chat.port, "alice");
    const bob = await chat.signedIn("bob", "#lobby");
    alice.type(keys);
    expect(await alice.exited).toBe(0);
    await bob.next((event) => event.type === "left" && event.to === "*" && event.users.includes("alice"));
  });

test("Tab completes commands, people, whoever spoke last first, and rooms", async () => {
  await using chat = await startChat(["alice", "bob", "bea"]);
  const bea = await chat.signedIn("bea", "#lobby");
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  await bob.ask({ type: "say", to: "#lobby", text: "hi" });
  await bea.ask({ type: "say", to: "#lobby", text: "hi" });
  await alice.until("bea: hi");

  alice.type("thanks @b\t");
  await alice.until("[@bea] @bob\n#lobby> thanks @bea");
  alice.type("\t");
  await alice.until("@bea [@bob]\n#lobby> thanks @bob");
  alice.type("\x1b[Z and #lo\t\r");
  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ text: "thanks @bea  and #lobby" });
  alice.type("/ms\tbo\thello\r");
  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ to: "bob", text: "hello" });
});

test("classic mode: bare words in the lobby, and nothing but leave in a room", async () => {
  await using chat = await startChat(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  await using alice = await sitIn(chat.port, "alice", ["--classic"]);
  alice.type("who\r");
  await alice.until(/\* Here: .*bob/);
  alice.type("message\r");
  await alice.until(/To:$/);
  alice.type("bob\rpsst\r");
  expect(await bob.next("message")).toMatchObject({ to: "bob", text: "psst" });
  alice.type("join lab\r");
  await alice.until(/#lab>$/);
  for (const text of ["who", "exit", "/who"]) {
    alice.type(`${text}\r`);
    expect(await bob.next((event: any) => event.to === "#lab" && event.type === "message")).toMatchObject({ text });
  }
  alice.type("leave\r");
  await alice.until(/#lobby>$/);
  alice.type("exit\r");
  expect(await alice.exited).toBe(0);
});

// ---- looks ----

test("names have colours, NO_COLOR turns them off, and neither is needed to see a call", async () => {
  await using chat = await startChat(["alice", "bob"]);
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
  test(`${how}: lines only, one an event, and still no password on the screen`, async () => {
    await using chat = await startChat(["alice", "bob"]);
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

// ---- pipes ----

/** A folder with a password file. */
function secrets() {
  const folder = temporaryFolder();
  const file = join(folder.path, "password");
  writeFileSync(file, PASSWORD + "\n");
  return { file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

test("--send stores every line before it ends with 0, and says which one was refused", async () => {
  await using chat = await startChat(["alice", "bob"]);
  using secret = secrets();
  const bob = await chat.signedIn("bob", "#lobby");
  const client = [...CLIENT, `127.0.0.1:${chat.port}`, "--name", "alice", "--password-file", secret.file];

  expect(await run([...client, "--send", "#lobby"], "one\n\ntwo\r\nthree")).toEqual({
    code: 0,
    stdout: "",
    stderr: "",
  });
  const said = (await bob.quiet()).filter(({ type }) => type === "message");
  expect(said.map(({ text }) => text)).toEqual(["one", "two", "three"]);

  const refused = await run([...client, "--send", "nobody-here"], "hello\n");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toContain("line 1 was not sent: There is no account with that name.");
  const many = Array.from({ length: 500 }, (_, i) => `line ${i}`);
  expect((await run([...client, "--send", "bob"], many.join("\n"))).code).toBe(0);
  const inbox = (await bob.quiet()).filter(({ to }) => to === "bob");
  expect(inbox.map(({ text }) => text)).toEqual(many);
});

test("--json speaks frames both ways, answers in order, and a repeated id is answered by what is stored", async () => {
  await using chat = await startChat(["alice"]);
  using secret = secrets();
  const client = [...CLIENT, `127.0.0.1:${chat.port}`, "--name", "alice", "--json", "--room", "lab"];
  const speak = async (...frames: unknown[]) => {
    const input = frames.map((frame) => (typeof frame === "string" ? frame : JSON.stringify(frame))).join("\n");
    const { code, stdout, stderr } = await run([...client, "--password-file", secret.file], input);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  };
  const say = { type: "say", to: "#lab", text: "x", id: "k-1" };

  const first = await speak({ type: "who", id: "a", to: "#lab" }, "no frame", say, { type: "rooms", id: "b" });
  expect(first.filter(({ type }) => type !== "joined")).toMatchObject([
    { type: "ok", id: "a", users: ["alice"] },
    { type: "error", code: "bad_request" },
    { type: "message", id: "k-1", seq: 1 },
    { type: "ok", id: "b" },
  ]);
  const again = await speak(say);
  expect(again.filter(({ type }) => type === "message")).toMatchObject([{ id: "k-1", seq: 1, text: "x" }]);
});

test("piped lines and commands work without a terminal, and what comes out holds no escape", async () => {
  await using chat = await startChat(["alice"]);
  const script = `alice\n${PASSWORD}\nhello\n/who\n/nope\nbye`;
  const { code, stdout } = await run([...CLIENT, `127.0.0.1:${chat.port}`], script);
  expect(code).toBe(0);
  expect(stdout).toContain("\nalice: hello\n");
  expect(stdout).toContain("* Here: alice\n");
  expect(stdout).toContain("* Unknown command /nope. /help lists the commands. Nothing was sent.\n");
  expect(stdout).toEndWith("alice: bye\n");
  expect(stdout).not.toMatch(/\x1b|pass-word/);
});

test("exit codes tell a script what went wrong, and one sentence tells a person", async () => {
  await using chat = await startChat(["alice"]);
  using secret = secrets();
  const here = `127.0.0.1:${chat.port}`;
  const scenes: [args: string[], code: number, sentence: string][] = [
    [["--rom", "lab"], 2, "Unknown option --rom. Did you mean --room?"],
    [["a b"], 2, '"a b" is no HOST[:PORT].'],
    [[here, "extra"], 2, "Only one HOST[:PORT] can be given."],
    [[here, "--name", "x"], 2, 'Nobody can be called "x".'],
    [[here, "--room", "a/b"], 2, '"a/b" is no room.'],
    [[here, "--send", "#lobby"], 2, "--send needs --name and --password-file."],
    [[here, "--name", "alice", "--password-file", "/no/such/file"], 2, "Cannot read the password in /no/such/file"],
    [["127.0.0.1:1", "--name", "alice", "--password-file", secret.file], 3, "Nobody is listening at 127.0.0.1:1."],
    [[here, "--name", "alicia", "--password-file", secret.file], 4, "No account matches that name and password."],
  ];
  await Promise.all(
    scenes.map(async ([args, code, sentence]) => {
      const result = await run([...CLIENT, ...args]);
      expect({ args, code: result.code }).toEqual({ args, code });
      expect(result.stdout + result.stderr).toContain(sentence);
    }),
  );
  const { code, stdout } = await run([...CLIENT, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("0 done, 1 bug or a line was not sent, 2 usage, 3 cannot reach the server");
  expect(stdout.split("\n").length).toBeLessThanOrEqual(25);
});

test("--wire shows every frame with its bytes, and neither the password nor the token", async () => {
  await using chat = await startChat(["alice"]);
  await using alice = await sitIn(chat.port, "alice", ["--wire"], { columns: 200 });
  alice.type("two sugars\r");
  const text = await alice.until(/← \d+ B \{"type":"message".*"text":"two sugars"\}/);
  expect(text).toMatch(/→ \d+ B \{"type":"login","user":"alice","password":"\*\*\*","id":"[^"]+"\}/);
  expect(text).toMatch(/← \d+ B \{"type":"ok".*"token":"\*\*\*"/);
  const [, bytes, frame] = /→ (\d+) B (\{"type":"say".*\})/.exec(text)!;
  expect(Number(bytes)).toBe(frame!.length + 1);
  expect(alice.output()).not.toContain(PASSWORD);
});

// ---- a hostile server ----

test("escape sequences, bidi controls, impossible frames and false lines are drawn as text or dropped", async () => {
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
  expect(alice.output()).not.toMatch(/[\u202a-\u202e\u2066-\u2069\x9b\b]|\x1b\]/);
  expect(text).toContain("--:-- bob: [2J]0;owned31mgnp.exe");
  expect(text).toContain("\n  12:00 bob: I said this");
  expect(text).not.toMatch(/elsewhere|not our room|NaN/);
});

test("a flood does not keep Ctrl+C waiting", async () => {
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

test("a line without an end is not waited for: the client lets go of such a server", async () => {
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

test("the ten-line bot of old still works: connect and receiveMessages come from client.ts", async () => {
  await using chat = await startChat(["bot", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  const source = `
    import { connect, receiveMessages } from "${REPOSITORY}/client.ts";
    const bot = await connect({ port: ${chat.port}, user: "bot", password: "${PASSWORD}", rooms: ["#lobby"] });
    for await (const event of receiveMessages(bot))
      if (event.type === "message" && event.text === "ping") { await bot.say(event.to, "pong"); await bot.close(); }
  `;
  const bot = run([process.execPath, "-e", source]);
  await bob.next((event) => event.type === "joined" && event.to === "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "ping" });
  expect(await bob.next((event: any) => event.from === "bot")).toMatchObject({ text: "pong" });
  expect((await bot).code).toBe(0);
});
