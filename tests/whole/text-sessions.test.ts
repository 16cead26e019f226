import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { help, NOT_HERE } from "../../shared/commands.ts";
import { ERRORS } from "../../protocol.ts";
import {
  PASSWORD,
  PATIENCE,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const GREETING =
  "* Welcome to Banter. Type: register NAME PASSWORD, or login NAME PASSWORD (help lists more, exit leaves).";
const WELCOME = "* Welcome, bob. Type a line and press Enter; /help lists the commands, /exit leaves.";

test("printf 'register …' | nc gets all its answers before the connection closes", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lobby");
  const bob = await chat.wire();
  bob.raw(`register bob ${PASSWORD}\nhello\n/who\n/rooms\n!exit\n`);
  bob.halfClose();
  await bob.ended;

  expect(bob.text.split("\n")).toEqual([
    GREETING,
    WELCOME,
    "* You are in lobby, with alice.",
    "* Here: alice, bob",
    "* Rooms: lobby (2)",
    "* Goodbye.",
    "",
  ]);
  expect(await alice.next("message")).toMatchObject({ to: "#lobby", from: "bob", text: "hello" });
  expect(await alice.next((frame) => frame.type === "left" && frame.to === "*")).toMatchObject({ users: ["bob"] });
});

test("without a last LF and without exit the line still counts", async () => {
  await using chat = await startTestServer(["bob", "alice"]);
  const alice = await chat.signedIn("alice", "#lobby");
  const bob = await chat.wire();
  bob.raw(`login bob ${PASSWORD}\nthe end`);
  bob.halfClose();
  await bob.ended;

  expect(await alice.next("message")).toMatchObject({ text: "the end" });
});

test("who says nothing is greeted, and help and wrong lines are answered before sign-in", async () => {
  await using chat = await startTestServer(["bob"]);
  const bob = await chat.typist();
  expect(await bob.line()).toBe(GREETING);

  bob.type("hello?");
  expect(await bob.line()).toBe(`* ${ERRORS.not_signed_in}`);
  bob.type("help");
  for (const line of help(false)) expect(await bob.line()).toBe(`* ${line}`);
  bob.type("login bob wrong-word");
  expect(await bob.line()).toBe(`* ${ERRORS.bad_login}`);
  bob.type(`!login bob ${PASSWORD}`);
  expect(await bob.line()).toBe(WELCOME);
  expect(await bob.line()).toBe("* You are in lobby, alone so far.");
  bob.type("/help");
  for (const line of help(true)) expect(await bob.line()).toBe(`* ${line}`);
  bob.type("!exit");
  expect(await bob.line()).toBe("* Goodbye.");
  await bob.ended;
});

test("a line is not echoed to the connection that typed it, but to the account's other ones", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const here = await chat.typist("bob");
  expect(await alice.line()).toBe("* bob has joined the chat");
  const there = await chat.typist("bob");
  const frames = await chat.signedIn("bob", "#lobby");
  await here.quietLines();

  here.type("hello");
  expect(await alice.line()).toBe("bob: hello");
  expect(await there.line()).toBe("bob: hello");
  expect(await frames.next("message")).toMatchObject({ from: "bob", text: "hello" });
  expect(await here.quietLines()).toEqual([]);

  here.type("/msg alice psst");
  expect(await alice.line()).toBe("[pm] bob: psst");
  expect(await there.line()).toBe("[pm to alice] bob: psst");
  expect(await here.quietLines()).toEqual([]);
});

