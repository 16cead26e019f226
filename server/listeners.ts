// listeners.ts: the two ports, the chat's and the page's: opened together before anything else is, served once the server is ready,
// given a renewed certificate, and closed. What comes in there is the business of tcp.ts and http.ts.

import type { Admission } from "./admission.ts";
import { Arrival, Complaints } from "./arrival.ts";
import type { Certificate } from "./certificate.ts";
import { Http, HttpConnection } from "./http.ts";
import { boundUnacknowledged, probeWhenIdle } from "./keepalive.ts";
import type { Origin } from "./network.ts";
import { originOf, pageAddresses } from "./network.ts";
import type { Balancers } from "./proxying.ts";
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
  balancers?: Balancers | undefined; // whose connections all begin with a header of the PROXY protocol; absent: nobody's
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
    const complaints = new Complaints(services.log, services.elapsed);
    this.#chat.serve(served, complaints, (accepted) => new TcpConnection(accepted, page));
    if (webPort === undefined) return;
    const addresses = () => pageAddresses(this.#host, webPort, isEncrypted);
    const http = new Http(new Routes({ hostname: this.#host, services, admission, addresses }));
    this.#http = http;
    this.#page!.serve(served, complaints, (accepted) => new HttpConnection(accepted, http));
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
  #complaints: Complaints | undefined;
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

  serve(served: Served, complaints: Complaints, connect: (accepted: Accepted) => SocketConnection): void {
    this.#served = served;
    this.#complaints = complaints;
    this.#connect = connect;
  }

  renew(certificate: Certificate): void {
    if (this.#served !== undefined) this.#served = { ...this.#served, certificate };
  }

  stop(): void {
    this.#listener.stop();
  }

  #accept(plain: Socket, handlers: Bun.SocketHandler<SocketConnection>): void {
    const { services, admission, balancers } = this.#served!;
    probeWhenIdle(plain);
    const { remoteAddress = "unknown", remotePort = 0 } = plain as Partial<Socket>; // it may be gone already
    const origin = originOf(remoteAddress, remotePort);
    // A health check is often reset before it is accepted. The log would have two lines of it every few seconds.
    if (balancers !== undefined && plain.remoteAddress === undefined) return void plain.terminate();
    if (!balancers?.has(remoteAddress)) return this.#begin(plain, origin, handlers);
    // What strangers send is never read as a header: they would choose where they come from.
    const accepted = { socket: plain, origin, services, admission, isEncrypting: false };
    const arrival = new Arrival(accepted, this.#complaints!, (client, rest) =>
      this.#begin(plain, client, handlers, rest),
    );
    plain.data = arrival;
    admission.enter(arrival);
  }

  /** Begins what the port is for. `rest`: what has already come. */
  #begin(
    plain: Socket,
    origin: Origin,
    handlers: Bun.SocketHandler<SocketConnection>,
    rest: Uint8Array = new Uint8Array(),
  ): void {
    const { services, admission, certificate } = this.#served!;
    const socket = certificate === undefined ? plain : encrypt(plain, certificate, handlers, rest);
    if (certificate !== undefined && socket.readyState < 0) {
      services.log.info(`${origin.address} disconnected (no TLS handshake)`); // its first bytes were no TLS
      return;
    }
    const connection = this.#connect!({ socket, origin, services, admission, isEncrypting: certificate !== undefined });
    socket.data = connection;
    admission.enter(connection);
    if (certificate !== undefined) return;
    connection.open();
    if (rest.length > 0) connection.receive(rest);
  }
}

/** The server's end of TLS over an accepted socket. `rest`: what has already come of the handshake. */
function encrypt(
  plain: Socket,
  { cert, key }: Certificate,
  handlers: Bun.SocketHandler<SocketConnection>,
  rest: Uint8Array,
): Socket {
  const tls = { cert, key, isServer: true } as Bun.TLSOptions; // `isServer` is what Bun's types do not know
  const { open: _accepted, ...socket } = handlers;
  plain.data = undefined!; // whose bytes are encrypted from now on
  const options = { data: undefined!, tls, socket, ...(rest.length > 0 && { initialData: rest }) }; // nor do they know this one
  const [, secured] = plain.upgradeTLS<SocketConnection>(options);
  return secured;
}
