import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

/** Writes down, where `until` sees it, what the page shows and plays; and holds the moment it waits until the test lets it pass. A headless
 *  browser shows no notification, and mixes up who may show one when several pages are open. */
const recorder = (permission: NotificationPermission) => `(() => {
  const heard = { shown: [], closed: [], sounds: 0, asked: 0 };
  const tell = () => { document.documentElement.dataset.heard = JSON.stringify(heard); };
  addEventListener("DOMContentLoaded", tell);
  window.Notification = class {
    constructor(title, options) {
      window.last = Object.assign(this, { title, ...options });
      heard.shown.push([title, options.body]);
      tell();
    }
    close() { heard.closed.push(this.title); tell(); }
    static permission = "${permission}";
    static async requestPermission() { heard.asked++; tell(); return (this.permission = "granted"); }
  };
  AudioContext.prototype.createGain = ((real) => function () { heard.sounds += 0.5; tell(); return real.call(this); })(AudioContext.prototype.createGain);
  const [set, clear, held] = [setTimeout, clearTimeout, new Map()];
  let serial = 1e9;
  window.setTimeout = (run, ms, ...rest) => ms === 1000 ? (held.set(++serial, run), serial) : set(run, ms, ...rest);
  window.clearTimeout = (id) => held.delete(id) || clear(id);
  window.pass = () => { for (const [id, run] of [...held]) { held.delete(id); run(); } };
})()`;
interface Heard {
  shown: [title: string, body: string][];
  closed: string[];
  sounds: number; // of two notes
  asked: number; // for permission
}
const HEARD = "JSON.parse(document.documentElement.dataset.heard)";
async function enter(chat: TestServer, host = "localhost", permission: NotificationPermission = "granted") {
  const origin = `http://${host}:${chat.webPort}`;
  const screen = await Screen.open("about:blank");
  await screen.cdp("Emulation.setFocusEmulationEnabled", { enabled: true });
  await screen.cdp("Page.addScriptToEvaluateOnNewDocument", { source: recorder(permission) });
  await screen.cdp("Page.navigate", { url: `${origin}/` });
  await screen.until("location.href !== 'about:blank' && document.activeElement?.id === 'name'");
  await screen.signIn("alice", PASSWORD);
  await screen.until("document.title.includes('#lobby') && /^[1-9]/.test(document.getElementById('here').textContent)");
  await screen.until("document.getElementById('menu') !== null"); // what rings has come, too
  return screen;
}
const heard = (screen: Screen) => screen.read<Heard>(HEARD);
const hasDot = (screen: Screen) => screen.read("document.getElementById('icon').href.includes('circle')");
/** Something unread calls, and the moment in which another device may read it has passed. */
async function pass(screen: Screen, unread = "(1!)"): Promise<void> {
  await screen.until(`document.title.startsWith(${JSON.stringify(unread)})`);
  await screen.read("pass()");
}
const rings = (screen: Screen, times: number) => screen.until(`${HEARD}.shown.length >= ${times}`);

