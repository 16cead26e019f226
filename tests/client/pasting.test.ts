import { expect, setDefaultTimeout, test } from "bun:test";
import { Pasting } from "../../client/pasting.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** What these reads are taken for, each so many ms after the one before. */
function taken(...reads: [read: string, after: number][]) {
  let now = 0;
  const pasting = new Pasting(() => now);
  return reads.map(([read, after]) => {
    now += after;
    return pasting.take(read);
  });
}

test.each([
  ["a line and its Enter", "hello\r"],
  ["a line and the beginning of the next", "hello\rwor"],
  ["Enter twice", "hello\r\r"],
  ["keys", "\x1b[A\x03one\rtwo\r"],
  ["new lines that were typed as such", "one\ntwo\nthree\r"],
  ["nothing but Enter", "\r\r\r"],
])("%s is typed", (_, read) => {
  expect(taken([read, 0])).toEqual(["typed"]);
});

test("a block may come in several reads, split anywhere, and is over when a moment passes", () => {
  expect(
    taken(["one\rtwo\rth", 0], ["ree\r", 5], ["four\rfi", 5], ["ve", 49], ["\r", 5], ["six", 5], ["seven\r", 5]),
  ).toEqual(["pasted", "pasted", "a new line of it", "pasted", "typed", "typed", "typed"]);
  expect(taken(["one\r\ntwo\r\n", 0], ["yes\r", 51])).toEqual(["pasted", "typed"]);
  expect(taken(["one\rtwo\r", 0], ["\x03", 1], ["yes\r", 1])).toEqual(["pasted", "typed", "typed"]);
});
