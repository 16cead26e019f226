import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { startServer } from "../../server.ts";
import { PASSWORD, PATIENCE, run, spawnServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";
import { canMount, works } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const isRoot = process.getuid?.() === 0;
const RIGHTS = "-dac_override,-dac_read_search"; // of root, whom no permission binds else
/** Runs a program as somebody whom permissions bind. */
const bound = isRoot ? ["setpriv", `--inh-caps=${RIGHTS}`, `--bounding-set=${RIGHTS}`] : [];
const canBeBound = !isRoot || works("setpriv", ...bound.slice(1), process.execPath, "--version");

const server = (data: string) => [...bound, process.execPath, "server.ts", "--port", "0", "--no-web", "--data", data];
const END = " The server did not start and changed nothing.\n";

/** A data folder that was used. */
async function usedFolder() {
  const folder = temporaryFolder();
  const data = join(folder.path, "data");
  writeAccounts(data, ["alice"]);
  await (await startServer({ port: 0, webPort: false, data })).stop();
  return { data, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}
const contents = (data: string) =>
  ["chat.db", "users.json", "secret.key"].map((name) => Bun.hash(readFileSync(join(data, name))));

describe.if(canBeBound)("without permission", () => {
  const owner = "permission denied. Check whose it and its folder are (ls -la), and run this program as that account.";

  test.each([
    ["read", "users.json"],
    ["open", "chat.db"],
    ["read", "secret.key"],
  ])("to %s %s the server says so, and nothing of damage or copies", async (deed, name) => {
    using used = await usedFolder();
    const file = join(used.data, name);
    const before = contents(used.data);
    chmodSync(file, 0);
    const { code, stderr } = await run(server(used.data));
    expect([code, stderr]).toEqual([4, `Cannot ${deed} ${file}: ${owner}${END}`]);
    chmodSync(file, 0o600);
    expect(contents(used.data)).toEqual(before);
  });

  test("to make files beside chat.db the server says so", async () => {
    using used = await usedFolder();
    chmodSync(used.data, 0o500);
    const { code, stderr } = await run(server(used.data));
    chmodSync(used.data, 0o700);
    expect([code, stderr]).toEqual([4, `Cannot open ${join(used.data, "chat.db")}: ${owner}${END}`]);
  });

  test("to write users.json, registering is unavailable, users.ts says why, and people go on", async () => {
    using used = await usedFolder();
    writeFileSync(join(used.data, "users.json.lock"), ""); // of another account, whose program was killed
    chmodSync(join(used.data, "users.json.lock"), 0o400);
    await using chat = await spawnServer(used.data, [], bound);
    const [alice, bob] = [await Wire.open(chat.port), await Wire.open(chat.port)];
    await alice.login("alice");
    expect(await bob.ask({ type: "register", user: "bob", password: PASSWORD })).toMatchObject({ code: "unavailable" });
    const why = `Cannot open ${join(used.data, "users.json.lock")}: ${owner}`;
    expect(chat.log()).toContain(`WARNING - Cannot store the account bob: ${why}\n`);
    const refused = await run([...bound, process.execPath, "users.ts", "add", "bob", "--data", used.data], PASSWORD);
    expect(refused).toEqual({ code: 4, stdout: "", stderr: `${why}\n` });
    await alice.join("#lab");
    expect(await alice.ask({ type: "say", to: "#lab", text: "hello" })).toMatchObject({ seq: 1 });
  });

  test("to read users.json while it runs, the server goes on with the accounts as they were", async () => {
    using used = await usedFolder();
    await using chat = await spawnServer(used.data, [], bound);
    const file = join(used.data, "users.json");
    rmSync(file);
    writeFileSync(file, "{}");
    chmodSync(file, 0); // as `bun users.ts` leaves it that another account has run
    const alice = await Wire.open(chat.port);
    await alice.login("alice");
    expect(chat.log()).toContain(`WARNING - Cannot read ${file}: ${owner} Going on with the accounts as they were.\n`);
    expect(await (await Wire.open(chat.port)).ask({ type: "register", user: "bob", password: PASSWORD })).toMatchObject(
      {
        code: "unavailable",
      },
    );
  });

  test("to see into the data folder, or to ask for a copy in it, backup.ts says so", async () => {
    using used = await usedFolder();
    const backup = () => run([...bound, process.execPath, "backup.ts", "--data", used.data]);
    chmodSync(used.data, 0);
    expect(await backup()).toEqual({
      code: 1,
      stdout: "",
      stderr: `Cannot open ${join(used.data, "chat.db")}: ${owner}\n`,
    });
    chmodSync(used.data, 0o700);
    await using _ = await spawnServer(used.data, [], bound);
    chmodSync(used.data, 0o500);
    const refused = await backup();
    chmodSync(used.data, 0o700);
    expect(refused).toEqual({
      code: 1,
      stdout: "",
      stderr: `Cannot write ${join(used.data, "backup-now")}: ${owner}\n`,
    });
  });

  test("to make the data folder the server names it", async () => {
    using folder = temporaryFolder();
    chmodSync(folder.path, 0o555);
    const data = join(folder.path, "new");
    expect((await run(server(data))).stderr).toBe(`Cannot make ${data}: ${owner}${END}`);
  });

  test("to read what is to be copied, or the log of the database, each program names that file", async () => {
    using used = await usedFolder();
    const [users, log] = [join(used.data, "users.json"), join(used.data, "chat.db-wal")];
    const backup = () => run([...bound, process.execPath, "backup.ts", "--data", used.data]);
    chmodSync(users, 0);
    expect(await backup()).toEqual({ code: 1, stdout: "", stderr: `Cannot read ${users}: ${owner}\n` });
    chmodSync(users, 0o600);
    expect(readdirSync(join(used.data, "backup"))).toEqual([]);
    const before = contents(used.data);
    writeFileSync(log, "");
    chmodSync(log, 0);
    expect(await backup()).toEqual({ code: 1, stdout: "", stderr: `Cannot open ${log}: ${owner}\n` });
    expect((await run(server(used.data))).stderr).toBe(`Cannot open ${log}: ${owner}${END}`);
    expect(contents(used.data)).toEqual(before);
  });
});

describe.if(canMount())("on a disk that is full", () => {
  test("a copy and an account are refused in words, and what is there stays", async () => {
    using folder = temporaryFolder();
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder.path]);
    try {
      writeAccounts(folder.path, ["alice"]);
      using used = await usedFolder();
      copyFileSync(join(used.data, "chat.db"), join(folder.path, "chat.db"));
      fill(join(folder.path, "big"));
      const program = (...args: string[]) => run([process.execPath, ...args, "--data", folder.path], PASSWORD);
      const full = "the disk is full. Make room.";
      expect(await program("backup.ts")).toEqual({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(new RegExp(`^Cannot write ${folder.path}/backup/\\S+: ${full}\n$`)),
      });
      expect(await program("users.ts", "add", "bob")).toMatchObject({ code: 4, stderr: expect.stringContaining(full) });
      expect((await program("users.ts", "list")).stdout).toBe("alice\n");
      const started = await program("server.ts", "--port", "0", "--no-web");
      expect([started.code, started.stderr]).toEqual([4, expect.stringContaining(`${full}${END}`)]);
      expect((await program("users.ts", "list")).stdout).toBe("alice\n");
    } finally {
      Bun.spawnSync(["umount", folder.path]);
    }
  });
});

