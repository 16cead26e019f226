import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connect } from "../../client.ts";
import type { Certificate } from "../../server/certificate.ts";
import { loadCertificate } from "../../server/certificate.ts";
import { wrap } from "../../client/rows.ts";
import { trustFile } from "../../client/trust.ts";
import type { TestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, startTestServer, temporaryFolder, Wire } from "../kit/harness.ts";
import type { Seat } from "../kit/pty.ts";
import { HAS_TERMINAL, sit, sitAtClient } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const QUESTION = "Trust it from now on? [y/N]";

/** A person: a folder that keeps whom they trust, their password in a file, and programs that run as theirs. */
function person() {
  const home = temporaryFolder();
  const env = { XDG_STATE_HOME: join(home.path, "state") };
  const secret = join(home.path, "secret.txt");
  writeFileSync(secret, `${PASSWORD}\n`);
  const send = (to: number | string, ...args: string[]) => [
    ...[process.execPath, "client.ts", typeof to === "number" ? `127.0.0.1:${to}` : to],
    ...["--name", "alice", "--password-file", secret, "--send", "alice", ...args],
  ];
  return {
    home: home.path,
    file: trustFile(env),
    /** What the file holds, or that there is none. */
    known: () => existsSync(trustFile(env)) && readFileSync(trustFile(env), "utf8"),
    knows(port: number, fingerprint: string) {
      mkdirSync(dirname(trustFile(env)), { recursive: true });
      writeFileSync(trustFile(env), `127.0.0.1:${port} ${fingerprint}\n`);
    },
    /** In a terminal wide enough for any sentence. */
    sit: (port: number, ...args: string[]): Seat => sitAtClient(port, args, { columns: 600, env }),
    /** As a script that sends one line. */
    script: (to: number | string, ...args: string[]) => run(send(to, ...args), "hello\n", env),
    /** As a script whose input stays open. */
    open: (port: number, ...args: string[]) =>
      Bun.spawn(send(port, ...args), {
        cwd: REPOSITORY,
        env: { ...process.env, ...env },
        stdin: "pipe",
        stdout: "ignore",
        stderr: "pipe",
      }),
    [Symbol.dispose]: () => home[Symbol.dispose](),
  };
}

/** Somebody else at a port, with a certificate of their own, who writes down every byte they are told. */
function thief(port = 0) {
  using folder = temporaryFolder();
  const certificate: Certificate = loadCertificate("own", folder.path);
  const told: string[] = [];
  let visits = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port,
    tls: { cert: certificate.cert, key: certificate.key },
    socket: { data: (_, chunk) => void told.push(chunk.toString()), close: () => void visits++ },
  });
  const { fingerprint } = certificate;
  return { told, fingerprint, visits: () => visits, port: server.port, [Symbol.dispose]: () => server.stop(true) };
}

const another = (fingerprint: string) => fingerprint.replace(/^../, fingerprint.startsWith("00") ? "01" : "00");
/** The certificate the server uses, as a person would copy it. */
const certificateOf = (chat: TestServer) => join(chat.data, "tls-cert.pem");

describe.if(has("openssl"))("a server that was never met", () => {
  test.if(HAS_TERMINAL)("shows its fingerprint and is trusted once, or not at all", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    using alice = person();
    const fingerprint = chat.server.fingerprint!;
    await using first = alice.sit(chat.port, "--tls");
    const asked = await first.until(QUESTION);
    expect(asked).toContain(`127.0.0.1:${chat.port} is new to you`);
    expect(asked.replaceAll(/\s/g, "")).toContain(fingerprint);
    first.type("n\r");
    expect(await first.exited).toBe(3);
    expect(first.screen.text).toContain("Not trusted. Nothing was sent.");
    expect(alice.known()).toBeFalse();

    await using second = alice.sit(chat.port, "--tls", "--name", "alice");
    await second.until(QUESTION);
    second.type("y\r");
    await second.until("(encrypted, by the certificate you trust)");
    await second.until(/is hidden\):/);
    second.type(`${PASSWORD}\r`);
    await second.until("You are in #lobby");
    expect(alice.known()).toBe(`127.0.0.1:${chat.port} ${fingerprint}\n`);
    expect(statSync(alice.file).mode & 0o777).toBe(0o600);
    expect(second.output()).not.toContain(PASSWORD);

    await using third = alice.sit(chat.port, "--tls");
    expect(await third.until("Name:")).not.toContain(QUESTION);
  });

  test("is refused to a script, unless it is told --trust-new; then it is known", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    using alice = person();
    const refused = await alice.script(chat.port, "--tls");
    expect(refused).toMatchObject({ code: 3, stdout: "" });
    expect(refused.stderr).toContain(
      `it is self-signed. Nothing was sent. Its fingerprint is ${chat.server.fingerprint}`,
    );
    expect(alice.known()).toBeFalse();

    const trusted = await alice.script(chat.port, "--trust-new");
    expect([trusted.code, trusted.stderr]).toEqual([0, expect.stringContaining(chat.server.fingerprint!)]);
    expect(await alice.script(chat.port, "--tls")).toMatchObject({ code: 0 });
    expect(await alice.script(chat.port, "--trust-new")).toMatchObject({ code: 0 });
    expect(alice.known()).toBe(`127.0.0.1:${chat.port} ${chat.server.fingerprint}\n`);
    const inbox = await connect({
      ...{ port: chat.port, user: "alice", password: PASSWORD },
      encryption: { ca: readFileSync(certificateOf(chat), "utf8") },
    });
    expect(await inbox.ask({ type: "history", to: "@" })).toMatchObject({ messages: Array(3).fill({ text: "hello" }) });
    await inbox.close();
  });

  test("cannot be trusted where nothing can be kept", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    using alice = person();
    writeFileSync(join(alice.home, "state"), "a file where a folder is needed");
    const refused = await alice.script(chat.port, "--trust-new");
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining(`Cannot use ${alice.file}`)]);
  });
});

