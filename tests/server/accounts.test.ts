import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { Accounts } from "../../server/accounts.ts";
import { takeLock } from "../../server/lock.ts";
import { startServer } from "../../server.ts";
import { PASSWORD, PATIENCE, run, startTestServer, temporaryFolder } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** Runs `bun users.ts` on a data folder. */
const users = (data: string, args: string, input = "") =>
  run([process.execPath, "users.ts", ...args.split(" "), "--data", data], input);
const login = (user: string, password: string) => ({ type: "login", user, password });

const account = (password: string) => ({ password });
const crowd = (count: number) => Array.from({ length: count }, (_, i) => `user${i}`);

/** A file with so many accounts, opened. */
function opened(folder: string, names: readonly string[]): Accounts {
  const file = join(folder, "users.json");
  writeFileSync(file, JSON.stringify(Object.fromEntries(names.map((name) => [name, account(`hash of ${name}`)]))));
  return new Accounts(file);
}
/** The lines of the file, as a person's editor shows them. */
const lines = ({ file }: Accounts): string[] => readFileSync(file, "utf8").split("\n");
const line = (name: string, password: string): string => `  "${name}": {"password":"${password}"}`;

describe("bun users.ts beside a running server", () => {
  test("adds, lists, changes a password, which ends its tokens, and removes; each takes effect at once", async () => {
    await using chat = await startTestServer(["alice"]);
    expect(await users(chat.data, "add Zoe", "first-password\n")).toMatchObject({ code: 0, stderr: "" });
    expect((await users(chat.data, "list")).stdout).toBe("alice\nzoe\n");
    const zoe = await chat.wire();
    const { token } = await zoe.ask(login("zoe", "first-password"));
    expect((await (await chat.wire()).ask({ type: "login", user: "zoe", token })).type).toBe("ok");

    expect((await users(chat.data, "passwd zoe", "second-password")).code).toBe(0);
    const later = await chat.wire();
    expect((await later.ask({ type: "login", user: "zoe", token })).code).toBe("bad_login");
    expect((await later.ask(login("zoe", "first-password"))).code).toBe("bad_login");
    expect((await later.ask(login("zoe", "second-password"))).type).toBe("ok");

    expect(await users(chat.data, "remove zoe")).toMatchObject({
      code: 0,
      stdout: "zoe is removed. What zoe said stays, and nobody else can register the name.\n",
    });
    expect((await (await chat.wire()).ask(login("zoe", "second-password"))).code).toBe("bad_login");
    expect((await users(chat.data, "list")).stdout).toBe("alice\n");
    expect(readFileSync(join(chat.data, "users.json"), "utf8")).not.toContain("password-");
  });

  test("a removed name is nobody's and gets no messages, until it is added again, with its old inbox", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice");
    const note = await alice.ask({ type: "say", to: "bob", text: "for bob alone" });
    expect((await users(chat.data, "remove bob")).code).toBe(0);

    const eve = await chat.wire();
    const taken = await eve.ask({ type: "register", user: "Bob", password: PASSWORD });
    expect(taken).toMatchObject({
      code: "name_taken",
      text: "bob is taken. Free: bob2, bob3. Or sign in if it is yours.",
    });
    expect(await eve.ask(login("bob", PASSWORD))).toMatchObject({ code: "bad_login" });
    expect(await alice.ask({ type: "say", to: "bob", text: "are you there" })).toMatchObject({ code: "unknown_user" });
    const entry = JSON.parse(readFileSync(join(chat.data, "users.json"), "utf8")).bob;
    expect(entry).toEqual({ removed: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) });
    expect((await users(chat.data, "add bob2", PASSWORD)).code).toBe(0);
    expect((await users(chat.data, "remove bob2")).code).toBe(0);
    expect(await eve.ask({ type: "register", user: "bob", password: PASSWORD })).toMatchObject({
      text: "bob is taken. Free: bob3, bob4. Or sign in if it is yours.",
    });

    await chat.restart();
    expect(await (await chat.wire()).ask({ type: "register", user: "bob", password: PASSWORD })).toMatchObject({
      code: "name_taken",
    });
    expect(await users(chat.data, "add bob", "another-password")).toEqual({
      ...{ code: 0, stderr: "" },
      stdout: "bob can sign in again, and has the old private messages of that name.\n",
    });
    const bob = await chat.wire();
    expect(await bob.ask(login("bob", PASSWORD))).toMatchObject({ code: "bad_login" });
    await bob.ask(login("bob", "another-password"));
    expect(await bob.next("message")).toEqual({ ...note, seq: 1 });
    const again = await chat.signedIn("alice");
    expect(await again.ask({ type: "say", to: "bob", text: "welcome back" })).toMatchObject({ type: "message" });
  });

  test("makes hosts and members, whether a server runs or not, and keeps all else of an account", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const file = join(chat.data, "users.json");
    const entries = () => JSON.parse(readFileSync(file, "utf8"));
    const given = { ...entries().bob, note: "room 4", groups: ["7b"] };
    writeFileSync(file, JSON.stringify({ ...entries(), bob: given }));
    const done = (stdout: string) => ({ code: 0, stderr: "", stdout });

    expect(await users(chat.data, "role Bob host")).toEqual(done("bob is a host.\n"));
    expect(entries().bob).toEqual({ ...given, role: "host" });
    expect((await users(chat.data, "list")).stdout).toBe("alice\nbob (host)\n");
    await users(chat.data, "passwd bob", "second-password");
    expect(entries().bob).toEqual({ ...given, role: "host", password: expect.stringContaining("$argon2id$") });
    await chat.server.stop();
    expect(await users(chat.data, "role bob member")).toEqual(done("bob is a member.\n"));
    expect(entries().bob).toEqual({ ...given, password: expect.any(String) });
    expect((await users(chat.data, "list")).stdout).toBe("alice\nbob\n");

    expect(await users(chat.data, "add zoe --host", PASSWORD)).toEqual(done("zoe can sign in.\nzoe is a host.\n"));
    expect((await users(chat.data, "remove zoe")).code).toBe(0);
    expect(entries().zoe).toEqual({ removed: expect.any(String) });
    expect((await users(chat.data, "add zoe", PASSWORD)).code).toBe(0);
    expect((await users(chat.data, "list")).stdout).toBe("alice\nbob\nzoe\n");
  });

  test("warns of a name that looks like a host's, and makes the host all the same", async () => {
    using folder = temporaryFolder();
    for (const name of ["ms_lee", "ms.1ee", "zoe"]) await users(folder.path, `add ${name}`, PASSWORD);
    expect((await users(folder.path, "add ms.lee --host", PASSWORD)).stdout).toBe(
      "ms.lee can sign in.\nms.lee is a host.\n" +
        "Warning: people may take ms_lee and ms.1ee for ms.lee. To remove an account: bun users.ts remove ms_lee\n",
    );
    expect((await users(folder.path, "role ms_lee host")).stdout).toStartWith(
      "ms_lee is a host.\nWarning: people may take ",
    );
    expect((await users(folder.path, "role ms_lee member")).stdout).toBe("ms_lee is a member.\n");
    expect((await users(folder.path, "list")).stdout).toBe("ms_lee\nms.1ee\nzoe\nms.lee (host)\n");
  });

  test("adds before the server has ever run, into a folder that is there, and makes none", async () => {
    using folder = temporaryFolder();
    const data = join(folder.path, "lesson");
    const typo = {
      code: 4,
      stdout: "",
      stderr: expect.stringContaining(`There is no folder ${data}. Name the server's`),
    };
    for (const command of ["list", "add alice", "role alice host"])
      expect(await users(data, command, PASSWORD)).toEqual(typo);
    expect(existsSync(data)).toBeFalse();
    mkdirSync(data);
    expect(await users(data, "add alice", PASSWORD)).toEqual({ code: 0, stdout: "alice can sign in.\n", stderr: "" });
    expect((await users(data, "list")).stdout).toBe("alice\n");
  });

  test("and registrations at the same time lose nobody", async () => {
    await using chat = await startTestServer(["alice"]);
    const wires = await Promise.all(Array.from({ length: 8 }, () => chat.wire()));
    const added = Array.from({ length: 4 }, (_, n) => users(chat.data, `add added-${n}`, "their-password"));
    const registered = wires.map((wire, n) => wire.ask({ type: "register", user: `came-${n}`, password: PASSWORD }));
    expect((await Promise.all(added)).map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(new Set((await Promise.all(registered)).map(({ type }) => type))).toEqual(new Set(["ok"]));
    const names = Object.keys(JSON.parse(readFileSync(join(chat.data, "users.json"), "utf8"))).sort();
    const expected = [...Array(4).keys()].map((n) => `added-${n}`).concat([...Array(8).keys()].map((n) => `came-${n}`));
    expect(names).toEqual([...expected, "alice"].sort());
    expect(statSync(join(chat.data, "users.json")).mode & 0o777).toBe(0o600);
    expect(existsSync(join(chat.data, "users.json.lock"))).toBe(false);
  });

  test.each([
    ["add alice", "some-password", 1, "alice is taken.\n"],
    ["passwd bob", "some-password", 1, "There is no account called bob.\n"],
    ["remove bob", "", 1, "There is no account called bob.\n"],
    ["add __proto__", "some-password", 1, "Names are 2 to 32 letters"],
    ["add bob", "short", 1, "A password needs 8 to 256 characters. Choose another.\n"],
    ["add bob", "", 1, "A password needs 8 to 256 characters. Choose another.\n"],
    ["passwd gone", "some-password", 1, "gone was removed before. To bring the name back: bun users.ts add gone\n"],
    ["remove gone", "", 1, "gone was removed before. To bring the name back: bun users.ts add gone\n"],
    ["add", "", 2, "Type it like this: bun users.ts add NAME [--host]. See"],
    ["list alice", "", 2, "Type it like this: bun users.ts list. See"],
    ["drop alice", "", 2, "Unknown command drop. See"],
    ["constructor alice", "", 2, "Unknown command constructor. See"],
    ["role alice", "", 2, "Type it like this: bun users.ts role NAME host|member. See"],
    ["role alice host now", "", 2, "Type it like this: bun users.ts role"],
    ["passwd alice --host", "some-password", 2, "--host goes with add only. See"],
    ["role alice boss", "", 1, "There is no role called boss: host or member.\n"],
    ["role bob host", "", 1, "There is no account called bob.\n"],
    ["role gone host", "", 1, "gone was removed before. To bring the name back: bun users.ts add gone\n"],
    ["list --force", "", 2, "Unknown option --force. See"],
  ])("%s is refused with one sentence and changes nothing", async (args, input, code, sentence) => {
    using folder = temporaryFolder();
    const file = join(folder.path, "users.json");
    writeFileSync(file, '{"alice":{"password":"x"},"gone":{"removed":"2026-11-30T12:00:00.000Z"}}');
    const before = readFileSync(file);
    const refused = await users(folder.path, args, input);
    expect(refused).toMatchObject({ code, stdout: "" });
    expect(refused.stderr).toStartWith(sentence);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  test("a damaged file is named and left alone", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "users.json");
    writeFileSync(file, '{"alice":');
    for (const args of ["list", "add bob", "remove alice"]) {
      const refused = await users(folder.path, args, "some-password");
      expect([refused.code, refused.stderr]).toEqual([4, expect.stringContaining(`${file} is damaged (`)]);
    }
    expect(readFileSync(file, "utf8")).toBe('{"alice":');
  });
});

