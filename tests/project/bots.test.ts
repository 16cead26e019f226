import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Message } from "../../protocol.ts";
import type { TestServer, Wire } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { tap } from "../kit/tap.ts";

setDefaultTimeout(PATIENCE);

const BOTS = readFileSync(join(REPOSITORY, "docs/BOTS.md"), "utf8");

/** The fenced block of this language in docs/BOTS.md that holds `mark`. */
function block(language: string, mark: string): string {
  const blocks = Array.from(
    BOTS.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm")),
    ([, text]) => text!,
  );
  return blocks.find((text) => text.includes(mark))!;
}

/** A program of docs/BOTS.md in a folder of its own, which is started as often as one likes. */
function program(language: "ts" | "python", mark: string) {
  const folder = temporaryFolder();
  const name = language === "ts" ? "program.ts" : "program.py";
  const source = block(language, mark).replaceAll('"./', JSON.stringify(REPOSITORY).slice(0, -1) + "/");
  writeFileSync(join(folder.path, name), source);
  const command = [language === "ts" ? process.execPath : "python3", name];
  const started: Bun.Subprocess[] = [];
  return {
    lines: source.split("\n").length - 1,
    start(env: Record<string, string>) {
      const options = { cwd: folder.path, env: { ...process.env, ...env }, stdout: "pipe", stderr: "pipe" } as const;
      const child = Bun.spawn(command, options);
      started.push(child);
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of started) child.kill("SIGKILL");
      await Promise.all(started.map(({ exited }) => exited));
      folder[Symbol.dispose]();
    },
  };
}

/** What a program that ends by itself says, and with which code. */
async function end(child: Bun.Subprocess<"ignore", "pipe", "pipe">) {
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, stdout, stderr };
}

async function isIn(wire: Wire, user: string): Promise<void> {
  if (!(await wire.ask({ type: "who", to: "#lobby" })).users.includes(user)) await wire.hears(user, "joined", "#lobby");
}
async function said(chat: TestServer): Promise<string[]> {
  const reader = await chat.signedIn("alice", "#lobby");
  const { messages } = await reader.ask({ type: "history", to: "#lobby", limit: 200 });
  return messages.map(({ from, text }: Message) => `${from}: ${text}`);
}

test("the bot of a dozen lines makes its account, echoes what it is told to, once, and can be run again", async () => {
  await using chat = await startTestServer(["alice"]);
  await using echo = program("ts", "!echo ");
  const env = { ECHO_PASSWORD: PASSWORD, ECHO_SERVER: `localhost:${chat.port}` };
  const first = echo.start(env);
  let alice = await chat.signedIn("alice", "#lobby");
  const heard = (text: string) =>
    alice.next((event) => event.type === "message" && event.from === "echo" && event.text === text);
  await isIn(alice, "echo");
  await alice.ask({ type: "say", to: "#lobby", text: "!echo one" });
  await heard("one");
  await chat.restart();
  alice = await chat.signedIn("alice", "#lobby");
  await isIn(alice, "echo");
  await alice.ask({ type: "say", to: "echo", text: "!echo two" });
  expect(await heard("two")).toMatchObject({ to: "alice" });

  first.kill("SIGKILL");
  await first.exited;
  echo.start({ ...env, ECHO_SERVER: `http://localhost:${chat.webPort}` }); // by the page, too
  await alice.ask({ type: "say", to: "echo", text: "!echo three" }); // which waits for it
  await heard("three");
  expect((await said(chat)).filter((line) => line.startsWith("echo"))).toEqual(["echo: one"]);
  const refused = await end(echo.start({ ...env, ECHO_PASSWORD: "not-the-one" }));
  expect(refused).toMatchObject({ code: 4, stderr: expect.stringMatching(/^No account matches[^\n]*\n$/) });
});

test.if(has("python3"))(
  "the few lines of Python say hello as often as they are run, and why they may not",
  async () => {
    await using chat = await startTestServer(["alice"]);
    const source = block("python", "hello from").replace("12345", String(chat.port));
    for (const _ of [1, 2])
      expect(await run(["python3", "-c", source])).toEqual({ code: 0, stdout: "message\n", stderr: "" });
    expect(await said(chat)).toEqual(Array(2).fill("robot: hello from a few lines of Python"));
    const refused = await run(["python3", "-c", source.replace("robot-pass-1", "robot-pass-2")]);
    expect(refused).toMatchObject({
      code: 1,
      stdout: "",
      stderr: expect.stringMatching(/^No account matches[^\n]*\n$/),
    });
    expect(source.split("\n").length).toBeLessThan(18);
  },
);

describe.each([
  ["TypeScript", "ts", 25],
  ["Python", "python", 60],
] as const)("the bot that counts, in %s", (_, language, most) => {
  test.if(language === "ts" || has("python3"))(
    `has ${most} lines at most, and answers each question once, also when it is killed in between`,
    async () => {
      await using chat = await startTestServer(["alice", "counter"]);
      await using counter = program(language, "!count");
      using between = tap(chat.port);
      const here = {
        COUNTER_SERVER: `127.0.0.1:${between.port}`,
        COUNTER_HOST: "127.0.0.1",
        COUNTER_PORT: `${between.port}`,
      };
      const start = (password = PASSWORD) => counter.start({ ...here, COUNTER_PASSWORD: password });
      const alice = await chat.signedIn("alice", "#lobby");
      await alice.ask({ type: "say", to: "#lobby", text: "!count" }); // before its first life: not to it
      const ask = () => alice.ask({ type: "say", to: "#lobby", text: "!count" });
      const answered = (number: number) =>
        alice.next((event) => event.type === "message" && event.text === `alice, that was number ${number}`);

      const first = start();
      await isIn(alice, "counter");
      const unsaid = between.keep("says");
      await ask();
      await unsaid; // it has read the question, and its answer never comes
      first.kill("SIGKILL");
      await first.exited;
      await ask(); // while it is away

      const unheard = between.keep("answers");
      const second = start();
      await answered(1);
      await unheard; // its answer is stored, and it does not know
      second.kill("SIGKILL");
      await second.exited;

      void between.keep("nothing");
      const third = start();
      await answered(2);
      await ask();
      await answered(3);
      await chat.restart();
      const again = await chat.signedIn("alice", "#lobby");
      await isIn(again, "counter");
      await again.ask({ type: "say", to: "#lobby", text: "!count" });
      await again.next((event) => event.type === "message" && event.from === "counter");
      third.kill("SIGKILL");

      const answers = (await said(chat)).filter((line) => line.startsWith("counter"));
      expect(answers).toEqual([1, 2, 3, 4].map((n) => `counter: alice, that was number ${n}`));
      const { code, stderr } = await end(start("not-the-one"));
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(/^No account matches[^\n]*\n$/);
      expect(counter.lines).toBeLessThanOrEqual(most);
    },
  );
});
