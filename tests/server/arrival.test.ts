import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { connect } from "../../client.ts";
import { Admission } from "../../server/admission.ts";
import { Balancers } from "../../server/proxying.ts";
import type { ServerOptions } from "../../server.ts";
import { BALANCER, Balancer, binary, binaryHeader, lineHeader } from "../kit/balancer.ts";
import { Browser } from "../kit/browser.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer, Wire } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { openParts } from "../kit/parts.ts";

setDefaultTimeout(PATIENCE);

const HAS_IPV6 = Object.values(networkInterfaces()).some((own) => own!.some(({ address }) => address === "::1"));
const none = Buffer.alloc(0);
const balancers = new Balancers();
balancers.add(BALANCER);
/** A server that believes the balancer. */
const start = (names: readonly string[], options: ServerOptions = {}): Promise<TestServer> =>
  startTestServer(names, { balancers, ...options });
/** What the log says of connections from the balancer that were ended. */
const complaints = (chat: { log(): string }) => chat.log().match(/ - WARNING - A connection from .*/g) ?? [];
const turn = () => new Promise<void>((resume) => setImmediate(resume));

describe("through a load balancer", () => {
  test.each([
    ["1", lineHeader("192.0.2.7", 50_312)],
    ["2", binaryHeader([192, 0, 2, 7], 50_312, Buffer.from("\x04\0\x03abc"))],
  ])("with version %s, people come from their own addresses, however the header is sent", async (_, header) => {
    await using chat = await start(["alice*"]);
    await using balancer = await Balancer.open(chat.port);
    balancer.header = header;
    for (const way of ["first", "together", "bytes"] as const) {
      balancer.way = way;
      const alice = await Wire.open(balancer.port);
      if (way === "first") expect(await alice.line()).toStartWith("* Welcome to Banter.");
      alice.type(`login alice ${PASSWORD}`);
      await alice.line((line) => line.startsWith("* You are in lobby"));
      const again = await Wire.open(balancer.port);
      await again.login("alice");
      expect(await alice.line((line) => line.includes("signed in"))).toBe("* You signed in from 192.0.2.7 too.");
      alice.type("!exit");
      await alice.ended;
      expect(alice.text).toEndWith("* Goodbye.\n");
      again.close();
      await again.ended;
    }
    expect(chat.log().match(/alice signed in from 192\.0\.2\.7:50312/g)).toHaveLength(6);
    expect(chat.log()).not.toContain("127.0.0");
  });

  test("who ends his side at once still gets all answers", async () => {
    await using chat = await start(["alice"]);
    await using balancer = await Balancer.open(chat.port);
    balancer.header = lineHeader("2001:db8::7", 50_312);
    for (const way of ["first", "together"] as const) {
      balancer.way = way;
      const alice = await Wire.open(balancer.port);
      alice.raw(`login alice ${PASSWORD}\n/who\n`);
      alice.halfClose();
      await alice.ended;
      expect(alice.text).toContain("* Welcome, alice.");
      expect(alice.text.trimEnd()).toMatch(/alice[^\n]*$/);
    }
    expect(chat.log()).toContain("2001:db8::7:50312 connected");
  });

  test("200 come at once beside 300 connections that bring no header, and 64 of one address are all that it may have", async () => {
    let now = 0;
    const people = Array.from({ length: 200 }, (_, n) => n);
    await using chat = await start(["alice"], { elapsed: () => now });
    await using balancer = await Balancer.open(chat.port);
    const silent = await Promise.all(Array.from({ length: 300 }, () => Wire.open(balancer.port)));
    const enter = async (header: Buffer): Promise<Wire> => {
      balancer.header = header; // every connection is passed on before the next one is made
      const wire = await Wire.open(balancer.port);
      wire.type('{"type":"ping"}');
      await wire.line();
      return wire;
    };
    const wires: Wire[] = [];
    for (const n of people) wires.push(await enter(binaryHeader([198, 51, 100, n], 50_000)));
    await Promise.all(wires.map((wire) => wire.login("alice")));

    const classroom: Wire[] = [];
    for (let n = 0; n < 64; n++) classroom.push(await enter(binaryHeader([192, 0, 2, 7], 50_000 + n)));
    const last = await enter(lineHeader("192.0.2.7", 60_000));
    await last.ended;
    expect(last.text).toStartWith("* That is one more than the server allows.");
    expect((await classroom[63]!.login("alice")).type).toBe("ok");
    expect((await (await enter(lineHeader("192.0.2.8", 60_000))).login("alice")).type).toBe("ok");

    now += 10_000;
    chat.server.sweep();
    await Promise.all(silent.map(({ ended }) => ended));
    expect(complaints(chat)).toEqual([
      expect.stringContaining("sent no whole header of the PROXY protocol within 10 s"),
    ]);
    for (const wire of wires) expect((await wire.ask({ type: "ping" })).type).toBe("ok");
    for (const wire of [...wires, ...classroom]) wire.reset();
  });

  test("whose header is on its way gives up no place: one who takes many does", async () => {
    const admission = new Admission(31);
    await using chat = openParts(["alice"], { admission, balancers, elapsed: () => 0 });
    await using balancer = await Balancer.open(chat.port);
    const enter = async (count: number) => {
      const before = admission.connections.size;
      const wires = await Promise.all(Array.from({ length: count }, () => Wire.open(balancer.port)));
      while (admission.connections.size < before + count) await turn();
      return wires;
    };
    balancer.header = lineHeader("192.0.2.7", 1);
    const flood = await enter(15);
    for (const wire of flood) await wire.line();
    balancer.header = none;
    const arriving = await enter(16); // more than of any other address
    const wires = await enter(1);
    await Promise.race(flood.map(({ ended }) => ended));
    for (const [n, wire] of [...arriving, ...wires].entries()) {
      wire.raw(`${lineHeader(`198.51.100.${n}`, 1)}{"type":"ping"}\n`);
      expect(await wire.line()).toStartWith("* Welcome to Banter.");
    }
    for (const wire of [...flood, ...arriving, ...wires]) wire.reset();
  });

  test("who guesses passwords stops nobody at another address", async () => {
    await using chat = await start(["alice"], { elapsed: () => 0 });
    await using balancer = await Balancer.open(chat.port);
    balancer.header = lineHeader("192.0.2.7", 50_312);
    const guesser = await Wire.open(balancer.port);
    const guess = { type: "login", user: "alice", password: "not-the-one" };
    for (let n = 0; n < 10; n++) expect(await guesser.ask(guess)).toMatchObject({ code: "bad_login" });
    const throttled = { code: "throttled" };
    expect(await guesser.ask({ ...guess, password: PASSWORD })).toMatchObject(throttled);
    balancer.header = lineHeader("192.0.2.8", 50_312);
    expect((await (await Wire.open(balancer.port)).login("alice")).type).toBe("ok");
    expect(chat.log()).toContain("from 192.0.2.7:50312 refused");
  });

  test("the page is the same, and so are WebSockets", async () => {
    await using chat = await start(["alice"]);
    await using balancer = await Balancer.open(chat.webPort);
    for (const way of ["first", "together", "bytes"] as const) {
      balancer.way = way;
      balancer.header = binaryHeader([192, 0, 2, 7], 50_312);
      const page = await fetch(`http://localhost:${balancer.port}/`, { keepalive: false });
      expect(await page.text()).toContain("<title>");
      const body = JSON.stringify({ user: "alice", password: "not-the-one" });
      await fetch(`http://localhost:${balancer.port}/login`, { method: "POST", body, keepalive: false });
      expect(chat.log()).toContain("Sign-in from 192.0.2.7:50312 refused");
      balancer.header = lineHeader("2001:db8::7", 50_313);
      const alice = await Browser.signedIn({ webPort: balancer.port }, "alice", "#lab");
      expect(await alice.ask({ type: "say", to: "#lab", text: "hi" })).toMatchObject({
        type: "message",
        from: "alice",
      });
      alice.socket.close();
      await alice.closed;
    }
    expect(chat.log()).toContain("2001:db8::7:50313 connected (page)");
    expect(chat.log()).not.toContain("127.0.0");
  });

  test("health checks and what comes from no address keep the balancer's own", async () => {
    await using chat = await start(["alice"]);
    await using chatting = await Balancer.open(chat.port);
    await using page = await Balancer.open(chat.webPort);
    const headers = [binary(0x20, 0, none), Buffer.from("PROXY UNKNOWN\r\n"), binary(0x21, 0x31, Buffer.alloc(216))];
    for (const header of headers) {
      chatting.header = page.header = header;
      const healthz = await fetch(`http://localhost:${page.port}/healthz`, { keepalive: false });
      expect(await healthz.text()).toBe("ok\n");
      const alice = await Wire.open(chatting.port);
      await alice.login("alice");
      alice.close();
      await alice.ended;
    }
    const looked = await Wire.open(chatting.port);
    looked.close();
    await looked.ended;
    expect(chat.log().match(/alice signed in from 127\.0\.0\.9:\d+/g)).toHaveLength(3);
    expect(complaints(chat)).toEqual([]);
  });
});

