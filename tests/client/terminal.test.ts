import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, REPOSITORY, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { HAS_TERMINAL, sit, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const ESC = "\x1b";
const LEFT = `${ESC}[D`;
const paste = (text: string) => `${ESC}[200~${text.replaceAll("\n", "\r")}${ESC}[201~`;

inTerminal("a half-typed line stays as it is, whatever arrives, and the message comes in the same write", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  alice.type("half a thought" + LEFT.repeat(8));
  await alice.until("> half a thought");

  await bob.ask({ type: "say", to: "#lobby", text: "good morning" });
  await alice.until("bob: good morning\n#lobby> half a thought");

  expect(alice.writes.find((bytes) => bytes.includes("good morning"))).toContain("half a thought");
  expect(alice.screen.column).toBe("#lobby> half a".length);
  alice.type("n other");
  await alice.until("> half an other thought");
  alice.type("\r");
  await alice.until(/alice: half an other thought\n#lobby>$/);
  expect(alice.screen.text.match(/half/g)).toHaveLength(1);
});

inTerminal("wide characters, emoji of several parts and accents are edited one at a time", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");

  alice.type("你好👩‍👩‍👧‍👦e\u0301");
  await alice.until("> 你好👩‍👩‍👧‍👦e\u0301");
  expect(alice.screen.column).toBe("#lobby> ".length + 4 + 2 + 1);
  alice.type(LEFT);
  await alice.until(() => alice.screen.column === "#lobby> ".length + 4 + 2);
  alice.type("\x7f"); // Backspace takes the whole family
  await alice.until("> 你好e\u0301");
  alice.type(`${LEFT}\x7f\r`);

  expect(await bob.next("message")).toMatchObject({ text: "好e\u0301" });
});

inTerminal("the keys people know from their shell work here", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");
  const said = async (keys: string) => {
    alice.type(keys + "\r");
    return (await bob.next<any>("message")).text;
  };

  expect(await said("two\x01one \x05 three")).toBe("one two three"); // Ctrl+A, Ctrl+E
  expect(await said("one two three\x17\x17four")).toBe("one four"); // Ctrl+W
  expect(await said("gone\x15here \x19")).toBe("here gone"); // Ctrl+U, Ctrl+Y
  expect(await said(`one three${ESC}btwo `)).toBe("one two three"); // Alt+B
  expect(await said(`one two${ESC}[1;5D${ESC}[1;5D${ESC}d\x1a`.slice(0, -1) + "no")).toBe("no two"); // Ctrl+Left, Alt+D
  expect(await said("one\x01\x0btwo")).toBe("two"); // Ctrl+K
  expect(await said("form\x14")).toBe("fomr"); // Ctrl+T
  expect(await said("keep this\x15\x1f")).toBe("keep this"); // Ctrl+_ undoes
  expect(await said(`ab${ESC}[H${ESC}[3~${ESC}[Fc`)).toBe("bc"); // Home, Delete, End
  // Up goes through the history, Down comes back to the draft.
  expect(await said(`draft${ESC}[A${ESC}[A${ESC}[B${ESC}[B!`)).toBe("draft!");
  expect(await said(`${ESC}[A${ESC}[A`)).toBe("bc");
});

inTerminal(
  "the code of /host is shown while it is typed, and neither in the log nor among the lines typed before",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice");
    const code = chat.server.hostCode!;
    alice.type("before\r");
    await bob.next("message");
    alice.type(`/host ${code}`);
    await alice.until(`> /host ${code}`);
    alice.type("\r");
    await alice.until("* You are a host. /help lists what hosts can do.");
    expect(alice.screen.text).toContain("* Hosts here: alice");
    alice.type(`${ESC}[A\r`);
    expect(await bob.next("message")).toMatchObject({ text: "before" });
    expect(alice.screen.text).not.toContain(code);
  },
);

