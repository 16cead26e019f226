import { describe, expect, test } from "bun:test";
import type { Received } from "../../server/frames.ts";
import { closeFrame, FrameReader, textFrame } from "../../server/frames.ts";

const LIMIT = 70_000;
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];

/** A frame as a client sends it. */
function masked(opcode: number, payload: string | Uint8Array = "", { isFinal = true, bits = 0 } = {}): Buffer {
  const bytes = Buffer.from(payload as Uint8Array);
  const mask = Buffer.from([7, 77, 177, 250]);
  const { length } = bytes;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = (isFinal ? 0x80 : 0) | bits | opcode;
  head[1] = 0x80 | (length < 126 ? length : length < 0x10000 ? 126 : 127);
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, mask, bytes.map((byte, i) => byte ^ mask[i & 3]!)]);
}
/** What a reader makes of these bytes, in packets of `size`. */
function read(bytes: Buffer, size = bytes.length): Received[] {
  const reader = new FrameReader(LIMIT);
  const received: Received[] = [];
  for (let at = 0; at < bytes.length; at += size)
    received.push(...reader.push(Uint8Array.from(bytes.subarray(at, at + size))));
  return received;
}

test("messages, fragments and control frames come out the same, however their bytes are split", () => {
  const texts = ["", "hi", "ü👋".repeat(40), "x".repeat(126), "y".repeat(65_535), "z".repeat(65_536)];
  const stream = Buffer.concat([
    ...texts.map((text) => masked(TEXT, text)),
    masked(TEXT, "one, ", { isFinal: false }),
    masked(PING, "are you there"),
    masked(CONTINUATION, "", { isFinal: false }),
    masked(PONG),
    masked(CONTINUATION, Buffer.from("tw\u{f6}").subarray(0, 3), { isFinal: false }),
    masked(CONTINUATION, Buffer.from("\u{f6}").subarray(1)),
    masked(CLOSE, closeFrame(1001).subarray(2)),
    masked(TEXT, "after the end"),
  ]);
  const expected = [
    ...texts.map((text) => ({ text })),
    { ping: Buffer.from("are you there") },
    { text: "one, tw\u{f6}" },
    { close: 1001 },
  ];
  for (const size of [1, 2, 3, 7, 1000, 65_536, stream.length])
    expect([size, read(stream, size)]).toEqual([size, expected]);
});

describe("a connection ends with the code of RFC 6455, 7.4.1", () => {
  const notUtf8 = Buffer.from([0xc0, 0xaf]);
  const unmasked = Buffer.from(textFrame(Buffer.from("hi")));
  const rows: [string, Buffer[], number][] = [
    ["not masked", [unmasked], 1002],
    ["a reserved bit", [masked(TEXT, "hi", { bits: 0x40 })], 1002],
    ["a reserved opcode", [masked(0x3, "hi")], 1002],
    ["a reserved control opcode", [masked(0xb)], 1002],
    ["a continuation of nothing", [masked(CONTINUATION, "hi")], 1002],
    ["a message inside another", [masked(TEXT, "a", { isFinal: false }), masked(TEXT, "b")], 1002],
    ["a ping in pieces", [masked(PING, "", { isFinal: false })], 1002],
    ["a long ping", [masked(PING, "x".repeat(126))], 1002],
    ["bytes", [masked(BINARY, "hi")], 1003],
    ["not UTF-8", [masked(TEXT, notUtf8)], 1007],
    ["too big", [masked(TEXT, "x".repeat(LIMIT + 1))], 1009],
    ["too big in pieces", [masked(TEXT, "x".repeat(LIMIT), { isFinal: false }), masked(CONTINUATION, "x")], 1009],
    ["2^63 bytes, of which none has come", [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0])], 1009],
    ["a goodbye without a code", [masked(CLOSE)], 1000],
    ["half a code", [masked(CLOSE, Buffer.from([3]))], 1002],
    ["a code that is never sent", [masked(CLOSE, Buffer.from([1006 >> 8, 1006 & 255]))], 1002],
    ["a reason that is not UTF-8", [masked(CLOSE, Buffer.from([3, 232, ...notUtf8]))], 1002],
    ["a code of one's own", [masked(CLOSE, Buffer.from([4000 >> 8, 4000 & 255]))], 4000],
  ];
  test.each(rows)("%s", (_, frames, code) => {
    const stream = Buffer.concat(frames);
    for (const size of [1, stream.length]) expect(read(stream, size)).toEqual([{ close: code }]);
  });
});

test("what a server sends is final, not masked, and says its length", () => {
  for (const [length, head] of [
    [125, [0x81, 125]],
    [126, [0x81, 126, 0, 126]],
    [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ] as const) {
    const frame = textFrame(Buffer.alloc(length, "x"));
    expect([...frame.subarray(0, head.length)]).toEqual([...head]);
    expect(frame).toHaveLength(head.length + length);
  }
});