test.each([40, 60, 80, 90])("in %d columns a fingerprint breaks between two of its pairs", (columns) => {
  const print = Array.from({ length: 32 }, (_, i) => (i * 7 + 16).toString(16).toUpperCase()).join(":");
  const rows = wrap(`* WARNING: it was ${print} and is ${print}. Ask whoever runs the server.`, columns);
  for (const row of rows) {
    expect(Bun.stringWidth(row)).toBeLessThanOrEqual(columns);
    for (const [part] of row.matchAll(/[0-9A-F:]{5,}/g)) expect(part).toMatch(/^([0-9A-F]{2}:)*[0-9A-F]{2}:?$/);
  }
  expect(rows.join("").replaceAll(" ", "")).toBe(
    `* WARNING: it was ${print} and is ${print}. Ask whoever runs the server.`.replaceAll(" ", ""),
  );
  expect(wrap(print, 95)).toEqual([print]);
});

describe.if(has("openssl"))("a certificate that has changed", () => {
  test.if(HAS_TERMINAL)(
    "is refused loudly, whatever is asked for, and nobody is told a name or a password",
    async () => {
      using eve = thief();
      using alice = person();
      alice.knows(eve.port, another(eve.fingerprint));
      const before = alice.known();
      for (const option of ["--tls", "--trust-new"]) {
        const refused = await alice.script(eve.port, option);
        expect([refused.code, refused.stderr]).toEqual([
          3,
          expect.stringContaining("HAS CHANGED. Somebody may be posing"),
        ]);
        expect(refused.stderr).toContain(`It was ${another(eve.fingerprint)} and is ${eve.fingerprint}.`);
      }
      await using seat = alice.sit(eve.port, "--tls", "--name", "alice");
      expect(await seat.exited).toBe(3);
      expect(seat.screen.text).toContain(`WARNING: THE CERTIFICATE OF 127.0.0.1:${eve.port} HAS CHANGED`);
      expect(seat.screen.text).not.toContain(QUESTION);
      expect([alice.known(), eve.told, eve.visits()]).toEqual([before, [], 3]);
    },
  );

  test.if(HAS_TERMINAL)(
    "while somebody chats is told once, keeps what they type, and the talk goes on with the right one",
    async () => {
      await using chat = await startTestServer(["alice", "bob"], { tls: "own" });
      using alice = person();
      alice.knows(chat.port, chat.server.fingerprint!);
      await using seat = alice.sit(chat.port, "--tls", "--name", "alice");
      await seat.until(/is hidden\):/);
      seat.type(`${PASSWORD}\r`);
      await seat.until("You are in #lobby");

      await chat.restart(async () => {
        using eve = thief(chat.port);
        await seat.until("connection lost");
        seat.type("for my friends only\r");
        await seat.until(/HAS CHANGED[\s\S]*… for my friends only/);
        const visits = eve.visits();
        seat.type("\r"); // tries again, and is refused again
        await seat.until(() => eve.visits() > visits && !/Trying now/.test(seat.screen.text));
        expect(seat.screen.text.match(/HAS CHANGED/g)).toHaveLength(1);
        expect(eve.told).toEqual([]);
      });
      await seat.until(() => {
        seat.type("\r");
        return /back online[\s\S]*alice: for my friends only/.test(seat.screen.text);
      });
      expect(seat.screen.text.match(/for my friends only/g)).toHaveLength(1);
    },
  );

  test("while a script sends ends it with 3", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    using alice = person();
    const script = alice.open(chat.port, "--trust-new");
    const ca = readFileSync(certificateOf(chat), "utf8");
    const hers = await connect({ port: chat.port, user: "alice", password: PASSWORD, encryption: { ca } });
    script.stdin.write("the first\n");
    script.stdin.flush();
    while ((await hers.next())?.type !== "message");
    await hers.close();
    let eve: ReturnType<typeof thief>;
    await chat.restart(async () => {
      eve = thief(chat.port);
      script.stdin.write("the second\n");
      script.stdin.flush();
      expect(await script.exited).toBe(3);
      eve[Symbol.dispose]();
    });
    expect(await new Response(script.stderr).text()).toContain("HAS CHANGED");
    expect(eve!.told).toEqual([]);
  });
});

