import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../client.ts";
import { openWebSocket } from "../../client/websocket.ts";
import type { Event } from "../../protocol.ts";
import { acceptKey } from "../../server/frames.ts";
import { PASSWORD, passwordFile, PATIENCE, run, startTestServer } from "../kit/harness.ts";
import { Proxy } from "../kit/proxy.ts";
import { HAS_TERMINAL, sit } from "../kit/pty.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

const CLIENT = [process.execPath, "client.ts"];

test.if(HAS_TERMINAL)("by the page's address one signs in, chats, and comes back after a restart", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await using proxy = new Proxy(chat.webPort, new Random(1)); // the page's next port is another one
  proxy.calm = true;
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = sit([...CLIENT, `http://127.0.0.1:${proxy.port}/join`, "--wire"], { columns: 200 });
  await alice.until("Connected to 127.0.0.1 (not encrypted).");
  await alice.until("Name:");
  alice.type("alice\r");
  await alice.until(/is hidden\):/);
  alice.type(`${PASSWORD}\r`);
  await alice.until("You are in #lobby");
  expect(chat.log()).toMatch(/alice signed in from \S+/);
  expect(chat.log()).toContain(" connected (page)");
  alice.type("by the page\r");
  expect(await bob.next("message")).toMatchObject({ from: "alice", text: "by the page" });
  await bob.ask({ type: "say", to: "alice", text: "psst" });
  await alice.until(/bob → you: psst/);

  await chat.restart(async () => {
    await alice.until("connection lost");
    alice.type("while it was away\r");
  });
  proxy.target = chat.webPort;
  await alice.until(() => {
    alice.type("\r");
    return /back online[\s\S]*alice: while it was away/.test(alice.screen.text);
  });
  expect(alice.output()).not.toContain(PASSWORD);
  alice.type("/exit\r");
  expect(await alice.exited).toBe(0);
});

test("scripts send lines and speak frames by the page's address, and end with the same codes", async () => {
  await using chat = await startTestServer(["alice"]);
  using secret = passwordFile();
  const as = (user: string) => [`http://localhost:${chat.webPort}`, "--name", user, "--password-file", secret.file];
  const lines = Array.from({ length: 300 }, (_, n) => `${n} ${"✓".repeat(n * 10)}`); // in frames of all three sizes
  const sent = await run([...CLIENT, ...as("alice"), "--send", "#lobby"], lines.join("\n"));
  expect(sent).toEqual({ code: 0, stdout: "", stderr: "" });
  const ask = JSON.stringify({ type: "join", to: "#lobby", since: 0, id: "j" });
  const spoken = await run([...CLIENT, ...as("alice"), "--json"], `${ask}\n{"type":"ping","id":"p"}\n`);
  expect(spoken).toMatchObject({ code: 0, stderr: "" });
  const frames = spoken.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(frames.map(({ id }) => id)).toEqual(expect.arrayContaining(["j", "p"]));
  const alice = await chat.signedIn("alice");
  expect((await alice.join("#lobby", 0)).backlog.map(({ text }) => text)).toEqual(lines);
  expect(await run([...CLIENT, ...as("nobody"), "--json"])).toMatchObject({ code: 4, stdout: "" });
});

test("a bot on a bad network, by the page's address, hears and says everything once and in order", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await using proxy = new Proxy(chat.webPort, new Random(7), 12_000);
  const bob = await chat.signedIn("bob", "#lobby");
  const server = `http://127.0.0.1:${proxy.port}`;
  const account = { server, user: "alice", password: PASSWORD, rooms: ["#lobby"] };
  let alice: Awaited<ReturnType<typeof connect>> | undefined;
  while (alice === undefined) alice = await connect(account).catch(() => undefined); // the first try is not repeated
  const texts = (who: string) => Array.from({ length: 60 }, (_, n) => `${who} ${n} ${".".repeat(300)}`);
  for (const text of texts("alice")) void alice.say("#lobby", text);
  void bob.say("#lobby", ...texts("bob"));
  const heard: Record<string, string[]> = { alice: [], bob: [] };
  while (heard.alice!.length < 60 || heard.bob!.length < 60) {
    const event = await alice.next();
    if (event?.type === "offline") alice.retryNow();
    if (event?.type === "message") heard[event.from]!.push(event.text);
  }
  expect(heard).toEqual({ alice: texts("alice"), bob: texts("bob") });
  expect(proxy.resets + proxy.fins).toBeGreaterThan(3);
  proxy.calm = true;
  await alice.close();
});

