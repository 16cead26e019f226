// http.ts: the HTTP door. Hands out the page, signs people in, lets WebSockets in, tells how the server is, and keeps the
// pages of other sites out. What happens on a WebSocket is websocket.ts's business. Called by server.ts.

import { hostname as nameOfThisComputer } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { readAssets } from "./assets.ts" with { type: "macro" };
import type { Door } from "./door.ts";
import { networkOf } from "./door.ts";
import type { ErrorCode, Refusal } from "../protocol.ts";
import { failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Origin } from "./requests.ts";
import { login, register } from "./requests.ts";
import type { Certificate } from "./certificate.ts";
import type { Guest } from "./websocket.ts";
import { handlers } from "./websocket.ts";

/** Nothing but our own files, no page around ours, no word about where a link was clicked. */
const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** What the browser gets: the repository's own files by their paths there, TypeScript with its types stripped. */
const ASSETS = readAssets();
const TYPES: Record<string, string> = { html: "text/html", css: "text/css", ts: "text/javascript" };

const STATUS: Partial<Record<ErrorCode, number>> = {
  bad_login: 401,
  name_taken: 409,
  throttled: 429,
  busy: 503,
  unavailable: 503,
};

export interface WebListener {
  readonly port: number;
  /** Listens with another certificate; open connections keep theirs. */
  renew(certificate: Certificate): void;
  /** Takes no new connection; those that are open stay. */
  stop(): void;
  /** Ends what is still open. */
  close(): Promise<void>;
}

type HttpServer = Bun.Server<Guest>;

/** Listens. `addresses`: how people reach the page, for the projector. Throws what Bun throws when it cannot. */
export function listenWeb(
  hostname: string,
  port: number,
  door: Door,
  addresses: () => string[],
  certificate?: Certificate,
): WebListener {
  const files = new Map(Object.entries(ASSETS).map(([path, source]) => [urlOf(path), prepare(path, source)]));
  const delay = monitorEventLoopDelay({ resolution: 100 }); // ms
  delay.enable();
  let stopping = false;

  const answer = (request: Request, server: HttpServer): Response | Promise<Response> | undefined => {
    const path = URL.parse(request.url)?.pathname ?? "";
    const file = files.get(path);
    const method = file || ["/join", "/healthz", "/metrics", "/ws"].includes(path) ? "GET" : "POST";
    if (file === undefined && method === "POST" && path !== "/login" && path !== "/register")
      return text(404, "There is nothing here. The chat page is at /\n");
    if (request.method !== method && !(method === "GET" && request.method === "HEAD"))
      return text(405, `This address takes ${method} only.\n`, { Allow: method });
    if (file !== undefined) return file(request);
    // The page itself is no secret. All else answers only to those who are here under a name of this computer.
    if (isForeign(request, hostname))
      return text(403, "This was asked by a page of another site, or under a name this server does not know.\n");
    switch (path) {
      case "/join":
        return reply(200, "text/html", projector(addresses()));
      case "/healthz":
        return stopping ? text(503, "stopping\n") : text(200, "ok\n");
      case "/metrics":
        return text(200, metrics(door, delay));
      case "/ws":
        return upgrade(request, server, stopping);
      default:
        return signIn(request, path === "/register" ? "register" : "login", door, comesFrom(request, server));
    }
  };

  const serve = (at: number, using: Certificate | undefined): HttpServer =>
    Bun.serve<Guest>({
      hostname,
      port: at,
      ...(using && { tls: { cert: using.cert, key: using.key } }),
      development: false,
      reusePort: false, // Bun sets it where `development` is false, and then two servers would share a port unnoticed
      maxRequestBodySize: LIMITS.lineBeforeSignIn,
      fetch: answer,
      error(problem) {
        door.services.log.error("A web request met a bug", problem);
        return text(500, "Something went wrong in the server.\n");
      },
      websocket: handlers(door),
    });
  let server = serve(port, certificate);
  const retired = new Set<HttpServer>(); // they take no new connection, but their WebSockets live on
  return {
    port: server.port!,
    renew(next) {
      const before = server;
      retired.add(before);
      void before.stop().then(() => retired.delete(before));
      server = serve(before.port!, next);
    },
    stop() {
      stopping = true;
    },
    async close() {
      delay.disable();
      await Promise.all([server, ...retired].map((one) => one.stop(true)));
    },
  };
}

// ---- requests -----------------------------------------------------------------------------------------------------

function upgrade(request: Request, server: HttpServer, stopping: boolean): Response | undefined {
  if (stopping) return text(503, "The server is stopping. Come back in a moment.\n");
  const data = { ...comesFrom(request, server), visit: undefined };
  return server.upgrade(request, { data }) ? undefined : text(426, "This address speaks WebSocket.\n");
}

function comesFrom(request: Request, server: HttpServer): Origin {
  const { address = "unknown", port = 0 } = server.requestIP(request) ?? {};
  return { address: `${address}:${port}`, network: networkOf(address) };
}

/** `POST /register` and `POST /login`: `{"user","password"}` to `{"user","token"}`; a refusal is an `error` frame. */
async function signIn(request: Request, verb: "register" | "login", door: Door, from: Origin): Promise<Response> {
  const refuse = (refusal: Refusal) =>
    reply(STATUS[refusal.code] ?? 400, "application/json", JSON.stringify(failure(refusal)) + "\n", {
      ...(refusal.after !== undefined && { "Retry-After": String(refusal.after) }),
    });
  const body: unknown = await request.json().catch(() => undefined);
  const { user, password } = Object(body);
  if (typeof user !== "string" || typeof password !== "string")
    return refuse({ code: "bad_request", text: 'Send {"user": "…", "password": "…"} as JSON. Nothing was done.' });
  const result =
    verb === "register"
      ? await register(door.services, user, password, from)
      : await login(door.services, user, { password }, from);
  if (isRefusal(result)) return refuse(result);
  return reply(verb === "register" ? 201 : 200, "application/json", JSON.stringify(result) + "\n");
}