describe.if(has("openssl"))("a certificate that an authority vouches for", () => {
  /** Makes one for localhost; the authority's own certificate, and the two files a server needs. */
  async function authority(folder: string) {
    const file = (name: string) => join(folder, name);
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const make = ["openssl", "req", "-x509", ...key, "-days", "2"];
    expect((await run([...make, "-subj", "/CN=School", "-keyout", file("ca.key"), "-out", file("ca.pem")])).code).toBe(
      0,
    );
    const signed = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-addext", "subjectAltName=DNS:localhost"];
    signed.push("-addext", "basicConstraints=critical,CA:FALSE", "-subj", "/CN=Banter");
    expect((await run([...make, ...signed, "-keyout", file("key.pem"), "-out", file("cert.pem")])).code).toBe(0);
    return { ca: file("ca.pem"), tls: { cert: file("cert.pem"), key: file("key.pem") } };
  }

  test("is believed with --ca under its own name, and under no other; nothing is kept", async () => {
    using folder = temporaryFolder();
    const { ca, tls } = await authority(folder.path);
    await using chat = await startTestServer(["alice"], { tls });
    using alice = person();
    expect(await alice.script(`localhost:${chat.port}`, "--ca", ca)).toMatchObject({ code: 0 });

    const otherName = await alice.script(`127.0.0.1:${chat.port}`, "--ca", ca);
    expect([otherName.code, otherName.stderr]).toEqual([
      3,
      expect.stringContaining("is refused: it is for another name."),
    ]);
    const noAuthority = await alice.script(`localhost:${chat.port}`, "--tls");
    expect([noAuthority.code, noAuthority.stderr]).toEqual([
      3,
      expect.stringContaining("no authority known here signed"),
    ]);
    expect(alice.known()).toBeFalse();

    await using other = await startTestServer(["alice"], { tls: "own" });
    const otherAuthority = await alice.script(`localhost:${other.port}`, "--ca", ca);
    expect([otherAuthority.code, otherAuthority.stderr]).toEqual([
      3,
      expect.stringContaining("is refused: it is self-signed."),
    ]);
    expect(await alice.script(`localhost:${other.port}`, "--ca", certificateOf(other))).toMatchObject({ code: 0 });
  });

  test("is what a bot believes by itself, or what it is given", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    const bot = { port: chat.port, user: "alice", password: PASSWORD };
    const refused = connect({ ...bot, encryption: {} });
    await expect(refused).rejects.toMatchObject({
      code: "untrusted",
      message: expect.stringContaining("it is self-signed"),
    });
    const connection = await connect({ ...bot, encryption: { ca: readFileSync(certificateOf(chat), "utf8") } });
    expect(connection.online).toBeTrue();
    await connection.close();
  });
});

