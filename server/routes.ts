// routes.ts: what is asked over HTTP, and the answers: the page, sign-in, how the server is. Keeps the pages of other sites out.
// How a request comes and an answer goes is http.ts's business.

import type { IncomingHttpHeaders } from "node:http";
import { hostname as nameOfThisComputer } from "node:os";
import type { ErrorCode, Refusal } from "../protocol.ts";
import { failure, isRefusal } from "../protocol.ts";
import type { Admission } from "./admission.ts";
import { Metrics } from "./metrics.ts";
import type { Asker } from "./network.ts";
import { PAGE_URLS, pageFiles, projectorPage } from "./page.ts";
import { login, register } from "./requests.ts";
import type { Answer } from "./responses.ts";
import { reply, replyText } from "./responses.ts";
import type { Services } from "./services.ts";

const STATUS: Partial<Record<ErrorCode, number>> = {
  bad_login: 401,
  no_entry: 403,
  name_taken: 409,
  throttled: 429,
  busy: 503,
  unavailable: 503,
};

/** What is asked. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly asker: Asker;
}

interface Route {
  method: "GET" | "POST";
  isForAll?: true; // it is no secret, so pages of other sites may ask for it too
  answer: (asked: Asked) => Answer | Promise<Answer>;
}

export interface RoutesOptions {
  hostname: string; // the server listens on
  services: Services;
  admission: Admission;
  addresses: () => string[]; // where the page is
}

export class Routes {
  readonly #options: RoutesOptions;
  readonly #metrics: Metrics;
  readonly #routes: Map<string, Route>;
  #isStopping = false;

  constructor(options: RoutesOptions) {
    this.#options = options;
    this.#metrics = new Metrics(options.services, options.admission);
    this.#routes = this.#make();
    this.#metrics.start();
  }

  /** From now on the server says that it stops. */
  stop(): void {
    this.#isStopping = true;
    this.#metrics.stop();
  }

  async answer(asked: Asked): Promise<Answer> {
    return this.whyNot(asked) ?? this.#routes.get(asked.path)!.answer(asked);
  }

  /** The answer to who may not have what is asked. */
  whyNot({ method, path, headers }: Asked): Answer | undefined {
    if (headers.host === undefined) return replyText(400, "A request must name its host (RFC 9112, 3.2).\n");
    const route = this.#routes.get(path);
    if (route === undefined) return replyText(404, "There is nothing here. The chat page is at /\n");
    if (method !== route.method && !(route.method === "GET" && method === "HEAD"))
      return replyText(405, `This address takes ${route.method} only.\n`, { Allow: route.method });
    if (!route.isForAll && isForeign(headers, this.#options.hostname))
      return replyText(
        403,
        "This was asked by a page of another site, or under a name this server does not know. Open the page by the " +
          "address that the server printed when it started.\n",
      );
    return undefined;
  }

  #make(): Map<string, Route> {
    const routes = new Map<string, Route>();
    let files: ReturnType<typeof pageFiles> | undefined; // made when the first browser comes
    for (const url of PAGE_URLS)
      routes.set(url, {
        method: "GET",
        isForAll: true,
        answer: async ({ headers }) => (await (files ??= pageFiles()))[url](headers),
      });
    const get = (url: string, answer: Route["answer"]) => routes.set(url, { method: "GET", answer });
    get("/join", () => reply(200, "text/html", projectorPage(this.#options.addresses())));
    get("/healthz", () => (this.#isStopping ? replyText(503, "stopping\n") : replyText(200, "ok\n")));
    get("/metrics", () => replyText(200, this.#metrics.read()));
    get("/ws", () =>
      this.#isStopping
        ? replyText(503, "The server is stopping. Come back in a moment.\n")
        : replyText(426, "This address speaks WebSocket.\n"),
    );
    for (const verb of ["register", "login"] as const)
      routes.set(`/${verb}`, { method: "POST", answer: (asked) => signIn(asked, verb, this.#options.services) });
    return routes;
  }
}

/** `POST /register` and `POST /login`: `{"user","password"}` to `{"user","token"}`; a refusal is an `error` frame. */
async function signIn({ body, asker }: Asked, verb: "register" | "login", services: Services): Promise<Answer> {
  const refuse = (refusal: Refusal) =>
    reply(STATUS[refusal.code] ?? 400, "application/json", JSON.stringify(failure(refusal)) + "\n", {
      ...(refusal.after !== undefined && { "Retry-After": String(refusal.after) }),
    });
  const { user, password } = Object(parse(body));
  if (typeof user !== "string" || typeof password !== "string")
    return refuse({ code: "bad_request", text: 'Send {"user": "…", "password": "…"} as JSON. Nothing was done.' });
  const result =
    verb === "register"
      ? await register(services, user, password, asker)
      : await login(services, user, password, asker);
  if (isRefusal(result)) return refuse(result);
  const banned = services.house.whyBanned(result.user);
  if (banned !== undefined) return refuse(banned);
  const answer = JSON.stringify({ user: result.user, token: result.token });
  return reply(verb === "register" ? 201 : 200, "application/json", answer + "\n");
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Whether a browser was sent here by a page of another site: its Origin is not ours, or the name it knows us by could be
 *  one that somebody else points at this address (DNS rebinding). An https page vouches for its name by its certificate. */
function isForeign(headers: IncomingHttpHeaders, host: string): boolean {
  const { origin } = headers;
  const asked = URL.parse(`http://${headers.host}`);
  if (headers.host === undefined || asked === null) return true;
  if (origin !== undefined) {
    const from = URL.parse(origin);
    if (from === null || from.host !== URL.parse(`${from.protocol}//${headers.host}`)?.host) return true;
    if (from.protocol === "https:") return false;
  }
  const name = asked.hostname.toLowerCase();
  const isAddress = name.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(name);
  const isLocal = !name.includes(".") || /\.(local|localhost|lan|internal|home\.arpa)$/.test(name);
  return !(isAddress || isLocal || name === host.toLowerCase() || name === nameOfThisComputer().toLowerCase());
}
