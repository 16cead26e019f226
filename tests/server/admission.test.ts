import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Connection } from "../../server/admission.ts";
import { Admission } from "../../server/admission.ts";
import { openHistory } from "../../server/history.ts";
import { Listeners } from "../../server/listeners.ts";
import { openLog } from "../../server/log.ts";
import { wireServices } from "../../server/services.ts";
import { openUsers } from "../../server/signin.ts";
import { PATIENCE, startTestServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const MEGABYTE = 1024 * 1024;

describe("connections without a name", () => {
  test("that ask for nothing are 256 at most; the one that has been silent longest makes room, and who is signed in notices nothing", async () => {
    let now = Date.now();
    await using chat = await startTestServer(["alice", "bob"], { elapsed: () => now });
    const alice = await chat.signedIn("alice", "#lab");
    const strangers: Wire[] = [];
    for (let n = 0; n < 257; n++) strangers.push(await Wire.open(chat.port));
    await strangers[256]!.ask({ type: "ping" }); // all of them are in: a class that comes back all at once does

    now += 2_000;
    await strangers[0]!.ask({ type: "ping" }); // the oldest has just said something, so the next one goes
    chat.server.sweep();
    expect(await strangers[1]!.line((line) => line.includes("no room"))).toBeString();
    await strangers[1]!.ended;
    const bob = await chat.signedIn("bob", "#lab");
    for (const n of [0, 2, 256]) expect((await strangers[n]!.ask({ type: "ping" })).type).toBe("ok");
    expect((await bob.ask({ type: "say", to: "#lab", text: "I am in" })).seq).toBe(1);
    expect(await alice.next("message")).toMatchObject({ from: "bob" });
    for (const wire of strangers) wire.reset();
  });

  test("600 who come back at once by their tokens are all let in", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    const { token } = await (await chat.wire()).login("alice");
    const login = JSON.stringify({ type: "login", user: "alice", token, id: "in" });
    const answers = await Promise.all(
      Array.from({ length: 600 }, async () => {
        const wire = await Wire.open(chat.port);
        wire.type(login);
        const answer = await wire.line((line) => line.startsWith("{") || line.includes("room"));
        wire.reset();
        return answer.slice(0, 12);
      }),
    );
    expect(new Set(answers)).toEqual(new Set(['{"type":"ok"']));
    expect((await bob.ask({ type: "ping" })).type).toBe("ok");
  });

  test("give up their places to newcomers when all places are taken, from the network that has most of them", () => {
    const admission = new Admission(8);
    const refused: string[] = [];
    const connection = (name: string, network: string, busy = false): Connection => ({
      network,
      session: undefined,
      queued: 0,
      isIdleFor: () => !busy,
      refuse: (code) => refused.push(`${name} ${code}`),
      dismiss() {},
      cut() {},
      terminate() {},
      tick() {},
    });
    admission.enter(connection("alice", "a"));
    for (let n = 1; n <= 7; n++) admission.enter(connection(`flood-${n}`, "b", n === 1));
    admission.enter(connection("bob", "c"));
    admission.enter(connection("flood-8", "b"));
    expect(refused).toEqual(["flood-2 server_full", "flood-3 server_full"]);
  });
});

describe("rooms", () => {
  test("are 10,000 at most: one more is refused, those there are stay open to everybody, and room is made by leaving", async () => {
    await using chat = await startTestServer(["alice", "bob"], { logLevel: "error" });
    const wires: Wire[] = [];
    for (let n = 0; n < 100; n++) {
      const wire = await chat.signedIn("alice");
      for (let room = 0; room < 100; room++) wire.send({ type: "join", to: `#r-${n}-${room}` });
      wires.push(wire);
    }
    for (const wire of wires) await wire.quiet();
    const bob = await chat.signedIn("bob");
    expect(await bob.ask({ type: "join", to: "#one-more" })).toMatchObject({ type: "error", code: "too_many" });
    expect(await bob.ask({ type: "join", to: "#r-7-42" })).toMatchObject({ type: "ok", users: ["alice", "bob"] });
    expect((await bob.ask({ type: "join", to: "#lobby" })).type).toBe("ok");
    expect((await bob.ask({ type: "rooms" })).rooms).toHaveLength(10_001);

    await wires[3]!.ask({ type: "leave", to: "#r-3-3" });
    await wires[3]!.ask({ type: "leave", to: "#r-3-4" });
    await wires[3]!.quiet();
    expect((await bob.ask({ type: "join", to: "#one-more" })).type).toBe("ok");
  });
});

