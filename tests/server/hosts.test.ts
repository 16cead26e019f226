import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ERRORS } from "../../protocol.ts";
import { Browser } from "../kit/browser.ts";
import type { TestServer } from "../kit/harness.ts";
import {
  PASSWORD,
  PATIENCE,
  run,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

type Entries = Record<string, Record<string, unknown>>;
const accountsIn = (data: string): Entries => JSON.parse(readFileSync(join(data, "users.json"), "utf8"));
const users = (data: string, args: string, input = "") =>
  run([process.execPath, "users.ts", ...args.split(" "), "--data", data], input);
const claim = (code: string) => ({ type: "claim", code });
/** The code of a server without a host. */
const codeOf = ({ server }: TestServer): string => server.hostCode!;
/** Another code of eight digits. */
const wrong = (code: string): string => (code.startsWith("0") ? "1" : "0") + code.slice(1);
const WRONG = "That is not the host code. It is in the window in which the server was started. Nothing was done.";

describe("the first host", () => {
  test("says the code and is one, over TCP; everybody is told, and it is in the file and in the log", async () => {
    await using chat = await startTestServer();
    writeFileSync(
      join(chat.data, "users.json"),
      JSON.stringify({ "ms.lee": { ...(await account(chat)), note: "room 4" }, bob: await account(chat) }),
    );
    const [lee, bob, carol] = [
      await chat.signedIn("ms.lee"),
      await Browser.signedIn(chat, "bob"),
      await chat.typist("bob"),
    ];
    expect(codeOf(chat)).toMatch(/^\d{4}-\d{4}$/);

    expect(await lee.ask(claim(codeOf(chat)))).toMatchObject({ type: "ok", hosts: ["ms.lee"] });
    expect(await bob.next(({ type }) => type === "hosts")).toEqual({ type: "hosts", users: ["ms.lee"] });
    expect(await carol.line((line) => line.includes("ost"))).toBe("* Hosts here: ms.lee");
    expect(chat.server.hostCode).toBeUndefined();
    expect(accountsIn(chat.data)["ms.lee"]).toMatchObject({ role: "host", note: "room 4" });
    expect(accountsIn(chat.data).bob).not.toHaveProperty("role");
    expect(chat.log()).toMatch(/WARNING - ms\.lee is now a host \(code, from 127\.0\.0\.1:\d+\)\n/);
    await chat.restart();
    expect(chat.server.hostCode).toBeUndefined();
    expect(await (await chat.signedIn("bob")).ask({ type: "who" })).toMatchObject({ hosts: ["ms.lee"] });
  });

  test.each<[string, (code: string) => string]>([
    ["as it is shown", (code) => code],
    ["without its dash", (code) => code.replace("-", "")],
    ["with spaces and the dash of a telephone", (code) => code.replace("-", " – ")],
  ])("types /host CODE in a text session, %s, and only so", async (_, spell) => {
    await using chat = await startTestServer(["ms.lee"]);
    const lee = await chat.typist("ms.lee");
    lee.type("/host");
    expect(await lee.line()).toStartWith("* /host needs the code");
    lee.type(`/host ${wrong(codeOf(chat))}`);
    expect(await lee.line()).toBe(`* ${WRONG}`);
    lee.type(`/host ${spell(codeOf(chat))}`);
    await lee.line((line) => line === "* You are a host. /help lists what hosts can do.");
  });

  test("claims over a WebSocket, too, and nobody does who is not signed in", async () => {
    await using chat = await startTestServer(["ms.lee"]);
    expect(await (await Browser.open(chat)).ask(claim(codeOf(chat)))).toMatchObject({ code: "not_signed_in" });
    const lee = await Browser.signedIn(chat, "ms.lee");
    expect(await lee.ask(claim(codeOf(chat)))).toMatchObject({ type: "ok", hosts: ["ms.lee"] });
  });

  test("is one, of twenty who say the code at once: the others are told who", async () => {
    const names = Array.from({ length: 20 }, (_, n) => `racer-${n}`);
    await using chat = await startTestServer(names);
    const racers = await Promise.all(names.map((name) => chat.signedIn(name)));
    const code = codeOf(chat);
    const answers = await Promise.all(racers.map((racer) => racer.ask(claim(code))));

    const [winner, ...more] = names.filter((_, n) => answers[n].type === "ok");
    expect(more).toEqual([]);
    expect(Object.keys(accountsIn(chat.data)).filter((name) => accountsIn(chat.data)[name]!.role === "host")).toEqual([
      winner!,
    ]);
    const text = `There is a host already: ${winner}. The operator makes further ones: bun users.ts role NAME host.`;
    for (const answer of answers.filter(({ type }) => type !== "ok"))
      expect(answer).toMatchObject({ type: "error", code: "not_allowed", text });
  });

  test("may be made by users.ts: from then on the code is void, also when there is no host any more", async () => {
    await using chat = await startTestServer(["ms.lee", "eve"]);
    const eve = await chat.signedIn("eve");
    const code = codeOf(chat);
    await users(chat.data, "role ms.lee host");
    expect(await eve.ask(claim(code))).toMatchObject({
      code: "not_allowed",
      text: "There is a host already: ms.lee. The operator makes further ones: bun users.ts role NAME host.",
    });
    expect(chat.server.hostCode).toBeUndefined();
    await users(chat.data, "role ms.lee member");
    expect(await eve.ask(claim(code))).toMatchObject({
      code: "not_allowed",
      text: "That code was for the first host only. The operator makes hosts: bun users.ts role NAME host.",
    });
    expect((await eve.ask({ type: "who" })).hosts).toEqual([]);
    const before = code;
    await chat.restart();
    expect(chat.server.hostCode).toMatch(/^\d{4}-\d{4}$/);
    expect(chat.server.hostCode).not.toBe(before);
  });

  test("tries again with the same code when the file could not be written", async () => {
    await using chat = await startTestServer(["ms.lee"]);
    const lee = await chat.signedIn("ms.lee");
    const code = codeOf(chat);
    const accounts = readFileSync(join(chat.data, "users.json"));
    writeFileSync(join(chat.data, "users.json"), "damaged");
    expect(await lee.ask(claim(code))).toMatchObject({ code: "unavailable" });
    expect(chat.log()).toContain("WARNING - Cannot store that ms.lee is a host: ");
    expect(chat.server.hostCode).toBe(code);
    expect((await lee.ask({ type: "who" })).hosts).toEqual([]);
    writeFileSync(join(chat.data, "users.json"), accounts);
    expect(await lee.ask(claim(code))).toMatchObject({ type: "ok", hosts: ["ms.lee"] });
  });
});

describe("who guesses the code", () => {
  test("is throttled after ten tries, with the right one too, from any connection and account of that network", async () => {
    let now = 0;
    await using chat = await startTestServer(["ms.lee", "eve", "mallory"], { elapsed: () => now });
    const [lee, eve, phone] = [await chat.signedIn("ms.lee"), await chat.signedIn("eve"), await chat.signedIn("eve")];
    const code = codeOf(chat);
    for (let n = 0; n < 10; n++)
      expect(await eve.ask(claim(wrong(code)))).toMatchObject({ code: "not_allowed", text: WRONG });
    for (const guesser of [eve, phone, lee])
      expect(await guesser.ask(claim(code))).toMatchObject({ code: "throttled", after: 60, text: ERRORS.throttled });
    const mallory = await chat.wire();
    expect(await mallory.ask({ type: "login", user: "mallory", password: PASSWORD })).toMatchObject({
      code: "throttled",
    });
    expect(chat.log().match(/WARNING - eve tried a wrong host code from 127\.0\.0\.1:\d+\n/g)).toHaveLength(10);
    expect((await lee.ask({ type: "who" })).hosts).toEqual([]);

    now += 60_000;
    expect(await lee.ask(claim(code))).toMatchObject({ type: "ok", hosts: ["ms.lee"] });
  });

  test("shares the tries with passwords that fail", async () => {
    await using chat = await startTestServer(["eve"], { elapsed: () => 0 });
    const eve = await chat.signedIn("eve");
    const wire = await chat.wire();
    for (let n = 0; n < 10; n++) await wire.ask({ type: "login", user: "eve", password: "wrong-password" });
    expect(await eve.ask(claim(codeOf(chat)))).toMatchObject({ code: "throttled" });
  });

  test.each(["", " - ", "x".repeat(100), "123456789", "１２３４"])(
    "is refused as wrong, whatever it is: %j",
    async (code) => {
      await using chat = await startTestServer(["eve"]);
      expect(await (await chat.signedIn("eve")).ask(claim(code))).toMatchObject({ code: "not_allowed", text: WRONG });
    },
  );
});

test("the code is on the server's console and in no file", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["ms.lee", "bob"]);
  await using server = await spawnServer(folder.path, ["--log-level", "debug"]);
  const lee = await Wire.open(server.port);
  await lee.login("ms.lee");
  while (!server.output().includes("Ctrl+C")) await lee.ask({ type: "ping" });
  const [line, code] = /^Host code: (\d{4}-\d{4})\..*$/m.exec(server.output())!;
  expect(line).toBe(
    `Host code: ${code}. Create your account, then type /host ${code} (keep this window off the projector).`,
  );
  await lee.ask(claim(wrong(code!)));
  expect(await lee.ask(claim(code!))).toMatchObject({ type: "ok" });
  const bob = await Wire.open(server.port);
  bob.type(`login bob ${PASSWORD}`);
  bob.type(`/host ${code}`);
  await bob.line((text) => text.startsWith("* There is a host already"));
  lee.close();
  bob.close();
  server.process.kill("SIGTERM");
  await server.process.exited;

  const digits = code!.replace("-", "");
  const files = readdirSync(folder.path, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder.path, name))
    .filter((file) => statSync(file).isFile());
  expect(files).toContain(join(folder.path, "log", "app.log"));
  const told = files.filter((file) => [code!, digits].some((text) => readFileSync(file).includes(text)));
  expect(told).toEqual([]);
  await using again = await spawnServer(folder.path);
  const carol = await Wire.open(again.port);
  while (!again.output().includes("Ctrl+C")) await carol.ask({ type: "ping" });
  expect(again.output()).not.toContain("Host code");
});