test("both dialects talk in one room, in the stable lines scripts may rely on", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const bob = await chat.signedIn("bob", "#lobby");
  expect(await alice.line()).toBe("* bob has joined the chat");

  await bob.ask({ type: "say", to: "#lobby", text: "hi\nalice: I owe you" });
  expect([await alice.line(), await alice.line()]).toEqual(["bob: hi", "  alice: I owe you"]);
  alice.type("/join lab");
  expect(await alice.line()).toBe("* You are in lab, alone so far.");
  await bob.join("#lab");
  expect(await alice.line()).toBe("* bob has joined lab");
  alice.type("soup?");
  expect(await bob.next("message")).toMatchObject({ to: "#lab", from: "alice", text: "soup?" });
  await bob.ask({ type: "say", to: "#lab", text: "yes" });
  expect(await alice.line()).toBe("bob (in lab): yes");
  await bob.ask({ type: "say", to: "#lobby", text: "anyone?" });
  expect(await alice.line()).toBe("bob: anyone?");
  await bob.ask({ type: "say", to: "alice", text: "psst" });
  expect(await alice.line()).toBe("[pm] bob: psst");
  alice.type("/r what?");
  expect(await bob.next((frame) => frame.type === "message" && frame.to === "bob")).toMatchObject({ text: "what?" });
  alice.type("/search SOUP");
  expect(await alice.line()).toMatch(/^\* \d\d:\d\d alice \(in lab\): soup\?$/);
  alice.type("/leave");
  expect(await alice.line()).toBe("* You left lab and are in lobby.");
  alice.type("back");
  expect(await bob.next((frame) => frame.type === "message" && frame.from === "alice")).toMatchObject({
    to: "#lobby",
  });
  bob.send({ type: "exit" });
  expect(await alice.line()).toBe("* bob has left the chat");
});

test("//x says /x, and an unknown command is told to its author alone and never sent", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const bob = await chat.signedIn("bob", "#lobby");

  alice.type("/lgoin alice my-secret");
  expect(await alice.line((line) => line.includes("Unknown"))).toStartWith("* Unknown command /lgoin.");
  alice.type("/jion lab");
  expect(await alice.line()).toBe("* Unknown command /jion. Did you mean /join? Nothing was sent.");
  alice.type("//help is how I got here");
  expect(await bob.next("message")).toMatchObject({ text: "/help is how I got here", seq: 1 });
});

test("a private message that waited says when it was said, and counts as seen when it was shown", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  alice.type("/msg bob are you there?");
  expect(await alice.line()).toBe("* bob is away and gets it at the next sign-in.");

  const bob = await chat.wire();
  bob.type(`login bob ${PASSWORD}`);
  expect(await bob.line((line) => line.startsWith("[pm]"))).toMatch(/^\[pm\] alice \(\d\d:\d\d\): are you there\?$/);
  bob.type("/reply yes");
  expect(await alice.line((line) => !line.startsWith("*"))).toBe("[pm] bob: yes");
  await bob.quietLines();
  const again = await chat.wire();
  again.type(`login bob ${PASSWORD}`);
  await again.line((line) => line.startsWith("* You are in lobby"));
  expect(again.text).not.toContain("[pm]");
});

test("a message that is too long is cut, and its author is told", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const bob = await chat.signedIn("bob", "#lobby");

  alice.type("x".repeat(4_010));
  expect(await alice.line((line) => line.includes("too long"))).toBe(
    "* Your message was too long: its last 10 characters were cut off.",
  );
  expect(await bob.next("message")).toMatchObject({ cut: 10 });
});

test("a byte order mark, CRLF and empty lines do not matter; bytes that are not UTF-8 are refused", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.signedIn("alice", "#lobby");
  const bob = await chat.wire();
  bob.raw(`\r\n\n\ufefflogin bob ${PASSWORD}\r\n\r\nhello\r\n`);
  expect(await alice.next("message")).toMatchObject({ from: "bob", text: "hello" });

  bob.raw(Buffer.from([0x68, 0xff, 0x0a]));
  expect(await bob.line((line) => line.includes("UTF-8"))).toBe("* That line is not valid UTF-8. Nothing was sent.");
  bob.type("a\rb\x1b[2Jc");
  expect(await alice.next("message")).toMatchObject({ text: "ab[2Jc" });

  const program = await chat.wire();
  program.raw(`\n\ufeff{"type":"ping","id":"bom"}\r\n`);
  expect(await program.next()).toEqual({ type: "ok", id: "bom" });
});

test("nobody can type a line that looks like another's", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const mallory = await chat.signedIn("bob", "#lobby");
  for (const text of ["a\n* alice has left the chat", "b\r\n[pm] carol: hi", "c\u2028x: y", "d\n\n\nx: y"])
    await mallory.ask({ type: "say", to: "#lobby", text });

  const lines = (await alice.quietLines()).filter((line) => !line.startsWith("* bob has joined"));
  expect(lines.every((line) => line.startsWith("bob: ") || line.startsWith("  "))).toBeTrue();
  expect(lines).toHaveLength(9);
});

