import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { LIMITS } from "../../protocol.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import type { Voice, Way } from "../kit/voices.ts";
import { speak, WAYS } from "../kit/voices.ts";

setDefaultTimeout(PATIENCE);

const PEOPLE = ["ms.lee*", "bob", "zoe"];
const set = (to: string, key: string, value: string) => ({ type: "set", to, key, value });
/** Ms. Lee, who reads everything, and Bob, who tries. */
async function pupil(chat: TestServer, way: Way): Promise<{ lee: Voice; bob: Voice }> {
  return { lee: await speak(chat, "tcp", "ms.lee"), bob: await speak(chat, way, "bob") };
}

describe.each(WAYS)("over %s", (way) => {
  test("whoever is muted says nothing in any room, old or new, and takes part in nothing", async () => {
    await using chat = await startTestServer(PEOPLE);
    const { lee, bob } = await pupil(chat, way);
    await lee.act("", set("bob", "mute", "on"));
    for (const room of ["lab", "den"]) {
      expect(await bob.act(`/join ${room}`, { type: "join", to: `#${room}` })).toBe("");
      const said = way === "nc" ? bob.act("hello", {}) : bob.say("hello", `#${room}`);
      expect(await said).toStartWith("ms.lee muted you");
    }
    expect(await bob.act("/unmute bob", set("bob", "mute", "off"))).toBe("Only hosts can do that. Nothing was done.");
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe("There is nothing of bob to remove here.");
  });

  test("of 500 lines that come at once as the lock falls each is stored before it or refused, in order", async () => {
    await using chat = await startTestServer(PEOPLE);
    const { lee } = await pupil(chat, way);
    const wire = way === "nc" ? await chat.typist("bob") : await chat.signedIn("bob", "#lobby");
    const said = (n: number) =>
      way === "nc" ? wire.type(`line ${n}`) : wire.send({ type: "say", to: "#lobby", text: `line ${n}` });
    let locked: Promise<string> | undefined;
    for (let n = 1; n <= 500; n++) {
      said(n);
      if (n === 200) locked = lee.act("", set("#lobby", "lock", "on"));
    }
    expect(await locked).toBe("");
    const refused =
      way === "nc" ? await wire.quietLines() : (await wire.quiet()).filter(({ code }) => code === "quiet");
    const reader = await chat.signedIn("zoe");
    const { backlog } = await reader.join("#lobby", 0);
    const before = backlog.findIndex(({ act }) => act === "set");
    expect(backlog.slice(0, before).map(({ text }) => text)).toEqual(
      Array.from({ length: before }, (_, n) => `line ${n + 1}`),
    );
    expect(backlog).toHaveLength(before + 1);
    const sentences = way === "nc" ? refused.filter((line) => String(line).includes("locked lobby")) : refused;
    expect(before + sentences.length - (way === "nc" ? 1 : 0)).toBe(500); // nc reads the act, too
  });

  test("an inbox that is full protects nobody from a mute or a ban", async () => {
    await using chat = await startTestServer(PEOPLE);
    const { lee, bob } = await pupil(chat, way);
    const phone = await chat.signedIn("bob");
    phone.socket.pause(); // it confirms nothing
    const zoe = await chat.signedIn("zoe");
    bob.leave();
    for (let n = 0; n < LIMITS.inbox; n++) zoe.send({ type: "say", to: "bob", text: "x" });
    await zoe.quiet();
    expect(await zoe.ask({ type: "say", to: "bob", text: "one more" })).toMatchObject({ code: "inbox_full" });
    expect(await lee.act("", set("bob", "mute", "on"))).toBe("");
    phone.reset();
    expect(await (await speak(chat, way, "bob")).say("ha")).toStartWith("ms.lee muted you");
    expect(await lee.act("", set("bob", "ban", "on"))).toBe("");
    await expect(speak(chat, way, "bob")).rejects.toThrow("ms.lee sent you out.");
  });

  test("a line that looks like an act is a line of whoever typed it", async () => {
    await using chat = await startTestServer(PEOPLE);
    const { lee, bob } = await pupil(chat, way);
    const zoe = await chat.typist("zoe");
    for (const text of [
      "* ms.lee locked lobby: only hosts can write",
      "[host] ms.lee: go home",
      "x\n* ms.lee locked lobby",
    ]) {
      const lines = text.split("\n");
      if (way === "nc" && lines.length > 1) continue; // there it would be two lines
      expect(await bob.say(text)).toBe("");
      expect(await zoe.line((line) => line.startsWith("bob: "))).toBe(`bob: ${lines[0]}`);
      if (lines.length > 1) expect(await zoe.line()).toBe(`  ${lines[1]}`);
    }
    expect(await bob.say("still open")).toBe("");
    expect(lee.text()).not.toContain('"act"');
  });

  test("what one removes oneself hosts can still read; whether members may is theirs to say", async () => {
    await using chat = await startTestServer(PEOPLE);
    const { bob } = await pupil(chat, way);
    const host = await chat.signedIn("ms.lee", "#lobby");
    await bob.say("an insult");
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe("");
    const { messages } = await host.ask({ type: "history", to: "#lobby" });
    expect(messages[0]).toMatchObject({ text: "(removed)", removed: "bob", was: "an insult" });
    await host.ask(set("*", "removing", "hosts"));
    await bob.say("another");
    expect(await bob.act("/remove", { type: "remove", to: "#lobby" })).toBe(
      "Messages cannot be removed here by who wrote them. Ask a host.",
    );
  });
});

test("a host who bans is told that new accounts can still be made, while they can", async () => {
  await using chat = await startTestServer(PEOPLE);
  const lee = await chat.typist("ms.lee");
  const note = "* New accounts can still be made: /rules accounts closed stops that.";
  lee.type("/ban bob");
  expect(await lee.quietLines()).toContain(note);
  const bob2 = await chat.wire();
  expect(await bob2.ask({ type: "register", user: "bob2", password: PASSWORD })).toMatchObject({ type: "ok" });
  lee.type("/rules accounts closed");
  lee.type("/ban bob2");
  expect(await lee.quietLines()).not.toContain(note);
  expect(await (await chat.wire()).ask({ type: "register", user: "bob3", password: PASSWORD })).toMatchObject({
    code: "no_entry",
  });
});

test("the log tells who did what, and who tried once a minute, without what was said", async () => {
  const time = { elapsed: 0 };
  await using chat = await startTestServer(PEOPLE, { elapsed: () => time.elapsed });
  const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  await bob.ask({ type: "say", to: "#lobby", text: "an insult" });
  await lee.ask({ type: "remove", to: "#lobby", of: "bob" });
  await lee.ask(set("*", "announce", "open page 12"));
  await lee.ask(set("#lobby", "topic", "a secret"));
  await lee.ask(set("#lobby", "slow", "5"));
  for (let n = 0; n < 20; n++) await bob.ask(set("zoe", "mute", "on"));
  await bob.ask({ type: "exit" });
  const log = chat.log();
  for (const line of [
    "ms.lee removed #lobby 1-1 of bob",
    "ms.lee: announce of *",
    "ms.lee: topic of #lobby",
    "ms.lee: slow of #lobby 5",
  ])
    expect(log).toContain(` - INFO - ${line}\n`);
  expect(log.match(/WARNING - bob tried to set/g)).toHaveLength(1);
  for (const said of ["insult", "page 12", "secret"]) expect(log).not.toContain(said);
});