/** A server that answers what comes first by this, and then goes on by `more`. */
function somebody(answer: (request: string) => string | Uint8Array, more?: (bytes: Buffer) => void) {
  const requests: string[] = [];
  const server = Bun.listen<{ isOld: boolean }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { isOld: false }),
      data(socket, bytes) {
        if (socket.data.isOld) return more?.(bytes);
        socket.data.isOld = true;
        requests.push(bytes.toString());
        socket.write(answer(bytes.toString()));
        if (more === undefined) socket.end();
      },
    },
  });
  return { port: server.port, requests, [Symbol.dispose]: () => server.stop(true) };
}

test("who is no page says why in a sentence, and is told no name and no password", async () => {
  await using chat = await startTestServer(["alice"]);
  using secret = passwordFile();
  const script = (to: string, ...more: string[]) =>
    run([...CLIENT, to, "--name", "alice", "--password-file", secret.file, "--send", "#lobby", ...more], "hi\n");
  const answers = new Map<number, string>([
    [302, "Location: https://chat.example.org/ws\r\n"],
    [400, "Content-Length: 3\r\n"],
    [403, ""],
    [404, "Content-Length: 3\r\n"],
    [503, ""],
    [101, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc=\r\n"], // an echo, not an answer
  ]);
  const others = Array.from(answers, ([status, head]) => somebody(() => `HTTP/1.1 ${status} X\r\n${head}\r\nno\n`));
  using mail = somebody(() => "220 mail.example.org ready\r\n");
  const at = (status: number) => `http://127.0.0.1:${others[[...answers.keys()].indexOf(status)]!.port}`;
  const [chatPort, pagePort] = [`127.0.0.1:${chat.port}`, `127.0.0.1:${chat.webPort}`];
  const scenes: [to: string, code: number, sentence: string, ...more: string[]][] = [
    [pagePort, 3, `${pagePort} is no chat port: it speaks HTTP. If it is Banter's page, join by http://${pagePort}`],
    [`http://${chatPort}`, 3, `http://${chatPort} is the chat's own port. Use ${chatPort}, without http.`],
    [`https://${pagePort}`, 3, `https://${pagePort} does not speak TLS. Nothing was sent. Use http://${pagePort}.`],
    [at(302), 3, `${at(302)} sends its visitors to https://chat.example.org instead.`],
    [at(400), 3, `${at(400)} does not understand HTTP (400). If it is encrypted, use https://127.0.0.1:`],
    [at(403), 3, `${at(403)} lets nobody in who calls it 127.0.0.1 (403).`],
    [at(404), 3, `${at(404)} is no page of Banter, or something in front of it lets no WebSocket through (404).`],
    [at(503), 3, `The server behind ${at(503)} is not running, or is just stopping (503).`],
    [at(101), 3, `${at(101)} is no page of Banter`],
    [`http://127.0.0.1:${mail.port}`, 3, `Whoever answers at http://127.0.0.1:${mail.port} is no Banter server.`],
    ["http://127.0.0.1:1", 3, "Nobody is listening at http://127.0.0.1:1."],
    ["http://localhost:12346/chat", 2, "No page of Banter is at /chat of localhost: it is at http://localhost:12346"],
    ["https://alice:secret@localhost", 2, "No name and no password belong in an address. See"],
    ["http:localhost", 2, '"http:localhost" is no address of a page.'],
    ["http://localhost", 2, "--trust-new is for what is encrypted. Write https:// instead.", "--trust-new"],
  ];
  await Promise.all(
    scenes.map(async ([to, code, sentence, ...more]) => {
      const { stderr, ...result } = await script(to, ...more);
      expect({ to, ...result, stderr }).toEqual({ to, code, stdout: "", stderr: expect.stringContaining(sentence) });
    }),
  );
  for (const { requests } of [...others, mail])
    for (const request of requests) {
      expect(request).toMatch(/^GET \/ws HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n(?!.*(alice|pass))/s);
      expect(request).not.toContain("Origin:");
    }
  for (const one of others) one[Symbol.dispose]();
  await expect(connect({ server: "https://localhost/x", user: "alice", password: PASSWORD })).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("No page of Banter is at /x"),
  });
});

