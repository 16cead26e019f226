import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { MAX_MESSAGE_LENGTH } from "../../protocol.ts";
import type { TestServer } from "../kit/harness.ts";
import {
  PASSWORD,
  PATIENCE,
  run,
  spawnServer,
  startTestServer,
  temporaryFolder,
  Wire,
  writeAccounts,
} from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

function say(wire: Wire, to: string, text: string): Promise<any> {
  return wire.ask({ type: "say", to, text });
}
async function fill(chat: TestServer, room: string, count: number): Promise<void> {
  const bob = await chat.signedIn("bob", room);
  for (let i = 1; i < count; i++) bob.send({ type: "say", to: room, text: `line ${i}` });
  await say(bob, room, `line ${count}`);
}

/** Passes bytes between browsers and the page's port; what comes from the server is changed on the way. */
function relay(port: number, change: (bytes: string) => string): { port: number } & Disposable {
  const listener = Bun.listen<{ server: Promise<Bun.Socket> }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(browser) {
        const data = (_: Bun.Socket, bytes: Buffer) =>
          void browser.write(Buffer.from(change(bytes.toString("latin1")), "latin1"));
        const close = () => void browser.end();
        browser.data = { server: Bun.connect({ hostname: "127.0.0.1", port, socket: { data, close } }) };
      },
      data: (browser, bytes) => browser.data.server.then((server) => void server.write(Buffer.from(bytes))),
      close: (browser) => browser.data.server.then((server) => void server.end()),
    },
  });
  return { port: listener.port, [Symbol.dispose]: () => listener.stop(true) };
}

