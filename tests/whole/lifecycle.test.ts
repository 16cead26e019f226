import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { messagesOf, openHistory } from "../../server/history.ts";
import { openLog } from "../../server/log.ts";
import { requireBun } from "../../server/options.ts";
import type { Message } from "../../protocol.ts";
import { startServer } from "../../server.ts";
import {
  PASSWORD,
  PATIENCE,
  readLog,
  REPOSITORY,
  run,
  spawnServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** Everything in a folder: what each file holds, byte for byte. */
function contents(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = names.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(path).toString("base64")]));
}
const server = (folder: string, ...args: string[]) =>
  run([process.execPath, "server.ts", "--data", folder, ...(args.includes("--port") ? [] : ["--port", "0"]), ...args]);

describe("stopping", () => {
  test("SIGTERM under load tells everybody, ends with 0, and what anybody saw is stored", async () => {
    using folder = temporaryFolder();
    const names = ["alice", "bob", "carol"];
    writeAccounts(folder.path, names);
    await using chat = await spawnServer(folder.path, ["--rate", "0"]);
    const wires = await Promise.all(
      names.map(async (name) => {
        const wire = await Wire.open(chat.port);
        await wire.login(name);
        await wire.join("#lab");
        for (let n = 0; n < 5_000; n++)
          wire.send({ type: "say", to: "#lab", text: `${name} ${n} not-for-the-log`, id: `${name}-${n}` });
        return wire;
      }),
    );
    await wires[0]!.next<Message>((frame) => frame.type === "message" && frame.seq >= 500);
    chat.process.kill("SIGTERM");
    expect(await chat.process.exited).toBe(0);
    await Promise.all(wires.map(({ ended }) => ended));

    const history = openHistory(join(folder.path, "chat.db"));
    const stored: Message[] = [];
    for (const head = await history.head("#lab"); stored.length < head;)
      stored.push(...messagesOf(await history.read("#lab", stored.length, head)));
    history.close();
    expect(stored.map(({ seq }) => seq)).toEqual(stored.map((_, n) => n + 1));
    for (const name of names) {
      const own = stored.filter(({ from }) => from === name);
      expect(own.map(({ text }) => text)).toEqual(own.map((_, n) => `${name} ${n} not-for-the-log`));
    }
    for (const { text } of wires) {
      const frames = text.match(/^\{.*\}$/gm)!.map((line) => JSON.parse(line));
      expect(frames.at(-1)).toEqual({ type: "notice", text: "The server is stopping. Come back in a moment." });
      const messages: Message[] = frames.filter(({ type }) => type === "message");
      expect(messages.length).toBeGreaterThan(400);
      expect(messages.filter((message) => !Bun.deepEquals(stored[message.seq - 1], message))).toEqual([]);
    }
    const log = chat.log();
    for (const secret of ["not-for-the-log", PASSWORD, "ERROR"]) expect(log).not.toContain(secret);
    expect(log).toContain(" - INFO - Server stopping\n");
    expect(log).toEndWith(" - INFO - Server stopped\n");
  });

  test("a second SIGTERM does not wait for a reader that takes nothing", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    await using chat = await spawnServer(folder.path, ["--rate", "0"]);
    const [alice, bob] = [await Wire.open(chat.port), await Wire.open(chat.port)];
    await bob.login("bob");
    await bob.join("#lab");
    await alice.login("alice");
    await alice.join("#lab");
    bob.socket.pause();
    const queued = async () => {
      const text = await (await fetch(`http://localhost:${chat.webPort}/metrics`)).text();
      return Number(/^banter_queued_bytes (\d+)/m.exec(text)![1]);
    };
    while ((await queued()) < 100_000) await alice.ask({ type: "say", to: "#lab", text: "x".repeat(4_000) });

    chat.process.kill("SIGTERM");
    await alice.ended;
    chat.process.kill("SIGTERM");
    expect(await chat.process.exited).toBe(0);
    expect(chat.log()).toContain("Server stopping");
    expect(chat.log()).not.toContain("Server stopped"); // that would have been ten seconds later
  });

  test.each(["listening", "Stop:"])(
    "a server whose output nobody reads after %p, as in `bun server.ts | head`, goes on",
    async (last) => {
      using folder = temporaryFolder();
      writeAccounts(folder.path, ["alice"]);
      const command = [process.execPath, "server.ts", "--port", "0", "--no-web", "--data", folder.path];
      await using child = Bun.spawn(command, { cwd: REPOSITORY, stdout: "pipe", stderr: "inherit" });
      let said = "";
      for await (const chunk of child.stdout) if ((said += Buffer.from(chunk)).includes(last)) break; // and closes the pipe
      const port = Number(/Server listening \S+:(\d+)/.exec(said)![1]);

      for (let visit = 0; visit < 3; visit++) {
        const alice = await Wire.open(port);
        await alice.login("alice");
        expect(await alice.ask({ type: "exit" })).toMatchObject({ type: "ok" });
        await alice.ended;
      }
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
      expect(readLog(folder.path)).toContain("Server stopped");
    },
  );
});

