import { expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);

inTerminal("/me is what somebody does, in rooms and to a person; scripts and nc read what was typed", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  const nc = await chat.typist("bob");
  await using alice = await sitIn(chat.port, "alice");
  alice.type("/me waves\r");
  await alice.until(/\n\d\d:\d\d \* alice waves\n#lobby>$/);
  expect(await bob.next("message")).toMatchObject({ to: "#lobby", text: "/me waves" });
  expect(await nc.line((line) => line.startsWith("alice"))).toBe("alice: /me waves");
  nc.type("/me nods to alice");
  await alice.until(/\n\d\d:\d\d >> \* bob nods to alice\n#lobby>$/);
  alice.type("/query bob\r");
  await alice.until(/@bob>$/);
  alice.type("/me smiles\r");
  await alice.until(/\n\d\d:\d\d \* you → bob: smiles\n@bob>$/);
  alice.type("/me\r");
  await alice.until("* /me needs a text: /me waves.");
  alice.type("/meow\r");
  await alice.until("Unknown command /meow.");
});

inTerminal(
  "/leave takes a room or a person, and says what one is not in; /names tells who is in this room",
  async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const bob = await chat.signedIn("bob", "#lab");
    await bob.join("#work");
    await using alice = await sitIn(chat.port, "alice");
    for (const room of ["work", "lab"]) {
      alice.type(`/join ${room}\r`);
      await alice.until(new RegExp(`#${room}>$`));
    }
    alice.type("/leave wrok\r");
    await alice.until(/\* You are not in #wrok\..*\n#lab>$/);
    alice.type("/leave work\r");
    await alice.until(/\* You left #work\.\n#lab>$/);
    expect((await bob.ask({ type: "who", to: "#work" })).users).toEqual(["bob"]);
    alice.type("/query carol\r");
    await alice.until(/@carol>$/);
    alice.type("/names\r");
    await alice.until("* /names is for rooms: /names lab.");
    alice.type("/leave carol\r");
    await alice.until(/#lobby>$/);
    alice.type("/names\r");
    await alice.until("* In lobby: alice\n");
    alice.type("/leave lab\r");
    await alice.until(/\* You left #lab\.\n#lobby>$/);
    expect((await bob.ask({ type: "who", to: "#lab" })).users).toEqual(["bob"]);
  },
);

inTerminal("/clear leaves an empty screen, and in the scrollback what was on it", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.say("#lobby", "an old line");
  await using alice = await sitIn(chat.port, "alice", [], { rows: 12 });
  await alice.until("an old line");
  alice.type("/clear\r");
  await alice.until(() => alice.screen.shown === "#lobby>");
  expect(alice.screen.text).toContain("an old line");
  await bob.say("#lobby", "a new line");
  await alice.until(() => /^\d\d:\d\d bob: a new line\n#lobby>$/.test(alice.screen.shown));

  await using plain = await sitIn(chat.port, "alice", ["--plain"]);
  await plain.until("a new line");
  plain.type("/clear\rstill here\r"); // its terminal hands over a line at a time
  await plain.until(/\/clear\nstill here\nalice: still here/);
});