describe("users.json edited by hand while the server runs", () => {
  test("is picked up, also when the editor replaces the file", async () => {
    await using chat = await startTestServer(["alice"]);
    const file = join(chat.data, "users.json");
    const text = readFileSync(file, "utf8");
    writeFileSync(`${file}.swp`, text.replace("alice", "eve"));
    renameSync(`${file}.swp`, file);
    chat.server.sweep();
    const wire = await chat.wire();
    expect((await wire.ask(login("alice", PASSWORD))).code).toBe("bad_login");
    expect((await wire.ask(login("eve", PASSWORD))).type).toBe("ok");
    chat.server.sweep();
    expect(chat.log().match(/users.json was changed and read again/g)).toHaveLength(1);
  });

  test("a damaged edit is reported once and ignored, nothing is written over it, and its repair is picked up", async () => {
    await using chat = await startTestServer(["alice"]);
    const file = join(chat.data, "users.json");
    const good = readFileSync(file, "utf8");
    const damaged = good.slice(0, -1) + ', "bob": {"password": 7}}';
    writeFileSync(file, damaged);
    for (let times = 0; times < 3; times++) chat.server.sweep();
    expect(chat.log().match(/WARNING - .*users.json is damaged .*Going on with the accounts/g)).toHaveLength(1);

    const alice = await chat.signedIn("alice");
    const carol = await chat.wire();
    const refused = await carol.ask({ type: "register", user: "carol", password: PASSWORD });
    expect(refused.code).toBe("unavailable");
    expect(readFileSync(file, "utf8")).toBe(damaged);
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");

    writeFileSync(file, good.replace("alice", "dave"));
    chat.server.sweep();
    expect((await carol.ask({ type: "register", user: "carol", password: PASSWORD })).type).toBe("ok");
    expect(Object.keys(JSON.parse(readFileSync(file, "utf8")))).toEqual(["dave", "carol"]);
  });

  test("a file that is gone while the server runs ends nobody's account, and the next change writes it anew", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    const file = join(chat.data, "users.json");
    rmSync(file);
    for (let times = 0; times < 3; times++) chat.server.sweep();
    expect(chat.log().match(/WARNING - .*users.json is gone; .*Going on with the accounts/g)).toHaveLength(1);
    expect((await alice.ask({ type: "ping" })).type).toBe("ok");
    await (await chat.wire()).login("alice");
    const carol = await chat.wire();
    expect((await carol.ask({ type: "register", user: "carol", password: PASSWORD })).type).toBe("ok");
    expect(Object.keys(JSON.parse(readFileSync(file, "utf8")))).toEqual(["alice", "carol"]);
  });

  test.each(["1970-01-01", "2100-01-01"])(
    "a lock left behind by a program that was killed keeps nobody out, though its clock said %s",
    async (date) => {
      await using chat = await startTestServer();
      const lock = join(chat.data, "users.json.lock");
      writeFileSync(lock, "");
      utimesSync(lock, new Date(date), new Date(date));
      const wire = await chat.wire();
      expect((await wire.ask({ type: "register", user: "alice", password: PASSWORD })).type).toBe("ok");
      expect(existsSync(lock)).toBe(false);
    },
  );

  test("a program that holds the lock is waited for, and when it does not end a sentence says so", async () => {
    using folder = temporaryFolder();
    let now = 0;
    const accounts = new Accounts(join(folder.path, "users.json"), () => now);
    const giveBack = await takeLock(`${accounts.file}.lock`, () => now);
    const added = accounts.add("alice", account("x"));
    now += 10_000;
    expect(await added.catch((problem: Error) => problem.message)).toMatch(
      /^Another program has held \S+users\.json\.lock for 10 seconds\. Nothing was changed\./,
    );
    expect(existsSync(accounts.file)).toBeFalse();
    const later = accounts.add("alice", account("x"));
    giveBack();
    expect(await later).toBeTrue();
  });

  test("a byte order mark, as Notepad writes it, is read, and is gone with the next change", async () => {
    await using chat = await startTestServer(["alice"]);
    const file = join(chat.data, "users.json");
    const text = "\uFEFF" + readFileSync(file, "utf8").replace("alice", "eve");
    await chat.restart(() => writeFileSync(file, text));
    expect((await (await chat.wire()).ask(login("eve", PASSWORD))).type).toBe("ok");
    writeFileSync(file, text.replace("eve", "dave"));
    expect((await (await chat.wire()).ask(login("dave", PASSWORD))).type).toBe("ok");
    const wire = await chat.wire();
    expect((await wire.ask({ type: "register", user: "carol", password: PASSWORD })).type).toBe("ok");
    expect(readFileSync(file, "utf8")).toMatch(/^\{\n {2}"dave": .*,\n {2}"carol": .*\n\}\n$/);
    expect(chat.log()).not.toContain("damaged");
  });
});

