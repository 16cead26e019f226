import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, REPOSITORY, Wire, temporaryFolder, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("a server whose output nobody reads any more, as in `bun server.ts | head`, goes on", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice"]);
  const command = [process.execPath, "server.ts", "--port", "0", "--no-web", "--data", folder.path];
  await using server = Bun.spawn(command, { cwd: REPOSITORY, stdout: "pipe", stderr: "inherit" });
  let said = "";
  for await (const chunk of server.stdout) if ((said += Buffer.from(chunk)).includes("Stop:")) break; // and closes the pipe
  const port = Number(/Server listening \S+:(\d+)/.exec(said)![1]);

  for (let visit = 0; visit < 3; visit++) {
    const alice = await Wire.open(port);
    expect(await alice.ask({ type: "login", user: "alice", password: PASSWORD })).toMatchObject({ type: "ok" });
    expect(await alice.ask({ type: "exit" })).toMatchObject({ type: "ok" });
    await alice.ended;
  }
  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
});
