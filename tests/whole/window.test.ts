import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { startServer } from "../../server.ts";
import { PATIENCE, readLog, REPOSITORY, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { HAS_TERMINAL, sit } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const STOPPING = { type: "notice", text: "The server is stopping. Come back in a moment." };

/** The command of a server, for a shell. */
const server = (data: string) => `'${process.execPath}' server.ts --port 0 --no-web --data '${data}'`;
/** The port of a server that has printed this; undefined until it listens and handles signals. */
const portIn = (printed: string) =>
  printed.includes("Stop:") ? Number(/Server listening \S+:(\d+)/.exec(printed)![1]) : undefined;

async function signedIn(port: number): Promise<Wire> {
  const alice = await Wire.open(port);
  await alice.login("alice");
  return alice;
}

describe.if(HAS_TERMINAL)("a server in a window that is closed", () => {
  test.each([
    ["whose output is the window", (command: string) => command, ""],
    ["whose output goes to a file", (command: string) => `${command} > "$OUT"`, "out"],
  ])("%s tells everybody and stops", async (_, redirected, file) => {
    using folder = temporaryFolder();
    const data = join(folder.path, "data");
    const out = join(folder.path, "out");
    writeAccounts(data, ["alice"]);
    await using seat = sit(["sh", "-c", `exec ${redirected(server(data))}`], { env: { OUT: out } });
    if (file === "") await seat.until("Stop:");
    else while (!existsSync(out) || portIn(readFileSync(out, "utf8")) === undefined) await new Promise(setImmediate);
    const alice = await signedIn(portIn(file === "" ? seat.output() : readFileSync(out, "utf8"))!);
    seat.process.terminal!.close();
    expect(await alice.next("notice")).toMatchObject(STOPPING);
    alice.close();
    expect(await seat.process.exited).toBe(0);
    expect(readLog(data)).toEndWith(" - INFO - Server stopped\n");
  });

  test("SIGHUP again and again does not cut the stop short", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    await using seat = sit(["sh", "-c", `exec ${server(folder.path)}`]);
    await seat.until("Stop:");
    let told = "";
    const slow = connect({ port: portIn(seat.output())!, host: "127.0.0.1", allowHalfOpen: true });
    const hears = async (words: string) => {
      while (!told.includes(words)) await new Promise((resolve) => slow.once("data", resolve));
    };
    slow.on("data", (chunk) => (told += chunk)).on("error", () => {});
    await hears("Welcome to Banter");
    seat.process.kill("SIGHUP"); // the system sends one, and so does the shell
    await hears(STOPPING.text);
    seat.process.kill("SIGHUP"); // while the server waits for the other side to end
    expect(await seat.exited).toBe(0);
    slow.destroy();
    expect(readLog(folder.path)).toEndWith(" - INFO - Server stopped\n");
  });
});

test.if(has("tmux"))("tmux that is killed takes the server in it along, and its data is free", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data");
  writeAccounts(data, ["alice"]);
  const socket = join(folder.path, "tmux");
  const tmux = (...args: string[]) => Bun.spawnSync(["tmux", "-S", socket, "-f", "/dev/null", ...args]);
  // The shell stays, as a person's does.
  tmux("new-session", "-d", "-x", "80", "-y", "24", "-c", REPOSITORY, `${server(data)}; exec sh`);
  const screen = () => tmux("capture-pane", "-p", "-J").stdout.toString();
  while (portIn(screen()) === undefined) await new Promise(setImmediate);
  const alice = await signedIn(portIn(screen())!);
  tmux("kill-server");
  expect(await alice.next("notice")).toMatchObject(STOPPING);
  alice.close();
  while (!readLog(data).endsWith("Server stopped\n")) await new Promise(setImmediate);
  await (await startServer({ port: 0, webPort: false, data })).stop();
});
