import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const PHONE = { width: 390, height: 844, phone: true };
const FIB = "def fib(n):\n\ta, b = 0, 1\n\n\twhile a < n:  \n\t\tprint(a)";
const LESSON = `look:\n\n\`\`\`python\n${FIB}\n\`\`\`\nand \`fib(10)\` ends`;

describe.if(has(BROWSER))("a text on the page", () => {
  test("code has letters of one width and scrolls by itself, with the keys too; in it are no links, calls and elements", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const rows = Array.from({ length: 60 }, (_, n) => `alice(${n}) <img src=x onerror=alert(1)> ${"x".repeat(300)}`);
    await bob.say(
      "#lobby",
      LESSON,
      `\`\`\`\n${rows.join("\n").slice(0, 3_900)}`,
      "`alice` and `https://example.org/a` stay",
    );
    await bob.say("#lobby", `\`\`\`\n${"short\n".repeat(60)}\`\`\``);
    for (const shape of [PHONE, { dark: true }]) {
      using alice = await enter(chat, "alice", shape);
      await alice.see("short", "#log");
      expect(await alice.texts("#log .mention")).toEqual([]);
      expect(await alice.texts("#log :is(a, img)")).toEqual([]);
      expect(await alice.texts("#log .code:first-of-type .tick + *")).toEqual([]);
      expect(await alice.read("document.querySelector('#log pre').textContent")).toBe(FIB);
      const mono =
        "Array.from(document.querySelectorAll('#log code'), (one) => getComputedStyle(one).fontFamily.includes('monospace'))";
      expect(await alice.read(mono)).toEqual([true, true, true, true, true, true]);
      expect(await alice.read("getComputedStyle(document.querySelector('#log pre')).tabSize")).toBe("4");
      const width = await alice.read<number>("innerWidth");
      expect(
        await alice.read(
          "document.getElementById('scroll').scrollWidth === document.getElementById('scroll').clientWidth",
        ),
      ).toBe(true);
      expect(
        await alice.read(
          `Math.max(...Array.from(document.querySelectorAll('#log .code'), (one) => one.getBoundingClientRect().right)) < ${width}`,
        ),
      ).toBe(true);
      expect(
        await alice.read("Math.round((document.querySelectorAll('#log pre')[2].offsetHeight / innerHeight) * 10)"),
      ).toBe(6);
      // The wide one can have the focus and is scrolled by the keys; one that fits needs no stop of the Tab key.
      expect(await alice.read("Array.from(document.querySelectorAll('#log pre'), (one) => one.tabIndex)")).toEqual([
        -1, 0, 0,
      ]);
      await alice.read("void (window.wide = document.querySelectorAll('#log pre')[1]).focus()");
      expect(await alice.read("[document.activeElement === wide, wide.ariaLabel]")).toEqual([true, "Code"]);
      await alice.press("ArrowRight");
      await alice.until("wide.scrollLeft > 0");
      if (has("axe-core")) expect(await alice.audit()).toEqual([]);
      expect(alice.complaints).toEqual([]);
    }
  });

  test("code is code wherever it stands: on its way, found by a search, removed and read by a host", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob"]);
    using bob = await enter(chat, "bob");
    using lee = await enter(chat, "ms.lee");
    await bob.unplug();
    await bob.say("a `b` c");
    await bob.until("document.querySelector('#queue .mine code')?.textContent === '`b`'");
    await bob.plug("Back online.");
    await lee.until("document.querySelector('#log code') !== null");
    await lee.say("/search b");
    await lee.until("document.querySelector('#found code mark')?.textContent === 'b'");
    await bob.say("/remove");
    await lee.see("removed by bob", "#log");
    expect(await lee.texts("#log code")).toEqual([]);
    await lee.push("Show", "#log");
    await lee.until("document.querySelector('#log .was code') !== null");
    expect([...bob.complaints, ...lee.complaints]).toEqual([]);
  });

  test("code is copied by its button, and what is selected as it was sent, also over plain http; a screen reader is told", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const texts = [LESSON, "second\n\nthird", "```\nx\n```", "`a` **b** https://example.org/_(c)"];
    await bob.say("#lobby", ...texts);
    using alice = await Screen.open(`http://teacher-pc:${chat.webPort}/`);
    await alice.signIn("alice", PASSWORD);
    await alice.see("**b**", "#log");
    expect(await alice.read("isSecureContext")).toBe(false);
    const pasted = async () => {
      await alice.read("void (document.getElementById('draft').value = '', document.getElementById('draft').focus())");
      await alice.cdp("Input.dispatchKeyEvent", { type: "rawKeyDown", commands: ["paste"] });
      await alice.until("document.getElementById('draft').value !== ''");
      return alice.read<string>("document.getElementById('draft').value");
    };
    await alice.push("Copy", "#log");
    await alice.see("Copied", "#log .copy");
    expect(await alice.texts("#told")).toEqual(["Copied"]);
    expect(await pasted()).toBe(FIB);
    const select = (what: string) =>
      alice.read(`void getSelection().selectAllChildren(${what}), document.execCommand("copy")`);
    for (const [i, text] of texts.entries()) {
      await select(`document.querySelectorAll("#log .text")[${i}]`);
      expect(await pasted()).toBe(text);
    }
    await select("document.getElementById('log')");
    expect(await pasted()).not.toMatch(/Copy|Copied/);
    expect(alice.complaints).toEqual([]);
  });

  test("a table of the page has letters of one width and fits a phone; links keep their brackets", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", "(see https://example.org/wiki/Recursion_(computer_science)), or http://[::1].");
    for (const shape of [PHONE, {}]) {
      using alice = await enter(chat, "alice", shape);
      await alice.say("/help");
      await alice.see("/history", "#log .table");
      const lines = await alice.read<string[]>(
        "Array.from(document.querySelectorAll('.table span'), (one) => one.textContent)",
      );
      expect(lines[1]).toMatch(/^\/reply TEXT {2,}answer/);
      expect(await alice.read("getComputedStyle(document.querySelector('.table')).fontFamily")).toContain("monospace");
      const right =
        "Math.max(...Array.from(document.querySelectorAll('.table span'), (one) => one.getBoundingClientRect().right)) <= innerWidth";
      expect(await alice.read(`${right} && document.getElementById("scroll").scrollWidth <= innerWidth`)).toBe(true);
      await alice.say("/nonsense");
      await alice.see("Unknown command", "#log p:not(.table)");
      const links =
        "Array.from(document.querySelectorAll('#log a'), ({ innerText, href, rel }) => [innerText, href, rel])";
      const rel = "noopener noreferrer nofollow";
      const page = "https://example.org/wiki/Recursion_(computer_science)";
      expect(await alice.read(links)).toEqual([
        [page, page, rel],
        ["http://[::1]", "http://[::1]/", rel],
      ]);
      expect(alice.complaints).toEqual([]);
    }
  });

  test("every time says its day to who points at it, and shows itself to who touches its message or has the focus in it", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", "one", "two", "```\nthree\n```");
    using alice = await enter(chat, "alice", PHONE);
    await alice.see("three", "#log");
    await alice.say("/search two");
    await alice.see("1 message", "#found");
    const titles = `Array.from(document.querySelectorAll("time"), ({ title, dateTime }) =>
      title === new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" }).format(new Date(dateTime)))`;
    expect(await alice.read(titles)).toEqual([true, true, true, true]);
    const seen = "Array.from(document.querySelectorAll('#log time'), (one) => getComputedStyle(one).opacity).join()";
    await alice.press("Escape");
    await alice.until(`${seen} === "1,0,0"`);
    await alice.click("#log .message:nth-of-type(3) .text");
    await alice.until(`${seen} === "1,1,0"`);
    await alice.read("document.querySelector('#log .copy').focus()");
    await alice.until(`${seen} === "1,1,1"`);
    await alice.say("mine");
    await alice.see("mine", "#log .mine");
    expect(alice.complaints).toEqual([]);
  });
});
