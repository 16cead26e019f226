import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { encode, ERRORS, failure, isRefusal, LIMITS, MAX_MESSAGE_LENGTH } from "../../protocol.ts";
import { PATIENCE } from "../kit/harness.ts";
import { answeredIn, inboxOf } from "../../server/conversations.ts";
import { decode, decodeEvent } from "../../shared/decode.ts";
import { foldName, foldRoom } from "../../shared/names.ts";
import { sanitizeMessage, truncateMessage } from "../../shared/text.ts";

setDefaultTimeout(PATIENCE);

describe("decode", () => {
  test.each<[string, object]>([
    ['{"type":"ping"}', { type: "ping" }],
    ['  {"type":"ping","id":"k3x-17"}  ', { type: "ping", id: "k3x-17" }],
    ['{"type":"ping","id":"k~"}', { type: "ping", id: "k~" }],
    ['{"type":"say","to":"#LAB","text":"hi"}', { type: "say", to: "#lab", text: "hi" }],
    ['{"type":"say","to":"Bob","text":"hi"}', { type: "say", to: "bob", text: "hi" }],
    ['{"type":"say","to":"constructor","text":"hi"}', { type: "say", to: "constructor", text: "hi" }],
    ['{"type":"join","to":"#lab","since":0}', { type: "join", to: "#lab", since: 0 }],
    ['{"type":"join","to":"#lab","since":null}', { type: "join", to: "#lab" }],
    ['{"type":"history","to":"@"}', { type: "history", to: "@" }],
    [
      '{"type":"history","to":"#lab","before":9,"limit":5,"match":"x"}',
      { type: "history", to: "#lab", before: 9, limit: 5, match: "x" },
    ],
    ['{"type":"who"}', { type: "who" }],
    ['{"type":"ping","colour":"red","__proto__":{"id":"x"},"constructor":1}', { type: "ping" }],
    ['{"type":"login","user":"Bob","password":" x "}', { type: "login", user: "Bob", password: " x " }],
    ['{"type":"ping","type":"exit"}', { type: "exit" }],
  ])("%s is a request", (line, request) => {
    expect(decode(line)).toStrictEqual(request as never);
  });

  test.each<[string, object]>([
    ["", { code: "bad_request" }],
    ["hello", { code: "bad_request" }],
    ["null", { code: "bad_request" }],
    ["[{}]", { code: "bad_request" }],
    ['{"type":"toString"}', { code: "bad_request" }],
    ['{"type":"__proto__"}', { code: "bad_request" }],
    ['{"__proto__":{"type":"ping"}}', { code: "bad_request" }],
    ['{"type":["ping"]}', { code: "bad_request" }],
    ['{"type":"ping","id":null}', { code: "bad_request" }],
    ['{"type":"ping","id":"ü"}', { code: "bad_request" }],
    [
      '{"type":"say","to":"#lab","text":"hi","id":"~7"}',
      { code: "bad_request", id: "~7", text: expect.stringContaining("~") },
    ],
    ['{"type":"ping","id":"~"}', { code: "bad_request", id: "~" }],
    ['{"type":"dance","id":"7"}', { code: "bad_request", id: "7" }],
    ['{"type":"say","to":"#lab","id":"7"}', { code: "bad_request", id: "7", text: expect.stringContaining('"text"') }],
    ['{"type":"seen","seq":9007199254740992,"id":"7"}', { code: "bad_request", id: "7" }],
    ['{"type":"seen","seq":-0.5}', { code: "bad_request", text: expect.stringContaining('"seq"') }],
    ['{"type":"join","to":"@"}', { code: "bad_room" }],
    ['{"type":"join","to":"#"}', { code: "bad_room" }],
    ['{"type":"say","to":"@","text":"x"}', { code: "unknown_user" }],
    ['{"type":"say","to":"__proto__","text":"x","id":"7"}', { code: "unknown_user", id: "7" }],
  ])("%s is refused", (line, refusal) => {
    expect(decode(line)).toMatchObject(refusal);
  });

  test("bytes that were not UTF-8 and JSON nested beyond reason are refused, not thrown", () => {
    expect(decode(null)).toMatchObject({ code: "bad_request", text: expect.stringContaining("UTF-8") });
    expect(decode("[".repeat(60_000))).toMatchObject({ code: "bad_request" });
    expect(decode('{"type":'.repeat(8_000))).toMatchObject({ code: "bad_request" });
  });

  test("encode makes one line that decode reads back", () => {
    const line = encode({ type: "say", to: "#lab", text: 'a\n"b"\r\u2028\0', id: "1" });
    expect(line.indexOf("\n")).toBe(line.length - 1);
    expect(decode(line.trimEnd())).toEqual({ type: "say", to: "#lab", text: 'a\n"b"\r\u2028\0', id: "1" });
  });
});

