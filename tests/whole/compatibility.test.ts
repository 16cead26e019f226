import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import { startServer } from "../../server.ts";
import {
  PASSWORD,
  passwordFile,
  PATIENCE,
  REPOSITORY,
  run,
  spawnServer,
  temporaryFolder,
  Wire,
} from "../kit/harness.ts";
import { HAS_TERMINAL, sit } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const FIXTURES = join(REPOSITORY, "tests", "fixtures", "1.0.0");
const client = (port: number, ...args: string[]) => [
  process.execPath,
  join(FIXTURES, "client.js"),
  `127.0.0.1:${port}`,
  ...args,
];
/** What the server of 1.0.0 said last. */
interface Told {
  at: number;
  tokens: Record<string, string>;
  conversations: Record<string, Message[]>;
}
const told: Told = JSON.parse(readFileSync(join(FIXTURES, "told.json"), "utf8"));

/** A copy of the data of 1.0.0. */
function oldData(): { path: string } & Disposable {
  const folder = temporaryFolder();
  cpSync(join(FIXTURES, "data"), folder.path, { recursive: true });
  return folder;
}

test("the data of 1.0.0 opens: every message at its place, every password, token and id, and what was confirmed", async () => {
  using folder = oldData();
  const options = { port: 0, webPort: false, data: folder.path, now: () => told.at } as const;
  for (const opening of ["first", "second"]) {
    const server = await startServer(options);
    const wires = new Map<string, Wire>();
    for (const [user, token] of Object.entries(told.tokens)) {
      const wire = await Wire.open(server.port);
      const proof = opening === "first" ? { password: PASSWORD } : { token };
      expect(await wire.ask({ type: "login", user, ...proof })).toMatchObject({ type: "ok", user });
      wires.set(user, wire);
    }
    const [alice, bob] = [wires.get("alice")!, wires.get("bob")!];
    const unread = (await bob.quiet()).filter(({ type }) => type === "message");
    expect(unread).toEqual(told.conversations["@bob"]!.filter(({ seq }) => seq > 2));

    for (const [conversation, messages] of Object.entries(told.conversations)) {
      const wire = wires.get(conversation.slice(1)) ?? alice;
      const to = conversation.startsWith("@") ? "@" : conversation;
      if (to !== "@") expect((await wire.join(to, 0)).backlog).toEqual(messages);
      expect((await wire.ask({ type: "history", to })).messages).toEqual(messages);
    }
    const [first] = told.conversations["#lobby"]!;
    const { to, text, id } = first!;
    expect(await alice.ask({ type: "say", to, text, id })).toEqual(first);
    expect(await alice.ask({ type: "say", to, text: "another", id })).toMatchObject({ code: "id_reused" });
    await server.stop();
  }
});

test("the client of 1.0.0 as a script signs in, hears what was said, says lines and speaks frames", async () => {
  using folder = oldData();
  using secret = passwordFile();
  await using server = await spawnServer(folder.path);
  const as = (user: string) => client(server.port, "--name", user, "--password-file", secret.file);

  const bob = await run(as("bob"), "hello from 1.0.0\n/who\n");
  expect([bob.code, bob.stderr]).toEqual([0, ""]);
  const heard = ["psst 3, unread", "psst 4, unread", "good morning", "grüße", "bob: hello from 1.0.0", "* Here: bob"];
  expect(heard.filter((text) => !bob.stdout.includes(text))).toEqual([]);
  expect(bob.stdout).not.toContain("psst 2");

  expect(await run([...as("alice"), "--send", "#lab"], "one\ntwo\n")).toEqual({ code: 0, stdout: "", stderr: "" });
  const asked = '{"type":"say","to":"#lab","text":"three","id":"new-3"}\n{"type":"history","to":"#lab","id":"h"}\n';
  const { stdout } = await run([...as("alice"), "--json", "--room", "lab"], asked);
  const frames = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const { messages } = frames.find(({ id }) => id === "h");
  expect(messages.slice(0, 3)).toEqual(told.conversations["#lab"]!);
  expect(messages.slice(3)).toMatchObject([{ text: "one" }, { text: "two" }, { text: "three", seq: 6, id: "new-3" }]);
});

