import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../client.ts";
import { openTcp } from "../../client/tcp.ts";
import { startServer } from "../../server.ts";
import { loadCertificate } from "../../server/certificate.ts";
import {
  PASSWORD,
  PATIENCE,
  REPOSITORY,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const nobody = { judge: () => "not the one" };

/** The fingerprint a server at this port shows. */
async function shownAt(port: number): Promise<string> {
  let shown = "";
  const judge = (fingerprint: string) => void (shown = fingerprint);
  (await openTcp({ host: "localhost", port, encryption: { judge } })).end();
  return shown;
}

describe.if(has("openssl"))("an encrypted server", () => {
  test("serves the chat, the page and WebSockets with its own certificate, made once and with a private key", async () => {
    await using chat = await startTestServer(["alice", "bob"], { tls: "own" });
    const ca = readFileSync(join(chat.data, "tls-cert.pem"), "utf8");
    expect(statSync(join(chat.data, "tls-key.pem")).mode & 0o777).toBe(0o600);
    const options = { port: chat.port, password: PASSWORD, rooms: ["#lab"], encryption: { ca, ...nobody } };
    const alice = await connect({ ...options, user: "alice" });
    const bob = await connect({ ...options, user: "bob" });

    await alice.say("#lab", "nobody else reads this");
    let next = await bob.next();
    while (next?.type !== "message") next = await bob.next();
    expect(next).toMatchObject({ from: "alice", text: "nobody else reads this" });

    const health = await fetch(`https://localhost:${chat.webPort}/healthz`, { tls: { ca } });
    expect(await health.text()).toBe("ok\n");
    const socket = new WebSocket(`wss://localhost:${chat.webPort}/ws`, { tls: { ca } } as unknown as string[]);
    await new Promise((open) => socket.addEventListener("open", open));
    const answer = new Promise<MessageEvent>((heard) => socket.addEventListener("message", heard));
    socket.send('{"type":"ping","id":"w"}');
    expect((await answer).data).toBe('{"type":"ok","id":"w"}\n');
    socket.close();
    await Promise.all([alice.close(), bob.close()]);

    const { fingerprint } = chat.server;
    await chat.restart();
    expect([fingerprint, await shownAt(chat.port)]).toEqual([chat.server.fingerprint, fingerprint!]);
  });

  test("answers everything to a client that half-closes", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    const judge = () => undefined;
    const link = await openTcp({ host: "localhost", port: chat.port, encryption: { judge } });
    const heard: string[] = [];
    link.listen((event) => heard.push(event.type));
    link.send({ type: "login", user: "alice", password: PASSWORD });
    link.send({ type: "join", to: "#lab" });
    link.send({ type: "exit" });
    await link.gone;
    expect(heard).toEqual(["ok", "ok", "ok"]);
  });

  test("lets go of a handshake that is not finished within 10 seconds, and of nobody else", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice"], { tls: "own", elapsed: () => now });
    const encryption = { judge: () => undefined };
    const alice = await connect({ port: chat.port, user: "alice", password: PASSWORD, encryption });
    const silent = await Wire.open(chat.port);
    const slow = await Wire.open(chat.port);
    slow.raw(Uint8Array.of(0x16, 3, 1, 2, 0, 1)); // the first bytes of a ClientHello
    await alice.ask({ type: "ping" });
    now += 9_000;
    chat.server.sweep();
    slow.raw(Uint8Array.of(0)); // a byte more does not earn more time
    await alice.ask({ type: "ping" });
    now += 1_000;
    chat.server.sweep();
    await Promise.all([silent.ended, slow.ended]);
    expect(await alice.ask({ type: "ping" })).toMatchObject({ type: "ok" });
    expect(chat.log().match(/no TLS handshake/g)).toHaveLength(2);
    await alice.close();
  });

  test("loses no newcomer while its certificate is renewed, at both ports", async () => {
    await using chat = await startTestServer([], { tls: "own" });
    const newcomers: Promise<string>[] = [];
    for (let n = 0; n < 50; n++) {
      newcomers.push(shownAt(chat.port), shownAt(chat.webPort)); // they wait in the kernel's queue
      chat.server.reload();
    }
    expect(new Set(await Promise.all(newcomers))).toEqual(new Set([chat.server.fingerprint!]));
  });

  test("goes on with a renewed certificate after SIGHUP, keeps its connections, and ignores a damaged one", async () => {
    using folder = temporaryFolder();
    using first = temporaryFolder();
    using second = temporaryFolder();
    const [old, renewed] = [loadCertificate("own", first.path), loadCertificate("own", second.path)];
    writeAccounts(folder.path, ["alice"]);
    const file = (name: string) => join(first.path, name);
    const files = ["--tls-cert", file("tls-cert.pem"), "--tls-key", file("tls-key.pem")];
    await using server = await spawnServer(folder.path, files);
    const told = async (what: RegExp) => {
      while (!what.test(server.output())) await alice.ask({ type: "ping" });
    };
    const encryption = { judge: () => undefined };
    const alice = await connect({ port: server.port, user: "alice", password: PASSWORD, encryption });
    expect(await shownAt(server.port)).toBe(old.fingerprint);

    for (const name of ["tls-cert.pem", "tls-key.pem"]) copyFileSync(join(second.path, name), file(name));
    server.process.kill("SIGHUP");
    await told(/Certificate read again/);
    expect(await shownAt(server.port)).toBe(renewed.fingerprint);

    writeFileSync(file("tls-key.pem"), old.key);
    server.process.kill("SIGHUP");
    await told(/WARNING - .*is not the key of the certificate .* Going on with the certificate as it was/);
    expect(await shownAt(server.port)).toBe(renewed.fingerprint);
    expect(alice.online).toBe(true);
    await alice.close();
  });
});

