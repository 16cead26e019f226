import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TestServer, Wire } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, n) => `line ${first + n}`);
/** Bob has said so many lines in a room, of which Alice has read some. */
async function fill(chat: TestServer, room: string, count: number, read: number): Promise<Wire> {
  const bob = await chat.signedIn("bob", room);
  const alice = await chat.signedIn("alice", room);
  await bob.say(room, ...numbered(1, count));
  await alice.ask({ type: "seen", to: room, seq: read });
  alice.reset();
  return bob;
}
const drawn = (count: number) => `document.querySelectorAll("#log .text").length === ${count}`;
/** How many rows of messages were made since it was asked for last. */
const MADE = `(() => {
  const count = (records) => records.flatMap(({ addedNodes }) => [...addedNodes]).flatMap((node) => node.nodeType !== 1 ? [] :
    node.matches(".message, .note") ? [node] : [...node.querySelectorAll(".message, .note")]).length;
  if (window.maker === undefined) {
    window.made = 0;
    window.maker = new MutationObserver((records) => (made += count(records)));
    maker.observe(document.getElementById("log"), { subtree: true, childList: true });
  }
  const all = made + count(maker.takeRecords());
  made = 0;
  return all;
})()`;
/** Where a line is on the screen, in px. */
const place = (text: string) =>
  `Array.from(document.querySelectorAll("#log .text")).find((one) => one.textContent === "${text}").getBoundingClientRect().top`;
const scrollTo = (top: string) => `void (document.getElementById("scroll").scrollTop = ${top})`;