describe("decodeEvent", () => {
  const message = { type: "message", to: "#lab", seq: 1, from: "bob", id: "a", at: 5, text: "hi" } as const;
  test.each<[object, object]>([
    [{ type: "ping" }, { type: "ping" }],
    [message, message],
    [
      { ...message, id: "~7" }, // the server's own
      { ...message, id: "~7" },
    ],
    [
      { ...message, cut: 3, extra: 1 },
      { ...message, cut: 3 },
    ],
    [
      { ...message, text: "a\x1b[2Jb" },
      { ...message, text: "a[2Jb" },
    ],
    [{ ...message, cut: -1 }, message],
    [
      { type: "notice", text: "bye\x07" },
      { type: "notice", text: "bye" },
    ],
    [
      { type: "joined", to: "*", users: ["bob"] },
      { type: "joined", to: "*", users: ["bob"] },
    ],
    [
      { type: "error", code: "busy", text: "B\x07usy.", after: 5, id: "a" },
      { type: "error", id: "a", code: "busy", text: "Busy.", after: 5 },
    ],
    [
      { type: "error", code: "busy", text: "Busy.", after: -5, id: "a b" },
      { type: "error", code: "busy", text: "Busy." },
    ],
    [
      { type: "ok", id: "1", user: "bob", token: "1.x_-", to: "@", seq: 0, users: [], reset: true },
      { type: "ok", id: "1", user: "bob", token: "1.x_-", to: "@", seq: 0, users: [], reset: true },
    ],
    [{ type: "ok", user: "BOB", token: "a b", to: "lab", seq: -1, users: ["\x1b"], reset: 1 }, { type: "ok" }],
    [
      { type: "ok", rooms: [{ to: "#lab", users: 1 }, { to: "lab", users: 1 }, null, { to: "#x" }] },
      { type: "ok", rooms: [{ to: "#lab", users: 1 }] },
    ],
    [
      { type: "ok", messages: [message, { ...message, from: "\x1b" }, null, 7] },
      { type: "ok", messages: [message] },
    ],
    ...["of_a_newer_server", "constructor"].map((code) => {
      const failure = { type: "error", id: "1", code, text: "No." };
      return [failure, failure] as [object, object];
    }),
  ])("%j is an event", (frame, event) => {
    expect(decodeEvent(JSON.stringify(frame))).toStrictEqual(event as never);
  });

  test.each([
    ["", "* Welcome to Banter.", "{", "[]", "{}", '{"type":"dance"}', '{"type":"__proto__"}', '{"type":"notice"}'],
    ...[
      { ...message, from: "Bob" },
      { ...message, seq: 1.5 },
      { ...message, id: "" },
      { ...message, to: "lab room" },
    ].map((frame) => [JSON.stringify(frame)]),
    [
      '{"type":"error","code":"","text":"x"}',
      '{"type":"error","code":"\\u001b[2J","text":"x"}',
      '{"type":"error","code":"busy"}',
    ],
    ['{"type":"joined","to":"#lab","users":["\\u001b[2J"]}', '{"type":"left","to":"bob","users":[]}'],
  ])("%j is not", (...lines) => {
    for (const line of lines) expect(decodeEvent(line)).toBeUndefined();
  });

  test("a line that was not UTF-8 is no event", () => {
    expect(decodeEvent(null)).toBeUndefined();
  });
});

describe("refusals", () => {
  test("every code has one sentence that a person can read", () => {
    for (const text of Object.values(ERRORS)) expect(text).toMatch(/^[A-Z][^\n]+\.$/);
  });

  test("failure takes the code's sentence, or a better one", () => {
    expect(failure({ code: "busy", after: 5 }, "7")).toEqual({
      type: "error",
      id: "7",
      code: "busy",
      text: ERRORS.busy,
      after: 5,
    });
    expect(failure({ code: "busy", text: "Wait." })).toEqual({ type: "error", code: "busy", text: "Wait." });
    expect([isRefusal({ code: "busy" }), isRefusal({}), isRefusal(undefined)]).toEqual([true, false, false]);
  });
});