describe("the log", () => {
  test("goes on in a new file after SIGHUP, and nobody notices", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    await using chat = await spawnServer(folder.path);
    const alice = await Wire.open(chat.port);
    await alice.login("alice");
    const file = join(folder.path, "log", "app.log");
    renameSync(file, `${file}.old`);
    chat.process.kill("SIGHUP");
    while (!existsSync(file)) await alice.ask({ type: "ping" });
    const bob = await Wire.open(chat.port);
    await bob.ask({ type: "login", user: "bob", password: "not the word" });
    expect(chat.log()).toContain("refused (bad_login)");
    expect(readFileSync(`${file}.old`, "utf8")).toContain("alice signed in");
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");
  });

  test("rotates: five files at most, each within its size, the newest lines kept without a gap", () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "app.log");
    const maxBytes = 2_000;
    const log = openLog({ file, maxBytes });
    for (let n = 0; n < 1_000; n++) log.info(`event ${n}`);
    log.close();
    const files = ["app.log.4", "app.log.3", "app.log.2", "app.log.1", "app.log"];
    expect(readdirSync(folder.path).sort()).toEqual([...files].sort());
    for (const name of files) {
      const { size, mode } = statSync(join(folder.path, name));
      expect([mode & 0o777, size <= maxBytes + 100]).toEqual([0o600, true]);
    }
    const told = files.flatMap((name) => readFileSync(join(folder.path, name), "utf8").match(/event \d+$/gm) ?? []);
    const first = Number(told[0]!.slice(6));
    expect(first).toBeGreaterThan(0);
    expect(told).toEqual(Array.from({ length: 1_000 - first }, (_, i) => `event ${first + i}`));
  });

  test("on a full disk does not stop the chat", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "log"));
    symlinkSync("/dev/full", join(folder.path, "log", "app.log"));
    writeAccounts(folder.path, ["alice"]);
    const console: string[] = [];
    const chat = await startServer({ port: 0, data: folder.path, console: (line) => console.push(line) });
    const alice = await Wire.open(chat.port);
    await alice.login("alice");
    await alice.join("#lab");
    expect(await alice.ask({ type: "say", to: "#lab", text: "still here" })).toMatchObject({ seq: 1 });
    alice.close();
    await chat.stop();
    expect(console.join("")).toContain("alice signed in");
  });
});

