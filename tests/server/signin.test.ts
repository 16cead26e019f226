import { describe, expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { startServer } from "../../server.ts";
import { ERRORS, isRefusal } from "../../protocol.ts";
import type { Asker } from "../../server/network.ts";
import { Accounts } from "../../server/accounts.ts";
import { authenticateUser, openUsers, registerUser } from "../../server/signin.ts";
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

const HAS_TWO_NETWORKS = Object.values(networkInterfaces()).some((own) =>
  own!.some(({ address }) => address === "::1"),
); // the other is 127.0.0.1
const from = (network: string): Asker => ({ address: `${network}:50312`, network, gone: false });
const HERE = from("127.0.0.1");
const HASH_OF_CAROL = await Bun.password.hash("carols-word-1", { algorithm: "argon2id", memoryCost: 8, timeCost: 1 });
const accountsIn = (folder: string) => JSON.parse(readFileSync(join(folder, "users.json"), "utf8"));

describe("registering", () => {
  test("fifty who register at once all end up in the file, and each can sign in after a restart", async () => {
    await using chat = await startTestServer();
    const names = Array.from({ length: 50 }, (_, n) => `pupil-${n}`);
    const wires = await Promise.all(names.map(() => chat.wire()));
    const answers = await Promise.all(
      wires.map((wire, n) => wire.ask({ type: "register", user: names[n]!, password: `${PASSWORD}-${n}` })),
    );
    expect(answers.map(({ user }) => user)).toEqual(names);
    expect(Object.keys(accountsIn(chat.data)).sort()).toEqual([...names].sort());

    await chat.restart();
    const last = await chat.wire();
    expect(await last.ask({ type: "login", user: "pupil-49", password: `${PASSWORD}-49` })).toMatchObject({
      type: "ok",
    });
  });

  test("fifty who race for one name in every spelling have one winner, whose password it is", async () => {
    await using chat = await startTestServer();
    const wires = await Promise.all(Array.from({ length: 50 }, () => chat.wire()));
    const spelling = (n: number) => [..."sugar"].map((c, i) => (n & (1 << i) ? c.toUpperCase() : c)).join("");
    const answers = await Promise.all(
      wires.map((wire, n) => wire.ask({ type: "register", user: spelling(n), password: `${PASSWORD}-${n}` })),
    );

    const winners = answers.flatMap(({ type }, n) => (type === "ok" ? [n] : []));
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ code }) => code === "name_taken")).toHaveLength(49);
    expect(Object.keys(accountsIn(chat.data))).toEqual(["sugar"]);
    const again = await chat.wire();
    const password = `${PASSWORD}-${winners[0]}`;
    expect(await again.ask({ type: "login", user: "Sugar", password })).toMatchObject({ user: "sugar" });
  });

  test("a registration answered ok survives kill -9", async () => {
    using folder = temporaryFolder();
    const first = await spawnServer(folder.path);
    const alice = await Wire.open(first.port);
    const { token } = await alice.ask({ type: "register", user: "alice", password: PASSWORD });
    await first.kill9();

    await using second = await spawnServer(folder.path);
    const again = await Wire.open(second.port);
    expect(await again.ask({ type: "login", user: "alice", token })).toMatchObject({ user: "alice" });
    const other = await Wire.open(second.port);
    expect(await other.ask({ type: "login", user: "alice", password: PASSWORD })).toMatchObject({ user: "alice" });
    for (const wire of [again, other]) wire.close();
  });

  test("a server killed in the middle of registrations leaves a whole file, with everybody who was told ok", async () => {
    using folder = temporaryFolder();
    const welcome: string[] = [];
    for (let round = 0; round < 3; round++) {
      const server = await spawnServer(folder.path);
      const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(server.port)));
      const answers = wires.map(async (wire, n) => {
        const answer = await wire.ask({ type: "register", user: `pupil-${round}-${n}`, password: PASSWORD });
        welcome.push(answer.user);
      });
      answers.forEach((answer) => void answer.catch(() => {})); // those the kill overtakes
      await answers[round];
      await server.kill9();
      await Promise.allSettled(answers);
      const lock = join(folder.path, "users.json.lock");
      if (existsSync(lock)) utimesSync(lock, new Date(0), new Date(0)); // as if some seconds had passed
      expect(Object.keys(accountsIn(folder.path))).toEqual(expect.arrayContaining(welcome));
    }
    await (await startServer({ port: 0, webPort: false, data: folder.path })).stop();
    expect(welcome.length).toBeGreaterThanOrEqual(3);
  });

  test("the file and the key are private, and hold an argon2id hash at its full cost and no password", async () => {
    using folder = temporaryFolder();
    const users = openUsers(folder.path);
    await registerUser(users, "Alice", "my-secret-word", HERE);

    for (const name of ["users.json", "secret.key"]) expect(statSync(join(folder.path, name)).mode & 0o777).toBe(0o600);
    expect(accountsIn(folder.path)).toEqual({
      alice: { password: expect.stringMatching(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/) },
    });
    expect(existsSync(join(folder.path, "users.json.tmp"))).toBeFalse();
  });

  test("a file that cannot be written refuses the registration, and the name is free again", async () => {
    using folder = temporaryFolder();
    const warnings: string[] = [];
    const users = openUsers(folder.path, { warn: (event) => warnings.push(event) });
    mkdirSync(join(folder.path, "users.json.tmp")); // the temporary file cannot be made
    expect(await registerUser(users, "alice", PASSWORD, HERE)).toMatchObject({ code: "unavailable" });
    expect(warnings).toEqual([expect.stringContaining("Cannot store the account alice")]);
    expect(users.accounts.mayExist("alice")).toBeFalse();
  });

  test("one password typed on two keyboards is one password: NFC, and its length is counted in characters", async () => {
    using folder = temporaryFolder();
    const users = openUsers(folder.path);
    expect(await registerUser(users, "alice", "cafe\u0301s-cre\u0300me", HERE)).toMatchObject({ user: "alice" });
    expect(await authenticateUser(users, "alice", { password: "caf\u00e9s-cr\u00e8me" }, HERE)).toMatchObject({
      user: "alice",
    });

    const refused = ["7 chars", "e\u0301".repeat(7), "x".repeat(257), "\ud800-lone-surrogate"];
    for (const password of refused)
      expect([password, await registerUser(users, "bob", password, HERE)]).toMatchObject([
        password,
        { code: "bad_password" },
      ]);
    expect(await registerUser(users, "bob", "\u{1f44b}".repeat(8), HERE)).toMatchObject({ user: "bob" });
  });

  test("__proto__ is no name, and constructor is one like any other", async () => {
    using folder = temporaryFolder();
    const users = openUsers(folder.path);
    for (const name of ["__proto__", "a", "b\u00f6b"])
      expect(await registerUser(users, name, PASSWORD, HERE)).toMatchObject({ code: "bad_name" });
    expect(await authenticateUser(users, "constructor", { password: PASSWORD }, HERE)).toMatchObject({
      code: "bad_login",
    });
    expect(await authenticateUser(users, "constructor", { token: "x" }, HERE)).toMatchObject({ code: "bad_login" });
    expect(await registerUser(users, "constructor", PASSWORD, HERE)).toMatchObject({ user: "constructor" });

    const again = openUsers(folder.path);
    expect(await authenticateUser(again, "constructor", { password: PASSWORD }, HERE)).toMatchObject({
      user: "constructor",
    });
  });
});

