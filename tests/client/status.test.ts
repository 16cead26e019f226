import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, passwordFile, run, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitAtClient, sitIn } from "../kit/pty.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const set = (to: string, key: string, value: string) => ({ type: "set", to, key, value });
const END = String.raw`until \d\d:\d\d(?: on \w+ \d+ \w+)?`;

inTerminal(
  "while one cannot write a row says so, until the time is over or the act comes; one types all the same",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await using bob = await sitIn(chat.port, "bob");
    await lee.ask(set("*", "lock", "+3600"));
    await bob.until(new RegExp(`\n {2}Only hosts can write here ${END}\n#lobby>$`));
    bob.type("/query zoe\r");
    await bob.until(new RegExp(`\n {2}Only hosts can write here ${END}\n@zoe>$`));
    bob.type("/query ms.lee\r");
    await bob.until(/not written with ms\.lee yet.*\n@ms\.lee>$/);
    bob.type("\x1b1half a line");
    await bob.until(/Only hosts can write here.*\n#lobby> half a line$/);
    await lee.ask(set("*", "lock", "off"));
    await bob.until(/\* ms\.lee unlocked the chat\n#lobby> half a line$/);
    await lee.ask(set("bob", "mute", "+2"));
    await bob.until(new RegExp(`\n {2}ms\\.lee muted you ${END}; you can write to hosts\n#lobby> half a line$`));
    await bob.until(/Alt\+A to read\n#lobby> half a line$/); // it is over by itself
    await lee.ask(set("*", "private", "hosts"));
    bob.type("\x15/query zoe\r");
    await bob.until(/\n {2}Private messages are not allowed here; \/rules tells more\n@zoe>$/);
  },
);

inTerminal("who comes in muted knows it at once, also where the terminal is narrow", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  const lee = await chat.signedIn("ms.lee", "#lobby");
  await lee.ask(set("bob", "mute", "+3600"));
  await using bob = await sitIn(chat.port, "bob", [], { columns: 40 });
  await bob.until(/\n {2}ms\.lee muted you until \d\d:\d\d\n#lobby>$/);
});

inTerminal("who is sent out for a time is told once, and is back by themselves", async () => {
  await using chat = await startTestServer(["ms.lee*", "bob"]);
  const lee = await chat.signedIn("ms.lee", "#lobby");
  await using bob = await sitIn(chat.port, "bob");
  await lee.ask(set("bob", "ban", "+600"));
  await bob.until(
    /\* ms\.lee sent you out until .*\n\* ms\.lee sent you out\. You can come back in 10 minutes\.\n.*connection lost.*\n {2}Not connected\. Trying again in (?:10 min|\d+ s), or/,
  );
  bob.type("wait for me\r"); // which asks again
  await bob.until(/── connection lost.*\n {2}… wait for me\n {2}Not connected\. Trying again in 10 min, or/);
  expect(bob.screen.text.match(/You can come back/g)).toHaveLength(1);
  await lee.ask(set("bob", "ban", "off"));
  bob.type("\r");
  await bob.until(/── back online[\s\S]*bob: wait for me\n/);
});

inTerminal(
  "who is sent out without an end reads why, and the program ends with code 4; so does a first sign-in",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await using bob = await sitIn(chat.port, "bob");
    bob.type("half a line");
    await bob.until(/#lobby> half a line$/);
    await lee.ask(set("bob", "ban", "on"));
    expect(await bob.exited).toBe(4);
    const why = "* ms.lee sent you out. Ask a host to let you come in again.\n";
    expect(bob.screen.text.split(why)).toHaveLength(2);
    expect(bob.screen.text).toMatch(/connection lost.*\n\* Not sent: half a line\n$/);

    await using again = sitAtClient(chat.port, ["--name", "bob"]);
    await again.until("is hidden):");
    again.type(`${PASSWORD}\r`);
    expect(await again.exited).toBe(4);
    expect(again.screen.text).toContain(why);
    await lee.ask(set("bob", "ban", "+600"));
    using secret = passwordFile();
    const client = [process.execPath, "client.ts", `127.0.0.1:${chat.port}`, "--name", "bob"];
    const { code, stdout } = await run([...client, "--password-file", secret.file]);
    expect([code, stdout]).toEqual([4, "* ms.lee sent you out. You can come back in 10 minutes.\n"]);
  },
);

inTerminal("who is sent out for longer than a timer lasts does not ask again and again", async () => {
  let logins = 0;
  using server = listen((frame, write) => {
    if (frame.type !== "login" || logins++ === 0) return write(welcome(frame));
    const text = "ms.lee sent you out. You can come back in 60 days.";
    write({ type: "error", id: frame.id, code: "no_entry", text, after: 60 * 86_400 });
  });
  await using alice = await sitIn(server.port, "alice");
  for (const socket of server.sockets) socket.end();
  await alice.until("connection lost");
  alice.type("\r");
  await alice.until("Trying again in 24 h, or press Enter");
  alice.type("still here?\r"); // asks once more
  await alice.until("  … still here?\n");
  await alice.until(() => logins >= 3);
  alice.type("\x03");
  expect(await alice.exited).toBe(0);
  expect(logins).toBeLessThan(6); // one of its own, and one each time that somebody asks for it
});
