import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { COMMANDS } from "../../shared/commands.ts";
import { ERRORS } from "../../protocol.ts";
import { RULES } from "../../server/requests.ts";
import { Copy } from "../kit/copy.ts";
import { PASSWORD, PATIENCE, REPOSITORY, run, startTestServer, Wire } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const read = (file: string) => readFileSync(join(REPOSITORY, file), "utf8");
const readme = read("README.md");

test("a new teacher does the first lesson as a host, command by command", async () => {
  await using chat = await startTestServer(["bob"]);
  const lesson = readme.split(/^## /m).find((part) => part.startsWith("Your first lesson"))!;
  const commands = Array.from(lesson.matchAll(/`(\/[^`]+)`/g), ([, command]) => command!);
  expect(commands.length).toBeGreaterThan(15);
  const [teacher, bob] = [await chat.wire(), await chat.typist("bob")];
  teacher.type(`register ms.lee ${PASSWORD}`);
  await teacher.line((line) => line.startsWith("* You are in lobby"));
  for (let n = 1; n <= 25; n++) bob.type(`line ${n}`);
  await bob.quietLines();
  for (const command of commands) {
    const [verb] = command.split(" ");
    if (verb === "/door") teacher.type("/join lab");
    const needsName = command === "/invite" || command === "/expel";
    teacher.type(verb === "/host" ? `/host ${chat.server.hostCode}` : needsName ? `${command} bob` : command);
    const told = (await teacher.quietLines()).join("\n");
    expect(told).not.toMatch(/Nothing was|Unknown|takes|needs|no account/);
    expect(`${command}: ${told}`).toMatch(/: .*\* /s); // it says what it did
  }
});

test("what the README types with nc works once, and the second time says that it is login then", async () => {
  await using chat = await startTestServer();
  const typed = Array.from(readme.matchAll(/ {4}(register bob \S+|hi everybody|!exit)/g), ([, line]) => line!);
  expect(typed).toHaveLength(3);
  const answers = [["* Welcome, bob."], ["* bob is taken.", "* Sign in first: login NAME"]];
  for (const expected of answers) {
    const bob = await chat.wire();
    for (const line of typed) bob.type(line);
    for (const sentence of expected) await bob.line((line) => line.startsWith(sentence));
    await bob.line((line) => line === "* Goodbye.");
  }
});

test("the README names every verb, every command and every option, and can be read in one sitting", async () => {
  const { stdout } = await run([process.execPath, "server.ts", "--help"]);
  const options = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option!);
  expect(options.length).toBeGreaterThan(4);
  const commands = COMMANDS.flatMap(({ names, when }) =>
    when === "signed out" ? [] : names.map((name) => `/${name}`),
  );
  const verbs = Object.keys(RULES).map((verb) => `\`${verb}\``);
  expect([...verbs, ...commands, ...options].filter((name) => !readme.includes(name))).toEqual([]);
  expect(readme.split("\n").length).toBeLessThanOrEqual(200);
});

test("what the README follows from Alice to Bob is in the files it names", () => {
  const pairs = Array.from(readme.matchAll(/`([\w/-]+\.ts)` `([\w#]+)`/g), ([, file, name]) => [file!, name!] as const);
  expect(pairs.length).toBeGreaterThan(12);
  expect(pairs.filter(([file, name]) => !new RegExp(`${name}\\(`).test(read(file)))).toEqual([]);
});

