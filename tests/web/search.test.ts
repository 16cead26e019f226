import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE, spawnServer, startTestServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import type { Screen } from "../kit/screen.ts";
import { BROWSER, enter } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, n) => `line ${first + n}`);
/** The text of the message that was found, if it is in the middle of the messages and has the focus. */
const HIT = `(() => {
  const hit = document.querySelector("#log .hit"), box = document.getElementById("scroll").getBoundingClientRect();
  if (hit === null || document.activeElement !== hit) return undefined;
  const { top, bottom } = hit.getBoundingClientRect();
  return Math.abs((top + bottom) / 2 - (box.top + box.bottom) / 2) < 40 ? hit.querySelector(".text").textContent : undefined;
})()`;
const TEXTS = `Array.from(document.querySelectorAll("#log .text"), (one) => one.textContent)`;
const IS_ASIDE = `document.getElementById("found-open").checkVisibility() && !document.querySelector("#found li").checkVisibility()`;

/** Opens a result by the keyboard. */
async function open(screen: Screen, text: string): Promise<void> {
  const result = `Array.from(document.querySelectorAll("#found li")).find((one) => one.querySelector(".text").textContent === "${text}")?.querySelector("button")`;
  await screen.until(`${result}?.checkVisibility()`);
  await screen.read(`${result}.focus()`);
  await screen.press("Enter");
}
/** Scrolls down, again when what arrives is below, until a message has come in there. */
function scrollDownTo(screen: Screen, text: string): Promise<void> {
  return screen.until(`${TEXTS}.includes("${text}") || ((document.getElementById("scroll").scrollTop = 1e6), false)`);
}

