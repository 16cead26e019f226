// listeners.ts: the two ports, the chat's and the page's: opened together before anything else is, served once the server is ready,
// given a renewed certificate, and closed. What comes in there is the business of tcp.ts and http.ts.

import type { Admission } from "./admission.ts";
import type { Certificate } from "./certificate.ts";
import { Http, HttpConnection } from "./http.ts";
import { boundUnacknowledged, probeWhenIdle } from "./keepalive.ts";
import { pageAddresses } from "./network.ts";
import { Routes } from "./routes.ts";
import type { Services } from "./services.ts";
import type { Accepted, Socket, SocketConnection } from "./socket.ts";
import type { PortOption } from "./startup.ts";
import { cannotListen } from "./startup.ts";
import { TcpConnection } from "./tcp.ts";

export interface Ports {
  host: string;
  port: number; // 0 takes a free one
  webPort: number | false; // false: no page
}

/** Who serves what comes in. */
export interface Served {
  services: Services;
  admission: Admission;
  certificate: Certificate | undefined; // absent: not encrypted
}

export class Listeners {
  readonly #host: string;
  readonly #chat: Port;
  readonly #page: Port | undefined;
  #http: Http | undefined;

  /** Listens on both ports. Who connects before `serve` waits in the kernel's queue, as long as the event loop does not turn.
   *  Throws a StartError when it cannot, and listens on none then. */
  constructor({ host, port, webPort }: Ports) {
    this.#host = host;
    this.#chat = new Port(host, port, "--port");
    try {
      if (webPort !== false) this.#page = new Port(host, webPort, "--web-port");
    } catch (problem) {
      this.#chat.stop();
      throw problem;
    }
  }

  get port(): number {
    return this.#chat.port;
  }
  /** The page's port, `undefined` without a page. */
  get webPort(): number | undefined {
    return this.#page?.port;
  }

  /** Serves whoever connects from now on. */
  serve(served: Served): void {
    const { services, admission, certificate } = served;
    const isEncrypted = certificate !== undefined;
    const { webPort } = this;
    const page = webPort === undefined ? undefined : { port: webPort, isEncrypted };
    this.#chat.serve(served, (accepted) => new TcpConnection(accepted, page));
    if (webPort === undefined) return;
    const addresses = () => pageAddresses(this.#host, webPort, isEncrypted);
    const http = new Http(new Routes({ hostname: this.#host, services, admission, addresses }));
    this.#http = http;
    this.#page!.serve(served, (accepted) => new HttpConnection(accepted, http));
  }

  /** Goes on with another certificate; open connections keep theirs. */
  renew(certificate: Certificate): void {
    this.#chat.renew(certificate);
    this.#page?.renew(certificate);
  }

  /** Takes no new connection; those that are open stay. */
  stop(): void {
    this.#chat.stop();
    this.#page?.stop();
    this.#http?.stop();
  }
}

/** One port. TLS begins on each connection after it was accepted, so that one listener, whose queue of newcomers nothing empties,
 *  lasts from the start to the end, whatever becomes of the certificate. */
class Port {
  readonly #listener: Bun.TCPSocketListener<SocketConnection>;
  #served: Served | undefined;
  #connect: ((accepted: Accepted) => SocketConnection) | undefined;

  constructor(hostname: string, port: number, option: PortOption) {
    const handlers: Bun.SocketHandler<SocketConnection> = {
      open: (socket) => this.#accept(socket, handlers),
      handshake(socket, done) {
        if (done) socket.data.open(); // it is false when the handshake failed, and a close follows
      },
      // A socket whose bytes are encrypted has no connection: what is in them comes to the one that decrypts them.
      data: (socket, chunk) => socket.data?.receive(chunk),
      drain: (socket) => socket.data?.drain(),
      end: (socket) => socket.data?.finish(),
      close: (socket, problem) => socket.data?.closed(problem),
      error: (socket, problem) => {
        this.#served?.services.log.error("A connection met a bug", problem);
        socket.terminate();
      },
    };
    try {
      // A half-open connection is wanted: `printf … | nc` ends its side at once and still wants its answers.
      this.#listener = Bun.listen<SocketConnection>({ hostname, port, allowHalfOpen: true, socket: handlers });
    } catch (problem) {
      throw cannotListen(problem, { host: hostname, port, option });
    }
    boundUnacknowledged(this.#listener);
  }

  get port(): number {
    return this.#listener.port;
  }

  serve(served: Served, connect: (accepted: Accepted) => SocketConnection): void {
    this.#served = served;
    this.#connect = connect;
  }

  renew(certificate: Certificate): void {
    if (this.#served !== undefined) this.#served = { ...this.#served, certificate };
  }

  stop(): void {
    this.#listener.stop();
  }

  #accept(plain: Socket, handlers: Bun.SocketHandler<SocketConnection>): void {
    const { services, admission, certificate } = this.#served!;
    probeWhenIdle(plain);
    const socket = certificate === undefined ? plain : encrypt(plain, certificate, handlers);
    const connection = this.#connect!({ socket, services, admission, isEncrypting: certificate !== undefined });
    socket.data = connection;
    admission.enter(connection);
    if (certificate === undefined) connection.open();
  }
}

/** The server's end of TLS over an accepted socket. */
function encrypt(plain: Socket, { cert, key }: Certificate, handlers: Bun.SocketHandler<SocketConnection>): Socket {
  const tls = { cert, key, isServer: true } as Bun.TLSOptions; // `isServer` is what Bun's types do not know
  const { open: _accepted, ...socket } = handlers;
  const [, secured] = plain.upgradeTLS<SocketConnection>({ data: undefined!, tls, socket });
  return secured;
}
