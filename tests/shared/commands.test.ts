import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { COMMANDS, help, parseCommand } from "../../shared/commands.ts";
import type { Event, Message } from "../../protocol.ts";
import { ERRORS } from "../../protocol.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { render } from "../../shared/render.ts";

setDefaultTimeout(PATIENCE);

const HERE = { user: "alice", room: "#lab", partner: "bob" };
const NOBODY = { room: "#lobby" };
const AT = new Date(2025, 10, 20, 9, 5).getTime();

describe("parseCommand", () => {
  test.each<[string, object | undefined]>([
    ["hello", { type: "say", to: "#lab", text: "hello" }],
    ["  two  spaces", { type: "say", to: "#lab", text: "  two  spaces" }],
    ["exit", { type: "say", to: "#lab", text: "exit" }],
    ["!quit", { type: "say", to: "#lab", text: "!quit" }],
    ["//etc is a folder", { type: "say", to: "#lab", text: "/etc is a folder" }],
    ["///", { type: "say", to: "#lab", text: "//" }],
    ["", undefined],
    [" \t ", undefined],
    ["!exit", { type: "exit" }],
    ["!exit ", { type: "exit" }],
    ["/exit", { type: "exit" }],
    ["/quit", { type: "exit" }],
    ["/help", { type: "help" }],
    ["/msg bob hello  there", { type: "say", to: "bob", text: "hello  there" }],
    ["/PM Bob hi", { type: "say", to: "bob", text: "hi" }],
    ["/dm @bob hi", { type: "say", to: "bob", text: "hi" }],
    ["/msg bob two\nlines", { type: "say", to: "bob", text: "two\nlines" }],
    ["/reply yes", { type: "say", to: "bob", text: "yes" }],
    ["/r yes", { type: "say", to: "bob", text: "yes" }],
    ["/who", { type: "who" }],
    ["/list Lab", { type: "who", to: "#lab" }],
    ["/who #lab", { type: "who", to: "#lab" }],
    ["/rooms", { type: "rooms" }],
    ["/join Kitchen", { type: "join", to: "#kitchen" }],
    ["/join #kitchen", { type: "join", to: "#kitchen" }],
    ["/leave", { type: "leave", to: "#lab" }],
    ["/part", { type: "leave", to: "#lab" }],
    ["/history", { type: "history", to: "#lab" }],
    ["/history 20", { type: "history", to: "#lab", limit: 20 }],
    ["/search two sugars", { type: "history", to: "#lab", match: "two sugars" }],
  ])("signed in, %j", (line, expected) => {
    expect(parseCommand(line, HERE)).toEqual(expected as never);
  });

  test.each<[string, string]>([
    ["/msg", "bad_request"],
    ["/msg bob", "bad_request"],
    ["/msg b hello", "unknown_user"],
    ["/msg __proto__ hello", "unknown_user"],
    ["/reply", "bad_request"],
    ["/join", "bad_request"],
    ["/join two words", "bad_room"],
    ["/who two words", "bad_room"],
    ["/history 0", "bad_request"],
    ["/history all", "bad_request"],
    ["/search", "bad_request"],
    ["/constructor", "bad_request"],
    ["/", "bad_request"],
    ["/ hello", "bad_request"],
    ["/login bob pass-word-9", "already_signed_in"],
    ["/register bob pass-word-9", "already_signed_in"],
  ])("signed in, %j is refused", (line, code) => {
    expect(parseCommand(line, HERE)).toMatchObject({ code });
  });

  test.each<[string, object]>([
    ["login Bob pass word 9", { type: "login", user: "Bob", password: "pass word 9" }],
    ["/login bob pass-word-9", { type: "login", user: "bob", password: "pass-word-9" }],
    ["!login bob pass-word-9", { type: "login", user: "bob", password: "pass-word-9" }],
    ["REGISTER bob pass-word-9", { type: "register", user: "bob", password: "pass-word-9" }],
    ["help", { type: "help" }],
    ["/help", { type: "help" }],
    ["exit", { type: "exit" }],
    ["quit", { type: "exit" }],
    ["!exit", { type: "exit" }],
    ["/quit", { type: "exit" }],
    ["login", { code: "bad_request" }],
    ["login bob", { code: "bad_request" }],
    ["hello everybody", { code: "not_signed_in" }],
    ["/join lab", { code: "not_signed_in" }],
    ["/lgoin bob secret", { code: "not_signed_in" }],
  ])("before sign-in, %j", (line, expected) => {
    expect(parseCommand(line, NOBODY)).toMatchObject(expected);
  });

  test("/reply to nobody and /leave in the lobby say what to do instead", () => {
    expect(parseCommand("/reply hi", { user: "alice", room: "#lab" })).toMatchObject({
      text: "Nobody has written to you yet. Use /msg NAME TEXT.",
    });
    expect(parseCommand("/leave", { user: "alice", room: "#lobby" })).toMatchObject({ code: "bad_request" });
  });

  test.each([
    ["/jion lab", "Unknown command /jion. Did you mean /join? Nothing was sent."],
    ["/hitsory", "Unknown command /hitsory. Did you mean /history? Nothing was sent."],
    ["/lgoin bob my-secret", "Unknown command /lgoin. /help lists the commands. Nothing was sent."],
    ["/x", "Unknown command /x. /help lists the commands. Nothing was sent."],
    ["/\x1b[2Jx", "Unknown command /[2Jx. /help lists the commands. Nothing was sent."],
    [`/${"y".repeat(5_000)}`, `Unknown command /${"y".repeat(20)}. /help lists the commands. Nothing was sent.`],
  ])("a mistyped command is never sent: %j", (line, text) => {
    expect(parseCommand(line, HERE)).toEqual({ code: "bad_request", text });
  });

  test("every name of every command is found, and help shows each command once", () => {
    const names = COMMANDS.flatMap(({ names }) => names);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) {
      const place = COMMANDS.find((command) => command.names.includes(name))!.when === "signed out" ? NOBODY : HERE;
      const typed = parseCommand(`/${name} bob pass-word-9`, place);
      expect(JSON.stringify(typed)).not.toContain("Unknown command");
    }
    expect(help(true)).toHaveLength(COMMANDS.filter(({ when }) => when !== "signed out").length);
    expect(help(false).map((line) => line.split(" ")[0])).toEqual(["/register", "/login", "/help", "/exit"]);
  });
});

