import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, PATIENCE, REPOSITORY, Wire, run, temporaryFolder, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("server and client compiled into single files: a chat and its page, in a folder without the sources", async () => {
  using folder = temporaryFolder();
  const place = (name: string) => join(folder.path, process.platform === "win32" ? `${name}.exe` : name);
  for (const name of ["server", "client"]) {
    const { code, stderr } = await run([
      process.execPath,
      "build",
      "--compile",
      `${name}.ts`,
      "--outfile",
      place(name),
    ]);
    expect([code, code === 0 ? "" : stderr]).toEqual([0, ""]);
  }
  const data = join(folder.path, "data");
  writeAccounts(data, ["alice", "bob"]);
  await using server = Bun.spawn([place("server"), "--port", "0", "--data", "data"], {
    cwd: folder.path,
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  for await (const chunk of server.stdout) if ((said += Buffer.from(chunk)).includes("Stop:")) break;
  const [, page, port] = /Page listening \S+:(\d+)[\s\S]*Server listening \S+:(\d+)/.exec(said)!;

  const bob = await Wire.open(Number(port));
  await bob.login("bob");
  await bob.join("#lobby");
  const client = Bun.spawn([place("client"), `localhost:${port}`, "--name", "alice", "--password-file", "-"], {
    cwd: folder.path,
    stdin: Buffer.from(`${PASSWORD}\nhello from one file\n`),
    stdout: "ignore",
    stderr: "inherit",
  });
  expect(await bob.next("message")).toMatchObject({ from: "alice", text: "hello from one file" });
  expect(await client.exited).toBe(0);

  const got = async (path: string) => (await fetch(`http://localhost:${page}${path}`)).text();
  const html = await Bun.file(join(REPOSITORY, "web/index.html")).text();
  expect(await got("/")).toBe(html.replaceAll(/\n\s+/g, "\n"));
  expect(await got("/page.js")).toContain("sourceMappingURL=page.js.map");
  expect(JSON.parse(await got("/page.js.map")).sourcesContent).toContain(
    await Bun.file(join(REPOSITORY, "protocol.ts")).text(),
  );
  expect(await got("/style.css")).toContain("#chat");
  expect(JSON.parse(await got("/manifest.json")).name).toBe("Banter");
  const icon = await (await fetch(`http://localhost:${page}/icon.png`)).bytes();
  expect(icon).toEqual(await Bun.file(join(REPOSITORY, "web/icon.png")).bytes());

  server.kill("SIGTERM");
  expect(await server.exited).toBe(0);
  expect(readdirSync(data).sort()).toEqual(["chat.db", "log", "secret.key", "users.json"]);
  expect(existsSync(join(folder.path, "log"))).toBeFalse();
});
