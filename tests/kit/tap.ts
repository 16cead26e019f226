// tap.ts: a port of a server beside its own, which can keep what is on its way for ever, and be cut off.

/** Somebody between a program and its server, who can keep what is on its way for ever. */
export function tap(port: number) {
  let keeps: "nothing" | "says" | "answers" = "nothing";
  let kept = Promise.withResolvers<void>();
  const open = new Set<Bun.Socket<Promise<Bun.Socket>>>();
  const server = Bun.listen<Promise<Bun.Socket>>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        let isKeeping = false;
        open.add(socket);
        const down = {
          data: (_: unknown, bytes: Uint8Array) => void (isKeeping || socket.write(bytes)),
          close: () => void socket.end(),
        };
        socket.data = Bun.connect({ hostname: "127.0.0.1", port, socket: down });
        Object.assign(socket.data, { keep: () => (isKeeping = true) });
      },
      async data(socket, bytes) {
        const isSay = /"type": ?"say"/.test(bytes.toString()) && keeps !== "nothing";
        if (isSay && keeps === "answers") (socket.data as unknown as { keep: () => void }).keep();
        if (!isSay || keeps === "answers") (await socket.data).write(bytes);
        if (isSay) kept.resolve();
      },
      close(socket) {
        open.delete(socket);
        void socket.data.then((other) => other.end());
      },
    },
  });
  return {
    port: server.port,
    /** From now on keeps what is said, or the answers to it; resolves when there was some. */
    keep(what: typeof keeps): Promise<void> {
      keeps = what;
      kept = Promise.withResolvers();
      return kept.promise;
    },
    /** Ends every connection, and takes no new ones. */
    cut(): void {
      server.stop();
      for (const socket of open) socket.terminate();
    },
    [Symbol.dispose]: () => server.stop(true),
  };
}