describe("a name that looks like a host's", () => {
  /** Registers a name beside these accounts, of which the ones with a role are hosts. */
  const register = async (name: string, accounts: Record<string, { role?: string }>) => {
    using folder = temporaryFolder();
    const entries = Object.entries(accounts).map(([one, entry]) => [one, { password: "x", ...entry }]);
    writeFileSync(join(folder.path, "users.json"), JSON.stringify(Object.fromEntries(entries)));
    return await registerUser(openUsers(folder.path), name, PASSWORD, HERE);
  };
  const HOST = { role: "host" };

  test.each([
    ["ms_lee", "ms.lee"],
    ["MSLEE", "ms.lee"],
    ["m-s.l.e_e-", "ms.lee"],
    ["ms.1ee", "ms.lee"],
    ["ms.iee", "ms.lee"],
    ["rns.lee", "ms.lee"],
    ["r.ns.lee", "ms.lee"],
    ["b0b", "bob"],
    ["bob", "b0b"],
    ["vvi11", "wil-l"],
    ["will", "vvill"],
  ])("%s, where %s is one, is refused without a proposal, and a member's is not", async (name, host) => {
    expect(await register(name, { [host]: HOST })).toEqual({
      code: "name_taken",
      text: `${name.toLowerCase()} looks too much like another name. Choose one that is quite different.`,
    });
    expect(await register(name, { [host]: {} })).toMatchObject({ user: name.toLowerCase() });
  });

  test("is not proposed to anybody, and nothing is to whoever asks for the host's own name", async () => {
    expect(await register("bob", { bob: {}, bob2: HOST, bob_4: HOST })).toMatchObject({
      text: "bob is taken. Free: bob3, bob5. Or sign in if it is yours.",
    });
    expect(await register("ms.lee", { "ms.lee": HOST })).toEqual({ code: "name_taken" });
    expect(await register("ms_lee", { "ms.lee": HOST, ms_lee: {} })).toEqual({ code: "name_taken" });
  });

  test("only if it is the whole name: ms.leeds, lee and ms.lee2 are free", async () => {
    for (const name of ["ms.leeds", "lee", "ms.lee2", "mr.lee"])
      expect(await register(name, { "ms.lee": HOST })).toMatchObject({ user: name });
  });

  test("is refused from the moment on in which the other is a host", async () => {
    await using chat = await startTestServer(["ms.lee"]);
    const eve = await chat.wire();
    await (await chat.signedIn("ms.lee")).ask({ type: "claim", code: chat.server.hostCode! });
    expect(await eve.ask({ type: "register", user: "ms_1ee", password: PASSWORD })).toMatchObject({
      code: "name_taken",
      text: "ms_1ee looks too much like another name. Choose one that is quite different.",
    });
  });
});