test("what the lessons say to read is in the file they name", () => {
  const lessons = read("docs/LESSONS.md");
  const named = Array.from(lessons.matchAll(/((?:`[\w.#]+`(?: and )?)+)\s+in\s+`([\w/.-]+\.ts)`/g));
  expect(named.length).toBeGreaterThan(5);
  for (const [, words, file] of named) {
    const missing = words!.match(/[\w#]+(?=`)/g)!.filter((word) => !read(file!).includes(`${word}(`));
    expect([file, missing]).toEqual([file, []]);
  }
});

test("every link of a document to another leads somewhere", () => {
  const documents = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...readdirSync(join(REPOSITORY, "docs")).map((name) => `docs/${name}`),
  ];
  const anchor = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-");
  for (const document of documents.filter((name) => name.endsWith(".md")))
    for (const [, link] of read(document).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path, place] = link!.split("#");
      const target = path === "" ? document : join(dirname(document), path!);
      expect([document, link, existsSync(join(REPOSITORY, target))]).toEqual([document, link, true]);
      if (place === undefined) continue;
      const headings = Array.from(read(target).matchAll(/^#+ (.*)$/gm), ([, heading]) => anchor(heading!));
      expect([document, link, headings.includes(place)]).toEqual([document, link, true]);
    }
});

// ---- every command of the documents -------------------------------------------------------------------------------

/** The lines of a document's `sh` blocks, without the remarks at their ends. */
function commandsOf(document: string): string[] {
  const blocks = Array.from(read(document).matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, lines]) => lines!.split("\n"));
  return blocks.flat().flatMap((line) => line.replace(/ +# .*$/, "").trim() || []);
}

interface Scene {
  title: string;
  runs: string[]; // the commands, as they are in the document
  needs?: string[]; // programs
  play: (copy: Copy, ...commands: string[]) => Promise<void>;
  accounts?: string; // the folder in which Alice and Bob have theirs
}
const LESSON = "bun server.ts --data lesson --rate 0";

const README: Scene[] = [
  {
    title: "the first command starts the chat and its page, and leaves its data in this folder",
    runs: ["npx --yes bun@1.4.5 server.ts"],
    async play(copy, command) {
      const server = await copy.start(command!);
      expect(await (await fetch(`http://localhost:${copy.webPort}/`)).text()).toContain("<title>");
      expect((await (await Wire.open(copy.port)).ask({ type: "ping" })).type).toBe("ok");
      await copy.stop(server);
      expect(readdirSync(copy.path)).toContain("chat.db");
      expect(existsSync(join(copy.path, "log", "app.log"))).toBeTrue();
    },
  },
  {
    title: "the second is what .ci/run runs, which is why it is not run here",
    runs: ["npx --yes bun@1.4.5 test"],
    async play(_, command) {
      const wanted = /grep -om1 '([^']+)' README\.md/.exec(read(".ci/run"))![1]!;
      expect(new RegExp(wanted).exec(readme)![0]).toBe(command!);
    },
  },
  {
    title: "a class is told how to join, and each class has its folder",
    runs: ["bun server.ts --lan"],
    async play(copy, lan) {
      await copy.stop(await copy.start(lan!));
      expect(copy.output).toContain("Server listening 0.0.0.0:");
      expect(existsSync(join(copy.path, "chat.db"))).toBeTrue();
      const folder = /`(--data class-7b)`/.exec(readme)![1]!;
      const server = await copy.start(`${lan!} ${folder}`);
      const joined = await (await fetch(`http://localhost:${copy.webPort}/join`)).text();
      for (const [address] of copy.output.matchAll(/http:[^\s/]*\/\/\S+(?= )/g)) expect(joined).toContain(address);
      await copy.stop(server);
      expect(readdirSync(join(copy.path, "class-7b"))).toContain("chat.db");
    },
  },
];

const BOTS: Scene[] = [
  {
    title: "a script says a line in the lobby, as often as it runs",
    runs: ["date | bun client.ts --name alice --password-file secret.txt --send '#lobby'"],
    accounts: "lesson",
    async play(copy, command) {
      await copy.start(LESSON);
      const bob = await copy.wire();
      for (const seq of [1, 2]) {
        await copy.run(command!);
        const text = expect.stringMatching(/\d\d:\d\d/);
        expect(await bob.next("message")).toMatchObject({ seq, from: "alice", text });
      }
    },
  },
];

