import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Connection, Occurrence } from "../../client/connection.ts";
import { connect, receiveMessages } from "../../client/connection.ts";
import { Refused } from "../../client/tcp.ts";
import type { Message } from "../../protocol.ts";
import {
  PASSWORD,
  PATIENCE,
  spawnServer,
  startTestServer as startChat,
  temporaryFolder,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** Reads a connection as a bot does, and keeps all that it read. */
class Reader {
  readonly all: Occurrence[] = [];
  readonly #stream: AsyncGenerator<Occurrence>;

  constructor(connection: Connection) {
    this.#stream = receiveMessages(connection);
  }
  /** Reads on until an occurrence is wanted, and returns it. */
  async until(wanted: (occurrence: Occurrence) => boolean): Promise<Occurrence> {
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
const type = (type: Occurrence["type"]) => (occurrence: Occurrence) => occurrence.type === type;

describe("connect", () => {
  test("registers, joins rooms, says and hears; the answer to say is the stored message", async () => {
    await using chat = await startChat(["bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    const port = chat.port;
    const alice = await connect({ port, user: "alice", password: PASSWORD, register: true, rooms: ["#lab"] });
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
    await using chat = await startChat(["alice"]);
    const { port } = chat;
    expect(await refusal(connect({ port, user: "alice", password: "wrong-word" }))).toBe("bad_login");
    expect(await refusal(connect({ port, user: "alice", token: "1.x" }))).toBe("bad_login");
    expect(await refusal(connect({ port, user: "alice", password: PASSWORD, register: true }))).toBe("name_taken");
    expect(await refusal(connect({ port, user: "a", password: PASSWORD, register: true }))).toBe("bad_name");
    const witness = await chat.signedIn("alice");
    expect((await witness.ask({ type: "who" })).users).toEqual(["alice"]);
    await chat.server.stop();
    expect(await refusal(connect({ port, user: "alice", password: PASSWORD }))).toBe("unreachable");
  });

  test("a refused request rejects and costs nothing else", async () => {
    await using chat = await startChat(["alice"]);
    const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
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

  test("backlog brings a room's last messages, or none to a bot that answers", async () => {
    await using chat = await startChat(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lab");
    await bob.ask({ type: "say", to: "#lab", text: "old" });
    const options = { port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] };
    const [person, bot] = await Promise.all([connect(options), connect({ ...options, backlog: false })]);
    const readers = [new Reader(person!), new Reader(bot!)];
    await bob.ask({ type: "say", to: "#lab", text: "new" });
    for (const reader of readers) await reader.text("new");
    expect(readers.map(({ messages }) => messages.map(({ text }) => text))).toEqual([["old", "new"], ["new"]]);
    await Promise.all([person!.close(), bot!.close()]);
  });
});

describe("coming back", () => {
  test("after a restart it resumes its rooms, says what waited in order, and hands on everything once", async () => {
    await using chat = await startChat(["alice", "bob", "carol"]);
    const options = { port: chat.port, password: PASSWORD, rooms: ["#lab", "#attic"] };
    const alice = await connect({ ...options, user: "alice" });
    const bob = await connect({ ...options, user: "bob" });
    const [hers, his] = [new Reader(alice), new Reader(bob)];
    await alice.say("#lab", "before");
    await his.text("before");

    const waiting: Promise<Message>[] = [];
    await chat.restart(async () => {
      await his.until(type("offline"));
      for (let n = 1; n <= 50; n++) waiting.push(alice.say(n % 5 ? "#lab" : "#attic", `waited ${n}`));
      waiting.push(alice.say("carol", "private"));
      expect(alice.waiting).toHaveLength(51);
    });
    await hers.until(type("offline"));
    alice.retryNow();
    const stored = await Promise.all(waiting);
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

  test("messages under way when the server is killed are stored once, however often it is", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    let server = await spawnServer(folder.path, ["--rate", "0", "--no-web"]);
    const { port } = server;
    const alice = await connect({ port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
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

  test("it comes back by token, without the password; when the password was changed it says so and ends", async () => {
    await using chat = await startChat(["alice"]);
    const out: string[] = [];
    const onWire = (direction: "in" | "out", line: string) => void (direction === "out" && out.push(line));
    const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, onWire });
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

  test("private messages that were read are confirmed, and come neither twice nor too late", async () => {
    await using chat = await startChat(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    await bob.ask({ type: "say", to: "alice", text: "while away" });
    const options = { port: chat.port, user: "alice", password: PASSWORD };
    const alice = await connect(options);
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

    const next = await connect(options);
    const fresh = new Reader(next);
    await again.ask({ type: "say", to: "alice", text: "to the next one" });
    await fresh.text("to the next one");
    expect(fresh.messages.map(({ text }) => text)).toEqual(["to the next one"]);
    await next.close();
  });

  test("a server that was restored from an older copy is told as a reset, and the talk goes on", async () => {
    await using chat = await startChat(["alice"]);
    const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
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

  test("unavailable is sent again until it is stored, and nothing overtakes it", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    // Its files may grow to 100 or 200 KB, until the limit is lifted while it runs.
    const small = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 200; exec \"$@\"", "sh"];
    await using server = await spawnServer(folder.path, ["--rate", "0", "--no-web"], small);
    const { promise: full, resolve } = Promise.withResolvers<void>();
    const onWire = (_: string, line: string) => void (line.includes('"unavailable"') && resolve());
    const alice = await connect({ port: server.port, user: "alice", password: PASSWORD, rooms: ["#lab"], onWire });
    const answers = Array.from({ length: 100 }, (_, n) => alice.say("#lab", `${n + 1} `.padEnd(3_000, "x")));
    await full;
    expect(alice.online).toBeTrue();
    Bun.spawnSync(["prlimit", "--pid", String(server.pid), "--fsize=unlimited"]);

    const stored = await Promise.all(answers);
    expect(stored.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    await alice.close();
  });

  test("close ends the stream, refuses what was not answered, and the server sees them leave", async () => {
    await using chat = await startChat(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, rooms: ["#lab"] });
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
});
