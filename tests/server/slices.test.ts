import { expect, test } from "bun:test";
import { Share, Slices } from "../../server/slices.ts";

const nextTurn = () => new Promise<void>((resume) => setImmediate(resume));

test("a turn of the event loop lets those who wait go on until a slice of its time is over, first come, first served", async () => {
  let now = 0;
  const slices = new Slices(() => now);
  const told: [turn: number, what: string][] = [];
  const wait = async (what: string, ms: number) => {
    await slices.next();
    told.push([slices.turn, what]);
    await Promise.resolve(); // what it does may take some microtasks
    now += ms;
  };
  await Promise.all([wait("a", 1), wait("b", 1), wait("c", 5), wait("d", 1), wait("e", 1), wait("f", 0)]);
  expect(told.map(([, what]) => what)).toEqual(["a", "b", "c", "d", "e", "f"]);
  const [first] = told[0]!;
  expect(told.map(([turn]) => turn - first)).toEqual([0, 0, 1, 2, 2, 3]);
});

/** A clock that stands still unless work is done, and the shares of two connections. */
function sharing() {
  let now = 0;
  const slices = new Slices(() => now);
  const work = (ms: number) => void (now += ms);
  return { work, busy: new Share(slices), other: new Share(slices) };
}

test("who has had a slice of a turn waits for another; who has used little waits only with what takes long", async () => {
  const { work, busy, other } = sharing();
  expect(busy.wait(false)).toBeUndefined();
  work(1);
  expect(busy.wait(true)).toBeUndefined(); // there is time left in this turn
  work(1);
  const waiting = busy.wait(false);
  expect(waiting).toBeInstanceOf(Promise);
  expect(other.wait(false)).toBeUndefined();
  other.rest();
  expect(other.wait(true)).toBeInstanceOf(Promise);
  await waiting;
  expect(busy.wait(false)).toBeUndefined();
});

test("what others do while a connection rests is not counted as its own; the next turn begins anew", async () => {
  const { work, busy, other } = sharing();
  other.wait(false);
  other.rest();
  busy.wait(false);
  work(9);
  busy.rest();
  expect(other.wait(false)).toBeUndefined();
  work(1); // its line before took so long
  expect(other.wait(false)).toBeInstanceOf(Promise);
  await nextTurn();
  expect(busy.wait(false)).toBeUndefined();
});
