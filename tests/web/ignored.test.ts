import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Screen } from "../kit/screen.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

/** What is to be seen of the messages. */
function said(screen: Screen): Promise<string> {
  return screen.read(
    `Array.from(document.querySelectorAll("#log .text")).filter((one) => one.checkVisibility()).map((one) => one.innerText.trim()).join("|")`,
  );
}

describe.if(has(BROWSER))("whoever is ignored on the page", () => {
  test("is not shown in rooms, in what came before either, does not count and does not ring, until they are not any more", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("carol", "#lobby")];
    for (const wire of [bob, carol]) await wire.join("#lab");
    await bob.say("#lobby", "alice, old");
    using alice = await enter(chat, "alice");
    await alice.see("alice, old", "#log");
    await alice.say("/join lab");
    await alice.until("document.title.includes('#lab')");
    await bob.say("#lobby", "alice?");
    await bob.say("alice", "psst");
    await alice.until("document.title.startsWith('(2!)')");
    await alice.say("/ignore");
    await alice.see("You ignore nobody.", "#log");
    await alice.say("/ignore Bpb");
    await alice.see(
      "You ignore bpb: nothing that bpb says is shown to you. /unignore bpb ends it. Did you mean bob?",
      "#log",
    );
    await alice.say("/unignore bpb");
    await alice.say("/ignore bob");
    await alice.until("document.title.startsWith('#lab')"); // nothing calls, and nothing is unread
    await bob.say("#lab", "alice, alice!");
    await bob.say("#lobby", "alice, alice!");
    await bob.say("alice", "alice, alice!");
    await carol.say("#lab", "mind him not");
    await carol.say("#lobby", "hello");
    await alice.see("mind him not", "#log");
    await alice.until("document.title.startsWith('(1) ')"); // carol's, which calls nobody
    expect(await said(alice)).toBe("mind him not");
    await alice.open("#lobby");
    await alice.see("hello", "#log");
    expect(await said(alice)).toBe("hello");
    await bob.say("#lobby", "hello, too");
    await alice.say("/search hello");
    await alice.see("1 message with “hello”", "#found");
    await bob.ask({ type: "exit" });
    await carol.ask({ type: "exit" });
    await alice.see("carol left", "#log");
    expect(await alice.texts("#log .note")).not.toContainEqual(expect.stringMatching(/bob.* left/));

    await alice.say("/unignore bob");
    await alice.see("What bob says is shown again.", "#log");
    expect(await said(alice)).toBe("alice, old|alice?|alice, alice!|hello|hello, too");
    expect(alice.complaints).toEqual([]);
  });

  test("is so in all tabs, after a reload and the next time one signs in; their conversation is there for who opens it", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", "hello");
    await bob.say("alice", "psst");
    using alice = await enter(chat, "alice");
    using tab = await enter(chat, "alice");
    await tab.see("hello", "#log");
    await alice.open("bob");
    await alice.click("#here");
    await alice.push("Ignore", "#panel");
    await alice.see("You ignore bob: nothing that bob says is shown to you. /unignore bob ends it.", "#log");
    await alice.see("Ignored", "#panel");
    expect(await said(alice)).toBe("psst");
    await tab.until("document.querySelector('#log .text').checkVisibility() === false");
    await tab.reload();
    await tab.until("document.querySelector('#log .text')?.checkVisibility() === false");

    await alice.say("/exit");
    await alice.until("document.activeElement?.id === 'name'");
    await alice.signIn("alice", PASSWORD);
    await alice.open("bob");
    await alice.until("document.getElementById('here').textContent === 'ignored'");
    if (!(await alice.read("document.getElementById('panel')?.checkVisibility()"))) await alice.click("#here");
    await alice.push("Do not ignore", "#panel");
    await alice.see("What bob says is shown again.", "#log");
    await alice.open("#lobby");
    await alice.see("hello", "#log");
    expect(alice.complaints).toEqual([]);
  });

  test("is heard as a host; another person sees what both say", async () => {
    await using chat = await startTestServer(["alice", "ms.lee*"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.say("/ignore ms.lee");
    await alice.see("What ms.lee does as a host is shown all the same.", "#log");
    await lee.say("#lobby", "blah");
    await lee.ask({ type: "set", to: "#lobby", key: "topic", value: "fractions" });
    await alice.see("ms.lee set the topic", "#log");
    expect(await said(alice)).toBe("");
    expect(alice.complaints).toEqual([]);
  });
});

describe.if(has(BROWSER))("what somebody does, said with /me,", () => {
  test("reads as one sentence with their name, while it waits, when it is stored, found and removed", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await bob.say("#lobby", "hello", "/me waves", "/me");
    await alice.say("/me waves back");
    await alice.see("waves back", "#log");
    expect(((await bob.next((event: any) => event.type === "message" && event.from === "alice")) as any).text).toBe(
      "/me waves back",
    );
    expect(await alice.texts("#log .emote .from")).toEqual(["bob", "alice"]);
    expect(await alice.texts("#log .text")).toEqual(["hello", "waves", "/me", "waves back"]);
    const heads = "#log .emote .from, #log .emote .text";
    const tops = await alice.read<number[]>(
      `Array.from(document.querySelectorAll("${heads}"), (one) => Math.round(one.getBoundingClientRect().bottom))`,
    );
    expect(new Set(tops.slice(0, 2)).size).toBe(1); // beside each other
    await alice.say("/search waves");
    await alice.see("2 messages with “waves”", "#found");
    expect(await alice.texts("#found .text")).toEqual(["waves back", "waves"]);
    await alice.press("Escape");
    await alice.unplug();
    await alice.say("/me waits");
    await alice.see("alice waits", "#queue");
    await alice.plug("Back online.");
    await bob.ask({ type: "remove", to: "#lobby", of: "bob", on: 2, through: 2 });
    await alice.see("removed by bob", "#log");
    expect(alice.complaints).toEqual([]);
  });
});