inTerminal(
  "a pasted block is one message; a long one is asked about once, a very long one is kept for editing",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using alice = await sitIn(chat.port, "alice", [], { rows: 40 });
    const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i + 1}`).join("\n");

    alice.type(paste("def f(x):\n\treturn x\n") + "\r");
    expect(await bob.next("message")).toMatchObject({ text: "def f(x):\n\treturn x" });

    alice.type(paste(lines(12)) + "\r");
    await alice.until("Send 12 lines as one message? Enter sends, Esc edits.");
    expect(await bob.quiet()).toEqual([]);
    alice.type("\r");
    expect(await bob.next("message")).toMatchObject({ text: lines(12) });
    await alice.until("line 11\n  line 12\n#lobby>");

    alice.type(paste(lines(60)) + "\r\r");
    await alice.until("That message has 60 lines; 50 fit. Nothing was sent.");
    expect(await bob.quiet()).toEqual([]);
    alice.type("\x03one" + ESC + "\rtwo\nthree\r"); // Alt+Enter and Ctrl+J start a new line
    expect(await bob.next("message")).toMatchObject({ text: "one\ntwo\nthree" });
  },
);

inTerminal("what is pasted cannot drive the terminal", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice");

  alice.type(paste(`a${ESC}[2Jb\x07c\u202ed`));
  await alice.until("> a[2Jbcd");
  alice.type("\r");

  expect(await bob.next("message")).toMatchObject({ text: "a[2Jbcd" });
  expect([alice.screen.bells, alice.screen.strange]).toEqual([0, []]);
});

inTerminal("twenty columns are enough to read, to type and to be told", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using alice = await sitIn(chat.port, "alice", [], { columns: 20, rows: 12 });

  await bob.ask({ type: "say", to: "#lobby", text: "has anyone done the second task?" });
  await alice.until("bob: has anyone\n  done the second\n  task?\n#lobby>");
  alice.type("not yet 你好你好 but I will");
  await alice.until("#lobby> not yet 你\n好你好 but I will");
  await bob.ask({ type: "say", to: "#lobby", text: "fine" });
  await alice.until("task?\nbob: fine\n#lobby> not yet 你\n好你好 but I will");
  alice.type("\r");
  await alice.until("bob: fine\nalice: not yet\n  你好你好 but I\n  will\n#lobby>");
  for (const row of alice.screen.text.split("\n")) expect(Bun.stringWidth(row)).toBeLessThanOrEqual(20);
});

test.if(HAS_TERMINAL && has("bash"))("Ctrl+Z stops the client, and fg brings the typed line again", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lobby");
  await using shell = sit(["bash", "--norc", "--noprofile", "-i"], { env: { PS1: "ready " } });
  await shell.until("ready");
  shell.type(`${process.execPath} client.ts 127.0.0.1:${chat.port} --name alice\r`);
  await shell.until(/is hidden\):/);
  shell.type(`${PASSWORD}\r`);
  await shell.until(/#lobby>/);
  shell.type("half a thought");
  await shell.until("> half a thought");

  shell.type("\x1a");
  await shell.until(/Stopped[\s\S]*ready$/);
  expect(shell.screen.text).not.toContain("half a thought");
  await bob.ask({ type: "say", to: "#lobby", text: "where are you?" });
  shell.type("fg\r");
  await shell.until(/bob: where are you\?\n#lobby> half a thought$/);
  shell.type("!\r");

  expect(await bob.next((event: any) => event.from === "alice")).toMatchObject({ text: "half a thought!" });
});

/** Runs a command in a terminal, then tells its exit code and, if lines are edited and echoed there again, "cooked". */
function sitAtCommand(command: string) {
  const cooked = "stty -a | tr ' ' '\\n' | grep -cx -e icanon -e echo | sed s/2/cooked/";
  return sit(["sh", "-c", `${command}; echo "code:$?"; ${cooked}`]);
}

for (const [end, code] of [
  ["/exit", 0],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  test.if(HAS_TERMINAL && has("pgrep"))(`the terminal is as it was after ${end}`, async () => {
    await using chat = await startTestServer(["alice"]);
    await using shell = sitAtCommand(`${process.execPath} client.ts 127.0.0.1:${chat.port} --name alice`);
    await shell.until(/is hidden\):/);
    shell.type(`${PASSWORD}\r`);
    await shell.until(/#lobby>/);
    expect(shell.screen.modes).toEqual(new Set(["?2004", "?1004"]));

    if (end === "/exit") shell.type("/exit\r");
    else process.kill(Number(Bun.spawnSync(["pgrep", "-P", String(shell.process.pid)]).stdout.toString()), end);

    await shell.until(new RegExp(`code:${code}\ncooked`));
    expect(shell.screen.modes).toEqual(new Set());
    await shell.exited;
  });

inTerminal(
  "the window's title tells the room and what waits, and is as it was afterwards; a pipe has none",
  async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.join("#lab");
    const titled = `printf '\\033]2;my shell\\007'; ${process.execPath} client.ts 127.0.0.1:${chat.port} --name alice`;
    await using alice = sitAtCommand(titled);
    await alice.until(/is hidden\):/);
    alice.type(`${PASSWORD}\r`);
    await alice.until(() => alice.screen.title === "#lobby – Banter");
    alice.type("/join lab\r");
    await alice.until(() => alice.screen.title === "#lab – Banter");
    await bob.say("#lobby", "one", "two");
    await alice.until(() => alice.screen.title === "(2) #lab – Banter");
    alice.type(`x${ESC}[O`); // the terminal has lost the focus
    await alice.until(/#lab> x$/);
    await bob.say("#lab", "alice?");
    await alice.until(() => alice.screen.title === "(3!) #lab – Banter");
    alice.type(`${ESC}[I\x7f`);
    await alice.until(() => alice.screen.title === "(2) #lab – Banter");
    alice.type("/exit\r");
    await alice.exited;
    expect(alice.screen.title).toBe("my shell");

    for (const [args, env] of [
      [["--plain"], {}],
      [[], { TERM: "dumb" }],
    ] as const) {
      await using plain = await sitIn(chat.port, "alice", [...args], { env });
      expect(plain.output()).not.toContain(ESC);
    }
    await using linux = await sitIn(chat.port, "alice", [], { env: { TERM: "linux" } });
    expect(linux.output()).not.toContain(`${ESC}]`);
  },
);

inTerminal("the terminal is as it was after an exception", async () => {
  const broken =
    `import { Terminal } from "${REPOSITORY}/client/terminal.ts"; const terminal = new Terminal({ interrupt() {} }); ` +
    `terminal.footer("> ", []); setTimeout(() => { throw new Error("oops"); })`;
  await using shell = sitAtCommand(`${process.execPath} -e '${broken}'`);
  await shell.until(/code:1\ncooked/);
  expect(shell.screen.modes).toEqual(new Set());
});

test.if(has("tmux"))("a resize draws the typed line again at the new width", async () => {
  await using chat = await startTestServer(["alice"]);
  const name = `banter-test-${process.pid}`;
  const tmux = (...args: string[]) => Bun.spawnSync(["tmux", "-L", name, "-f", "/dev/null", ...args]).stdout.toString();
  const until = async (wanted: string) => {
    while (!tmux("capture-pane", "-p").trimEnd().endsWith(wanted)) await new Promise(setImmediate);
  };
  // Should this test be given up, nobody would end the session.
  const command = `timeout --foreground 60 ${process.execPath} client.ts 127.0.0.1:${chat.port} --name alice`;
  tmux("new-session", "-d", "-x", "60", "-y", "12", "-c", REPOSITORY, command);
  try {
    await until("hidden):");
    tmux("send-keys", PASSWORD, "Enter");
    await until("alone so far ──\n#lobby>");
    tmux("send-keys", "-l", "a line that is longer than the narrow window");
    await until("#lobby> a line that is longer than the narrow window");
    tmux("resize-window", "-x", "20", "-y", "12");
    await until("alone so far ──\n#lobby> a line that\n is longer than the\n narrow window");
    tmux("resize-window", "-x", "60", "-y", "12");
    await until("alone so far ──\n#lobby> a line that is longer than the narrow window");
  } finally {
    tmux("kill-server");
  }
});
