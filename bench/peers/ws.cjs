// ws.cjs: a room on the `ws` package of npm, the sender included. Nobody signs in and nothing is stored.
// Called by run.ts, in the folder where the package was installed: node ws.cjs PORT

const { createRequire } = require("node:module");
const { WebSocketServer } = createRequire(process.cwd() + "/")("ws");

const rooms = new Map();
const users = new Map();
const server = new WebSocketServer({ port: Number(process.argv[2]), host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const { searchParams } = new URL(request.url, "http://localhost");
  const room = searchParams.get("room");
  const user = searchParams.get("user");
  if (!rooms.has(room)) rooms.set(room, new Set());
  const members = rooms.get(room).add(socket);
  users.set(user, socket);
  socket.on("message", (data) => {
    const text = data.toString();
    const cut = text.startsWith("@") ? text.indexOf(" ") : -1;
    const bytes = Buffer.from(`${user}: ${text.slice(cut + 1)}`);
    const to = cut < 0 ? members : [users.get(text.slice(1, cut))];
    for (const member of to) if (member?.readyState === 1) member.send(bytes, { binary: false });
  });
  socket.on("close", () => {
    members.delete(socket);
    users.delete(user);
  });
  socket.on("error", () => {});
});