describe.if(has(BROWSER))("a long log", () => {
  test("is scrolled back a page at a time: only that page is drawn, what one reads stays where it is, and all is one list", async () => {
    await using chat = await startTestServer(["ms.lee*", "alice", "bob"]);
    const bob = await fill(chat, "#lobby", 2_300, 400);
    await (await chat.signedIn("alice", "#lobby")).say("#lobby", "mine");
    using alice = await enter(chat, "alice");
    await alice.until(drawn(2_001)); // the unread ones, and some before
    await alice.read(MADE);
    await alice.read(scrollTo("500"));
    const before = await alice.read<number>(place("line 320"));
    await alice.until(drawn(2_101));
    expect(await alice.read(MADE)).toBeWithin(100, 103); // and the row that was the first one
    expect(Math.abs((await alice.read<number>(place("line 320"))) - before)).toBeLessThan(1);

    await alice.unplug(); // other things that happen draw nothing anew either
    await bob.say("#lobby", "missed");
    await alice.plug("Back online.");
    await alice.until(drawn(2_102));
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await alice.until("document.querySelectorAll('#log .tool').length === 1");
    await lee.ask({ type: "set", to: "*", key: "removing", value: "off" });
    await alice.until("document.querySelector('#log .tool') === null");
    expect(await alice.read(MADE)).toBeLessThan(12);

    for (const count of [2_202, 2_302]) {
      await alice.read(scrollTo("0"));
      await alice.until(drawn(count));
    }
    expect((await alice.texts("#log .message:not(.together) .text"))[0]).toBe("line 1");
    const days = await alice.texts("#log .day:not(.fresh)");
    expect(new Set(days).size).toBe(days.length);
    const texts = "Array.from(document.querySelectorAll('#log .message .text'), (one) => one.textContent).join()";
    expect(await alice.read(texts)).toBe([...numbered(1, 2_300), "mine", "missed"].join());
    const names = "document.querySelectorAll('#log .message:not(.together)').length";
    expect(await alice.read(names)).toBeWithin(4, 6); // his first line, the first new one, hers, his again, and a new day's
    expect(alice.complaints).toEqual([]);
  });

  test("is found and printed whole, although the browser leaves out what is far from the screen", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await fill(chat, "#lobby", 500, 1);
    using alice = await enter(chat, "alice");
    await alice.until(drawn(500));
    await alice.read("void document.getElementById('jump').click()");
    await alice.until("document.querySelectorAll('#log .settled').length > 1");
    /** Waits until a line is left out, or is not, as the browser decides once a frame. */
    const leftOut = (text: string, isOut: boolean) =>
      alice.read(`new Promise((done) => requestAnimationFrame(function look() {
        const line = Array.from(document.querySelectorAll("#log .text")).find((one) => one.textContent === "${text}");
        if (line.checkVisibility({ contentVisibilityAuto: true }) !== ${isOut}) done(true); else requestAnimationFrame(look);
      }))`);
    await leftOut("line 2", true);
    await alice.cdp("Emulation.setEmulatedMedia", { media: "print" });
    await leftOut("line 2", false);
    await alice.cdp("Emulation.setEmulatedMedia", { media: "" });
    expect(await alice.read("window.find('line 77', true, false, true)")).toBe(true);
    expect(await alice.read("getSelection().toString()")).toBe("line 77");
  });

  test.each([{}, { width: 390, height: 844, phone: true }])(
    "with more than a screen unread is opened with the heading where it was (%o)",
    async (shape) => {
      await using chat = await startTestServer(["alice", "bob"]);
      const bob = await fill(chat, "#lab", 1, 1);
      using alice = await enter(chat, "alice", shape);
      await alice.until("document.getElementById('people').textContent.includes('bob')"); // all has come
      await bob.say("#lab", ...numbered(2, 80));
      await alice.open("#lab");
      await alice.until("document.querySelector('#log .fresh') !== null");
      const where = `[document.scrollingElement.scrollTop, document.querySelector("#main > header").getBoundingClientRect().top,
        document.getElementById("composer").getBoundingClientRect().bottom]`;
      expect(await alice.read(where)).toEqual([0, 0, shape.height ?? 800]);
      await alice.read("document.getElementById('jump').click()");
      await alice.until("document.title === '#lab – Banter'");
      expect(await alice.read(where)).toEqual([0, 0, shape.height ?? 800]);
    },
  );

  test("names its days anew when another one begins, and when the page wakes up", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const { at } = await bob.ask({ type: "say", to: "#lobby", text: "hello" });
    using alice = await Screen.open("about:blank");
    // The page's clock says noon of that day, and goes ahead by a day when the test says so, and what waits for more than a minute waits for that.
    const source = `window.ahead = new Date(${at}).setHours(12, 0, 0, 0) - Date.now(); window.late = []; const { now } = Date, { setTimeout } = window;
      Date = class extends Date { constructor(...when) { when.length > 0 ? super(...when) : super(Date.now()); } static now() { return now() + ahead; } };
      window.setTimeout = (work, wait, ...rest) => wait > 60_000 ? late.push({ work, at: Date.now() + wait }) : setTimeout(work, wait, ...rest);
      window.goOn = (isAwake) => { ahead += 86_400_000; const due = isAwake ? late.filter(({ at }) => at <= Date.now()) : []; late = late.filter((one) => !due.includes(one)); for (const { work } of due) work(); }`;
    await alice.cdp("Page.addScriptToEvaluateOnNewDocument", { source: `{ ${source} }` });
    await alice.cdp("Page.navigate", { url: `http://localhost:${chat.webPort}/` });
    await alice.until("document.getElementById('name')");
    await alice.signIn("alice", PASSWORD);
    await alice.see("Today", "#log .day");
    await alice.read("goOn(true)"); // the timer of midnight
    const yesterday = await alice.read<string>(
      "new Date(Date.now() - 86_400_000).toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })",
    );
    await alice.see(yesterday, "#log .day");
    await alice.read("ahead -= 86_400_000, dispatchEvent(new Event('online')), 0"); // a clock may be set
    await alice.see("Today", "#log .day");
    await alice.read("goOn(false)"); // asleep: no timer comes
    await alice.read("dispatchEvent(new Event('online')), 0");
    await alice.see(yesterday, "#log .day");
    expect(alice.complaints).toEqual([]);
  });
});