test("who comes is announced before they speak, and who goes after it, also when all of it comes at once", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.typist("alice");
  const bob = await chat.typist();
  bob.raw(`login bob ${PASSWORD}\nhello\n!exit\n`);

  expect(await alice.line()).toBe("* bob has joined the chat");
  expect(await alice.line()).toBe("bob: hello");
  expect(await alice.line()).toBe("* bob has left the chat");
});

test("a private message to somebody who has said goodbye, but whose connection is still there, waits for the next sign-in", async () => {
  await using chat = await startTestServer(["nora", "bob"]);
  const bob = await chat.signedIn("bob");
  const nora = await chat.typist("nora");
  nora.socket.pause();
  nora.type("!exit");
  for (let n = 0; n < 20; n++) await bob.ask({ type: "ping" }); // it was taken meanwhile
  await bob.ask({ type: "say", to: "nora", text: "are you there?" });
  const again = await chat.typist("nora");
  expect(again.text).toContain("are you there?");
});

test("what was written with somebody, with whom one wrote, and who wrote last are there at the next sign-in, too", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  const bob = await chat.typist("bob");
  bob.type("/people");
  expect(await bob.line()).toBe("* You have not written with anybody yet.");
  bob.type("/history alice");
  expect(await bob.line()).toBe("* You have not written with alice yet.");
  bob.type("/msg alice");
  expect(await bob.line()).toBe(`* ${NOT_HERE.open}`);
  bob.type("/ignore alice");
  expect(await bob.line()).toBe(`* ${NOT_HERE.ignore}`);
  bob.type("/clear");
  expect(await bob.line()).toBe(`* ${NOT_HERE.clear}`);
  bob.type("/r hello");
  expect(await bob.line()).toBe("* Nobody has written to you yet. Use /msg NAME TEXT.");
  const alice = await chat.signedIn("alice");
  await alice.ask({ type: "say", to: "bob", text: "psst" });
  await bob.line((line) => line === "[pm] alice: psst");
  bob.type("/msg carol tea?");
  await bob.line((line) => line.startsWith("* carol is away"));

  const again = await chat.typist("bob");
  again.type("/people");
  expect(await again.line()).toBe("* You wrote with carol, alice");
  again.type("/history @alice 5");
  expect(await again.line()).toMatch(/^\* \d\d:\d\d \[pm\] alice: psst$/);
  again.type("/r here I am");
  expect(await alice.next("message")).toMatchObject({ from: "bob", to: "alice", text: "here I am" });
});

test("/leave ROOM leaves that room and stays in the current one; /names tells who is in this room, or that one", async () => {
  await using chat = await startTestServer(["bob"]);
  const bob = await chat.typist("bob");
  for (const line of ["/join work", "/join lab", "/leave work", "/names", "/names work", "/leave work", "/leave"])
    bob.type(line);
  expect(await bob.quietLines()).toEqual([
    "* You are in work, alone so far.",
    "* You are in lab, alone so far.",
    "* You left work and are in lab.",
    "* In lab: bob",
    "* In work: nobody",
    "* You are not in that room. Join it first.",
    "* You left lab and are in lobby.",
  ]);
});

test("!exit is a leave at once, though the connection stays open for a while; a connection that is just lost is none", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice", "bob", "carol"]);
  await using server = await spawnServer(folder.path);
  const [alice, carol] = [await Wire.open(server.port), await Wire.open(server.port)];
  await alice.login("alice");
  await carol.login("carol");
  await alice.hears("carol", "joined");
  carol.reset();
  while (!/carol \(\S+ disconnected/.test(server.log())) await alice.ask({ type: "ping" });

  const bob = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => {}); // as nc: it does not hang up
  bob.resume().write(`login bob ${PASSWORD}\n`);
  await alice.hears("bob", "joined");
  bob.write("!exit\n");
  expect(await alice.next((event) => event.type === "left")).toEqual({ type: "left", to: "*", users: ["bob"] });
  expect(server.log()).not.toMatch(/bob \(\S+ disconnected/);
  expect((await alice.ask({ type: "who" })).users).toEqual(["alice", "carol"]);
  bob.destroy();
});
