import { expect, setDefaultTimeout, test } from "bun:test";
import type { Message } from "../../protocol.ts";
import { connect, receiveMessages, Refused } from "../../client.ts";
import type { SocketLink } from "../../client/socket.ts";
import type { ClientEvent } from "../../shared/feed.ts";
import {
  PASSWORD,
  PATIENCE,
  passwordFile,
  run,
  spawnServer,
  startTestServer,
  temporaryFolder,
  writeAccounts,
} from "../kit/harness.ts";
import { listen, welcome } from "../kit/scripted.ts";
import { tap } from "../kit/tap.ts";

setDefaultTimeout(PATIENCE);

const at = (...ports: number[]) => ports.map((port) => `127.0.0.1:${port}`).join(",");
const account = { user: "alice", password: PASSWORD, rooms: ["#lobby"] };

/** A port at which nobody listens. */
function nobody(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

/** Somebody who counts who comes, and says nothing. */
function silent() {
  let visits = 0;
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { open: () => void visits++, data() {} } });
  return { port: server.port, visits: () => visits, [Symbol.dispose]: () => server.stop(true) };
}

/** What a bot reads, as far as it was asked to read on. */
function reader(chat: AsyncIterable<ClientEvent>) {
  const all: ClientEvent[] = [];
  const stream = chat[Symbol.asyncIterator]();
  return {
    all,
    async until(wanted: (event: ClientEvent) => boolean): Promise<any> {
      for (;;) {
        const { value, done } = await stream.next();
        if (done) throw new Error(`it was closed after ${JSON.stringify(all.slice(-5))}`);
        all.push(value);
        if (wanted(value)) return value;
      }
    },
    texts: () => all.flatMap((event) => (event.type === "message" ? event.text : [])),
  };
}
const refusal = (promise: Promise<unknown>): Promise<Refused> =>
  promise.then(
    () => Promise.reject(new Error("it was not refused")),
    (problem) => (problem instanceof Refused ? problem : Promise.reject(problem)),
  );

test("a bot comes in by the first server that answers; when none does one sentence names all and why", async () => {
  await using chat = await startTestServer(["alice"]);
  const [one, two] = [nobody(), nobody()];
  const bot = await connect({ ...account, server: at(one, chat.port) });
  expect(await bot.say("#lobby", "hello")).toMatchObject({ seq: 1 });
  await bot.close();
  const page = await connect({ ...account, server: `${at(one)},http://127.0.0.1:${chat.webPort}` });
  expect(await page.say("#lobby", "by the page")).toMatchObject({ seq: 2 });
  await page.close();

  using stranger = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end("220 mail.example.org ready\r\n") },
  });
  const { code, message } = await refusal(
    connect({
      ...account,
      server: at(one, stranger.port, two, chat.webPort, chat.port).replace(/[^,]*$/, "http://$&"),
    }),
  );
  expect(code).toBe("unreachable");
  expect(message).toBe(
    `None of the 5 servers lets you in: ${at(one)}, ${at(two)} (nobody is listening); ${at(stranger.port)} (no Banter server); ` +
      `${at(chat.webPort)} (is no chat port: it speaks HTTP); http://${at(chat.port)} (is the chat's own port).`,
  );
});

test("a server that accepts and says nothing is given up for the next one", async () => {
  await using chat = await startTestServer(["alice"]);
  using first = silent();
  const bot = await connect({ ...account, server: at(first.port, chat.port), patience: 2_000 });
  expect([first.visits(), (await bot.say("#lobby", "hello")).seq]).toEqual([1, 1]);
  await bot.close();
});

test("a refusal of the account is the chat's answer: no other server is asked", async () => {
  await using chat = await startTestServer(["alice"]);
  using other = silent();
  const server = at(chat.port, other.port);
  expect((await refusal(connect({ ...account, server, password: "not-the-one" }))).code).toBe("bad_login");
  for (const code of ["no_entry", "throttled"]) {
    using strict = listen((frame, write) =>
      write(frame.type === "login" ? { type: "error", id: frame.id, code, text: "No.", after: 60 } : welcome(frame)),
    );
    const problem = await refusal(connect({ ...account, server: at(strict.port, other.port) }));
    expect([problem.code, problem.after]).toEqual([code, 60]);
  }
  expect(other.visits()).toBe(0);
});

