import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

describe.if(has(BROWSER))("a message", () => {
  test("that a host said, and the name of a host, say so; what hosts do is a grey line, in the words of who reads", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await lee.say("#lobby", "good morning");
    await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "+600" });
    await lee.ask({ type: "set", to: "bob", key: "mute", value: "on" });
    using bob = await enter(chat, "bob");
    await bob.see("ms.lee locked lobby until ", "#log");
    expect(await bob.texts("#log .from")).toEqual(["ms.leehost"]);
    expect(await bob.texts("#people .host")).toEqual(["host"]);
    await bob.open("ms.lee");
    await bob.see("ms.lee muted you. You can still write to hosts", "#log");
    await bob.open("#lobby");
    await bob.say("/who");
    await bob.see("Hosts: ms.lee", "#log");
    using own = await enter(chat, "ms.lee");
    await own.see("you locked lobby until ", "#log");
    expect([...bob.complaints, ...own.complaints]).toEqual([]);
  });

  test("is removed by who said it, or by a host, with the keyboard: its words are gone at once from every page, results and memory", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const zoe = await chat.signedIn("zoe", "#lobby");
    await zoe.say("#lobby", "hello");
    using bob = await enter(chat, "bob");
    await bob.say("first secret, see https://example.org/secret");
    await bob.say("second secret");
    using lee = await enter(chat, "ms.lee");
    await lee.say("/search secret");
    await lee.see("2 messages", "#found");
    expect(await bob.texts("#log .tool")).toHaveLength(2); // only at what he said
    await bob.read("document.querySelector('#log .tool').focus()");
    expect(await bob.read("document.activeElement.ariaLabel")).toBe(
      "Remove “first secret, see https://example.org/secret” of bob",
    );
    expect(await bob.read("getComputedStyle(document.activeElement).opacity")).toBe("1");
    await bob.press("Enter");
    await bob.see("removed by you", "#log");
    await bob.see("you removed a message", "#log");
    await lee.see("removed by bob", "#log");
    await lee.see("1 message with", "#found");
    expect(await lee.texts("#found .text")).toEqual(["second secret"]);
    await lee.read("document.querySelector('#log li:has(.text:not(.gone)) .tool[aria-label*=second]').focus()");
    await lee.press("Enter");
    await bob.see("removed by ms.lee", "#log");
    await bob.see("ms.lee removed a message of yours", "#log");
    await lee.see("Nothing with", "#found");
    for (const screen of [bob, lee]) {
      expect(
        await screen.read(
          "document.body.innerHTML.includes('secret, see') || document.body.innerHTML.includes('second')",
        ),
      ).toBe(false);
      await screen.open(screen === bob ? "zoe" : "bob");
      await screen.open("#lobby"); // drawn anew from what is kept
      expect(await screen.read("document.getElementById('log').innerText.includes('secret')")).toBe(false);
    }
    await bob.reload();
    await bob.see("removed by ms.lee", "#log");
    expect(await bob.texts("#log .text")).toEqual(["hello", "removed by you", "removed by ms.lee"]);
    expect([...bob.complaints, ...lee.complaints]).toEqual([]);
  });

  test("that was removed in an absence is gone after it; one that calls calls no more, and what is unread stays so many", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    const zoe = await chat.signedIn("zoe", "#lab");
    using bob = await enter(chat, "bob");
    await bob.say("/join lab");
    await bob.until("document.title.includes('#lab')");
    await zoe.say("#lab", "something shown");
    await bob.see("something shown", "#log");
    await bob.open("#lobby");
    await zoe.say("#lab", "bob, you are");
    await bob.until("document.title.startsWith('(1!)')");
    await lee.join("#lab");
    await lee.ask({ type: "remove", to: "#lab", of: "zoe", last: 1 });
    await bob.until("document.title.startsWith('(2)')"); // the message and the act
    await bob.unplug();
    await lee.ask({ type: "remove", to: "#lab", of: "zoe", last: 1 });
    await bob.plug("Back online.");
    await bob.open("#lab");
    await bob.see("ms.lee removed a message of zoe", "#log");
    expect(await bob.texts("#log .text")).toEqual(["removed by ms.lee", "removed by ms.lee"]);
    expect(await bob.texts("#log .mention")).toEqual([]);
  });

  test("that was removed can be read by hosts, when they ask for it, and by nobody else", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const wire = await chat.signedIn("bob", "#lobby");
    await wire.say("#lobby", "an insult");
    using lee = await enter(chat, "ms.lee");
    using bob = await enter(chat, "bob");
    await bob.say("/remove");
    await bob.see("removed by you", "#log");
    expect(await bob.texts("#log .tool")).toEqual([]);
    await lee.see("removed by bob", "#log");
    for (const look of ["as it happened", "after a reload"]) {
      await lee.see("bob", "#people"); // all has come
      expect([look, await lee.texts("#log .was")]).toEqual([look, []]);
      await lee.push("Show", "#log");
      await lee.see("an insult", "#log .was");
      await lee.push("Hide", "#log");
      await lee.until("document.querySelector('.was') === null");
      await lee.reload();
      await lee.see("removed by bob", "#log");
    }
    expect([...bob.complaints, ...lee.complaints]).toEqual([]);
  });

  test("has a button only as far as the rule of removing goes, and a private one only at the writer's", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const wire = await chat.signedIn("ms.lee", "#lobby");
    await wire.say("bob", "psst");
    using bob = await enter(chat, "bob");
    await bob.say("mine");
    await bob.until("document.querySelectorAll('#log .tool').length === 1");
    await wire.ask({ type: "set", to: "*", key: "removing", value: "off" });
    await bob.until("document.querySelectorAll('#log .tool').length === 0");
    await wire.ask({ type: "set", to: "*", key: "removing", value: "all" });
    await bob.until("document.querySelectorAll('#log .tool').length === 1");
    // Who is at a button stays there when the connection was lost: what is drawn is not drawn anew.
    await bob.read("void (window.old = document.querySelector('#log .tool')).focus()");
    await bob.unplug();
    await bob.plug("Back online.");
    expect(await bob.read("old.isConnected && document.activeElement === old")).toBe(true);
    await bob.open("ms.lee");
    await bob.say("answer");
    await bob.until("document.querySelectorAll('#log .tool').length === 1");
    await bob.push("Remove", "#log");
    await bob.see("removed by you", "#log");
    expect(await bob.texts("#log .text")).toEqual(["psst", "removed by you"]);
    expect(await wire.next((frame) => frame.type === "message" && frame.act === "remove")).toMatchObject({
      from: "bob",
      to: "ms.lee",
    });
    expect(bob.complaints).toEqual([]);
  });
});
