import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Memory } from "../../client/memory.ts";
import { PASSWORD, PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const UP = "\x1b[A";
const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

inTerminal("what was typed can be recalled by the next run, but for what was refused or secret", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  using home = temporaryFolder();
  const env = { XDG_STATE_HOME: home.path };
  const file = join(home.path, "banter", "typed");
  await using alice = await sitIn(chat.port, "alice", [], { env });
  const scenes = {
    "/msg bob psst": "you → bob: psst",
    "/lgoin alice secret-1": "Unknown command /lgoin.",
    "/login alice secret-2": "is signed in already",
    "/kick bob": "Only hosts can do that. Nothing was done.",
    "/register bob secret-4": "is signed in already",
    "/host 1111-secret": "is not the host code",
    "/msg nobody psst": "There is no account with that name. Nothing was sent.",
    "\x15two words": "alice: two words",
  };
  for (const [line, answer] of Object.entries(scenes)) {
    alice.type(`${line}\r`);
    await alice.until(new RegExp(`${RegExp.escape(answer)}[^#]*\\n#lobby>.*$`));
  }
  alice.type("//three\x1b\rlines\r");
  await alice.until("alice: /three\n  lines");
  alice.type("/exit\r");
  await alice.exited;
  const text = readFileSync(file, "utf8");
  expect(text).not.toMatch(new RegExp(`secret|lgoin|/host|kick|nobody|${PASSWORD}`));
  expect(statSync(file).mode & 0o777).toBe(0o600);

  await using again = await sitIn(chat.port, "alice", [], { env });
  again.type(UP);
  await again.until(/#lobby> \/exit$/);
  again.type(UP);
  await again.until(/#lobby> \/\/three\n {2}lines$/);
  again.type(`\x15\x1b[H\x15\x12psst`);
  await again.until(/#lobby> \/msg bob psst$/);
  await using bob = await sitIn(chat.port, "bob", [], { env });
  bob.type(`${UP}mine`);
  await bob.until(/#lobby> mine$/); // alice's lines are not bob's
});

test("two clients at once lose no line, and at most a thousand are kept, the newest", () => {
  using home = temporaryFolder();
  const one = new Memory(home.path, "here:1", "alice");
  const two = new Memory(home.path, "here:1", "alice");
  for (const line of numbered(1, 990)) one.keepTyped(line);
  expect(two.typed()).toEqual(numbered(1, 990));
  for (const line of numbered(991, 1_400)) (line.endsWith("0") ? one : two).keepTyped(line);
  const kept = new Memory(home.path, "here:1", "alice").typed();
  expect(kept).toEqual(numbered(1_401 - kept.length, 1_400));
  expect(kept.length).toBeWithin(900, 1_001);
  expect(new Memory(home.path, "here:1", "ali").typed()).toEqual([]);
  expect(readdirSync(home.path)).toEqual(["typed"]);
});

test("where nothing can be kept, or the file is not ours, the chat goes on without", () => {
  using home = temporaryFolder();
  writeFileSync(join(home.path, "file"), "");
  const none = new Memory(join(home.path, "file"), "here:1", "alice");
  none.keepTyped("hello");
  expect([none.typed(), none.ignored()]).toEqual([[], []]);
  expect(none.keepIgnored("bob", true)).toBe(
    `It holds until you leave: ${join(home.path, "file", "ignored")} cannot be written (a part of its path is no folder).`,
  );
  mkdirSync(join(home.path, "odd"));
  writeFileSync(join(home.path, "odd", "typed"), 'here:1 alice {"a":1}\nhere:1 alice "one\nhere:1 alice "two"\n\n');
  expect(new Memory(join(home.path, "odd"), "here:1", "alice").typed()).toEqual(["two"]);
});