test("the client of 1.0.0 comes back after kill -9 of the server, and what was said meanwhile is there once", async () => {
  using folder = oldData();
  using secret = passwordFile();
  const first = await spawnServer(folder.path);
  const command = client(first.port, "--name", "alice", "--password-file", secret.file);
  await using alice = Bun.spawn(command, { cwd: REPOSITORY, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const shown = alice.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  const until = async (text: string) => {
    while (!output.includes(text)) output += (await shown.read()).value ?? expect.unreachable(output);
  };
  await until("good morning");
  alice.stdin.write("before\n");
  await until("alice: before");
  await first.kill9();
  alice.stdin.write("meanwhile\n");
  await using second = await spawnServer(folder.path, ["--port", String(first.port)]);
  await until("alice: meanwhile");
  const role = await run([process.execPath, "users.ts", "role", "bob", "host", "--data", folder.path]);
  expect(role.code).toBe(0);
  const witness = await Wire.open(second.port);
  if ((await witness.login("bob")).hosts?.length === 0) await witness.next("hosts");
  witness.close();
  alice.stdin.write("with a host\n"); // the event about hosts came before
  await until("alice: with a host");
  expect(output.match(/host/g)).toHaveLength(1);
  alice.stdin.end();
  expect(await alice.exited).toBe(0);

  const bob = await Wire.open(second.port);
  await bob.login("bob");
  const { backlog } = await bob.join("#lobby", 3);
  expect(backlog.map(({ text }) => text)).toEqual(["before", "meanwhile", "with a host"]);
  bob.close();
});

test("the client of 1.0.0 where hosts act shows each act once, as a line in its order, over one connection", async () => {
  using folder = oldData();
  using secret = passwordFile();
  const role = await run([process.execPath, "users.ts", "role", "bob", "host", "--data", folder.path]);
  expect(role.code).toBe(0);
  await using server = await spawnServer(folder.path);
  const command = client(server.port, "--name", "alice", "--password-file", secret.file);
  await using alice = Bun.spawn(command, { cwd: REPOSITORY, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const shown = alice.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let output = "";
  const until = async (text: string) => {
    while (!output.includes(text)) output += (await shown.read()).value ?? expect.unreachable(output);
  };
  await until("good morning");
  const bob = await Wire.open(server.port);
  await bob.login("bob");
  await bob.join("#lobby");
  alice.stdin.write("to be removed\n");
  await until("alice: to be removed");
  const { seq } = await bob.next<Message>((frame) => frame.type === "message" && frame.text === "to be removed");
  const set = (to: string, key: string, value: string) => ({ type: "set", to, key, value });
  for (const act of [
    set("#lobby", "lock", "on"),
    { type: "remove", to: "#lobby", on: seq },
    set("*", "announce", "fire drill"),
    set("#lobby", "lock", "off"),
    set("alice", "mute", "on"),
  ])
    expect(await bob.ask(act)).toMatchObject({ type: "message", act: act.type });
  await until("muted you.");
  await bob.ask(set("alice", "mute", "off"));
  await until("unmuted you");
  alice.stdin.write("done\n");
  await until("alice: done");
  const lines = output.split("\n").slice(output.split("\n").findIndex((line) => line.includes("to be removed")));
  expect(lines.filter((line) => !line.includes(" has joined")).map((line) => line.trimEnd())).toEqual([
    "alice: to be removed",
    "bob: locked lobby: only hosts can write",
    "bob: removed a message of alice",
    "bob: to everybody: fire drill",
    "bob: unlocked lobby",
    "[pm] bob: muted you. You can still write to hosts",
    "[pm] bob: unmuted you",
    "alice: done",
    "",
  ]);
  alice.stdin.end();
  expect(await alice.exited).toBe(0);
  expect(server.log().match(/alice signed in/g)).toHaveLength(1);
  bob.close();
});

test.if(HAS_TERMINAL)("the client of 1.0.0 in a terminal shows what was said, and what is typed", async () => {
  using folder = oldData();
  await using server = await spawnServer(folder.path);
  await using alice = sit(client(server.port, "--name", "alice"));
  await alice.until(/is hidden\):/);
  alice.type(`${PASSWORD}\r`);
  await alice.until(/grüße[\s\S]*#lobby>/);
  alice.type("still here\r");
  await alice.until(/alice: still here\n#lobby>$/);
  alice.type("/exit\r");
  expect(await alice.exited).toBe(0);
  expect(alice.screen.strange).toEqual([]);
});