test.each(["unavailable", "busy", "server_full", "internal"])(
  "a server that says %s is left for the next one; when all say so the wait is told",
  async (code) => {
    await using chat = await startTestServer(["alice"]);
    using ailing = listen((frame, write) =>
      write(
        frame.type === "login" ? { type: "error", id: frame.id, code, text: "Not now.", after: 7 } : welcome(frame),
      ),
    );
    const bot = await connect({ ...account, server: at(ailing.port, chat.port) });
    expect(await bot.say("#lobby", "hello")).toMatchObject({ seq: 1 });
    await bot.close();
    const problem = await refusal(connect({ ...account, server: at(nobody(), ailing.port) }));
    expect([problem.code, problem.after]).toEqual([code, 7]);
  },
);

test("after a loss the next server is tried at once, the lost one last; then all wait, and go round again", async () => {
  await using chat = await startTestServer(["alice"]);
  const first = tap(chat.port);
  const gone = nobody();
  const bot = await connect({ ...account, server: at(first.port, gone) });
  const read = reader(receiveMessages(bot));
  expect(await read.until(({ type }) => type === "online")).toMatchObject({ server: at(first.port) });
  first.cut();
  const told = [];
  do told.push(await read.until(({ type }) => type === "offline"));
  while (told.at(-1).retry === 0);
  expect(told.map(({ code, server, retry }) => [code, server, retry > 0])).toEqual([
    ["lost", at(gone), false],
    ["unreachable", at(first.port), true],
  ]);
  bot.retryNow(); // all were tried and waited for: one round more, from the first
  const round = [
    await read.until(({ type }) => type === "offline"),
    await read.until(({ type }) => type === "offline"),
  ];
  expect(round.map(({ server, retry }) => [server, retry > 0])).toEqual([
    [at(gone), false],
    [at(first.port), true],
  ]);
  expect(round[1].reason).toBe(
    `None of the 2 servers lets you in: ${at(first.port)}, ${at(gone)} (nobody is listening).`,
  );
  await bot.close();
});

test("after a loss a server that is not trusted is told of and passed over", async () => {
  await using chat = await startTestServer(["alice"]);
  const first = tap(chat.port);
  using third = tap(chat.port);
  const judgeLink = ({ server }: SocketLink) =>
    server.port === chat.port ? new Refused({ code: "untrusted", text: "WARNING: IT HAS CHANGED." }) : undefined;
  const bot = await connect({ ...account, server: at(first.port, chat.port, third.port), judgeLink });
  const read = reader(receiveMessages(bot));
  await read.until(({ type }) => type === "online");
  first.cut();
  const told = [];
  do told.push(await read.until(({ type }) => type === "offline" || type === "online"));
  while (told.at(-1).type === "offline");
  expect(told.map(({ code, server, reason }) => [code, server, reason])).toEqual([
    ["lost", at(chat.port), "The connection was lost."],
    ["untrusted", at(third.port), "WARNING: IT HAS CHANGED."],
    [undefined, at(third.port), undefined],
  ]);
  await bot.close();
  const later = await connect({ ...account, server: at(chat.port, third.port), judgeLink }); // also the first time
  const begun = reader(receiveMessages(later));
  await begun.until(({ type }) => type === "online");
  expect(begun.all).toMatchObject([{ type: "offline", code: "untrusted", retry: 0 }, { type: "online" }]);
  await later.close();
});

test("servers that let in and drop again and again are not tried without a pause", async () => {
  let logins = 0;
  const dropping = () =>
    listen((frame, write) => {
      if (frame.type === "login") logins++;
      if (frame.type !== "say") return write(welcome(frame));
      for (const one of both) for (const socket of one.sockets) socket.end();
    });
  const both = [dropping(), dropping()];
  const bot = await connect({ ...account, server: at(...both.map(({ port }) => port)) });
  const read = reader(receiveMessages(bot));
  void bot.say("#lobby", "this ends the connection, wherever it is said").catch(() => {});
  const pauses = [];
  for (let loss = 0; loss < 3; loss++) pauses.push((await read.until(({ type }) => type === "offline")).retry > 0);
  expect(pauses).toEqual([false, true, false]);
  expect(logins).toBe(3);
  await bot.close();
  for (const one of both) one[Symbol.dispose]();
});