describe("signing in", () => {
  test.serial(
    "an unknown name and a wrong password are the same answer after the same work: one hash at its full cost",
    async () => {
      await using chat = await startTestServer();
      const alice = await chat.wire();
      await alice.ask({ type: "register", user: "alice", password: PASSWORD });
      const hashing = spyOn(Bun.password, "verify"); // counts, and hashes all the same
      try {
        const wire = await chat.wire();
        const attempt = async (user: string, password: string) => {
          hashing.mockClear();
          const answer = await wire.ask({ type: "login", user, password, id: "1" });
          const costs = hashing.mock.calls.map(([, hash]) => /^\$argon2id\$v=19\$[^$]+/.exec(hash as string)?.[0]);
          return { answer, costs, verdicts: await Promise.all(hashing.mock.results.map(({ value }) => value)) };
        };
        const refused = { type: "error", id: "1", code: "bad_login", text: ERRORS.bad_login };
        const once = { answer: refused, costs: ["$argon2id$v=19$m=19456,t=2,p=1"], verdicts: [false] };
        for (const name of ["alice", "nobody", "no body", "__proto__"])
          expect([name, await attempt(name, "wrong-password")]).toEqual([name, once]);
        for (const [name, word] of [
          ["alice", "short"],
          ["nobody", "short"],
          ["alice", "x".repeat(3_000)],
        ] as const)
          expect([name, await attempt(name, word)]).toEqual([name, { answer: refused, costs: [], verdicts: [] }]);
      } finally {
        hashing.mockRestore();
      }
    },
  );

  test("whoever guesses on a new connection each time, by frames, by lines or over HTTP, is counted once", async () => {
    await using chat = await startTestServer(["alice"]);
    const login = { user: "alice", password: "wrong-password" };
    const overHttp = () =>
      fetch(`http://localhost:${chat.webPort}/login`, { method: "POST", body: JSON.stringify(login) });
    for (let n = 0; n < 4; n++) {
      expect((await (await chat.wire()).ask({ type: "login", ...login })).code).toBe("bad_login");
      const typist = await chat.typist();
      typist.type("login alice wrong-password");
      await typist.line((line) => line === `* ${ERRORS.bad_login}`);
      if (n < 2) expect((await overHttp()).status).toBe(401);
    }
    expect((await overHttp()).status).toBe(429);
    expect((await (await chat.wire()).ask({ type: "login", ...login })).code).toBe("throttled");
  });

  test("ten failures a minute, then this address waits; successes do not count, and nobody else waits", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    let now = 1_000_000;
    const users = openUsers(folder.path, { elapsed: () => now });
    const attempt = (password: string, address = HERE) => authenticateUser(users, "alice", { password }, address);

    for (let n = 0; n < 30; n++) expect(await attempt(PASSWORD)).toMatchObject({ user: "alice" });
    for (let n = 0; n < 9; n++) expect(await attempt("wrong-password")).toEqual({ code: "bad_login" });
    expect(await attempt(PASSWORD)).toMatchObject({ user: "alice" });
    expect(await attempt("wrong-password")).toEqual({ code: "bad_login" });
    expect(await attempt(PASSWORD)).toEqual({ code: "throttled", after: 60 });
    now += 59_001;
    expect(await attempt(PASSWORD)).toEqual({ code: "throttled", after: 1 });
    expect(await attempt(PASSWORD, from("192.0.2.7"))).toMatchObject({ user: "alice" });
    now += 999;
    expect(await attempt(PASSWORD)).toMatchObject({ user: "alice" });
  });

  test("a guesser does not lock out whoever has signed in from the same address before", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob", "carol"]);
    const users = openUsers(folder.path);
    const attempt = (name: string, password: string) => authenticateUser(users, name, { password }, HERE);
    expect(await attempt("alice", PASSWORD)).toMatchObject({ user: "alice" });
    for (let n = 0; n < 10; n++) expect(await attempt("bob", "wrong-password")).toEqual({ code: "bad_login" });

    expect(await attempt("carol", PASSWORD)).toMatchObject({ code: "throttled" });
    expect(await attempt("bob", PASSWORD)).toMatchObject({ code: "throttled" });
    expect(await attempt("alice", PASSWORD)).toMatchObject({ user: "alice" });
  });

  test("a hundred guesses at once are ten guesses", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const users = openUsers(folder.path);
    const guesses = Array.from({ length: 100 }, (_, n) => ({ password: `guess-${n}-x` }));
    const answers = await Promise.all(guesses.map((guess) => authenticateUser(users, "alice", guess, HERE)));

    const codes = answers.map((answer) => (isRefusal(answer) ? answer.code : "ok"));
    // As many as are checked at the same time may be under way when the tenth fails.
    expect(codes.filter((code) => code === "bad_login").length).toBeWithin(10, 10 + navigator.hardwareConcurrency);
    expect(codes.filter((code) => code === "throttled").length).toBeGreaterThan(
      100 - 11 - navigator.hardwareConcurrency,
    );
  });

  test("wrong tokens are throttled no more than they are worth: they cost no hash", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const users = openUsers(folder.path);
    for (let n = 0; n < 50; n++)
      expect(await authenticateUser(users, "alice", { token: `99999999999.${"x".repeat(43)}` }, HERE)).toEqual({
        code: "bad_login",
      });
    expect(await authenticateUser(users, "alice", { password: PASSWORD }, HERE)).toMatchObject({ user: "alice" });
  });

  test("the queue is bounded: who comes when it is full is told to come again", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const users = openUsers(folder.path);
    const answers = await Promise.all(
      Array.from({ length: 400 }, () => authenticateUser(users, "alice", { password: PASSWORD }, HERE)),
    );
    const busy = answers.filter((answer) => isRefusal(answer) && answer.code === "busy");
    expect(busy.length).toBeWithin(400 - 256 - navigator.hardwareConcurrency, 400 - 256);
    expect(busy[0]).toEqual({ code: "busy", after: 5 });
    expect(answers.filter((answer) => !isRefusal(answer))).toHaveLength(400 - busy.length);
    expect(await authenticateUser(users, "alice", { password: PASSWORD }, HERE)).toMatchObject({ user: "alice" });
  });

  test.each([
    ["absurd memory", "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"],
    ["absurd time", "$argon2id$v=19$m=19456,t=1000000,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"],
    ["absurd lanes", "$argon2id$v=19$m=19456,t=2,p=4096$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g"],
    ["numbers beyond reason", `$argon2id$v=19$m=${"9".repeat(400)},t=2,p=1$c2FsdA$aGFzaA`],
    ["another algorithm", "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"],
    ["garbage", "$argon2id$v=19$m=19456,t=2,p=1$!!!"],
    ["nothing", ""],
  ])("a hash with %s fails that one login and is logged", async (_, hash) => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    writeFileSync(
      join(folder.path, "users.json"),
      JSON.stringify({ ...accountsIn(folder.path), bob: { password: hash } }),
    );
    const warnings: string[] = [];
    const users = openUsers(folder.path, { warn: (event) => warnings.push(event) });

    expect(await authenticateUser(users, "bob", { password: PASSWORD }, HERE)).toEqual({ code: "bad_login" });
    expect(warnings).toEqual([expect.stringContaining("Cannot check the password of bob")]);
    expect(await authenticateUser(users, "alice", { password: PASSWORD }, HERE)).toMatchObject({ user: "alice" });
  });

  test("a warning about a hash goes to the log of the server", async () => {
    await using chat = await startTestServer(["alice"]);
    await chat.restart(() => writeFileSync(join(chat.data, "users.json"), '{"bob":{"password":"md5:123"}}'));
    const bob = await chat.wire();
    expect(await bob.ask({ type: "login", user: "bob", password: PASSWORD })).toMatchObject({ code: "bad_login" });
    expect(chat.log()).toContain(" - WARNING - Cannot check the password of bob");
  });
});

