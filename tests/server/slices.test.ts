import { expect, test } from "bun:test";
import { Share, Slices } from "../../server/slices.ts";

const nextTurn = () => new Promise<void>((resume) => setImmediate(resume));

test("each turn of the event loop lets one line and one step go on, first come, first served", async () => {
  const slices = new Slices();
  const told: [turn: number, what: string][] = [];
  let turn = 0;
  const wait = (what: string, goOn: Promise<void>) => goOn.then(() => void told.push([turn, what]));
  const all = [
    wait("page 1", slices.step()),
    wait("line 1", slices.line()),
    wait("search 1", slices.step()),
    wait("line 2", slices.line()),
    wait("page 2", slices.step()),
  ];
  while (told.length < all.length) {
    await nextTurn();
    turn++;
  }
  expect(told.map(([, what]) => what)).toEqual(["line 1", "page 1", "line 2", "search 1", "page 2"]);
  const [first] = told[0]!;
  expect(told.map(([turn]) => turn - first)).toEqual([0, 0, 1, 1, 2]);
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
  work(3);
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
