import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { ERRORS } from "../../protocol.ts";
import { upgrade } from "../kit/browser.ts";
import { canGauge, descriptorsOf, memoryOf } from "../kit/gauge.ts";
import {
  PASSWORD,
  PATIENCE,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const HALF_A_REQUEST = "POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{";

/** A connection that says this and no more; what it was told, once it is closed. */
function stranger(port: number, said: string): { closed: Promise<string>; end: () => void } {
  const socket = connect(port, "127.0.0.1", () => socket.write(said));
  let told = "";
  const closed = new Promise<string>((resolve) => {
    socket.on("data", (chunk) => (told += chunk));
    socket.on("error", () => {}).on("close", () => resolve(told));
  });
  return { closed, end: () => socket.destroy() };
}

test.skipIf(!canGauge)(
  "more connections and half requests than there are descriptors leave members, newcomers and the page their places",
  async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    const few = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"]; // 128 are kept, so 128 connections may come
    await using server = await spawnServer(folder.path, ["--host", "::"], few);
    const alice = await Wire.open(server.port, "::1");
    await alice.login("alice");
    await alice.join("#lab");

    const flood = Array.from({ length: 300 }, (_, n) =>
      n % 2 === 0 ? stranger(server.port, "") : stranger(server.webPort, HALF_A_REQUEST),
    );
    const refused = flood.map(({ closed }) => closed);
    await Promise.race(refused); // the places are all taken
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");
    const bob = await Wire.open(server.port, "::1");
    await bob.login("bob");
    await bob.join("#lab");
    expect((await fetch(`http://[::1]:${server.webPort}/healthz`)).status).toBe(200);
    expect(await bob.ask({ type: "say", to: "#lab", text: "I am in" })).toMatchObject({ seq: 1 });
    expect(await alice.next("message")).toMatchObject({ text: "I am in" });
    expect(descriptorsOf(server.pid)).toBeLessThan(256);
    for (const { end } of flood) end();
    for (const wire of [alice, bob]) wire.close();
  },
);

test("half a request is answered after five seconds, and nobody stays half a minute by asking again and again", async () => {
  let now = 0;
  await using chat = await startTestServer([], { elapsed: () => now });
  const get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const idle = stranger(chat.webPort, get);
  const halves = ["GET / HTT", HALF_A_REQUEST].map((said) => stranger(chat.webPort, said));
  const busy = connect(chat.webPort, "127.0.0.1");
  let told = "";
  let isClosed = false;
  const closed = new Promise<void>((resolve) => busy.on("close", resolve)).then(() => void (isClosed = true));
  busy.on("data", (chunk) => (told += chunk));
  const ask = async () => {
    const before = told.split("\nok\n").length;
    busy.write(get);
    while (told.split("\nok\n").length === before) await new Promise((resolve) => busy.once("data", resolve));
  };
  await ask(); // and so what the others said has come, too
  now += 4_999;
  chat.server.sweep();
  await ask();
  now += 1;
  chat.server.sweep();
  for (const half of halves) expect(await half.closed).toStartWith("HTTP/1.1 408 Request Timeout\r\n");
  expect(await idle.closed).toEndWith("\nok\n");
  for (let asked = 0; now < 20_000; asked++) {
    await ask();
    now += 4_000;
    chat.server.sweep();
    expect([asked, isClosed]).toEqual([asked, false]);
  }
  await ask();
  await closed;
  expect(told.match(/Connection: close/g)).toHaveLength(1);
});

test("who has typed a line has more time to sign in, but no better place: of many the oldest go, and a member comes in", async () => {
  let now = 0;
  await using chat = await startTestServer(["alice"], { elapsed: () => now });
  const typists = await Promise.all(Array.from({ length: 300 }, () => chat.typist()));
  for (const typist of typists) typist.type("help");
  for (const typist of typists) await typist.line((line) => line.startsWith("* /exit"));
  now += 2_000;
  chat.server.sweep();
  await Promise.all(typists.slice(0, 44).map(({ ended }) => ended));
  expect(typists[0]!.text).toEndWith(`* ${ERRORS.server_full}\n`);
  now += 40_000; // more than a program has
  chat.server.sweep();
  typists[299]!.type(`login alice ${PASSWORD}`);
  expect(await typists[299]!.line((line) => line.includes("Welcome, alice"))).toStartWith("* Welcome, alice");
});

test("pings of a stranger that reads no answers pile nothing up, and are answered again when they are read", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice");
  const socket = connect(chat.webPort, "127.0.0.1", () => socket.write(upgrade(`localhost:${chat.webPort}`)));
  await new Promise((resolve) => socket.once("data", resolve));
  let heard = 0;
  socket.on("data", ({ length }) => (heard += length)).pause();
  const ping = Buffer.concat([Buffer.from([0x89, 0x80 | 125, 0, 0, 0, 0]), Buffer.alloc(125)]);
  const packet = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
  for (let n = 1; n < 20; n++) socket.write(packet); // 25 MB of answers
  const taken = new Promise((resolve) => socket.write(packet, resolve));
  for (let n = 0; n < 20; n++) expect((await alice.ask({ type: "ping" })).type).toBe("ok");
  await taken;
  const metrics = await (await fetch(`http://localhost:${chat.webPort}/metrics`)).text();
  expect(metrics).toContain("banter_slow_readers_total 0\n");
  expect(Number(/banter_queued_bytes (\d+)/.exec(metrics)![1])).toBeLessThan(1024 * 1024);
  socket.resume();
  while (heard < 1_000) await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
});

test.skipIf(!canGauge)("empty lines without end, behind a request that has to wait, fill no memory", async () => {
  using folder = temporaryFolder();
  await using server = await spawnServer(folder.path);
  const socket = connect(server.webPort, "127.0.0.1", () => socket.write(upgrade(`localhost:${server.webPort}`)));
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resume();
  const message = (text: string) => {
    const { length } = text; // a client's frame: FIN + text, masked with zeros
    return Buffer.concat([Buffer.from([0x81, 0x80 | 126, length >> 8, length & 255, 0, 0, 0, 0]), Buffer.from(text)]);
  };
  const before = memoryOf(server.pid);
  socket.write(message(`${'{"type":"ping"}\n'.repeat(2_100)}`)); // 2,000 are free, the others wait
  const lines = message("\n".repeat(65_000));
  for (let n = 1; n < 600; n++) socket.write(lines);
  await Promise.race([
    new Promise((resolve) => socket.write(lines, resolve)),
    new Promise((r) => socket.on("close", r)),
  ]);
  expect(memoryOf(server.pid) - before).toBeLessThan(100 * 1024 * 1024); // 39 MB were sent
  socket.destroy();
});