/** Writes until the disk takes no more. */
function fill(file: string): void {
  const fd = openSync(file, "w");
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096));
  } catch {
    closeSync(fd);
  }
}

describe.if(canMount())("on a disk that is read-only", () => {
  const folder = temporaryFolder();
  const disk = join(folder.path, "disk");
  beforeAll(() => {
    mkdirSync(disk);
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
  });
  afterAll(() => {
    Bun.spawnSync(["umount", disk]);
    folder[Symbol.dispose]();
  });

  test("the server and users.ts say so, whether there is a chat or not", async () => {
    const [used, empty] = [join(disk, "used"), join(disk, "empty")];
    mkdirSync(empty);
    writeAccounts(used, ["alice"]);
    await (await startServer({ port: 0, webPort: false, data: used })).stop();
    Bun.spawnSync(["mount", "-o", "remount,ro", disk]);
    const why = "its disk is read-only. Make it writable, or choose another --data folder.";
    for (const data of [used, empty])
      expect(await startServer({ port: 0, data }).catch((problem) => problem)).toMatchObject({
        exitCode: 4,
        message: `Cannot open ${join(data, "chat.db")}: ${why}${END.trimEnd()}`,
      });
    const added = await run([process.execPath, "users.ts", "add", "bob", "--data", used], PASSWORD);
    expect(added).toEqual({ code: 4, stdout: "", stderr: `Cannot write ${join(used, "users.json.lock")}: ${why}\n` });
    const listed = await run([process.execPath, "users.ts", "list", "--data", used]);
    expect(listed).toEqual({ code: 0, stdout: "alice\n", stderr: "" });
  });
});

test.each([
  ["users.json", "read"],
  ["chat.db", "open"],
  ["secret.key", "read"],
])("a folder in the place of %s is called a folder, and stays", async (name, deed) => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, name, "kept"), { recursive: true });
  const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);
  expect([problem.exitCode, problem.message]).toEqual([
    4,
    `Cannot ${deed} ${join(folder.path, name)}: it is a folder. Move that folder away, or choose another --data folder.${END.trimEnd()}`,
  ]);
  expect(readdirSync(folder.path)).toEqual([name]);
});

test("links that lead in a circle are called that", async () => {
  using folder = temporaryFolder();
  for (const name of ["users.json", "chat.db"]) {
    symlinkSync(name, join(folder.path, name));
    const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);
    expect(problem.message).toContain(`${join(folder.path, name)}: its links lead in a circle. Mend the links.`);
    rmSync(join(folder.path, name));
  }
});
