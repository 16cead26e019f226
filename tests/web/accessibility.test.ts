import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Wire } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Shape } from "../kit/screen.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const LOOKS: Record<string, Shape> = {
  "in light": {},
  "in dark": { dark: true },
  "on a phone": { width: 360, height: 740, phone: true },
};

describe.if(has(BROWSER))("the page", () => {
  test("on a phone everything fits, can be touched, and the lists lie over the chat", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    for (let n = 1; n <= 30; n++) await bob.ask({ type: "say", to: "#lobby", text: `line ${n}` });
    using alice = await enter(chat, "alice", { width: 360, height: 740, phone: true });
    await alice.see("line 30", "#log");
    const fits = "document.documentElement.scrollWidth <= 360 && document.getElementById('scroll').scrollWidth <= 360";
    expect(await alice.read(fits)).toBe(true);
    const small = `Array.from(document.querySelectorAll("button, input, textarea")).filter((one) => one.checkVisibility({ visibilityProperty: true }))
      .filter((one) => one.getBoundingClientRect().height < 40 || parseFloat(getComputedStyle(one).fontSize) < 14)
      .map((one) => one.id || one.innerText)`;
    expect(await alice.read(small)).toEqual([]);
    expect(await alice.read("parseFloat(getComputedStyle(document.getElementById('draft')).fontSize)")).toBe(16); // smaller ones make iOS zoom
    await alice.cdp("Emulation.setDeviceMetricsOverride", {
      width: 360,
      height: 380,
      deviceScaleFactor: 1,
      mobile: true,
    }); // a keyboard opens
    await alice.until("document.querySelector('#log li:last-child').getBoundingClientRect().bottom <= 330");
    expect(await alice.read("document.getElementById('draft').getBoundingClientRect().bottom <= 380")).toBe(true);
    await alice.click("#side-open");
    await alice.until("document.getElementById('main').inert && document.activeElement.id === 'side-close'");
    await alice.press("Escape");
    await alice.until("!document.getElementById('main').inert && document.activeElement.id === 'side-open'");
    expect(alice.complaints).toEqual([]);
  });

  for (const [looks, shape] of Object.entries(LOOKS))
    test.if(has("axe-core"))(`axe finds nothing to mend ${looks}, signed out and with everything open`, async () => {
      const speakers = ["bob", "frank", "walter", "carol", "erin", "kim", "nina", "dave"]; // of eight colours
      await using chat = await startTestServer(["alice", ...speakers]);
      const wires = await Promise.all(speakers.map((name) => chat.signedIn(name, "#lobby")));
      const say = (wire: Wire, text: string) => wire.ask({ type: "say", to: "#lobby", text });
      for (const wire of wires) await say(wire, "hello @alice, see https://example.org");
      using alice = await Screen.open(`http://localhost:${chat.webPort}/`, shape);
      expect(await alice.audit()).toEqual([]);
      await alice.click("#sign-in .primary");
      await alice.see("Type a name and a password first.", "#sign-in-said");
      expect(await alice.audit()).toEqual([]);
      await alice.signIn("alice", PASSWORD);
      await alice.see("9 here", "#here");
      await alice.until("new Set(Array.from(document.querySelectorAll('.from'), (one) => one.className)).size === 8");
      await alice.unplug();
      await say(wires[0]!, "missed");
      await alice.plug("Back online.");
      await alice.see("missed", ".fresh ~ *");
      expect(await alice.audit()).toEqual([]);
      await alice.click("#here");
      await alice.see("Here – 9", "#panel");
      expect(await alice.audit()).toEqual([]);
      await alice.click("#panel-close");
      for (const [empty, title] of Object.entries({ "/join tea": "#tea", "/query bob": "bob" })) {
        await alice.say(empty);
        await alice.see(title, "#log .welcome");
        await alice.click("#here");
        await alice.see(title, "#panel-title");
        expect(await alice.audit()).toEqual([]);
        await alice.click("#panel-close");
      }
      await alice.open("#lobby");
      if (shape.phone) await alice.click("#search-open");
      expect(await alice.audit()).toEqual([]);
      await alice.say("/search hello");
      await alice.see("8 messages", "#found");
      await alice.unplug();
      await alice.say("waiting");
      await alice.see("waiting", "#queue");
      await alice.read(`getComputedStyle(document.querySelector("#queue em")).visibility === "visible" ||
        new Promise((shown) => addEventListener("animationend", () => shown(true), { once: true }))`); // "waiting…" comes later
      expect(await alice.audit()).toEqual([]);
      const { nodes } = await alice.cdp<{ nodes: { role?: { value: string } }[] }>("Accessibility.getFullAXTree");
      const roles = ["log", "main", ...(shape.phone ? [] : ["navigation", "search"])]; // those two come when they are wanted
      expect(nodes.map(({ role }) => role?.value)).toEqual(expect.arrayContaining(roles));
      if (!shape.phone) return;
      await alice.click("#side-open");
      expect(await alice.audit()).toEqual([]);
    });

  for (const [looks, shape] of Object.entries(LOOKS))
    test.if(has("axe-core"))(
      `axe finds nothing to mend ${looks}, and nothing is cut off, in what hosts do and others see of it`,
      async () => {
        await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
        const zoe = await chat.signedIn("zoe", "#lobby");
        await zoe.say("#lobby", "an insult", "another one, bob");
        using bob = await enter(chat, "bob", shape);
        using lee = await enter(chat, "ms.lee", shape);
        const isWhole = async (screen: Screen) => {
          expect(await screen.audit()).toEqual([]);
          const wrong = `Array.from(document.querySelectorAll("#main button, #main p, dialog *")).filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.closest(".hidden") === null)
          .filter((one) => { const { left, right } = one.getBoundingClientRect(); return left < 0 || right > innerWidth || (one.tagName === "BUTTON" && one.scrollWidth > one.clientWidth); }).map((one) => one.outerHTML)`;
          expect(await screen.read(wrong)).toEqual([]);
          expect(await screen.read("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
          if (!shape.phone) return;
          const small = `Array.from(document.querySelectorAll("button, select")).filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.getBoundingClientRect().height < 40).map((one) => one.outerHTML)`;
          expect(await screen.read(small)).toEqual([]);
        };
        await lee.say("hello");
        await lee.say(`/announce open page 12 ${"of a long book ".repeat(30)}`);
        await lee.say(`/topic fractions ${"and decimals ".repeat(10)}`);
        await lee.say("/remove zoe");
        await lee.push("Lock 10 min", "#tools");
        for (const screen of [lee, bob]) {
          await screen.see("Only hosts can write here until", "#closed");
          await screen.see("removed by", "#log");
          await isWhole(screen);
        }
        await lee.push("Show", "#log");
        await lee.see("another one, bob", "#log .was");
        await lee.read("document.querySelector('#log .tool').focus()");
        await isWhole(lee);
        await lee.push("Rules", "#tools");
        await isWhole(lee);
        await lee.press("Escape");
        await lee.open("bob");
        await lee.push("Mute 10 min", "#tools");
        await lee.see("Unmute", "#tools");
        await bob.open("zoe");
        await bob.see("muted you until", "#closed");
        await isWhole(bob);
        await lee.push("Send out", "#tools");
        await isWhole(lee);
        await lee.push("For 5 minutes", "#send-out");
        await bob.see("This page comes back by itself at", "#banner");
        await lee.see("Let in", "#tools");
        for (const screen of [bob, lee]) await isWhole(screen);
        expect([...bob.complaints, ...lee.complaints]).toEqual([]);
        if (!shape.phone) return;
        await lee.click("#side-open");
        expect(await lee.audit("#side")).toEqual([]);
      },
    );
});