describe.if(has("openssl"))("a page that is reached by https", () => {
  test.if(HAS_TERMINAL)("is trusted as the chat's port is, and nobody else is told a name or a password", async () => {
    await using chat = await startTestServer(["alice"], { tls: "own" });
    using alice = person();
    const [page, fingerprint] = [`127.0.0.1:${chat.webPort}`, chat.server.fingerprint!];
    await using seat = sit([process.execPath, "client.ts", `https://${page}`], {
      columns: 600,
      env: { XDG_STATE_HOME: join(alice.home, "state") },
    });
    const asked = await seat.until(QUESTION);
    expect(asked).toContain(`${page} is new to you`);
    seat.type("n\r");
    expect(await seat.exited).toBe(3);
    const refused = await alice.script(`https://${page}`);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringContaining(`Its fingerprint is ${fingerprint}`)]);
    expect(alice.known()).toBeFalse();
    expect(await alice.script(`https://${page}`, "--trust-new")).toMatchObject({ code: 0 });
    expect(await alice.script(`https://${page}`)).toMatchObject({ code: 0, stderr: "" });
    expect(alice.known()).toBe(`${page} ${fingerprint}\n`);
    const byName = `https://localhost:${chat.webPort}`;
    expect(await alice.script(byName, "--ca", certificateOf(chat))).toMatchObject({ code: 0 });

    using eve = thief();
    alice.knows(eve.port, another(eve.fingerprint));
    const bot = { server: `https://127.0.0.1:${eve.port}`, user: "alice", password: PASSWORD };
    await expect(connect(bot)).rejects.toMatchObject({ code: "untrusted" });
    for (const more of [[], ["--trust-new"]]) {
      const warned = await alice.script(`https://127.0.0.1:${eve.port}`, ...more);
      expect([warned.code, warned.stderr]).toEqual([3, expect.stringContaining("HAS CHANGED")]);
    }
    expect([eve.told, eve.visits() > 0]).toEqual([[], true]);

    const { stderr } = await alice.script(`http://${page}`);
    expect(stderr).toContain(`is no Banter server. If it is encrypted, use https://${page}.`);
  });

  test("lets a program in by a name that anybody could have, where a browser would be, too", async () => {
    await using chat = await startTestServer(["alice"]);
    using folder = temporaryFolder();
    using alice = person();
    const { cert, key } = loadCertificate("own", folder.path);
    // What stands before a page ends the encryption there and keeps the name it was called by.
    using proxy = Bun.listen<Promise<Bun.Socket>>({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert, key },
      socket: {
        open(socket) {
          const passOn = {
            data: (_: unknown, bytes: Uint8Array) => void socket.write(bytes),
            close: () => void socket.end(),
          };
          socket.data = Bun.connect({ hostname: "127.0.0.1", port: chat.webPort, socket: passOn });
        },
        async data(socket, bytes) {
          const text = bytes.toString("latin1").replaceAll(`localhost:${proxy.port}`, "chat.example.org");
          (await socket.data).write(Buffer.from(text, "latin1"));
        },
        close: (socket) => void socket.data.then((other) => other.end()),
      },
    });
    const sent = await alice.script(`https://localhost:${proxy.port}`, "--ca", join(folder.path, "tls-cert.pem"));
    expect(sent).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe.if(has("openssl"))("the wrong kind of port", () => {
  test.if(HAS_TERMINAL)(
    "without TLS at an encrypted one, and the other way round, is told what to change",
    async () => {
      await using secret = await startTestServer(["alice"], { tls: "own" });
      await using open = await startTestServer(["alice"]);
      using alice = person();
      const plain = await alice.script(secret.port);
      expect([plain.code, plain.stderr]).toEqual([3, expect.stringContaining("is encrypted. Connect with --tls.")]);
      await using seat = alice.sit(secret.port);
      expect(await seat.exited).toBe(3);
      expect(seat.screen.text).toContain(`127.0.0.1:${secret.port} is encrypted. Connect with --tls.`);
      const encrypted = await alice.script(open.port, "--tls");
      const sentence = "does not speak TLS. Nothing was sent. Connect without --tls.";
      expect([encrypted.code, encrypted.stderr]).toEqual([3, expect.stringContaining(sentence)]);

      const other = await Wire.open(open.port); // any other program that speaks TLS
      other.raw(Uint8Array.of(0x16, 3, 1, 2, 0));
      expect(await other.line()).toContain("which does not speak TLS. Connect without TLS.");
    },
  );
});

test("a file of an authority that cannot be used, or options that exclude each other, end with 2 and a sentence", async () => {
  using alice = person();
  const scenes: [string[], string][] = [
    [["--ca", join(alice.home, "none.pem")], "none.pem: there is no such file."],
    [["--ca", alice.home], `Cannot read the certificate ${alice.home}: it is a folder.`],
    [["--ca", join(alice.home, "secret.txt")], "secret.txt is not a certificate in PEM form."],
    [["--ca", join(alice.home, "secret.txt"), "--trust-new"], "--ca and --trust-new exclude each other."],
  ];
  for (const [args, sentence] of scenes) {
    const refused = await alice.script(1, ...args);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining(sentence)]);
  }
});
