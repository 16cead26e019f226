import { expect, test } from "bun:test";
import { nearest } from "../../shared/nearest.ts";

test.each([
  ["jion", "join"],
  ["histroy", "history"],
  ["roooms", "rooms"],
  ["x", undefined],
  ["zebra", undefined],
])("%s may have meant %p", (word, expected) => {
  expect(nearest(word, ["join", "history", "rooms"])).toBe(expected);
});

test("a word that is longer than any command is compared with none of them, whatever its length", () => {
  const compared: PropertyKey[] = [];
  const watched = new Proxy(["join"], {
    get(all, key) {
      compared.push(key);
      return Reflect.get(all, key);
    },
  });
  expect(nearest("a".repeat(20), watched)).toBeUndefined();
  expect(compared).toEqual([]);
});
