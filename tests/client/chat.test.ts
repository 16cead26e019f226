import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import { PATIENCE, run, spawnServer, startTestServer, temporaryFolder, writeAccounts } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const ALT = "\x1b";

inTerminal("a line waits above the prompt, and enters the log when the server has stored it", async () => {
  let store = () => {};
  using server = listen((frame, write) => {
    if (frame.type !== "say") return write(welcome(frame));
    const { to, id, text } = frame;
    store = () => write({ type: "message", to, seq: 1, from: "alice", id, at: Date.now(), text });
  });
  await using alice = await sitIn(server.port, "alice");
  alice.type("is this on?\r");
  await alice.until("  … is this on?\n#lobby>");
  expect(alice.screen.text).not.toContain("alice: is this on?");
  store();
  await alice.until(/alice: is this on\?\n#lobby>$/);
  expect(alice.screen.text).not.toContain("…");
});

inTerminal(
  "after kill -9 of the server what was typed waits, is sent once and in order, and what was missed comes once",
  async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    const first = await spawnServer(folder.path);
    await using alice = await sitIn(first.port, "alice");
    alice.type("before\r");
    await alice.until("alice: before\n#lobby>");

    await first.kill9();
    await alice.until(/connection lost[\s\S]*Not connected. Trying again in \d s, or press Enter/);
    for (const text of ["one", "two", "three"]) {
      alice.type(`${text}\r`);
      await alice.until(`  … ${text}\n`);
    }
    alice.type("four\r");
    await alice.until("  … one\n  … two\n  … three\n  … and 1 more\n");
    alice.type("a draft");
    await using again = await spawnServer(folder.path, ["--port", String(first.port)]);
    // Enter tries at once; the draft that goes with it is one more line.
    alice.type("\r");
    await alice.until(/── back online ──\n(\d\d:\d\d alice: (one|two|three|four|a draft)\n){5}#lobby>$/);
    expect([...alice.screen.text.match(/alice: .*/g)!]).toEqual(
      ["before", "one", "two", "three", "four", "a draft"].map((text) => `alice: ${text}`),
    );
    expect(again.log().match(/alice signed in/g)).toHaveLength(2);
  },
);

inTerminal("who comes back is told how many messages were missed, and sees each once", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await using alice = await sitIn(chat.port, "alice");
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "one", id: "b-1" });
  await alice.until("bob: one");
  await chat.restart(async () => {
    const said = [
      { to: "#lobby", text: "two" },
      { to: "#lobby", text: "three" },
      { to: "alice", text: "four" },
    ];
    const history = openHistory(join(chat.data, "chat.db"));
    await history.append(said.map((one) => ({ ...one, from: "bob", id: one.text })));
    history.close();
  });
  await alice.until("connection lost");
  alice.type("\r");
  await alice.until("── back online, 3 missed messages ──");
  await alice.until(/bob → you: four[\s\S]*bob: three/);

  expect([...alice.screen.text.match(/bob(?: → you)?: \w+/g)!].sort()).toEqual(
    ["bob → you: four", "bob: one", "bob: three", "bob: two"].sort(),
  );
});

