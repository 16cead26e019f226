import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { MAX_MESSAGE_LENGTH } from "../../protocol.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Screen } from "../kit/screen.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const DRAFT = "document.getElementById('draft').value";
const FOCUS = "document.activeElement.id";
/** What the list offers, and after "→" what one has moved to. */
async function offered(screen: Screen): Promise<string> {
  const all = await screen.texts("#suggestions [role=option] b");
  const chosen = await screen.texts("#suggestions [aria-selected=true] b");
  expect(await screen.read("document.getElementById('suggestions').hidden")).toBe(all.length === 0);
  return [all.join(" "), ...chosen].join(" → ");
}
/** Writes this in place of what stands in the composer. */
async function write(screen: Screen, text: string): Promise<void> {
  await screen.read("document.getElementById('draft').select()");
  await screen.type(text);
}
function tap(screen: Screen, { x, y }: { x: number; y: number }): Promise<unknown> {
  const touch = (type: string, touchPoints: object[]) => screen.cdp("Input.dispatchTouchEvent", { type, touchPoints });
  return touch("touchStart", [{ x, y }]).then(() => touch("touchEnd", []));
}

describe.if(has(BROWSER))("the composer", () => {
  test("a half-typed name becomes whole by Tab; Enter sends what stands there unless one has moved into the list", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol", "bert", "zoe"]);
    const [bob, , bert] = [
      await chat.signedIn("bob", "#lobby"),
      await chat.signedIn("carol"),
      await chat.signedIn("bert", "#lobby"),
    ];
    await bert.say("#lobby", "first");
    await bob.say("#lobby", "last");
    await bob.say("alice", "psst");
    using alice = await enter(chat, "alice");
    await alice.typeFirst();
    await alice.see("last", "#log");
    await alice.see("carol", "#people");
    await alice.click("#draft");
    await alice.type("mail a@b, then @");
    expect(await offered(alice)).toBe("@bob @bert @carol"); // who spoke here last, who is here; not oneself, not who is away
    await alice.type("be");
    expect(await offered(alice)).toBe("@bert");
    await alice.press("Tab");
    expect(await alice.read(DRAFT)).toBe("mail a@b, then @bert ");
    expect(await offered(alice)).toBe("");
    await alice.type("@B"); // what stands behind the cursor stays
    await alice.read("document.getElementById('draft').setRangeText(' and all', 23, 23, 'start')");
    await alice.press("Tab");
    await alice.type("hi");
    expect(await alice.read(DRAFT)).toBe("mail a@b, then @bert @bob hiand all");

    await write(alice, "@b");
    expect(await offered(alice)).toBe("@bob @bert");
    await alice.press("Enter");
    expect(await bob.next("message")).toMatchObject({ text: "@b" });
    expect(await offered(alice)).toBe("");
    await alice.type("@b");
    await alice.press("ArrowDown");
    await alice.press("ArrowDown");
    expect(await offered(alice)).toBe("@bob @bert → @bert");
    expect(await alice.read("document.querySelector('[aria-selected=true]').id")).toBe(
      await alice.read("document.getElementById('draft').getAttribute('aria-activedescendant')"),
    );
    expect(await alice.texts("#suggested")).toEqual(["2 suggestions: the arrow keys choose, Tab takes the first"]);
    await alice.press("Enter");
    expect(await alice.read(DRAFT)).toBe("@bert ");
    await alice.press("Enter");
    expect(await bob.next("message")).toMatchObject({ text: "@bert " });

    await alice.say("/search last");
    await alice.see("1 message", "#found");
    await alice.type("@b");
    await alice.press("ArrowUp");
    expect(await offered(alice)).toBe("@bob @bert → @bert");
    await alice.press("Escape"); // closes the list and nothing else
    expect(await offered(alice)).toBe("");
    expect(await alice.read(`document.getElementById("found").hidden + ${DRAFT}`)).toBe("false@b");
    await alice.press("Tab"); // as everywhere
    expect(await alice.read("document.activeElement.innerText")).toBe("Send");
    await alice.click("#draft");
    await alice.press("End");
    await alice.type("o");
    expect(await offered(alice)).toBe("@bob");
    await alice.type("b"); // nothing to choose any more
    expect(await offered(alice)).toBe("");
    await write(alice, "/msg ");
    expect(await offered(alice)).toBe("bob bert carol");
    await alice.press("Escape");
    await write(alice, "/w");
    await alice.press("Tab");
    expect(await alice.read(DRAFT)).toBe("/who ");
    await alice.press("Enter"); // of everybody, whatever rooms are offered
    await alice.see("Here: bob, carol, bert, alice", "#log");
    expect(alice.complaints).toEqual([]);
  });

  test("rooms one is in come first, a command says what it does, and hosts are offered theirs", async () => {
    await using chat = await startTestServer(["ms.lee*", "alice", "bob"]);
    await chat.signedIn("bob", "#art");
    using alice = await enter(chat, "alice");
    await alice.typeFirst();
    using lee = await enter(chat, "ms.lee");
    await lee.typeFirst();
    await alice.say("/join lab");
    await alice.see("#lab", "#title");
    await alice.see("#art", "#rooms");
    await alice.type("see #");
    expect(await offered(alice)).toBe("#lobby #lab #art");
    await write(alice, "/jo");
    expect(await alice.texts("#suggestions [role=option]")).toEqual([
      expect.stringMatching(/^\/join\s+ROOM\s+enter a room, new or old, and talk there$/),
    ]);
    await alice.press("Tab");
    expect(await offered(alice)).toBe("lobby lab art"); // what it takes is offered at once
    await alice.press("ArrowUp");
    await alice.press("Tab");
    expect(await alice.read(DRAFT)).toBe("/join art ");
    await alice.press("Enter");
    await alice.see("#art", "#title");

    for (const screen of [alice, lee]) await write(screen, "/lo");
    expect(await offered(alice)).toBe("");
    expect(await offered(lee)).toBe("/lock");
    await write(lee, "/");
    const list = "document.getElementById('suggestions')";
    expect(await lee.read(`${list}.clientHeight < 8.5 * ${list}.firstElementChild.offsetHeight`)).toBe(true);
    await lee.press("ArrowUp");
    const box = `${list}.lastElementChild.getBoundingClientRect().bottom <= ${list}.getBoundingClientRect().bottom`;
    expect(await lee.read(box)).toBe(true); // what one has moved to is in sight
    expect(await lee.audit("#main")).toEqual([]);
    expect([...alice.complaints, ...lee.complaints]).toEqual([]);
  });

  test("on a phone a tap takes a choice, the keyboard stays, and some of the log is always in sight", async () => {
    const people = Array.from({ length: 12 }, (_, n) => `pupil${n}`);
    await using chat = await startTestServer(["alice", "bob", ...people]);
    for (const name of people) await chat.signedIn(name, "#lobby");
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice", { width: 360, height: 740, phone: true, dark: true });
    await alice.typeFirst();
    await alice.see("14 here", "#here");
    const shape = { width: 360, height: 380, deviceScaleFactor: 1, mobile: true };
    await alice.cdp("Emulation.setDeviceMetricsOverride", shape); // a keyboard opens
    await alice.click("#draft");
    await alice.read(
      "void (window.lost = 0, document.getElementById('draft').addEventListener('blur', () => { lost++ }))",
    );
    await alice.cdp("Input.imeSetComposition", { text: "@pup", selectionStart: 4, selectionEnd: 4 }); // so does a phone type
    await alice.until("document.querySelectorAll('#suggestions [role=option]').length === 12");
    const rect = (id: string) => `document.getElementById("${id}").getBoundingClientRect()`;
    expect(await alice.read(`${rect("suggestions")}.top - ${rect("scroll")}.top > 80`)).toBe(true);
    expect(await alice.read(`${rect("suggestions")}.bottom <= ${rect("draft")}.top`)).toBe(true);
    const low =
      "Array.from(document.querySelectorAll('#suggestions > *'), (one) => one.offsetHeight).some((height) => height < 40)";
    expect(await alice.read(low)).toBe(false);
    expect(await alice.audit("#main")).toEqual([]);
    await tap(
      alice,
      await alice.read(
        `(({ x, y, height }) => ({ x: x + 90, y: y + height / 2 }))(document.querySelectorAll("#suggestions > *")[1].getBoundingClientRect())`,
      ),
    );
    await alice.until("document.getElementById('suggestions').hidden");
    expect(await alice.read(DRAFT)).toBe("@pupil1 ");
    expect(await alice.read("parseFloat(getComputedStyle(document.getElementById('draft')).fontSize)")).toBe(16);
    await alice.type("hello");
    await alice.click("#composer .primary");
    expect(await bob.next("message")).toMatchObject({ text: "@pupil1 hello" });
    expect([await alice.read(FOCUS), await alice.read("lost")]).toEqual(["draft", 0]);
    expect(alice.complaints).toEqual([]);
  });

  test("↑ in an empty composer brings back what was sent in this thread, commands too, and no secret", async () => {
    await using chat = await startTestServer(["ms.lee*", "alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.typeFirst();
    await alice.click("#draft");
    await alice.press("ArrowUp");
    expect(await alice.read(DRAFT)).toBe("");
    await alice.say("one\ntwo");
    await alice.say("/who");
    await alice.say("/host 4821-9037");
    await alice.see("host", "#log");
    const steps: [string, string][] = [
      ["ArrowUp", "/who"],
      ["ArrowUp", "one\ntwo"],
      ["ArrowUp", "one\ntwo"],
      ["ArrowDown", "/who"],
      ["ArrowDown", ""],
      ["ArrowUp", "/who"],
      ["Escape", ""],
    ];
    for (const [key, text] of steps) {
      await alice.press(key);
      expect([key, await alice.read(DRAFT)]).toEqual([key, text]);
    }
    await alice.press("ArrowUp");
    await alice.press("ArrowUp");
    await alice.type("!"); // it is a draft now, and ↑ is the cursor's
    await alice.press("ArrowUp");
    await alice.type("?");
    expect(await alice.read(DRAFT)).toBe("one?\ntwo!");
    await alice.press("Enter");
    expect(await bob.next("message")).toMatchObject({ text: "one\ntwo" });
    expect(await bob.next("message")).toMatchObject({ text: "one?\ntwo!" });

    await alice.open("bob");
    await alice.type("a draft for bob");
    await alice.open("#lobby");
    await alice.say("/msg bob"); // opens what was written with bob, where the draft still stands
    await alice.see("bob", "#title");
    expect(await alice.read(DRAFT)).toBe("a draft for bob");
    await write(alice, "x");
    await alice.press("Backspace");
    await alice.press("ArrowUp");
    expect(await alice.read(DRAFT)).toBe(""); // nothing was sent here
    await alice.open("#lobby");
    await alice.press("ArrowUp");
    expect(await alice.read(DRAFT)).toBe("/msg bob");
    expect(alice.complaints).toEqual([]);
  });

  test("the Enter that ends a word of an IME sends nothing, and the counter has its own place", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.typeFirst();
    await alice.click("#draft");
    await alice.type("日本");
    const enter229 = { type: "rawKeyDown", key: "Enter", code: "Enter", windowsVirtualKeyCode: 229 }; // as in Safari
    await alice.cdp("Input.dispatchKeyEvent", enter229);
    await alice.type("語");
    await alice.press("Enter");
    expect(await bob.next("message")).toMatchObject({ text: "日本語" });
    await alice.type("x".repeat(MAX_MESSAGE_LENGTH - 10));
    expect(await alice.texts("#count")).toEqual(["10 left"]);
    await alice.type("y".repeat(11));
    expect(await alice.texts("#count.over")).toEqual(["1 too many"]);
    const rects = "['draft', 'count'].map((id) => document.getElementById(id).getBoundingClientRect())";
    expect(await alice.read(`(([draft, count]) => count.bottom <= draft.top && count.height > 10)(${rects})`)).toBe(
      true,
    );
    expect(await alice.audit("#composer")).toEqual([]);
    await alice.press("Enter");
    await alice.see("Nothing was sent.", "#log");
    expect(alice.complaints).toEqual([]);
  });
});