describe.if(has(BROWSER))("a message that was found", () => {
  test("long before what is loaded is opened among what was said around it, from where one reads on in both directions", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", ...numbered(1, 149), "a needle", ...numbered(151, 700));
    const phone = await chat.signedIn("alice", "#lobby");
    await phone.ask({ type: "seen", to: "#lobby", seq: 700 });
    using alice = await enter(chat, "alice");
    await alice.say("/search needle");
    await open(alice, "a needle");
    await alice.until(`${HIT} === "a needle"`);
    expect(await alice.read(IS_ASIDE)).toBe(true);
    expect(await alice.read(TEXTS)).toEqual([...numbered(100, 149), "a needle", ...numbered(151, 200)]);
    await alice.see("↓ Newest", "#jump");
    await bob.say("#lobby", "and", "then");
    await alice.see("↓ 2 new", "#jump");
    expect((await phone.quiet()).filter(({ type }) => type === "seen")).toEqual([]);

    await alice.scrollUpTo("line 1");
    await scrollDownTo(alice, "line 300");
    await alice.see("↓ 2 new", "#jump"); // the end of an excerpt is not the end
    expect(await alice.read(`${TEXTS}.includes("then")`)).toBe(false);
    await scrollDownTo(alice, "then");
    expect(await alice.read(TEXTS)).toEqual([...numbered(1, 149), "a needle", ...numbered(151, 700), "and", "then"]);
    await alice.until(
      `document.title === "#lobby – Banter" || ((document.getElementById("scroll").scrollTop = 1e6), false)`,
    );
    expect(await phone.next((event) => event.type === "seen")).toMatchObject({ seq: 702 }); // it is the thread again
    await bob.say("#lobby", "later");
    await alice.see("later", "#log");
    expect(alice.complaints).toEqual([]);
  });

  test("is left by Escape for the end, then its results; by the button; and by writing something", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", ...numbered(1, 500));
    using alice = await enter(chat, "alice");
    await alice.say("/search line 11");
    await open(alice, "line 110");
    await alice.until(`${HIT} === "line 110"`);
    await alice.push("Results", "#found");
    expect(await alice.read("document.activeElement.parentElement.innerText.includes('line 110')")).toBe(true); // where one was
    await open(alice, "line 113");
    await alice.until(`${HIT} === "line 113"`); // by another excerpt, or the same
    await alice.press("Escape");
    await alice.until(`${TEXTS}.at(-1) === "line 500"`);
    expect(await alice.read(IS_ASIDE)).toBe(true);
    await alice.until("document.getElementById('jump').hidden");
    await alice.press("Escape");
    await alice.until("document.getElementById('found').hidden");

    for (const leave of [() => alice.read("document.getElementById('jump').click()"), () => alice.say("/who")]) {
      await alice.say("/search line 11");
      await open(alice, "line 110");
      await alice.until(`${HIT} === "line 110"`);
      await leave();
      await alice.until(`${TEXTS}.at(-1) === "line 500" && document.getElementById("jump").hidden`);
    }
    await alice.see("Here: ", "#log");
    await alice.push("Close", "#found");
    await alice.until("document.getElementById('found').hidden");
    await alice.say("/search line 499"); // is loaded: one only scrolls there
    await open(alice, "line 499");
    await alice.until("document.querySelector('.hit .text')?.textContent === 'line 499'");
    expect(await alice.read(`${TEXTS}.at(-1)`)).toBe("line 500");
    expect(alice.complaints).toEqual([]);
  });

  test("may be anywhere one may read: in another room, in what was written with a person among much else", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const bob = await chat.signedIn("bob", "#lobby");
    const carol = await chat.signedIn("carol", "#lab");
    const phone = await chat.signedIn("alice", "#lab");
    await bob.say("alice", "a needle in the post", ...numbered(1, 3));
    await carol.say("alice", ...numbered(1, 700));
    await bob.say("alice", ...numbered(4, 503)); // more than one answer holds, where the page has learnt to look far
    const { messages } = await phone.ask({ type: "history", to: "@", limit: 1 });
    await phone.ask({ type: "seen", seq: messages[0].seq });
    await carol.say("#lab", "a needle in the lab", ...numbered(1, 120));
    await phone.ask({ type: "seen", to: "#lab", seq: 1 });
    await bob.say("#lobby", "a needle here");
    using alice = await enter(chat, "alice");
    await alice.say("/searchall needle");
    await alice.see("3 messages with “needle”", "#found");
    const places =
      "Array.from(document.querySelectorAll('#found li > button'), (one) => one.lastChild.textContent.trim())";
    expect(await alice.read(places)).toEqual(["#lobby", "#lab", "with bob"]);
    await alice.push("This conversation", "#found");
    await alice.see("1 message with “needle”", "#found");
    await alice.push("Everywhere", "#found");
    await open(alice, "a needle in the post");
    await alice.until(`document.title.includes("bob") && document.querySelector(".hit") !== null`);
    await alice.see("a needle in the post", ".hit");
    await scrollDownTo(alice, "line 503");
    expect(await alice.read(TEXTS)).toEqual(["a needle in the post", ...numbered(1, 503)]);

    await alice.push("Results", "#found");
    await open(alice, "a needle in the lab");
    await alice.until(
      `document.title.includes("#lab") && document.querySelector(".hit .text").textContent === "a needle in the lab"`,
    );
    expect((await phone.quiet()).filter(({ type, to }) => type === "seen" && to === "#lab")).toEqual([]); // nobody has read the rest
    await alice.open("#lobby");
    expect(await alice.read("document.getElementById('found').hidden")).toBe(true);
    await alice.say("/searchall needle");
    await alice.see("3 messages", "#found");
    await phone.ask({ type: "leave", to: "#lab" });
    await alice.until(`document.querySelector("#rooms .faint")?.textContent.includes("#lab")`);
    await open(alice, "a needle in the lab");
    await alice.see("You are not in #lab any more.", "#found");
    expect(await alice.read("document.title")).toContain("#lobby");
    expect(alice.complaints).toEqual([]);
  });

  test("is emptied where it is shown when it is removed; without a connection, and when the history is another one, nothing breaks", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["ms.lee*", "alice", "bob"]);
    const first = await spawnServer(folder.path, ["--rate", "0"]);
    const [lee, bob] = [await Wire.open(first.port), await Wire.open(first.port)];
    await lee.login("ms.lee");
    await lee.join("#lobby");
    await bob.login("bob");
    await bob.join("#lobby");
    await bob.say("#lobby", "a needle", ...numbered(2, 299), "another needle", ...numbered(301, 600));
    using alice = await enter(first, "alice");
    await alice.say("/search needle");
    await open(alice, "another needle");
    await alice.until(`${HIT} === "another needle"`);
    await lee.ask({ type: "remove", to: "#lobby", of: "bob", on: 300 });
    await alice.see("removed by ms.lee", "#log .hit");
    await alice.see("1 message with", "#found");
    await alice.unplug();
    await alice.push("Results", "#found");
    await open(alice, "a needle");
    await alice.see("There is no connection now.", "#found");
    await alice.see("removed by ms.lee", "#log .hit"); // still there
    await alice.plug("Back online.");
    await open(alice, "a needle");
    await alice.until(`document.querySelector(".hit .text").textContent === "a needle"`);

    await first.kill9();
    for (const file of ["chat.db", "chat.db-wal", "chat.db-shm"]) rmSync(join(folder.path, file), { force: true });
    await using again = await spawnServer(folder.path, ["--web-port", String(first.webPort)]);
    await alice.read("void document.getElementById('retry').click()");
    await alice.see("restored from an older copy", "#log");
    await alice.say("hello again");
    await alice.until(`${TEXTS}.join() === "hello again"`);
    expect(again.log()).not.toContain("ERROR");
    expect(await alice.read("document.getElementById('found').hidden")).toBe(true); // what was found is no more
  });

  test.each([{}, { dark: true }, { width: 390, height: 844, phone: true }])(
    "leaves one line of the results, which all can use (%o)",
    async (shape) => {
      await using chat = await startTestServer(["alice", "bob"]);
      const bob = await chat.signedIn("bob", "#lobby");
      await bob.say("#lobby", ...numbered(1, 300));
      using alice = await enter(chat, "alice", shape);
      await alice.say("/searchall line");
      await alice.see("The newest 200 messages with “line”", "#found");
      if (has("axe-core")) expect(await alice.audit("#main")).toEqual([]);
      const low = `Array.from(document.querySelectorAll("#found button")).filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 40).length`;
      expect(await alice.read(low)).toBe(0);
      await open(alice, "line 120");
      await alice.until(`${HIT} === "line 120"`);
      expect(
        await alice.read(`document.getElementById("found").getBoundingClientRect().height < 100 && (${low}) === 0`),
      ).toBe(true);
      if (has("axe-core")) expect(await alice.audit("#main")).toEqual([]);
      await alice.push("Results", "#found");
      expect(alice.complaints).toEqual([]);
    },
  );
});