inTerminal("several rooms at once: the status row tells what waits, Alt+A reads it, a call rings once", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "old" });
  await using alice = await sitIn(chat.port, "alice");
  await alice.until("bob: old");
  await bob.ask({ type: "say", to: "#lobby", text: "fresh" });
  await alice.until(/bob: old\n\d\d:\d\d bob: fresh\n#lobby>$/);

  alice.type("/join lab\r");
  await alice.until(/── You are in #lab, alone so far ──\n#lab>$/);
  await bob.ask({ type: "say", to: "#lobby", text: "first" });
  await alice.until("  1:lobby 1  Alt+A to read\n#lab>");
  expect(alice.screen.bells).toBe(0);
  await bob.ask({ type: "say", to: "#lobby", text: "where is Alice?" });
  await bob.ask({ type: "say", to: "#lobby", text: "alice!" });
  await alice.until("  1:lobby 3!  Alt+A to read\n#lab>");
  expect(alice.screen.bells).toBe(1);
  expect(alice.screen.text).not.toContain("where is Alice");

  alice.type(`${ALT}a`);
  await alice.until(
    /── #lobby, 3 new ──\n.*old\n.*fresh\n── new ──\n.*bob: first\n.*>> bob: where is Alice\?\n.*>> bob: alice!\n#lobby>$/,
  );
  alice.type("/join lab\r");
  await alice.until(/#lab>$/);
  alice.type("/leave\r");
  await alice.until(/#lobby>$/);
  expect((await bob.ask({ type: "who", to: "#lab" })).users).toEqual([]);
});

inTerminal(
  "a mistyped command is not sent and names the nearest; two slashes say one; help fits one screen",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice");
    alice.type("/jion lab\r");
    await alice.until("Unknown command /jion. Did you mean /join? Nothing was sent.");
    alice.type("//join us\r");
    expect(await bob.next("message")).toMatchObject({ text: "/join us" });
    await alice.until(/alice: \/join us\n#lobby>$/);
    const before = alice.screen.text.split("\n").length;
    alice.type("/help\r");
    await alice.until(/leaves when it is empty\.\n#lobby>$/);
    expect(alice.screen.text.split("\n").length - before).toBeLessThan(24);
    expect(await bob.quiet()).toEqual([]);
  },
);

for (const [how, keys] of Object.entries({
  "/exit": "/exit\r",
  "/quit": "/quit\r",
  "!exit": "!exit\r",
  "Ctrl+D on an empty line": "\x04",
  "Ctrl+C on an empty line": "\x03",
  "Ctrl+C twice on a typed line": "half\x03\x03",
}))
  inTerminal(`${how} leaves with code 0, and the others hear of it`, async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await using alice = await sitIn(chat.port, "alice");
    const bob = await chat.signedIn("bob", "#lobby");
    alice.type(keys);
    expect(await alice.exited).toBe(0);
    await bob.next((event) => event.type === "left" && event.to === "*" && event.users.includes("alice"));
  });

inTerminal("Tab completes commands, people, whoever spoke last first, and rooms", async () => {
  await using chat = await startTestServer(["alice", "bob", "bea"]);
  const bea = await chat.signedIn("bea", "#lobby");
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  await bob.ask({ type: "say", to: "#lobby", text: "hi" });
  await bea.ask({ type: "say", to: "#lobby", text: "hi" });
  await alice.until("bea: hi");

  alice.type("thanks @b\t");
  await alice.until("[@bea] @bob\n#lobby> thanks @bea");
  alice.type("\t");
  await alice.until("@bea [@bob]\n#lobby> thanks @bob");
  alice.type("\x1b[Z and #lo\t\r");
  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ text: "thanks @bea  and #lobby" });
  alice.type("/ms\tbo\thello\r");
  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ to: "bob", text: "hello" });
});

inTerminal("Tab completes whom one wrote with and who follows the room, also when they are away", async () => {
  await using chat = await startTestServer(["alice", "bob", "erin", "fred"]);
  const bob = await chat.signedIn("bob", "#lobby");
  const erin = await chat.signedIn("erin", "#lobby");
  await erin.ask({ type: "seen", to: "#lobby", seq: 0 });
  await erin.ask({ type: "exit" });
  await bob.hears("erin", "left");
  const device = await chat.signedIn("alice");
  await device.ask({ type: "say", to: "fred", text: "hi" });
  await using alice = await sitIn(chat.port, "alice");
  alice.type("/who lobby\r");
  await alice.until("* Away: erin");
  alice.type("/msg e\tpsst\r");
  expect(await bob.quiet()).toBeArray();
  await alice.until("you → erin: psst");
  alice.type("/msg f\tpsst\r");
  await alice.until("you → fred: psst");
});

