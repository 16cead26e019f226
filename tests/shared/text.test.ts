import { expect, spyOn, test } from "bun:test";
import { emoteOf, truncateMessage, wordsOf } from "../../shared/text.ts";

test.each([
  ["abc", 3, "abc", 0],
  ["abcd", 3, "abc", 1],
  ["ab\u{1f469}\u200d\u{1f467}c", 4, "ab", 4], // a family is one grapheme
  ["ab\u{1f469}c", 3, "ab\u{1f469}", 1],
  ["a\r\nb", 2, "a", 3],
  ["\u{1f1e6}\u{1f1e7}\u{1f1e6}\u{1f1e7}", 3, "\u{1f1e6}\u{1f1e7}", 2], // so is a flag, of two letters
  ["e\u0301\u0301\u0301", 2, "e\u0301", 2], // one that is too long alone is cut inside
])("%j cut to %d code points is %j, and %d are cut off", (text, max, kept, cut) => {
  expect(truncateMessage(text, max)).toEqual({ text: kept, cut });
});

test("to cut a long text no more of it is segmented than stays, and the character after", () => {
  using segment = spyOn(Intl.Segmenter.prototype, "segment");
  const { text, cut } = truncateMessage(`e${"\u0301".repeat(30_000)}`);
  expect([text.length, cut]).toEqual([4_000, 26_001]);
  expect(segment.mock.calls.map(([segmented]) => segmented.length)).toEqual([4_002]);
});

test.each([
  ["", []],
  [" \n\t\u00a0\u3000", []],
  ["  Two\tSUGARS\u3000two\n", ["two", "sugars"]],
  ['"a\\b" ÖL .* ΟΔΟΣ', ['"a\\b"', "öl", ".*", "οδος"]],
])("the words of %j are %j", (match, words) => {
  expect(wordsOf(match)).toEqual(words);
});

test.each([
  ["/me waves", "waves"],
  ["/me  waves\n  twice ", "waves\n  twice "],
  ["/me", undefined],
  ["/me  ", undefined],
  ["/meow", undefined],
  [" /me waves", undefined],
  ["it is /me", undefined],
])("what somebody does who said %j is %j", (text, emote) => {
  expect(emoteOf(text)).toBe(emote);
});
