// harness.ts: what scenes with Alice and Bob are made of: a server of their own in a temporary folder, wires to it that
// speak frames or lines, and the real programs as processes. Nothing here waits for a time; a `ping` … `ok` proves silence.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event, Message, Ok, Request } from "../../protocol.ts";
import type { Server, ServerOptions } from "../../server.ts";
import { startServer } from "../../server.ts";

const PORT_TRIES = 100;
const PORT_PAUSE = 50; // ms
/** For every test file to set as its tests' timeout, in ms; only a test that hangs gets there. */
export const PATIENCE = 60_000;

export const REPOSITORY = join(import.meta.dir, "../..");
export const PASSWORD = "pass-word-9";
/** A cheap hash of PASSWORD, so that only tests about hashing pay for it. */
const HASH = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 1024, timeCost: 1 });

/** A folder of one's own, gone at the end of the scope. */
export function temporaryFolder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "banter-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Writes users.json with these accounts, whose password is PASSWORD (and `password` its hash); `ms.lee*` is a host. */
export function writeAccounts(folder: string, names: readonly string[], password = HASH): void {
  mkdirSync(folder, { recursive: true });
  const entry = (name: string) =>
    name.endsWith("*") ? [name.slice(0, -1), { password, role: "host" }] : [name, { password }];
  const accounts = Object.fromEntries(names.map(entry));
  writeFileSync(join(folder, "users.json"), JSON.stringify(accounts));
}

/** A file that holds PASSWORD, for programs that read it from one. */
export function passwordFile(): { file: string } & Disposable {
  const folder = temporaryFolder();
  const file = join(folder.path, "password");
  writeFileSync(file, PASSWORD + "\n");
  return { file, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** What the log in this data folder says. */
export function readLog(data: string): string {
  return readFileSync(join(data, "log", "app.log"), "utf8");
}

/** A server in the process of the tests, and what it takes to talk to it. */
export interface TestServer extends AsyncDisposable {
  server: Server;
  port: number;
  webPort: number;
  data: string;
  /** What its log says so far. */
  log(): string;
  /** A wire that speaks frames, not signed in. */
  wire(): Promise<Wire>;
  /** A wire that speaks frames, signed in, and in `room` if one is given (its backlog read). */
  signedIn(user: string, room?: string): Promise<Wire>;
  /** A wire that speaks lines, signed in if a name is given (its greeting read). */
  typist(user?: string): Promise<Wire>;
  /** Stops this server and starts another on the same data and port; `between` may change the data. */
  restart(between?: () => void | Promise<void>): Promise<void>;
}

/** Starts a server in this process with these accounts. */
export async function startTestServer(names: readonly string[] = [], options: ServerOptions = {}): Promise<TestServer> {
  const folder = temporaryFolder();
  writeAccounts(folder.path, names);
  const start = (port = 0) => startServer({ port, webPort: 0, data: folder.path, rate: 0, ...options });
  let server = await start();
  const wires: Wire[] = [];
  const wire = async () => {
    const opened = await Wire.open(server.port);
    wires.push(opened);
    return opened;
  };
  return {
    get server() {
      return server;
    },
    get port() {
      return server.port;
    },
    get webPort() {
      return server.webPort!;
    },
    data: folder.path,
    log: () => readLog(folder.path),
    wire,
    async signedIn(user, room) {
      const opened = await wire();
      await opened.login(user);
      if (room !== undefined) await opened.join(room);
      return opened;
    },
    async typist(user) {
      const opened = await wire();
      if (user === undefined) return opened;
      opened.type(`login ${user} ${PASSWORD}`);
      await opened.line((line) => line.startsWith("* You are in lobby"));
      return opened;
    },
    async restart(between) {
      await server.stop();
      await between?.();
      server = await onFreePort(() => start(server.port));
    },
    async [Symbol.asyncDispose]() {
      for (const opened of wires) opened.close();
      await server.stop();
      folder[Symbol.dispose]();
    },
  };
}

/** Starts something on a port that was free a moment ago: a connection that goes out somewhere may have it for as long as it lasts. */
async function onFreePort<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++)
    try {
      return await start();
    } catch (problem) {
      if (!String(problem).includes("is already in use") || tries === PORT_TRIES) throw problem;
      await Bun.sleep(PORT_PAUSE);
    }
}

