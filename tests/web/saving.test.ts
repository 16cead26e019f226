import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const SAVED = "#saving-said a";

/** What the page has handed to the browser to be saved. */
function saved(screen: Screen): Promise<string> {
  return screen.read("window.handedOver.text()");
}
async function enterSaving(chat: { webPort: number }, host = "localhost"): Promise<Screen> {
  const screen = await Screen.open(`http://${host}:${chat.webPort}/`);
  await screen.signIn("alice", PASSWORD);
  await screen.until("document.title.includes('#lobby')");
  await screen.read(
    `(URL.createObjectURL = ((make) => (file) => make((window.handedOver = file)))(URL.createObjectURL), null)`,
  );
  return screen;
}

/** Presses the button in the panel of the conversation. */
async function save(screen: Screen): Promise<void> {
  if (await screen.read("document.getElementById('panel').hidden")) await screen.click("#here");
  await screen.push("Save", "#panel");
}

describe.if(has(BROWSER))("a conversation is saved", () => {
  test("as a page with every message of the room from the first one on, whatever is loaded; also over plain http", async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "alice"]);
    const lee = await chat.signedIn("ms.lee", "#lab");
    const bob = await chat.signedIn("bob", "#lab");
    await bob.say("#lab", ...Array.from({ length: 450 }, (_, n) => `line ${n + 1}`));
    await bob.say("#lab", "an insult", "```\nx = 1\n```");
    await lee.ask({ type: "remove", to: "#lab", of: "bob", on: 451, through: 451 });
    await lee.ask({ type: "set", to: "#lab", key: "topic", value: "fractions" });
    using alice = await enterSaving(chat, "teacher-pc");
    expect(await alice.read("isSecureContext")).toBe(false);
    await alice.say("/join lab");
    await alice.see("set the topic of lab", "#log");
    expect((await alice.texts("#log .text")).length).toBeLessThan(60);
    await save(alice);
    await alice.see("Save #lab", "#saving");
    await alice.see(await alice.read("Intl.DateTimeFormat().resolvedOptions().timeZone"), "#saving");
    if (has("axe-core")) expect(await alice.audit("#saving")).toEqual([]);
    await alice.push("As a page (HTML)", "#saving");
    await alice.until(`document.querySelector("${SAVED}") !== null`);
    await alice.see("If the browser asks, tell it to keep the file.", "#saving"); // Chromium does, of a page over plain http
    const name = await alice.read(`document.querySelector("${SAVED}").download`);
    expect(name).toMatch(/^banter-lab-\d{4}-\d\d-\d\d\.html$/);
    expect(await alice.read("document.activeElement.id")).toBe("saving-close");
    const page = await saved(alice);
    expect(Array.from(page.matchAll(/>line (\d+)</g), ([, n]) => Number(n))).toEqual(
      Array.from({ length: 450 }, (_, n) => n + 1),
    );
    expect(page).toContain("<pre><code>x = 1</code></pre>");
    expect(page).toContain("removed by ms.lee");
    expect(page).toContain("ms.lee set the topic of lab: fractions");
    expect(page).not.toContain("an insult");
    await alice.push("Close", "#saving");
    await alice.until("!document.getElementById('saving').open");
    expect(alice.complaints.filter((one) => !one.includes("should be served over HTTPS"))).toEqual([]);
  });

  test("as text, of direct messages only those with this person; it waits for a connection that is lost", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const bob = await chat.signedIn("bob");
    const carol = await chat.signedIn("carol");
    for (let n = 1; n <= 210; n++)
      await (n % 2 === 0 ? bob : carol).ask({ type: "say", to: "alice", text: `word ${n}` });
    using alice = await enterSaving(chat);
    await alice.open("bob");
    await alice.say("my answer");
    await alice.see("my answer", "#log");
    await save(alice);
    await alice.see("Save what you wrote with bob", "#saving");
    await alice.unplug();
    await alice.push("As text", "#saving");
    await alice.see("There is no connection. Reading goes on when it is back.", "#saving");
    await alice.plug("Back online.");
    await alice.until(`document.querySelector("${SAVED}") !== null`);
    const name = await alice.read(`document.querySelector("${SAVED}").download`);
    expect(name).toMatch(/^banter-bob-\d{4}-\d\d-\d\d\.txt$/);
    const text = await saved(alice);
    expect(text).toStartWith("alice and bob\n106 messages, saved by alice at ");
    expect<unknown>(text.match(/word \d+/g)).toEqual(Array.from({ length: 105 }, (_, n) => `word ${2 * n + 2}`));
    expect(text).toMatch(/\d\d:\d\d alice: my answer\n/);
  });

  test("until it is cancelled, and again when one wants it; what is refused is said", async () => {
    await using chat = await startTestServer(["ms.lee*", "alice"]);
    const lee = await chat.signedIn("ms.lee", "#lab");
    await lee.say("#lab", "hello");
    using alice = await enterSaving(chat);
    await alice.say("/join lab");
    await alice.see("hello", "#log");
    await alice.click("#here");
    await alice.see("Here – 2", "#panel");
    await alice.unplug();
    await save(alice);
    await alice.see("The server cannot be reached, so this cannot be done now.", "#log"); // it has to load what saves
    await alice.plug("Back online.");
    await save(alice);
    await alice.see("Save #lab", "#saving");
    await alice.unplug();
    await alice.push("As text", "#saving");
    await alice.see("There is no connection", "#saving");
    await alice.see("Cancel", "#saving-close");
    expect(await alice.read("document.querySelector('#saving .row button:nth-child(2)').disabled")).toBe(true);
    await alice.press("Escape");
    await alice.plug("Back online.");
    await save(alice);
    expect(await alice.texts("#saving-said, #saving-close")).toEqual(["", "Close"]); // nothing goes on
    await lee.ask({ type: "set", to: "#lab", key: "door", value: "on" });
    await lee.ask({ type: "set", to: "#lab", key: "member", of: "alice", value: "off" });
    await alice.until("document.title.includes('#lobby')");
    await alice.push("As text", "#saving");
    await alice.see("The server did not give all messages, so nothing was saved.", "#saving");
    expect(alice.complaints).toEqual([]);
  });
});