describe("a server that cannot start says why in one sentence, and nothing is made or changed", () => {
  const garbage = Buffer.from("this is no database, whatever its name says\n".repeat(100));
  const damages: [string, (folder: string) => void, RegExp][] = [
    ["users.json is cut short", (folder) => truncateSync(join(folder, "users.json"), 9), /users.json is damaged \(/],
    ["chat.db is something else", (folder) => writeFileSync(join(folder, "chat.db"), garbage), /chat.db is damaged \(/],
    [
      "chat.db is overwritten in the middle",
      (folder) => {
        const bytes = readFileSync(join(folder, "chat.db"));
        bytes.fill(0xa5, 4096 + 100);
        writeFileSync(join(folder, "chat.db"), bytes);
      },
      /chat.db is damaged \(/,
    ],
    ["secret.key is damaged", (folder) => writeFileSync(join(folder, "secret.key"), "12\n"), /secret.key is damaged\./],
  ];
  test.each(damages)("%s", async (_, damage, sentence) => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    await (await startServer({ port: 0, data: folder.path })).stop();
    damage(folder.path);
    const before = contents(folder.path);
    const { code, stdout, stderr } = await server(folder.path);
    expect([code, stdout, stderr]).toEqual([4, "", expect.stringMatching(sentence)]);
    expect(stderr).toMatch(/^[^\n]+ The server did not start and changed nothing\.\n$/);
    expect(contents(folder.path)).toEqual(before);
  });

  test("a damaged users.json in a folder with nothing else", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "users.json"), "[]");
    expect((await server(folder.path)).code).toBe(4);
    expect(Object.keys(contents(folder.path))).toEqual([join(folder.path, "users.json")]);
  });

  test.each([
    ["--port", /^Port \d+ is already in use.*choose a port: bun server.ts --port \d+\n$/],
    ["--web-port", /^Port \d+ is already in use.*--web-port \d+, or go without the page: --no-web\n$/],
  ])("the port of %s is taken", async (option, sentence) => {
    using folder = temporaryFolder();
    using taken = Bun.listen({ hostname: "localhost", port: 0, socket: { data() {} } });
    const data = join(folder.path, "data");
    const { code, stdout, stderr } = await server(data, "--port", "0", option, String(taken.port));
    expect([code, stdout, stderr]).toEqual([3, "", expect.stringMatching(sentence)]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("another server uses the folder: told at once, and that one hears nothing of it", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    await using first = await spawnServer(folder.path); // a process of its own: a lock does not hold against oneself
    const before = contents(folder.path);
    const { code, stderr } = await server(folder.path);
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/chat.db is in use by another Banter server\. Stop that/),
    ]);
    expect(contents(folder.path)).toEqual(before);
    const alice = await Wire.open(first.port);
    expect((await alice.login("alice")).type).toBe("ok");
  });

  test.each([
    [["--prot", "1"], "Unknown option --prot. Did you mean --port? See bun server.ts --help\n"],
    [["--frobnicate"], "Unknown option --frobnicate. See bun server.ts --help\n"],
    [["--port", "x"], '--port must be a whole number from 0 to 65535, not "x".\n'],
    [["--port"], "--port needs a value. See bun server.ts --help\n"],
    [["--tls-cert", "a.pem"], "--tls-cert and --tls-key go together: give both, or --tls alone.\n"],
    [["--log-level", "loud"], '--log-level must be one of debug, info, warning, error, not "loud".\n'],
    [["chat"], 'Unexpected argument "chat".'],
  ])("the options %p", async (args, sentence) => {
    using folder = temporaryFolder();
    const { code, stdout, stderr } = await server(folder.path, ...args);
    expect([code, stdout, stderr.startsWith(sentence) ? sentence : stderr]).toEqual([2, "", sentence]);
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("a Bun that is too old", () => {
    for (const old of ["1.4.4", "1.3.9", "0.9.0", "1.4.4-canary.1+ab12"])
      expect(() => requireBun(old)).toThrow(`Banter needs Bun 1.4.5 or newer, and this is ${old}.`);
    for (const good of ["1.4.5", "1.4.6-canary.20+a7733435c", "1.10.0", "2.0.0", Bun.version]) requireBun(good);
  });
});