describe.if(has(BROWSER))("the page", () => {
  test("two pages and a terminal chat: a new account, a room, a private message, a mention, all in one order", async () => {
    await using chat = await startTestServer(["bob", "carol"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await Screen.open(`http://localhost:${chat.webPort}/`);
    await alice.signIn("Alice", PASSWORD, "#register");
    await alice.see("2 here", "#here");
    using carol = await enter(chat, "carol");
    await alice.see("carol joined");

    await alice.say("hi all");
    expect(await bob.next("message")).toMatchObject({ from: "alice", text: "hi all", seq: 1 });
    await say(bob, "#lobby", "hi @alice, and carol");
    await carol.see("hi @alice, and carol");
    await carol.say("good morning");
    for (const screen of [alice, carol]) {
      await screen.see("good morning", "#log");
      expect(await screen.texts("#log .text")).toEqual(["hi all", "hi @alice, and carol", "good morning"]);
    }
    expect(await alice.texts("#log .mention .text")).toEqual(["hi @alice, and carol"]);
    expect(await carol.texts("#log .mention .text")).toEqual(["hi @alice, and carol"]); // a name alone calls, too

    await say(bob, "alice", "psst");
    await alice.until("document.title.startsWith('(1!)')");
    await alice.open("bob");
    await alice.see("psst", "#log");
    await alice.until("document.title === 'bob – Banter'");
    await alice.say("pssst yourself");
    expect(await bob.next((frame) => frame.type === "message" && frame.to === "bob")).toMatchObject({ from: "alice" });
    await alice.see("pssst yourself", "#log");

    await alice.say("/join lab");
    await alice.see("This is the start of #lab", "#log");
    await bob.join("#lab");
    await alice.see("bob joined", "#log");
    await say(bob, "#lab", "quiet here");
    await alice.see("quiet here", "#log");
    await alice.click("#here");
    await alice.click("#leave");
    await alice.until("document.getElementById('title').textContent === '#lobby'");
    expect((await bob.ask({ type: "who", to: "#lab" })).users).toEqual(["bob"]);
    expect([...alice.complaints, ...carol.complaints]).toEqual([]);
  });

  test("the server is killed in the middle: what is written waits, and comes once and in order", async () => {
    using folder = temporaryFolder();
    writeAccounts(folder.path, ["alice", "bob"]);
    const first = await spawnServer(folder.path);
    const alice = await enter(first, "alice");
    using _ = alice;
    const early = await Wire.open(first.port);
    await early.login("bob");
    await early.join("#lobby");
    await alice.say("before");
    await early.next("message");
    process.kill(first.pid, "SIGSTOP"); // so that the next words leave the page and are never answered
    await alice.say("on its way");
    await first.kill9();

    await alice.see("Not connected since", "#banner");
    await alice.say("while it was down");
    expect(await alice.texts("#queue .text")).toEqual(["on its way", "while it was down"]);
    await using again = await spawnServer(folder.path, ["--web-port", String(first.webPort)]);
    const bob = await Wire.open(again.port);
    await bob.login("bob");
    await bob.join("#lobby");
    await say(bob, "#lobby", "back");
    await alice.read("void document.getElementById('retry').click()");
    await alice.see("while it was down", "#log");
    await alice.until("document.querySelectorAll('#queue li').length === 0");
    const { messages } = await bob.ask({ type: "history", to: "#lobby" });
    const stored = messages.map(({ text }: { text: string }) => text);
    expect(stored.filter((text: string) => text !== "back")).toEqual(["before", "on its way", "while it was down"]);
    await alice.see("back", "#log"); // it may have come back by itself before that was said
    expect(await alice.texts("#log .text")).toEqual(stored);
    expect(await alice.read("document.getElementById('banner').className")).not.toBe("offline");
    bob.close();
  });

  test("a draft and what waits survive a reload, in this tab only", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.read("void dispatchEvent(new Event('offline'))");
    await alice.say("waiting 1");
    await alice.say("waiting 2");
    await alice.type("a draft");
    await alice.reload();
    expect(await bob.next("message")).toMatchObject({ text: "waiting 1", seq: 1 });
    expect(await bob.next("message")).toMatchObject({ text: "waiting 2", seq: 2 });
    await alice.until("document.querySelectorAll('#queue li').length === 0");
    await alice.see("waiting 2", "#log");
    expect(await alice.texts("#log .text")).toEqual(["waiting 1", "waiting 2"]);
    expect(await alice.read("document.getElementById('draft').value")).toBe("a draft");
    expect(await alice.read("localStorage.getItem('banter.waiting.alice')")).toBeNull();
  });

  test("a page that lost its network says so at once, and tells how much it missed", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.unplug();
    await say(bob, "#lobby", "one");
    await say(bob, "#lobby", "two");
    await alice.plug("Back online. 2 missed messages.");
    expect(await alice.texts("#log .text")).toEqual(["one", "two"]);
    expect(await alice.texts("#log .fresh")).toHaveLength(1);
    expect(alice.complaints).toEqual([]);
  });

  test("a page that was offline gets what another device of the same account has meanwhile confirmed", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const [bob, phone] = [await chat.signedIn("bob"), await chat.signedIn("alice")];
    using alice = await enter(chat, "alice");
    await alice.unplug();
    await say(bob, "alice", "1 first");
    await phone.next("message");
    await phone.ask({ type: "seen", seq: 1 });
    await alice.plug("Back online.");
    await say(bob, "alice", "2 second");
    await alice.open("bob");
    await alice.see("2 second", "#log");
    expect(await alice.texts("#log .text")).toEqual(["1 first", "2 second"]);
    expect(alice.complaints).toEqual([]);
  });

  test("hostile text stays text, only http addresses become links, and nothing runs", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    const hostile = [
      "<img src=x onerror=alert(1)>",
      "<script>alert(2)</script>",
      "javascript:alert(3) and data:text/html,<b>x</b>",
      "see https://example.org/a?b=c&d=<x>, and http://[bad",
      "</li></ol><iframe src='/'></iframe>",
    ];
    for (const text of hostile) await say(bob, "#lobby", text);
    await say(bob, "#lobby", "\u202egnihton\u202c \x1b[31m end");
    await alice.see("end", "#log");
    expect(await alice.texts("#log .text")).toEqual([...hostile, "gnihton [31m end"]);
    expect(await alice.read("document.querySelectorAll('#log img, #log script, #log iframe').length")).toBe(0);
    expect(
      await alice.read("Array.from(document.querySelectorAll('#log a'), (a) => [a.href, a.rel, a.target])"),
    ).toEqual([["https://example.org/a?b=c&d=", "noopener noreferrer nofollow", "_blank"]]);
    await alice.read("void document.body.insertAdjacentElement('beforeend', document.createElement('p'))");
    expect(
      await alice.read(
        "(() => { try { document.body.innerHTML = '<b>'; return 'ran' } catch { return 'refused' } })()",
      ),
    ).toBe("refused");
    expect(alice.complaints.filter((complaint) => !complaint.includes("TrustedHTML"))).toEqual([]);
  });

  test("history comes by scrolling up, search finds, and commands answer as they do in a terminal", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    await fill(chat, "#lobby", 180);
    using alice = await enter(chat, "alice");
    await alice.see("line 180", "#log");
    expect((await alice.texts("#log .text"))[0]).toBe("line 131");
    await alice.scrollUpTo("line 31");
    expect(await alice.read("document.getElementById('scroll').scrollTop > 200")).toBe(true); // the reader stays where they were
    await alice.until("!document.getElementById('jump').hidden");
    await alice.scrollUpTo("line 1");
    const texts = await alice.texts("#log .text");
    expect(texts).toEqual(Array.from({ length: 180 }, (_, i) => `line ${i + 1}`));
    await alice.until("document.getElementById('older').hidden");
    await alice.click("#jump");
    await alice.until("document.getElementById('jump').hidden");

    await alice.say("/search 17 LI in NE");
    await alice.see("12 messages with “17” and “LI” and “in” and “NE”", "#found");
    expect(await alice.texts("#found .text")).toContain("line 117");
    expect(await alice.texts("#found mark")).toEqual(
      Array.from({ length: 180 }, (_, n) => `${180 - n}`).flatMap((n) => (n.includes("17") ? ["line", "17"] : [])),
    );
    await alice.press("Escape");
    await alice.until("document.getElementById('found').hidden");
    await alice.say("/who");
    await alice.see("Here: bob, alice", "#log");
    await alice.say("/help");
    await alice.see("/msg NAME TEXT", "#log");
    await alice.say("/jion tea");
    await alice.see("Unknown command /jion. Did you mean /join? Nothing was sent.", "#log");
    expect(await alice.read("document.getElementById('draft').value")).toBe("/jion tea");
    await alice.read("void (document.getElementById('draft').value = '')");
    await alice.say("/msg nobody hello");
    await alice.see("There is no account with that name. Nothing was sent.", "#log");
    expect(alice.complaints).toEqual([]);
  });

  test("Enter sends, Shift+Enter makes a line, a pasted block is one message, and too long a text stays", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await enter(chat, "alice");
    await alice.click("#draft");
    await alice.type("first");
    await alice.press("Enter", "Shift");
    await alice.type("second");
    await alice.press("Enter");
    expect(await bob.next("message")).toMatchObject({ text: "first\nsecond" });
    await alice.say("for (;;) {\n  wait();\n}");
    expect(await bob.next("message")).toMatchObject({ text: "for (;;) {\n  wait();\n}" });
    await alice.type("x".repeat(MAX_MESSAGE_LENGTH + 1));
    expect(await alice.texts("#count")).toEqual(["1 too many"]);
    await alice.press("Enter");
    await alice.see("4,001 characters; 4,000 fit. Nothing was sent.", "#log");
    expect(await alice.read("document.getElementById('draft').value.length")).toBe(4001);
    expect(await bob.quiet()).toEqual([]);
  });

  test("what came while Alice was elsewhere is counted, marked where it begins, and read once she has seen it", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await bob.join("#lab");
    await say(bob, "#lab", "old");
    using alice = await enter(chat, "alice");
    await alice.see("1 here, join", "#rooms");
    await alice.open("#lab");
    await alice.see("old", "#log");
    await alice.open("#lobby");
    await say(bob, "#lab", "new 1");
    await say(bob, "#lab", "new 2");
    await alice.until("document.title.startsWith('(2) #lobby')");
    await alice.reload();
    await alice.until("document.title.startsWith('(2) #lobby')"); // a reload reads nothing
    await alice.press("a", "Alt");
    await alice.until("document.title === '#lab – Banter'");
    expect(await alice.read("document.querySelector('.fresh').nextElementSibling.innerText")).toContain("new 1");
    await alice.reload();
    await alice.until("document.title === '#lab – Banter'");
    await alice.see("new 2", "#log");
    expect(await alice.texts("#rooms .badge")).toEqual([]);
  });

  test("a private message waits for the one who is away, and stays unread until it was looked at", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await say(bob, "alice", "while you were away");
    using first = await enter(chat, "alice");
    await first.until("document.title.startsWith('(1!) #lobby')");
    using second = await Screen.open(`http://localhost:${chat.webPort}/`);
    await second.signIn("alice", PASSWORD);
    await second.until("document.title.startsWith('(1!) #lobby')");
    await second.open("bob");
    await second.see("while you were away", "#log");
    await second.until("document.title === 'bob – Banter'");
    while ((await (await chat.signedIn("alice")).quiet()).length > 0); // until it is confirmed and nothing waits any more
  });

  test("what the server refuses with a code of a later version is not sent, and says so with the reason", async () => {
    await using chat = await startTestServer(["alice"]);
    const changed: string[] = [];
    using later = relay(chat.webPort, (bytes) => {
      if (bytes.includes("empty_text")) changed.push(bytes);
      return bytes.replace("empty_text", "not_likely");
    });
    using alice = await enter({ webPort: later.port }, "alice");
    await alice.say("\u202e\u202c");
    await alice.see("There is no text in that message. Nothing was sent.", "#log");
    expect(changed).toHaveLength(1);
    expect((await alice.texts("#log .note p"))[0]).toStartWith("Not sent: ");
    expect(await alice.texts("#queue li")).toEqual([]);
    await alice.say("and on it goes");
    await alice.see("and on it goes", "#log");
    expect(await alice.read("sessionStorage.getItem('banter.waiting.alice')")).toBe("[]");
  });

  test("a wrong password, a taken name and a sign-in that has ended are told in a sentence", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await Screen.open(`http://localhost:${chat.webPort}/`);
    await alice.signIn("alice", "wrong-word-1");
    await alice.see("No account matches that name and password.", "#sign-in-said");
    await alice.type(PASSWORD);
    await alice.click("#register");
    await alice.see("alice is taken. Free: alice2, alice3.", "#sign-in-said");
    await alice.read("void (document.getElementById('password').value = '')");
    await alice.click("#sign-in .primary");
    await alice.see("Type a name and a password first.", "#sign-in-said");
    await alice.type(PASSWORD);
    await alice.press("Enter");
    await alice.until("document.title.includes('#lobby')");
    await alice.say("so much for that");
    await alice.see("so much for that", "#log"); // it is online, and will write down no other token
    expect(await alice.read("localStorage.getItem('banter.account')")).toBeNull(); // not asked to stay
    await alice.read(`void sessionStorage.setItem('banter.account', '{"user":"alice","token":"1.x"}')`);
    await alice.reload();
    await alice.see("Your sign-in has ended.", "#sign-in-said");
    expect(alice.complaints.filter((complaint) => !/status of 40[19]/.test(complaint))).toEqual([]);
  });

  test("a password that is changed ends the page: it says so, and then asks for the new one", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice");
    const told = alice.see("The password of alice was changed");
    await run([process.execPath, "users.ts", "passwd", "alice", "--data", chat.data], "second-password");
    await told;
    await alice.see("Your sign-in has ended. Sign in again", "#sign-in-said");
    await alice.signIn("alice", "second-password");
    await alice.until("document.title.includes('#lobby')");
    expect(alice.complaints).toEqual([]);
  });

  test("over plain http under a name of the network all works; a name a stranger points here gets nobody in", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const bob = await chat.signedIn("bob", "#lobby");
    using alice = await Screen.open(`http://teacher-pc:${chat.webPort}/`);
    expect(await alice.read("isSecureContext")).toBe(false);
    await alice.signIn("alice", PASSWORD);
    await alice.until("document.title.includes('#lobby')");
    await alice.say("from a phone in the room");
    expect(await bob.next("message")).toMatchObject({ text: "from a phone in the room" });
    expect(alice.complaints).toEqual([]);

    using rebound = await Screen.open(`http://evil.example:${chat.webPort}/`);
    const status = `fetch("/login", { method: "POST", body: '{"user":"alice","password":"${PASSWORD}"}' }).then((one) => one.status)`;
    expect(await rebound.read(status)).toBe(403);
    const opened = `new Promise((done) => { const socket = new WebSocket("ws://" + location.host + "/ws");
      socket.onopen = () => done("open"); socket.onerror = () => done("refused"); })`;
    expect(await rebound.read(opened)).toBe("refused");
    expect(await rebound.read(opened.replace("location.host", `"localhost:${chat.webPort}"`))).toBe("refused");
  });
});