describe.if(has("openssl"))("an encrypted server behind a load balancer", () => {
  test("gets the header before the handshake", async () => {
    await using chat = await start(["alice"], { tls: "own" });
    await using chatting = await Balancer.open(chat.port);
    await using page = await Balancer.open(chat.webPort);
    const ca = readFileSync(join(chat.data, "tls-cert.pem"), "utf8");
    const encryption = { ca, judge: () => "not the one" };
    for (const way of ["first", "together", "bytes"] as const) {
      chatting.way = page.way = way;
      chatting.header = binaryHeader([192, 0, 2, 7], 50_312, Buffer.alloc(300));
      page.header = lineHeader("192.0.2.8", 50_313);
      const alice = await connect({
        port: chatting.port,
        user: "alice",
        password: PASSWORD,
        rooms: ["#lab"],
        encryption,
      });
      await alice.say("#lab", "nobody else reads this");
      await alice.close();
      const health = await fetch(`https://localhost:${page.port}/healthz`, { tls: { ca }, keepalive: false });
      expect(await health.text()).toBe("ok\n");
      const socket = new WebSocket(`wss://localhost:${page.port}/ws`, { tls: { ca } } as unknown as string[]);
      await new Promise((open) => socket.addEventListener("open", open));
      const closed = new Promise((close) => socket.addEventListener("close", close));
      socket.close();
      await closed;
    }
    expect(chat.log()).toContain("alice signed in from 192.0.2.7:50312");
    expect(chat.log()).toContain("192.0.2.8:50313 connected (page)");
    expect(chat.log()).not.toContain("127.0.0");
  });

  test("speaks with openssl, and ends what is no handshake", async () => {
    await using chat = await start(["alice"], { tls: "own" });
    await using balancer = await Balancer.open(chat.port);
    balancer.header = lineHeader("192.0.2.7", 50_312);
    const command = ["openssl", "s_client", "-quiet", "-connect", `127.0.0.1:${balancer.port}`];
    const client = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "ignore" });
    client.stdin.write(`login alice ${PASSWORD}\n!exit\n`);
    await client.stdin.flush();
    expect(await new Response(client.stdout).text()).toEndWith("* Goodbye.\n");
    client.stdin.end();
    await client.exited;

    balancer.header = lineHeader("192.0.2.8", 50_312);
    for (const way of ["first", "together"] as const) {
      balancer.way = way;
      const stranger = await Wire.open(balancer.port);
      stranger.type("login alice pass-word-9");
      await stranger.ended;
    }
    expect(chat.log().match(/192\.0\.2\.8:50312 disconnected \(no TLS handshake\)/g)).toHaveLength(2);
    balancer.header = none;
    const silent = await Wire.open(balancer.port);
    silent.raw("\x16\x03\x01");
    await silent.ended;
    expect(complaints(chat)).toHaveLength(1);
  });
});

