import { expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const set = (to: string, key: string, value: string) => ({ type: "set", to, key, value });
const count = (text: string, part: string) => text.split(part).length - 1;

inTerminal(
  "an announcement is read in any room as it comes, with the bell, and by who comes in later: once",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await using bob = await sitIn(chat.port, "bob");
    bob.type("/join lab\r");
    await bob.until(/You are in #lab.*\n#lab>$/);
    await lee.ask(set("*", "announce", "open page 12"));
    await bob.until(/\n\d\d:\d\d ── ms\.lee to everybody: open page 12 ──\n {2}1:lobby 1 .*\n#lab>$/);
    expect(bob.screen.bells).toBe(1);

    await lee.say("#lobby", ...Array.from({ length: 60 }, (_, i) => `line ${i}`));
    await using zoe = await sitIn(chat.port, "zoe");
    await zoe.until(/ms\.lee \(host\): line 59\n── ms\.lee to everybody: open page 12 ──\n#lobby>$/);
    expect([zoe.screen.bells, count(zoe.screen.text, "page 12")]).toEqual([1, 1]);

    await chat.restart(); // nothing is new
    for (const seat of [bob, zoe]) {
      await seat.until("connection lost");
      seat.type("\r");
      await seat.until(/back online ──\n(.*\n)?#\w+>$/);
      expect(count(seat.screen.text, "page 12")).toBe(1);
    }
    await chat.restart(async () => {
      await zoe.until(() => count(zoe.screen.text, "connection lost") === 2);
    });
    await (await chat.signedIn("ms.lee", "#lobby")).ask(set("*", "announce", "open page 13"));
    for (const seat of [bob, zoe]) {
      seat.type("\r");
      await seat.until("── ms.lee to everybody: open page 13 ──");
      seat.type("ready\r");
      await seat.until(/: ready\n/);
      expect(count(seat.screen.text, "page 13")).toBe(1);
    }
  },
);

inTerminal("an announcement among the last lines that who comes in is shown is not told once more", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  const lee = await chat.signedIn("ms.lee", "#lobby");
  await lee.ask(set("*", "announce", "open page 12"));
  await lee.say("#lobby", "the table, too");
  await using bob = await sitIn(chat.port, "bob");
  await bob.until(/with ms\.lee ──\n\d\d:\d\d ── ms\.lee to everybody: open page 12 ──\n.*: the table, too\n#lobby>$/);
  expect(bob.screen.bells).toBe(1);
  await lee.ask(set("*", "announce", ""));
  await bob.until("* ms.lee removed the announcement\n");
});

inTerminal(
  "who enters a room is told its topic, that it is slow, has a door and is locked, and not again there",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const lee = await chat.signedIn("ms.lee", "#lab");
    for (const [key, value] of [
      ["topic", "plants"],
      ["slow", "30"],
      ["lock", "on"],
    ] as const)
      await lee.ask(set("#lab", key, value));
    await lee.say("#lab", ...Array.from({ length: 50 }, (_, i) => `line ${i}`));
    await using bob = await sitIn(chat.port, "bob");
    bob.type("/join lab\r");
    await bob.until(
      /with ms\.lee ──\n\* Topic: plants\n\* This room is slow: one message in 30 s\.\n\* Only hosts can write here \(ms\.lee\)\.\n.*line 0\n/,
    );
    bob.type("\x1b1");
    await bob.until(/── #lobby ──\n#lobby>$/);
    bob.type("\x1b2");
    await bob.until(/── #lab ──\n[\s\S]*line 49\n {2}Only hosts can write here\n#lab>$/);
    expect(count(bob.screen.text, "Topic: plants")).toBe(1);
  },
);

inTerminal("--plain says when one comes in what text sessions say", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  const lee = await chat.signedIn("ms.lee", "#lobby");
  await lee.say("#lobby", "hello", "and more");
  await lee.ask(set("*", "announce", "open page 12"));
  await lee.ask(set("*", "lock", "on"));
  await lee.ask(set("bob", "mute", "on"));
  await lee.ask({ type: "remove", to: "#lobby", last: 1 });
  await using bob = await sitIn(chat.port, "bob", ["--plain"]);
  const text = await bob.until("ms.lee muted you. You can still write to hosts.\n");
  expect(text).toMatch(
    /\[host\] ms\.lee \(\d\d:\d\d\): hello\n\[host\] ms\.lee \(\d\d:\d\d\): \(removed by ms\.lee\)\n/,
  );
  expect(text).toMatch(/\n\* \(\d\d:\d\d\) ms\.lee to everybody: open page 12\n/);
  expect(text).toContain("\n* Only hosts can write here (ms.lee).\n");
  bob.type("may I?\r");
  await bob.until("* ms.lee locked the chat: only hosts can write. Nothing was sent.\n");
  await lee.ask(set("*", "announce", "shut your books"));
  await bob.until("\n* ms.lee to everybody: shut your books\n");
});
