import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, PATIENCE, run, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { HAS_TERMINAL, sitAtClient, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);

/** A person's computer: what it keeps, and the client there. */
function computer() {
  const home = temporaryFolder();
  const env = { XDG_STATE_HOME: home.path };
  const file = join(home.path, "banter", "signed-in");
  return {
    file,
    kept: () => existsSync(file) && readFileSync(file, "utf8"),
    start: (port: number, ...args: string[]) => sitAtClient(port, args, { columns: 160, env }),
    signIn: (port: number, ...args: string[]) => sitIn(port, "alice", args, { columns: 160, env }),
    [Symbol.dispose]: () => home[Symbol.dispose](),
  };
}
type Started = ReturnType<typeof sitAtClient>;
async function leave(seat: Started): Promise<void> {
  seat.type("/exit\r");
  expect(await seat.exited).toBe(0);
}

inTerminal(
  "with --remember no password is asked for next time, and --forget ends that; without, nothing is kept",
  async () => {
    await using chat = await startTestServer(["alice"]);
    using laptop = computer();
    await using first = await laptop.signIn(chat.port);
    await leave(first);
    expect(laptop.kept()).toBeFalse();

    await using second = await laptop.signIn(chat.port, "--remember");
    await second.until("* This computer remembers alice: no password is asked for next time. --forget ends that.");
    await leave(second);
    expect(laptop.kept()).toMatch(new RegExp(`^127\\.0\\.0\\.1:${chat.port} alice nothing \\d+\\.[\\w-]{43}\n$`));
    expect(laptop.kept()).not.toContain(PASSWORD);
    expect(statSync(laptop.file).mode & 0o777).toBe(0o600);

    await using third = laptop.start(chat.port);
    expect(await third.until("You are in #lobby")).not.toMatch(/Name:|Password/);
    await leave(third);
    await using bob = laptop.start(chat.port, "--name", "bob");
    expect(await bob.until(/is hidden\):/)).not.toContain("alice");
    bob.type("\x03");
    await bob.exited;

    await using fourth = laptop.start(chat.port, "--forget");
    await fourth.until(/\* Forgotten\. The password is needed again\.\nName:$/);
    expect(laptop.kept()).toBe("");
  },
);

inTerminal("a token that has ended is told of, and the password is asked for again, which is remembered", async () => {
  await using chat = await startTestServer(["alice"]);
  using laptop = computer();
  await using first = await laptop.signIn(chat.port, "--remember");
  await leave(first);
  await run([process.execPath, "users.ts", "passwd", "alice", "--data", chat.data], "second-password");
  await using second = laptop.start(chat.port);
  await second.until(/\* alice was remembered here, which is over: .*\nPassword .*is hidden\):$/);
  second.type("second-password\r");
  await second.until("You are in #lobby");
  await leave(second);
  await using third = laptop.start(chat.port);
  expect(await third.until("You are in #lobby")).not.toContain("Password");
});

test.if(HAS_TERMINAL && has("openssl"))("a server of another identity is told no token", async () => {
  await using chat = await startTestServer(["alice"], { tls: "own" });
  using laptop = computer();
  await using first = laptop.start(chat.port, "--trust-new", "--remember", "--name", "alice");
  await first.until(/is hidden\):/);
  first.type(`${PASSWORD}\r`);
  await first.until("You are in #lobby");
  await leave(first);
  expect(laptop.kept()).toContain(` alice ${chat.server.fingerprint} `);

  await using second = laptop.start(chat.port, "--tls");
  expect(await second.until("You are in #lobby")).not.toContain("Password");
  await leave(second);
  // As if the certificate had changed, and been trusted.
  const other = String(laptop.kept()).replace(/ alice ../, " alice XX");
  writeFileSync(laptop.file, other);
  await using third = laptop.start(chat.port, "--tls");
  await third.until(/Name:$/);
});