const LESSONS: Scene[] = [
  {
    title: "the lessons begin with two accounts and a server that lets them in",
    runs: [
      "echo pass-word-9 > secret.txt",
      "mkdir -p lesson",
      "bun users.ts add alice --data lesson < secret.txt",
      "bun users.ts add bob --data lesson < secret.txt",
      LESSON,
      "cat lesson/users.json",
    ],
    async play(copy, secret, folder, alice, bob, start, hashes) {
      for (const command of [secret, folder, alice, bob]) await copy.run(command!);
      await copy.start(start!);
      await copy.wire("bob");
      expect(Object.keys(JSON.parse(await copy.run(hashes!)))).toEqual(["alice", "bob"]);
      expect(await copy.run(hashes!)).not.toContain(PASSWORD);
    },
  },
  {
    title: "lesson 1: a line in two pieces, and two lines in one, are answered once each",
    runs: [
      `(printf '{"type":"pi'; sleep 1; printf 'ng","id":"1"}\\n{"type":"exit","id":"2"}\\n') | nc localhost 12345`,
    ],
    needs: ["nc"],
    async play(copy, command) {
      await copy.start(LESSON);
      const [greeting, ...frames] = (await copy.run(command!)).trimEnd().split("\n");
      expect(greeting).toStartWith("* Welcome");
      expect(frames).toEqual(['{"type":"ok","id":"1"}', '{"type":"ok","id":"2"}']);
    },
  },
  {
    title:
      "lesson 2: a name that does not exist and a wrong password are the same answer; who guesses is stopped, and lesson 3 goes on",
    runs: [
      "printf 'login nobody some-word-1\\nlogin alice some-word-1\\nlogin alice pass-word-9\\n!exit\\n' | nc localhost 12345",
      '(for n in $(seq 11); do echo "login nobody some-word-$n"; done; echo exit) | nc localhost 12345',
    ],
    needs: ["nc"],
    accounts: "lesson",
    async play(copy, command, guesses) {
      await copy.start(LESSON);
      const refused = `* ${ERRORS.bad_login}`;
      const told = (await copy.run(command!)).trimEnd().split("\n").slice(1);
      expect([told.slice(0, 2), told[2], told.at(-1)]).toEqual([
        [refused, refused],
        expect.stringContaining("Welcome, alice"),
        "* Goodbye.",
      ]);
      const stopped = (await copy.run(guesses!)).trimEnd().split("\n").slice(1, -1);
      expect(stopped.slice(0, 8)).toEqual(Array(8).fill(refused)); // two were wrong before
      expect(stopped.at(-1)).toStartWith(`* ${ERRORS.throttled}`);
      const lesson3 = "bun client.ts --name alice --password-file secret.txt --wire";
      expect(await copy.run(lesson3, "/exit\n")).toContain("Welcome, alice");
      const bob = await Wire.open(copy.port);
      expect(await bob.ask({ type: "login", user: "bob", password: PASSWORD })).toMatchObject({ code: "throttled" });
    },
  },
  {
    title: "lesson 3: every frame is shown, and one's own message comes back",
    runs: ["bun client.ts --name alice --password-file secret.txt --wire"],
    accounts: "lesson",
    async play(copy, command) {
      await copy.start(LESSON);
      const shown = await copy.run(command!, "hello\n/exit\n");
      expect(shown).toMatch(/^-> .*"type":"say".*"text":"hello"/m);
      expect(shown).toMatch(/^<- .*"type":"message".*"from":"alice".*"text":"hello"/m);
      expect(shown).not.toContain(PASSWORD);
    },
  },
  {
    title: "lesson 4: a reader that reads nothing is cut off, and the writer does not wait for it",
    runs: [
      "(echo 'login bob pass-word-9'; sleep 600) | nc localhost 12345 | sleep 600",
      `yes "$(printf '%03900d' 7)" | head -n 12000 | bun client.ts --name alice --password-file secret.txt --send '#lobby'`,
      "curl -s http://localhost:12346/metrics",
    ],
    needs: ["nc", "curl"],
    accounts: "lesson",
    async play(copy, bob, alice, metrics) {
      await copy.start(LESSON);
      const carol = await Wire.open(copy.port);
      await carol.login("alice");
      copy.spawn(bob!);
      await carol.next((event) => event.type === "joined" && event.users.includes("bob"));
      await copy.run(alice!);
      const log = () => readFileSync(join(copy.path, "lesson", "log", "app.log"), "utf8");
      while (!/bob .*\(did not keep up\)/.test(log())) await carol.ask({ type: "ping" });
      const figures = await copy.run(metrics!);
      expect(figures).toContain("\nbanter_slow_readers_total 1\n");
      expect(figures).toContain("\nbanter_messages_total 12000\n");
    },
  },
  {
    title: "lesson 5: through the death of the server every number arrives once, in order",
    runs: [
      "bun server.ts --data lesson",
      "seq 300 | bun client.ts --name alice --password-file secret.txt --send '#lobby'",
      "printf 'login bob pass-word-9\\n/history 20\\n!exit\\n' | nc localhost 12345",
    ],
    needs: ["nc"],
    accounts: "lesson",
    async play(copy, start, numbers, look) {
      const fast = { BANTER_RATE: "75" }; // 300 at once, then a server that waits: it dies in the middle of the rest
      const server = await copy.start(start!, fast);
      const bob = await copy.wire();
      const sending = copy.run(numbers!.replace("300", "400"), "", "* The connection was lost. Trying again.\n");
      await bob.next((event) => event.type === "message" && event.text === "310");
      server.kill("SIGQUIT"); // Ctrl+\
      expect(await server.exited).not.toBe(0);
      await copy.start(start!, fast);
      await sending;
      const again = await Wire.open(copy.port);
      await again.login("bob");
      const { backlog } = await again.join("#lobby", 0);
      expect(backlog.map(({ text }) => Number(text))).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
      const lines = (await copy.run(look!)).split("\n").filter((line) => /alice: \d+$/.test(line));
      expect(lines.map((line) => Number(line.split(" ").at(-1)))).toEqual(
        Array.from({ length: 20 }, (_, i) => 381 + i),
      );
    },
  },
];

