import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, passwordFile, run, startTestServer } from "../kit/harness.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const CLIENT = [process.execPath, "client.ts"];

test("--send stores every line before it ends with 0, and says which one was refused", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  using secret = passwordFile();
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
  expect(refused.stderr).not.toContain("Did you mean");
  const lobby = await run([...client, "--send", "lobby"], "hello\n");
  expect(lobby.stderr).toEndWith("There is no account with that name. Nothing was sent. Did you mean '#lobby'?\n");
  const many = Array.from({ length: 500 }, (_, i) => `line ${i}`);
  expect((await run([...client, "--send", "bob"], many.join("\n"))).code).toBe(0);
  const inbox = (await bob.quiet()).filter(({ to }) => to === "bob");
  expect(inbox.map(({ text }) => text)).toEqual(many);
});

test("--json speaks frames both ways, answers in order, and a repeated id is answered by what is stored", async () => {
  await using chat = await startTestServer(["alice"]);
  using secret = passwordFile();
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

test("--json acts for a host and passes what is told of it; --send says why a line was refused, and ends with 1", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  using secret = passwordFile();
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.say("#lobby", "an insult");
  const client = (name: string) => [
    ...[...CLIENT, `127.0.0.1:${chat.port}`, "--name", name],
    ...["--password-file", secret.file],
  ];
  const frames = [
    { type: "remove", to: "#lobby", of: "bob", id: "a" },
    { type: "set", to: "bob", key: "mute", value: "on", id: "b" },
    { type: "set", to: "#lobby", key: "colour", value: "red", id: "c" },
    { type: "claim", code: "1234-5678", id: "d" },
    { type: "history", to: "#lobby", limit: 2, id: "e" },
  ];
  const input = frames.map((frame) => JSON.stringify(frame)).join("\n");
  const { stdout } = await run([...client("ms.lee"), "--json", "--room", "lobby"], input);
  const told = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const act = { type: "message", act: "remove", of: "bob", on: 1, through: 1, host: true };
  const messages = [{ from: "bob", removed: "ms.lee", was: "an insult", text: "(removed)" }, act];
  expect(told.find(({ id }) => id === "a")).toMatchObject(act);
  expect(told.find(({ id }) => id === "b")).toMatchObject({ type: "message", to: "bob", key: "mute", value: "on" });
  expect(told.find(({ id }) => id === "c")).toMatchObject({ type: "error", code: "bad_request" });
  expect(told.find(({ id }) => id === "d")).toMatchObject({ type: "error", code: "not_allowed" });
  expect(told.find(({ id }) => id === "e")).toMatchObject({ type: "ok", messages });

  expect(await run([...client("bob"), "--send", "#lobby"], "not fair\n")).toEqual({
    code: 1,
    stdout: "",
    stderr: "* line 1 was not sent: ms.lee muted you. You can still write to hosts. Nothing was sent.\n",
  });
  expect((await run([...client("bob"), "--send", "ms.lee"], "sorry\n")).code).toBe(0);
});

test("a code that nobody knows is final: --send goes on, --json writes it", async () => {
  using secret = passwordFile();
  using server = listen((frame, write) => {
    const { id, text, to } = frame;
    if (frame.type !== "say") return write(welcome(frame));
    if (text === "no") return write({ type: "error", id, code: "quiet", text: "Nobody may speak now." });
    write({ type: "message", to, seq: 1, from: "alice", id, at: 1, text });
  });
  const client = [...CLIENT, `127.0.0.1:${server.port}`, "--name", "alice", "--password-file", secret.file];
  expect(await run([...client, "--send", "#lobby"], "no\nyes\n")).toEqual({
    code: 1,
    stdout: "",
    stderr: "* line 1 was not sent: Nobody may speak now.\n",
  });
  const json = await run([...client, "--json"], '{"type":"say","to":"bob","text":"no","id":"k-1"}\n');
  expect(json).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(json.stdout)).toEqual({ type: "error", id: "k-1", code: "quiet", text: "Nobody may speak now." });
});

test("piped lines and commands work without a terminal, and what comes out holds no escape", async () => {
  await using chat = await startTestServer(["alice"]);
  const script = `alice\n${PASSWORD}\nhello\n/who\n/nope\nbye`;
  const { code, stdout } = await run([...CLIENT, `127.0.0.1:${chat.port}`], script);
  expect(code).toBe(0);
  expect(stdout).toContain("\nalice: hello\n");
  expect(stdout).toContain("* Here: alice\n");
  expect(stdout).toContain("* Unknown command /nope. /help lists the commands. Nothing was sent.\n");
  expect(stdout).toEndWith("alice: bye\n");
  expect(stdout).not.toMatch(/\x1b|pass-word/);
});

test("--json passes who the hosts are; --send of who is sent out meanwhile ends with the reason", async () => {
  await using chat = await startTestServer(["ms.lee"]);
  using secret = passwordFile();
  const claim = JSON.stringify({ type: "claim", code: chat.server.hostCode, id: "a" });
  const lee = [...CLIENT, `127.0.0.1:${chat.port}`, "--name", "ms.lee", "--password-file", secret.file];
  const { stdout } = await run([...lee, "--json"], claim);
  expect(stdout).toContain('{"type":"hosts","users":["ms.lee"]}\n');
  expect(stdout).toContain('{"type":"ok","id":"a","hosts":["ms.lee"]}\n');

  let logins = 0;
  const text = "ms.lee sent you out. You can come back in 10 minutes.";
  using server = listen((frame, write) => {
    if (frame.type === "say") for (const socket of server.sockets) socket.end();
    else if (frame.type !== "login" || logins++ === 0) write(welcome(frame));
    else write({ type: "error", id: frame.id, code: "no_entry", text, after: 600 });
  });
  const bob = [...CLIENT, `127.0.0.1:${server.port}`, "--name", "bob", "--password-file", secret.file];
  expect(await run([...bob, "--send", "#lobby"], "hello\n")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`* ${text}\n`),
  });
});