describe("render", () => {
  const message: Message = { type: "message", to: "#lobby", seq: 1, from: "bob", id: "a", at: AT, text: "hi" };
  test.each<[string, Event, string[]]>([
    ["the lobby", message, ["bob: hi"]],
    ["another room", { ...message, to: "#lab" }, ["bob (in lab): hi"]],
    ["a direct message", { ...message, to: "alice" }, ["[pm] bob: hi"]],
    ["one's own direct message", { ...message, to: "bob", from: "alice" }, ["[pm to bob] alice: hi"]],
    ["a note to oneself", { ...message, to: "alice", from: "alice" }, ["[pm] alice: hi"]],
    ["several lines", { ...message, text: "hi\nbob: no\n\nend" }, ["bob: hi", "  bob: no", "  ", "  end"]],
    ["a cut one", { ...message, cut: 7 }, ["bob: hi", "  (7 more characters were cut off)"]],
    ["joined the chat", { type: "joined", to: "*", users: ["bob", "carol"] }, joins("the chat")],
    ["joined a room", { type: "joined", to: "#lab", users: ["bob", "carol"] }, joins("lab")],
    ["the lobby announces nothing", { type: "joined", to: "#lobby", users: ["bob"] }, []],
    ["left the chat", { type: "left", to: "*", users: ["bob"] }, ["* bob has left the chat"]],
    ["left a room", { type: "left", to: "#lab", users: ["bob"] }, ["* bob has left lab"]],
    ["oneself", { type: "joined", to: "*", users: ["alice"] }, []],
    ["an error", { type: "error", code: "bad_room", text: ERRORS.bad_room }, [`* ${ERRORS.bad_room}`]],
    ["an error with a wait", { type: "error", code: "busy", text: "Busy.", after: 5 }, ["* Busy. (5 s)"]],
    ["a notice", { type: "notice", text: "The server is stopping." }, ["* The server is stopping."]],
    ["a ping", { type: "ping" }, []],
  ])("%s", (_, event, lines) => {
    expect(render(event, { user: "alice" })).toEqual(lines);
  });

  function joins(place: string): string[] {
    return [`* bob has joined ${place}`, `* carol has joined ${place}`];
  }

  test("answers, as the request they answer wants them", () => {
    const ok = (fields: object, asked: object) =>
      render({ type: "ok", ...fields }, { user: "alice", asked: asked as never });
    expect(ok({ user: "alice" }, { type: "login" })).toEqual([
      "* Welcome, alice. Type a line and press Enter; /help lists the commands, /exit leaves.",
    ]);
    expect(ok({ users: ["alice"] }, { type: "join", to: "#lab" })).toEqual(["* You are in lab, alone so far."]);
    expect(ok({ users: ["bob", "alice"] }, { type: "join", to: "#lab" })).toEqual(["* You are in lab, with bob."]);
    expect(ok({}, { type: "leave", to: "#lab" })).toEqual(["* You left lab and are in lobby."]);
    expect(ok({ users: ["alice", "bob"] }, { type: "who" })).toEqual(["* Here: alice, bob"]);
    expect(ok({ users: [] }, { type: "who", to: "#lab" })).toEqual(["* In lab: nobody"]);
    expect(ok({ rooms: [{ to: "#lab", users: 2 }] }, { type: "rooms" })).toEqual(["* Rooms: lab (2)"]);
    expect(ok({ messages: [] }, { type: "history" })).toEqual(["* Nothing was said here yet."]);
    expect(ok({ messages: [] }, { type: "history", match: "x" })).toEqual(["* Nothing found."]);
    expect(ok({ messages: [{ ...message, text: "a\nb" }] }, { type: "history" })).toEqual([
      "* 2025-11-20 09:05 bob: a",
      "  b",
    ]);
    expect(ok({}, { type: "exit" })).toEqual(["* Goodbye."]);
    expect(ok({}, { type: "ping" })).toEqual([]);
  });

  test("a message told late says when it was said", () => {
    expect(render(message, { late: true })).toEqual(["bob (2025-11-20 09:05): hi"]);
    const today = new Date();
    today.setHours(0, 3);
    expect(render({ ...message, at: today.getTime() }, { late: true })).toEqual(["bob (00:03): hi"]);
  });
});

describe("text sessions", () => {
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
    const there = await chat.typist("bob");
    const frames = await chat.signedIn("bob", "#lobby");

    here.type("hello");
    expect(await alice.line((line) => !line.startsWith("*"))).toBe("bob: hello");
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
    bob.close();
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
});

test("what is said and a password are taken as typed, spaces at the end included; rooms and words are not", () => {
  const place = { user: "alice", room: "#lobby", partner: "bob" };
  expect(parseCommand("  x = 1  ", place)).toEqual({ type: "say", to: "#lobby", text: "  x = 1  " });
  expect(parseCommand("//me  ", place)).toEqual({ type: "say", to: "#lobby", text: "/me  " });
  expect(parseCommand("/msg bob  tea ", place)).toEqual({ type: "say", to: "bob", text: "tea " });
  expect(parseCommand("/r tea ", place)).toEqual({ type: "say", to: "bob", text: "tea " });
  expect(parseCommand("login bob pass word 9 ", { room: "#lobby" })).toMatchObject({ password: "pass word 9 " });
  expect(parseCommand("/join lab ", place)).toEqual({ type: "join", to: "#lab" });
  expect(parseCommand("/search tea ", place)).toMatchObject({ match: "tea" });
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
