import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const numbered = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, n) => `line ${first + n}`);
/** The text of the first message below the line that says what is new, once that line is where the messages begin on the screen. */
const FIRST_NEW = `document.querySelector(".fresh").nextElementSibling.querySelector(".text").innerText`;
const IS_AT_TOP = `Math.abs(document.querySelector(".fresh").getBoundingClientRect().top - document.getElementById("scroll").getBoundingClientRect().top) < 40`;

/** Alice has been in these rooms, has read them to the end, and is away. */
async function follow(chat: TestServer, ...rooms: string[]): Promise<void> {
  const wire = await chat.signedIn("alice");
  for (const to of rooms) {
    const { seq } = await wire.join(to);
    await wire.ask({ type: "seen", to, seq });
  }
  wire.reset();
}
/** A page of Alice's in another browser: of another origin, so that it shares no storage with those of `enter`. */
async function enterElsewhere(chat: TestServer): Promise<Screen> {
  const screen = await Screen.open(`http://teacher-pc:${chat.webPort}/`);
  await screen.signIn("alice", PASSWORD);
  await screen.until("document.title.includes('#lobby')");
  return screen;
}

describe.if(has(BROWSER))("what was read", () => {
  test.each([10, 201, 5_000])(
    "after %d lines in an absence their number is right, and one goes on where one stopped",
    async (count) => {
      await using chat = await startTestServer(["alice", "bob"]);
      const bob = await chat.signedIn("bob", "#lobby");
      await bob.say("#lobby", "old");
      await follow(chat, "#lobby");
      await bob.say("#lobby", "line 1, alice", ...numbered(2, count));

      using alice = await enter(chat, "alice");
      const phone = await chat.signedIn("alice");
      await alice.until(
        `document.querySelectorAll("#log .text").length >= ${count} && document.querySelector(".fresh")`,
      );
      expect(await alice.read(FIRST_NEW)).toBe("line 1, alice");
      expect(await alice.read(`document.querySelector("#main > header").getBoundingClientRect().top`)).toBe(0);
      if (count > 50) {
        await alice.until(`${IS_AT_TOP} && document.title === "(${count}!) #lobby – Banter"`);
        expect(await alice.texts("#rooms .badge.calls")).toEqual([`${count}\nunread`]);
        await alice.see(`↓ ${count} new`, "#jump");
        expect((await phone.quiet()).filter(({ type }) => type === "seen")).toEqual([]); // nobody has read them
        await bob.say("#lobby", ...numbered(count + 1, count + 1_000));
        await alice.until(`document.title === "(${count + 1_000}!) #lobby – Banter"`);
        expect(await alice.read(FIRST_NEW)).toBe("line 1, alice"); // they are read, so they stay
        await alice.click("#jump");
        expect(await phone.next((event) => event.type === "seen" && event.seq === count + 1_001));
      }
      await alice.until(`document.title === "#lobby – Banter"`);
      expect(alice.complaints).toEqual([]);
    },
  );

  test("more than 5,000 are counted right, too; the line stands where what is loaded begins", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await follow(chat, "#lobby");
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.say("#lobby", ...numbered(1, 5_300));
    using alice = await enter(chat, "alice");
    await alice.until(`document.querySelectorAll("#log .text").length >= 5000`);
    await alice.until(`document.title === "(5300) #lobby – Banter"`);
    expect(await alice.read("document.querySelector('#log :is(.message, .fresh)').className")).toBe("day fresh");
    await alice.see("↓ 5300 new", "#jump");
  });

  test("in a room that is not open the number is right whatever is loaded, and a mention far back calls", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await follow(chat, "#lobby", "#lab", "#attic");
    const bob = await chat.signedIn("bob", "#lab");
    await bob.join("#attic");
    await bob.say("#lab", "line 1", "alicea and malice do not call", "but ALICE, you are", ...numbered(4, 300));
    await bob.say("#attic", "line 1, malice", ...numbered(2, 60));
    using alice = await enter(chat, "alice");
    await alice.until("document.title.startsWith('(360!)')");
    expect(await alice.texts("#rooms .badge")).toEqual(["60\nunread", "300\nunread"]);
    expect(await alice.texts("#rooms .badge.calls")).toEqual(["300\nunread"]);
    await bob.say("#attic", ...numbered(61, 1_500)); // more than a page keeps
    await alice.until("document.title.startsWith('(1800!)')");
    await alice.open("#attic");
    await alice.until(`document.querySelectorAll("#log .text").length >= 1500 && ${IS_AT_TOP}`);
    expect(await alice.read(FIRST_NEW)).toBe("line 1, malice");
    expect(await alice.read("document.title")).toBe("(1800!) #attic – Banter");
    await alice.press("Escape");
    await alice.until("document.title === '(300!) #attic – Banter'");
    expect(alice.complaints).toEqual([]);
  });

  test.each([40, 120])(
    "a room that another device has entered meanwhile is opened at the first of %d unread messages, too",
    async (count) => {
      await using chat = await startTestServer(["alice", "bob"]);
      const bob = await chat.signedIn("bob", "#lab");
      using alice = await enter(chat, "alice");
      await follow(chat, "#lab");
      await bob.say("#lab", ...numbered(1, count));
      await alice.open("#lab");
      await alice.until(`document.querySelectorAll("#log .text").length >= ${count} && ${IS_AT_TOP}`);
      expect(await alice.read(FIRST_NEW)).toBe("line 1");
      await alice.until(`document.title === "(${count}) #lab – Banter"`);
    },
  );

  test("a private message that was removed is not unread, nor is that it was removed", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await bob.say("alice", "psst", "forget it", "hello");
    await alice.until("document.title === '(3!) #lobby – Banter'");
    await bob.ask({ type: "remove", to: "alice", of: "bob", on: 2 });
    await bob.say("#lobby", "done");
    await alice.see("done", "#log");
    await alice.until("document.title === '(2!) #lobby – Banter'");
    await alice.reload();
    await alice.until("document.title === '(2!) #lobby – Banter'");
    await alice.open("bob");
    await alice.until("document.title === 'bob – Banter'");
    expect(alice.complaints).toEqual([]);
  });

  test("what one says oneself on another device is not unread", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await follow(chat, "#lobby", "#lab");
    const [bob, phone] = [await chat.signedIn("bob", "#lab"), await chat.signedIn("alice", "#lab")];
    using alice = await enter(chat, "alice");
    await phone.say("#lab", "mine");
    await bob.say("#lab", "his");
    await alice.until("document.title.startsWith('(1) ')");
    await alice.open("#lab");
    await alice.until(`document.title === "#lab – Banter"`);
    expect(await alice.read(FIRST_NEW)).toBe("his");
  });

  test("nobody reads in a hidden window; who comes back goes on where they stopped", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    const hide = (hidden: boolean) =>
      alice.read(`(Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true }),
        void document.dispatchEvent(new Event("visibilitychange")))`);
    const phone = await chat.signedIn("alice");
    await bob.say("#lobby", "seen");
    await phone.next((event) => event.type === "seen" && event.to === "#lobby" && event.seq === 1);
    await hide(true);
    await bob.say("#lobby", ...numbered(1, 1_000)); // more than a page keeps
    await alice.until("document.title === '(1000) #lobby – Banter'");
    await hide(false);
    await alice.until(`${IS_AT_TOP} && ${FIRST_NEW} === "line 1"`);
    expect(await alice.read("document.title")).toBe("(1000) #lobby – Banter");
    await alice.press("Escape");
    await alice.until("document.title === '#lobby – Banter'");
    await hide(true);
    await bob.say("#lobby", "line 1001");
    await alice.until(`document.title.startsWith("(1)") && ${FIRST_NEW} === "line 1001"`);
    expect(await alice.texts(".fresh")).toHaveLength(1);
    await hide(false);
    await alice.until("document.title === '#lobby – Banter'");
  });

  test("who follows the end follows it however fast lines come, and the oldest go", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    // Timers come late, as on a busy device: the list is drawn before it is brought to its end again.
    await alice.read("void (globalThis.setTimeout = ((set) => (work, ms = 0) => set(work, ms + 500))(setTimeout))");
    const isAtEnd = `((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 60)(document.getElementById("scroll"))`;
    for (const last of [400, 800, 1_200]) {
      await bob.say("#lobby", ...numbered(last - 399, last));
      await alice.until(
        `document.getElementById("log").lastElementChild.textContent.includes("line ${last}") && ${isAtEnd}`,
      );
    }
    await alice.until("document.title === '#lobby – Banter' && document.getElementById('jump').hidden");
  });

  test("what is read in one browser is read in the other at once, rooms and private messages", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await follow(chat, "#lab");
    const bob = await chat.signedIn("bob", "#lobby");
    using laptop = await enter(chat, "alice");
    using phone = await enterElsewhere(chat);
    for (const screen of [laptop, phone]) await screen.open("#lab");
    await bob.say("#lobby", "one", "two");
    await bob.say("alice", "psst");
    for (const screen of [laptop, phone]) await screen.until("document.title === '(3!) #lab – Banter'");
    await phone.open("#lobby");
    await laptop.until("document.title === '(1!) #lab – Banter'");
    await laptop.open("bob");
    await phone.until("document.title === '#lobby – Banter'");
    for (const screen of [laptop, phone]) expect(await screen.texts(".badge")).toEqual([]);
    await laptop.reload();
    await laptop.until("document.title === 'bob – Banter'");
  });

  test("what was read just before a page is closed is read", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await follow(chat, "#lab");
    const [bob, phone] = [await chat.signedIn("bob", "#lab"), await chat.signedIn("alice")];
    using alice = await enter(chat, "alice");
    await alice.open("#lab");
    await bob.say("#lab", "one");
    await phone.next((event) => event.type === "seen" && event.seq === 1);
    await bob.say("#lab", "two"); // which is not confirmed at once
    await alice.see("two", "#log");
    await alice.open("bob");
    await alice.reload();
    await alice.until("document.getElementById('here').textContent === 'here'"); // it has caught up, and knows that bob is there
    expect(await alice.read("document.title")).toBe("bob – Banter");
    expect(await alice.texts(".badge")).toEqual([]);
  });

  test("tabs of one browser agree on whom one has read, also before everything older is read", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob"), await chat.signedIn("carol")];
    await bob.say("alice", "first");
    await carol.say("alice", "second");
    using one = await enter(chat, "alice");
    using other = await enter(chat, "alice");
    await other.until("document.title.startsWith('(2!)')");
    await one.open("carol");
    await other.until("document.title.startsWith('(1!)')");
    await one.reload();
    await one.until("document.title === '(1!) carol – Banter'");
    expect(await one.texts("#people .badge")).toEqual(["1\nunread"]);
    await one.open("bob");
    for (const screen of [one, other]) await screen.until("!document.title.startsWith('(')");
    expect(await one.read("localStorage.getItem('banter.read.alice')")).not.toContain("#");
  });

  test("a room one was in is back on another device, and left on one it is left on all", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#attic");
    using laptop = await enter(chat, "alice");
    await laptop.read(`void localStorage.setItem("banter.rooms.alice", '["#old"]')`); // as 1.0.0 kept them
    await laptop.reload();
    await laptop.open("#old");
    await laptop.until("localStorage.getItem('banter.rooms.alice') === null");
    await laptop.open("#attic");
    await laptop.see("2 here", "#here");
    await laptop.open("#old");
    await bob.say("#attic", "one", "two", "three");
    await laptop.until("document.title === '(3) #old – Banter'");

    using phone = await enterElsewhere(chat);
    await phone.until("document.title === '(3) #lobby – Banter'");
    expect(await phone.texts("#rooms .name")).toEqual(["#lobby", "#attic", "#old"]);
    await laptop.open("#attic");
    await phone.open("#attic");
    await phone.click("#here");
    await phone.click("#leave");
    await laptop.until("document.title === '#lobby – Banter'");
    await laptop.see("You left #attic on another device.", "#log");
    for (const screen of [laptop, phone])
      await screen.until(
        `Array.from(document.querySelectorAll("#rooms .faint .name"), (one) => one.innerText).includes("#attic")`,
      );
    await laptop.reload();
    await laptop.until("document.title === '#lobby – Banter'");
    expect((await bob.ask({ type: "who", to: "#attic" })).users).toEqual(["bob"]);
    expect([...laptop.complaints, ...phone.complaints]).toEqual([]);
  });

  test("a tab whose room was left elsewhere while it was closed opens the lobby", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    using laptop = await enter(chat, "alice");
    await laptop.say("/join attic");
    await laptop.see("This is the start of #attic", "#log");
    await laptop.cdp("Page.navigate", { url: "about:blank" });
    await laptop.until("location.href === 'about:blank'");
    const phone = await chat.signedIn("alice", "#attic");
    await phone.ask({ type: "leave", to: "#attic" });
    await laptop.cdp("Page.navigate", { url: `http://localhost:${chat.webPort}/` });
    await laptop.until("document.title === '#lobby – Banter'");
    const { follows } = await (await chat.wire()).login("alice");
    expect(follows!.map(({ to }) => to)).toEqual(["#lobby"]);
  });
});
