import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { LIMITS } from "../../protocol.ts";
import type { Event, Request as Asked } from "../../protocol.ts";
import type { StartError } from "../../server.ts";
import { startServer } from "../../server.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, run, spawnServer, startTestServer, temporaryFolder } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** A WebSocket as a browser opens it, that lets a test ask for what came in order. */
class Browser {
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  readonly unread: string[] = [];
  #gone = false;
  #wake: (() => void) | undefined;
  #serial = 0;

  constructor(chat: { webPort: number }, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(`ws://localhost:${chat.webPort}/ws`, { headers } as unknown as string[]);
    this.socket.onmessage = ({ data }) => {
      this.unread.push(...String(data).split("\n").filter(Boolean));
      this.#wake?.();
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = ({ code }) => {
        this.#gone = true;
        this.#wake?.();
        resolve(code);
      };
    });
  }
  static async open(chat: { webPort: number }, headers: Record<string, string> = {}): Promise<Browser> {
    const browser = new Browser(chat, headers);
    await new Promise<void>((resolve, reject) => {
      browser.socket.onopen = () => resolve();
      void browser.closed.then(() => reject(new Error("refused")));
    });
    return browser;
  }
  send(frame: Asked | Record<string, unknown>): void {
    this.socket.send(JSON.stringify(frame));
  }
  async next(wanted: (frame: any) => boolean = () => true): Promise<any> {
    for (;;) {
      while (this.unread.length > 0) {
        const frame: Event = JSON.parse(this.unread.shift()!);
        if (wanted(frame)) return frame;
      }
      if (this.#gone) throw new Error("the WebSocket closed");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
  ask(request: Asked | Record<string, unknown>): Promise<any> {
    const id = `b-${++this.#serial}`;
    this.send({ ...request, id });
    return this.next((frame) => frame.id === id);
  }
}

function url(chat: TestServer, path: string): string {
  return `http://localhost:${chat.webPort}${path}`;
}
function post(chat: TestServer, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url(chat, path), {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}
/** An HTTP request byte for byte, for headers that `fetch` would not send. Resolves with the whole answer. */
function raw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (chunk) => (answer += chunk)).on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}
function upgrade(host: string, origin?: string): string {
  const from = origin === undefined ? "" : `Origin: ${origin}\r\n`;
  const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
  return `GET /ws HTTP/1.1\r\nHost: ${host}\r\n${from}Upgrade: websocket\r\nConnection: Upgrade\r\n${key}\r\n`;
}

test("Alice registers over HTTP, and her token signs her WebSocket in", async () => {
  await using chat = await startTestServer(["bob"]);
  const bob = await chat.signedIn("bob", "#lobby");

  const registered = await post(chat, "/register", { user: "Alice", password: PASSWORD });
  expect(registered.status).toBe(201);
  const { user, token } = (await registered.json()) as { user: string; token: string };
  expect(user).toBe("alice");
  const alice = await Browser.open(chat);
  expect(await alice.ask({ type: "login", user, token })).toMatchObject({ type: "ok", user: "alice", seq: 0 });
  await alice.ask({ type: "join", to: "#lobby" });
  const receipt = await alice.ask({ type: "say", to: "#lobby", text: "hi from a browser" });

  expect(await bob.next("message")).toEqual(receipt);
  bob.send({ type: "say", to: "#lobby", text: "hi from a terminal" });
  expect(await alice.next(({ from }) => from === "bob")).toMatchObject({ text: "hi from a terminal", seq: 2 });
});

test("sign-in over HTTP answers each wrong request with its status and one sentence", async () => {
  await using chat = await startTestServer(["bob"]);
  const status = async (path: string, body: unknown) => {
    const response = await post(chat, path, body);
    const { code } = response.status === 413 ? { code: undefined } : ((await response.json()) as { code?: string });
    return [response.status, code];
  };
  expect(await status("/login", { user: "bob", password: PASSWORD })).toEqual([200, undefined]);
  expect(await status("/login", "not json")).toEqual([400, "bad_request"]);
  expect(await status("/login", [])).toEqual([400, "bad_request"]);
  expect(await status("/login", "null")).toEqual([400, "bad_request"]);
  expect(await status("/login", { user: "bob" })).toEqual([400, "bad_request"]);
  expect(await status("/login", { user: 7, password: PASSWORD })).toEqual([400, "bad_request"]);
  expect(await status("/register", { user: "<b>", password: PASSWORD })).toEqual([400, "bad_name"]);
  expect(await status("/register", { user: "carol", password: "short" })).toEqual([400, "bad_password"]);
  expect(await status("/register", { user: "BOB", password: PASSWORD })).toEqual([409, "name_taken"]);
  expect(await status("/login", { user: "bob", password: "x".repeat(5000) })).toEqual([413, undefined]);
  expect(await status("/login", { user: "nobody", password: PASSWORD })).toEqual([401, "bad_login"]);
  for (let tries = 0; tries < 10; tries++)
    expect(await status("/login", { user: "bob", password: "wrong-word-1" })).toEqual([401, "bad_login"]);

  const throttled = await post(chat, "/login", { user: "bob", password: PASSWORD });
  expect(throttled.status).toBe(429);
  expect(Number(throttled.headers.get("retry-after"))).toBeGreaterThan(0);
  const wire = await chat.wire();
  expect(await wire.ask({ type: "login", user: "bob", password: PASSWORD })).toMatchObject({ code: "throttled" });
  expect((await fetch(url(chat, "/login"))).status).toBe(405);
  expect((await fetch(url(chat, "/nowhere"))).status).toBe(404);
});

test("the page is the repository's own files with their types stripped, small, and nothing else may run in it", async () => {
  await using chat = await startTestServer();
  const html = await (await fetch(url(chat, "/"))).text();
  expect(html).toContain("<noscript");
  expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\/|<script>|style="/);
  const modules = [...html.matchAll(/(?:href|src)="(\/[\w/]+\.ts)"/g)].map(([, path]) => path!);
  expect(modules).toContain("/protocol.ts");
  let [carried, unpacked] = [0, 0];
  for (const path of ["/", "/web/style.css", ...modules]) {
    const response = await fetch(url(chat, path));
    const source = await response.text();
    unpacked += source.length;
    carried += Number(response.headers.get("content-length"));
    const type = path.endsWith("ts") ? "text/javascript" : path === "/" ? "text/html" : "text/css";
    expect(response.headers.get("content-type")).toBe(`${type}; charset=utf-8`);
    for (const [, imported] of source.matchAll(/^(?:import|export)\b[^"]* from "([^"]+)"/gm))
      expect(modules).toContain(new URL(imported!, url(chat, path)).pathname); // all are fetched at once
    const policy = response.headers.get("content-security-policy");
    for (const rule of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"])
      expect(policy).toContain(rule);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("set-cookie")).toBeNull();
    expect(source).not.toContain("interface ");
    const again = await fetch(url(chat, path), { headers: { "If-None-Match": response.headers.get("etag")! } });
    expect(again.status).toBe(304);
  }
  expect(carried).toBeGreaterThan(10_000);
  expect(carried).toBeLessThan(32_000);
  expect(unpacked).toBeLessThan(90_000);
  const plain = await fetch(url(chat, "/"), { headers: { "Accept-Encoding": "identity" } });
  expect(plain.headers.get("content-encoding")).toBeNull();
  expect(await plain.text()).toBe(html);
});

test("a foreign page, a null origin and a name a stranger could point here get 403 and no connection", async () => {
  await using chat = await startTestServer(["alice"]);
  const { webPort } = chat;
  const answers = async (host: string, origin?: string) => {
    const answer = await raw(
      webPort,
      upgrade(host, origin).replace("Connection: Upgrade", "Connection: close, Upgrade"),
    );
    return answer.slice(9, 12);
  };
  const here = `localhost:${webPort}`;
  expect(await answers(here, "http://evil.example")).toBe("403");
  expect(await answers(here, "null")).toBe("403");
  expect(await answers(here, `http://localhost:${webPort + 1}`)).toBe("403");
  expect(await answers(here, `http://localhost.evil.example:${webPort}`)).toBe("403");
  expect(await answers("evil.example", "http://evil.example")).toBe("403");
  expect(await answers("evil.example")).toBe("403");
  expect(await answers("127.0.0.1.evil.example")).toBe("403");
  expect(await answers("a b")).not.toBe("101");
  const login = { user: "alice", password: PASSWORD };
  expect((await post(chat, "/login", login, { Origin: "http://evil.example" })).status).toBe(403);
  expect((await post(chat, "/login", login, { Origin: "null" })).status).toBe(403);
  expect((await post(chat, "/login", login, { Origin: `http://${here}` })).status).toBe(200);
  expect((await fetch(url(chat, "/metrics"), { headers: { Host: "evil.example" } })).status).toBe(403);
  const metrics = await (await fetch(url(chat, "/metrics"))).text();
  expect(metrics).toContain("banter_connections 0\n");
  await Browser.open(chat, { Origin: `http://${here}` });
});

test("a page served over https through a proxy may use its own name", async () => {
  await using chat = await startTestServer();
  await Browser.open(chat, { Origin: "https://chat.school.example", Host: "chat.school.example" });
  expect(await new Browser(chat, { Origin: "https://chat.school.example", Host: "evil.example" }).closed).not.toBe(
    1000,
  );
});

test("healthz and metrics tell how the server is; join shows where people come in", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await Browser.open(chat);
  await alice.ask({ type: "login", user: "alice", password: PASSWORD });
  await alice.ask({ type: "join", to: "#lobby" });
  const bob = await chat.signedIn("bob", "#lobby");
  await bob.ask({ type: "say", to: "#lobby", text: "hello" });

  expect(await (await fetch(url(chat, "/healthz"))).text()).toBe("ok\n");
  const metrics = await (await fetch(url(chat, "/metrics"))).text();
  for (const row of ["connections 2", "sessions 2", "users_online 2", "messages_total 1", "deliveries_total 2"])
    expect(metrics).toContain(`\nbanter_${row}\n`);
  for (const name of ["queued_bytes", "hashes_waiting", "slow_readers_total", "event_loop_delay_max_seconds"])
    expect(metrics).toMatch(new RegExp(`^banter_${name} [\\d.e-]+$`, "m"));
  expect(await (await fetch(url(chat, "/join"))).text()).toContain(`http://localhost:${chat.webPort}`);
});

test("one WebSocket message may hold several lines, and odd ones harm nobody", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await Browser.open(chat);
  alice.socket.send('{"type":"ping","id":"1"}\r\n\n{"type":"ping","id":"2"}\n{"type":"ping","id":"3"}');
  expect(await alice.next()).toEqual({ type: "ok", id: "1" });
  expect(await alice.next()).toEqual({ type: "ok", id: "2" });
  expect(await alice.next()).toEqual({ type: "ok", id: "3" });
  alice.socket.send("{");
  expect(await alice.next()).toMatchObject({ type: "error", code: "bad_request" });

  const binary = await Browser.open(chat);
  binary.socket.send(new Uint8Array([0x7b, 0xff]));
  expect(await binary.closed).toBe(1003);
  const stranger = await Browser.open(chat);
  stranger.send({ type: "ping", filler: "x".repeat(LIMITS.lineBeforeSignIn) });
  expect(await stranger.next()).toMatchObject({ code: "line_too_long" });
  const large = await Browser.open(chat);
  large.socket.send("x".repeat(LIMITS.line + 3));
  expect(await large.closed).not.toBe(1000);
  expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
});

test("a browser that does not read is cut off instead of getting a gap, and nobody else waits", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  const carol = await chat.signedIn("carol", "#lobby");
  const { promise: upgraded, resolve } = Promise.withResolvers<void>();
  const bob = connect(chat.webPort, "127.0.0.1", () => bob.write(upgrade(`localhost:${chat.webPort}`)));
  const masked = (line: string) => {
    const bytes = Buffer.from(line); // a client's frame: FIN + text, masked with zeros
    return Buffer.concat([Buffer.from([0x81, 0x80 | 126, bytes.length >> 8, bytes.length & 255, 0, 0, 0, 0]), bytes]);
  };
  let heard = "";
  bob.on("data", (chunk) => {
    heard += chunk;
    if (heard.includes("\r\n\r\n")) resolve();
    if (heard.includes('"to":"#lobby"')) bob.pause();
  });
  await upgraded;
  bob.write(masked(JSON.stringify({ type: "login", user: "bob", password: PASSWORD }).padEnd(200)));
  bob.write(masked(JSON.stringify({ type: "join", to: "#lobby" }).padEnd(200)));
  await carol.next((frame) => frame.type === "joined" && frame.to === "#lobby");

  const alice = await chat.signedIn("alice", "#lobby");
  const text = "x".repeat(3990);
  const gone = carol.next((frame) => frame.type === "left" && frame.users.includes("bob"));
  for (let left = false; !left;) {
    for (let i = 0; i < 50; i++) alice.send({ type: "say", to: "#lobby", text });
    left = !(await alice.ask({ type: "who", to: "#lobby" })).users.includes("bob");
  }
  await gone;
  expect(await (await fetch(url(chat, "/metrics"))).text()).toContain("banter_slow_readers_total 1\n");
  bob.destroy();
});

test("a WebSocket that does not sign in, or is silent, is let go", async () => {
  let now = Date.now();
  await using chat = await startTestServer(["alice"], { elapsed: () => now });
  const stranger = await Browser.open(chat);
  const alice = await Browser.open(chat);
  await alice.ask({ type: "login", user: "alice", password: PASSWORD });
  now += 31_000;
  chat.server.sweep();
  expect(await stranger.closed).toBe(1000);
  expect(await alice.next(({ type }) => type === "ping")).toEqual({ type: "ping" });
  now += 45_000;
  chat.server.sweep();
  expect(await alice.closed).toBe(1000);
});

test("stopping tells every browser, closes its connection and frees the port", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await Browser.open(chat);
  await alice.ask({ type: "login", user: "alice", password: PASSWORD });
  const { webPort } = chat;
  await chat.server.stop();
  expect(await alice.next(({ type }) => type === "notice")).toMatchObject({ type: "notice" });
  expect(await alice.closed).toBe(1000);
  Bun.serve({ hostname: "localhost", port: webPort, fetch: () => new Response() }).stop(true);
});

