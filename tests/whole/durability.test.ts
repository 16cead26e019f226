import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { connect, receiveMessages } from "../../client.ts";
import type { Message } from "../../protocol.ts";
import { openHistory } from "../../server/history.ts";
import { PASSWORD, PATIENCE, run, spawnServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";
import { Model, People } from "../kit/model.ts";
import { canMount, has, works } from "../kit/needs.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

const canTrace = works("strace", "-o", "/dev/null", "true");

test.if(canTrace)("a message is on disk, by one sync, before the first byte of it goes to anybody", async () => {
  using folder = temporaryFolder();
  const [data, trace] = [join(folder.path, "data"), join(folder.path, "trace")];
  writeAccounts(data, ["alice", "bob"]);
  const calls = "pwrite64,pwritev,pwritev2,fdatasync,fsync,write,writev,sendto,sendmsg,sendmmsg";
  const wrapper = ["strace", "-f", "-y", "-s", "9999", "-o", trace, "-e", `trace=${calls}`];
  const strace = await spawnServer(data, [], wrapper);
  const server = Number(readFileSync(`/proc/${strace.pid}/task/${strace.pid}/children`, "utf8"));
  const said = Array.from({ length: 12 }, (_, n) => `two-sugars-${"abcdefghijkl"[n]}`); // the last three in private
  try {
    const [alice, bob] = [await Wire.open(strace.port), await Wire.open(strace.port)];
    for (const wire of [alice, bob]) {
      await wire.login(wire === alice ? "alice" : "bob");
      await wire.join("#lab");
    }
    for (const [n, text] of said.entries()) {
      await alice.ask({ type: "say", to: n < 9 ? "#lab" : "bob", text });
      await bob.next((frame) => frame.type === "message" && frame.text === text);
    }
  } finally {
    process.kill(server, "SIGKILL"); // and strace ends with it, its file complete
    await strace.process.exited;
  }

  const made = finished(readFileSync(trace, "utf8")).map((line) => {
    const [, call = "", file = "", result = ""] = /^(\w+)\(\d+<([^>]*)>.* = (-?\d+)/.exec(line) ?? [];
    return { line, file, isOfData: file.startsWith(data + "/"), isSync: /^f(data)?sync$/.test(call) && result === "0" };
  });
  for (const text of said) {
    const stored = made.findIndex(({ line, isOfData }) => isOfData && line.includes(text));
    const told = made.findIndex(({ line, isOfData }) => !isOfData && line.includes(text));
    expect(stored).toBeWithin(0, told);
    const between = made.slice(stored, told).filter(({ file }) => file === made[stored]!.file);
    expect([text, between.at(-1)!.isSync, between.filter(({ isSync }) => isSync).length]).toEqual([text, true, 1]);
  }
});

test.if(canTrace && has("openssl"))(
  "what is made at a start and by a backup is on disk before it has its name, and its name before anything goes on",
  async () => {
    using folder = temporaryFolder();
    const [data, trace] = [join(folder.path, "new", "data"), join(folder.path, "trace")];
    const calls = "mkdir,rename,renameat,renameat2,openat,fsync,fdatasync";
    const wrapper = ["strace", "-f", "-y", "-s", "9999", "-o", trace, "-e", `trace=${calls}`];
    const strace = await spawnServer(data, ["--tls"], wrapper);
    const server = Number(readFileSync(`/proc/${strace.pid}/task/${strace.pid}/children`, "utf8"));
    let backup: string;
    try {
      const added = await run([process.execPath, "users.ts", "add", "alice", "--data", data], PASSWORD);
      const made = await run([process.execPath, "backup.ts", "--data", data]);
      expect([added.code, made.code, made.stderr]).toEqual([0, 0, ""]);
      backup = made.stdout.trim();
    } finally {
      process.kill(server, "SIGKILL");
      await strace.process.exited;
    }

    const lines = finished(readFileSync(trace, "utf8"));
    /** Where each of these is found, one after the other. */
    const places = (...steps: RegExp[]): number[] => {
      let place = -1;
      return steps.map((step) => (place = lines.findIndex((line, index) => index > place && step.test(line))));
    };
    const synced = (path: string) => new RegExp(`^f(data)?sync\\(\\d+<${RegExp.escape(path)}>\\) += 0`);
    const renamed = (from: string, to: string) =>
      new RegExp(`^rename\\w*\\(.*"${RegExp.escape(from)}".*"${RegExp.escape(to)}".*\\) += 0`);
    const made = (path: string) => new RegExp(`^mkdir\\("${RegExp.escape(path)}", 0700\\) += 0`);
    for (const name of ["secret.key", "tls-key.pem", "tls-cert.pem"]) {
      const file = join(data, name);
      expect([name, places(synced(`${file}.tmp`), renamed(`${file}.tmp`, file), synced(data))]).toEqual([
        name,
        expect.not.arrayContaining([-1]),
      ]);
    }
    expect(places(made(join(folder.path, "new")), made(data), synced(folder.path))).not.toContain(-1);
    expect(places(made(data), synced(join(folder.path, "new")))).not.toContain(-1);
    expect(places(/O_CREAT.*chat\.db/, synced(data))).not.toContain(-1);
    const unfinished = `${backup}.tmp`;
    for (const name of ["chat.db", "users.json", "secret.key"])
      expect(places(synced(join(unfinished, name)), synced(unfinished), renamed(unfinished, backup))).not.toContain(-1);
    expect(places(renamed(unfinished, backup), synced(dirname(backup)), synced(data))).not.toContain(-1);
  },
);

/** The calls of a trace in the order in which they returned, without who made them. */
function finished(trace: string): string[] {
  const begun = new Map<string, string>();
  const calls: string[] = [];
  for (const line of trace.split("\n")) {
    const [, thread = "", call = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call);
    if (call.endsWith("<unfinished ...>")) begun.set(thread, call.slice(0, -"<unfinished ...>".length));
    else if (resumed) calls.push((begun.get(thread) ?? "") + resumed[1]);
    else calls.push(call);
  }
  return calls;
}

describe.if(canMount())("on a full disk", () => {
  const folder = temporaryFolder();
  const disk = join(folder.path, "disk");
  const filler = join(disk, "filler");
  beforeAll(() => {
    mkdirSync(disk);
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]);
  });
  afterAll(() => {
    Bun.spawnSync(["umount", disk]);
    folder[Symbol.dispose]();
  });
  const fill = (): void => {
    for (const size of [65_536, 4_096, 512, 1])
      for (let full = false; !full;)
        try {
          writeFileSync(filler, Buffer.alloc(size), { flag: "a" });
        } catch {
          full = true;
        }
  };

  test("a say is refused, reading goes on, and after room was made the retry is stored, in order", async () => {
    const data = join(disk, "chat");
    writeAccounts(data, ["alice", "bob"]);
    const accounts = readFileSync(join(data, "users.json"), "utf8");
    await using server = await spawnServer(data, ["--rate", "0"]);
    const [alice, bob] = [await Wire.open(server.port), await Wire.open(server.port)];
    await alice.login("alice");
    await alice.join("#lab");
    await bob.login("bob");
    await bob.join("#lab");
    await alice.hears("bob", "joined", "#lab");
    const before = await alice.ask({ type: "say", to: "#lab", text: "before", id: "a-0" });
    expect(await bob.next<Message>("message")).toEqual(before);
    fill();

    const long = "x".repeat(4_000);
    for (const id of ["a-1", "a-2"]) alice.send({ type: "say", to: "#lab", text: `${id} ${long}`.slice(0, 4_000), id });
    expect(await alice.next()).toMatchObject({ type: "error", code: "unavailable", id: "a-1", after: 1 });
    expect(await alice.next()).toMatchObject({ type: "error", code: "unavailable", id: "a-2", after: 1 });
    expect(await alice.ask({ type: "history", to: "#lab" })).toMatchObject({ messages: [before] });
    expect(await bob.quiet()).toEqual([]);
    const newcomer = await Wire.open(server.port);
    expect(await newcomer.ask({ type: "register", user: "carol", password: PASSWORD })).toMatchObject({
      type: "error",
      code: "unavailable",
    });
    expect(readFileSync(join(data, "users.json"), "utf8")).toBe(accounts);

    rmSync(filler);
    expect(await alice.ask({ type: "say", to: "#lab", text: "a-3", id: "a-3" })).toMatchObject({ code: "unavailable" });
    const first = await alice.ask({ type: "say", to: "#lab", text: `a-1 ${long}`.slice(0, 4_000), id: "a-1" });
    const second = await alice.ask({ type: "say", to: "#lab", text: `a-2 ${long}`.slice(0, 4_000), id: "a-2" });
    expect([first.seq, second.seq]).toEqual([2, 3]);
    expect((await bob.quiet()).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(await newcomer.ask({ type: "register", user: "carol", password: PASSWORD })).toMatchObject({
      user: "carol",
    });
    await server.kill9();

    await using next = await spawnServer(data);
    const carol = await Wire.open(next.port);
    await carol.login("carol");
    expect((await carol.join("#lab")).backlog).toEqual([before, first, second]);
    rmSync(data, { recursive: true });
  });

  test("what cannot be appended leaves nothing: places and ids are as if it had never been tried", async () => {
    const random = new Random(1);
    const [model, people] = [new Model(), new People(random.fork())];
    mkdirSync(join(disk, "history"));
    const history = openHistory(join(disk, "history", "chat.db"), () => model.now);
    using _ = { [Symbol.dispose]: () => history.close() };
    let refused = 0;
    for (let round = 0; round < 20; round++) {
      const drafts = people.batch();
      const first = await history.append(drafts);
      people.heard(first);
      model.take(drafts, first);
      fill();
      const more = people.batch();
      let outcomes = await history.append(more).catch(() => undefined);
      if (outcomes === undefined) await model.compare(history, random);
      rmSync(filler);
      if (outcomes === undefined) refused++;
      outcomes ??= await history.append(more);
      model.take(more, outcomes);
    }
    await model.compare(history, random);
    expect(refused).toBeGreaterThan(10);
    rmSync(join(disk, "history"), { recursive: true });
  });

  test("who has left the room before the retry is told so, and can talk elsewhere", async () => {
    const data = join(disk, "chat");
    writeAccounts(data, ["alice"]);
    await using server = await spawnServer(data);
    const alice = await Wire.open(server.port);
    await alice.login("alice");
    await alice.join("#lab");
    await alice.join("#den");
    fill();
    const text = "x".repeat(4_000);
    expect(await alice.ask({ type: "say", to: "#lab", text, id: "a-1" })).toMatchObject({ code: "unavailable" });
    await alice.ask({ type: "leave", to: "#lab" });
    rmSync(filler);

    expect(await alice.ask({ type: "say", to: "#lab", text, id: "a-1" })).toMatchObject({ code: "not_in_room" });
    expect(await alice.ask({ type: "say", to: "#den", text, id: "a-2" })).toMatchObject({ type: "message", seq: 1 });
    rmSync(data, { recursive: true });
  });

  test("a client keeps its lines and sends them again by itself, in order", async () => {
    const data = join(disk, "chat");
    writeAccounts(data, ["alice"]);
    await using server = await spawnServer(data);
    let refused = 0;
    const { promise: noticed, resolve } = Promise.withResolvers<void>();
    const alice = await connect({
      ...{ host: "127.0.0.1", port: server.port, user: "alice", password: PASSWORD, rooms: ["#lab"] },
      onWire: (direction, line) => {
        if (direction === "in" && line.includes('"unavailable"') && ++refused === 3) resolve();
      },
    });
    fill();
    const texts = ["one", "two", "three"].map((word) => word + " ".padEnd(3_900, "x"));
    const said = texts.map((text) => alice.say("#lab", text));
    await noticed;
    expect(alice.waiting.map(({ text }) => text)).toEqual(texts);
    rmSync(filler);
    expect((await Promise.all(said)).map(({ seq }) => seq)).toEqual([1, 2, 3]);

    const shown: string[] = [];
    for await (const event of receiveMessages(alice)) {
      if (event.type === "message" && shown.push(event.text) === texts.length) break;
    }
    expect(shown).toEqual(texts);
    await alice.close();
  });
});