describe("users.json as a link", () => {
  test("stays one; what it leads to is replaced, and the lock of that holds for all links to it", async () => {
    await using chat = await startTestServer(["alice"]);
    using elsewhere = temporaryFolder();
    const [file, target] = [join(chat.data, "users.json"), join(elsewhere.path, "accounts.json")];
    await chat.restart(() => {
      renameSync(file, target);
      symlinkSync(target, file);
    });
    const names = () => Object.keys(JSON.parse(readFileSync(target, "utf8")));
    const wire = await chat.wire();
    expect((await wire.ask({ type: "register", user: "bob", password: PASSWORD })).type).toBe("ok");
    expect((await users(chat.data, "add carol", PASSWORD)).code).toBe(0);
    expect([readlinkSync(file), names()]).toEqual([target, ["alice", "bob", "carol"]]);
    expect((await (await chat.wire()).ask(login("carol", PASSWORD))).type).toBe("ok");
    expect(readdirSync(elsewhere.path)).toEqual(["accounts.json"]);

    const giveBack = await takeLock(`${target}.lock`, () => performance.now());
    let isAdded = false;
    const added = users(chat.data, "add dave", PASSWORD).finally(() => (isAdded = true));
    const erin = await chat.wire();
    const registered = erin.ask({ type: "register", user: "erin", password: PASSWORD });
    expect((await (await chat.wire()).ask(login("alice", PASSWORD))).type).toBe("ok");
    expect([isAdded, names()]).toEqual([false, ["alice", "bob", "carol"]]);
    giveBack();
    expect([(await added).code, (await registered).type]).toEqual([0, "ok"]);
    expect(names().sort()).toEqual(["alice", "bob", "carol", "dave", "erin"]);
  });

  test("to a file that is not there makes that file", async () => {
    using folder = temporaryFolder();
    const [file, target] = [join(folder.path, "users.json"), join(folder.path, "deep", "accounts.json")];
    mkdirSync(join(folder.path, "deep"));
    symlinkSync("deep/accounts.json", file);
    expect(await users(folder.path, "add alice", PASSWORD)).toMatchObject({ code: 0 });
    expect([readlinkSync(file), Object.keys(JSON.parse(readFileSync(target, "utf8")))]).toEqual([
      "deep/accounts.json",
      ["alice"],
    ]);
    expect(readdirSync(folder.path).sort()).toEqual(["deep", "users.json"]);
  });
});