test("a browser that knocks at the chat's port is told where the page is", async () => {
  await using chat = await startTestServer();
  const answer = await (await fetch(`http://localhost:${chat.port}/`)).text();
  expect(answer).toContain(`http://localhost:${chat.webPort}`);
});

test("the page's port can be chosen, left out, and a wrong one is explained", async () => {
  await using chat = await startTestServer();
  using folder = temporaryFolder();
  const start = (webPort: number | false) => startServer({ port: 0, webPort, data: folder.path });
  const refusal = async (webPort: number) => start(webPort).catch((problem) => problem as StartError);
  expect(await refusal(chat.webPort)).toMatchObject({
    exitCode: 3,
    message: `Port ${chat.webPort} is already in use, perhaps by another Banter server. Stop that one, or choose a port: bun server.ts --web-port ${chat.webPort + 10}, or go without the page: --no-web`,
  });
  expect(await refusal(6667)).toMatchObject({
    exitCode: 2,
    message: "Browsers refuse to open port 6667. Use another --web-port, for example 12346.",
  });
  const without = await start(false);
  expect(without.webPort).toBeUndefined();
  await without.stop();

  await using child = await spawnServer(folder.path, ["--web-port", "0"]);
  const page = child.webPort;
  expect((await fetch(`http://localhost:${page}/healthz`)).status).toBe(200);
  await child.kill9();
  await using bare = await spawnServer(folder.path, ["--no-web"]);
  expect(bare.output()).not.toContain("Page listening");
  const taken = await run([
    process.execPath,
    "server.ts",
    "--port",
    "0",
    "--web-port",
    `${chat.webPort}`,
    "--data",
    folder.path + "/2",
  ]);
  expect(taken).toMatchObject({ code: 3 });
});
