// listeners.ts: the two ports, the chat's and the page's: opened together, given a renewed certificate together, and closed. What
// comes in there is the business of tcp.ts and http.ts.

import type { Admission } from "./admission.ts";
import type { Certificate } from "./certificate.ts";
import { HttpListener } from "./http.ts";
import type { Services } from "./services.ts";
import type { PortOption } from "./startup.ts";
import { cannotListen } from "./startup.ts";
import { listenTcp } from "./tcp.ts";

export interface ListenOptions {
  host: string;
  port: number; // 0 takes a free one
  webPort: number | false; // false: no page
  services: Services;
  admission: Admission;
  certificate: Certificate | undefined; // absent: not encrypted
}

export class Listeners {
  readonly #options: ListenOptions;
  readonly #http: HttpListener | undefined;
  #tcp: ReturnType<typeof listenTcp>;

  /** Listens on both ports. Throws a StartError when it cannot, and listens on none then. */
  constructor(options: ListenOptions) {
    const { host, port, webPort } = options;
    this.#options = options;
    if (webPort !== false)
      this.#http = attempt(host, webPort, "--web-port", () => new HttpListener({ ...this.#common, port: webPort }));
    try {
      this.#tcp = attempt(host, port, "--port", () => this.#listenTcp(port, options.certificate));
    } catch (problem) {
      void this.#http?.close();
      throw problem;
    }
  }

  get port(): number {
    return this.#tcp.port;
  }
  /** The page's port, `undefined` without a page. */
  get webPort(): number | undefined {
    return this.#http?.port;
  }

  /** Goes on with another certificate; open connections keep theirs. */
  renew(certificate: Certificate): void {
    const { port } = this.#tcp;
    this.#tcp.stop(); // its connections live on
    this.#tcp = this.#listenTcp(port, certificate);
    this.#http?.renew(certificate);
  }

  /** Takes no new connection; those that are open stay. */
  stop(): void {
    this.#tcp.stop();
    this.#http?.stop();
  }

  /** Ends what is still open at the page's port. */
  async close(): Promise<void> {
    await this.#http?.close();
  }

  get #common() {
    const { host: hostname, services, admission, certificate } = this.#options;
    return { hostname, services, admission, certificate };
  }

  #listenTcp(port: number, certificate: Certificate | undefined): ReturnType<typeof listenTcp> {
    const page = this.#http && { port: this.#http.port, isEncrypted: certificate !== undefined };
    return listenTcp({ ...this.#common, port, certificate, page });
  }
}

function attempt<T>(host: string, port: number, option: PortOption, listen: () => T): T {
  try {
    return listen();
  } catch (problem) {
    throw cannotListen(problem, host, port, option);
  }
}
