import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTcp, receiveMessages, Refused } from "../../client.ts";
import type { Account } from "../../client/credentials.ts";
import { AccountCredentials } from "../../client/credentials.ts";
import { openTcp } from "../../client/tcp.ts";
import type { Message } from "../../protocol.ts";
import { LIMITS } from "../../protocol.ts";
import { openHistory } from "../../server/history.ts";
import type { ConnectionOptions } from "../../shared/connection.ts";
import { Connection } from "../../shared/connection.ts";
import type { ClientEvent } from "../../shared/feed.ts";
import { Lines } from "../../shared/lines.ts";
import type { Link } from "../../shared/link.ts";
import { isRoom } from "../../shared/names.ts";
import { openWebSocket } from "../../web/websocket.ts";
import { PASSWORD, PATIENCE, spawnServer, startTestServer, temporaryFolder, writeAccounts } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

/** A server, by its ports; both may change when it is started again. */
type Ports = { readonly port: number; readonly webPort: number };
const TRANSPORTS = {
  TCP: ({ port }: Ports): Promise<Link> => openTcp({ host: "127.0.0.1", port }),
  WebSocket: ({ webPort }: Ports): Promise<Link> => openWebSocket(`ws://127.0.0.1:${webPort}/ws`),
};
type Options = Account & Omit<ConnectionOptions, "open" | "credentials">;

/** A signed-in connection to a server over one of the transports; every try to open one waits for `ready`. */
async function connectOver(
  transport: keyof typeof TRANSPORTS,
  server: Ports,
  options: Options,
  ready: () => Promise<void> = async () => {},
): Promise<Connection> {
  const open = () => ready().then(() => TRANSPORTS[transport](server));
  const connection = new Connection({ ...options, credentials: new AccountCredentials(options), open });
  await connection.start();
  return connection;
}

/** Reads a connection as a bot does, and keeps all that it read. */
class Reader {
  readonly all: ClientEvent[] = [];
  readonly #stream: AsyncGenerator<ClientEvent>;

  constructor(connection: Connection) {
    this.#stream = receiveMessages(connection);
  }
  /** Reads on until an event is wanted, and returns it. */
  async until(wanted: (event: ClientEvent) => boolean): Promise<ClientEvent> {
    for (;;) {
      const { value, done } = await this.#stream.next();
      if (done) throw new Error(`the connection was closed after ${JSON.stringify(this.all.slice(-5))}`);
      this.all.push(value);
      if (wanted(value)) return value;
    }
  }
  /** Reads until this text was said. */
  async text(text: string): Promise<Message> {
    return (await this.until((one) => one.type === "message" && one.text === text)) as Message;
  }
  get messages(): Message[] {
    return this.all.filter((one) => one.type === "message");
  }
}

const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "not refused",
    (problem) => (problem instanceof Refused ? problem.code : String(problem)),
  );
const type = (type: ClientEvent["type"]) => (event: ClientEvent) => event.type === type;

