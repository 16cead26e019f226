import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const DRAFT = "document.getElementById('draft').value";
const NOTES = "#log .note p";
const is = (selector: string, text: string) => `document.querySelector("${selector}").innerText === "${text}"`;

/** A teacher at a terminal, who sets things, in the lobby. */
async function teacher(chat: TestServer) {
  const wire = await chat.signedIn("ms.lee", "#lobby");
  const set = async (to: string, key: string, value: string, more = {}) =>
    expect(await wire.ask({ type: "set", to, key, value, ...more })).toMatchObject({ type: "message" });
  return { wire, set };
}

describe.if(has(BROWSER))("what hosts have set", () => {
  test("an announcement and a topic are over the messages, in every room and after a reload, until they are replaced or removed", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await set("*", "announce", "open page 12");
    await bob.until(is("#announced", "ms.lee to everybody: open page 12"));
    await set("#lobby", "topic", "fractions");
    await bob.until(is("#topic", "fractions"));
    await bob.say("/join lab");
    await bob.until("document.title.includes('#lab')");
    expect(await bob.texts("#announced")).toEqual(["ms.lee to everybody: open page 12"]);
    expect(await bob.read("document.getElementById('topic').hidden")).toBe(true);
    await bob.reload();
    await bob.until(is("#announced", "ms.lee to everybody: open page 12"));
    await bob.unplug();
    await set("*", "announce", "page 13");
    await bob.plug("Back online.");
    await bob.until(is("#announced", "ms.lee to everybody: page 13"));
    await set("*", "announce", "");
    await bob.until(is("#announced", ""));
    await bob.open("#lobby");
    await bob.see("fractions", "#topic");
    expect(await bob.texts(NOTES)).toEqual([
      "ms.lee to everybody: open page 12",
      "ms.lee set the topic of lobby: fractions",
      "ms.lee to everybody: page 13",
      "ms.lee removed the announcement",
    ]);
    expect(bob.complaints).toEqual([]);
  });

  test("a screen reader hears an announcement once, wherever one is", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await bob.say("hello");
    await bob.until("document.getElementById('log').ariaLive === 'polite' && document.querySelector('#log .text')");
    // What is added within a region that is read out, as it is at that moment.
    await bob.read(`void (window.heard = [], new MutationObserver((changes) => {
        for (const { target, addedNodes } of changes) for (const { textContent } of addedNodes)
          if (target.closest("[aria-live=polite], [role=status]:not([aria-live=off])") !== null && textContent.includes("page")) heard.push(textContent);
      }).observe(document.getElementById("main"), { childList: true, subtree: true }))`);
    await set("*", "announce", "page 12");
    await bob.see("page 12", "#announced");
    expect(await bob.read<string[]>("heard")).toEqual([expect.stringContaining("ms.lee to everybody: page 12")]);
    await bob.say("/join lab");
    await bob.until("document.title.includes('#lab')");
    await bob.read("void (heard.length = 0)");
    await set("*", "announce", "page 13");
    await bob.see("page 13", "#announced");
    expect(await bob.read<string[]>("heard.filter((one) => one.includes('page'))")).toEqual(
      [" to everybody: ", "page 13"].filter((one) => one.includes("page")),
    );
  });

  test("in a locked room Send says why at once and the words stay; the line goes by itself when the lock is over", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { wire, set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await set("#lobby", "lock", "on");
    await bob.until(is("#closed", "Only hosts can write here."));
    await bob.say("but why");
    await bob.see("Only hosts can write here. Nothing was sent.", "#log");
    expect(await bob.read(DRAFT)).toBe("but why");
    await bob.reload();
    await bob.until(is("#closed", "Only hosts can write here."));
    expect(await bob.read(DRAFT)).toBe("but why");
    await set("#lobby", "lock", "off");
    await bob.until(is("#closed", ""));
    await set("#lobby", "lock", "+2");
    await bob.until(
      `/^Only hosts can write here until .*\\d\\d:\\d\\d\\.$/.test(document.getElementById("closed").innerText)`,
    );
    await bob.until(is("#closed", ""));
    await bob.click("#composer .primary");
    await bob.see("but why", "#log .text");
    expect(await wire.next((frame) => frame.type === "message" && frame.from === "bob")).toMatchObject({
      text: "but why",
    });
    expect(bob.complaints).toEqual([]);
  });

  test("a lock ends when it ends for all, also where the clock is wrong", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await bob.read("void (Date.now = ((now) => () => now() - 3_600_000)(Date.now))"); // an hour slow
    // It is watched for first: where much is to be done, it might be over before somebody looks.
    await Promise.all([bob.see("Only hosts can write here until", "#closed"), set("#lobby", "lock", "+2")]);
    await bob.until(is("#closed", ""));
    await bob.reload();
    await bob.see("ms.lee locked lobby", "#log");
    await bob.read("void (Date.now = ((now) => () => now() + 3_600_000)(Date.now))"); // an hour fast
    await set("#lobby", "lock", "+600");
    await bob.see("Only hosts can write here until", "#closed");
  });

  test("who is muted, while away, too, is told so over the composer, and writes to hosts", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const { wire, set } = await teacher(chat);
    await chat.signedIn("zoe", "#lobby");
    using bob = await enter(chat, "bob");
    await bob.unplug();
    await set("bob", "mute", "+600");
    await bob.plug("Back online.");
    const line = `/^ms\\.lee muted you until .*\\d\\d:\\d\\d\\. You can write to hosts\\.$/.test(document.getElementById("closed").innerText)`;
    await bob.until(line);
    await bob.open("zoe");
    await bob.until(line);
    await bob.open("ms.lee");
    await bob.until(is("#closed", ""));
    await bob.see("ms.lee muted you until", "#log");
    await bob.say("sorry");
    expect(await wire.next((frame) => frame.type === "message" && frame.to === "ms.lee")).toMatchObject({
      text: "sorry",
    });
    await set("bob", "mute", "off");
    await bob.open("#lobby");
    await bob.until(is("#closed", ""));
    await set("*", "private", "hosts");
    await bob.open("zoe");
    await bob.until(is("#closed", "Private messages go only to and from hosts here."));
    await set("*", "private", "off");
    await bob.open("ms.lee");
    await bob.until(is("#closed", "Private messages are switched off here."));
  });

  test("what is refused gives its words back where nothing else stands by then, else it stays as not sent", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await set("#lobby", "slow", "60");
    await bob.until(is("#closed", "This room is slow: one message in 60 s."));
    await bob.say("one");
    await bob.see("one", "#log .text");
    await bob.say("two");
    await bob.until(`${DRAFT} === "two"`);
    await bob.see("you can write again in", "#log");
    // He writes on before the answer comes.
    await bob.read(`(document.getElementById("composer").requestSubmit(), document.getElementById("draft").value = "three",
      void document.getElementById("draft").dispatchEvent(new Event("input")))`);
    await bob.see("Not sent: two", "#log");
    expect(await bob.read(DRAFT)).toBe("three");
    expect(await bob.texts("#queue li")).toEqual([]);
  });

  test("who is sent out is told when they may come back, and comes back by themselves", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { wire, set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await set("bob", "ban", "+4");
    for (const look of ["as it happens", "after a reload"]) {
      await bob.see("ms.lee sent you out. You can come back in", "#status");
      await bob.see("This page comes back by itself at", "#countdown");
      if (look === "as it happens") await bob.reload();
    }
    await bob.say("I am back");
    expect(await wire.next((frame) => frame.type === "message" && frame.from === "bob")).toMatchObject({
      text: "I am back",
    });
    await bob.until("document.getElementById('banner').className !== 'offline'");
    expect(bob.complaints).toEqual([]);
  });

  test("who is sent out without an end is signed out with the sentence, and reads it again at the form, as who cannot register does", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    const { set } = await teacher(chat);
    using bob = await enter(chat, "bob");
    await set("bob", "ban", "on");
    const sentence = "ms.lee sent you out. Ask a host to let you come in again.";
    await bob.see(sentence, "#sign-in-said");
    expect(await bob.read("sessionStorage.getItem('banter.account')")).toBeNull();
    await bob.read("void (document.getElementById('sign-in-said').textContent = '')");
    await bob.signIn("bob", PASSWORD);
    await bob.until(is("#sign-in-said", sentence));
    await set("bob", "ban", "+300");
    await bob.click("#sign-in .primary");
    await bob.until(is("#sign-in-said", "ms.lee sent you out. You can come back in 5 minutes."));
    await set("*", "accounts", "closed");
    await bob.click("#register");
    await bob.until(
      is("#sign-in-said", "No accounts can be made here now. Ask a host or whoever runs the server for one."),
    );
    expect(bob.complaints.filter((complaint) => !complaint.includes("status of 403"))).toEqual([]);
  });

  test.each(["while it is looked at", "while one is offline"])(
    "a room that one was taken out of goes, %s, and the lobby says why",
    async (when) => {
      await using chat = await startTestServer(["ms.lee*", "bob"]);
      const { wire, set } = await teacher(chat);
      await wire.join("#club");
      using bob = await enter(chat, "bob");
      await bob.say("/join club");
      await bob.until("document.title.includes('#club')");
      await set("#club", "door", "on");
      await bob.see("ms.lee closed the door of club", "#log");
      if (when === "while one is offline") await bob.unplug();
      await set("#club", "member", "off", { of: "bob" });
      if (when === "while one is offline") await bob.plug("Back online.");
      await bob.until("document.getElementById('title').textContent === '#lobby'");
      await bob.see(
        when === "while one is offline" ? "You are not in #club any more" : "ms.lee took you out of club.",
        "#log",
      );
      await bob.until("document.querySelectorAll('#rooms .name').length === 1");
      await bob.reload();
      await bob.until("document.title === '#lobby – Banter'");
      expect(bob.complaints).toEqual([]);
    },
  );

  test("the code of /host makes a host, and is kept nowhere, nor is any other command", async () => {
    await using chat = await startTestServer(["ms.lee"]);
    using lee = await enter(chat, "ms.lee");
    const kept = () =>
      lee.read<string>("sessionStorage.getItem('banter.drafts.ms.lee') + localStorage.getItem('banter.drafts.ms.lee')");
    await lee.click("#draft");
    await lee.type(`/hots ${chat.server.hostCode}`);
    expect(await kept()).not.toContain(chat.server.hostCode!.slice(0, 4));
    await lee.read(`void (document.getElementById("draft").value = "")`);
    await lee.type(`/host ${chat.server.hostCode}`);
    expect(await kept()).not.toContain(chat.server.hostCode!.slice(0, 4));
    await lee.press("Enter");
    await lee.see("You are a host. /help lists what hosts can do.", "#log");
    await lee.see("Rules", "#tools");
    await lee.say("/help");
    await lee.see("/mute NAME [TIME]", "#log");
    await lee.type("half a sentence");
    expect(await kept()).toContain("half a sentence");
  });
});