describe("a connection from a load balancer", () => {
  test("that begins with no header is ended, at either port, and the log says why once a minute", async () => {
    let now = 0;
    await using chat = await start(["alice"], { elapsed: () => now });
    await using chatting = await Balancer.open(chat.port);
    await using page = await Balancer.open(chat.webPort);
    const wrong: [Balancer, string | Buffer][] = [
      [chatting, `login alice ${PASSWORD}\n`],
      [page, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"],
      [chatting, "PROXY TCP4 192.0.2.7 192.0.2.1 1 65536\r\n/who\n"],
      [chatting, binary(0x21, 0x11, Buffer.alloc(4_200))],
      [page, Buffer.alloc(1_000_000, "\r\n\r\n\0\r\nQUIT\n")],
    ];
    for (const [balancer, bytes] of wrong) {
      const wire = await Wire.open(balancer.port);
      wire.raw(bytes);
      await wire.ended;
      expect(wire.text).toBe("");
    }
    const why = (reason: string) =>
      ` - WARNING - A connection from ${BALANCER} was ended, because it ${reason}. Switch the PROXY protocol on in that load balancer, or take its address out of --proxy-protocol.`;
    const first = why("does not begin with a header of the PROXY protocol");
    expect(complaints(chat)).toEqual([first]);

    now += 59_999;
    const half = async () => {
      const wire = await Wire.open(chatting.port);
      wire.raw("PROXY TCP4 192.0.2.7");
      wire.halfClose();
      await wire.ended;
    };
    await half();
    expect(complaints(chat)).toEqual([first]);
    now += 1;
    await half();
    expect(complaints(chat)).toEqual([first, why("ended within its PROXY header")]);
    expect(chat.log()).not.toContain("192.0.2.7");
    expect(chat.log()).not.toContain(PASSWORD);
    expect(chat.log()).not.toContain("ERROR");
  });

  test("that was reset before it was accepted leaves nothing in the log", async () => {
    await using chat = await start(["alice"]);
    const probe = `
      const socket = await Bun.connect({ hostname: "127.0.0.1", port: ${chat.port}, socket: { data() {} } });
      socket.terminate();`;
    const { exitCode } = Bun.spawnSync([process.execPath, "-e", probe]); // nothing is accepted meanwhile
    expect(exitCode).toBe(0);
    await chat.signedIn("alice");
    expect(chat.log().match(/ (\S+) connected/g)).toEqual([expect.stringMatching(/^ 127\.0\.0\.1:\d+ connected$/)]);
  });

  test("has its first lines read, however many come with the header", async () => {
    await using chat = await start(["alice"]);
    await using balancer = await Balancer.open(chat.port);
    const alice = await Wire.open(balancer.port);
    const ids = Array.from({ length: 20 }, (_, n) => `ping-${n}`);
    const lines = ids.map((id) => `{"type":"ping","id":"${id}"}`.padEnd(3_900) + "\n").join("");
    alice.raw(`${lineHeader("192.0.2.7", 50_312)}${lines}`);
    for (const id of ids) expect(await alice.next("ok")).toMatchObject({ id });
  });

  test("is not waited for by a server that stops", async () => {
    const admission = new Admission(10);
    await using chat = openParts([], { admission, balancers, elapsed: () => 0 });
    await using balancer = await Balancer.open(chat.port);
    const silent = await Wire.open(balancer.port);
    while (admission.connections.size === 0) await turn();
    for (const connection of admission.connections) connection.dismiss("The server is stopping.");
    await silent.ended;
    while (admission.connections.size > 0) await turn();
  });
});

test.if(HAS_IPV6)(
  "what a stranger sends is never read as a header, and one who is at no balancer needs none",
  async () => {
    await using chat = await start(["alice*"], { host: "::" });
    const stranger = await Wire.open(chat.port);
    stranger.raw(lineHeader("192.0.2.7", 50_312));
    stranger.type("help");
    expect(await stranger.line((line) => line.startsWith("* "))).toStartWith("* Welcome to Banter.");
    const page = await Wire.open(chat.webPort);
    page.raw(
      Buffer.concat([lineHeader("192.0.2.7", 50_312), Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")]),
    );
    expect(await page.line()).toStartWith("HTTP/1.1 400");
    const binaryOne = await Wire.open(chat.port);
    binaryOne.raw(binaryHeader([192, 0, 2, 7], 50_312));
    const alice = await chat.signedIn("alice");

    await using balancer = await Balancer.open(chat.port); // seen as ::ffff:127.0.0.9 here
    balancer.header = lineHeader("198.51.100.7", 50_312);
    expect((await (await Wire.open(balancer.port)).login("alice")).type).toBe("ok");
    expect(await alice.next("notice")).toMatchObject({ text: "You signed in from 198.51.100.7 too." });
    expect(chat.log()).not.toContain("192.0.2.7");
    expect(complaints(chat)).toEqual([]);
    for (const wire of [stranger, page, binaryOne]) wire.reset();
  },
);