describe("a role that changes while the server runs", () => {
  test("is told everybody who is signed in, by frames, by lines and on the page, and is in the log", async () => {
    await using chat = await startTestServer(["ms.lee", "bob", "eve"]);
    const [wire, page, typist] = [
      await chat.signedIn("bob"),
      await Browser.signedIn(chat, "eve"),
      await chat.typist("ms.lee"),
    ];
    const stranger = await chat.wire();
    const told = async () => {
      const [event] = [await wire.next("hosts"), await page.next(({ type }) => type === "hosts")];
      return [event, await typist.line((line) => /host/i.test(line))];
    };

    for (const [command, hosts, line, log] of [
      ["role ms.lee host", ["ms.lee"], "* Hosts here: ms.lee", "ms.lee is now a host (users.json)"],
      ["role eve host", ["eve", "ms.lee"], "* Hosts here: eve, ms.lee", "eve is now a host (users.json)"],
      ["role eve member", ["ms.lee"], "* Hosts here: ms.lee", "eve is no host any more (users.json)"],
      ["remove ms.lee", [], "* There is no host here now", "ms.lee is no host any more (users.json)"],
    ] as const) {
      if (command === "remove ms.lee") await typist.quietLines();
      expect((await users(chat.data, command)).code).toBe(0);
      if (command === "remove ms.lee") expect(await wire.next("hosts")).toEqual({ type: "hosts", users: [] });
      else expect(await told()).toEqual([{ type: "hosts", users: [...hosts] }, line]);
      expect(chat.log()).toContain(`WARNING - ${log}\n`);
      expect((await wire.ask({ type: "who" })).hosts).toEqual(hosts);
    }
    await typist.ended;
    expect((await stranger.quiet()).filter(({ type }) => type === "hosts")).toEqual([]);
  });

  test("is not told when it is the same, and nothing else of an account is", async () => {
    await using chat = await startTestServer(["ms.lee", "bob"]);
    await users(chat.data, "role ms.lee host");
    const bob = await chat.signedIn("bob");
    await bob.next("hosts");
    await users(chat.data, "role ms.lee host");
    await users(chat.data, "passwd ms.lee", "another-password");
    chat.server.sweep();
    expect((await bob.quiet()).filter(({ type }) => type === "hosts")).toEqual([]);
    expect((await bob.ask({ type: "who" })).hosts).toEqual(["ms.lee"]);
  });

  test("any other role, and one that is removed by hand, is a member's", async () => {
    await using chat = await startTestServer(["ms.lee", "bob"]);
    const bob = await chat.signedIn("bob");
    const write = (role: unknown) => {
      const all = accountsIn(chat.data);
      writeFileSync(join(chat.data, "users.json"), JSON.stringify({ ...all, "ms.lee": { ...all["ms.lee"], role } }));
      chat.server.sweep();
    };
    for (const role of ["Host", "operator", true, ["host"]]) write(role);
    expect((await bob.quiet()).filter(({ type }) => type === "hosts")).toEqual([]);
    write("host");
    expect(await bob.next("hosts")).toMatchObject({ users: ["ms.lee"] });
    write(undefined);
    expect(await bob.next("hosts")).toMatchObject({ users: [] });
  });
});

