import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { projectorPage } from "../../server/page.ts";
import { reply } from "../../server/responses.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";
import { has, load } from "../kit/needs.ts";
import type { Shape } from "../kit/screen.ts";
import { BROWSER, enter, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const decoder = await load<typeof import("jsqr")>("jsqr");
const COLOUR = (selector: string) => `getComputedStyle(document.querySelector("${selector}")).color`;
const IS_OUT = "document.getElementById('door')?.hidden === false && document.activeElement.id === 'name'";
const HERE = "document.title.includes('#lobby') && /^[1-9]/.test(document.getElementById('here').textContent)";
/** What a browser still keeps of somebody, on this device and in this tab. */
const KEPT = "[...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter((key) => key !== 'banter.sound')";

/** A server in front of the chat's, as a proxy would be; `answer` is what it says itself. */
function front(chat: TestServer, answer: (path: string) => Response | undefined) {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch({ url }) {
      const { pathname } = new URL(url);
      const own = answer(pathname);
      if (own !== undefined) return own;
      const { headers, body } = await fetch(`http://localhost:${chat.webPort}${pathname}`);
      return new Response(body, { headers: { "Content-Type": headers.get("Content-Type")! } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}
async function stay(chat: TestServer): Promise<Screen> {
  const screen = await Screen.open(`http://localhost:${chat.webPort}/`);
  await screen.until("document.activeElement.id === 'name'");
  await screen.click("#stay");
  await screen.click("#name");
  await screen.signIn("alice", PASSWORD);
  await screen.until(HERE);
  return screen;
}
async function signOut(screen: Screen): Promise<void> {
  await screen.read("document.getElementById('me').focus()");
  await screen.press("Enter");
  await screen.push("Sign out", "#menu");
  await screen.until(IS_OUT);
}

describe.if(has(BROWSER, "axe-core"))("the door", () => {
  test("an error looks like one, stands at its field, and is gone with the next try", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await Screen.open(`http://localhost:${chat.webPort}/`);
    await alice.signIn("alice", "wrong-word-1");
    await alice.see("No account matches that name and password.", "#sign-in-said");
    expect(await alice.read(`${COLOUR("#sign-in-said")} !== ${COLOUR("#new-here")}`)).toBe(true);
    const place = `[document.activeElement.id, document.activeElement.ariaInvalid, document.getElementById("password").value]`;
    await alice.until("document.activeElement.id === 'password'");
    expect(await alice.read(place)).toEqual(["password", "true", ""]);
    await alice.type("short");
    await alice.click("#register");
    await alice.see("8", "#sign-in-said");
    expect(await alice.read(place)).toEqual(["password", "true", "short"]);
    await alice.read("void (document.getElementById('password').value = '')");
    await alice.type(PASSWORD);
    await alice.click("#register");
    await alice.see("alice is taken.", "#sign-in-said");
    expect(await alice.read("[document.activeElement.id, document.getElementById('password').ariaInvalid]")).toEqual([
      "name",
      null,
    ]);
    await alice.click("#sign-in .primary");
    await alice.until(HERE);
    expect(alice.complaints.filter((complaint) => !/status of 40[019]/.test(complaint))).toEqual([]);
  });

  test("who tried too often sees the seconds count down; a screen reader hears them once", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await Screen.open(`http://localhost:${chat.webPort}/`);
    const wrong = { method: "POST", body: JSON.stringify({ user: "alice", password: "wrong-word-1" }) };
    for (let tries = 0; tries < 11; tries++) await fetch(`http://localhost:${chat.webPort}/login`, wrong);
    await alice.read(`(() => {
      window.said = [];
      const look = () => said.push(document.getElementById("sign-in-said").textContent);
      new MutationObserver(look).observe(document.getElementById("sign-in-said"), { childList: true, characterData: true, subtree: true });
    })()`);
    await alice.signIn("alice", PASSWORD);
    await alice.see("Too many failed tries from this address.", "#sign-in-said");
    expect(await alice.audit()).toEqual([]);
    const seconds = "Number(/Try again in (\\d+) s/.exec(document.getElementById('sign-in-wait').textContent)?.[1])";
    const first = await alice.read<number>(seconds);
    expect(first).toBeGreaterThan(0);
    await alice.until(`${seconds} < ${first}`);
    const told = (await alice.read<string[]>("said")).filter((text) => text.includes("Too many"));
    expect(new Set(told).size).toBe(1);
    expect(told[0]).toMatch(/ Try again in \d+ seconds\.$/);
    expect(await alice.read("document.getElementById('sign-in-wait').ariaHidden")).toBe("true");
    await alice.read(`void (Date.now = () => ${Date.now() + 3_600_000})`); // the wait is over
    await alice.see("You can try again now.", "#sign-in-said");
    expect(await alice.read("document.getElementById('sign-in-wait').textContent")).toBe("");
  });

  test("what the server says in plain text is shown as it is, and what is not the chat's answer is called so", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await Screen.open(`http://evil.example:${chat.webPort}/`);
    await alice.signIn("alice", PASSWORD);
    await alice.see("Open the page by the address that the server printed when it started.", "#sign-in-said");
    expect(await alice.read("document.activeElement.id !== 'name'")).toBe(true);

    let status = 502;
    using proxy = front(chat, (path) =>
      path === "/login"
        ? new Response("<h1>Bad Gateway", { status, headers: { "Content-Type": "text/html" } })
        : undefined,
    );
    using bob = await Screen.open(proxy.url);
    await bob.signIn("alice", PASSWORD);
    await bob.see("It was not the chat that answered (status 502).", "#sign-in-said");
    status = 200;
    await bob.click("#sign-in .primary");
    await bob.see("(status 200)", "#sign-in-said");
    expect(await bob.read("document.getElementById('chat').hidden")).toBe(true);
  });

  test("signing out in one tab signs out all tabs of that account, and nothing of it stays", async () => {
    await using chat = await startTestServer(["alice", "bob", "carol"]);
    const [bob, carol] = [await chat.signedIn("bob", "#lobby"), await chat.signedIn("carol")];
    await bob.say("alice", "psst");
    await carol.say("alice", "hello");
    using other = await enter(chat, "bob"); // in a tab of the same browser, for this tab only
    using third = await enter(chat, "alice"); // likewise
    using first = await stay(chat);
    using second = await Screen.open(`http://localhost:${chat.webPort}/`);
    await second.until(HERE);
    await second.open("carol");
    await second.until("localStorage.getItem('banter.read.alice') !== null");
    await second.type("a draft");
    await third.read("void dispatchEvent(new Event('offline'))"); // a tab that has no connection hears it, too
    await third.say("waiting");
    await signOut(first);
    for (const screen of [second, third]) {
      await screen.until(IS_OUT);
      await screen.see("You have signed out in another tab.", "#sign-in-said");
    }
    for (const screen of [first, second, third])
      expect(
        (await screen.read<string[]>(KEPT)).filter((key) => key.includes("alice") || key === "banter.account"),
      ).toEqual([]);
    await first.reload();
    await first.until(IS_OUT);
    await bob.say("#lobby", "bob is still there");
    await other.see("bob is still there", "#log");
    await signOut(other);
    expect(await other.read(KEPT)).toEqual([]);
    expect([...first.complaints, ...second.complaints, ...other.complaints]).toEqual([]);
  });

  test("a tab that comes back writes no account down where it is gone, and leaves", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await stay(chat);
    await alice.unplug();
    await alice.read("void localStorage.removeItem('banter.account')"); // by a tab that it could not hear
    const back = alice.cdp("Network.emulateNetworkConditions", {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
    const isGone = "localStorage.getItem('banter.account') === null";
    await Promise.all([alice.until(`${IS_OUT} && ${isGone}`), back.catch(() => {})]); // the page may go before the browser answers
    await alice.reload();
    await alice.until(`${IS_OUT} && ${isGone}`);
  });

  test("the menu behind one's name works by keyboard and gives the focus back", async () => {
    await using chat = await startTestServer(["alice"]);
    using alice = await enter(chat, "alice");
    await alice.read("document.getElementById('me').focus()");
    await alice.press("Enter");
    await alice.until("document.getElementById('menu')?.open && document.activeElement.id === 'sound'");
    expect(await alice.audit("#menu")).toEqual([]);
    await alice.press("Space");
    await alice.press("Escape");
    await alice.until("!document.getElementById('menu')?.open && document.activeElement.id === 'me'");
    expect(await alice.read("localStorage.getItem('banter.sound')")).toBe("false");
    await alice.reload();
    await alice.until(HERE);
    await alice.click("#me");
    await alice.until("document.getElementById('menu')?.open");
    expect(await alice.read("document.getElementById('sound').checked")).toBe(false);
    await alice.read(
      `void document.elementFromPoint(900, 300).dispatchEvent(new MouseEvent("click", { bubbles: true }))`,
    ); // beside it
    await alice.until("!document.getElementById('menu')?.open");
  });
});

const SHAPES: Record<string, Shape> = {
  "on a projector": { width: 1024, height: 640 },
  "in dark": { width: 1024, height: 640, dark: true },
  "on a phone": { width: 390, height: 844, phone: true },
};
describe.if(has(BROWSER, "axe-core", "jsqr"))("/join", () => {
  for (const [shape, size] of Object.entries(SHAPES))
    test(`${shape} a camera reads each address that others can reach, and everything fits`, async () => {
      const address = "http://192.168.178.120:12346";
      await using chat = await startTestServer();
      using served = front(chat, (path) => {
        if (path !== "/join") return undefined;
        const { headers, body } = reply(200, "text/html", projectorPage([address, "http://localhost:12346"]));
        return new Response(body as string, { headers });
      });
      using page = await Screen.open(`${served.url}/join`, size);
      expect(await page.read("document.querySelectorAll('svg').length")).toBe(1);
      expect(await page.read("document.querySelector('svg[role=img]').ariaLabel")).toBe(`QR code of ${address}`);
      expect(await page.texts("li a")).toEqual([
        expect.stringMatching(/^http:\/\/\s*192\.168\.178\.120:12346$/),
        "http://localhost:12346",
      ]);
      expect(await page.read("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
      expect(await seen(page)).toBe(address);
      expect(await page.audit()).toEqual([]);
      expect(page.complaints).toEqual([]);
    });
});

/** What a reader of codes sees in a picture of the page, whose pixels the page itself tells. */
async function seen(page: Screen): Promise<string | undefined> {
  const picture = Buffer.from(await page.picture()).toString("base64");
  const { width, pixels } = await page.read<{ width: number; pixels: string }>(`(async () => {
    const image = new Image();
    image.src = "data:image/png;base64,${picture}";
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data, width } = canvas.getImageData(0, 0, image.width, image.height);
    return { width, pixels: Array.from({ length: data.length / 4 }, (_, n) => String.fromCharCode(data[4 * n] >> 1)).join("") };
  })()`);
  const grey = Uint8ClampedArray.from({ length: pixels.length * 4 }, (_, n) =>
    n % 4 === 3 ? 255 : pixels.charCodeAt(n >> 2) * 2,
  );
  return decoder!.default(grey, width, pixels.length / width)?.data;
}