describe.each(["TCP", "WebSocket"] as const)("over %s", (transport) => {
  const connect = (server: Ports, options: Options, ready?: () => Promise<void>) =>
    connectOver(transport, server, options, ready);

  test("registers, joins rooms, says and hears; the answer to say is the stored message", async () => {
    await using chat = await startTestServer(["bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    const alice = await connect(chat, { user: "alice", password: PASSWORD, register: true, rooms: ["#lab"] });
    const reader = new Reader(alice);

    const stored = await alice.say("#lab", "hello");
    expect(stored).toMatchObject({ to: "#lab", seq: 1, from: "alice", text: "hello" });
    expect(await bob.next("message")).toEqual(stored);
    await bob.ask({ type: "say", to: "#lab", text: "hi alice" });
    await reader.text("hi alice");
    expect(reader.messages.map(({ text }) => text)).toEqual(["hello", "hi alice"]);
    expect(await alice.ask({ type: "who", to: "#lab" })).toMatchObject({ users: ["bob", "alice"] });
    await alice.close();
  });

  test("a refused first try rejects with the server's own code and does not try again", async () => {
    await using chat = await startTestServer(["alice"]);
    expect(await refusal(connect(chat, { user: "alice", password: "wrong-word" }))).toBe("bad_login");
    expect(await refusal(connect(chat, { user: "alice", token: "1.x" }))).toBe("bad_login");
    expect(await refusal(connect(chat, { user: "alice", password: PASSWORD, register: true }))).toBe("name_taken");
    expect(await refusal(connect(chat, { user: "a", password: PASSWORD, register: true }))).toBe("bad_name");
    const witness = await chat.signedIn("alice");
    expect((await witness.ask({ type: "who" })).users).toEqual(["alice"]);
    await chat.server.stop();
    expect(await refusal(connect(chat, { user: "alice", password: PASSWORD }))).toBe("unreachable");
  });

  test("a refused request rejects and costs nothing else", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD, rooms: ["#lab"] });
    const answers = [
      alice.say("nobody", "hi"),
      alice.say("#attic", "hi"),
      alice.say("#lab", " "),
      alice.say("#lab", "hi"),
    ];
    expect(await Promise.all(answers.slice(0, 3).map(refusal))).toEqual(["unknown_user", "not_in_room", "empty_text"]);
    expect(await answers[3]).toMatchObject({ seq: 1 });
    expect(alice.online).toBeTrue();
    await alice.close();
  });

  test("a refusal with a code of a later version is final, too, and nothing waits for it", async () => {
    using later = listen((frame, write) =>
      write(frame.type === "say" ? { type: "error", id: frame.id, code: "too_late", text: "No." } : welcome(frame)),
    );
    const open = () => openTcp({ host: "127.0.0.1", port: later.port });
    const credentials = new AccountCredentials({ user: "alice", password: PASSWORD });
    const alice = new Connection({ credentials, open });
    await alice.start();
    expect(await refusal(alice.say("#lab", "hi"))).toBe("too_late");
    expect(alice.waiting).toEqual([]);
    await alice.close();
  });

  test("backlog brings a room's last messages, or none to a bot that answers", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    await bob.ask({ type: "say", to: "#lab", text: "old" });
    const options = { user: "alice", password: PASSWORD, rooms: ["#lab"] };
    const [person, bot] = await Promise.all([connect(chat, options), connect(chat, { ...options, backlog: false })]);
    const readers = [new Reader(person!), new Reader(bot!)];
    await bob.ask({ type: "say", to: "#lab", text: "new" });
    for (const reader of readers) await reader.text("new");
    expect(readers.map(({ messages }) => messages.map(({ text }) => text))).toEqual([["old", "new"], ["new"]]);
    await Promise.all([person!.close(), bot!.close()]);
  });

  test("after a restart it resumes its rooms, says what waited in order, and hands on everything once", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const options = { password: PASSWORD, rooms: ["#lab", "#attic"] };
    const alice = await connect(chat, { ...options, user: "alice" });
    let ready = Promise.resolve();
    const bob = await connect(chat, { ...options, user: "bob" }, () => ready);
    const [hers, his] = [new Reader(alice), new Reader(bob)];
    await alice.say("#lab", "before");
    await his.text("before");

    const waiting: Promise<Message>[] = [];
    const { promise, resolve: letBobReturn } = Promise.withResolvers<void>();
    ready = promise;
    await chat.restart(async () => {
      await his.until(type("offline"));
      for (let n = 1; n <= 50; n++) waiting.push(alice.say(n % 5 ? "#lab" : "#attic", `waited ${n}`));
      waiting.push(alice.say("carol", "private"));
      expect(alice.waiting).toHaveLength(51);
    });
    await hers.until(type("offline"));
    alice.retryNow();
    const stored = await Promise.all(waiting);
    letBobReturn();
    bob.retryNow();
    const online = await his.until(type("online"));
    await alice.say("#lab", "after");
    await his.text("after");
    await hers.text("after");

    expect(stored.map(({ text }) => text)).toEqual([
      ...Array.from({ length: 50 }, (_, n) => `waited ${n + 1}`),
      "private",
    ]);
    expect(online).toEqual({ type: "online", missed: 50 });
    for (const { messages } of [hers, his])
      for (const [room, last] of [
        ["#lab", 42],
        ["#attic", 10],
      ] as const)
        expect(messages.filter(({ to }) => to === room).map(({ seq }) => seq)).toEqual(
          Array.from({ length: last }, (_, n) => n + 1),
        );
    expect(hers.messages.filter(({ to }) => to === "carol")).toHaveLength(1);
    expect(alice.waiting).toEqual([]);
    await Promise.all([alice.close(), bob.close()]);
  });

  test("private messages that were read are confirmed, and come neither twice nor too late", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    await bob.ask({ type: "say", to: "alice", text: "while away" });
    const options = { user: "alice", password: PASSWORD };
    const alice = await connect(chat, options);
    const reader = new Reader(alice);
    await reader.text("while away");
    await bob.ask({ type: "say", to: "alice", text: "live" });
    await reader.text("live");
    await chat.restart();
    await reader.until(type("offline"));
    alice.retryNow();
    await reader.until(type("online"));
    const again = await chat.signedIn("bob");
    await again.ask({ type: "say", to: "alice", text: "after" });
    await reader.text("after");
    await alice.close();
    expect(reader.messages.map(({ text }) => text)).toEqual(["while away", "live", "after"]);

    const next = await connect(chat, options);
    const fresh = new Reader(next);
    await again.ask({ type: "say", to: "alice", text: "to the next one" });
    await fresh.text("to the next one");
    expect(fresh.messages.map(({ text }) => text)).toEqual(["to the next one"]);
    await next.close();
  });

  test("a server that was restored from an older copy is told as a reset, and the talk goes on", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD, rooms: ["#lab"] });
    const reader = new Reader(alice);
    const back = async () => {
      await reader.until(type("offline"));
      alice.retryNow();
      await reader.until(type("online"));
    };
    const [file, copy] = [join(chat.data, "chat.db"), join(chat.data, "copy")];
    await alice.say("#lab", "one");
    await chat.restart(() => copyFileSync(file, copy));
    await back();
    await alice.say("#lab", "lost");
    await reader.text("lost");
    await chat.restart(() => copyFileSync(copy, file));
    await back();
    await alice.say("#lab", "two");
    await reader.text("two");

    expect(reader.all).toContainEqual({ type: "reset", to: "#lab" });
    expect(reader.messages.at(-1)).toMatchObject({ seq: 2, text: "two" });
    await alice.close();
  });

  test("close ends the stream, refuses what was not answered, and the server sees them leave", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    const alice = await connect(chat, { user: "alice", password: PASSWORD, rooms: ["#lab"] });
    await bob.next("joined");
    let ended = false;
    const reading = (async () => {
      for await (const _ of receiveMessages(alice));
      ended = true;
    })();
    await Promise.all([alice.close(), alice.close()]);
    await reading;
    expect(ended).toBeTrue();
    expect(await refusal(alice.say("#lab", "too late"))).toBe("closed");
    expect(await bob.next("left")).toMatchObject({ to: "*", users: ["alice"] });
  });

  test("after a restore from an older copy, what was then written to the inbox is not taken for what was there before", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD });
    const reader = new Reader(alice);
    const [file, copy] = [join(chat.data, "chat.db"), join(chat.data, "copy")];
    const say = async (text: string) => {
      const bob = await chat.signedIn("bob");
      await bob.ask({ type: "say", to: "alice", text });
      await reader.text(text);
    };
    await say("one");
    await chat.restart(() => copyFileSync(file, copy));
    await reader.until(type("offline"));
    alice.retryNow();
    await reader.until(type("caught up"));
    for (const text of ["lost 1", "lost 2", "lost 3"]) await say(text);
    await chat.restart(() => {
      copyFileSync(copy, file);
      return store(chat.data, [{ to: "alice", from: "bob", text: "two" }]);
    });
    await reader.until(type("offline"));
    alice.retryNow();
    await reader.until(type("caught up"));

    expect(reader.all).toContainEqual({ type: "reset", to: "@" });
    expect(reader.messages.at(-1)).toMatchObject({ seq: 2, text: "two" });
    await alice.close();
  });

  test("what another device confirms while this one is away still comes", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD });
    const reader = new Reader(alice);
    const [bob, phone] = [await chat.signedIn("bob"), await chat.signedIn("alice")];
    await reader.until(type("caught up"));
    alice.unplug();
    expect(await reader.until(type("offline"))).toMatchObject({ reason: "This device is offline." });
    await bob.ask({ type: "say", to: "alice", text: "1 first" });
    await phone.next("message");
    await phone.ask({ type: "seen", seq: 1 });
    alice.probe();
    await reader.until(type("caught up"));
    await bob.ask({ type: "say", to: "alice", text: "2 second" });
    await reader.text("2 second");
    expect(reader.messages.map(({ text }) => text)).toEqual(["1 first", "2 second"]);
    await alice.close();
  });

  test("the answer to ask comes at once, the one to send after all that came before it", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD, rooms: ["#lab"] });
    const bob = await chat.signedIn("bob", "#lab");
    for (let n = 1; n <= 20; n++) await bob.ask({ type: "say", to: "#lab", text: `${n}` });
    alice.send({ type: "who", to: "#lab" });
    alice.send({ type: "say", to: "#lab", text: "21" });
    alice.send({ type: "say", to: "#attic", text: "nowhere" });
    expect(await alice.ask({ type: "who", to: "#lab" })).toMatchObject({ users: ["alice", "bob"] });

    const reader = new Reader(alice);
    await reader.until((event) => event.type === "answered" && event.answer.type === "error");
    const order = reader.all.flatMap((event) => {
      if (event.type === "message") return event.text;
      return event.type === "answered" ? `${event.request.type}: ${event.answer.type}` : [];
    });
    const said = Array.from({ length: 20 }, (_, n) => `${n + 1}`);
    expect(order).toEqual([...said, "who: ok", "21", "say: message", "say: error"]);
    await alice.close();
  });

  test("who is closed is told what was never sent", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await connect(chat, { user: "alice", password: PASSWORD, rooms: ["#lab"] });
    alice.unplug();
    alice.send({ type: "say", to: "#lab", text: "too late" });
    await alice.close();
    expect(alice.waiting.map(({ text }) => text)).toEqual(["too late"]);
  });

  test("an inbox that is full does not keep anybody from signing in", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const draft = { to: "alice", from: "bob", text: "while you were away" };
    await chat.restart(() => store(chat.data, Array(LIMITS.inbox).fill(draft)));
    const alice = await connect(chat, { user: "alice", password: PASSWORD });
    const reader = new Reader(alice);
    expect(await reader.until(type("caught up"))).toEqual({ type: "caught up", missed: LIMITS.inbox });
    expect(reader.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: LIMITS.inbox }, (_, n) => n + 1));
    await alice.close();
  });
});

