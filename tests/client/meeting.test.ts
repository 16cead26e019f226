import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Seat } from "../kit/pty.ts";
import { HAS_TERMINAL, sit } from "../kit/pty.ts";
import { tap } from "../kit/tap.ts";

setDefaultTimeout(PATIENCE);

const at = (...ports: number[]) => ports.map((port) => `127.0.0.1:${port}`).join(",");
const QUESTION = "Trust it from now on? [y/N]";

/** A person's computer: what it keeps, and the client there, which is given a list. */
function computer(columns = 200) {
  const home = temporaryFolder();
  const env = { XDG_STATE_HOME: home.path };
  const file = (name: string) => join(home.path, "banter", name);
  const start = (ports: number[], ...args: string[]) =>
    sit([process.execPath, "client.ts", at(...ports), ...args], { columns, env });
  return {
    file,
    kept: (name: string) => (existsSync(file(name)) ? readFileSync(file(name), "utf8") : ""),
    start,
    /** Signs in as alice by her password. */
    async signIn(ports: number[], ...args: string[]): Promise<Seat> {
      const seat = start(ports, "--name", "alice", ...args);
      await seat.until(/is\s+hidden\):/);
      seat.type(`${PASSWORD}\r`);
      await seat.until("You are in #lobby");
      return seat;
    },
    [Symbol.dispose]: () => home[Symbol.dispose](),
  };
}
async function leave(seat: Seat): Promise<void> {
  seat.type("/exit\r");
  expect(await seat.exited).toBe(0);
}
/** A port at which nobody listens. */
function nobody(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

describe.if(HAS_TERMINAL)("a person with a list of servers", () => {
  test("reads which one answered, and what is kept for them is under the first", async () => {
    await using chat = await startTestServer(["alice"]);
    using laptop = computer();
    const first = nobody();
    await using alice = await laptop.signIn([first, chat.port]);
    expect(alice.screen.text).toContain(`* Connected to ${at(chat.port)} (not encrypted).`);
    alice.type("hello\r");
    await alice.until(/alice: hello\n#lobby>$/);
    await leave(alice);
    expect(laptop.kept("typed")).toStartWith(`${at(first)} alice "hello"`);
  });

  test("reads in three lines at most why none of eight lets them in, and the code is 3", async () => {
    using laptop = computer(80);
    const ports = Array.from({ length: 8 }, nobody);
    await using alice = laptop.start(ports);
    expect(await alice.exited).toBe(3);
    const shown = alice.screen.rows.filter((row) => row !== "");
    expect(shown.length).toBeLessThanOrEqual(3);
    expect(shown.join("").replaceAll(/\s/g, "")).toBe(
      `* None of the 8 servers lets you in: ${at(...ports)} (nobody is listening).`.replaceAll(/\s/g, ""),
    );
  });

  test("types on while the port they came by is cut: each line is stored once, nothing is missed, the draft stays", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    using first = tap(chat.port);
    using laptop = computer();
    await using alice = await laptop.signIn([first.port, chat.port]);
    const bob = await chat.signedIn("bob", "#lobby");
    alice.type("before\r");
    await alice.until(/alice: before\n#lobby>$/);
    const kept = first.keep("says"); // as if the network was gone
    alice.type("one\r");
    await kept;
    await alice.until(/ {2}… one\n#lobby>$/);
    alice.type("two\r");
    await alice.until(/ {2}… one\n {2}… two\n#lobby>$/);
    alice.type("half a line");
    await alice.until(/#lobby> half a line$/);
    await bob.say("#lobby", "from bob");
    first.cut();
    await alice.until(
      new RegExp(`── connection lost.*\\n.*── back online at ${at(chat.port)}(, 1 missed message)? ──\\n`),
    );
    await alice.until(/alice: two\n#lobby> half a line$/);
    alice.type("\r");
    await alice.until(/alice: half a line\n#lobby>$/);
    const texts = ["before", "from bob", "one", "two", "half a line"];
    expect([...alice.screen.text.matchAll(/\d (?:alice|bob): (.*)/g)].map(([, text]) => text!)).toEqual(texts);
    const { messages } = await bob.ask({ type: "history", to: "#lobby", limit: 50 });
    expect(messages.map(({ text }: { text: string }) => text)).toEqual(texts);
  });

  test("reads which server is tried next while none answers", async () => {
    await using chat = await startTestServer(["alice"]);
    using laptop = computer(80);
    const other = nobody();
    await using alice = await laptop.signIn([chat.port, other]);
    await chat.restart(async () => {
      await alice.until(
        new RegExp(` {2}Not connected. Trying ${at(chat.port)} again in \\d+ s, or press Enter.\n#lobby>`),
      );
      alice.type("waits\r");
      await alice.until(/ {2}… waits\n {2}Not connected/);
    });
    await alice.until(() => {
      alice.type("\r");
      return alice.screen.text.includes(`── back online at ${at(chat.port)} ──`);
    });
    await alice.until("alice: waits");
  });

  test.if(has("openssl"))("trusts each server by its own fingerprint, all of them at the start", async () => {
    await using one = await startTestServer(["alice"], { tls: "own" });
    await using two = await startTestServer(["alice"], { tls: "own" });
    using laptop = computer();
    const ports = [one.port, two.port];
    await using alice = laptop.start(ports, "--tls", "--name", "alice");
    await alice.until(new RegExp(`${at(one.port)} is new to you[^?]*Trust it from now on\\? \\[y/N\\]$`));
    alice.type("y\r");
    await alice.until(new RegExp(`${at(two.port)} is new to you[^?]*Trust it from now on\\? \\[y/N\\]$`));
    alice.type("y\r");
    await alice.until(`Connected to ${at(one.port)} (encrypted, by the certificate you trust).`);
    expect(laptop.kept("servers")).toBe(
      `${at(one.port)} ${one.server.fingerprint}\n${at(two.port)} ${two.server.fingerprint}\n`,
    );
    await alice.until(/is hidden\):/);
    alice.type(`${PASSWORD}\r`);
    await alice.until("You are in #lobby");
    await one.server.stop();
    await alice.until(`── back online at ${at(two.port)} ──`);
    expect(alice.screen.text.split(QUESTION)).toHaveLength(3);
  });

  test.if(has("openssl"))("is warned of a changed certificate, and comes in by another server", async () => {
    await using one = await startTestServer(["alice"], { tls: "own" });
    await using two = await startTestServer(["alice"], { tls: "own" });
    using laptop = computer();
    await using first = await laptop.signIn([one.port, two.port], "--trust-new");
    await leave(first);
    const known = laptop.kept("servers");
    // As if the first one's certificate was another one before.
    writeFileSync(laptop.file("servers"), known.replace(/ ../, " XX"));
    await using second = await laptop.signIn([one.port, two.port], "--tls");
    expect(second.screen.text).toContain(`WARNING: THE CERTIFICATE OF ${at(one.port)} HAS CHANGED`);
    expect(second.screen.text).toContain(`Connected to ${at(two.port)} (encrypted`);
    expect(one.log().match(/alice signed in/g)).toHaveLength(1);
    await leave(second);
    writeFileSync(laptop.file("servers"), known.replaceAll(/ ../g, " XX"));
    await using third = laptop.start([one.port, two.port], "--tls");
    expect(await third.exited).toBe(3);
    expect(third.screen.text).toContain(
      `* None of the 2 servers lets you in: ${at(one.port)}, ${at(two.port)} (its certificate is not trusted).`,
    );
  });

  test("is remembered at all servers that answered then, and at no other", async () => {
    await using chat = await startTestServer(["alice"]);
    using first = tap(chat.port);
    using laptop = computer();
    await using one = await laptop.signIn([first.port, chat.port], "--remember");
    await leave(one);
    const kept = (port: number) => `${at(port)} alice nothing \\d+\\.[\\w-]{43}\n`;
    expect(laptop.kept("signed-in")).toMatch(new RegExp(`^${kept(first.port)}${kept(chat.port)}$`));
    await using two = laptop.start([first.port, chat.port]);
    expect(await two.until("You are in #lobby")).not.toContain("Password");
    first.cut();
    await two.until(`── back online at ${at(chat.port)} ──`);
    await leave(two);
    await using three = laptop.start([first.port, chat.port]);
    expect(await three.until("You are in #lobby")).not.toContain("Password");
    await leave(three);
    await using four = laptop.start([first.port, chat.port], "--forget");
    await four.until(/\* Forgotten\. The password is needed again\.\nName:$/);
    expect(laptop.kept("signed-in")).toBe("");
  });

  test.if(has("openssl"))(
    "who is remembered tells no token to a server of another identity, also after a loss",
    async () => {
      await using chat = await startTestServer(["alice"], { tls: "own" });
      using first = tap(chat.port);
      using laptop = computer(400);
      const ports = [first.port, chat.port];
      await using one = await laptop.signIn(ports, "--trust-new", "--remember");
      await leave(one);
      // As if the second one had been somebody else when the token was kept.
      const second = new RegExp(`(${at(chat.port)} alice) ..`);
      writeFileSync(laptop.file("signed-in"), laptop.kept("signed-in").replace(second, "$1 XX"));
      await using two = laptop.start(ports, "--tls");
      expect(await two.until("You are in #lobby")).not.toContain("Password");
      expect(laptop.kept("signed-in")).toMatch(new RegExp(`${at(chat.port)} alice XX`));
      const before = chat.log().match(/alice signed in/g)?.length;
      first.cut();
      await two.until(`* You are not remembered at ${at(chat.port)}, so it was told nothing.`);
      expect(chat.log().match(/alice signed in/g)?.length).toBe(before);
      const visits = () => chat.log().match(/ connected\n/g)!.length;
      const visited = visits();
      await two.until(() => {
        two.type("\r"); // tries them all again
        return visits() > visited + 2;
      });
      const told = two.screen.text.matchAll(/\* (You are not remembered at|None of the 2 servers)/g);
      expect([...told].map(([, what]) => what!)).toEqual(["You are not remembered at", "None of the 2 servers"]);
      expect(chat.log()).not.toContain("failed");
    },
  );
});
