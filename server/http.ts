// http.ts: what is asked over HTTP. Hands out the page, signs people in, lets WebSockets in, tells how the server is, and keeps
// the pages of other sites out. What happens on a WebSocket is websocket.ts's business.

import { hostname as nameOfThisComputer } from "node:os";
import type { ErrorCode, Refusal } from "../protocol.ts";
import { failure, isRefusal, LIMITS } from "../protocol.ts";
import type { Admission } from "./admission.ts";
import type { Certificate } from "./certificate.ts";
import { Metrics } from "./metrics.ts";
import type { Asker, Origin } from "./network.ts";
import { networkOf, pageAddresses } from "./network.ts";
import { pageFiles, projectorPage } from "./page.ts";
import { login, register } from "./requests.ts";
import { reply, replyText } from "./responses.ts";
import type { Services } from "./services.ts";
import type { SocketData } from "./websocket.ts";
import { webSocketHandlers } from "./websocket.ts";

const STATUS: Partial<Record<ErrorCode, number>> = {
  bad_login: 401,
  name_taken: 409,
  throttled: 429,
  busy: 503,
  unavailable: 503,
};

export interface HttpOptions {
  hostname: string;
  port: number;
  services: Services;
  admission: Admission;
  certificate: Certificate | undefined; // absent: not encrypted
}

type HttpServer = Bun.Server<SocketData>;
type Answer = Response | Promise<Response> | undefined; // none: it has become a WebSocket
interface Route {
  method: "GET" | "POST";
  isForAll?: true; // it is no secret, so pages of other sites may ask for it too
  answer: (request: Request, server: HttpServer) => Answer;
}

/** The page's port. */
export class HttpListener {
  readonly #options: HttpOptions;
  readonly #metrics: Metrics;
  readonly #routes: Map<string, Route>;
  #server: HttpServer;
  readonly #retired = new Set<HttpServer>(); // they take no new connection, but their WebSockets live on
  #isStopping = false;

  /** Listens. Throws what Bun throws when it cannot. */
  constructor(options: HttpOptions) {
    this.#options = options;
    this.#metrics = new Metrics(options.services, options.admission);
    this.#routes = this.#makeRoutes();
    this.#server = this.#serve(options.port, options.certificate);
    this.#metrics.start();
  }

  get port(): number {
    return this.#server.port!;
  }

  /** Listens with another certificate; open connections keep theirs. */
  renew(certificate: Certificate): void {
    const before = this.#server;
    this.#retired.add(before);
    void before.stop().then(() => this.#retired.delete(before));
    this.#server = this.#serve(before.port!, certificate);
  }

  /** Takes no new WebSocket; those that are open stay. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Ends what is still open. */
  async close(): Promise<void> {
    this.#metrics.stop();
    await Promise.all([this.#server, ...this.#retired].map((one) => one.stop(true)));
  }

  #makeRoutes(): Map<string, Route> {
    const routes = new Map<string, Route>();
    for (const [url, answer] of pageFiles()) routes.set(url, { method: "GET", isForAll: true, answer });
    const get = (url: string, answer: Route["answer"]) => routes.set(url, { method: "GET", answer });
    get("/join", () => reply(200, "text/html", projectorPage(this.#addresses())));
    get("/healthz", () => (this.#isStopping ? replyText(503, "stopping\n") : replyText(200, "ok\n")));
    get("/metrics", () => replyText(200, this.#metrics.read()));
    get("/ws", (request, server) => this.#upgrade(request, server));
    for (const verb of ["register", "login"] as const) {
      const answer: Route["answer"] = (request, server) =>
        signIn(request, verb, this.#options.services, askerOf(request, server));
      routes.set(`/${verb}`, { method: "POST", answer });
    }
    return routes;
  }

  #addresses(): string[] {
    const { hostname, certificate } = this.#options;
    return pageAddresses(hostname, this.port, certificate !== undefined);
  }

  #serve(port: number, certificate: Certificate | undefined): HttpServer {
    const { hostname, services, admission } = this.#options;
    return Bun.serve<SocketData>({
      hostname,
      port,
      ...(certificate && { tls: { cert: certificate.cert, key: certificate.key } }),
      development: false,
      reusePort: false, // Bun sets it where `development` is false, and then two servers would share a port unnoticed
      maxRequestBodySize: LIMITS.lineBeforeSignIn,
      fetch: (request, server) => this.#answer(request, server),
      error(problem) {
        services.log.error("A web request met a bug", problem);
        return replyText(500, "Something went wrong in the server.\n");
      },
      websocket: webSocketHandlers(services, admission),
    });
  }

  #answer(request: Request, server: HttpServer): Answer {
    const route = this.#routes.get(URL.parse(request.url)?.pathname ?? "");
    if (route === undefined) return replyText(404, "There is nothing here. The chat page is at /\n");
    if (request.method !== route.method && !(route.method === "GET" && request.method === "HEAD"))
      return replyText(405, `This address takes ${route.method} only.\n`, { Allow: route.method });
    if (!route.isForAll && isForeign(request, this.#options.hostname))
      return replyText(403, "This was asked by a page of another site, or under a name this server does not know.\n");
    return route.answer(request, server);
  }

  #upgrade(request: Request, server: HttpServer): Response | undefined {
    if (this.#isStopping) return replyText(503, "The server is stopping. Come back in a moment.\n");
    const data = { ...originOf(request, server), connection: undefined };
    return server.upgrade(request, { data }) ? undefined : replyText(426, "This address speaks WebSocket.\n");
  }
}

function originOf(request: Request, server: HttpServer): Origin {
  const { address = "unknown", port = 0 } = server.requestIP(request) ?? {};
  return { address: `${address}:${port}`, network: networkOf(address) };
}

function askerOf(request: Request, server: HttpServer): Asker {
  return {
    ...originOf(request, server),
    get gone() {
      return request.signal.aborted;
    },
  };
}

/** `POST /register` and `POST /login`: `{"user","password"}` to `{"user","token"}`; a refusal is an `error` frame. */
async function signIn(
  request: Request,
  verb: "register" | "login",
  services: Services,
  asker: Asker,
): Promise<Response> {
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
      ? await register(services, user, password, asker)
      : await login(services, user, { password }, asker);
  if (isRefusal(result)) return refuse(result);
  return reply(
    verb === "register" ? 201 : 200,
    "application/json",
    JSON.stringify({ user: result.user, token: result.token }) + "\n",
  );
}

/** Whether a browser was sent here by a page of another site: its Origin is not ours, or the name it knows us by could be
 *  one that somebody else points at this address (DNS rebinding). An https page vouches for its name by its certificate. */
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
