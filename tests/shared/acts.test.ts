import { describe as group, expect, test } from "bun:test";
import type { Message } from "../../protocol.ts";
import { covers, describe, duration, emptied, expels, isAct, setText } from "../../shared/acts.ts";
import { Board } from "../../shared/board.ts";
import type { Key } from "../../shared/settings.ts";
import { readValue, Settings, SETTINGS, usualValue } from "../../shared/settings.ts";
import { ruleLines, standing } from "../../shared/standing.ts";

const NOW = Date.UTC(2026, 10, 30, 12);
const clock = () => "12:10";
const message = (fields: Partial<Message>): Message => ({
  ...{ type: "message", to: "#lab", seq: 1, from: "ms.lee", id: "q-1", at: NOW, text: "did something" },
  ...fields,
});
const act = (to: string, key: string, value: string, of?: string) =>
  message({ to, act: "set", key, value, ...(of !== undefined && { of }) });
const until = String(NOW + 600_000);

group("an act in words", () => {
  test.each([
    [act("#lab", "lock", "on"), "ms.lee locked lab: only hosts can write"],
    [act("#lab", "lock", until), "ms.lee locked lab until 12:10: only hosts can write"],
    [act("#lobby", "lock", "off", "*"), "ms.lee unlocked the chat"],
    [act("bob", "mute", until), "ms.lee muted you until 12:10. You can still write to hosts"],
    [act("bob", "ban", "on"), "ms.lee sent you out"],
    [act("#lab", "slow", "30"), "ms.lee slowed lab: one message in 30 s"],
    [act("#lab", "topic", "tea"), "ms.lee set the topic of lab: tea"],
    [act("#lobby", "announce", "open page 12", "*"), "ms.lee to everybody: open page 12"],
    [act("#lab", "member", "off", "bob"), "ms.lee took you out of lab"],
    [message({ act: "remove", of: "bob", on: 1, through: 9, value: "3" }), "ms.lee removed 3 messages of yours in lab"],
    [message({ from: "bob", act: "remove", of: "bob", on: 1, through: 1, value: "1" }), "you removed a message in lab"],
    [act("#lab", "colour", "red"), "ms.lee: did something"], // of a later version
  ])("%#", (one, words) => {
    expect(describe(one, "bob", clock)).toBe(words);
  });

  test("every key has words for each of its values, and no text needs the zone of its reader", () => {
    for (const key of Object.keys(SETTINGS) as Key[]) {
      const { values } = SETTINGS[key];
      const all =
        typeof values === "string"
          ? { until: ["off", "on", until], seconds: ["0", "5"], text: ["", "x"] }[values]
          : values;
      const texts = all.map((value) => setText({ to: "#lab", key, value, of: "bob" }, NOW));
      expect(new Set(texts).size).toBe(all.length);
      for (const text of texts) expect(text).not.toMatch(/undefined|\d{10}/);
    }
    expect(setText({ to: "bob", key: "mute", value: until }, NOW)).toBe(
      "muted you for 10 minutes. You can still write to hosts",
    );
    expect([30, 90, 600, 5_400, 90_000, 200_000].map(duration)).toEqual([
      "30 seconds",
      "90 seconds",
      "10 minutes",
      "90 minutes",
      "25 hours",
      "2 days",
    ]);
  });
});

test("an act covers the messages of one person in its range and conversation, and no act", () => {
  const removal = message({ seq: 20, act: "remove", of: "bob", on: 3, through: 9 });
  const bobs = message({ seq: 3, from: "bob" });
  expect(covers(removal, bobs)).toBe(true);
  for (const other of [{ seq: 2 }, { seq: 10 }, { from: "zoe" }, { to: "#den" }, { act: "set" }])
    expect(covers(removal, { ...bobs, ...other })).toBe(false);
  expect(covers(act("#lab", "lock", "on"), bobs)).toBe(false);
  expect(emptied({ ...bobs, cut: 3, host: true }, "ms.lee")).toEqual({
    ...bobs,
    text: "(removed)",
    removed: "ms.lee",
    host: true,
  });
  expect(emptied({ ...bobs, removed: "bob" }, "ms.lee").removed).toBe("bob"); // who was first
  expect(isAct(removal)).toBe(true);
  expect(expels(act("#lab", "member", "off", "bob"), "bob")).toBe(true);
});

