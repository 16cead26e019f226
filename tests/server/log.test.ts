import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Level } from "../../server/log.ts";
import { openLog } from "../../server/log.ts";
import { PASSWORD, PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const NOON = new Date(2024, 10, 4, 11, 40, 11, 590).getTime();

/** What a log writes when `tell` is done with it, and what went to the console. */
function written(tell: (log: ReturnType<typeof openLog>) => void, level: Level = "debug") {
  using folder = temporaryFolder();
  const file = join(folder.path, "log", "app.log");
  const console: string[] = [];
  const log = openLog({ file, level, now: () => NOON, console: (line) => console.push(line) });
  tell(log);
  log.close();
  return { text: readFileSync(file, "utf8"), console, mode: statSync(file).mode & 0o777 };
}

test("one line an event: time, level, event; the same to the console and to a private file", () => {
  const { text, console, mode } = written((log) => {
    log.debug("Thinking");
    log.info("Server listening localhost:12345");
    log.warning("alice typed fast");
    log.error("It broke");
  });
  expect(text).toBe(
    [
      "2024-11-04 11:40:11,590 - DEBUG - Thinking",
      "2024-11-04 11:40:11,590 - INFO - Server listening localhost:12345",
      "2024-11-04 11:40:11,590 - WARNING - alice typed fast",
      "2024-11-04 11:40:11,590 - ERROR - It broke",
      "",
    ].join("\n"),
  );
  expect(console.join("")).toBe(text);
  expect(mode).toBe(0o600);
});

test("what is below the level is not written", () => {
  const { text } = written((log) => {
    log.debug("a");
    log.info("b");
    log.warning("c");
    log.error("d");
  }, "warning");
  expect(text.match(/- \w$/gm)).toEqual(["- c", "- d"]);
});

test("hostile text stays one line and drives no terminal", () => {
  const hostile = "a\nb\r\n2024-11-04 11:40:11,590 - INFO - forged\x1b[2J\x07\u2028c\u202ed\u0085e\ud800f";
  const { text } = written((log) => {
    log.info(hostile);
    log.error("bug", new Error(hostile));
    log.error("bug", hostile);
    log.info("x".repeat(100_000));
  });
  const lines = text.split("\n");
  expect(lines).toHaveLength(5);
  for (const line of lines) {
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
    expect(line.length).toBeLessThan(1_100);
  }
  expect(lines[0]).toEndWith("a b 2024-11-04 11:40:11,590 - INFO - forged [2J c d e f");
});

test("an exception is told with its place, not its stack, whatever was thrown", () => {
  const { text } = written((log) => {
    log.error("It broke", new RangeError("too far"));
    log.error("It broke", "a string");
    log.error("It broke", null);
    log.error("It broke", Object.assign(new Error("no stack"), { stack: undefined }));
  });
  const lines = text.split("\n").map((line) => line.replace(/^.* - ERROR - /, ""));
  expect(lines[0]).toMatch(/^It broke: RangeError: too far at log\.test\.ts:\d+$/);
  expect(lines.slice(1, 4)).toEqual(["It broke: a string", "It broke: null", "It broke: Error: no stack"]);
});

test("a full disk costs log lines, not the chat", () => {
  const lines: string[] = [];
  const log = openLog({ file: "/dev/full", console: (line) => lines.push(line) });
  log.info("nobody can store this");
  log.error("nor this", new Error("full"));
  log.close();
  expect(lines).toHaveLength(2);
});

test("what is told after the end is written nowhere, least of all into another file", () => {
  using folder = temporaryFolder();
  const log = openLog({ file: join(folder.path, "app.log") });
  log.info("one");
  log.close();
  // Whatever is opened next gets the descriptor that the log had.
  const next = openLog({ file: join(folder.path, "next") });
  log.info("too late");
  next.info("still open");
  next.close();
  expect(readFileSync(join(folder.path, "next"), "utf8")).toMatch(/^[^\n]* - INFO - still open\n$/);
});

test("an old log is kept and continued", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "app.log");
  writeFileSync(file, "yesterday\n");
  const log = openLog({ file });
  log.info("today");
  log.close();
  expect(readFileSync(file, "utf8")).toMatch(/^yesterday\n.* - INFO - today\n$/);
});

test("the log tells the story of a class without a password, a token or a word that was said", async () => {
  await using chat = await startTestServer(["alice"]);
  const bob = await chat.wire();
  await bob.ask({ type: "register", user: "bob", password: "bobs-secret-1" });
  await bob.join("#lab");
  await bob.ask({ type: "say", to: "#lab", text: "my-message-text" });
  await bob.ask({ type: "say", to: "alice", text: "my-private-text" });
  const stranger = await chat.wire();
  await stranger.ask({ type: "login", user: "alice-secret-2", password: "alices-secret-3" });
  await stranger.ask({ type: "login", user: "alice", token: "99.forged-token" });
  stranger.type("login alice alices-secret-4");
  stranger.type("garbage-secret-5");
  await stranger.quiet();
  await stranger.ask({ type: "exit" });
  const typist = await chat.typist("alice");
  typist.type("/lgoin alice alices-secret-6");
  await typist.quietLines();
  const { token } = await (await chat.wire()).login("alice");
  await bob.ask({ type: "exit" });
  await bob.ended;
  await chat.server.stop();

  const log = chat.log();
  for (const secret of [PASSWORD, "secret", "my-message", "my-private", "forged", token!])
    expect(log).not.toContain(secret);
  const story = log.replace(/127\.0\.0\.1:\d+/g, "HERE").split("\n");
  for (const line of story.slice(0, -1)) expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - [A-Z]+ - \S/);
  const events = story.map((line) => line.replace(/^\S+ \S+ - /, ""));
  for (const event of [
    "INFO - HERE connected",
    "INFO - bob registered from HERE",
    "WARNING - Sign-in from HERE refused (bad_login)",
    "INFO - alice signed in from HERE",
    "INFO - bob (HERE) disconnected (left)",
    "INFO - Server stopping",
    "INFO - Server stopped",
  ])
    expect(events).toContain(event);
});
