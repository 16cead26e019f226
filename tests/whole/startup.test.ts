import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import { readOptions } from "../../server/options.ts";
import { StartError } from "../../server/startup.ts";
import { startServer } from "../../server.ts";
import { PASSWORD, PATIENCE, run, spawnServer, startTestServer, temporaryFolder, Wire } from "../kit/harness.ts";
import { works } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const SERVER = [process.execPath, "server.ts"];

describe("options", () => {
  test("flags before environment before defaults", () => {
    expect(readOptions([], {})).toEqual({ lan: false });
    const env = {
      ...{ BANTER_HOST: "::1", BANTER_PORT: "1", BANTER_WEB_PORT: "2", BANTER_DATA: "/d", BANTER_RATE: "3" },
      BANTER_LOG_LEVEL: "debug",
    };
    expect(readOptions([], env)).toEqual({
      ...{ lan: false, host: "::1", port: 1, webPort: 2, data: "/d", rate: 3, logLevel: "debug" },
    });
    const args = ["--host", "h", "--port=4", "--web-port", "5", "--data", "e", "--rate", "0", "--log-level", "error"];
    expect(readOptions(args, env)).toEqual({
      ...{ lan: false, host: "h", port: 4, webPort: 5, data: "e", rate: 0, logLevel: "error" },
    });
    expect(readOptions(["--no-web"], env)).toMatchObject({ webPort: false });
    expect(readOptions([], { BANTER_NO_WEB: "1" })).toMatchObject({ webPort: false });
    const both = { BANTER_PROXY_PROTOCOL: "10.0.0.5" };
    expect(readOptions([], both).balancers!.has("10.0.0.5")).toBeTrue();
    expect(readOptions(["--proxy-protocol", "fd00::/64"], both).balancers!.has("10.0.0.5")).toBeFalse();
    expect(readOptions(["--lan"], {})).toEqual({ lan: true, host: "0.0.0.0" });
    expect(readOptions(["--lan", "--host", "192.0.2.7"], {})).toEqual({ lan: true, host: "192.0.2.7" });
    expect(readOptions([], { BANTER_LAN: "true" })).toMatchObject({ lan: true });
  });

  test.each([
    [["--prot", "1"], {}, "--prot"],
    [["12345"], {}, "12345"],
    [["--port"], {}, "--port"],
    [["--port", "http"], {}, '--port must be a whole number from 0 to 65535, not "http".'],
    [["--port", "65536"], {}, '--port must be a whole number from 0 to 65535, not "65536".'],
    [["--port=-1"], {}, "--port must be"],
    [["--port", "1.5"], {}, "--port must be"],
    [[], { BANTER_PORT: "x" }, "BANTER_PORT must be"],
    [["--rate", "fast"], {}, "--rate must be"],
    [
      ["--proxy-protocol", "10.0.0.5, balancer.lan"],
      {},
      '--proxy-protocol must be addresses or networks of load balancers, separated by commas, such as 10.0.0.5,10.1.0.0/24; "balancer.lan" is none.',
    ],
    [
      [],
      { BANTER_PROXY_PROTOCOL: "0.0.0.0/0" },
      "BANTER_PROXY_PROTOCOL must be addresses or networks of load balancers",
    ],
    [["--log-level", "loud"], {}, '--log-level must be one of debug, info, warning, error, not "loud".'],
  ])("%j with %j is one sentence and exit code 2", (args, env, sentence) => {
    let problem: unknown;
    try {
      readOptions(args, env);
    } catch (thrown) {
      problem = thrown;
    }
    expect(problem).toBeInstanceOf(StartError);
    const { message, exitCode } = problem as StartError;
    expect([message.includes(sentence), message.includes("\n"), exitCode, message]).toEqual([true, false, 2, message]);
  });

  test("as a program: a wrong option is one sentence on stderr and exit code 2, --help is exit code 0", async () => {
    using folder = temporaryFolder();
    const [unknown, wrong, help] = await Promise.all([
      run([...SERVER, "--data", folder.path, "--prot", "1"]),
      run(["env", "BANTER_PORT=ninety", ...SERVER, "--data", folder.path]),
      run([...SERVER, "--help"]),
    ]);
    expect([unknown.code, unknown.stdout, unknown.stderr.split("\n").length]).toEqual([2, "", 2]);
    expect(wrong).toEqual({
      code: 2,
      stdout: "",
      stderr: 'BANTER_PORT must be a whole number from 0 to 65535, not "ninety".\n',
    });
    expect([help.code, help.stderr]).toEqual([0, ""]);
    for (const name of ["--host", "--port", "--lan", "--data", "--rate", "--log-level"])
      expect(help.stdout).toContain(name);
    expect(existsSync(join(folder.path, "chat.db"))).toBeFalse();
  });
});

