import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const PHONE = { width: 390, height: 844, phone: true };
const FOCUS = "document.activeElement.id || document.activeElement.innerText";
/** Presses and releases the mouse, or a finger, at a place. */
async function tap(screen: Screen, x: number, y: number): Promise<void> {
  for (const type of ["mousePressed", "mouseReleased"])
    await screen.cdp("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
}
/** Finds, in the page, the contrast of two colours, however they are written; the second may let the paper through. */
const CONTRAST = `(one, other) => {
  const draw = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    for (const fill of [getComputedStyle(document.documentElement).backgroundColor, colour]) {
      draw.fillStyle = fill;
      draw.fillRect(0, 0, 1, 1);
    }
    const [red, green, blue] = [...draw.getImageData(0, 0, 1, 1).data].map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05;
  };
  const lights = [light(one), light(other)];
  return Math.max(...lights) / Math.min(...lights);
}`;

describe.if(has(BROWSER))("the look", () => {
  test("follows the size of letters that the reader has chosen, and no line is too long to read", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", "a long line ".repeat(60));
    using alice = await enter(chat, "alice", { width: 1900 });
    await alice.see("a long line", "#log");
    const sizes = () =>
      alice.read<Record<string, number>>(
        `Object.fromEntries(["#log .text", "#log .from", "#log time", "#title", "#here", ".entry", "#draft"].map((one) => [one, parseFloat(getComputedStyle(document.querySelector(one)).fontSize)]))`,
      );
    const usual = await sizes();
    const line = "document.querySelector('#log .text').getBoundingClientRect().width";
    const wide = await alice.read<number>(line);
    expect(wide).toBeWithin(500, 900); // of 1,600 px beside the lists
    await alice.cdp("Page.setFontSizes", { fontSizes: { standard: 20 } });
    await alice.until(`(${line}) !== ${wide}`);
    expect(await sizes()).toEqual(Object.fromEntries(Object.entries(usual).map(([one, size]) => [one, size * 1.25])));
    expect(await alice.read("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
  });

  for (const dark of [false, true])
    test(`has sixteen colours for names, and enough contrast everywhere, ${dark ? "dark" : "light"}`, async () => {
      await using chat = await startTestServer(["alice", "bob"]);
      const bob = await chat.signedIn("bob", "#lobby");
      await bob.say("#lobby", "hello", "@alice, mail@alice.example and alice: hello");
      using alice = await enter(chat, "alice", { dark });
      await alice.see("and alice: hello", "#log");
      await alice.say("hello bob");
      await alice.see("hello bob", "#log");
      expect(await alice.texts("#log mark")).toEqual(["@alice", "alice"]); // the address calls nobody
      const names = await alice.read<[colour: string, contrasts: number[]][]>(`(() => {
        const contrast = ${CONTRAST};
        const from = document.querySelector("#log .from");
        const rows = [".message", ".mention", ".mine"].map((row) => getComputedStyle(document.querySelector("#log " + row)).backgroundColor);
        return Array.from({ length: 16 }, (_, n) => {
          from.className = "from c" + n;
          const { color } = getComputedStyle(from);
          return [color, rows.map((row) => contrast(color, row))];
        });
      })()`);
      expect(new Set(names.map(([colour]) => colour)).size).toBe(16);
      expect(Math.min(...names.flatMap(([, contrasts]) => contrasts))).toBeGreaterThanOrEqual(4.5);
      expect(
        await alice.read(
          "new Set(Array.from(document.querySelectorAll('#log .message'), (row) => getComputedStyle(row).backgroundColor)).size",
        ),
      ).toBe(3);
      const borders = await alice.read<number[]>(`(() => {
        const contrast = ${CONTRAST};
        document.getElementById("join").hidden = false;
        return ["#draft", "#words", "#room", "#join button"].map((one) => getComputedStyle(document.querySelector(one))).map(({ borderTopColor, backgroundColor }) => contrast(borderTopColor, backgroundColor));
      })()`);
      expect(Math.min(...borders)).toBeGreaterThanOrEqual(3);
      // Where the device forces its colours, what is told by a background keeps its shape.
      await alice.cdp("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
      const shapes = `["#log .avatar", "#people .avatar", "#rooms [aria-current]"].map((one) => getComputedStyle(document.querySelector(one))).filter((style) => style.borderTopWidth === "0px" && style.outlineStyle === "none").length`;
      expect(await alice.read(shapes)).toBe(0);
    });

  test("the keyboard comes from the lists to the message field in a few steps, however many people there are", async () => {
    const crowd = Array.from({ length: 30 }, (_, n) => `person-${n + 10}`);
    await using chat = await startTestServer(["alice", ...crowd]);
    await Promise.all(crowd.map((name) => chat.signedIn(name, "#lobby")));
    await chat.signedIn("person-10", "#tea");
    using alice = await enter(chat, "alice");
    await alice.see("person-39", "#people");
    await alice.see("#tea", "#more");
    await alice.read("document.activeElement.blur()");
    await alice.press("Tab");
    expect(await alice.read("document.activeElement.innerText")).toBe("To the message field");
    expect(await alice.read("document.activeElement.getBoundingClientRect().height > 20")).toBe(true); // it can be seen
    await alice.press("Enter");
    expect(await alice.read(FOCUS)).toBe("draft");
    await alice.read(`document.querySelector("#rooms .entry").focus()`);
    let steps = 0;
    for (; (await alice.read(FOCUS)) !== "draft" && steps < 40; steps++) await alice.press("Tab");
    expect(steps).toBeLessThanOrEqual(10); // + Room, other rooms, people, keys, sign out, who is here, search, messages

    await alice.read(`document.querySelector("#people .entry").focus()`);
    const name = "document.activeElement.querySelector('.name').innerText";
    await alice.press("ArrowDown");
    await alice.press("ArrowDown");
    expect(await alice.read(name)).toBe("person-12");
    await alice.press("Tab", "Shift");
    await alice.press("Tab");
    expect(await alice.read(name)).toBe("person-12"); // where one was
    await alice.press("End");
    await alice.press("ArrowDown");
    expect(await alice.read(name)).toBe("person-39");
    await alice.press("ArrowUp");
    await alice.press("Enter");
    await alice.until("document.title.startsWith('person-38')");
    await alice.until(`document.querySelectorAll("#people [tabindex='0']").length === 1`);
  });

  test("a room is named in a field that comes when it is wanted; what is empty says so, and how to go on", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    using alice = await Screen.open(`http://teacher-pc:${chat.webPort}/`);
    await alice.signIn("alice", PASSWORD);
    await alice.until("document.getElementById('nobody').checkVisibility()");
    expect(await alice.texts("#side h2:not([hidden])")).toEqual(["Rooms", "People"]);
    await alice.push("+ Room", "#rooms");
    expect(await alice.read(FOCUS)).toBe("room");
    await alice.press("Escape");
    await alice.until("document.getElementById('join').hidden");
    expect(await alice.read(FOCUS)).toBe("room-open");
    await alice.press("Enter");
    await alice.type("tea");
    await alice.press("Enter");
    await alice.until("document.title.startsWith('#tea')");
    await alice.see("This is the start of #tea.", "#log");
    await alice.see(`give them http://teacher-pc:${chat.webPort}`, "#log");
    expect(await alice.texts("#log kbd")).toEqual(["Enter", "Shift", "Enter", "/help"]);
    await alice.say("anybody?");
    await alice.see("anybody?", "#log");
    expect(await alice.texts("#log .welcome")).toEqual([]);

    const bob = await chat.signedIn("bob", "#lobby");
    await bob.ask({ type: "join", to: "#cake" });
    await alice.open("bob");
    await alice.see("Only you and bob read this.", "#log .welcome");
    expect(await alice.read("document.querySelector('.welcome .avatar').clientWidth >= 60")).toBe(true);
    await alice.until("document.getElementById('nobody').hidden");
    using local = await enter(chat, "alice");
    await local.see("#cake", "#more");
    expect(await local.texts("#side h2:not([hidden])")).toEqual(["Rooms", "More rooms", "People"]);
    await local.open("#cake");
    await local.see("To let others in, show them how to join.", "#log"); // its address is of use to nobody else
    expect(alice.complaints).toEqual([]);
  });

  test("on a phone a tap beside the lists, or Back, closes them, and the page is never left", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", "hello");
    using alice = await enter(chat, "alice", PHONE);
    await alice.see("hello", "#log");
    const isOpen = "document.getElementById('side').classList.contains('open')";
    const isShut = `!${isOpen} && !document.getElementById("main").inert && document.getElementById("scrim").hidden`;
    const entries = await alice.read<number>("history.length");
    for (const close of [
      () => tap(alice, 380, 400),
      () => alice.read("void history.back()"), // what the Back button does
      () => alice.press("Escape"),
      () => alice.open("#lobby"),
    ]) {
      await alice.click("#side-open");
      await alice.until(`${isOpen} && document.getElementById("main").inert`);
      await close();
      await alice.until(isShut);
    }
    await alice.until("history.state === null");
    expect(await alice.read("history.length")).toBe(entries + 1);
    await alice.click("#side-open");
    await alice.cdp("Emulation.setDeviceMetricsOverride", {
      width: 844,
      height: 390,
      deviceScaleFactor: 1,
      mobile: true,
    });
    await alice.until(isShut); // turned, the lists are beside the chat

    await alice.cdp("Emulation.setDeviceMetricsOverride", { ...PHONE, deviceScaleFactor: 1, mobile: true });
    await alice.until("document.getElementById('search-open').checkVisibility()");
    expect(await alice.read("document.getElementById('words').checkVisibility()")).toBe(false);
    await alice.click("#search-open");
    await alice.until("document.activeElement.id === 'words'");
    await alice.type("hello");
    await alice.press("Enter");
    await alice.see("1 message with “hello”", "#found");
    expect(await alice.read("document.getElementById('here').checkVisibility()")).toBe(false);
    await alice.click("#search-open");
    await alice.until("document.getElementById('here').checkVisibility()");
    expect(alice.complaints).toEqual([]);
  });
});