test("a value is stored as it is compared: times as their end, texts on one line", () => {
  expect(readValue("lock", "+600", NOW)).toBe(until);
  expect(readValue("lock", until, NOW)).toBe(until);
  expect(readValue("topic", "  tea \n time ", NOW)).toBe("tea time");
  expect(readValue("slow", "007", NOW)).toBe("7");
  for (const [key, value] of [
    ["lock", String(NOW)],
    ["lock", "+0"],
    ["lock", "+99999999999"],
    ["mute", "yes"],
    ["slow", "-1"],
    ["slow", "3601"],
    ["topic", "x".repeat(501)],
    ["private", "nobody"],
  ] as const)
    expect(readValue(key, value, NOW)).toBeUndefined();
});

test("the last value of a key counts; what is usual is as good as nothing", () => {
  const settings = new Settings();
  for (const one of [act("#lab", "lock", "on"), act("#lab", "topic", "tea"), act("#lab", "lock", "off")])
    settings.apply(one);
  expect(settings.all("#lab")).toEqual([{ key: "topic", value: "tea", by: "ms.lee" }]);
  settings.apply(act("#lobby", "rules", "school", "*"));
  expect(settings.get("*", "private")?.value).toBe("hosts");
  settings.apply(act("#lobby", "rules", "open", "*"));
  settings.apply(act("#lab", "topic", ""));
  expect(settings.isEmpty).toBe(true);
  expect(usualValue("accounts")).toBe("open");
});

test("a board knows where this account cannot write, from what it was told and from acts", () => {
  const board = new Board("bob");
  const muted = { key: "mute", value: until, by: "ms.lee" };
  board.take({
    type: "inbox",
    seq: 0,
    seen: 0,
    hosts: ["ms.lee"],
    settings: [muted, { key: "announce", value: "hello", by: "ms.lee" }],
  });
  board.take({ type: "entered", to: "#lab", users: [], seq: 0, seen: 0, settings: [] });
  const lasts = { key: "mute", by: "ms.lee", until: NOW + 600_000 } as const;
  expect([board.whyClosed("#lab", NOW), board.whyClosed("zoe", NOW)]).toEqual([lasts, lasts]);
  expect([board.whyClosed("ms.lee", NOW), board.whyClosed("bob", NOW), board.whyClosed("#lab", NOW + 600_000)]).toEqual(
    Array(3).fill(undefined),
  );
  expect(board.announcement?.value).toBe("hello");
  expect(board.take(act("bob", "mute", "off"))).toBe(true);
  expect(board.take(act("#lab", "lock", "on"))).toBe(true);
  expect(board.whyClosed("#lab", NOW)).toEqual({ key: "lock", by: "ms.lee", until: Infinity });
  expect(board.whyClosed("zoe", NOW)).toBeUndefined();
  board.take(act("#lobby", "private", "hosts", "*"));
  expect(board.whyClosed("zoe", NOW)).toMatchObject({ key: "private" });
  expect(board.whyClosed("ms.lee", NOW)).toBeUndefined();
  board.take({ type: "hosts", users: ["bob"] });
  expect([board.isHost("bob"), board.whyClosed("#lab", NOW)]).toEqual([true, undefined]);
  expect(board.take(message({ text: "hi" }))).toBe(false);
});

test("what holds is told on entering, and the rules as they are", () => {
  const by = "ms.lee";
  const settings = [
    { key: "lock", value: until, by },
    { key: "topic", value: "tea", by },
    { key: "private", value: "hosts", by },
  ];
  expect(standing(settings, clock)).toEqual(["Only hosts can write here until 12:10 (ms.lee).", "Topic: tea"]);
  expect(ruleLines(settings)).toContain("Private messages (private): only to and from hosts");
  expect(ruleLines([])).toContain("New accounts (accounts): anybody can register");
});
