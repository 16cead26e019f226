import { expect, setDefaultTimeout, test } from "bun:test";
import { identifyServer } from "../../client/reach.ts";
import { PASSWORD, PATIENCE, run, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitAtClient } from "../kit/pty.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);

inTerminal(
  "a new person is asked for a name and a password once each, gets an account, and no password is ever shown",
  async () => {
    await using chat = await startTestServer(["bob"]);
    await using alice = sitAtClient(chat.port);
    await alice.until(/not encrypted[\s\S]*Name:$/);
    alice.type("Zoë K\r");
    await alice.until("for example zoe-k.\nName:");
    alice.type("Alice\rtiny\r");
    await alice.until("That password has 4 characters; 8 are needed.");
    alice.type("first-try-1\r");
    await alice.until("Create a new account called alice? [y/N]");
    alice.type("y\r");
    await alice.until(/Type the password again:$/);
    alice.type("other-one-2\r");
    await alice.until("The two passwords differ.\nChoose a password:");
    const drawn = alice.output().length;
    alice.type(PASSWORD);
    await alice.until(() => alice.output().length > drawn);
    alice.type(`\r${PASSWORD}\r`);
    await alice.until(/Welcome, alice\.[\s\S]*You are in #lobby, alone so far/);

    for (const secret of ["tiny", "first-try-1", "other-one-2", PASSWORD]) expect(alice.output()).not.toContain(secret);
    expect((await (await chat.wire()).login("alice")).user).toBe("alice");
  },
);

inTerminal(
  "a wrong password counts down and never says whether the name was wrong; a taken name asks for another",
  async () => {
    await using chat = await startTestServer(["bob"]);
    await using visitor = sitAtClient(chat.port, ["--name", "bob"]);
    await visitor.until(/is hidden\):/);
    visitor.type("not-bobs-1\rn\r");
    await visitor.until("No account matches that name and password.\nCreate a new account called bob? [y/N] n");
    await visitor.until(/4 tries left[\s\S]*name\):$/);
    visitor.type("not-bobs-2\ry\rnot-bobs-2\r");
    await visitor.until(/bob is taken\. Free: bob2, bob3\.[\s\S]*Name:$/);
    visitor.type("bob\r");
    await visitor.until("3 tries left");
    visitor.type(`${PASSWORD}\r`);
    await visitor.until("Welcome, bob.");
  },
);

inTerminal("five wrong passwords end the program with code 4, Ctrl+C at a question with 130", async () => {
  await using chat = await startTestServer(["bob"]);
  await using visitor = sitAtClient(chat.port, ["--name", "bob"]);
  for (let i = 0; i < 5; i++) {
    await visitor.until(() => visitor.screen.rows.at(-1)!.endsWith("):") && visitor.output().split("[y/N]").length > i);
    visitor.type("not-bobs-1\rn\r");
    await visitor.until(i < 4 ? `${4 - i} ${i < 3 ? "tries" : "try"} left` : /No account matches[\s\S]*Check both/);
  }
  expect(await visitor.exited).toBe(4);

  await using other = sitAtClient(chat.port);
  await other.until("Name:");
  other.type("\x03");
  expect(await other.exited).toBe(130);
});

inTerminal("who waits for the server longer than a moment reads that it is at work", async () => {
  let letIn = () => {};
  using server = listen((frame, write) => {
    if (frame.type === "login") letIn = () => write(welcome(frame));
    else write(welcome(frame));
  });
  await using alice = sitAtClient(server.port, ["--name", "alice"]);
  await alice.until(/is hidden\):/);
  alice.type(`${PASSWORD}\r`);
  await alice.until("Checking…");
  letIn();
  await alice.until("#lobby>");
  expect(alice.screen.text).not.toContain("Checking");
});

test("a server that is silent is not called another one", async () => {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  await expect(identifyServer({ host: "127.0.0.1", port: server.port }, 50)).rejects.toThrow(
    `Nothing is answered at 127.0.0.1:${server.port}: the server is too busy, or no Banter server.`,
  );
});

test("somebody who is no Banter server is not told a name or a password", async () => {
  const heard: string[] = [];
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        heard.push(bytes.toString());
        socket.end("220 mail.example.org ready\r\n");
      },
    },
  });
  const { code, stdout } = await run(
    [process.execPath, "client.ts", `127.0.0.1:${server.port}`],
    `alice\n${PASSWORD}\n`,
  );
  expect(stdout).toContain(`Whoever answers at 127.0.0.1:${server.port} is no Banter server.`);
  expect(code).toBe(3);
  expect(heard.join("")).toBe('{"type":"ping"}\n');
});