describe("what other programs keep in users.json", () => {
  test("survives every change, in its order; only the password of who gets another one is another", async () => {
    await using chat = await startTestServer(["alice"]);
    const file = join(chat.data, "users.json");
    const kept = {
      alice: {
        role: "host",
        ...JSON.parse(readFileSync(file, "utf8")).alice,
        groups: ["7b", { since: 2026 }],
        ["__proto__"]: 1,
      },
      bob: { x: null, password: "$argon2id$bob", role: "guest" },
      carol: { removed: "2026-11-30T12:00:00.000Z", why: "spam" },
      dave: { password: "$argon2id$dave", note: "goes" },
    };
    writeFileSync(file, JSON.stringify(kept));
    const wire = await chat.wire();
    expect((await wire.ask({ type: "register", user: "erin", password: PASSWORD })).type).toBe("ok");
    expect((await users(chat.data, "add frank", PASSWORD)).code).toBe(0);
    expect((await users(chat.data, "passwd bob", PASSWORD)).code).toBe(0);
    expect((await users(chat.data, "remove dave")).code).toBe(0);
    const other = await chat.wire();
    expect((await other.ask({ type: "register", user: "grace", password: PASSWORD })).type).toBe("ok");

    const [opening, alice, bob, carol, dave] = readFileSync(file, "utf8").split("\n");
    const written = (name: keyof typeof kept) => `  "${name}": ${JSON.stringify(kept[name])},`;
    expect([opening, alice, carol]).toEqual(["{", written("alice"), written("carol")]);
    expect(bob).toMatch(/^ {2}"bob": \{"x":null,"password":"\$argon2id\$v=19[^"]+","role":"guest"\},$/);
    expect(dave).toMatch(/^ {2}"dave": \{"removed":"[^"]+"\},$/);
    expect((await users(chat.data, "list")).stdout).toBe("alice (host)\nbob\nerin\nfrank\ngrace\n");
    expect((await (await chat.wire()).ask(login("alice", PASSWORD))).type).toBe("ok");
  });
});

test("who is a host is known at once, whoever changed it, and a name that comes back is a member's", async () => {
  using folder = temporaryFolder();
  const accounts = opened(folder.path, ["zoe", "alice"]);
  const other = new Accounts(accounts.file);
  expect([await accounts.setRole("zoe", "host"), await accounts.setRole("alice", "host")]).toEqual([true, true]);
  expect([accounts.hosts(), other.hosts()]).toEqual([["alice", "zoe"], []]);
  expect([other.refresh(), other.hosts(), other.isHost("zoe")]).toEqual([true, ["alice", "zoe"], true]);
  await accounts.setRole("zoe", "member");
  await accounts.remove("alice");
  expect([accounts.hosts(), accounts.isHost("alice"), await accounts.get("zoe")]).toEqual([
    [],
    false,
    account("hash of zoe"),
  ]);
  expect([await accounts.setRole("alice", "host"), await accounts.setRole("nobody", "host")]).toEqual([false, false]);
  await accounts.restore("alice", account("x"));
  expect([other.refresh(), other.hosts()]).toEqual([true, []]);
});

test("how often accounts may have changed is counted: by others, also when a change of our own has found it, and by ourselves", async () => {
  using folder = temporaryFolder();
  const accounts = opened(folder.path, ["alice"]);
  const other = new Accounts(accounts.file);
  await accounts.add("bob", account("x"));
  expect([accounts.revision, accounts.refresh(), accounts.revision]).toEqual([0, false, 0]);
  await other.remove("alice");
  expect([other.revision, accounts.revision]).toEqual([2, 0]); // it has read bob, and removed alice
  await accounts.add("carol", account("x"));
  expect([accounts.has("alice"), accounts.refresh(), accounts.revision]).toEqual([false, false, 1]);
  await other.replace("bob", account("y"));
  expect([accounts.refresh(), accounts.revision, await accounts.get("bob")]).toEqual([true, 2, account("y")]);
  writeFileSync(accounts.file, "damaged");
  expect(() => accounts.refresh()).toThrow("is damaged");
  expect([accounts.refresh(), accounts.revision]).toEqual([false, 2]);
});

describe("the file after a change", () => {
  test.each([1, 999, 1_000, 2_500])(
    "of %i accounts one is replaced in its place, one goes, one comes last, and all others keep their lines",
    async (count) => {
      using folder = temporaryFolder();
      const names = [...crowd(count), "bob", "carol"];
      const accounts = opened(folder.path, names);
      const applied = await Promise.all([
        accounts.add("alice", account("new")),
        accounts.add("alice", account("too late")),
        accounts.replace("bob", account("changed")),
        accounts.replace("nobody", account("x")),
        accounts.remove("carol", new Date("2026-11-30T12:00:00.000Z")),
        accounts.remove("carol"),
      ]);
      expect(applied).toEqual([true, false, true, false, true, false]);
      const kept = crowd(count).map((name) => line(name, `hash of ${name}`) + ",");
      const then = [...kept, line("bob", "changed") + ",", '  "carol": {"removed":"2026-11-30T12:00:00.000Z"},'];
      expect(lines(accounts)).toEqual(["{", ...then, line("alice", "new"), "}", ""]);
      expect(accounts.names()).toEqual([...crowd(count), "bob", "alice"]);
      expect(new Accounts(accounts.file).names()).toEqual(accounts.names());

      await accounts.add("dave", account("later"));
      await accounts.add("erin", account("last"));
      const now = [...then, line("alice", "new") + ",", line("dave", "later") + ","];
      expect(lines(accounts)).toEqual(["{", ...now, line("erin", "last"), "}", ""]);

      const edited = readFileSync(accounts.file, "utf8").replace('"changed"', '"by hand"');
      writeFileSync(accounts.file, edited);
      await accounts.add("frank", account("x"));
      expect(readFileSync(accounts.file, "utf8")).toBe(edited.replace("\n}\n", `,\n${line("frank", "x")}\n}\n`));
    },
  );

  test("who leaves and comes back in one breath is there once, and a name is brought back on purpose only", async () => {
    using folder = temporaryFolder();
    const accounts = opened(folder.path, ["alice"]);
    const again = [
      accounts.restore("alice", account("nobody has left")),
      accounts.remove("alice"),
      accounts.add("alice", account("too easy")),
      accounts.replace("alice", account("too late")),
      accounts.restore("alice", account("second")),
      accounts.restore("alice", account("too late")),
    ];
    expect(await Promise.all(again)).toEqual([false, true, false, false, true, false]);
    expect(lines(accounts)).toEqual(["{", line("alice", "second"), "}", ""]);
    expect(await accounts.remove("alice")).toBeTrue();
    for (const seen of [accounts, new Accounts(accounts.file)])
      expect([seen.has("alice"), seen.isTaken("alice"), await seen.get("alice"), seen.names()]).toEqual([
        ...[false, true, undefined],
        [],
      ]);
  });

  test("an account exists for nobody before it is on disk", async () => {
    using folder = temporaryFolder();
    const accounts = opened(folder.path, crowd(5_000));
    let done = false;
    const added = accounts.add("alice", account("new")).finally(() => (done = true));
    while (!done) {
      const known = accounts.has("alice");
      expect(known && !readFileSync(accounts.file, "utf8").includes('"alice"')).toBeFalse();
      await new Promise((resume) => setImmediate(resume));
    }
    expect(await added).toBeTrue();
  });
});

describe("a damaged file stops the start with one sentence that names it and is left as it is", () => {
  test.each<[string, string | Uint8Array]>([
    ["empty", ""],
    ["cut off", '{\n  "alice": {"password": "$argon'],
    ["not an object", "[]"],
    ["null", "null"],
    ["a name nobody can have", '{"Alice":{"password":"x"}}'],
    ["__proto__", '{"__proto__":{"password":"x"}}'],
    ["no password", '{"alice":{}}'],
    ["an account that is none", '{"alice":null}'],
    ["a password that is a number", '{"alice":{"password":7}}'],
    ["not text", new Uint8Array([0x7b, 0xff, 0x00, 0xfe])],
  ])("%s", async (_, content) => {
    using folder = temporaryFolder();
    const file = join(folder.path, "users.json");
    writeFileSync(file, content);

    const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);

    expect(problem).toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/^\S+users\.json is damaged \([^\n]+$/),
    });
    expect(readFileSync(file)).toEqual(Buffer.from(content));
  });

  test("a folder in its place", async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "users.json"));
    const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);
    expect(problem).toMatchObject({ exitCode: 4, message: expect.stringContaining("users.json") });
  });
});
