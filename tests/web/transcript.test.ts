import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Message } from "../../protocol.ts";
import type { Format, Transcript } from "../../web/transcript.ts";
import { fileName, transcribe } from "../../web/transcript.ts";
import { PATIENCE, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";
import { BROWSER, Screen } from "../kit/screen.ts";

setDefaultTimeout(PATIENCE);

const NIGHT = Date.UTC(2026, 10, 29, 23, 30); // in Vienna it is half past midnight, on the 30th
const message = (seq: number, text: string, more: Partial<Message> = {}): Message => ({
  ...{ type: "message", to: "#lab", seq, from: "bob", id: `b-${seq}`, at: NIGHT + seq * 60_000, text },
  ...more,
});
const transcript = (...messages: Message[]): Transcript => ({
  ...{ name: "#lab", user: "alice", at: NIGHT + 3_600_000, zone: "Europe/Vienna", messages },
});
const HOSTILE = [
  `</div></li></style></title><script>document.title = "owned"</script><img src=x onerror="document.title = 'owned'">`,
  "\u202Ereversed\u2066\u0007\u001b[2J & &amp; \"quotes\" 'single' <b>",
  '`</code><script>document.title = "owned"</script>` https://example.org/"onmouseover="x',
  '```\n</code></pre><script>document.title = "owned"</script>\n```',
  "javascript:alert(1) data:text/html,<script>1</script> https://example.org/<script>",
];

test("as text: days, times of the zone that is named, acts, what was removed or cut off, and lines that nobody can forge", () => {
  const { type, text } = transcribe(
    transcript(
      message(-60, "before midnight"),
      message(1, "two lines\n00:40 carol: forged\u202801:00 carol: forged too", { host: true }),
      message(2, "(a lock)", { act: "set", key: "lock", value: String(NIGHT + 3_600_000), from: "ms.lee" }),
      message(3, "(removed)", { removed: "ms.lee", was: "an insult" }),
      message(4, "```\n\tx = 1\n```", { cut: 7 }),
      message(5, "danced", { act: "dance" }), // of a newer server
      message(6, "/me waves", { host: true }),
      message(7, "never", { at: 9e15 }),
    ),
    "txt",
  );
  expect(type).toBe("text/plain;charset=utf-8");
  expect(text.split("\n")).toEqual([
    "#lab",
    "8 messages, saved by alice at 01:30 on 30 November 2026. All times are those of Europe/Vienna.",
    "",
    "── Sunday 29 November 2026 ──",
    "",
    "23:30 bob: before midnight",
    "",
    "── Monday 30 November 2026 ──",
    "",
    "00:31 bob (host): two lines",
    "  00:40 carol: forged",
    "  01:00 carol: forged too",
    "00:32 * ms.lee locked lab until 01:30 on 30 November 2026: only hosts can write",
    "00:33 bob: (removed by ms.lee)",
    "00:34 bob: ```",
    "  \tx = 1",
    "  ```",
    "  (7 more characters were cut off)",
    "00:35 bob: danced",
    "00:36 * bob (host) waves",
    "",
    "── --:-- ──",
    "",
    "--:-- bob: never",
    "",
  ]);
});

test("the file is named after the room or the person, and the day in the zone", () => {
  expect(fileName(transcript(), "html")).toBe("banter-lab-2026-11-30.html");
  expect(fileName({ ...transcript(), name: "bob.b", zone: "UTC" }, "txt")).toBe("banter-bob.b-2026-11-30.txt");
  expect(fileName({ ...transcript(), at: NIGHT, zone: "UTC" }, "txt")).toBe("banter-lab-2026-11-29.txt");
  expect(transcribe({ ...transcript(), name: "bob" }, "txt").text).toStartWith("alice and bob\n0 messages, ");
});

test("no character of a text becomes markup, and none reorders or drives anything", () => {
  const kept = (format: Format) => transcribe(transcript(...HOSTILE.map((text, i) => message(i, text))), format).text;
  const ours = "a b code div doctype h1 h2 html i li main meta ol p pre style time title";
  const tags = kept("html")
    .match(/<[^ >]*/g)!
    .map((tag) => tag.replace(/\W/g, ""));
  expect(new Set(tags).difference(new Set(ours.split(" ")))).toEqual(new Set());
  for (const format of ["html", "txt"] as const)
    expect(kept(format)).not.toMatch(/[\u202a-\u202e\u2066-\u2069\0-\x08\x0b-\x1f]/);
});

test.if(has(BROWSER))(
  "as a page: it is read in a browser, shows code and links, and runs nothing whatever was said",
  async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "page.html");
    const lesson = "look:\n```js\n<x> & 1\n\ty\n```\nand `<i>`, https://example.org/a_(b).";
    const { type, text } = transcribe(
      transcript(
        ...HOSTILE.map((hostile, i) => message(i, hostile)),
        message(10, lesson, { from: "carol", host: true, cut: 3 }),
        message(11, "", { act: "remove", of: "bob", from: "ms.lee" }),
        message(12, "(removed)", { removed: "ms.lee", was: "an insult" }),
      ),
      "html",
    );
    expect(type).toBe("text/html;charset=utf-8");
    await Bun.write(file, text);
    using screen = await Screen.open(pathToFileURL(file).href);
    expect(await screen.read("[document.title, document.querySelector('h1').innerText]")).toEqual(["#lab", "#lab"]);
    expect(await screen.texts("h2")).toEqual(["Monday 30 November 2026"]);
    expect(await screen.texts(":is(script, img, iframe, object, svg, form), [onmouseover], [onerror]")).toEqual([]);
    expect(await screen.read("document.querySelectorAll('style').length")).toBe(1);
    expect((await screen.texts("li > div")).slice(0, 2)).toEqual([
      HOSTILE[0]!,
      "reversed[2J & &amp; \"quotes\" 'single' <b>",
    ]);
    expect(await screen.read("Array.from(document.links, ({ href, rel }) => href + ' ' + rel)")).toEqual([
      "https://example.org/ noopener noreferrer nofollow",
      "https://example.org/ noopener noreferrer nofollow",
      "https://example.org/a_(b) noopener noreferrer nofollow",
    ]);
    expect(await screen.texts("li:nth-of-type(6) :is(b, pre, code, i)")).toEqual([
      "carol (host)",
      "<x> & 1\n\ty",
      "<x> & 1\n\ty",
      "<i>",
      "3 more characters were cut off",
    ]);
    expect(await screen.texts("li:nth-last-of-type(-n + 2) i")).toEqual([
      "ms.lee removed a message of bob in lab",
      "(removed by ms.lee)",
    ]);
    if (has("axe-core")) expect(await screen.audit()).toEqual([]);
    expect(screen.complaints).toEqual([]);
  },
);
