// copy.ts: what a reader of the documents has: the programs in a folder of their own, and a shell. Commands are run as they are
// written, but on free ports.

import { expect } from "bun:test";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PASSWORD, REPOSITORY, temporaryFolder, Wire, writeAccounts } from "./harness.ts";

/** A folder with what a reader has of the programs, in which commands are run as they are written, but on free ports. */
export class Copy implements AsyncDisposable {
  readonly #folder = temporaryFolder();
  readonly path = join(this.#folder.path, "banter");
  readonly #programs = join(this.#folder.path, "bin");
  readonly #started: Bun.Subprocess[] = [];
  output = ""; // of the server that was started last
  port = 0;
  webPort = 0;

  constructor(accounts?: string) {
    mkdirSync(this.#programs);
    symlinkSync(process.execPath, join(this.#programs, "bun"));
    for (const name of readdirSync(REPOSITORY).filter((name) =>
      /\.ts$|^(server|client|shared|web)$|^package\.json$/.test(name),
    ))
      cpSync(join(REPOSITORY, name), join(this.path, name), { recursive: true });
    writeFileSync(join(this.path, "secret.txt"), PASSWORD + "\n");
    if (accounts !== undefined) writeAccounts(join(this.path, accounts), ["alice", "bob"]);
  }

  /** Starts a command in a process group of its own, which ends with this folder. */
  spawn(command: string, env: Record<string, string> = {}) {
    const filled = command
      .replace(/npx --yes bun@[\d.]+/, "bun")
      .replace(/bun client\.ts(?= --)/, `bun client.ts localhost:${this.port}`)
      .replaceAll("localhost 12345", `localhost ${this.port}`)
      .replaceAll("localhost:12346", `localhost:${this.webPort}`)
      .replace("sleep 1;", "sleep 0.1;");
    const child = Bun.spawn(["sh", "-c", filled], {
      cwd: this.path,
      env: { ...process.env, NO_COLOR: "1", PATH: `${this.#programs}:${process.env.PATH}`, ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    this.#started.push(child);
    return child;
  }

  /** Runs a command to its end, with this on its standard input; what it printed. It must succeed, with these `problems`. */
  async run(command: string, input = "", problems = ""): Promise<string> {
    const child = this.spawn(command);
    child.stdin.write(input);
    child.stdin.end();
    const [out, told] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect([command, await child.exited, told]).toEqual([command, 0, problems]);
    return out;
  }

  /** Starts a server by this command, on the ports of the last one or on free ones; resolves when it listens. */
  async start(command: string, env: Record<string, string> = {}): Promise<ReturnType<Copy["spawn"]>> {
    const ports = { BANTER_PORT: String(this.port), BANTER_WEB_PORT: String(this.webPort) };
    const server = this.spawn(`exec ${command}`, { ...ports, ...env });
    const decoder = new TextDecoder();
    this.output = "";
    for await (const chunk of server.stdout)
      if ((this.output += decoder.decode(chunk, { stream: true })).includes("Stop:")) break;
    const [, page, port] = /Page listening \S+:(\d+)[\s\S]*Server listening \S+:(\d+)/.exec(this.output)!;
    [this.port, this.webPort] = [Number(port), Number(page)];
    return server;
  }
  async stop(server: ReturnType<Copy["spawn"]>): Promise<void> {
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  }

  async wire(user = "bob"): Promise<Wire> {
    const wire = await Wire.open(this.port);
    await wire.login(user);
    await wire.join("#lobby");
    return wire;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.#started)
      try {
        process.kill(-pid, "SIGKILL");
      } catch {
        // It has ended, and all it started has.
      }
    await Promise.all(this.#started.map(({ exited }) => exited));
    this.#folder[Symbol.dispose]();
  }
}
