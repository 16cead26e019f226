import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Code } from "../../server/qr.ts";
import { qrCode, qrPicture } from "../../server/qr.ts";
import { PATIENCE } from "../kit/harness.ts";
import { has, load } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const encoder = await load<typeof import("qr")>("qr");
const decoder = await load<typeof import("jsqr")>("jsqr");

const ADDRESSES = [
  "http://10.0.0.5:12346",
  "http://192.168.178.120:12346",
  "http://[fd00::1c2:ff:fe00:1234]:12346",
  "https://chat.informatik.gymnasium-musterstadt.example:12346",
];
/** An address of every length that fits: all versions, and each of them full and nearly empty. */
const LENGTHS = Array.from({ length: 213 }, (_, n) =>
  ("http://host/" + "abcdefgh-0123456789.~_".repeat(10)).slice(0, n + 1),
);

function ours(text: string, mask: number): Code {
  return qrCode(text, [mask])!;
}
/** The penalties of the standard (ISO/IEC 18004, 7.8.3), counted module by module. */
function penalties(code: Code): number {
  const size = code.length;
  const at = (y: number, x: number, isTurned: boolean) => Number(isTurned ? code[x]![y] : code[y]![x]);
  let sum = 0;
  for (const isTurned of [false, true])
    for (let y = 0; y < size; y++)
      for (let x = 0, run = 1; x < size; x++) {
        run = x > 0 && at(y, x, isTurned) === at(y, x - 1, isTurned) ? run + 1 : 1;
        if (run === 5) sum += 3;
        else if (run > 5) sum += 1;
        const next = Array.from({ length: 11 }, (_, n) => (x + n < size ? at(y, x + n, isTurned) : 2)).join("");
        if (next === "10111010000" || next === "00001011101") sum += 40;
      }
  for (let y = 1; y < size; y++)
    for (let x = 1; x < size; x++)
      if (new Set([code[y]![x], code[y - 1]![x], code[y]![x - 1], code[y - 1]![x - 1]]).size === 1) sum += 3;
  const dark = code.flat().filter(Boolean).length;
  for (let off = 5; Math.abs((dark / size ** 2) * 100 - 50) >= off; off += 5) sum += 10;
  return sum;
}

describe.if(has("qr"))("a QR code, beside those of another encoder", () => {
  test("is the same, module by module, for addresses of every length and with every mask", () => {
    for (const text of [...ADDRESSES, ...LENGTHS])
      for (let mask = 0; mask < 8; mask++) {
        const framed = encoder!.encodeQR(text, "raw", { ecc: "medium", encoding: "byte", mask, border: 1 });
        const theirs = framed.slice(1, -1).map((row) => row.slice(1, -1));
        expect(ours(text, mask), `${text}, mask ${mask}`).toEqual(theirs);
      }
  });
});

test("a code has the mask with the fewest penalties", () => {
  for (const text of [...ADDRESSES, ...LENGTHS.filter((_, n) => n % 7 === 0)]) {
    const all = Array.from({ length: 8 }, (_, mask) => penalties(ours(text, mask)));
    expect(penalties(qrCode(text)!), text).toBe(Math.min(...all));
  }
});

test("a text of more than 213 bytes has no code", () => {
  expect(qrCode("x".repeat(213))).toHaveLength(57);
  expect(qrCode("x".repeat(214))).toBeUndefined();
  expect(qrCode("é".repeat(107))).toBeUndefined();
});

describe.if(has("jsqr"))("a picture of a QR code", () => {
  test("is what a reader of codes reads, also when a spot covers some of it", () => {
    for (const text of [...ADDRESSES, ...LENGTHS.filter((_, n) => n % 10 === 0), "Grüße an alle"]) {
      const code = qrCode(text)!;
      const marred = code.map((row, y) => row.map((dark, x) => dark !== (y > 9 && y < 13 && x > 9 && x < 13)));
      for (const one of [code, marred]) expect(read(one), text).toBe(text);
    }
  });

  test("draws every dark module and nothing else, with a light frame of four, and says what it is", () => {
    const code = qrCode(ADDRESSES[0]!)!;
    const svg = qrPicture(code, "QR code of here");
    expect(svg).toContain('role="img" aria-label="QR code of here" viewBox="-4 -4 33 33"');
    expect(svg).not.toContain("style");
    const runs = [...svg.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)].map((run) => run.slice(1).map(Number));
    const drawn = code.map((row) => row.map(() => false));
    for (const [x, y, length] of runs as [number, number, number][]) drawn[y]!.fill(true, x, x + length);
    expect(drawn).toEqual(code as boolean[][]);
  });
});

/** What a reader of codes sees in one, with a light frame of four modules and four pixels a module. */
function read(code: Code): string | undefined {
  const width = 4 * (code.length + 8);
  const pixels = new Uint8ClampedArray(width * width * 4).fill(255);
  for (let y = 0; y < width; y++)
    for (let x = 0; x < width; x++)
      if (code[(y >> 2) - 4]?.[(x >> 2) - 4]) pixels.fill(0, 4 * (y * width + x), 4 * (y * width + x) + 3);
  return decoder!.default(pixels, width, width)?.data;
}
