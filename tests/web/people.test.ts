import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Screen } from "../kit/screen.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const shows = (list: "present" | "absent", ...names: string[]) =>
  `Array.from(document.querySelectorAll("#${list} .name"), (one) => one.innerText).join() === "${names.join()}"`;
const OPEN = "document.getElementById('panel').checkVisibility()";

describe.if(has(BROWSER))("the people of a room", () => {
  test("are listed beside the chat, who is here and who is away, as they come and go; a name opens the person", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol", "ms.lee*"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lab"), await chat.signedIn("carol", "#lab")];
    await bob.say("#lab", "hello");
    for (const wire of [bob, carol]) await wire.ask({ type: "seen", to: "#lab", seq: 1 });
    await chat.signedIn("ms.lee", "#lab");
    await carol.ask({ type: "exit" });
    using alice = await enter(chat, "alice");
    await alice.open("#lab");
    await alice.until("document.getElementById('here').textContent === '3 here'");
    expect(await alice.read(OPEN)).toBe(false);
    await alice.click("#here");
    await alice.until(shows("present", "alice", "bob", "ms.lee"));
    await alice.until(shows("absent", "carol"));
    expect(await alice.texts("#panel h3")).toEqual(["Here – 3", "Away – 1"]);
    expect(await alice.texts("#present .host")).toHaveLength(1);
    await chat.signedIn("carol", "#lab");
    await alice.until(`${shows("present", "alice", "bob", "carol", "ms.lee")} && ${shows("absent")}`);
    await bob.ask({ type: "exit" });
    await alice.until(`${shows("present", "alice", "carol", "ms.lee")} && ${shows("absent", "bob")}`);
    await alice.read(`void Array.from(document.querySelectorAll("#panel .entry")).at(-1).click()`);
    await alice.until("document.title.startsWith('bob')");
    await alice.until("document.getElementById('panel-title').innerText.endsWith('bob')");
    await alice.see("Away", "#panel");

    await alice.reload();
    await alice.until(`${OPEN} && document.title.startsWith('bob')`); // as it was
    await alice.open("#lab");
    await alice.until(shows("present", "alice", "carol", "ms.lee"));
    await alice.click("#leave");
    await alice.until("document.title.startsWith('#lobby')");
    await alice.until("document.getElementById('panel-title').innerText === '#lobby'");
    expect(await alice.read("document.getElementById('leave').hidden")).toBe(true);
    await alice.click("#here");
    await alice.until(`!(${OPEN})`);
    expect(alice.complaints).toEqual([]);
  });

  for (const [where, shape] of Object.entries({
    "a small window": { width: 1000, height: 700 },
    "a phone": { width: 390, height: 844, phone: true },
  }))
    test(`lie over the chat on ${where}, until Escape, Back or a click beside them`, async () => {
      await using chat = await startTestServer(["alice", "bob"]);
      await chat.signedIn("bob", "#lobby");
      using alice = await enter(chat, "alice", shape);
      const entries = await alice.read<number>("history.length");
      const beside = (screen: Screen) => screen.read("void document.elementFromPoint(40, 400).click()");
      for (const close of [
        () => alice.press("Escape"),
        () => alice.read("void history.back()"), // what the Back button does
        () => beside(alice),
        () => alice.click("#panel-close"),
      ]) {
        await alice.click("#here");
        await alice.until(
          `${OPEN} && document.getElementById("main").inert && document.activeElement.id === "panel-close"`,
        );
        await close();
        await alice.until(
          `!(${OPEN}) && !document.getElementById("main").inert && document.activeElement.id === "here"`,
        );
      }
      // Opened again before the browser has gone back: Back still closes it, and does not leave the page.
      await alice.read(`new Promise((done) => {
        addEventListener("popstate", () => done(true), { once: true });
        for (const one of ["here", "panel-close", "here"]) document.getElementById(one).click();
      })`);
      expect(await alice.read(OPEN)).toBe(true);
      await alice.read("void history.back()");
      await alice.until(`!(${OPEN})`);
      expect(await alice.read("history.length")).toBe(entries + 1);
      await alice.click("#here");
      await alice.until(shows("present", "alice", "bob"));
      await alice.read(`void document.querySelectorAll("#present .entry")[1].click()`);
      await alice.until(`document.title.startsWith("bob") && !(${OPEN})`);
      expect(alice.complaints).toEqual([]);
    });

  test("are the first hundred of many, and the others are found by a part of their name", async () => {
    const crowd = Array.from({ length: 140 }, (_, n) => `person-${n + 100}`);
    await using chat = await startTestServer(["alice", ...crowd]);
    await Promise.all(crowd.map((name) => chat.signedIn(name, "#lobby")));
    using alice = await enter(chat, "alice");
    await alice.see("141 here", "#here");
    await alice.click("#here");
    await alice.see("and 41 others", "#panel");
    expect(await alice.texts("#panel h3")).toEqual(["Here – 141", ""]);
    expect(await alice.read("document.querySelectorAll('#present li').length")).toBe(100);
    await alice.click("#panel-filter");
    await alice.type("23");
    await alice.until(shows("present", "person-123", "person-223", ...crowd.slice(130)));
    await alice.press("a", "Control");
    await alice.type("nobody");
    await alice.until(shows("present"));
    await alice.see("Here – 0", "#panel");
  });

  test("are told to hosts with who is muted", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    await chat.signedIn("bob", "#lobby");
    using lee = await enter(chat, "ms.lee");
    await lee.click("#here");
    await lee.until(shows("present", "bob", "ms.lee"));
    await lee.say("/mute bob 10m");
    await lee.see("muted", "#present");
    await lee.say("/unmute bob");
    await lee.until(`!document.getElementById("present").innerText.includes("muted")`);
    expect(lee.complaints).toEqual([]);
  });
});
