// publish.ts: the least chat that Bun can be: Bun.serve's WebSockets and its own publish, the sender included. Nobody signs
// in and nothing is stored. Called by run.ts: bun publish.ts PORT

const server = Bun.serve<{ room: string; user: string }>({
  port: Number(process.argv[2]),
  hostname: "127.0.0.1",
  fetch(request, server) {
    const { searchParams } = new URL(request.url);
    const data = { room: searchParams.get("room") ?? "", user: searchParams.get("user") ?? "" };
    return server.upgrade(request, { data }) ? undefined : new Response("WebSockets only", { status: 400 });
  },
  websocket: {
    data: {} as { room: string; user: string },
    open(socket) {
      socket.subscribe(socket.data.room);
      socket.subscribe("@" + socket.data.user);
    },
    message(socket, message) {
      const text = String(message);
      const cut = text.startsWith("@") ? text.indexOf(" ") : -1;
      const topic = cut < 0 ? socket.data.room : text.slice(0, cut);
      server.publish(topic, `${socket.data.user}: ${text.slice(cut + 1)}`);
    },
  },
});