const OPERATING: Scene[] = [
  {
    title: "an account is added before the server has run, and beside it, where its role changes at once",
    runs: [
      "bun users.ts add alice --data data",
      "bun users.ts role alice host --data data",
      "bun users.ts role alice member --data data",
    ],
    async play(copy, add, host, member) {
      mkdirSync(join(copy.path, "data"));
      expect(await copy.run(add!, PASSWORD)).toBe("alice can sign in.\n");
      await copy.start("bun server.ts --data data");
      expect(await copy.run(add!.replace("alice", "bob"), PASSWORD)).toBe("bob can sign in.\n");
      const bob = await copy.wire("bob");
      expect(copy.output).toMatch(/^Host code: \d{4}-\d{4}\. Create your account/m);
      expect(await copy.run(host!)).toBe("alice is a host.\n");
      expect(await bob.next("hosts")).toMatchObject({ users: ["alice"] });
      expect(await copy.run(member!)).toBe("alice is a member.\n");
      expect(await bob.next("hosts")).toMatchObject({ users: [] });
    },
  },
  {
    title: "a server is watched, backed up while it runs and while it does not, and restored",
    runs: [
      "bun server.ts --data data",
      "curl -s http://localhost:12346/healthz",
      "curl -s http://localhost:12346/metrics",
      "tail -n 20 data/log/app.log",
      "touch data/backup-now",
      "bun backup.ts --data data",
      "mv data data.old && mkdir -m 700 data && cp -p data.old/backup/TIME/* data/",
    ],
    needs: ["curl"],
    accounts: "data",
    async play(copy, start, health, metrics, tail, touch, backup, restore) {
      const server = await copy.start(start!);
      const alice = await copy.wire("alice");
      await alice.ask({ type: "say", to: "#lobby", text: "before the backup" });
      expect(await copy.run(health!)).toBe("ok\n");
      const told = new Set(Array.from((await copy.run(metrics!)).matchAll(/^banter_\w+/gm), ([name]) => name));
      const explained = read("docs/OPERATING.md");
      expect([...told].filter((name) => !explained.includes(name))).toEqual([]);
      expect(await copy.run(tail!)).toContain("INFO - alice signed in from");
      await copy.run(touch!);
      const path = (await copy.run(backup!)).trim(); // the server does both, or one for the two who ask
      await alice.ask({ type: "say", to: "#lobby", text: "after the backup" });
      await copy.stop(server);
      expect((await copy.run(backup!)).trim()).not.toBe(path);

      await copy.run(restore!.replace("TIME", path.split("/").at(-1)!));
      await copy.start(start!);
      const again = await Wire.open(copy.port);
      await again.login("alice");
      const { backlog } = await again.join("#lobby", 0);
      expect(backlog.map(({ text }) => text)).toEqual(["before the backup"]);
    },
  },
  {
    title: "with TLS the fingerprint is printed, and the same certificate can be named",
    runs: ["bun server.ts --data data --tls", "bun server.ts --data data --tls-cert cert.pem --tls-key key.pem"],
    needs: ["openssl"],
    async play(copy, own, named) {
      await copy.stop(await copy.start(own!));
      const fingerprint = /Fingerprint .*: (\S+)/.exec(copy.output)![1]!;
      for (const name of ["cert.pem", "key.pem"]) cpSync(join(copy.path, "data", `tls-${name}`), join(copy.path, name));
      await copy.stop(await copy.start(named!));
      expect(copy.output).toContain(fingerprint);
    },
  },
  {
    title:
      "only the load balancers that are named must say by the PROXY protocol who connects, and only they are believed",
    runs: ["bun server.ts --data data --lan --proxy-protocol 10.0.0.5,10.0.0.6"],
    async play(copy, command) {
      const server = await copy.start(command!);
      expect((await (await Wire.open(copy.port)).ask({ type: "ping" })).type).toBe("ok");
      await copy.stop(server);
      await copy.start(command!.replace("10.0.0.6", "127.0.0.0/8"));
      const wire = await Wire.open(copy.port);
      wire.raw('PROXY TCP4 192.0.2.7 192.0.2.1 50312 12345\r\n{"type":"ping"}\n');
      await wire.next("ok");
      expect(readFileSync(join(copy.path, "data", "log", "app.log"), "utf8")).toContain("192.0.2.7:50312 connected");
      const without = await Wire.open(copy.port);
      without.send({ type: "ping" });
      await without.ended;
      expect(without.text).toBe("");
    },
  },
  {
    title: "server and client become programs that need nothing",
    runs: ["bun build --compile server.ts --outfile banter-server", "bun build --compile client.ts --outfile banter"],
    async play(copy, server, client) {
      for (const command of [server, client]) expect(await copy.spawn(command!).exited).toBe(0);
      expect(await copy.run("./banter-server --help")).toStartWith("Usage: bun server.ts");
      expect(await copy.run("./banter --help")).toStartWith("Usage: bun client.ts");
      const { version } = JSON.parse(read("package.json"));
      for (const program of ["banter-server", "banter"])
        expect(await copy.run(`./${program} --version`)).toBe(`Banter ${version}\n`);
    },
  },
];

describe.each([
  ["README.md", README],
  ["docs/LESSONS.md", LESSONS],
  ["docs/BOTS.md", BOTS],
  ["docs/OPERATING.md", OPERATING],
])("the commands of %s", (document, scenes) => {
  test("are each known to a scene, and no scene has one that is not there", () => {
    const commands = commandsOf(document);
    expect(commands.length).toBeGreaterThan(0);
    expect([...new Set(commands)].sort()).toEqual(scenes.flatMap(({ runs }) => runs).sort());
  });

  for (const { title, runs, needs = [], accounts, play } of scenes) {
    test.if(has(...needs))(title, async () => {
      await using copy = new Copy(accounts);
      await play(copy, ...runs);
    });
  }
});