describe("sanitizeMessage", () => {
  test.each([
    ["tab\tand\nnewline", "tab\tand\nnewline"],
    ["\0\x07\x08\x0b\x0c\r\x1b[31m\x7f", "[31m"],
    ["\x80\x9b31m\x9f\u00a0", "31m\u00a0"],
    ["\u202aa\u202bb\u202cc\u202dd\u202ee\u2066f\u2067g\u2068h\u2069", "abcdefgh"],
    ["\ud800a\udc00", "a"],
    ["\ud83d\udc4b", "\u{1f44b}"],
    ["\udc4b\ud83d", ""],
    ["e\u0301 \u05e9\u05dc\u05d5\u05dd \u200d\ufe0f \u200f", "e\u0301 \u05e9\u05dc\u05d5\u05dd \u200d\ufe0f \u200f"],
    ["", ""],
  ])("%j becomes %j", (text, safe) => {
    expect(sanitizeMessage(text)).toBe(safe);
    expect(sanitizeMessage(safe)).toBe(safe);
  });
});

describe("truncateMessage", () => {
  const FAMILY = "\u{1f469}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466}"; // one grapheme of seven code points
  const FLAG = "\u{1f1e9}\u{1f1ea}";

  test.each([
    ["x".repeat(10), 10, "x".repeat(10), 0],
    ["x".repeat(11), 10, "x".repeat(10), 1],
    ["\u{1f44b}".repeat(10), 10, "\u{1f44b}".repeat(10), 0], // code points count, not UTF-16 units
    ["\u{1f44b}".repeat(11), 10, "\u{1f44b}".repeat(10), 1],
    ["xxxx" + FAMILY, 11, "xxxx" + FAMILY, 0],
    ["xxxx" + FAMILY, 10, "xxxx", 7],
    ["x" + FAMILY + FAMILY, 10, "x" + FAMILY, 7],
    [FLAG.repeat(3), 5, FLAG.repeat(2), 2],
    ["xxxe\u0301y", 4, "xxx", 3],
    ["xxxe\u0301y", 5, "xxxe\u0301", 1],
    ["xxx\r\ny", 4, "xxx", 3],
    ["e" + "\u0301".repeat(20), 10, "e" + "\u0301".repeat(9), 11], // one grapheme longer than all there is room for
    [FAMILY, 3, "\u{1f469}\u200d\u{1f469}", 4],
    ["", 10, "", 0],
  ])("%j to %d code points", (text, max, kept, cut) => {
    expect(truncateMessage(text, max)).toEqual({ text: kept, cut });
  });

  test("the limit of a message is 4,000 characters", () => {
    expect(MAX_MESSAGE_LENGTH).toBe(4_000);
    expect(truncateMessage("x".repeat(4_000)).cut).toBe(0);
    expect(truncateMessage("x".repeat(4_001))).toEqual({ text: "x".repeat(4_000), cut: 1 });
  });

  test("a message of the full length fits into a line, however it is escaped", () => {
    const text = "\\ud83d\\udc4b".repeat(MAX_MESSAGE_LENGTH);
    expect(`{"type":"say","to":"${"x".repeat(49)}","id":"${"x".repeat(64)}","text":"${text}"}`.length).toBeLessThan(
      LIMITS.line,
    );
  });
});

describe("names", () => {
  test.each([
    ["Bob", "bob"],
    ["zoe-k.2_x", "zoe-k.2_x"],
    ["7up", "7up"],
    ["ab", "ab"],
    ["x".repeat(32), "x".repeat(32)],
    ["constructor", "constructor"],
  ])("%j folds to %j", (name, folded) => {
    expect(foldName(name)).toBe(folded);
  });

  test("nobody can be called that, and nothing folds into another's name", () => {
    const shapes = [
      "a",
      "",
      "x".repeat(33),
      "__proto__",
      "_bob",
      ".bob",
      "-bob",
      "bob ",
      " bob",
      "bo b",
      "bob\n",
      "bob\0",
    ];
    const lookalikes = ["\u212aelvin", "\u017famuel", "b\u00f6b", "\uff42ob", "\u0430lice", "#lab", "@bob", "*"];
    for (const name of [...shapes, ...lookalikes]) expect([name, foldName(name)]).toEqual([name, undefined]);
  });

  test("rooms fold alike, and only what starts with # is one", () => {
    const good = { "#Lab": "#lab", "#a": "#a", "#_.-": "#_.-", ["#" + "X".repeat(48)]: "#" + "x".repeat(48) };
    for (const [room, folded] of Object.entries(good)) expect(foldRoom(room)).toBe(folded);
    const bad = ["#", "lab", "##", "# lab", "#la b", "#" + "x".repeat(49), "#\u212aelvin", "#lab\n", "*", "@"];
    for (const room of bad) expect([room, foldRoom(room)]).toEqual([room, undefined]);
  });

  test("a message is answered in its room, a direct one in its sender's inbox", () => {
    expect(answeredIn({ to: "#lab", from: "alice" })).toBe("#lab");
    expect(answeredIn({ to: "bob", from: "alice" })).toBe(inboxOf("alice"));
  });
});