describe("starting", () => {
  test("a port that is taken is exit code 3 and a sentence with a way out, and the data stays free", async () => {
    await using chat = await startTestServer();
    using folder = temporaryFolder();
    const { code, stderr } = await run([...SERVER, "--data", folder.path, "--port", String(chat.port), "--no-web"]);
    expect(code).toBe(3);
    expect(stderr).toStartWith(`Port ${chat.port} is already in use`);
    expect(stderr.trimEnd()).not.toContain("\n");

    const taken = startServer({ port: chat.port, webPort: false, data: folder.path });
    expect(await taken.catch((problem) => problem.exitCode)).toBe(3);
    await (await startServer({ port: 0, data: folder.path })).stop();
  });

  test("an address that is not this computer's is exit code 3 and names those that are", async () => {
    using folder = temporaryFolder();
    const problem = await startServer({ host: "192.0.2.7", port: 0, data: folder.path }).catch((problem) => problem);
    expect(problem.exitCode).toBe(3);
    expect(problem.message).toMatch(/192\.0\.2\.7.* Its addresses: localhost/);
  });

  test.each(["users.json", "chat.db"])(
    "a damaged %s is exit code 4 and one sentence, and it is left as it is",
    async (name) => {
      using folder = temporaryFolder();
      writeFileSync(join(folder.path, name), "this is not what it was\n");
      const { code, stderr } = await run([...SERVER, "--data", folder.path, "--port", "0", "--no-web"]);
      expect(code).toBe(4);
      expect(stderr).toStartWith(`${join(folder.path, name)} is damaged`);
      expect(stderr.trimEnd()).not.toContain("\n");
      expect(readFileSync(join(folder.path, name), "utf8")).toBe("this is not what it was\n");
    },
  );

  test("a folder that is not there yet is made, and everything is kept in it", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "new", "folder");
    await using server = await spawnServer(data);
    const alice = await Wire.open(server.port);
    expect(await alice.ask({ type: "register", user: "alice", password: PASSWORD })).toMatchObject({ type: "ok" });
    alice.close();
    for (const name of ["users.json", "chat.db", "secret.key", "log/app.log"])
      expect([name, existsSync(join(data, name))]).toEqual([name, true]);
    expect(server.output()).toContain("Join with: bun client.ts localhost:");
  });
});

describe("stopping", () => {
  test("stop hands over what waits, ends the connections, frees the port and the data, and may be called twice", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.typist("bob");
    for (let n = 0; n < 300; n++) alice.send({ type: "say", to: "#lab", text: `${n}` });
    await alice.next<Message>((frame) => frame.type === "message" && frame.seq === 300);

    await Promise.all([chat.server.stop(), chat.server.stop()]);
    await Promise.all([alice.ended, bob.ended]);
    expect(await alice.next("notice")).toMatchObject({ text: expect.stringContaining("stopping") });
    expect(bob.text).toEndWith("* The server is stopping. Come back in a moment.\n");
    await chat.restart();
    expect((await (await chat.signedIn("alice")).join("#lab", 0)).seq).toBe(300);
  });

  test("the log tells the story in order", async () => {
    await using chat = await startTestServer(["alice"]);
    const witness = await chat.wire();
    await (await chat.signedIn("alice")).ask({ type: "exit" });
    while (!chat.log().includes("disconnected")) await witness.ask({ type: "ping" });
    await chat.server.stop();

    const events = chat
      .log()
      .replace(/127\.0\.0\.1:\d+/g, "HERE")
      .split("\n");
    expect(events.map((line) => line.slice(26)).filter((event) => /alice|Server/.test(event))).toEqual([
      `INFO - Server listening localhost:${chat.port}`,
      "INFO - alice signed in from HERE",
      "INFO - alice (HERE) disconnected (left)",
      "INFO - Server stopping",
      "INFO - Server stopped",
    ]);
  });
});

test.if(works("strace", "-o", "/dev/null", "true"))(
  "each port is opened once, and nobody who connects while the server gets ready is turned away",
  async () => {
    using folder = temporaryFolder();
    const trace = join(folder.path, "trace");
    const wrapper = ["strace", "-f", "-o", trace, "-e", "trace=listen"];
    const strace = await spawnServer(join(folder.path, "data"), [], wrapper);
    const server = Number(readFileSync(`/proc/${strace.pid}/task/${strace.pid}/children`, "utf8"));
    process.kill(server, "SIGKILL"); // and strace ends with it, its file complete
    await strace.process.exited;
    expect(readFileSync(trace, "utf8").match(/ listen\(/g)).toHaveLength(2);
  },
);
