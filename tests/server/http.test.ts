import { expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import type { StartError } from "../../server.ts";
import { startServer } from "../../server.ts";
import { LINGER } from "../../server/transport.ts";
import { Browser, upgrade } from "../kit/browser.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, spawnServer, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { join } from "node:path";

setDefaultTimeout(PATIENCE);

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

test("requests that come in one packet are answered one after the other, and a head that is too long is told so", async () => {
  await using chat = await startTestServer();
  const asked = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;
  const paths = Array.from({ length: 500 }, (_, n) => (n % 3 === 0 ? "/healthz" : `/nothing-${n}`));
  const last = asked("/healthz", "Connection: close\r\n");
  const answers = await raw(chat.webPort, paths.map((path) => asked(path)).join("") + last);
  const statuses = Array.from(answers.matchAll(/^HTTP\/1\.1 (\d+)/gm), ([, status]) => Number(status));
  expect(statuses).toEqual([...paths.map((path) => (path === "/healthz" ? 200 : 404)), 200]);

  expect(await raw(chat.webPort, asked("/", `X: ${"x".repeat(17_000)}\r\n`))).toStartWith("HTTP/1.1 431 ");
  expect(await raw(chat.webPort, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n")).toStartWith("HTTP/1.1 400 ");
  expect(await raw(chat.webPort, "hello\r\n\r\n")).toStartWith("HTTP/1.1 400 Bad Request\r\n");
  const upgrade = "Connection: close, Upgrade\r\nUpgrade: h2c\r\n";
  expect(await raw(chat.webPort, asked("/healthz", upgrade))).toEndWith("\r\n\r\nok\n");
});

test("the page is three small files made of the repository's own, and nothing else may run in it", async () => {
  await using chat = await startTestServer();
  const html = await (await fetch(url(chat, "/"))).text();
  expect(html).toContain("<noscript");
  expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\/|<script>|style="/);
  const parts = [...html.matchAll(/(?:rel="stylesheet" href|src)="([^"]+)"/g)].map(([, path]) => path!);
  expect(parts).toEqual(["/style.css", "/page.js"]);
  const carried: number[] = [];
  for (const [path, type] of [
    ["/", "text/html; charset=utf-8"],
    ["/style.css", "text/css; charset=utf-8"],
    ["/page.js", "text/javascript; charset=utf-8"],
  ] as const) {
    const response = await fetch(url(chat, path));
    carried.push(Number(response.headers.get("content-length")));
    expect(response.headers.get("content-type")).toBe(type);
    const policy = response.headers.get("content-security-policy");
    for (const rule of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"])
      expect(policy).toContain(rule);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("x-frame-options")).toBe("DENY");
    expect(response.headers.get("set-cookie")).toBeNull();
    const again = await fetch(url(chat, path), { headers: { "If-None-Match": response.headers.get("etag")! } });
    expect(again.status).toBe(304);
  }
  for (const size of carried) expect(size).toBeGreaterThan(1_000);
  expect(carried.reduce((sum, size) => sum + size)).toBeLessThan(40_000);
  const plain = await fetch(url(chat, "/"), { headers: { "Accept-Encoding": "identity" } });
  expect(plain.headers.get("content-encoding")).toBeNull();
  expect(await plain.text()).toBe(html);
});

test("a browser's debugger shows the page's sources, comments and types and all", async () => {
  await using chat = await startTestServer();
  const script = await (await fetch(url(chat, "/page.js"))).text();
  const map = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(script)![1]!;
  const { sources, sourcesContent } = await (await fetch(new URL(map, url(chat, "/page.js")))).json();
  for (const file of ["protocol.ts", "shared/connection.ts", "web/page.ts", "web/view.ts"]) {
    const place = sources.findIndex((source: string) => source.endsWith(`/${file}`));
    expect(sourcesContent[place]).toBe(await Bun.file(join(REPOSITORY, file)).text());
  }
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
  const page = await (await fetch(url(chat, "/join"))).text();
  expect(page).toContain(`http://localhost:${chat.webPort}`);
  expect(page).not.toContain("<svg"); // a phone that reads it would look for the chat on itself
});

test("a phone finds an icon and a name for its home screen; all that comes later is served as safely as the page", async () => {
  await using chat = await startTestServer();
  const html = await (await fetch(url(chat, "/"))).text();
  const policy = (await fetch(url(chat, "/"))).headers.get("content-security-policy");
  const links = [...html.matchAll(/rel="(manifest|apple-touch-icon)" href="([^"]+)"/g)].map(([, rel, path]) => [
    rel,
    path!,
  ]);
  expect(Object.fromEntries(links)).toEqual({ manifest: "/manifest.json", "apple-touch-icon": "/icon.png" });
  const [manifest, icon] = [await fetch(url(chat, "/manifest.json")), await fetch(url(chat, "/icon.png"))];
  const [dialogs, projector] = [await fetch(url(chat, "/dialogs.js")), await fetch(url(chat, "/projector.css"))];
  for (const { headers } of [manifest, icon, dialogs, projector]) {
    expect(headers.get("content-security-policy")).toBe(policy);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
  }
  expect(policy).toContain("manifest-src 'self'");
  expect(manifest.headers.get("content-type")).toBe("application/manifest+json");
  const { name, start_url, display, icons } = await manifest.json();
  expect({ name, start_url, display }).toEqual({ name: "Banter", start_url: "/", display: "standalone" });
  expect(icons).toMatchObject([{ src: "/icon.png", sizes: "180x180", type: "image/png" }]);
  expect(icon.headers.get("content-type")).toBe("image/png");
  const picture = Buffer.from(await icon.arrayBuffer());
  expect(picture.equals(await Bun.file(join(REPOSITORY, "web/icon.png")).bytes())).toBe(true);
  expect([picture.toString("latin1", 1, 4), picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([
    "PNG",
    180,
    180,
  ]);
  expect(picture.length).toBeLessThan(3_000);
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

test("a stop does not wait for the connections that a browser keeps for its next request", async () => {
  await using chat = await startTestServer();
  const browser = connect({ port: chat.webPort, host: "127.0.0.1", allowHalfOpen: true }); // never closes by itself
  browser.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(browser, "data");
  const lingering = Promise.withResolvers<string>();
  const timer = setTimeout(() => lingering.resolve("waited"), LINGER);
  expect(await Promise.race([chat.server.stop().then(() => "stopped"), lingering.promise])).toBe("stopped");
  clearTimeout(timer);
  browser.destroy();
});