/** Whether a browser was sent here by a page of another site: its Origin is not ours, or the name it knows us by could be
 *  one that a stranger points at this address (DNS rebinding). An https page vouches for its name by its certificate. */
function isForeign(request: Request, host: string): boolean {
  const origin = request.headers.get("origin");
  const asked = URL.parse(`http://${request.headers.get("host")}`);
  if (asked === null) return true;
  if (origin !== null) {
    const from = URL.parse(origin);
    if (from === null || from.host !== URL.parse(`${from.protocol}//${request.headers.get("host")}`)?.host) return true;
    if (from.protocol === "https:") return false;
  }
  const name = asked.hostname.toLowerCase();
  const isAddress = name.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(name);
  const isLocal = !name.includes(".") || /\.(local|localhost|lan|internal|home\.arpa)$/.test(name);
  return !(isAddress || isLocal || name === host.toLowerCase() || name === nameOfThisComputer().toLowerCase());
}

// ---- answers ------------------------------------------------------------------------------------------------------

function reply(status: number, type: string, body: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    status,
    headers: { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-store", ...HEADERS, ...headers },
  });
}

function text(status: number, body: string, headers?: Record<string, string>): Response {
  return reply(status, "text/plain", body, headers);
}

/** A file's path in the repository is its URL; the page itself is `/`. */
function urlOf(path: string): string {
  return path === "web/index.html" ? "/" : `/${path}`;
}

/** Makes one of the page's files ready once; the browser keeps its copy and asks only whether it is still right. */
function prepare(path: string, source: string): (request: Request) => Response {
  const extension = path.slice(path.lastIndexOf(".") + 1);
  const plain = Buffer.from(extension === "ts" ? stripper.transformSync(source) : source);
  const packed = Bun.gzipSync(plain);
  const tag = `"${Bun.hash(plain).toString(36)}"`;
  const headers = { ...HEADERS, ETag: tag, "Cache-Control": "no-cache", Vary: "Accept-Encoding" };
  const type = { "Content-Type": `${TYPES[extension]}; charset=utf-8` };
  return ({ headers: asked }) => {
    if (asked.get("if-none-match") === tag) return new Response(null, { status: 304, headers });
    if (!asked.get("accept-encoding")?.includes("gzip"))
      return new Response(plain, { headers: { ...headers, ...type } });
    return new Response(packed, { headers: { ...headers, ...type, "Content-Encoding": "gzip" } });
  };
}
const stripper = new Bun.Transpiler({ loader: "ts", target: "browser" });

/** A page for the projector: where everybody may join, in letters for the last row. */
function projector(addresses: string[]): string {
  const links = addresses.map((address) => `<li><a href="${Bun.escapeHTML(address)}">${Bun.escapeHTML(address)}</a>`);
  const isAlone = addresses.every((address) => /^http:\/\/(localhost|127\.[\d.]+|\[::1\]):/.test(address));
  const hint = isAlone
    ? "So far only this computer can. To let everybody in, start the server with <code>--lan</code>."
    : "Choose a name and a password of 8 or more characters. Nothing to install.";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Join the chat</title>
<link rel="stylesheet" href="/web/style.css">
<link rel="icon" href="data:,">
<body class="projector">
<main>
<h1>Join the chat</h1>
<p>Open this in a browser, on a laptop or a phone:</p>
<ul>${links.join("")}</ul>
<p>${hint}</p>
</main>
`;
}

/** Prometheus text, version 0.0.4. Delays are those since the last look. */
function metrics(door: Door, delay: ReturnType<typeof monitorEventLoopDelay>): string {
  const { users, rooms } = door.services;
  const visitors = [...door.visitors];
  const rows: [name: string, type: "gauge" | "counter", help: string, value: number][] = [
    ["connections", "gauge", "Open connections, TCP and WebSocket", visitors.length],
    ["sessions", "gauge", "Connections that are signed in", visitors.filter(({ session }) => session.user).length],
    ["users_online", "gauge", "Accounts that are signed in", rooms.who().length],
    ["messages_total", "counter", "Messages stored", rooms.pipeline.stored],
    ["deliveries_total", "counter", "Messages handed to a connection", rooms.delivered],
    [
      "queued_bytes",
      "gauge",
      "Bytes that wait for slow readers",
      visitors.reduce((sum, { queued }) => sum + queued, 0),
    ],
    ["hashes_waiting", "gauge", "Sign-ins that wait for their password check", users.gate.waiting],
    ["slow_readers_total", "counter", "Connections cut off because they did not keep up", door.overruns],
    ["event_loop_delay_p99_seconds", "gauge", "Event loop delay, 99th percentile", delay.percentile(99) / 1e9],
    ["event_loop_delay_max_seconds", "gauge", "Event loop delay, maximum", delay.max / 1e9],
  ];
  delay.reset();
  return rows
    .map(
      ([name, type, help, value]) =>
        `# HELP banter_${name} ${help}\n# TYPE banter_${name} ${type}\nbanter_${name} ${value}\n`,
    )
    .join("");
}
