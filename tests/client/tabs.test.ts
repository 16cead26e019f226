import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import type { TestServer, Wire } from "../kit/harness.ts";
import { PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import type { Seat } from "../kit/pty.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const ALT = "\x1b";
const FOCUS_OUT = "\x1b[O";
const TALL = { rows: 60 };
const numbered = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);
/** What bob said, as it is on a screen, top to bottom. */
const saidBy = (user: string, text: string) =>
  Array.from(text.matchAll(new RegExp(`^\\d\\d:\\d\\d (?:>> )?${user}: (.*)$`, "gm")), ([, said]) => said!);

async function say(wire: Wire, to: string, texts: readonly string[]): Promise<void> {
  for (const text of texts) wire.send({ type: "say", to, text });
  await wire.quiet();
}
/** Resolves when another device of alice hears how far she has read. */
const reads = (wire: Wire, to: string, seq: number) =>
  wire.next((event) => event.type === "seen" && event.to === to && event.seq === seq);
/** Alice, whose rooms are #lobby and #lab, has read everything there and gone. */
async function visit(chat: TestServer): Promise<void> {
  const alice = await sitIn(chat.port, "alice");
  alice.type("/join lab\r");
  await alice.until(/You are in #lab.*\n#lab>$/);
  alice.type("/exit\r");
  await alice.exited;
  await alice[Symbol.asyncDispose]();
}
async function leave(seat: Seat): Promise<void> {
  seat.type("/exit\r");
  expect(await seat.exited).toBe(0);
}

inTerminal(
  "after 201 lines and on another computer, each room is there with what is unread, and so are private messages",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.join("#lab");
    await say(bob, "#lobby", ["an old line"]);
    await visit(chat);
    const texts = numbered(1, 201);
    texts[2] = "alice, look at this";
    await say(bob, "#lobby", texts);
    await say(bob, "#lab", numbered(1, 10));
    await say(bob, "alice", ["psst"]);

    using home = temporaryFolder();
    const witness = await chat.signedIn("alice");
    await using alice = await sitIn(chat.port, "alice", [], { ...TALL, env: { HOME: home.path, XDG_STATE_HOME: "" } });
    await alice.until("  2:lab 10  3:@bob 1!  Alt+A to read\n#lobby>");

    const text = alice.screen.text;
    expect(saidBy("bob", text)).toEqual(texts);
    expect(text).toMatch(/── You are in #lobby, with bob ──\n── new ──\n\d\d:\d\d bob: line 1\n/);
    expect(text).toMatch(/\d\d:\d\d >> bob: alice, look at this\n/);
    expect(text).toMatch(/bob: line 201\n── while you were away: 1 message to you ──\n\d\d:\d\d >> bob → you: psst\n/);
    expect(alice.screen.bells).toBe(1);
    await reads(witness, "#lobby", 202);

    alice.type(`${ALT}2`);
    await alice.until(/── #lab, 10 new ──\n\d\d:\d\d bob: line 1\n(.*\n){9} {2}3:@bob 1! {2}Alt\+A to read\n#lab>$/);
    await reads(witness, "#lab", 10);
    await leave(alice);

    await using again = await sitIn(chat.port, "alice", [], TALL);
    await again.until(/bob: line 201\n#lobby>$/);
    expect(again.screen.text).not.toMatch(/── new ──|psst|Alt\+A/);
    expect(saidBy("bob", again.screen.text)).toEqual(numbered(152, 201));
  },
);

inTerminal("up to 50 unread lines come with read ones before them, and the rule between", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await say(bob, "#lobby", numbered(1, 60));
  await visit(chat);
  await say(bob, "#lobby", numbered(61, 70));
  await using alice = await sitIn(chat.port, "alice", [], TALL);
  await alice.until(/bob: line 60\n── new ──\n\d\d:\d\d bob: line 61\n(.*\n)*.*bob: line 70\n#lobby>$/);
  expect(saidBy("bob", alice.screen.text)).toEqual(numbered(21, 70));
  await say(bob, "#lobby", ["a live line"]);
  await alice.until(/bob: line 70\n\d\d:\d\d bob: a live line\n#lobby>$/);
});

inTerminal(
  "5,000 unread lines are counted, the last 1,000 are shown, and a call among the first marks the tab",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.join("#lab");
    await visit(chat);
    const many = numbered(1, 5_000);
    await say(bob, "#lobby", many);
    await say(bob, "#lab", many.with(9, "alicia and alice").with(20, "alicia"));

    await using alice = await sitIn(chat.port, "alice", [], TALL);
    await alice.until("  2:lab 5000!  Alt+A to read\n#lobby>");
    expect(alice.screen.bells).toBe(1);
    expect(alice.screen.text).toContain("with bob ──\n── 5,000 new, here are the last 1,000 ──\n");
    expect(saidBy("bob", alice.output().replace(/\x1b\[[\d;]*m|\r/g, ""))).toEqual(numbered(4_001, 5_000));
    alice.type(`${ALT}a`);
    await alice.until("── #lab, 5,000 new, here are the last 1,000 ──");
    await alice.until(/bob: line 5000\n#lab>$/);
  },
);

inTerminal("one's own lines from another device are not unread, and what is read there is read here", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.join("#lab");
  await visit(chat);
  const phone = await chat.signedIn("alice", "#lab");
  await say(bob, "#lab", numbered(1, 3));
  await say(phone, "#lab", ["I am on the train"]);
  await using alice = await sitIn(chat.port, "alice");
  await alice.until("  2:lab 3  Alt+A to read\n#lobby>");
  await say(phone, "#lab", ["still"]);
  await say(bob, "#lab", ["four"]);
  await alice.until("  2:lab 4  Alt+A to read\n#lobby>");
  await phone.ask({ type: "seen", to: "#lab", seq: 5 });
  await alice.until("  2:lab 1  Alt+A to read\n#lobby>");
  await phone.ask({ type: "seen", to: "#lab", seq: 6 });
  await alice.until(/bob ──\n#lobby>$/);
});

inTerminal(
  "a room that is left is forgotten, also one that is left on another device; --room starts in a room",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await visit(chat);
    await using alice = await sitIn(chat.port, "alice", ["--room", "attic"]);
    await alice.until(/You are in #attic, alone so far ──\n#attic>$/);
    alice.type(`${ALT}3`);
    await alice.until(/── #lab ──\n#lab>$/);
    const phone = await chat.signedIn("alice", "#lab");
    await phone.ask({ type: "leave", to: "#lab" });
    await alice.until(/\* You left #lab on another device\.\n── #lobby ──\n#lobby>$/);
    alice.type(`${ALT}2`);
    await alice.until(/#attic>$/);
    alice.type("/leave\r");
    await alice.until(/#attic> \/leave\n── #lobby ──\n#lobby>$/);
    expect((await phone.login.call(await chat.wire(), "alice")).follows).toMatchObject([{ to: "#lobby" }]);
  },
);

inTerminal(
  "a person is a place: /query opens it, plain lines go there, /history, /search and /leave are about it",
  async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("carol", "#lobby")];
    const phone = await chat.signedIn("alice");
    await say(phone, "bob", ["an apple", "a pear"]);
    await say(phone, "carol", ["an apple for carol"]);
    await using alice = await sitIn(chat.port, "alice", [], TALL);

    alice.type("/query bo\t\r"); // known from `people`: bob has said nothing
    await alice.until(/── bob ──\n\d\d:\d\d you → bob: an apple\n\d\d:\d\d you → bob: a pear\n@bob>$/);
    alice.type("and a plum\r");
    expect(await bob.next((event: any) => event.text === "and a plum")).toMatchObject({ to: "bob", from: "alice" });
    await alice.until(/you → bob: and a plum\n@bob>$/);
    alice.type("/search apple\r");
    await alice.until(/── 1 found ──\n.*you → bob: an apple\n── now ──\n@bob>$/);
    alice.type("/history 1\r");
    await alice.until(/── the last 1 ──\n.*you → bob: and a plum\n── now ──\n@bob>$/);
    await say(carol, "#lobby", ["hello all"]);
    await say(carol, "alice", ["hello you"]);
    await alice.until(/>> carol → you: hello you\n {2}1:lobby 1 {2}3:@carol 1! {2}Alt\+A to read\n@bob>$/);
    alice.type(`${ALT}a`);
    await alice.until(
      /── carol, 1 new ──\n.*you → carol: an apple for carol\n── new ──\n.*carol → you: hello you\n {2}1:lobby 1 /,
    );
    alice.type(`${ALT}2`);
    await alice.until(/── bob ──\n.*apple\n.*pear\n.*plum\n.*\n@bob>$/);
    alice.type("/leave\r");
    await alice.until(/@bob> \/leave\n── #lobby, 1 new ──\n\d\d:\d\d carol: hello all\n#lobby>$/);
    alice.type("/msg nadia\r");
    await alice.until(
      /── nadia ──\n\* You have not written with nadia yet\. What you type here is for nadia\s+alone\.\n@nadia>$/,
    );
  },
);

inTerminal("/r answers who wrote last also after a restart, and then nothing is held of them", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  const bob = await chat.signedIn("bob");
  await say(bob, "alice", ["lunch?"]);
  const first = await sitIn(chat.port, "alice");
  await first.until(/bob → you: lunch\?\n {2}2:@bob 1! {2}Alt\+A to read\n#lobby>$/);
  await leave(first);
  await using alice = await sitIn(chat.port, "alice");
  await alice.until(/#lobby>$/);
  expect(alice.screen.text).not.toContain("lunch");
  alice.type("/r at twelve\r");
  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ to: "bob", text: "at twelve" });
  await say(bob, "alice", ["fine"]);
  await alice.until(/bob → you: fine\n {2}2:@bob 1! /);
  alice.type("/r see you\r");
  await alice.until(/you → bob: see you\n#lobby>$/);
  alice.type("/people\r");
  await alice.until(/\* You wrote with bob\n#lobby>$/);
  alice.type("/history @ 2\r");
  await alice.until(/── the last 2 ──\n.*bob → you: fine\n.*you → bob: see you\n── now ──\n#lobby>$/);
});

inTerminal("each place has its own draft, and shows its last lines when it is turned to", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await say(bob, "#lobby", numbered(1, 20));
  await using alice = await sitIn(chat.port, "alice", [], TALL);
  await alice.until(/bob: line 20\n#lobby>$/);
  alice.type("/join lab\r");
  await alice.until(/#lab>$/);
  alice.type("only for the lab\x1b[D\x1b[D\x1b[D");
  await alice.until(/#lab> only for the lab$/);
  await say(bob, "#lobby", ["news"]);
  await alice.until("  1:lobby 1  Alt+A to read\n#lab> only for the lab");
  alice.type(`${ALT}a`);
  await alice.until(/── #lobby, 1 new ──\n.*line 11\n(.*\n){8}.*line 20\n── new ──\n.*bob: news\n#lobby>$/);
  alice.type("half a thought");
  await alice.until(/#lobby> half a thought$/);
  alice.type(`${ALT}2`);
  await alice.until(/── #lab ──\n#lab> only for the lab$/);
  expect(alice.screen.column).toBe("#lab> only for the ".length);
  alice.type("big \r");
  await alice.until(/alice: only for the big lab\n#lab>$/);
  alice.type(`${ALT}1`);
  await alice.until(/#lobby> half a thought$/);
});

inTerminal(
  "what is missed while there is no connection is counted in each tab, and without one a tab shows what it has",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await say(bob, "#lobby", numbered(1, 3));
    await using alice = await sitIn(chat.port, "alice");
    alice.type("/join lab\r");
    await alice.until(/#lab>$/);
    await say(bob, "alice", ["hi"]);
    await alice.until("  3:@bob 1!  Alt+A to read\n#lab>");
    await chat.restart(async () => {
      await alice.until("connection lost");
      alice.type(`${ALT}1`);
      await alice.until(/── #lobby ──\n.*line 1\n.*line 2\n.*line 3\n {2}Not connected.*\n {2}3:@bob 1! .*\n#lobby>$/);
      alice.type(`${ALT}2`);
      await alice.until(/── #lab ──\n {2}Not connected.*\n.*\n#lab>$/);
      const history = openHistory(join(chat.data, "chat.db"));
      const said = numbered(4, 303).map((text) => ({ to: "#lobby", from: "bob", id: text.replace(" ", "-"), text }));
      await history.append([...said, { to: "alice", from: "bob", id: "pm", text: "are you there?" }]);
      history.close();
    });
    alice.type("\r");
    await alice.until(
      /── back online, 301 missed messages ──\n.*>> bob → you: are you there\?\n {2}1:lobby 300 {2}3:@bob 2! {2}Alt\+A to read\n#lab>$/,
    );
    alice.type(`${ALT}1`);
    await alice.until(/── new ──\n.*line 4\n(.*\n)*.*line 303\n {2}3:@bob 2! .*\n#lobby>$/);
    expect(saidBy("bob", alice.screen.text).slice(6)).toEqual(numbered(1, 303));
    await say(await chat.signedIn("bob", "#lab"), "#lab", ["the first here"]);
    await alice.until("  2:lab 1  3:@bob 2!  Alt+A to read\n#lobby>");
  },
);

inTerminal("what cannot be shown without a connection stays unread", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  alice.type("/join lab\r");
  await alice.until(/#lab>$/);
  await say(bob, "#lobby", numbered(1, 150));
  await alice.until("  1:lobby 150  Alt+A to read\n#lab>");
  await chat.restart(async () => {
    await alice.until("connection lost");
    alice.type(`${ALT}a`);
    await alice.until(/── #lobby, 150 new, here are the last 100 ──\n.*line 51\n(.*\n)*.*line 150\n.*\n#lobby>$/);
    alice.type(`${ALT}2`);
    await alice.until(/ {2}1:lobby 150 .*\n#lab>$/);
  });
  alice.type("\r");
  await alice.until(/back online ──\n.*\n#lab>$/);
  alice.type(`${ALT}a`);
  await alice.until(/── #lobby, 150 new ──\n.*line 1\n(.*\n)*.*line 150\n#lobby>$/);
});

inTerminal("what comes while the terminal is not looked at is unread until it is", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  await alice.until(/#lobby>$/);
  alice.type(`x${FOCUS_OUT}`);
  await alice.until(/#lobby> x$/);
  await say(bob, "#lobby", ["one", "two"]);
  await alice.until(/── new ──\n\d\d:\d\d bob: one\n\d\d:\d\d bob: two\n#lobby> x$/);
  const witness = await chat.signedIn("alice");
  const position = async () => {
    const phone = await chat.wire();
    const { follows } = await phone.login("alice");
    phone.close();
    return follows![0]!.seen;
  };
  expect(await position()).toBe(0);
  alice.type("\x1b[I");
  await reads(witness, "#lobby", 2);
  await say(bob, "#lobby", ["three"]);
  await alice.until(/bob: two\n\d\d:\d\d bob: three\n#lobby> x$/);
  await reads(witness, "#lobby", 3);
});

inTerminal("/rooms tells where one is, by which key, and what waits there, before all other rooms", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  for (const room of ["#lab", "#quiet"]) await bob.join(room);
  await using alice = await sitIn(chat.port, "alice");
  alice.type("/join lab\r");
  await alice.until(/#lab>$/);
  alice.type("/query bob\r");
  await alice.until(/@bob>$/);
  alice.type("/join den\r");
  await alice.until(/#den>$/);
  await bob.say("#lab", "one", "two");
  await alice.until("2:lab 2");
  alice.type("/rooms\r");
  await alice.until("* Rooms: 1 #lobby (2) · 2 #lab (2, 2 new) · 4 #den (1) · #quiet (1)\n");
  await using plain = await sitIn(chat.port, "bob", ["--plain"]);
  plain.type("/rooms\r");
  await plain.until(/\* Rooms: \w+ \(\d\), \w+ \(\d\), \w+ \(\d\), \w+ \(\d\)$/m);
});
