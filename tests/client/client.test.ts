import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, REPOSITORY, passwordFile, run, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const CLIENT = [process.execPath, "client.ts"];

test("exit codes tell a script what went wrong, and one sentence tells a person", async () => {
  await using chat = await startTestServer(["alice"]);
  using secret = passwordFile();
  const here = `127.0.0.1:${chat.port}`;
  const scenes: [args: string[], code: number, sentence: string][] = [
    [["--rom", "lab"], 2, "Unknown option --rom. Did you mean --room?"],
    [["a b"], 2, '"a b" is no HOST[:PORT].'],
    [[here, "extra"], 2, "Only one HOST[:PORT] can be given."],
    [[here, "--name", "x"], 2, 'Nobody can be called "x".'],
    [[here, "--room", "a/b"], 2, '"a/b" is no room.'],
    [[here, "--send", "#lobby"], 2, "--send needs --name and --password-file."],
    [[here, "--name", "alice", "--password-file", "/no/such/file"], 2, "Cannot read the password in /no/such/file"],
    [["127.0.0.1:1", "--name", "alice", "--password-file", secret.file], 3, "Nobody is listening at 127.0.0.1:1."],
    [[here, "--name", "alicia", "--password-file", secret.file], 4, "No account matches that name and password."],
  ];
  await Promise.all(
    scenes.map(async ([args, code, sentence]) => {
      const result = await run([...CLIENT, ...args]);
      expect({ args, code: result.code }).toEqual({ args, code });
      expect(result.stdout + result.stderr).toContain(sentence);
    }),
  );
  const { code, stdout } = await run([...CLIENT, "--help"]);
  expect(code).toBe(0);
  expect(stdout).toContain("0 done, 1 bug or a line was not sent, 2 usage, 3 server not reached");
  expect(stdout.split("\n").length).toBeLessThanOrEqual(25);
});

test("the ten-line bot of old still works: connect and receiveMessages come from client.ts", async () => {
  await using chat = await startTestServer(["bot", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  const source = `
    import { connect, receiveMessages } from "${REPOSITORY}/client.ts";
    const bot = await connect({ port: ${chat.port}, user: "bot", password: "${PASSWORD}", rooms: ["#lobby"] });
    for await (const event of receiveMessages(bot))
      if (event.type === "message" && event.text === "ping") { await bot.say(event.to, "pong"); await bot.close(); }
  `;
  const bot = run([process.execPath, "-e", source]);
  await bob.next((event) => event.type === "joined" && event.to === "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "ping" });
  expect(await bob.next((event: any) => event.from === "bot")).toMatchObject({ text: "pong" });
  expect((await bot).code).toBe(0);
});