/** A raw connection: sends what it is told, keeps every line it gets, and lets a test ask for them in order. */
export class Wire {
  readonly socket: Bun.Socket;
  /** Lines not asked for yet. */
  unread: string[] = [];
  /** Every byte that came. */
  text = "";
  readonly ended: Promise<void>;
  #ended = false;
  readonly #prefix = crypto.randomUUID().slice(0, 8); // an id is unique for its account for ever, and an account may have many wires
  #serial = 0;
  #rest = "";
  #wake: (() => void) | undefined;
  #queue: Uint8Array[] = [];

  private constructor(socket: Bun.Socket, ended: Promise<void>) {
    this.socket = socket;
    this.ended = ended;
  }

  static async open(port: number, host = "127.0.0.1"): Promise<Wire> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const decoder = new TextDecoder();
    let wire: Wire;
    const socket = await Bun.connect({
      hostname: host,
      port,
      allowHalfOpen: true,
      socket: {
        open: (opened) => void (wire = new Wire(opened, ended)),
        data: (_, chunk) => wire.#take(decoder.decode(chunk, { stream: true })),
        drain: () => wire.#pump(),
        end: (ended) => {
          wire.#finish(resolve);
          ended.end();
        },
        close: () => wire.#finish(resolve),
        error: () => wire.#finish(resolve),
      },
    });
    wire = wire! ?? new Wire(socket, ended);
    return wire;
  }

  #take(text: string): void {
    this.text += text;
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    this.unread.push(...lines);
    this.#wake?.();
  }
  #finish(resolve: () => void): void {
    this.#ended = true;
    resolve();
    this.#wake?.();
  }
  #pump(): void {
    while (this.#queue.length > 0) {
      const bytes = this.#queue[0]!;
      const taken = this.socket.write(bytes);
      if (taken < 0) return;
      if (taken < bytes.length) return void (this.#queue[0] = bytes.subarray(taken));
      this.#queue.shift();
    }
  }

  /** Bytes that the other side has not taken yet. */
  get unsent(): number {
    return this.#queue.reduce((sum, { length }) => sum + length, 0);
  }

  /** Sends bytes as they are. */
  raw(bytes: Uint8Array | string): void {
    this.#queue.push(Buffer.from(bytes as Uint8Array));
    if (this.#queue.length === 1) this.#pump();
  }
  /** Sends one line of text. */
  type(line: string): void {
    this.raw(line + "\n");
  }
  /** Sends a frame as it is. */
  send(frame: Request | Record<string, unknown>): void {
    this.raw(JSON.stringify(frame) + "\n");
  }

  /** The next line that `wanted` accepts; those before it are dropped. Rejects when the connection ends first. */
  async line(wanted: (line: string) => boolean = () => true): Promise<string> {
    for (;;) {
      while (this.unread.length > 0) {
        const line = this.unread.shift()!;
        if (wanted(line)) return line;
      }
      if (this.#ended) throw new Error(`the connection ended; it had said: ${JSON.stringify(this.text.slice(-500))}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The next frame that is of this type, or that `wanted` accepts; those before it are dropped. */
  async next<T extends Event = Event>(wanted?: T["type"] | ((frame: Event) => boolean)): Promise<T> {
    const accept = typeof wanted === "function" ? wanted : (frame: Event) => !wanted || frame.type === wanted;
    return JSON.parse(await this.line((line) => line.startsWith("{") && accept(JSON.parse(line))));
  }

  /** Sends a request and returns its one answer; other frames that come first are dropped. */
  async ask(request: Request | Record<string, unknown>): Promise<any> {
    const id = String(request.id ?? `${this.#prefix}-${++this.#serial}`);
    this.send({ ...request, id });
    return this.next((frame) => "id" in frame && frame.id === id);
  }

  async login(user: string, more: Record<string, unknown> = {}): Promise<Ok> {
    const answer = await this.ask({ type: "login", user, password: PASSWORD, ...more });
    if (answer.type !== "ok") throw new Error(`login was refused: ${JSON.stringify(answer)}`);
    return answer;
  }
  /** Joins a room; the messages that follow are read by `quiet`. */
  async join(to: string, since?: number): Promise<Ok & { backlog: Message[] }> {
    const answer = await this.ask({ type: "join", to, ...(since !== undefined && { since }) });
    if (answer.type !== "ok") throw new Error(`join was refused: ${JSON.stringify(answer)}`);
    return { ...answer, backlog: (await this.quiet()).filter(({ type }) => type === "message") };
  }

  /** Says these texts, as fast as they are taken; resolves when all are stored. */
  async say(to: string, ...texts: string[]): Promise<void> {
    for (const text of texts) this.send({ type: "say", to, text });
    await this.quiet();
  }

  /** Waits until it is told that somebody came or went, which is a little later; what comes before that is dropped. */
  hears(user: string, type: "joined" | "left", to = "*"): Promise<Event> {
    return this.next((frame) => frame.type === type && frame.to === to && frame.users.includes(user));
  }

  /** Everything that came and was not asked for, after a `ping` … `ok` has proved that nothing more is on the way. */
  async quiet(): Promise<any[]> {
    const id = `quiet-${++this.#serial}`;
    this.send({ type: "ping", id });
    const frames: Event[] = [];
    for (;;) {
      const frame = await this.next();
      if ("id" in frame && frame.id === id) return frames;
      if (frame.type !== "ping") frames.push(frame); // asked of who was silent: this machine is busy
    }
  }
  /** The same for lines: an unknown command is answered by a line of its own. */
  async quietLines(): Promise<string[]> {
    const mark = `zz${++this.#serial}zz`;
    this.type(`/${mark}`);
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line.includes(mark)) return lines;
      lines.push(line);
    }
  }

  /** Says that nothing more will be sent, and still reads. */
  halfClose(): void {
    this.socket.shutdown();
  }
  /** Ends with a reset. */
  reset(): void {
    this.socket.terminate();
  }
  close(): void {
    this.socket.end();
  }
}

export interface Process extends AsyncDisposable {
  port: number;
  /** Of the page; 0 if there is none. */
  webPort: number;
  pid: number;
  process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  output(): string;
  /** What its log says so far. */
  log(): string;
  /** Ends it without a warning, as a power cut of this one process. */
  kill9(): Promise<void>;
}

/** Starts `bun server.ts` as a process of its own; resolves when it listens. */
export async function spawnServer(
  data: string,
  args: readonly string[] = [],
  wrapper: string[] = [],
): Promise<Process> {
  const command = [
    ...wrapper,
    process.execPath,
    "server.ts",
    "--port",
    "0",
    "--web-port",
    "0",
    "--data",
    data,
    ...args,
  ];
  const child = Bun.spawn(command, { cwd: REPOSITORY, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let output = "";
  let [port, webPort] = [0, 0];
  const decoder = new TextDecoder();
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) {
      output += decoder.decode(chunk);
      const found = /Server listening [^\s]*?:(\d+)/.exec(output);
      if (found) {
        port = Number(found[1]);
        webPort = Number(/Page listening [^\s]*?:(\d+)/.exec(output)?.[1] ?? 0);
        resolve();
      }
    }
  };
  void read(child.stdout);
  void read(child.stderr);
  void child.exited.then((code) => reject(new Error(`the server ended with ${code}: ${output}`)));
  await listening;
  return {
    port,
    webPort,
    pid: child.pid,
    process: child,
    output: () => output,
    log: () => readLog(data),
    async kill9() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Runs one of the programs to its end, with this on its standard input and more of an environment. */
export async function run(
  command: readonly string[],
  input = "",
  more: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, ...more };
  const stdin = Buffer.from(input);
  const child = Bun.spawn([...command], { cwd: REPOSITORY, env, stdin, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, stdout, stderr };
}
