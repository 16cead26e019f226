import { expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import { openHistory } from "../../server/history.ts";
import {
  PASSWORD,
  PATIENCE,
  REPOSITORY,
  run,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

/** Reads what a program prints, line by line. */
class Output {
  readonly lines: string[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  constructor(stream: ReadableStream<Uint8Array>) {
    void this.#read(stream);
  }
  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop()!;
      this.lines.push(...lines);
      this.#wake?.();
    }
    this.#ended = true;
    this.#wake?.();
  }
  async until(wanted: (lines: string[]) => boolean): Promise<void> {
    while (!wanted(this.lines)) {
      if (this.#ended) throw new Error(`it ended; it had printed: ${JSON.stringify(this.lines)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

function startPython(port: number, name = "alice", password = PASSWORD) {
  return Bun.spawn(["python3", join(REPOSITORY, "examples/client.py"), name, `localhost:${port}`], {
    env: { ...process.env, BANTER_PASSWORD: password },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}

test("the Python client is shorter than 120 lines and imports the standard library alone", async () => {
  const source = await Bun.file(join(REPOSITORY, "examples/client.py")).text();
  expect(source.split("\n").length - 1).toBeLessThan(120);
  expect(source.match(/^(import|from) .*/gm)).toHaveLength(1);
});

test.if(has("python3"))(
  "the Python client loses nothing and shows nothing twice while the server is killed in the middle",
  async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    const first = await spawnServer(folder.path, ["--rate", "0"]);
    await using alice = startPython(first.port);
    const screen = new Output(alice.stdout);
    const bob = await Wire.open(first.port);
    await bob.login("bob");
    await bob.join("#lobby");
    alice.stdin.write("hello from Python\n/msg bob psst\n");
    alice.stdin.flush();
    expect(await bob.next<Message>((event) => event.type === "message" && event.to === "#lobby")).toMatchObject({
      from: "alice",
      text: "hello from Python",
    });
    for (let n = 1; n <= 100; n++) await bob.ask({ type: "say", to: "#lobby", text: `before ${n}` });
    await bob.ask({ type: "say", to: "alice", text: "a private word" });
    await screen.until((lines) => lines.includes("[pm] bob: a private word"));

    for (let n = 1; n <= 40; n++) alice.stdin.write(`typed ${n}\n`); // some are on their way when the server dies
    alice.stdin.flush();
    await bob.next<Message>((event) => event.type === "message" && event.text === "typed 3");
    await first.kill9();
    await screen.until((lines) => lines.includes("* The connection was lost. Coming back."));
    await using second = await spawnServer(folder.path, ["--rate", "0", "--port", String(first.port)]);
    const again = await Wire.open(second.port);
    await again.login("bob");
    await again.join("#lobby");
    await again.ask({ type: "say", to: "alice", text: "after the restart \u202eevil\u202c" });
    await screen.until((lines) => lines.includes("[pm] bob: after the restart evil"));
    alice.stdin.write("the last word\n!exit\n");
    alice.stdin.end();
    expect(await alice.exited).toBe(0);

    const { messages } = await again.ask({ type: "history", to: "#lobby", limit: 200 });
    const stored = messages.map(({ from, text }: Message) => `${from}: ${text}`);
    const ids: string[] = messages.flatMap(({ from, id }: Message) => (from === "alice" ? id.split("-") : []));
    expect(ids).toEqual(Array.from({ length: 84 }, (_, n) => (n % 2 ? `${(n + 1) / 2}` : ids[0]!)));
    const typed = ["hello from Python", ...Array.from({ length: 40 }, (_, n) => `typed ${n + 1}`), "the last word"];
    expect(stored.filter((line: string) => line.startsWith("alice"))).toEqual(typed.map((text) => `alice: ${text}`));
    expect(screen.lines.filter((line) => /^(alice|bob): /.test(line))).toEqual(stored);
    expect(screen.lines.filter((line) => line.startsWith("[pm]"))).toEqual([
      "[pm] alice: psst",
      "[pm] bob: a private word",
      "[pm] bob: after the restart evil",
    ]);
  },
);

test.if(has("python3"))(
  "the Python client shows all of an older history that has grown past what it had seen",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const say = async (port: number, text: string, count: number) => {
      const bob = await Wire.open(port);
      await bob.login("bob");
      await bob.join("#lobby");
      for (let n = 1; n <= count; n++)
        for (const to of ["#lobby", "alice"]) await bob.ask({ type: "say", to, text: `${text} ${n}` });
      bob.close();
    };
    const [file, copy] = [join(chat.data, "chat.db"), join(chat.data, "copy.db")];
    await chat.restart(async () => {
      const history = openHistory(file);
      await history.copy(copy, new AbortController().signal);
      history.close();
    });
    await using alice = startPython(chat.port);
    const screen = new Output(alice.stdout);
    await say(chat.port, "lost", 3);
    await screen.until((lines) => lines.includes("bob: lost 3") && lines.includes("[pm] bob: lost 3"));
    await chat.restart(async () => {
      copyFileSync(copy, file);
      await using other = await startTestServer([], { data: chat.data });
      await say(other.port, "new", 5);
    });
    await screen.until((lines) => lines.includes("bob: new 5") && lines.includes("[pm] bob: new 5"));
    const shown = (start: string) => screen.lines.filter((line) => line.startsWith(start));
    for (const who of ["bob: ", "[pm] bob: "])
      expect(shown(`${who}new`)).toEqual([1, 2, 3, 4, 5].map((n) => `${who}new ${n}`));
    alice.stdin.end();
    expect(await alice.exited).toBe(0);
  },
);

test.if(has("python3"))("the Python client goes on where the account has stopped, also as a new process", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  const say = async (text: string, count: number) => {
    for (let n = 1; n <= count; n++) await bob.ask({ type: "say", to: "#lobby", text: `${text} ${n}` });
    return Array.from({ length: count }, (_, n) => `bob: ${text} ${n + 1}`);
  };
  const read = await say("read", 60);
  {
    await using alice = startPython(chat.port);
    const screen = new Output(alice.stdout);
    await screen.until((lines) => lines.includes("bob: read 60"));
    expect(screen.lines).toEqual(read.slice(-50));
    alice.stdin.end();
    expect(await alice.exited).toBe(0);
  }
  const missed = await say("missed", 70);
  await using alice = startPython(chat.port);
  const screen = new Output(alice.stdout);
  await screen.until((lines) => lines.includes("bob: missed 70"));
  expect(screen.lines).toEqual(["* 70 unread in #lobby", ...missed]);
  alice.stdin.end();
  expect(await alice.exited).toBe(0);
});

test.if(has("python3"))("the Python client says so when nobody is let in", async () => {
  await using chat = await startTestServer(["alice"]);
  await using alice = startPython(chat.port, "alice", "not-the-one");
  const screen = new Output(alice.stdout);
  expect(await alice.exited).toBe(4);
  expect(screen.lines).toEqual(["* No account matches that name and password. Check both and try again."]);
});

test.if(has("python3"))("the Python client ends by Ctrl+C without a traceback", async () => {
  await using chat = await startTestServer(["alice"]);
  const bob = await chat.wire();
  const env = { ...process.env, BANTER_PASSWORD: PASSWORD };
  const command = ["python3", join(REPOSITORY, "examples/client.py"), "alice", `localhost:${chat.port}`];
  await using alice = Bun.spawn(command, { env, stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  while (!(await bob.ask({ type: "ping" })) || !chat.log().includes("alice signed in"));
  alice.kill("SIGINT");
  expect(await alice.exited).toBe(130);
  expect(await new Response(alice.stderr).text()).toBe("");
});

test("the bot says in a sentence why it is not let in", async () => {
  await using chat = await startTestServer(["dice"]);
  const env = { DICE_PASSWORD: "not-the-one" };
  for (const [server, sentence] of [
    [`localhost:${chat.port}`, "No account matches that name and password."],
    [`http://localhost:${chat.webPort}`, "No account matches that name and password."],
    ["localhost:x", '"localhost:x" is no HOST[:PORT].'],
  ] as const) {
    const { code, stderr } = await run([process.execPath, "examples/bot.ts", server], "", env);
    expect([code, stderr.trim().split("\n")]).toEqual([4, [expect.stringContaining(sentence)]]);
  }
});

test("the bot rolls dice and reminds, in the room and in private, also after the server was restarted", async () => {
  await using chat = await startTestServer(["alice", "dice"]);
  const alice = await chat.signedIn("alice", "#lobby");
  await using bot = Bun.spawn([process.execPath, join(REPOSITORY, "examples/bot.ts"), `localhost:${chat.port}`], {
    env: { ...process.env, DICE_PASSWORD: PASSWORD },
    stdout: "ignore",
    stderr: "inherit",
  });
  await alice.next((event) => event.type === "joined" && event.to === "#lobby");
  const answer = async (wire: Wire, to: string, text: string) => {
    await wire.ask({ type: "say", to, text });
    return wire.next<Message>((event) => event.type === "message" && event.from === "dice");
  };
  expect(await answer(alice, "#lobby", "!roll 1d1")).toMatchObject({ to: "#lobby", text: "alice rolls 1" });
  expect((await answer(alice, "dice", "!roll 2d6")).text).toMatch(/^alice rolls [1-6] \+ [1-6] = \d\d?$/);
  expect(await answer(alice, "#lobby", "!remind 0s tea is ready")).toMatchObject({ text: "alice: tea is ready" });
  expect((await answer(alice, "dice", "!roll many")).text).toContain('Say "!roll 2d6"');
  expect((await answer(alice, "dice", "!remind 99999h sleep")).text).toContain("a day at most");

  await chat.restart();
  const again = await chat.signedIn("alice", "#lobby");
  if (!(await again.ask({ type: "who", to: "#lobby" })).users.includes("dice"))
    await again.next((event) => event.type === "joined" && event.to === "#lobby");
  expect(await answer(again, "#lobby", "!roll 3d1")).toMatchObject({ to: "#lobby", text: "alice rolls 1 + 1 + 1 = 3" });
  const said = (await again.ask({ type: "history", to: "#lobby" })).messages.filter(
    ({ from }: Message) => from === "dice",
  );
  expect(said).toHaveLength(3);
  bot.kill();
  await bot.exited;
});