describe("over TCP, seen from the wire", () => {
  test("messages under way when the server is killed are stored once, however often it is", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    let server = await spawnServer(folder.path, ["--rate", "0", "--no-web"]);
    const { port } = server;
    const alice = await connectTcp({ port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
    const reader = new Reader(alice);
    const answers = Array.from({ length: 600 }, (_, n) => alice.say("#lab", `${n + 1}`));
    for (let kill = 1; kill <= 2; kill++) {
      await answers[kill * 100];
      await server.kill9();
      server = await spawnServer(folder.path, ["--rate", "0", "--no-web", "--port", String(port)]);
      await reader.until(type("offline"));
      alice.retryNow();
    }
    const stored = await Promise.all(answers);
    await reader.text("600");
    await alice.close();
    await server[Symbol.asyncDispose]();

    expect(stored.map(({ seq, text }) => `${seq} ${text}`)).toEqual(stored.map((_, n) => `${n + 1} ${n + 1}`));
    expect(reader.messages).toEqual(stored);
  });

  test("what is said is counted in each conversation by itself, over lost connections, and no id is given twice", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const asked = new Map<string, string>(); // what a frame asked, by its id
    const onWire = (direction: "in" | "out", line: string) => {
      if (direction === "in") return;
      const { id, ...request } = JSON.parse(line);
      if (id === undefined) return;
      expect(asked.get(id) ?? JSON.stringify(request)).toBe(JSON.stringify(request));
      asked.set(id, JSON.stringify(request));
    };
    const connection = () =>
      connectTcp({
        host: "127.0.0.1",
        port: chat.port,
        user: "alice",
        password: PASSWORD,
        rooms: ["#lab", "#den"],
        onWire,
      });
    const [laptop, phone] = [await connection(), await connection()];
    const reader = new Reader(laptop);
    const said: Promise<Message>[] = [];
    for (let n = 0; n < 30; n++) {
      if (n === 10) await chat.restart(() => reader.until(type("offline")).then(() => {}));
      if (n === 10) for (const one of [laptop, phone]) one.retryNow();
      for (const one of [laptop, phone]) {
        for (const to of ["#lab", "bob", "#den", "carol"]) if (to !== "#den" || n % 2) said.push(one.say(to, `${n}`));
        void one.ask({ type: "who" });
      }
    }
    const counted: Record<string, number[]> = {};
    for (const { to, id } of await Promise.all(said)) {
      const [, prefix, number] = /^([!-}][!-~]*)-([1-9]\d{0,14})$/.exec(id)!;
      (counted[`${isRoom(to) ? to : "@"} ${prefix}`] ??= []).push(Number(number));
      expect(id.length).toBeLessThanOrEqual(LIMITS.id);
    }
    const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
    const sizes = [15, 15, 30, 30, 60, 60]; // #den, #lab and the inbox, of two connections
    expect(Object.values(counted).toSorted((one, other) => one.length - other.length)).toEqual(sizes.map(upTo));
    expect(new Set(Object.keys(counted).map((key) => key.split(" ")[1])).size).toBe(6);
    await Promise.all([laptop.close(), phone.close()]);
  });

  test("it comes back by token, without the password; when the password was changed it says so and ends", async () => {
    await using chat = await startTestServer(["alice"]);
    const out: string[] = [];
    const onWire = (direction: "in" | "out", line: string) => void (direction === "out" && out.push(line));
    const alice = await connectTcp({ port: chat.port, user: "alice", password: PASSWORD, onWire });
    const reader = new Reader(alice);
    await chat.restart();
    await reader.until(type("offline"));
    alice.retryNow();
    await reader.until(type("online"));
    const logins = () => out.filter((line) => line.includes('"login"')).map((line) => JSON.parse(line));
    expect(logins()).toMatchObject([{ password: PASSWORD }, { token: expect.any(String) }]);
    expect(logins()[1]).not.toHaveProperty("password");

    await chat.restart(async () => {
      const password = await Bun.password.hash("another-word", {
        algorithm: "argon2id",
        memoryCost: 1024,
        timeCost: 1,
      });
      writeFileSync(join(chat.data, "users.json"), JSON.stringify({ alice: { password } }));
    });
    await reader.until(type("offline"));
    alice.retryNow();
    expect(await reader.until(type("error"))).toMatchObject({ code: "bad_login" });
    expect(await reader.until(() => true).catch((problem) => problem.message)).toContain("the connection was closed");
    expect(await refusal(alice.say("#lab", "hello?"))).toBe("closed");
  });

  test.if(has("prlimit"))("unavailable is sent again until it is stored, and nothing overtakes it", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    // Its files may grow to 100 or 200 KB, until the limit is lifted while it runs.
    const small = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 200; exec \"$@\"", "sh"];
    await using server = await spawnServer(folder.path, ["--rate", "0", "--no-web"], small);
    const { promise: full, resolve } = Promise.withResolvers<void>();
    const onWire = (_: string, line: string) => void (line.includes('"unavailable"') && resolve());
    const alice = await connectTcp({ port: server.port, user: "alice", password: PASSWORD, rooms: ["#lab"], onWire });
    const answers = Array.from({ length: 100 }, (_, n) => alice.say("#lab", `${n + 1} `.padEnd(3_000, "x")));
    await full;
    expect(alice.online).toBeTrue();
    Bun.spawnSync(["prlimit", "--pid", String(server.pid), "--fsize=unlimited"]);

    const stored = await Promise.all(answers);
    expect(stored.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    await alice.close();
  });

  test("a reader that falls behind is not read ahead of, unless an answer is waited for, and gets everything", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const { promise: paused, resolve: pausedOnce } = Promise.withResolvers<void>();
    const pauses: boolean[] = [];
    const open = async () => {
      const link = await TRANSPORTS.TCP(chat);
      const pause = link.pause.bind(link);
      link.pause = (on) => {
        if (on !== (pauses.at(-1) ?? false)) pauses.push(on);
        if (on) pausedOnce();
        pause(on);
      };
      return link;
    };
    const credentials = new AccountCredentials({ user: "alice", password: PASSWORD });
    const alice = new Connection({ credentials, open, rooms: ["#lab"] });
    await alice.start();
    const bob = await chat.signedIn("bob", "#lab");
    for (let n = 1; n <= 3_000; n++) bob.send({ type: "say", to: "#lab", text: `${n}` });
    await paused;
    const answer = await alice.ask({ type: "say", to: "#lab", text: "am I late?" });
    expect(pauses).toContain(false); // to wait for the answer

    const reader = new Reader(alice);
    while (reader.messages.length < 3_001) await reader.until(type("message"));
    expect(reader.messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 3_001 }, (_, n) => n + 1));
    expect(reader.messages).toContainEqual(answer as Message);
    expect(pauses.at(-1)).toBe(false);
    await alice.close();
  });

  test("a hole in what a server replays with its answer to the sign-in is a try that failed, and the next one comes", async () => {
    const message = (seq: number) => ({
      type: "message",
      to: "alice",
      seq,
      from: "bob",
      id: `b-${seq}`,
      at: 0,
      text: `${seq}`,
    });
    let logins = 0;
    using server = Bun.listen<Lines>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void (socket.data = new Lines()),
        data(socket, chunk) {
          for (const line of socket.data.push(chunk)) {
            const { type, id } = JSON.parse(line!);
            if (type === "login") logins++;
            const answer: object[] = [{ type: "ok", id, seq: 0 }];
            if (type === "login" && logins === 2) answer.push(message(1), message(3));
            if (type === "say") socket.end();
            else socket.write(answer.map((one) => JSON.stringify(one) + "\n").join(""));
          }
        },
      },
    });
    const alice = await connectTcp({ port: server.port, host: "127.0.0.1", user: "alice", password: PASSWORD });
    const reader = new Reader(alice);
    await reader.until(type("caught up"));
    void alice.say("bob", "this ends the connection"); // and again whenever it is back
    expect(await reader.until(type("offline"))).toMatchObject({ code: "lost" });
    alice.retryNow();
    expect(await reader.until(type("offline"))).toMatchObject({ reason: "Something was missing." });
    alice.retryNow();
    await reader.until(type("caught up"));
    await alice.close();
  });

  test("a code that nobody knows is final for a bot", async () => {
    using server = listen((frame, write) => {
      if (frame.type === "say") write({ type: "error", id: frame.id, code: "quiet", text: "Nobody may speak now." });
      else write(welcome(frame));
    });
    const bot = await connectTcp({ host: "127.0.0.1", port: server.port, user: "alice", password: PASSWORD });
    expect(await refusal(bot.say("bob", "hello"))).toBe("quiet");
    expect(bot.waiting).toEqual([]);
    await bot.close();
  });

  test("a server that is silent is asked whether it is there, and given up when it does not answer", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    await using server = await spawnServer(folder.path, ["--no-web"]);
    const options = { port: server.port, user: "alice", password: PASSWORD };
    let asked = 0;
    const { promise: askedTwice, resolve } = Promise.withResolvers<void>();
    const onWire = (direction: "in" | "out", line: string) => {
      if (direction === "out" && line === '{"type":"ping"}' && ++asked === 2) resolve();
    };
    const patient = await connectTcp({ ...options, onWire, silence: { ask: 50, gone: PATIENCE } });
    await askedTwice; // so the first was answered
    expect(patient.online).toBeTrue();
    await patient.close();

    const hasty = await connectTcp({ ...options, silence: { ask: 100, gone: 3_000 } });
    process.kill(server.pid, "SIGSTOP");
    const reader = new Reader(hasty);
    expect(await reader.until(type("offline"))).toMatchObject({ code: "lost", reason: "The server does not answer." });
    process.kill(server.pid, "SIGCONT");
    await hasty.close();
  });
});

/** Stores messages while no server runs. */
async function store(data: string, drafts: { to: string; from: string; text: string }[]): Promise<void> {
  const history = openHistory(join(data, "chat.db"));
  await history.append(drafts.map((draft, index) => ({ ...draft, id: `d-${index}` })));
  history.close();
}
