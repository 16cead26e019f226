import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { PATIENCE, REPOSITORY, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const DRAFT = "document.getElementById('draft').value";
const FOCUS = "document.activeElement.id";
const TITLE = "document.getElementById('title').textContent";

describe.if(has(BROWSER))("the keys of the page", () => {
  test("? and a button list them; in a field it is a letter; the focus goes back where it was", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice");
    await alice.click("#draft");
    await alice.type("why?");
    expect(await alice.read(`${DRAFT} + (document.getElementById('keys')?.open ?? false)`)).toBe("why?false");
    await alice.read("document.getElementById('here').focus()");
    await alice.press("?");
    await alice.until("document.getElementById('keys')?.open");
    const keys = (await alice.texts("#keys kbd")).join(" ");
    expect(keys).toBe("Enter Shift+Enter ↑ @ # / Alt+↑ Alt+↓ Alt+A Esc any letter ?");
    expect(await alice.audit("#keys")).toEqual([]);
    await alice.press("x"); // its keys are its own
    await alice.press("ArrowUp", "Alt");
    await alice.press("Escape");
    await alice.until("!document.getElementById('keys')?.open");
    expect([await alice.read(FOCUS), await alice.read(DRAFT)]).toEqual(["here", "why?"]);
    await alice.click("#me");
    await alice.push("Keys", "#menu");
    await alice.until("document.getElementById('keys')?.open");
    await alice.push("Close", "#keys");
    await alice.until(`!document.getElementById('keys')?.open && ${FOCUS} === 'me'`);
    expect(alice.complaints).toEqual([]);
  });

  test("Alt+↑ and Alt+↓ go through the rooms one is in and people, and enter no room", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#art");
    using alice = await enter(chat, "alice");
    await alice.say("/join lab");
    await alice.until(`${TITLE} === "#lab"`);
    await alice.see("#art", "#rooms");
    await alice.see("bob", "#people");
    for (const name of ["bob", "#lobby", "#lab", "bob"]) {
      await alice.press("ArrowDown", "Alt");
      await alice.until(`${TITLE} === ${JSON.stringify(name)}`);
    }
    await alice.press("ArrowUp", "Alt");
    await alice.until(`${TITLE} === "#lab"`);
    await alice.say("still here"); // everything before it was answered by then
    await alice.see("still here", "#log");
    expect((await bob.ask({ type: "who", to: "#art" })).users).toEqual(["bob"]);
    expect(alice.complaints).toEqual([]);
  });

  test("a letter goes to the composer from wherever the focus is; space and Enter stay a button's", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.see("2 here", "#here");
    await alice.click("#draft");
    await alice.type("h");
    await alice.click("#here"); // a mouse leaves the focus where one writes
    await alice.see("Here – 2", "#panel");
    expect(await alice.read(FOCUS)).toBe("draft");
    await alice.press("Space");
    await alice.press("t");
    expect(await alice.read(DRAFT)).toBe("h t");
    for (const place of ["#rooms button", "#people button", "#scroll", "#me", "#log"]) {
      await alice.read(`document.querySelector(${JSON.stringify(place)}).focus()`);
      await alice.press("i");
      expect([place, await alice.read(FOCUS)]).toEqual([place, "draft"]);
    }
    expect(await alice.read(DRAFT)).toBe("h tiiiii");
    await alice.read("document.getElementById('words').focus()");
    await alice.type("in a field");
    expect(await alice.read("document.getElementById('words').value")).toBe("in a field");
    await alice.read("document.querySelector('#people button').focus()");
    await alice.press("Space");
    await alice.until(`${TITLE} === "bob"`);
    expect(await alice.read(DRAFT)).toBe("");
    expect(alice.complaints).toEqual([]);
  });

  test("whoever leaves while something is not sent is asked, by the browser and before signing out", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice");
    await alice.say("sent");
    await alice.see("sent", "#log");
    await alice.until("document.querySelectorAll('#queue li').length === 0");
    await alice.reload();
    await alice.see("sent", "#log");
    expect(alice.asked).toBe(0);
    await alice.typeFirst();
    await alice.unplug();
    await alice.say("one");
    await alice.say("/exit"); // the same as the button
    await alice.see("1 message is not sent yet.", "#unsent");
    expect(await alice.read("document.activeElement.innerText")).toBe("Stay");
    expect(await alice.audit("#unsent")).toEqual([]);
    await alice.press("Enter");
    await alice.until("!document.getElementById('unsent').open");
    await alice.say("two");
    await alice.click("#me");
    await alice.push("Sign out", "#menu");
    await alice.see("2 messages are not sent yet.", "#unsent");
    await alice.plug("Back online.");
    await alice.see("Everything is sent.", "#unsent");
    await alice.push("Stay", "#unsent");
    expect(await alice.texts("#log .text")).toEqual(["sent", "one", "two"]);

    await alice.read("void dispatchEvent(new Event('offline'))");
    await alice.say("three");
    await alice.reload();
    await alice.see("three", "#log");
    expect(alice.asked).toBe(1);
    await alice.read("void dispatchEvent(new Event('offline'))");
    await alice.say("four");
    await alice.click("#me");
    await alice.push("Sign out", "#menu");
    await alice.push("Sign out", "#unsent");
    await alice.until("document.getElementById('door')?.hidden === false");
    expect(alice.asked).toBe(1); // once is enough
    expect(alice.complaints).toEqual([]);
  });

  test("a file that is dropped stays outside and says so; text goes into a field", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice");
    const drop = async (data: object, x: number, y: number) => {
      for (const type of ["dragEnter", "dragOver", "drop"])
        await alice.cdp("Input.dispatchDragEvent", { type, x, y, data: { items: [], dragOperationsMask: 1, ...data } });
    };
    await alice.read("void (window.kept = [], addEventListener('drop', (event) => kept.push(event.defaultPrevented)))");
    const files = [join(REPOSITORY, "package.json")];
    await drop({ files }, 600, 300);
    await alice.see("Files cannot be sent here.", "#log");
    await drop({ files }, 600, 760); // on the composer
    await alice.until("document.querySelectorAll('#log .note').length >= 2");
    const link = { items: [{ mimeType: "text/uri-list", data: "https://example.org/" }] };
    await drop(link, 600, 300); // would be opened
    await drop({ items: [{ mimeType: "text/plain", data: "dropped words" }] }, 600, 760);
    await alice.until(`${DRAFT} === "dropped words"`);
    expect(await alice.read("kept")).toEqual([true, true, true, false]); // a browser would show the file, or the link, instead
    expect(alice.complaints).toEqual([]);
  });

  test("on a phone the chat is as high as before when one zooms in", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice", { width: 390, height: 844, phone: true });
    const resized = alice.read(
      "new Promise((done) => visualViewport.addEventListener('resize', () => done(visualViewport.scale), { once: true }))",
    );
    await alice.cdp("Emulation.setPageScaleFactor", { pageScaleFactor: 2 });
    expect(await resized).toBe(2);
    expect(await alice.read("visualViewport.height")).toBe(422);
    expect(await alice.read("document.getElementById('chat').offsetHeight")).toBe(844);
  });
});
