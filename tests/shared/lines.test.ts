import { expect, setDefaultTimeout, test } from "bun:test";
import { Lines } from "../../shared/lines.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

/** All that comes out when a stream arrives in these chunks, its end included. */
function read(chunks: readonly Uint8Array[], limit?: number): { lines: (string | null)[]; overflow: boolean } {
  const lines = new Lines(limit);
  const all = chunks.flatMap((chunk) => lines.push(chunk));
  const last = lines.end();
  return { lines: last === undefined ? all : [...all, last], overflow: lines.overflow };
}

/** Every way to cut a stream into at most three chunks. */
function* splits(stream: Uint8Array): Generator<Uint8Array[]> {
  for (let a = 0; a <= stream.length; a++)
    for (let b = a; b <= stream.length; b++) yield [stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)];
}

test("every split of a stream gives the same lines", () => {
  const stream = Buffer.concat([
    bytes("one\ntwo\r\n\n\r\n\u{1f44b}ü\n\ufeffbom\na\rb\n"),
    Uint8Array.of(0x61, 0xff, 0x0a, 0xc3, 0x0a), // not UTF-8; the second a character that is cut by its LF
    bytes("last"),
  ]);
  const expected = ["one", "two", "", "", "\u{1f44b}ü", "\ufeffbom", "a\rb", null, null, "last"];

  for (const chunks of splits(stream)) expect(read(chunks)).toEqual({ lines: expected, overflow: false });
  expect(read(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual({ lines: expected, overflow: false });
});

test("one CR right before LF is dropped, any other stays", () => {
  expect(read([bytes("a\r\n")]).lines).toEqual(["a"]);
  expect(read([bytes("a\r\r\n")]).lines).toEqual(["a\r"]);
  expect(read([bytes("\ra\n")]).lines).toEqual(["\ra"]);
  expect(read([bytes("a\r"), bytes("\nb\n")]).lines).toEqual(["a", "b"]);
  expect(read([bytes("a\rb\rc\n")]).lines).toEqual(["a\rb\rc"]);
});

test.each([
  ["a line of exactly the limit passes", "x".repeat(16) + "\nb\n", ["x".repeat(16), "b"], false],
  ["one byte more does not", "a\n" + "x".repeat(17) + "\nb\n", ["a"], true],
  ["bytes count, not characters", "a\n" + "ü".repeat(9) + "\nb\n", ["a"], true],
  ["also unfinished", "a\n" + "x".repeat(17), ["a"], true],
  ["also at the end", "a\n" + "x".repeat(16), ["a", "x".repeat(16)], false],
  ["many short ones are no long one", "abcdef\n".repeat(10), Array(10).fill("abcdef"), false],
])("limit: %s, however it is split", (_, text, lines, overflow) => {
  for (const chunks of splits(bytes(text))) expect(read(chunks, 16)).toEqual({ lines, overflow });
});

test("a line that is too long is too long also when it is not UTF-8", () => {
  const stream = Buffer.concat([bytes("a\n"), new Uint8Array(17).fill(0xff), bytes("\nb\n")]);
  for (const chunks of splits(stream)) expect(read(chunks, 16)).toEqual({ lines: ["a"], overflow: true });
});

test("after an overflow nothing comes out and nothing is held", () => {
  const lines = new Lines(16);
  lines.push(bytes("x".repeat(17)));
  expect(lines.push(bytes("a\nb\n"))).toEqual([]);
  expect(lines.end()).toBeUndefined();
  expect(lines.pending).toBeLessThanOrEqual(16);
});

test("pending tells how much of an unfinished line is held", () => {
  const lines = new Lines();
  lines.push(bytes("one\ntwo"));
  expect(lines.pending).toBe(3);
  lines.push(bytes("2"));
  expect(lines.pending).toBe(4);
  lines.push(bytes("\n"));
  expect(lines.pending).toBe(0);
});

test("a chunk is not kept: its buffer may be used again for the next one", () => {
  const lines = new Lines();
  const buffer = bytes("one\ntwo");
  lines.push(buffer);
  buffer.fill(0x78);
  expect(lines.push(bytes("\n"))).toEqual(["two"]);
});

test("a byte at a time stays linear", () => {
  // Copying the unfinished line for every byte of it would move 64 GiB here.
  const lines = new Lines(1024 * 1024);
  const one = Uint8Array.of(0x78);
  for (let n = 0; n < 360_000; n++) expect(lines.push(one).length).toBe(0);
  expect(lines.push(bytes("\n"))).toEqual(["x".repeat(360_000)]);
}, 5_000);

test("a message that arrives a byte at a time over a real socket is one message", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  const line = `{"type":"say","to":"#lab","text":"\u{1f44b} grüße","id":"slow"}\r\n`;
  for (const byte of Buffer.from(line)) {
    alice.raw(Uint8Array.of(byte));
    await new Promise((resume) => setImmediate(resume));
  }
  expect(await alice.next("message")).toMatchObject({ id: "slow", text: "\u{1f44b} grüße" });
});
