import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { LIMITS } from "../../protocol.ts";
import { Browser, upgrade } from "../kit/browser.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("one WebSocket message may hold several lines, and odd ones harm nobody", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await Browser.open(chat);
  alice.socket.send('{"type":"ping","id":"1"}\r\n\n{"type":"ping","id":"2"}\n{"type":"ping","id":"3"}');
  expect(await alice.next()).toEqual({ type: "ok", id: "1" });
  expect(await alice.next()).toEqual({ type: "ok", id: "2" });
  expect(await alice.next()).toEqual({ type: "ok", id: "3" });
  alice.socket.send("{");
  expect(await alice.next()).toMatchObject({ type: "error", code: "bad_request" });

  const binary = await Browser.open(chat);
  binary.socket.send(new Uint8Array([0x7b, 0xff]));
  expect(await binary.closed).toBe(1003);
  const stranger = await Browser.open(chat);
  stranger.send({ type: "ping", filler: "x".repeat(LIMITS.lineBeforeSignIn) });
  expect(await stranger.next()).toMatchObject({ code: "line_too_long" });
  const large = await Browser.open(chat);
  large.socket.send("x".repeat(LIMITS.line + 3));
  expect(await large.closed).not.toBe(1000);
  expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
});

test("a browser that does not read is cut off instead of getting a gap, and nobody else waits", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  const carol = await chat.signedIn("carol", "#lobby");
  const { promise: upgraded, resolve } = Promise.withResolvers<void>();
  const bob = connect(chat.webPort, "127.0.0.1", () => bob.write(upgrade(`localhost:${chat.webPort}`)));
  const masked = (line: string) => {
    const bytes = Buffer.from(line); // a client's frame: FIN + text, masked with zeros
    return Buffer.concat([Buffer.from([0x81, 0x80 | 126, bytes.length >> 8, bytes.length & 255, 0, 0, 0, 0]), bytes]);
  };
  let heard = "";
  bob.on("data", (chunk) => {
    heard += chunk;
    if (heard.includes("\r\n\r\n")) resolve();
    if (heard.includes('"to":"#lobby"')) bob.pause();
  });
  await upgraded;
  bob.write(masked(JSON.stringify({ type: "login", user: "bob", password: PASSWORD }).padEnd(200)));
  bob.write(masked(JSON.stringify({ type: "join", to: "#lobby" }).padEnd(200)));
  await carol.next((frame) => frame.type === "joined" && frame.to === "#lobby");

  const alice = await chat.signedIn("alice", "#lobby");
  const text = "x".repeat(3990);
  let said = 0;
  for (; !chat.log().includes("disconnected (did not keep up)"); said += 50) {
    for (let i = 0; i < 50; i++) alice.send({ type: "say", to: "#lobby", text });
    await carol.next((frame) => frame.type === "message" && frame.seq === said + 50);
  }
  expect(await (await fetch(`http://localhost:${chat.webPort}/metrics`)).text()).toContain(
    "banter_slow_readers_total 1\n",
  );
  bob.destroy();
});

test("a WebSocket that does not sign in, or is silent, is let go", async () => {
  let now = Date.now();
  await using chat = await startTestServer(["alice"], { elapsed: () => now });
  const stranger = await Browser.open(chat);
  const alice = await Browser.signedIn(chat, "alice");
  now += 31_000;
  chat.server.sweep();
  expect(await stranger.closed).toBe(1000);
  expect(await alice.next(({ type }) => type === "ping")).toEqual({ type: "ping" });
  now += 45_000;
  chat.server.sweep();
  expect(await alice.closed).toBe(1000);
});

test("stopping tells every browser, closes its connection and frees the port", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await Browser.signedIn(chat, "alice");
  const { webPort } = chat;
  await chat.server.stop();
  expect(await alice.next(({ type }) => type === "notice")).toMatchObject({ type: "notice" });
  expect(await alice.closed).toBe(1000);
  Bun.serve({ hostname: "localhost", port: webPort, fetch: () => new Response() }).stop(true);
});
