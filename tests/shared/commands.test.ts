import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { COMMANDS, help, parseCommand } from "../../shared/commands.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const HERE = { user: "alice", room: "#lab", partner: "bob" };
const NOBODY = { room: "#lobby" };

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
    ["/leave Work", { type: "leave", to: "#work" }],
    ["/part #work", { type: "leave", to: "#work" }],
    ["/leave @bob", { type: "leave", to: "bob" }],
    ["/j lab", { type: "join", to: "#lab" }],
    ["/w bob psst", { type: "say", to: "bob", text: "psst" }],
    ["/names", { type: "who", to: "#lab" }],
    ["/names den", { type: "who", to: "#den" }],
    ["/me  waves ", { type: "say", to: "#lab", text: "/me waves " }],
    ["/me\tx\n\ty", { type: "say", to: "#lab", text: "/me x\n\ty" }],
    ["/msg bob \ta\n\tb", { type: "say", to: "bob", text: "\ta\n\tb" }],
    ["/ignore", { type: "ignore", isOn: true }],
    ["/ignore @Bob", { type: "ignore", user: "bob", isOn: true }],
    ["/unignore bob", { type: "ignore", user: "bob", isOn: false }],
    ["/clear", { type: "clear" }],
    ["/history", { type: "history", to: "#lab" }],
    ["/history 20", { type: "history", to: "#lab", limit: 20 }],
    ["/history Bob", { type: "history", to: "@", with: "bob" }],
    ["/history @bob 20", { type: "history", to: "@", with: "bob", limit: 20 }],
    ["/history @ 20", { type: "history", to: "@", limit: 20 }],
    ["/people", { type: "people" }],
    ["/msg Bob", { type: "open", to: "bob" }],
    ["/query @bob", { type: "open", to: "bob" }],
    ["/query bob hello", { type: "say", to: "bob", text: "hello" }],
    ["/host 4821-9037", { type: "claim", code: "4821-9037" }],
    ["/HOST 4821 9037 ", { type: "claim", code: "4821 9037" }],
    ["/search two sugars", { type: "history", to: "#lab", match: "two sugars" }],
  ])("signed in, %j", (line, expected) => {
    expect(parseCommand(line, HERE)).toEqual(expected as never);
  });

  test.each<[string, string]>([
    ["/msg", "bad_request"],
    ["/msg b hello", "unknown_user"],
    ["/msg __proto__ hello", "unknown_user"],
    ["/reply", "bad_request"],
    ["/me", "bad_request"],
    ["/leave lobby", "bad_request"],
    ["/leave two words", "bad_room"],
    ["/ignore alice", "bad_request"],
    ["/ignore b", "unknown_user"],
    ["/unignore", "bad_request"],
    ["/join", "bad_request"],
    ["/join two words", "bad_room"],
    ["/host", "bad_request"],
    ["/who two words", "bad_room"],
    ["/history 0", "bad_request"],
    ["/history bob all", "bad_request"],
    ["/history 0 20", "bad_request"],
    ["/history b", "unknown_user"],
    ["/query b", "unknown_user"],
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
    expect(help(true, true)).toHaveLength(COMMANDS.filter(({ when }) => when !== "signed out").length);
    expect(help(false).map((line) => line.split(" ")[0])).toEqual(["/register", "/login", "/help", "/exit"]);
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
