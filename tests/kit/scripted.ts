// scripted.ts: a server that says what a test tells it to, for what no server of ours would ever say.

import { Lines } from "../../shared/lines.ts";

/** A server that says what a test tells it to: `answer` gets each frame and writes whatever it likes. */
export function listen(
  answer: (frame: any, write: (...frames: unknown[]) => void) => void,
  pour?: (socket: Bun.Socket<Lines>) => void,
) {
  const sockets = new Set<Bun.Socket<Lines>>();
  const server = Bun.listen<Lines>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = new Lines();
        sockets.add(socket);
      },
      data(socket, chunk) {
        const write = (...frames: unknown[]) =>
          void socket.write(frames.map((one) => (typeof one === "string" ? one : JSON.stringify(one)) + "\n").join(""));
        for (const line of socket.data.push(chunk)) answer(JSON.parse(line!), write);
      },
      drain: (socket) => pour?.(socket),
      close: (socket) => void sockets.delete(socket),
    },
  });
  return { port: server.port, sockets, [Symbol.dispose]: () => server.stop(true) };
}

/** What every server answers to a client that signs in and enters a room. */
export function welcome({ type, id, to, user }: any): Record<string, unknown> {
  if (type === "login") return { type: "ok", id, user, token: "1.a", seq: 0 };
  return type === "join" ? { type: "ok", id, to, users: ["alice"], seq: 0 } : { type: "ok", id };
}
