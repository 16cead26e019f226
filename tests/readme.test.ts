import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../commands.ts";
import { RULES } from "../requests.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, startChat, temporaryFolder } from "./harness.ts";

setDefaultTimeout(PATIENCE);

const readme = await Bun.file(join(REPOSITORY, "README.md")).text();

/** The fenced block of this language that holds `mark`. */
function block(language: string, mark: string): string {
  const blocks = readme.split(/^```/m).filter((part, i) => i % 2 === 1 && part.startsWith(language + "\n"));
  return blocks.find((text) => text.includes(mark))!.slice(language.length + 1);
}

test("the bot of the README echoes what it is told to, once, also after the server was restarted", async () => {
  await using chat = await startChat(["alice", "echo"]);
  using folder = temporaryFolder();
  const source = block("ts", "receiveMessages").replaceAll('"./', JSON.stringify(REPOSITORY).slice(0, -1) + "/");
  const file = join(folder.path, "echo.ts");
  writeFileSync(file, source);
  const alice = await chat.signedIn("alice", "#lobby");
  await using bot = Bun.spawn([process.execPath, file], {
    env: { ...process.env, ECHO_PASSWORD: PASSWORD, ECHO_PORT: String(chat.port) },
    stdout: "ignore",
    stderr: "inherit",
  });
  await alice.next((event) => event.type === "joined" && event.to === "#lobby");

  await alice.ask({ type: "say", to: "#lobby", text: "!echo one" });
  expect(await alice.next((event) => event.type === "message" && event.from === "echo")).toMatchObject({ text: "one" });
  await chat.restart();
  const again = await chat.signedIn("alice", "#lobby");
  if (!(await again.ask({ type: "who", to: "#lobby" })).users.includes("echo"))
    await again.next((event) => event.type === "joined" && event.to === "#lobby");
  await again.ask({ type: "say", to: "echo", text: "!echo two" });
  expect(await again.next((event) => event.type === "message" && event.from === "echo")).toMatchObject({
    to: "alice",
    text: "two",
  });
  await again.ask({ type: "say", to: "#lobby", text: "done" });
  const said = (await again.ask({ type: "history", to: "#lobby" })).messages.map(({ text }: { text: string }) => text);
  expect(said).toEqual(["!echo one", "one", "done"]);
  bot.kill();
  await bot.exited;
});

test.if(Bun.which("python3") !== null)(
  "the ten lines of Python of the README register, join, speak and leave",
  async () => {
    await using chat = await startChat();
    const source = block("python", "create_connection").replace("12345", String(chat.port));
    const { code, stdout } = await run(["python3", "-c", source]);
    expect(code).toBe(0);
    const frames = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(frames.map(({ type, id }) => `${type} ${id}`)).toEqual(["ok r1", "ok r2", "message r3", "ok r4"]);
  },
);

test("the README names every verb, every command, every option and every file there is", async () => {
  const { stdout } = await run([process.execPath, "server.ts", "--help"]);
  const options = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option!);
  expect(options.length).toBeGreaterThan(4);
  const commands = COMMANDS.flatMap(({ names, when }) =>
    when === "signed out" ? [] : names.map((name) => `/${name}`),
  );
  const verbs = Object.keys(RULES).map((verb) => `\`${verb}\``);
  const files = readdirSync(REPOSITORY)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `\`${name}\``);
  expect([...verbs, ...commands, ...options, ...files].filter((name) => !readme.includes(name))).toEqual([]);
});