describe("costly requests", () => {
  test("are delayed for who asks too many, lose nothing, keep their order, and delay nobody else", async () => {
    await using chat = await startTestServer(["alice", "bob"], { elapsed: () => 0 });
    const alice = await chat.signedIn("alice", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    await bob.ask({ type: "say", to: "#lab", text: "needle" });
    await alice.quiet();
    const answered = async (wire: Wire, count: number) => {
      const ids: string[] = [];
      while (ids.length < count) ids.push((await wire.next<any>("ok")).id);
      return ids;
    };
    const start = performance.now();
    // 50 searches are free. As the clock stands still, so that nothing owed is ever paid, the others wait 200, 400 and 600 ms.
    const ids = Array.from({ length: 53 }, (_, n) => `h-${n}`);
    for (const id of ids) alice.send({ type: "history", to: "#lab", match: "needle", id });
    expect(await answered(alice, 50)).toEqual(ids.slice(0, 50));
    for (let n = 0; n < 20; n++) bob.send({ type: "history", to: "#lab" });
    await answered(bob, 20);
    expect(alice.unread.length).toBeLessThan(3); // all of Bob's while Alice waits
    expect(await answered(alice, 3)).toEqual(ids.slice(50));
    expect(performance.now() - start).toBeGreaterThan(1_000);
  });
});

describe("bytes that wait for slow readers", () => {
  test("past the limit for all together those with most are cut off, and the others miss nothing", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob", "carol", "dave"]);
    const history = openHistory(join(folder.path, "chat.db"));
    const log = openLog({ file: join(folder.path, "app.log") });
    const users = openUsers(folder.path);
    const services = wireServices({ users, history, log, now: Date.now, elapsed: Date.now, rate: 0 }, []);
    const admission = new Admission(1_000, 3 * MEGABYTE);
    const listeners = new Listeners({ host: "127.0.0.1", port: 0, webPort: false });
    listeners.serve({ services, admission, certificate: undefined });
    const wire = async (user: string, room: string) => {
      const opened = await Wire.open(listeners.port);
      await opened.login(user);
      await opened.join(room);
      return opened;
    };
    const alice = await wire("alice", "#lab");
    await alice.join("#side");
    const slow = [await wire("bob", "#lab"), await wire("bob", "#lab")];
    const lesser = await wire("carol", "#side"); // reads nothing either, but less is for it
    const dave = await wire("dave", "#lab");
    for (const reader of [...slow, lesser]) reader.socket.pause();
    const text = "\u{1f44b}".repeat(4_000); // 16 KB
    const say = async (to: string) => {
      for (let n = 1; n < 32; n++) alice.send({ type: "say", to, text });
      await alice.ask({ type: "say", to, text });
    };
    const queuedFor = (user: string) =>
      Math.max(
        0,
        ...[...admission.connections].filter(({ session }) => session!.user === user).map(({ queued }) => queued),
      );

    let said = 0;
    while (queuedFor("carol") < MEGABYTE / 2) await say("#side");
    while (admission.slowReaders === 0) {
      said += 32;
      await say("#lab");
    }
    expect(readFileSync(join(folder.path, "app.log"), "utf8")).toContain("disconnected (did not keep up)");
    expect(admission.queued).toBeLessThanOrEqual(3 * MEGABYTE);
    expect(queuedFor("carol")).toBeGreaterThan(0);
    expect((await dave.quiet()).filter(({ type }) => type === "message")).toHaveLength(said);

    for (const reader of [...slow, lesser]) reader.reset();
    while (admission.connections.size > 2) await alice.ask({ type: "ping" });
    expect(admission.queued).toBe(0);
    for (const one of [alice, dave]) one.close();
    await Promise.all([alice.ended, dave.ended]);
    listeners.stop();
    history.close();
    log.close();
  });
});

describe("a pulled cable", () => {
  test("is noticed by the kernel, which probes every idle connection", async () => {
    await using chat = await startTestServer(["alice"]);
    const alice = await chat.typist("alice");
    const { remotePort, localPort } = alice.socket;
    const port = (n: number) => n.toString(16).toUpperCase().padStart(4, "0");
    // https://docs.kernel.org/networking/proc_net_tcp.html: the timer of the server's end is 2, keepalive, when it is idle
    const timer = () =>
      readFileSync("/proc/net/tcp", "utf8")
        .split("\n")
        .map((row) => row.trim().split(/\s+/))
        .find(
          ([, local, remote]) => local?.endsWith(`:${port(remotePort)}`) && remote?.endsWith(`:${port(localPort)}`),
        )![5]!;
    while (!timer().startsWith("02:")) await alice.quietLines(); // while bytes are under way it is another
    const left = Number.parseInt(timer().slice(3), 16); // hundredths of a second
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(3_000);
  });
});
