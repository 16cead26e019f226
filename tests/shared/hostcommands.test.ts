import { describe, expect, test } from "bun:test";
import { readTime } from "../../shared/arguments.ts";
import { help, parseCommand } from "../../shared/commands.ts";

const LAB = { user: "ms.lee", room: "#lab" };
const set = (to: string, key: string, value: string, more = {}) => ({ type: "set", to, key, value, ...more });

describe("what a host types", () => {
  test.each([
    ["/lock", set("#lab", "lock", "on")],
    ["/lock 10m", set("#lab", "lock", "+600")],
    ["/lock all", set("*", "lock", "on")],
    ["/lock ALL 2h", set("*", "lock", "+7200")],
    ["/lock den 90s", set("#den", "lock", "+90")],
    ["/lock #10m", set("#10m", "lock", "on")],
    ["/unlock", set("#lab", "lock", "off")],
    ["/unlock all", set("*", "lock", "off")],
    ["/mute Bob", set("bob", "mute", "on")],
    ["/mute @bob 10m", set("bob", "mute", "+600")],
    ["/unmute bob", set("bob", "mute", "off")],
    ["/kick bob", set("bob", "ban", "+300")],
    ["/kick bob 1h", set("bob", "ban", "+3600")],
    ["/ban bob", set("bob", "ban", "on")],
    ["/ban bob 2d", set("bob", "ban", "+172800")],
    ["/unban bob", set("bob", "ban", "off")],
    ["/slow", set("#lab", "slow", "30")],
    ["/slow 5", set("#lab", "slow", "5")],
    ["/slow off", set("#lab", "slow", "0")],
    ["/announce open page 12", set("*", "announce", "open page 12")],
    ["/announce", set("*", "announce", "")],
    ["/topic tea", set("#lab", "topic", "tea")],
    ["/topic", set("#lab", "topic", "")],
    ["/rules", { type: "rules" }],
    ["/rules school", set("*", "rules", "school")],
    ["/rules private hosts", set("*", "private", "hosts")],
    ["/door on", set("#lab", "door", "on")],
    ["/invite bob", set("#lab", "member", "on", { of: "bob" })],
    ["/expel bob", set("#lab", "member", "off", { of: "bob" })],
    ["/remove", { type: "remove", to: "#lab", last: 1 }],
    ["/remove 3", { type: "remove", to: "#lab", last: 3 }],
    ["/remove bob", { type: "remove", to: "#lab", of: "bob", last: 1 }],
    ["/remove bob 20", { type: "remove", to: "#lab", of: "bob", last: 20 }],
  ])("%s", (line, request) => {
    expect(parseCommand(line, LAB)).toEqual(request as any);
  });

  test.each([
    "/lock a b",
    "/mute",
    "/mute bob soon",
    "/mute bob 10m please",
    "/unmute bob 10m",
    "/kick",
    "/slow fast",
    "/rules private",
    "/rules lock on",
    "/rules colours red",
    "/door",
    "/door ajar",
    "/invite",
    "/invite bob zoe",
    "/remove bob 0",
    "/remove bob 101",
    "/remove bob zoe",
  ])("%s is refused with a sentence that shows how", (line) => {
    expect(parseCommand(line, LAB)).toMatchObject({ code: "bad_request", text: expect.stringMatching(/\/\w+ .*\.$/) });
  });

  test("where a person is talked to, one's own messages can be removed, and rooms are elsewhere", () => {
    const place = { user: "ms.lee", room: "bob" };
    expect(parseCommand("/remove", place)).toEqual({ type: "remove", to: "bob", last: 1 });
    for (const line of ["/remove bob", "/lock", "/slow", "/topic tea", "/door on", "/invite zoe"])
      expect(parseCommand(line, place)).toMatchObject({ code: "bad_request" });
    expect(parseCommand("/lock all", place)).toEqual(set("*", "lock", "on") as any);
  });
});

test("a time is so long from now on by the server's clock, or the next time that the clock here shows", () => {
  const now = new Date(2026, 10, 30, 15, 30, 20).getTime();
  expect(readTime("10m", now)).toBe("+600");
  expect(readTime("16:00", now)).toBe(String(new Date(2026, 10, 30, 16, 0).getTime()));
  expect(readTime("8.05", now)).toBe(String(new Date(2026, 11, 1, 8, 5).getTime()));
  expect(readTime("15:30", now)).toBe(String(new Date(2026, 11, 1, 15, 30).getTime()));
  for (const word of ["", "10", "m", "24:00", "7:60", "10 m", "lab", "-5m"])
    expect(readTime(word, now)).toBeUndefined();
});

test("help lists hosts' commands for hosts only, and /remove for all", () => {
  const [all, hosts] = [help(true).join("\n"), help(true, true).join("\n")];
  for (const command of ["/lock", "/mute", "/kick", "/rules", "/door"]) {
    expect(all).not.toContain(command);
    expect(hosts).toContain(command);
  }
  expect(all).toContain("/remove [NAME] [N]");
});
