import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Level } from "../../server/log.ts";
import { openLog } from "../../server/log.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, startTestServer, temporaryFolder } from "../kit/harness.ts";

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

/** A log whose files hold two lines each; what it is made to hold before: `old 4` in app.log.4, and so on. */
function small(folder: string, old: readonly number[] = [1, 2, 3, 4]) {
  const file = join(folder, "log", "app.log");
  mkdirSync(join(folder, "log"));
  for (const n of old) writeFileSync(`${file}.${n}`, `old ${n}\n`);
  let now = NOON;
  const log = openLog({ file, now: () => (now += 1_000), maxBytes: 50 }); // a line a second
  const tell = (...events: string[]) => {
    for (const event of events) log.info(event);
  };
  /** The events of each file by its name, without "app.log". */
  const files = () =>
    Object.fromEntries(
      readdirSync(join(folder, "log"))
        .sort()
        .map((name) => [name.slice("app.log".length), join(folder, "log", name)] as const)
        .filter(([, path]) => statSync(path).isFile())
        .map(([name, path]) => [
          name,
          readFileSync(path, "utf8")
            .replaceAll(/^.* - INFO - /gm, "")
            .trim(),
        ]),
    );
  return { file, log, tell, files, [Symbol.dispose]: () => log.close() };
}

test("a full file becomes app.log.1, and the oldest of four is dropped", () => {
  using folder = temporaryFolder();
  using log = small(folder.path);
  log.tell("a", "b", "c", "d", "e");
  expect(log.files()).toEqual({ "": "e", ".1": "c\nd", ".2": "a\nb", ".3": "old 1", ".4": "old 2" });
});

test("an app.log that was removed is made again within a second, and no old file is lost at the next rotation", () => {
  using folder = temporaryFolder();
  using log = small(folder.path);
  log.tell("a", "b");
  rmSync(log.file);
  log.tell("c");
  expect(log.files()).toEqual({ "": "c", ".1": "old 1", ".2": "old 2", ".3": "old 3", ".4": "old 4" });
  log.tell("d", "e");
  expect(log.files()).toEqual({ "": "e", ".1": "c\nd", ".2": "old 1", ".3": "old 2", ".4": "old 3" });
  rmSync(join(folder.path, "log"), { recursive: true });
  log.tell("f");
  expect(log.files()).toEqual({ "": "f" });
});

test("an app.log that was moved away is not waited for: within a second another is begun, the moved one stays as it is", () => {
  using folder = temporaryFolder();
  using log = small(folder.path);
  log.tell("a");
  renameSync(log.file, `${log.file}-20261130`);
  log.tell("b");
  expect(log.files()).toMatchObject({ "": "b", "-20261130": "a" });
});

test("where the next file cannot be made, lines go on in app.log and no old file is lost", () => {
  using folder = temporaryFolder();
  using log = small(folder.path, [1, 2, 3]);
  mkdirSync(join(`${log.file}.4`, "somebody's"), { recursive: true });
  log.tell("a", "b", "c", "d");
  expect(log.files()).toEqual({ "": "a\nb\nc\nd", ".1": "old 1", ".2": "old 2", ".3": "old 3" });
  rmSync(`${log.file}.4`, { recursive: true });
  log.tell("e");
  expect(log.files()).toEqual({ "": "e", ".1": "a\nb\nc\nd", ".2": "old 1", ".3": "old 2", ".4": "old 3" });
});

test("only the files up to the first place that is free move", () => {
  using folder = temporaryFolder();
  using log = small(folder.path, [1, 3, 4]); // as a rotation that was killed leaves them
  log.tell("a", "b", "c");
  expect(log.files()).toEqual({ "": "c", ".1": "a\nb", ".2": "old 1", ".3": "old 3", ".4": "old 4" });
});

test("where the new file cannot be opened, as when there are no descriptors, the next line tries again and moves nothing", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "app.log");
  for (const n of [1, 2, 3]) writeFileSync(`${file}.${n}`, `old ${n}\n`);
  const script = `import { closeSync, openSync } from "node:fs";
    import { openLog } from ${JSON.stringify(join(REPOSITORY, "server/log.ts"))};
    const log = openLog({ file: ${JSON.stringify(file)}, maxBytes: 50 });
    log.info("a");
    log.info("b");
    const held = [];
    try { for (;;) held.push(openSync("/dev/null")); } catch {}
    log.info("c");
    log.info("d");
    held.forEach(closeSync);
    log.info("e");
    log.close();`;
  const { code, stderr } = await run(["sh", "-c", 'ulimit -n 128; exec "$0" -e "$1"', process.execPath, script]);
  expect([code, stderr]).toEqual([0, ""]);
  const events = (name: string) =>
    readFileSync(file + name, "utf8")
      .replaceAll(/^.* - INFO - /gm, "")
      .trim();
  expect(["", ".1", ".2", ".3", ".4"].map(events)).toEqual(["e", "a\nb\nc\nd", "old 1", "old 2", "old 3"]);
});

test("its folder and files are private whatever the umask, and a folder that is there stays as it is", async () => {
  using folder = temporaryFolder();
  const script = `import { openLog } from ${JSON.stringify(join(REPOSITORY, "server/log.ts"))};
    process.umask(0);
    openLog({ file: process.argv[1] });`;
  const [made, found] = [join(folder.path, "made", "app.log"), join(folder.path, "found", "app.log")];
  mkdirSync(dirname(found));
  chmodSync(dirname(found), 0o750);
  for (const file of [made, found]) expect((await run([process.execPath, "-e", script, file])).code).toBe(0);
  const modes = [dirname(made), made, dirname(found), found].map((path) => statSync(path).mode & 0o777);
  expect(modes).toEqual([0o700, 0o600, 0o750, 0o600]);
});

test("a log that cannot be opened is told in one sentence", () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "app.log"));
  expect(() => openLog({ file: join(folder.path, "app.log") })).toThrow(
    `Cannot write ${join(folder.path, "app.log")}: it is a folder. Move that folder away, or choose another --data folder.`,
  );
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
