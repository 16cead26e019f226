import { expect, setDefaultTimeout, test } from "bun:test";
import type { Wire } from "../kit/harness.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const ESC = "\x1b";
const paste = (text: string) => `${ESC}[200~${text.replaceAll("\n", "\r")}${ESC}[201~`;
/** What was said and not read yet. */
const said = async (wire: Wire) => (await wire.quiet()).filter(({ type }) => type === "message");
const PROGRAM = "\t// a class\n\tclass A:\n\t\tx = 1  # é✓\n\n    def f(self):\n\t\t\treturn  2";

inTerminal("a pasted block arrives as it was, indented first line, tabs and all", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  const sent = async (keys: string) => {
    alice.type(keys);
    return (await bob.next<any>("message")).text;
  };
  expect(await sent(paste("    if x:\n\treturn\n") + "\r")).toBe("    if x:\n\treturn");
  expect(await sent(`/msg bob ${paste("\ta\n\tb")}\r`)).toBe("\ta\n\tb");
  expect(await sent(paste("// a comment\nf();") + "\r")).toBe("// a comment\nf();");
  expect(await sent("//slash\r")).toBe("/slash");
});

inTerminal(
  "without marks, lines with their ends in one read are one block, asked about; a line is a line",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice", [], { rows: 40 });

    alice.type(PROGRAM.replaceAll("\n", "\r") + "\r");
    await alice.until("Send 6 lines as one message? Enter sends, Esc edits.");
    expect(await said(bob)).toEqual([]);
    alice.type("\r");
    expect(await bob.next("message")).toMatchObject({ text: PROGRAM });

    alice.type("one\rtwo\r");
    await alice.until(/Send 2 lines as one message\?.*\n#lobby> one\n {2}two$/);
    alice.type("\x05 and a half"); // a key edits
    await alice.until(/alice: .*\n(?:.*\n)+#lobby> one\n {2}two and a half$/);
    alice.type("\r");
    expect(await bob.next("message")).toMatchObject({ text: "one\ntwo and a half" });
    for (const text of ["one", "two", "three"]) {
      alice.type(`${text}\r`);
      expect(await bob.next("message")).toMatchObject({ text });
    }
  },
);

inTerminal("of what is too long it is told at once how much fits, and it stays to be shortened", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice", [], { columns: 100, rows: 40 });
  alice.type(paste(Array(20).fill("x".repeat(250)).join("\n")));
  await alice.until("That message has 5,019 characters; 4,000 fit. Nothing was sent.");
  expect(alice.screen.text).not.toContain("Send 20 lines");
  alice.type("\r");
  expect(await said(bob)).toEqual([]);
  alice.type("\x03ok\r");
  expect(await bob.next("message")).toMatchObject({ text: "ok" });
});

inTerminal("a command without its slash is held with a question, and said when that is confirmed", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  alice.type("exit\r");
  await alice.until("Did you mean /exit? Enter again says it, Esc edits.\n#lobby> exit");
  expect(await said(bob)).toEqual([]);
  alice.type("\r");
  expect(await bob.next("message")).toMatchObject({ text: "exit" });
  alice.type("Who\r");
  await alice.until("Did you mean /who?");
  alice.type(" is it\r");
  expect(await bob.next("message")).toMatchObject({ text: "Who is it" });
  alice.type("help\r");
  await alice.until("Did you mean /help?");
  alice.type("\x01/\r");
  await alice.until("//text says /text.");
  expect(await said(bob)).toEqual([]);

  await using plain = await sitIn(chat.port, "alice", ["--plain"]);
  plain.type("leave\r");
  await plain.until("* Did you mean /leave? Enter again says it.");
  plain.type("not yet\r");
  expect(await bob.next("message")).toMatchObject({ text: "not yet" });
  plain.type("rooms\r");
  await plain.until("* Did you mean /rooms? Enter again says it.");
  plain.type("\r");
  expect(await bob.next("message")).toMatchObject({ text: "rooms" });
});

inTerminal("Ctrl+R searches backwards what was typed: Enter takes, Ctrl+R goes on, Esc leaves", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  for (const text of ["green tea", "coffee", "black tea"]) {
    alice.type(`${text}\r`);
    await bob.next("message");
  }
  alice.type("a draft\x12tea");
  await alice.until(/Search: tea▏ Enter takes it.*\n#lobby> black tea$/);
  expect(alice.screen.column).toBe("#lobby> black ".length);
  alice.type("\x12");
  await alice.until(/#lobby> green tea$/);
  alice.type("\x12");
  await alice.until(/Nothing older has tea▏.*\n#lobby> green tea$/);
  alice.type(`\x07`);
  await alice.until(/#lobby> a draft$/);
  alice.type(`\x15\x12tea${ESC}/`); // faster than Esc can be told from Alt
  await alice.until(/#lobby> \/$/);
  alice.type("\x15\x12COF\r");
  await alice.until(/\d\d:\d\d alice: black tea\n#lobby> coffee$/);
  alice.type("\x05 too\r");
  expect(await bob.next("message")).toMatchObject({ text: "coffee too" });
});
