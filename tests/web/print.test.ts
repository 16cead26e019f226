import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Screen } from "../kit/screen.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

/** How many pages the printer gets. */
async function pages(screen: Screen): Promise<number> {
  const { data } = await screen.cdp<{ data: string }>("Page.printToPDF");
  return Buffer.from(data, "base64")
    .toString("latin1")
    .match(/\/Type \/Page\b/g)!.length;
}

describe.if(has(BROWSER))("the page on paper", () => {
  test("is the title, the days and every message that is loaded, uncut and black on white, and nothing else", async () => {
    await using chat = await startTestServer(["ms.lee*", "alice", "bob"]);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await (await chat.signedIn("alice", "#lobby")).say("#lobby", "mine");
    const code = Array.from({ length: 60 }, (_, n) => `code(${n}); // ${"and so on ".repeat(4)}${"x".repeat(n)}`);
    await lee.say(
      "#lobby",
      ...Array.from({ length: 40 }, (_, n) => `line ${n + 1}`),
      `\`\`\`\n${code.join("\n")}\n\`\`\``,
    );
    await lee.ask({ type: "set", to: "*", key: "announce", value: "open page 12" });
    await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "on" });
    for (const shape of [{ dark: true }, { width: 390, height: 844, phone: true }]) {
      using alice = await enter(chat, "alice", shape);
      await alice.see("locked lobby", "#log");
      await alice.say("/search line");
      await alice.see("40 messages", "#found");
      expect(await pages(alice)).toBeWithin(3, 12); // one screen would be one page
      await alice.cdp("Emulation.setEmulatedMedia", {
        media: "print",
        features: [{ name: "prefers-color-scheme", value: shape.dark === true ? "dark" : "light" }],
      });
      // What is seen with words of its own, by where it stands.
      const seen = `[...new Set(Array.from(document.querySelectorAll("body *")).filter((one) => one.checkVisibility()
        && one.getBoundingClientRect().width > 1 && Array.from(one.childNodes).some((child) => child.nodeType === 3 && child.data.trim() !== ""))
        .map((one) => one.closest("#title, #log")?.id ?? one.outerHTML))]`;
      expect(await alice.read(seen)).toEqual(["title", "log"]);
      expect(
        await alice.read(
          "Array.from(document.querySelectorAll('button, textarea, input')).some((one) => one.checkVisibility())",
        ),
      ).toBe(false);
      const cut = `Array.from(document.querySelectorAll("html, body, #chat, #main, #scroll, #log, pre"))
        .filter((one) => one.scrollHeight > one.clientHeight + 1 && one.clientHeight > 0 && one !== document.documentElement).map((one) => one.outerHTML)`;
      expect(await alice.read(cut)).toEqual([]);
      expect(await alice.read("document.documentElement.scrollHeight > 1_800")).toBe(true);
      const colours = `["#title", ".from", ".text", ".avatar", "pre"].map((one) => getComputedStyle(document.querySelector(one)).color)`;
      expect(new Set(await alice.read<string[]>(colours))).toEqual(new Set(["rgb(0, 0, 0)"]));
      expect(await alice.read("getComputedStyle(document.documentElement).backgroundColor")).toBe("rgb(255, 255, 255)");
      expect(await alice.read("getComputedStyle(document.querySelector('.avatar')).backgroundColor")).toBe(
        "rgba(0, 0, 0, 0)",
      );
      expect(await alice.read("getComputedStyle(document.querySelector('.mine')).backgroundColor")).toStartWith(
        "color(srgb 1 1 1",
      );
      expect(alice.complaints).toEqual([]);
    }
  });
});
