import { expect, setDefaultTimeout, test } from "bun:test";
import type { Event, Message } from "../../protocol.ts";
import { ERRORS } from "../../protocol.ts";
import { PATIENCE } from "../kit/harness.ts";
import { render } from "../../shared/render.ts";

setDefaultTimeout(PATIENCE);

const AT = new Date(2025, 10, 20, 9, 5).getTime();
const message: Message = { type: "message", to: "#lobby", seq: 1, from: "bob", id: "a", at: AT, text: "hi" };
test.each<[string, Event, string[]]>([
  ["the lobby", message, ["bob: hi"]],
  ["another room", { ...message, to: "#lab" }, ["bob (in lab): hi"]],
  ["a direct message", { ...message, to: "alice" }, ["[pm] bob: hi"]],
  ["one's own direct message", { ...message, to: "bob", from: "alice" }, ["[pm to bob] alice: hi"]],
  ["a note to oneself", { ...message, to: "alice", from: "alice" }, ["[pm] alice: hi"]],
  ["several lines", { ...message, text: "hi\nbob: no\n\nend" }, ["bob: hi", "  bob: no", "  ", "  end"]],
  ["a cut one", { ...message, cut: 7 }, ["bob: hi", "  (7 more characters were cut off)"]],
  ["one cut by a character", { ...message, cut: 1 }, ["bob: hi", "  (1 more character was cut off)"]],
  ["joined the chat", { type: "joined", to: "*", users: ["bob", "carol"] }, ["* bob and carol have joined the chat"]],
  ["joined a room", { type: "joined", to: "#lab", users: ["bob"] }, ["* bob has joined lab"]],
  ["three", { type: "left", to: "#lab", users: ["bob", "carol", "dave"] }, ["* bob, carol and dave have left lab"]],
  ["four", { type: "joined", to: "*", users: many(4) }, ["* u0, u1 and 2 others have joined the chat"]],
  [
    "a school",
    { type: "joined", to: "*", users: ["alice", ...many(1_000)] },
    ["* u0, u1 and 998 others have joined the chat"],
  ],
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

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `u${i}`);
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
