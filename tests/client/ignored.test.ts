import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const ALT = "\x1b";

inTerminal(
  "whoever is ignored is not shown, does not ring and does not count, until they are not any more",
  async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("carol", "#lobby")];
    await carol.join("#lab");
    await bob.join("#lab");
    await using alice = await sitIn(chat.port, "alice", [], { rows: 50 });
    alice.type("/j lab\r");
    await alice.until(/#lab>$/);
    alice.type("/ignore\r/ignore alice\r/ignore bpb\r/unignore bpb\r\x05/ignore Bob\r");
    await alice.until("* You ignore nobody.\n#lab> /ignore alice\n* What you say yourself is always shown.\n");
    await alice.until("Did you mean bob?\n#lab> /unignore bpb\n* What bpb says is shown again.");
    await alice.until("* You ignore bob: nothing that bob says is shown to you. /unignore bob ends it.");
    alice.type("/ignore bob\r");
    await alice.until("* You ignore bob already. /unignore bob ends it.");

    await bob.say("#lab", "alice, alice!");
    await bob.say("#lobby", "alice?");
    await bob.say("alice", "psst");
    await carol.say("#lobby", "one of carol");
    await carol.say("#lab", "alice: mind him not");
    await alice.until(/>> carol: alice: mind him not\n {2}1:lobby 1 {2}Alt\+A to read\n#lab>$/);
    expect(alice.screen.text).not.toMatch(/alice, alice|psst|@bob/);
    expect(alice.screen.bells).toBe(1); // carol's

    alice.type(`${ALT}1`);
    await alice.until(/── #lobby, 1 new ──\n(── new ──\n)?\d\d:\d\d carol: one of carol\n#lobby>$/);
    alice.type("/ignore\r");
    await alice.until("* You ignore bob (3 not shown).");
    alice.type("/history\r");
    await alice.until(/── the last 2, 1 of people you ignore ──\n.* carol: one of carol\n── now ──/);
    alice.type("/history bob\r");
    await alice.until(/bob → you: psst/);
    alice.type("/unignore bob\r");
    await alice.until("* What bob says is shown again.");
    await bob.say("#lobby", "hello again");
    await alice.until("bob: hello again");
  },
);

inTerminal("a host is heard as a host, though what a host says is not shown to who ignores them", async () => {
  await using chat = await startTestServer(["alice", "ms.lee*"]);
  const lee = await chat.signedIn("ms.lee", "#lobby");
  await using alice = await sitIn(chat.port, "alice", [], { columns: 160 });
  alice.type("/ignore ms.lee\r");
  await alice.until("What ms.lee does as a host is shown all the same.");
  await lee.say("#lobby", "blah blah");
  await lee.ask({ type: "set", to: "*", key: "announce", value: "open page 12" });
  await alice.until("── ms.lee to everybody: open page 12 ──");
  await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "on" });
  await alice.until("* ms.lee locked lobby: only hosts can write");
  expect(alice.screen.text).not.toContain("blah");
});

inTerminal("who is ignored is kept by server and account, for this person's eyes only", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  using home = temporaryFolder();
  const env = { XDG_STATE_HOME: home.path };
  const file = join(home.path, "banter", "ignored");
  mkdirSync(join(home.path, "banter"));
  const other = `elsewhere:12345 alice bob\n127.0.0.1:${chat.port} carol bob\n`;
  writeFileSync(file, other);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice", [], { env });
  await bob.say("#lobby", "one");
  await alice.until("bob: one");
  alice.type("/ignore bob\r");
  await alice.until("* You ignore bob:");
  expect(readFileSync(file, "utf8")).toBe(`${other}127.0.0.1:${chat.port} alice bob\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await bob.say("#lobby", "two");
  await bob.say("alice", "three");
  alice.type("/exit\r");
  await alice.exited;

  await bob.say("#lobby", "four");
  await bob.say("alice", "five");
  await using again = await sitIn(chat.port, "alice", [], { env });
  again.type("/ignore\r");
  const text = await again.until("* You ignore bob (4 not shown).");
  expect(text).not.toMatch(/bob: |bob →|while you were away|Alt\+A/);
  again.type("/unignore bob\r");
  await again.until("* What bob says is shown again.");
  expect(readFileSync(file, "utf8")).toBe(other);
});