describe("a certificate that cannot be used", () => {
  test.if(has("openssl")).each([
    [
      "is missing",
      { cert: "none.pem", key: "key.pem" },
      /Cannot read the certificate .*none.pem: there is no such file/,
    ],
    ["has no key", { cert: "cert.pem", key: "none.pem" }, /Cannot read the key .*none.pem/],
    ["is no certificate", { cert: "key.pem", key: "key.pem" }, /key.pem is not a certificate in PEM form/],
    ["has a key that is none", { cert: "cert.pem", key: "cert.pem" }, /cert.pem is not a private key in PEM form/],
    ["has another's key", { cert: "cert.pem", key: "other.pem" }, /other.pem is not the key of the certificate/],
    ["has a locked key", { cert: "cert.pem", key: "locked.pem" }, /locked.pem has a passphrase/],
  ])("because it %s stops the start with one sentence, and nothing is made", async (_, files, sentence) => {
    using folder = temporaryFolder();
    using made = temporaryFolder();
    using other = temporaryFolder();
    const { cert, key } = loadCertificate("own", made.path);
    const contents = { "cert.pem": cert, "key.pem": key, "other.pem": loadCertificate("own", other.path).key };
    for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder.path, name), text);
    const locked = key.replaceAll("PRIVATE", "ENCRYPTED PRIVATE");
    writeFileSync(join(folder.path, "locked.pem"), locked);
    const tls = { cert: join(folder.path, files.cert), key: join(folder.path, files.key) };

    const data = join(folder.path, "data");
    const start = startServer({ port: 0, data, tls });
    await expect(start).rejects.toMatchObject({ exitCode: 4, message: expect.stringMatching(sentence) });
    expect(readdirSync(folder.path).sort()).toEqual(["cert.pem", "key.pem", "locked.pem", "other.pem"]);
  });

  test("because there is no openssl says so and ends with 4", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, []);
    const command = [process.execPath, "server.ts", "--port", "0", "--data", folder.path, "--tls"];
    const { stderr, exitCode } = Bun.spawnSync(command, { cwd: REPOSITORY, env: { PATH: folder.path } });
    expect([stderr.toString(), exitCode]).toEqual([expect.stringMatching(/needs the openssl program.*--tls-cert/), 4]);
    expect(readdirSync(folder.path)).toEqual(["users.json"]);
  });
});
