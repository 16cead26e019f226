import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Draft, History } from "../../server/history.ts";
import { openHistory } from "../../server/history.ts";
import { LIMITS } from "../../protocol.ts";
import { PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { Random } from "../kit/random.ts";

setDefaultTimeout(PATIENCE);

let serial = 0;
const said = (to: string, from: string, text: string): Draft => ({ to, from, text, id: `id-${++serial}` });
const goOn = async () => true;

/** A history in which this was said in #lab, and how it is searched. */
async function openWith(texts: readonly string[], from = "alice") {
  const folder = temporaryFolder();
  const history = openHistory(join(folder.path, "chat.db"));
  await history.append(texts.map((text) => said("#lab", from, text)));
  return {
    history,
    find: (match: string, limit = 50, before?: number) => find(history, "#lab", match, limit, before),
    [Symbol.dispose]() {
      history.close();
      folder[Symbol.dispose]();
    },
  };
}
async function find(history: History, conversation: string, match: string, limit = 50, before?: number) {
  const found = await history.newest(conversation, limit, { before }, { match, goOn });
  return found.map(({ text }) => text);
}

test("a search finds the messages that contain all its words, in any order and anywhere in them", async () => {
  using lab = await openWith(["two sugars", "two", "sugars, and milk for two", "sugar", "twosugars", "milk"]);
  expect(await lab.find("two sugars")).toEqual(["two sugars", "sugars, and milk for two", "twosugars"]);
  expect(await lab.find("sugars two")).toEqual(["two sugars", "sugars, and milk for two", "twosugars"]);
  expect(await lab.find("sugar milk two")).toEqual(["sugars, and milk for two"]);
  expect(await lab.find("two two")).toEqual(["two sugars", "two", "sugars, and milk for two", "twosugars"]);
  expect(await lab.find("sugars tea")).toEqual([]);
});

test("white space separates words, whichever it is; a search without a word finds everything", async () => {
  using lab = await openWith(["two sugars", "sugars\n\ttwo", "two"]);
  for (const match of ["two sugars", "  two\n\nsugars\t", "two\u00a0sugars", "two\u3000sugars"])
    expect([match, await lab.find(match)]).toEqual([match, ["two sugars", "sugars\n\ttwo"]]);
  for (const match of ["", " ", "\n\t \u00a0"])
    expect([match, await lab.find(match, 2)]).toEqual([match, ["sugars\n\ttwo", "two"]]);
});

test("case does not matter, beyond ASCII too", async () => {
  using lab = await openWith(["GRÜSSE an alle", "alle grüßen: grüsse", "Привет, МИР", "ΟΔΟΣ ΑΒΓ", "ŁÓDŹ"]);
  expect(await lab.find("ALLE grüsse")).toEqual(["GRÜSSE an alle", "alle grüßen: grüsse"]);
  expect(await lab.find("мир привет")).toEqual(["Привет, МИР"]);
  expect(await lab.find("αβγ οδος")).toEqual(["ΟΔΟΣ ΑΒΓ"]);
  expect(await lab.find("łódź")).toEqual(["ŁÓDŹ"]);
});

test("a word is what it is: no pattern, and nothing of how messages are kept", async () => {
  const texts = [
    'he said "no" twice',
    String.raw`C:\new\table`,
    String.raw`\n and \\ and \u0041`,
    "a\nothing\ttoo",
    'a"b\\c',
    "50 % off_season",
    '{"type":"message","text":"x"}',
    "],[",
    "👩‍👧 was here",
    "null and void",
  ];
  using lab = await openWith(texts);
  const found = async (match: string) => (await lab.find(match)).map((text) => texts.indexOf(text));
  expect(await found('"no"')).toEqual([0]);
  expect(await found('twice "')).toEqual([0]);
  expect(await found('"')).toEqual([0, 4, 6]);
  expect(await found("\\")).toEqual([1, 2, 4]);
  expect(await found(String.raw`\TABLE \new`)).toEqual([1]);
  expect(await found(String.raw`\\`)).toEqual([2]);
  expect(await found(String.raw`\n`)).toEqual([1, 2]);
  expect(await found(String.raw`\t`)).toEqual([1]);
  expect(await found(String.raw`\u0041`)).toEqual([2]);
  expect(await found("nothing")).toEqual([]);
  expect(await found("othing a")).toEqual([3]);
  expect(await found("ttoo")).toEqual([]);
  expect(await found('a"b\\c')).toEqual([4]);
  expect(await found("%")).toEqual([5]);
  expect(await found("off_s % 5")).toEqual([5]);
  expect(await found("off.s")).toEqual([]);
  expect(await found('"type":"message"')).toEqual([6]);
  expect(await found('"text":')).toEqual([6]);
  expect(await found("}")).toEqual([6]);
  expect(await found("],[")).toEqual([7]);
  expect(await found("here 👩")).toEqual([8]);
  expect(await found("null")).toEqual([9]);
});

test("only texts are looked at: not who said it, where, when or under which id", async () => {
  using lab = await openWith(["the text", "from here on", "a message of 1 id", "#lab is a room"]);
  expect(await lab.find("text")).toEqual(["the text"]);
  expect(await lab.find("from")).toEqual(["from here on"]);
  expect(await lab.find("message")).toEqual(["a message of 1 id"]);
  expect(await lab.find("id")).toEqual(["a message of 1 id"]);
  expect(await lab.find("#lab")).toEqual(["#lab is a room"]);
  for (const word of ["alice", "type", "seq", '"', ":", "cut", "id-", String(new Date().getFullYear()).slice(0, 2)])
    expect([word, await lab.find(word)]).toEqual([word, []]);
});

test("each message is looked at by itself, and by none of its neighbours", async () => {
  using lab = await openWith(["one two", "three", "four", "two four"]);
  expect(await lab.find("one three")).toEqual([]);
  expect(await lab.find("two four")).toEqual(["two four"]);
});

test("an inbox is searched in what was received and what was sent", async () => {
  using lab = await openWith([]);
  await lab.history.append([
    said("bob", "alice", "tea for two"),
    said("alice", "bob", "two sugars in the tea"),
    said("carol", "bob", "tea for two"),
  ]);
  expect(await find(lab.history, "@alice", "two tea")).toEqual(["tea for two", "two sugars in the tea"]);
  expect(await find(lab.history, "@carol", "two tea")).toEqual(["tea for two"]);
});

test("what was found is whole and in its order, wherever it is in a long history, and the limit counts only that", async () => {
  const random = new Random(1);
  const words = ["Tea", "SUGAR", "milk", "✓✓", "\u{1f469}\u200d\u{1f467}", '"', "\\", "é"];
  const texts = Array.from({ length: 6_000 }, () => {
    const chosen = words.filter(() => random.chance(0.1));
    return `${chosen.join(random.pick([" ", "\n", "-"]))}${random.chance(0.01) ? "x✓".repeat(2_000) : "."}`;
  });
  using lab = await openWith(texts);
  const all = await lab.history.newest("#lab", 1);
  for (const wanted of [["tea", "sugar"], ["✓✓", "milk"], ["\\", '"'], ["👩‍👧", "É"], ["tea"]]) {
    const isFound = (text: string) => wanted.every((word) => text.toLowerCase().includes(word.toLowerCase()));
    const places = texts.flatMap((text, place) => (isFound(text) ? place + 1 : []));
    expect(places.length).toBeGreaterThan(30);
    for (const before of [texts.length + 1, 3_000, places[25]! + 1]) {
      const match = wanted.toReversed().join(" ");
      const found = await lab.history.newest("#lab", 20, { before }, { match, goOn });
      const last = places.filter((seq) => seq < before).slice(-20);
      expect(found.map(({ seq }) => seq)).toEqual(last);
      expect(found).toEqual(
        last.map((seq) => ({ ...all[0]!, seq, id: found.find((one) => one.seq === seq)!.id, text: texts[seq - 1]! })),
      );
    }
  }
});

test("a search for more words than it takes is refused with a sentence", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  const words = Array.from({ length: LIMITS.words }, (_, n) => `w${n}`);
  await alice.ask({ type: "say", to: "#lab", text: words.toReversed().join(" ") });
  const search = (match: string) => alice.ask({ type: "history", to: "#lab", match });
  expect((await search(words.join(" "))).messages).toHaveLength(1);
  expect((await search(`${words.join(" ")} W0`)).messages).toHaveLength(1);
  expect(await search(`${words.join(" ")} more`)).toMatchObject({
    code: "bad_request",
    text: "A search takes at most 50 words. Nothing was looked for.",
  });
});

test("a search over the wire: words in any order, a limit, and from where it is asked on", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  for (const text of ["Two sugars", "sugars?", "no sugars for two"]) await alice.ask({ type: "say", to: "#lab", text });
  const search = async (more: object) => {
    const { messages } = await alice.ask({ type: "history", to: "#lab", ...more });
    return messages.map(({ text }: { text: string }) => text);
  };
  expect(await search({ match: "SUGARS two" })).toEqual(["Two sugars", "no sugars for two"]);
  expect(await search({ match: "two sugars", limit: 1 })).toEqual(["no sugars for two"]);
  expect(await search({ match: "sugars two", before: 3 })).toEqual(["Two sugars"]);
  expect(await search({ match: " " })).toEqual(["Two sugars", "sugars?", "no sugars for two"]);
  const typist = await chat.typist("alice");
  typist.type("/join lab");
  await typist.quietLines();
  typist.type("/search two   sugars");
  expect((await typist.quietLines()).map((line) => line.replace(/^\* \d\d:\d\d /, ""))).toEqual([
    "alice (in lab): Two sugars",
    "alice (in lab): no sugars for two",
  ]);
});