test("register, login and who say who the hosts are", async () => {
  await using chat = await startTestServer(["ms.lee"]);
  const wire = await chat.wire();
  expect(await wire.ask({ type: "register", user: "bob", password: PASSWORD })).toMatchObject({ hosts: [] });
  await users(chat.data, "role ms.lee host");
  expect(await (await chat.wire()).login("bob")).toMatchObject({ hosts: ["ms.lee"] });
  expect(await wire.ask({ type: "who" })).toMatchObject({ users: ["bob"], hosts: ["ms.lee"] });
  expect(await wire.ask({ type: "who", to: "#lobby" })).toMatchObject({ to: "#lobby", users: [], hosts: ["ms.lee"] });
});

test("a host hears of every further sign-in under that name, and nobody else does", async () => {
  await using chat = await startTestServer(["ms.lee", "bob"]);
  await users(chat.data, "role ms.lee host");
  const [frames, lines, bob] = [await chat.signedIn("ms.lee"), await chat.typist("ms.lee"), await chat.signedIn("bob")];
  const notice = { type: "notice" as const, text: "You signed in from 127.0.0.1 too." };
  expect((await frames.quiet()).filter(({ type }) => type === "notice")).toEqual([notice]); // of the text session
  const third = await chat.signedIn("ms.lee");
  await chat.signedIn("bob");
  expect(await frames.next("notice")).toEqual(notice);
  expect(await lines.quietLines()).toContain(`* ${notice.text}`);
  for (const other of [third, bob]) expect((await other.quiet()).filter(({ type }) => type === "notice")).toEqual([]);
});

/** An account whose password is PASSWORD. */
async function account(chat: TestServer): Promise<Record<string, unknown>> {
  writeAccounts(chat.data, ["any"]);
  return accountsIn(chat.data).any!;
}