inTerminal("classic mode: bare words in the lobby, and nothing but leave in a room", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  await using alice = await sitIn(chat.port, "alice", ["--classic"]);
  alice.type("who\r");
  await alice.until(/\* Here: .*bob/);
  alice.type("message\r");
  await alice.until(/To:$/);
  alice.type("bob\rpsst\r");
  expect(await bob.next("message")).toMatchObject({ to: "bob", text: "psst" });
  alice.type("join lab\r");
  await alice.until(/#lab>$/);
  for (const text of ["who", "exit", "/who"]) {
    alice.type(`${text}\r`);
    expect(await bob.next((event: any) => event.to === "#lab" && event.type === "message")).toMatchObject({ text });
  }
  alice.type("leave\r");
  await alice.until(/#lobby>$/);
  alice.type("exit\r");
  expect(await alice.exited).toBe(0);
});

inTerminal(
  "whose password is changed is told so, then that nobody is signed in and what was not sent; code 4",
  async () => {
    await using chat = await startTestServer(["alice"]);
    await using alice = await sitIn(chat.port, "alice");
    await run([process.execPath, "users.ts", "passwd", "alice", "--data", chat.data], "second-password");
    await alice.until(/The password of alice was changed[\s\S]*connection lost/);
    alice.type("does anybody hear me?\r"); // Enter tries at once
    expect(await alice.exited).toBe(4);
    expect(alice.screen.text).toMatch(
      /Your password was changed or your account was\s+removed, so you are signed out\.\n\* Not sent: does anybody hear me\?/,
    );
    expect(chat.log().match(/Sign-in from \S+ refused/g)).toHaveLength(2); // by token, by the old password, and no more
  },
);

const set = (to: string, key: string, value: string, more = {}) => ({ type: "set", to, key, value, ...more });

inTerminal("/help, /rules and Tab: what hosts can do is for hosts, from the moment they are", async () => {
  await using chat = await startTestServer(["bob", "ms.lee"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.say("#lobby", "hi");
  await using lee = await sitIn(chat.port, "ms.lee");
  await lee.until("bob: hi");
  lee.type("/help\r");
  expect(await lee.until("leaves when it is empty.")).not.toContain("/mute NAME");
  lee.type("/mu\t");
  await lee.until(/#lobby> \/mu$/);
  lee.type(`\x15/host ${chat.server.hostCode}\r`);
  await lee.until("* You are a host. /help lists what hosts can do.\n");
  expect(lee.output()).not.toContain(`\r\n/host ${chat.server.hostCode}`);
  lee.type("\x1b[A"); // Up: the code is not kept
  await lee.until(/#lobby> \/help$/);
  lee.type("\x15/help\r");
  await lee.until("* /mute NAME [TIME] ");
  lee.type("/mu\tb\t");
  await lee.until(/#lobby> \/mute bob$/);
  lee.type("\x15/join den\r");
  await lee.until(/#den>$/);
  lee.type("/loc\t\t");
  await lee.until(/\[lobby\] den all\n#den> \/lock lobby$/);
  lee.type("\t\t");
  await lee.until(/lobby den \[all\]\n#den> \/lock all$/);
  lee.type("\x15/remove b\t");
  await lee.until(/#den> \/remove bob$/);
  lee.type("\x15/rules school\r/rules\r");
  await lee.until(/\* Private messages \(private\): only to and from hosts\n\* New accounts \(accounts\): none\n/);
});

inTerminal(
  "what is refused is in the editor again as it was typed, or in the log when something else is there",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await lee.ask(set("*", "lock", "on"));
    await using bob = await sitIn(chat.port, "bob");
    await bob.until(/Only hosts can write here\n#lobby>$/);
    bob.type("//slashes and\x1b\ra second line\r");
    await bob.until(
      /only hosts can write\. Nothing\s+was sent\.\n {2}Only .*\n#lobby> \/\/slashes and\n {2}a second line$/,
    );
    bob.type("\x03/msg zoe psst\r");
    await bob.until(
      /\* ms\.lee locked the chat\. You can still write to hosts\. Nothing was sent\.\n.*\n#lobby> \/msg zoe psst$/,
    );
    bob.type("\x03one\rtwo\rthree\r"); // before the first answer comes
    await bob.until(/\* Not sent: two\n(?:.*\n)+\* Not sent: three\n.*\n#lobby> one$/);
    bob.type("\x03/join lab\r");
    await bob.until(/#lab>$/);
    bob.type("for the lab\r\x1b1");
    await bob.until(/── #lobby ──[\s\S]*Nothing\s+was sent\.\n.*\n#lobby>$/);
    bob.type("\x1b2");
    await bob.until(/#lab> for the lab$/);
    await lee.ask(set("*", "lock", "off"));
    bob.type("\r");
    await bob.until(/bob: for the lab\n.*\n#lab>$/);
  },
);

inTerminal(
  "a room that a host puts one out of is closed, with the reason; what is typed on is for the lobby",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const lee = await chat.signedIn("ms.lee", "#team");
    await lee.join("#lobby");
    await using bob = await sitIn(chat.port, "bob");
    bob.type("/join team\r");
    await bob.until(/#team>$/);
    bob.type("half a thought");
    await bob.until(/#team> half a thought$/);
    await lee.ask(set("#team", "door", "on"));
    await lee.ask(set("#team", "member", "off", { of: "bob" }));
    await bob.until(/\* ms\.lee took you out of team\n\* Not sent: half a thought\n── #lobby ──\n#lobby>$/);
    bob.type("/join team\r");
    await bob.until(/\* team has a door: .*\n#lobby>$/);
    await lee.ask(set("#team", "member", "on", { of: "bob" }));
    bob.type("/join team\r"); // what was shown there before is not done again
    await bob.until(/\* ms\.lee took you out of team\n.*\* ms\.lee let you into team\n(?:.*Alt\+A to read\n)?#team>$/);
    bob.type("thanks\r");
    await bob.until(/bob: thanks\n/);
    bob.type("\x1b1");
    await bob.until(/#lobby>$/);
    await lee.ask(set("#team", "member", "off", { of: "bob" }));
    await bob.until(/── #lobby ──\n(?:.*\n)*.*\* ms\.lee took you out of team\n.*\n#lobby>$/);
    expect(bob.screen.text).not.toContain("on another device");
  },
);

inTerminal("a host sees what they did wherever they typed it", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  await using lee = await sitIn(chat.port, "ms.lee");
  lee.type("/join lab\r");
  await lee.until(/#lab>$/);
  lee.type("/lock all 23:59\r");
  await lee.until(/\d\d:\d\d \* you locked the chat until 23:59.*: only hosts can write\n#lab>$/);
  lee.type("/lock lobby\r");
  await lee.until(/\d\d:\d\d \* you locked lobby: only hosts can write\n#lab>$/);
  lee.type("/mute bob\r");
  await lee.until(/\* you muted bob\. bob can still write to hosts\n#lab>$/);
});
