import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRefusal } from "../../protocol.ts";
import { startServer } from "../../server.ts";
import type { SignedIn } from "../../server/signin.ts";
import { authenticateUser, openUsers } from "../../server/signin.ts";
import { PASSWORD, PATIENCE, startTestServer, temporaryFolder, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const HERE = { address: "127.0.0.1:50312", network: "127.0.0.1", gone: false };

async function signIn(...args: Parameters<typeof authenticateUser>): Promise<SignedIn> {
  const result = await authenticateUser(...args);
  if (isRefusal(result)) throw new Error(`refused: ${result.code}`);
  return result;
}

test("a token survives a restart and ends after thirty days", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice"]);
  let now = 1_000_000_000;
  const { token } = await signIn(openUsers(folder.path, { now: () => now }), "alice", { password: PASSWORD }, HERE);

  const users = openUsers(folder.path, { now: () => now });
  now += 30 * 86_400_000 - 1;
  const { token: fresh } = await signIn(users, "alice", { token }, HERE);
  now += 1;
  expect(await authenticateUser(users, "alice", { token }, HERE)).toEqual({ code: "bad_login" });
  expect(await authenticateUser(users, "alice", { token: fresh }, HERE)).toMatchObject({ user: "alice" });
});

test("a token ends with its password, and is good for no other account", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice", "bob"]);
  const users = openUsers(folder.path);
  const { token } = await signIn(users, "alice", { password: PASSWORD }, HERE);
  expect(await authenticateUser(users, "bob", { token }, HERE)).toEqual({ code: "bad_login" });
  expect(await authenticateUser(users, "constructor", { token }, HERE)).toEqual({ code: "bad_login" });

  const other = await Bun.password.hash(PASSWORD, { algorithm: "argon2id", memoryCost: 1024, timeCost: 1 });
  writeFileSync(join(folder.path, "users.json"), JSON.stringify({ alice: { password: other } }));
  expect(await authenticateUser(openUsers(folder.path), "alice", { token }, HERE)).toEqual({
    code: "bad_login",
  });
});

test("a token that was changed in any place is worth nothing", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice"]);
  const users = openUsers(folder.path);
  const { token } = await signIn(users, "alice", { password: PASSWORD }, HERE);
  const [expiry, mac] = token.split(".") as [string, string];

  for (let i = 0; i < token.length; i++) {
    const changed = token.slice(0, i) + (token[i] === "1" ? "2" : "1") + token.slice(i + 1);
    expect(await authenticateUser(users, "alice", { token: changed }, HERE)).toEqual({ code: "bad_login" });
  }
  const others = ["", ".", expiry, `${Number(expiry) + 1}.${mac}`, `${token}x`, ` ${token}`, `1e99.${mac}`];
  for (const other of others)
    expect([other, await authenticateUser(users, "alice", { token: other }, HERE)]).toEqual([
      other,
      { code: "bad_login" },
    ]);
});

test("a damaged key stops the start with one sentence that names it and is left as it is", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "secret.key");
  writeFileSync(file, "abc\n");
  const problem = await startServer({ port: 0, data: folder.path }).catch((problem) => problem);
  expect(problem).toMatchObject({ exitCode: 4, message: expect.stringMatching(/secret\.key is damaged\./) });
  expect(readFileSync(file, "utf8")).toBe("abc\n");
});

test("an empty key, as a power cut leaves it, is made anew, which is told once; tokens of before are worth nothing", async () => {
  await using chat = await startTestServer(["alice"]);
  const file = join(chat.data, "secret.key");
  const { token } = await (await chat.wire()).login("alice");
  await chat.restart(() => writeFileSync(file, ""));
  const alice = await chat.wire();
  expect(await alice.ask({ type: "login", user: "alice", token })).toMatchObject({ code: "bad_login" });
  const { token: fresh } = await alice.login("alice");
  expect([statSync(file).mode & 0o777, statSync(file).size]).toEqual([0o600, 65]);
  const told = `WARNING - ${file} was empty and is made anew. Whoever was signed in needs the password once.\n`;
  expect(chat.log().split(told)).toHaveLength(2);
  await chat.restart();
  expect(await (await chat.wire()).ask({ type: "login", user: "alice", token: fresh })).toMatchObject({ type: "ok" });
  expect(chat.log().split(told)).toHaveLength(2);
});

test("a key that is a link is used, and made where the link leads", async () => {
  using folder = temporaryFolder();
  const [data, key] = [join(folder.path, "data"), join(folder.path, "key")];
  writeAccounts(data, ["alice"]);
  symlinkSync(key, join(data, "secret.key"));
  const { token } = await signIn(openUsers(data), "alice", { password: PASSWORD }, HERE);
  expect(readFileSync(key, "utf8")).toMatch(/^[0-9a-f]{64}\n$/);
  expect(await signIn(openUsers(data), "alice", { token }, HERE)).toMatchObject({ user: "alice" });
  expect(readlinkSync(join(data, "secret.key"))).toBe(key);
});
