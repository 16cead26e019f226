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
      const speakers = ["bob", "frank", "walter", "carol", "erin", "kim", "nina", "dave"]; // one of each colour
      await using chat = await startTestServer(["alice", ...speakers]);
      const wires = await Promise.all(speakers.map((name) => chat.signedIn(name, "#lobby")));
      const say = (wire: Wire, text: string) => wire.ask({ type: "say", to: "#lobby", text });
      for (const wire of wires) await say(wire, "hello @alice, see https://example.org");
      using alice = await Screen.open(`http://localhost:${chat.webPort}/`, shape);
      expect(await alice.audit()).toEqual([]);
      await alice.signIn("alice", PASSWORD);
      await alice.see("9 here", "#here");
      await alice.until("new Set(Array.from(document.querySelectorAll('.from'), (one) => one.className)).size === 8");
      await alice.unplug();
      await say(wires[0]!, "missed");
      await alice.plug("Back online.");
      await alice.see("missed", ".fresh ~ *");
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
      const roles = ["log", "main", "search", ...(shape.phone ? [] : ["navigation"])];
      expect(nodes.map(({ role }) => role?.value)).toEqual(expect.arrayContaining(roles));
      if (!shape.phone) return;
      await alice.click("#side-open");
      expect(await alice.audit("#side")).toEqual([]);
    });
});
