import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

describe.if(has(BROWSER))("the people one wrote with", () => {
  test("are in the list when they are away, with all that was written, however much came from others since", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol", "mina", "zoe"]);
    const [phone, mina, bob] = [await chat.signedIn("alice"), await chat.signedIn("mina"), await chat.signedIn("bob")];
    await mina.say("alice", "tea on friday?");
    await phone.say("zoe", "hello zoe");
    await phone.say("mina", "with two sugars");
    await bob.say("alice", ...Array.from({ length: 250 }, (_, n) => `line ${n + 1}, no tea`));
    await phone.ask({ type: "seen", seq: 253 });
    await mina.ask({ type: "exit" });
    using alice = await enter(chat, "alice");
    await alice.until("document.querySelectorAll('#people .name').length === 3");
    expect(await alice.texts("#people .name")).toEqual(["bob", "mina", "zoe"]);
    expect(await alice.texts("#people .faint")).toEqual(["M\nmina\naway", "Z\nzoe\naway"]);
    await alice.open("mina");
    await alice.see("with two sugars", "#log");
    expect(await alice.texts("#log .text")).toEqual(["tea on friday?", "with two sugars"]);
    expect(await alice.texts("#log .fresh")).toEqual([]);
    await alice.say("/search FRIDAY tea");
    await alice.see("1 message", "#found");
    await alice.open("bob");
    await alice.see("line 250", "#log");
    await alice.scrollUpTo("line 1, no tea");
    expect(await alice.texts("#log .text")).toHaveLength(250);
    const carol = await chat.signedIn("carol");
    await alice.until("document.querySelectorAll('#people .name').length === 4");
    expect(await alice.texts("#people .name")).toEqual(["bob", "mina", "zoe", "carol"]);
    await carol.say("alice", "hi");
    await alice.until("document.querySelector('#people .name').textContent === 'carol'");
    expect(alice.complaints).toEqual([]);
  });

  test("/r answers who wrote last, also after a reload, when nobody has written since", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob"), await chat.signedIn("carol")];
    await carol.say("alice", "hello");
    await bob.say("alice", "are you there?");
    using alice = await enter(chat, "alice");
    await alice.open("bob");
    await alice.say("/msg carol later");
    await carol.next("message");
    await alice.until("document.title === 'carol – Banter'"); // what carol wrote is read
    await alice.open("#lobby");
    await alice.until("document.title === '#lobby – Banter'");
    await alice.reload();
    await alice.until("document.querySelectorAll('#people .name').length === 2");
    await alice.say("/r I am");
    expect(
      await bob.next(({ type, ...message }) => type === "message" && "from" in message && message.from === "alice"),
    ).toMatchObject({
      text: "I am",
    });
  });
});