test.each(["says", "answers"] as const)(
  "one chat behind two ports: %s that were on their way when the first was cut are stored once, nothing is missed",
  async (what) => {
    await using chat = await startTestServer(["alice", "bob"]);
    using first = tap(chat.port);
    const bob = await chat.signedIn("bob", "#lobby");
    const bot = await connect({ ...account, server: at(first.port, chat.port) });
    const read = reader(receiveMessages(bot));
    await bot.say("#lobby", "one");
    const kept = first.keep(what);
    const said = [bot.say("#lobby", "two"), bot.say("bob", "psst"), bot.say("#lobby", "three")];
    await kept;
    await bob.say("#lobby", "from bob");
    first.cut();
    const stored = await Promise.all(said);
    await bob.say("#lobby", "and again");
    await read.until((event) => event.type === "message" && event.text === "and again");
    expect(read.all.filter(({ type }) => type === "reset")).toEqual([]);
    const history = await bob.ask({ type: "history", to: "#lobby", limit: 50 });
    expect(read.all.flatMap((event) => (event.type === "message" && event.to === "#lobby" ? event.text : []))).toEqual(
      history.messages.map(({ text }: Message) => text),
    );
    expect(history.messages.map(({ text }: Message) => text).toSorted()).toEqual(
      ["one", "two", "three", "from bob", "and again"].toSorted(),
    );
    expect(stored.map(({ text }) => text)).toEqual(["two", "psst", "three"]);
    expect((await bob.ask({ type: "history", to: "@", with: "alice" })).messages).toHaveLength(1);
    await bot.close();
  },
);

test("two servers that share nothing: when one is killed the other's conversation begins as a reset, and back", async () => {
  using folders = temporaryFolder();
  const start = (name: string, port = 0) => {
    const data = `${folders.path}/${name}`;
    if (port === 0) writeAccounts(data, ["alice"]);
    return spawnServer(data, ["--no-web", "--port", `${port}`]);
  };
  const [one, two] = await Promise.all([start("one"), start("two")]);
  const bot = await connect({ ...account, server: at(one.port, two.port) });
  const read = reader(receiveMessages(bot));
  const isReset = (event: ClientEvent) => event.type === "reset" && event.to === "#lobby";
  await bot.say("#lobby", "at the first");
  await bot.say("#lobby", "at the first, too");
  await one.kill9();
  expect(await read.until(({ type }) => type === "offline")).toMatchObject({ retry: 0, server: at(two.port) });
  await read.until(isReset);
  expect(await bot.say("#lobby", "at the second")).toMatchObject({ seq: 1 });
  await using again = await start("one", one.port);
  await two.kill9();
  await read.until(({ type }) => type === "offline");
  bot.retryNow();
  expect(await read.until(({ type }) => type === "online")).toMatchObject({ server: at(again.port) });
  await read.until(isReset);
  expect(await bot.say("#lobby", "back")).toMatchObject({ seq: 3 });
  await bot.close();
});

test("a wrong list is told in one sentence, and nobody is connected to", async () => {
  const lists: [string, string][] = [
    ["localhost,,localhost:2", 'An address is missing in "localhost,,localhost:2"'],
    ["localhost,", 'An address is missing in "localhost,"'],
    ["localhost,LOCALHOST:12345", "localhost:12345 is twice in the list."],
    ["a,b,c,d,e,f,g,h,i", "9 addresses are too many: a list has at most 8."],
    ["localhost,host:0", '"host:0" is no HOST[:PORT].'],
    ["localhost,http://host/x", "No page of Banter is at /x of host"],
  ];
  await Promise.all(
    lists.map(async ([list, sentence]) => {
      const { code, stderr } = await run([process.execPath, "client.ts", list]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(sentence)]);
      expect(stderr.trim().split("\n")).toHaveLength(1);
      expect((await refusal(connect({ ...account, server: list }))).message).toContain(sentence);
    }),
  );
});

test("a script sends its lines by the server that answers, and ends with 3 when none does", async () => {
  await using chat = await startTestServer(["alice"]);
  using secret = passwordFile();
  const [one, two] = [nobody(), nobody()];
  const send = (list: string) =>
    run(
      [process.execPath, "client.ts", list, "--name", "alice", "--password-file", secret.file, "--send", "#lobby"],
      "hello\n",
    );
  expect(await send(at(one, chat.port))).toEqual({ code: 0, stdout: "", stderr: "" });
  expect(await send(at(one, two))).toEqual({
    code: 3,
    stdout: "",
    stderr: `* None of the 2 servers lets you in: ${at(one)}, ${at(two)} (nobody is listening).\n`,
  });
});
