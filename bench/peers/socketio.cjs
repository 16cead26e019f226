// socketio.cjs: a room on socket.io, the sender included; on Bun with socket.io's own engine for it. Nobody signs in and
// nothing is stored. Called by run.ts, in the folder where the packages were installed: node socketio.cjs PORT (or bun)

const { createRequire } = require("node:module");
const load = createRequire(process.cwd() + "/");
const { Server } = load("socket.io");
const port = Number(process.argv[2]);
const hostname = "127.0.0.1";

let io;
if (globalThis.Bun) {
  const engine = new (load("@socket.io/bun-engine").Server)({ path: "/socket.io/" });
  io = new Server();
  io.bind(engine);
  Bun.serve({ port, hostname, ...engine.handler() });
} else {
  const http = require("node:http").createServer();
  io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, httpCompression: false });
  http.listen(port, hostname);
}
io.on("connection", (socket) => {
  let room;
  let user;
  socket.on("join", (to, name) => {
    room = to;
    user = name;
    socket.join([room, "@" + user]);
    socket.emit("joined");
  });
  socket.on("msg", (text) => io.to(room).emit("msg", user, text));
  socket.on("dm", (to, text) => io.to("@" + to).emit("dm", user, text));
});