test("frames are read however they are cut, a ping is answered, and what is no frame of a server ends the connection", async () => {
  const frame = (first: number, payload: string | Uint8Array, mask = 0) => {
    const { length } = Buffer.from(payload as string);
    const size = length < 126 ? [mask | length] : [mask | 126, length >> 8, length & 0xff];
    return Buffer.concat([Uint8Array.of(first, ...size), Buffer.from(payload as string)]);
  };
  const [long, notices] = ["é".repeat(200), (text: string) => JSON.stringify({ type: "notice", text })];
  const cut = Buffer.from(`${notices("one")}\n${notices(long)}`);
  const stream = Buffer.concat([
    frame(0x01, cut.subarray(0, 30)),
    frame(0x89, "are you there?"), // a ping between two fragments
    frame(0x00, cut.subarray(30, 101)), // in the middle of a character
    frame(0x80, cut.subarray(101)), // its last line has no LF
    frame(0x81, ""),
    frame(0x81, `${notices("three")}\n`),
  ]);
  const WRONG = { masked: frame(0x81, "abcd", 0x80), binary: frame(0x82, "x"), reserved: frame(0xc1, "x") };
  const later = { fragment: frame(0x80, "x"), "a ping in two": frame(0x09, "x") };
  for (const [what, wrong] of Object.entries({ ...WRONG, ...later })) {
    let [told, write] = [Buffer.alloc(0), (_: Uint8Array): void => {}];
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    const server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          write = (bytes) => void socket.write(bytes);
        },
        data(_, bytes) {
          told = Buffer.concat([told, bytes]);
          const [, key] = /Sec-WebSocket-Key: (\S+)/.exec(told.toString("latin1")) ?? [];
          if (key !== undefined) {
            told = Buffer.alloc(0);
            const head = `HTTP/1.1 101 Switching\r\nsec-websocket-accept:${acceptKey(key)}\r\n\r\n`;
            write(Buffer.concat([Buffer.from(head), stream.subarray(0, 1)])); // a frame begins in the same piece
            return void setImmediate(next, 1);
          }
          if (told.length >= 20) resolve();
        },
      },
    });
    const next = (at: number): void => {
      if (at === stream.length) return write(wrong);
      write(stream.subarray(at, at + 1));
      setImmediate(next, at + 1);
    };
    const link = await openWebSocket({ host: "127.0.0.1", port: server.port, isPage: true });
    const events: Event[] = [];
    link.listen((event) => events.push(event));
    expect([what, await link.gone]).toEqual([what, undefined]);
    const texts = events.map((event) => event.type === "notice" && event.text);
    expect(texts).toEqual(["one", long, "three"]);
    await answered;
    const payload = told.subarray(6, 20).map((byte, i) => byte ^ told[2 + (i & 3)]!);
    expect([told[0], told[1], Buffer.from(payload).toString()]).toEqual([0x8a, 0x80 | 14, "are you there?"]);
    server.stop(true);
  }
});