describe.if(has(BROWSER))("what calls somebody who looks elsewhere", () => {
  test("a mention and a private message ring: who, where, the beginning; reading them ends it; nothing else rings", async () => {
    await using chat = await startTestServer(["alice", "bob", "ms.lee*"]);
    const [bob, lee, phone] = [
      await chat.signedIn("bob", "#lobby"),
      await chat.signedIn("ms.lee", "#lobby"),
      await chat.signedIn("alice"),
    ];
    using alice = await enter(chat);
    expect(await alice.read("document.hasFocus()")).toBe(true);
    await alice.say("/join lab");
    await alice.see("This is the start of #lab", "#log");
    for (const wire of [bob, lee]) await wire.join("#lab");
    await alice.open("#lobby");
    await bob.say("#lobby", "alice, you are looking at this"); // as she does
    await bob.say("#lab", "nobody is called");
    await lee.ask({ type: "set", to: "#lab", key: "topic", value: "alice" });
    await alice.until("document.title.startsWith('(2)')"); // what a host did counts, and calls nobody
    expect(await hasDot(alice)).toBe(false);
    await bob.say("alice", "a slip");
    await bob.ask({ type: "remove", to: "@", on: 1 });
    await phone.say("bob", "from my phone");
    await bob.say("#lab", "alice, see:\n```\n" + "x".repeat(130) + "\n```");
    await alice.until("document.querySelectorAll('.badge.calls').length === 1");
    await alice.read("pass()");
    await rings(alice, 1);
    expect(await heard(alice)).toMatchObject({
      shown: [["bob in #lab", `alice, see:\n\`\`\`\n${"x".repeat(104)}…`]],
      closed: [],
      asked: 0,
    });
    expect(await hasDot(alice)).toBe(true);
    await alice.read("void last.onclick()");
    await alice.until(`document.title === "#lab – Banter" && ${HEARD}.closed.length === 1`);
    await bob.say("alice", "psst");
    await pass(alice, "(1!)");
    await rings(alice, 2);
    expect((await heard(alice)).shown[1]).toEqual(["bob", "psst"]);
    await alice.open("bob");
    await alice.until("document.title === 'bob – Banter'");
    expect(await hasDot(alice)).toBe(false);
    await alice.until(`${HEARD}.closed.length === 2`);
    expect(alice.complaints).toEqual([]);
  });

  test("what another device reads in time does not ring, and what it reads later ends the notification", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const [bob, phone] = [await chat.signedIn("bob"), await chat.signedIn("alice", "#lobby")];
    using alice = await enter(chat);
    await bob.say("alice", "first");
    await alice.until("document.title.startsWith('(1!)')");
    await phone.ask({ type: "seen", seq: 1 });
    await alice.until("document.title === '#lobby – Banter'");
    await alice.read("pass()");
    await bob.say("alice", "second");
    await pass(alice);
    await rings(alice, 1);
    expect((await heard(alice)).shown).toEqual([["bob", "second"]]);
    await phone.ask({ type: "seen", seq: 2 });
    await alice.until(`${HEARD}.closed.length === 1`);

    await bob.join("#lobby");
    await bob.say("#lobby", "alice, you see this");
    await alice.see("you see this", "#log");
    await alice.read("void (document.hasFocus = () => false)"); // the window is seen, and another one is used
    await bob.say("#lobby", "alice, over here");
    await alice.see("over here", "#log");
    await alice.read("pass()");
    await rings(alice, 2);
    expect((await heard(alice)).shown[1]).toEqual(["bob in #lobby", "alice, over here"]);
    await alice.read("void (document.hasFocus = () => true, dispatchEvent(new Event('focus')))");
    await alice.until(`${HEARD}.closed.length === 2`);
  });

  test("all tabs of a browser ring once for all of them", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob");
    using one = await enter(chat);
    using other = await enter(chat);
    const tabs = [one, other];
    for (const n of [1, 2, 3]) {
      await bob.say("alice", `line ${n}`);
      for (const tab of tabs) await tab.until(`document.title.startsWith("(${n}!)")`);
      await Promise.all(tabs.map((tab) => tab.read("pass()")));
      const total = async () => (await Promise.all(tabs.map(heard))).flatMap(({ shown }) => shown);
      while ((await total()).length < n);
      expect((await total()).map(([, body]) => body).sort()).toEqual(["line 1", "line 2", "line 3"].slice(0, n));
    }
    await one.open("bob");
    for (const tab of tabs) await tab.until(`${HEARD}.closed.length === ${HEARD}.shown.length`);
  });

  test("what came in an absence rings once, what was unread at the start not at all, and two in three seconds sound once", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("carol")];
    await bob.say("alice", "of yesterday");
    using alice = await enter(chat);
    await alice.until("document.title.startsWith('(1!)') && document.getElementById('icon').href.includes('circle')");
    await alice.unplug();
    await alice.read("void (Date.now = () => 2e12)");
    for (let n = 1; n <= 20; n++) await bob.say("alice", `line ${n}`);
    for (let n = 1; n <= 30; n++) await carol.say("alice", `line ${n}`);
    await alice.plug("Back online. 50 missed messages.");
    await pass(alice, "(51!)");
    await rings(alice, 1);
    await carol.say("alice", "and one more");
    await pass(alice, "(52!)");
    await rings(alice, 2);
    const { shown, sounds } = await heard(alice);
    expect(shown).toEqual([
      ["50 messages for you", "bob, carol"],
      ["carol", "and one more"],
    ]);
    await alice.until(`${HEARD}.sounds === 1`);
    expect(sounds).toBeLessThanOrEqual(1);
    await alice.read("void (Date.now = () => 2e12 + 3001)");
    await bob.say("alice", "after a while");
    await pass(alice, "(53!)");
    await alice.until(`${HEARD}.sounds === 2`);
    await alice.read("void (localStorage['banter.sound'] = 'false')");
    await alice.read("void (Date.now = () => 2e12 + 9999)");
    await bob.say("alice", "quietly");
    await pass(alice, "(54!)");
    await rings(alice, 4);
    await alice.read("void (localStorage['banter.sound'] = 'true')");
    await bob.say("alice", "aloud");
    await pass(alice, "(55!)");
    await alice.until(`${HEARD}.sounds === 3`);
  });

  test("the browser is asked by a click only; where notifications cannot be, the menu says why", async () => {
    await using chat = await startTestServer(["alice"]);
    const menu = async (screen: Screen) => {
      await screen.click("#me");
      await screen.until("document.getElementById('menu')?.open");
      return screen.read("['checked', 'disabled'].map((state) => document.getElementById('notify')[state])");
    };
    {
      using alice = await enter(chat, "localhost", "default");
      expect(await menu(alice)).toEqual([false, false]);
      expect((await heard(alice)).asked).toBe(0);
      await alice.click("#notify");
      await rings(alice, 1);
      expect(await heard(alice)).toMatchObject({
        asked: 1,
        shown: [["Notifications are on", "This is what they look like."]],
      });
      await alice.see("Shown for mentions and private messages while you look elsewhere.", "#menu");
      await alice.click("#notify");
      await alice.see("For mentions and private messages. Your browser may ask you first.", "#menu");
    }
    using plain = await enter(chat, "teacher-pc");
    expect(await menu(plain)).toEqual([false, true]);
    await plain.see("Browsers show them only for pages over https.", "#menu");
    using denied = await enter(chat, "127.0.0.1", "denied");
    expect(await menu(denied)).toEqual([false, true]);
    await denied.see("Blocked. Allow notifications for this page in your browser", "#menu");
  });
});
