import { expect, test } from "bun:test";
import { Turns } from "../../server/turns.ts";

/** Somebody whose lines are taken one by one: the next when the one before is `done`. */
function taker(mustWait: () => Promise<void> | undefined = () => undefined) {
  const taken: (string | null)[] = [];
  const paused: boolean[] = [];
  let done = () => {};
  const turns = new Turns({
    mustWait,
    take(line) {
      taken.push(line);
      return new Promise((resolve) => (done = resolve));
    },
    allTaken: () => {},
    pause: (on) => paused.push(on),
  });
  return { turns, taken, paused, done: () => done() };
}
const settled = () => new Promise<void>((resume) => setImmediate(resume));

test("a line under way lets the later ones wait, and the connection with them", async () => {
  const { turns, taken, paused, done } = taker();
  turns.add(["one", "two"]);
  expect([taken, paused]).toEqual([["one"], [true]]);
  done();
  await settled();
  expect([taken, paused]).toEqual([
    ["one", "two"],
    [true, false],
  ]);
});

test("a line may have to wait before it is taken, and those behind it with it", async () => {
  let goOn = () => {};
  let waiting: Promise<void> | undefined = new Promise((resolve) => (goOn = resolve));
  const { turns, taken, paused } = taker(() => waiting);
  turns.add(["one", null]);
  expect([taken, paused, turns.isBusy]).toEqual([[], [true], true]);
  waiting = undefined;
  goOn();
  await settled();
  expect(taken).toEqual(["one"]);
});

test("empty lines are dropped, also while others wait", async () => {
  const { turns, taken, paused, done } = taker();
  turns.add(["", "one", ""]);
  expect([taken, paused]).toEqual([["one"], []]);
  turns.add(Array(1_000).fill(""));
  expect(paused).toEqual([]);
  turns.add(["two"]);
  done();
  await settled();
  expect([taken, paused]).toEqual([
    ["one", "two"],
    [true, false],
  ]);
});
