import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const NOTES = "#log .note p";

describe.if(has(BROWSER))("who comes and goes", () => {
  test("is one line until somebody says something, of which only the outcome counts, and which is read out once", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol", "dave", "erin", "frank"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await bob.say("#lobby", "hello");
    await alice.see("hello", "#log");
    // What a screen reader is told of: lines that are added to the log (aria-relevant="additions").
    await alice.read(`void (window.added = 0, new MutationObserver((changes) => changes.forEach(({ addedNodes }) => (added += [...addedNodes].filter(({ className }) => className === "note").length)))
      .observe(document.getElementById("log"), { childList: true, subtree: true }))`);
    await chat.signedIn("carol");
    await alice.see("carol joined", "#log");
    await chat.signedIn("dave");
    await alice.see("carol and dave joined", "#log");
    const erin = await chat.signedIn("erin");
    await alice.see("carol, dave and erin joined", "#log");
    await chat.signedIn("frank");
    await alice.see("carol, dave and 2 others joined", "#log");
    await erin.ask({ type: "exit" });
    await alice.see("carol, dave and frank joined", "#log");
    expect(await alice.texts(NOTES)).toEqual(["carol, dave and frank joined"]);
    expect(await alice.read("added")).toBe(1);

    await bob.say("#lobby", "good morning");
    const again = await chat.signedIn("erin");
    await alice.see("erin joined", "#log");
    expect(await alice.texts(NOTES)).toEqual(["carol, dave and frank joined", "erin joined"]);
    await again.ask({ type: "exit" });
    await alice.until(`document.querySelectorAll("${NOTES}").length === 1`); // erin is where she was
    await bob.say("#lobby", "anybody?");
    await alice.see("anybody?", "#log");
    expect(await alice.texts("#log .message:not(.together) .text")).toEqual(["hello", "good morning"]);
    expect(alice.complaints).toEqual([]);
  });

  test("those who were here and go are told beside those who come, also in a room", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const bob = await chat.signedIn("bob", "#lab");
    using alice = await enter(chat, "alice");
    await alice.open("#lab");
    await alice.see("2 here", "#here");
    await chat.signedIn("carol", "#lab");
    await bob.ask({ type: "leave", to: "#lab" });
    await alice.see("carol joined, bob left", "#log");
    await bob.join("#lab");
    await alice.until(`document.querySelector("${NOTES}")?.innerText === "carol joined"`);
    expect(await alice.texts(NOTES)).toEqual(["carol joined"]);
  });

  test("of many a few are named: over the messages, and, asked who is here, the first fifty", async () => {
    const crowd = Array.from({ length: 60 }, (_, n) => `person-${String(n).padStart(2, "0")}`);
    await using chat = await startTestServer(["alice", ...crowd]);
    using alice = await enter(chat, "alice");
    for (const name of crowd) await chat.signedIn(name, "#lobby");
    await alice.see("person-00, person-01 and 58 others joined", "#log");
    await alice.see("61 here", "#here");
    expect(await alice.read("document.getElementById('here').title")).toBe("alice, person-00 and 59 others");
    await alice.say("/who lobby");
    await alice.see("and 11 others", "#log");
    const [, list] = await alice.texts(NOTES);
    expect(list!.match(/\w+-?\d*, |\w+-\d+ and/g)).toHaveLength(50);
  });
});
