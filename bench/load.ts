// load.ts: processes. Builds the C programs, starts a server on a free port and its own folder, runs the load generator
// against it, and ends what it started. Pins the server to one core and the generator to another where that can be done.
// Knows no peer by name and prints nothing. Called by benchmark.ts, growth.ts, stored.ts and bystander.ts.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Kit, Peer } from "./peers.ts";

const START = 15_000; // ms a server may take to listen
const STOP = 5_000; // ms a server may take to stop by itself
const LEAVING = 10_000; // ms a server may take until it has closed the connections of those who have left
const ANSWERING = 500; // ms a server may take to answer, or the connection was one it will close
const SPARE = 8; // descriptors that a server may have opened since its start

/** What the generator prints, by name; see chatload.c. */
export type Figures = Record<string, number>;

export const pinned = Bun.which("taskset") !== null && availableParallelism() >= 2;
function pin(core: number): string[] {
  return pinned ? ["taskset", "-c", String(core)] : [];
}
/** As many descriptors as this user may have: a thousand clients need a thousand. */
const MANY_FILES = ["sh", "-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@"', "sh"];

export class Running implements AsyncDisposable {
  readonly port: number;
  readonly started: number; // ms from its start to the first connection
  readonly #child: Bun.Subprocess;
  readonly #descriptors: number; // at its start

  constructor(port: number, started: number, child: Bun.Subprocess) {
    this.port = port;
    this.started = started;
    this.#child = child;
    this.#descriptors = this.#open();
  }
  #open(): number {
    return process.platform === "linux" ? readdirSync(`/proc/${this.pid}/fd`).length : 0;
  }
  get pid(): number {
    return this.#child.pid;
  }
  get alive(): boolean {
    return this.#child.exitCode === null;
  }
  /** Resolves when the connections of those who have left are closed here too, and what that costs is over. */
  async empty(): Promise<void> {
    const began = performance.now();
    while (this.alive && this.#open() > this.#descriptors + SPARE) {
      if (performance.now() - began > LEAVING) throw new Error("it did not close the connections of those who left");
      await Bun.sleep(20);
    }
    await Bun.sleep(100);
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const stubborn = setTimeout(() => this.#child.kill("SIGKILL"), STOP);
    await this.#child.exited;
    clearTimeout(stubborn);
  }
}

/** Starts a peer in `folder` or a new one under `work`; on the servers' core, or on all of them. Throws what it said if it
 *  does not listen. */
export async function start(
  peer: Peer,
  kit: Kit,
  work: string,
  { folder, allCores = false }: { folder?: string | undefined; allCores?: boolean | undefined } = {},
): Promise<Running> {
  const home = folder ?? mkdtempSync(join(work, `${peer.name}-`));
  const core = allCores ? [] : pin(0);
  const port = freePort();
  const { command, cwd = home } = peer.start(port, home, kit);
  const log = join(work, `${peer.name}.log`);
  const began = performance.now();
  const child = Bun.spawn([...MANY_FILES, ...core, ...command], {
    ...{ cwd, stdin: "ignore", stdout: Bun.file(log), stderr: Bun.file(log) },
    ...{ signal: kit.cancelled, killSignal: "SIGKILL" },
  });
  while (!(await listens(port, peer.hello))) {
    if (child.exitCode === null && performance.now() - began < START) {
      await Bun.sleep(2);
      continue;
    }
    child.kill("SIGKILL");
    await child.exited;
    throw new Error(`${peer.title} did not start: ${readFileSync(log, "utf8").trim().slice(-300)}`);
  }
  return new Running(port, performance.now() - began, child);
}

/** Runs the generator against a server; throws what it said if there are no figures. */
export async function generate(generator: string, server: Running, options: string[]): Promise<Figures> {
  const command = [...pin(1), generator, "--port", String(server.port), "--pid", String(server.pid), ...options];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  if (stdout === "") throw new Error(stderr.trim().slice(0, 300) || `the generator ended with ${child.exitCode}`);
  const figures = JSON.parse(stdout);
  if (figures.stalled) throw new Error("nothing arrived for three seconds");
  if (figures.error !== undefined) throw new Error(`${figures.error} ${stderr.trim().slice(0, 200)}`.trim());
  return figures;
}

/** Compiles a C program; undefined without a compiler. Throws what the compiler said. */
export async function compile(name: string, sources: string[], work: string): Promise<string | undefined> {
  if (Bun.which("cc") === null) return undefined;
  mkdirSync(work, { recursive: true });
  const program = join(work, name);
  const child = Bun.spawn(["cc", "-O2", "-o", program, ...sources], { cwd: import.meta.dir, stderr: "pipe" });
  const problem = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`cc could not build ${name}: ${problem.slice(0, 500)}`);
  return program;
}

/** Installs what the npm peers need into a folder of its own. */
export async function installPackages(work: string): Promise<string> {
  const folder = join(work, "packages");
  mkdirSync(folder, { recursive: true });
  await Bun.write(join(folder, "package.json"), "{}\n");
  const names = ["ws@8", "socket.io@4", "@socket.io/bun-engine@0.1"];
  const child = Bun.spawn([process.execPath, "add", ...names], { cwd: folder, stdout: "ignore", stderr: "pipe" });
  const problem = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`the npm packages could not be installed: ${problem.slice(-500)}`);
  return folder;
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Whether a connection is taken; with `hello`, whether this line is answered. */
async function listens(port: number, hello?: string): Promise<boolean> {
  const { promise: answered, resolve } = Promise.withResolvers<boolean>();
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => resolve(true), close: () => resolve(false), error: () => resolve(false) },
    });
    if (hello !== undefined) socket.write(hello);
    const isUp = hello === undefined || (await Promise.race([answered, Bun.sleep(ANSWERING).then(() => false)]));
    socket.terminate();
    return isUp;
  } catch {
    return false;
  }
}
