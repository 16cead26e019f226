import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const shown = (...words: string[]) =>
  `Array.from(document.querySelectorAll("#tools button"), (one) => one.innerText).join() === "${words.join()}"`;
const FOCUS = "document.activeElement.innerText";

describe.if(has(BROWSER))("the buttons of hosts", () => {
  test("a room is locked and unlocked in its heading, by the keyboard", async () => {
    await using chat = await startTestServer(["ms.lee*", "mr.kim*", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using lee = await enter(chat, "ms.lee");
    await lee.until(shown("Lock", "Lock 10 min", "Rules"));
    await lee.read("document.getElementById('here').focus()");
    await lee.press("Tab");
    expect(await lee.read(FOCUS)).toBe("Lock");
    expect(await lee.read("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await lee.press("Enter");
    expect(await bob.next("message")).toMatchObject({ act: "set", key: "lock", value: "on" });
    await lee.until(shown("Unlock", "Rules"));
    expect(await lee.read(FOCUS)).toBe("Unlock"); // the focus stays where it was
    await lee.see("Only hosts can write here (ms.lee).", "#closed");
    await lee.say("still here"); // hosts write
    expect(await bob.next("message")).toMatchObject({ text: "still here", host: true });
    await lee.push("Unlock", "#tools");
    expect(await bob.next("message")).toMatchObject({ key: "lock", value: "off" });
    await lee.push("Lock 10 min", "#tools");
    const { value, at } = (await bob.next("message")) as { value: string; at: number };
    expect(Number(value) - at).toBeWithin(599_000, 601_000);
    const kim = await chat.signedIn("mr.kim", "#lobby");
    await kim.ask({ type: "set", to: "#lobby", key: "lock", value: "off" });
    await lee.until(shown("Lock", "Lock 10 min", "Rules"));
    await kim.ask({ type: "set", to: "*", key: "lock", value: "on" });
    await lee.push("Unlock the chat", "#tools");
    expect(
      await kim.next((frame) => frame.type === "message" && frame.from === "ms.lee" && frame.of === "*"),
    ).toMatchObject({ value: "off" });
    expect(lee.complaints).toEqual([]);
  });

  test("a person is muted, and sent out after one question, where what was written with them is open", async () => {
    await using chat = await startTestServer(["ms.lee*", "mr.kim*", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const kim = await chat.signedIn("mr.kim", "#lobby");
    await bob.say("#lobby", "an insult");
    using lee = await enter(chat, "ms.lee");
    await lee.see("an insult", "#log");
    await lee.click("#log .from"); // a name leads to the person
    await lee.until("document.title.startsWith('bob')");
    await lee.until(shown("Mute 10 min", "Send out", "Rules"));
    await lee.push("Mute 10 min", "#tools");
    await lee.until(shown("Unmute", "Send out", "Rules"));
    await lee.see("muted", "#people");
    await lee.see("you muted bob until", "#log");
    expect(await bob.ask({ type: "say", to: "#lobby", text: "why" })).toMatchObject({ code: "quiet" });
    await kim.ask({ type: "set", to: "bob", key: "mute", value: "off" }); // between those two: she sees it when she looks again
    await lee.open("#lobby");
    await lee.open("bob");
    await lee.until(shown("Mute 10 min", "Send out", "Rules"));
    await lee.push("Send out", "#tools");
    await lee.see("Send bob out?", "#send-out");
    await lee.press("Escape");
    await lee.until("!document.getElementById('send-out').open");
    expect(await bob.ask({ type: "ping" })).toMatchObject({ type: "ok" }); // nothing was done
    await lee.push("Send out", "#tools");
    await lee.push("For 5 minutes", "#send-out");
    await bob.ended;
    await lee.until(shown("Mute 10 min", "Let in", "Rules"));
    await lee.see("sent out", "#people");
    await lee.push("Let in", "#tools");
    await lee.until(shown("Mute 10 min", "Send out", "Rules"));
    await chat.signedIn("bob");
    await lee.open("mr.kim");
    await lee.until(shown("Rules")); // hosts do that to no host
    expect(lee.complaints).toEqual([]);
  });

  test("the rules are changed in a dialog, all at once or one by one; members read them", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const wire = await chat.signedIn("ms.lee", "#lobby");
    using lee = await enter(chat, "ms.lee");
    using bob = await enter(chat, "bob");
    await bob.say("/rules");
    await bob.see("Private messages (private): among all", "#log");
    await lee.say("/rules");
    const select = (n: number) => `document.querySelectorAll("#rules select")[${n}]`;
    await lee.until(`document.getElementById("rules")?.open && ${select(0)}.value === "all"`);
    expect(await lee.texts("#rules label > span")).toEqual([
      "Private messages",
      "New accounts",
      "New rooms",
      "Files",
      "Removing one's own messages",
    ]);
    await lee.read(`void (${select(4)}.value = "off")`);
    await lee.push("Save", "#rules");
    expect(await wire.next((frame) => frame.type === "message" && frame.act === "set")).toMatchObject({
      key: "removing",
      value: "off",
      of: "*",
    });
    await lee.see("you let nobody remove their own messages", "#log");
    await lee.push("Rules", "#tools");
    await lee.until(`document.getElementById("rules")?.open && ${select(4)}.value === "off"`);
    await lee.push("Rules of a school", "#rules");
    expect(await wire.next((frame) => frame.type === "message" && frame.act === "set")).toMatchObject({
      key: "rules",
      value: "school",
    });
    await lee.until("!document.getElementById('rules').open");
    await bob.see("ms.lee set the rules of a school", "#log");
    await bob.say("/rules");
    await bob.see("Private messages (private): only to and from hosts", "#log");
    expect(await bob.texts("#tools button")).toEqual([]);
    expect([...lee.complaints, ...bob.complaints]).toEqual([]);
  });

  test("every command of hosts works in the composer, in rooms and in what was written with a person", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("ms.lee", "hi");
    using lee = await enter(chat, "ms.lee");
    const told = async (line: string, act: Record<string, string>) => {
      await lee.say(line);
      expect(await bob.next((frame) => frame.type === "message" && frame.act !== undefined)).toMatchObject(act);
    };
    await told("/mute bob 10m", { key: "mute", to: "bob" });
    await lee.see("you muted bob until", "#log"); // it stands elsewhere, so it is told here
    await lee.open("bob");
    await told("/unmute bob", { key: "mute", value: "off" });
    await told("/lock lobby 10m", { key: "lock", to: "#lobby" });
    await told("/unlock lobby", { key: "lock", value: "off" });
    await told("/announce hello", { key: "announce", value: "hello" });
    await lee.say("psst");
    await lee.see("psst", "#log");
    await told("/remove", { act: "remove", of: "ms.lee" });
    await lee.see("removed by you", "#log");
    await lee.say("/topic fractions");
    await lee.see("/topic is for rooms.", "#log");
    await lee.read(`void (document.getElementById("draft").value = "")`);
    await lee.open("#lobby");
    await told("/slow 30", { key: "slow", value: "30" });
    expect(lee.complaints).toEqual([]);
  });
});