/** How many wait for their password check. */
async function waiting(chat: TestServer): Promise<number> {
  const metrics = await (await fetch(`http://localhost:${chat.webPort}/metrics`)).text();
  return Number(/^banter_hashes_waiting (\d+)$/m.exec(metrics)![1]);
}
/** Signs in by passwords whose check takes a second or so, so that nobody else has a turn until it is done. */
async function block(chat: TestServer): Promise<{ done: Promise<unknown>; isDone: () => boolean }> {
  const slow = "$argon2id$v=19$m=65536,t=10,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
  writeFileSync(join(chat.data, "users.json"), JSON.stringify({ ...accountsIn(chat.data), slow: { password: slow } }));
  chat.server.sweep();
  const wires = await Promise.all(Array.from({ length: Math.max(1, navigator.hardwareConcurrency - 1) }, chat.wire));
  let done = false;
  const answers = wires.map((wire) => wire.ask({ type: "login", user: "slow", password: PASSWORD }));
  return { done: Promise.all(answers).then(() => (done = true)), isDone: () => done };
}

describe("a flood of registrations", () => {
  test.if(HAS_TWO_NETWORKS)("from one network lets a member of another in after a hash or two", async () => {
    await using chat = await startTestServer(["alice"], { host: "::" });
    await block(chat);
    const alice = await chat.wire();
    const flood = await Promise.all(Array.from({ length: 40 }, () => Wire.open(chat.port, "::1")));
    let registered = 0;
    const answers = flood.map(async (wire, n) => {
      await wire.ask({ type: "register", user: `flood-${n}`, password: PASSWORD });
      registered++;
    });
    while ((await waiting(chat)) < 40) expect(registered).toBe(0);
    expect(await alice.ask({ type: "login", user: "alice", password: PASSWORD })).toMatchObject({ type: "ok" });
    expect(registered).toBeLessThan(10);
    await Promise.all(answers);
    for (const wire of flood) wire.close();
  });

  test.serial.each<[string, (chat: TestServer, user: string) => Promise<() => void>]>([
    [
      "TCP",
      async (chat, user) => {
        const wire = await chat.wire();
        wire.send({ type: "register", user, password: PASSWORD });
        return () => wire.reset();
      },
    ],
    [
      "WebSocket",
      async (chat, user) => {
        const browser = await Browser.open(chat);
        browser.send({ type: "register", user, password: PASSWORD });
        return () => browser.socket.close();
      },
    ],
    [
      "HTTP",
      async (chat, user) => {
        const wire = await Wire.open(chat.webPort);
        const body = JSON.stringify({ user, password: PASSWORD });
        wire.raw(`POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        return () => wire.close();
      },
    ],
  ])("over %s that does not wait for its turn gets no account and costs no hash", async (_, ask) => {
    await using chat = await startTestServer();
    const slow = await block(chat);
    const hashing = spyOn(Bun.password, "hash"); // counts, and hashes all the same
    try {
      const hangUps = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(chat, `flood-${n}`)));
      while ((await waiting(chat)) < 20) expect(slow.isDone()).toBeFalse();
      for (const hangUp of hangUps) hangUp();
      const carol = await chat.wire();
      await carol.ask({ type: "ping" });
      expect(await carol.ask({ type: "register", user: "carol", password: PASSWORD })).toMatchObject({ type: "ok" });
      await slow.done;
      expect(hashing).toHaveBeenCalledTimes(1);
      expect(Object.keys(accountsIn(chat.data))).toEqual(["slow", "carol"]);
    } finally {
      hashing.mockRestore();
    }
  });

  test("who leaves while the hash is made gets no account", async () => {
    using folder = temporaryFolder();
    const users = openUsers(folder.path);
    const asker = { ...HERE, gone: false };
    const answer = registerUser(users, "alice", PASSWORD, asker);
    asker.gone = true;
    expect(await answer).toMatchObject({ code: "busy" });
    expect(users.accounts.mayExist("alice")).toBeFalse();
  });

  test.serial(
    "is refused after two hundred accounts of one network, with the seconds and what to do, and costs no hash",
    async () => {
      using folder = temporaryFolder();
      let elapsed = 0;
      const users = openUsers(folder.path, { elapsed: () => elapsed });
      for (let n = 0; n < 198; n++) users.registrations.count(HERE.network);
      const hashing = spyOn(Bun.password, "hash");
      try {
        const answers = await Promise.all(
          ["alice", "bob", "carol", "dave"].map((name) => registerUser(users, name, PASSWORD, HERE)),
        );
        expect(answers.slice(0, 2)).toMatchObject([{ user: "alice" }, { user: "bob" }]);
        for (const refused of answers.slice(2)) {
          expect(refused).toMatchObject({ code: "throttled", after: 18 });
          expect(refused).toMatchObject({
            text: expect.stringMatching(/from this address.*bun users\.ts add NAME\.$/),
          });
        }
        expect(hashing).toHaveBeenCalledTimes(2);
        expect(await registerUser(users, "alice", PASSWORD, HERE)).toMatchObject({ code: "name_taken" });
        expect(await registerUser(users, "erin", PASSWORD, from("192.0.2.7"))).toMatchObject({ user: "erin" });
        elapsed += 18_000;
        expect(await registerUser(users, "carol", PASSWORD, HERE)).toMatchObject({ user: "carol" });
      } finally {
        hashing.mockRestore();
      }
    },
  );
});

describe("a changed password or a removed account", () => {
  const accounts = (chat: TestServer, args: string, input = "") =>
    run([process.execPath, "users.ts", ...args.split(" "), "--data", chat.data], input);
  const edit = (chat: TestServer, change: (accounts: Record<string, unknown>) => void) => {
    const all = accountsIn(chat.data);
    change(all);
    writeFileSync(join(chat.data, "users.json"), JSON.stringify(all, undefined, 1));
  };
  const CHANGED = "The password of alice was changed, so this connection closes. Sign in again with the new one.";
  const REMOVED = "The account alice was removed, so this connection closes. Whoever runs the server can tell you why.";

  test.each<[string, string, (chat: TestServer) => unknown]>([
    ["bun users.ts passwd", CHANGED, (chat) => accounts(chat, "passwd alice", "second-password")],
    ["bun users.ts remove", REMOVED, (chat) => accounts(chat, "remove alice")],
    ["an editor that changes", CHANGED, (chat) => edit(chat, (all) => (all.alice = all.carol))],
    ["an editor that removes", REMOVED, (chat) => edit(chat, (all) => delete all.alice)],
  ])("by %s ends what is open, over every way in, and nobody else's", async (_, sentence, change) => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    edit(chat, (all) => (all.carol = { password: HASH_OF_CAROL }));
    const bob = await chat.signedIn("bob", "#lab");
    const byPassword = await chat.signedIn("alice", "#lab");
    const byToken = await chat.wire();
    const { token } = await (await chat.wire()).login("alice");
    await byToken.ask({ type: "login", user: "alice", token });
    const typist = await chat.typist("alice");
    const page = await Browser.signedIn(chat, "alice", "#lab");
    await bob.quiet();

    await change(chat);
    chat.server.sweep();
    byPassword.send({ type: "say", to: "#lab", text: "I am still here" });
    byPassword.send({ type: "say", to: "bob", text: "and here" });

    for (const wire of [byPassword, byToken]) {
      expect(await wire.next("notice")).toEqual({ type: "notice", text: sentence });
      await wire.ended;
      expect(wire.unread).toEqual([]);
    }
    await typist.line((line) => line === `* ${sentence}`);
    await typist.ended;
    expect(await page.next(({ type }) => type === "notice")).toEqual({ type: "notice", text: sentence });
    expect(await page.closed).toBe(1000);
    const told = await bob.quiet();
    expect(told.filter(({ type }) => type === "message")).toEqual([]);
    expect((await bob.ask({ type: "who" })).users).toEqual(["bob"]);
    expect(chat.log().match(/ - INFO - alice signed out at 127\.0\.0\.1:\d+: The /g)).toHaveLength(5);
  });

  test("ends it also when somebody else has the name by then", async () => {
    await using chat = await startTestServer(["alice"]);
    const before = await chat.signedIn("alice");
    await accounts(chat, "remove alice");
    await accounts(chat, "add alice", "second-password");
    chat.server.sweep();
    expect(await before.next("notice")).toMatchObject({ text: CHANGED });
    await before.ended;
    const after = await chat.wire();
    await after.login("alice", { password: "second-password" });
    chat.server.sweep();
    expect(await after.quiet()).toEqual([]);
  });

  test("that the server meets while it writes the file itself is not missed", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.signedIn("alice");
    const bob = await chat.wire();
    const registering = bob.ask({ type: "register", user: "bob", password: PASSWORD });
    edit(chat, (all) => (all.alice = { password: HASH_OF_CAROL }));
    expect(await registering).toMatchObject({ type: "ok" });
    chat.server.sweep();
    expect(await alice.next("notice")).toMatchObject({ text: CHANGED });
    await alice.ended;
  });

  test("by the server itself is a reason to look, a new account is none", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    const accounts = new Accounts(join(folder.path, "users.json"));
    await accounts.add("carol", { password: HASH_OF_CAROL });
    expect(accounts.revision).toBe(0);
    await accounts.replace("alice", { password: HASH_OF_CAROL });
    expect(accounts.revision).toBe(1);
    await accounts.remove("bob");
    expect(accounts.revision).toBe(2);
  });

  test("keeps out who was having the old password checked just then", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice"]);
    const users = openUsers(folder.path);
    const signingIn = authenticateUser(users, "alice", { password: PASSWORD }, HERE); // its hash is being checked
    writeFileSync(join(folder.path, "users.json"), JSON.stringify({ alice: { password: HASH_OF_CAROL } }));
    expect(await signingIn).toEqual({ code: "bad_login" });
  });
});
