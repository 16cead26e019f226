import { expect, setDefaultTimeout, test } from "bun:test";
import type { History } from "../../server/history.ts";
import { messagesOf } from "../../server/history.ts";
import { PATIENCE } from "../kit/harness.ts";
import { enter, openRooms, Person, say, wire, withAppend } from "../kit/rooms.ts";

setDefaultTimeout(PATIENCE);

test("one turn's messages arrive in one write", async () => {
  using open = openRooms();
  const { rooms } = open;
  const [alice, bob] = [new Person("alice"), new Person("bob")];
  for (const person of [alice, bob]) await enter(rooms, person, "#lab");
  await open.pipeline.post({ to: "#attic", from: "alice", text: "a turn", by: alice }).settled;
  const before = bob.payloads.length;

  await Promise.all([say(open, alice, "one"), say(open, bob, "two"), say(open, alice, "three")]);
  expect(bob.payloads.length).toBe(before + 1);
  expect(bob.seqs).toEqual([1, 2, 3]);
});

test("nothing is delivered that is not stored: when the history fails everybody who spoke hears unavailable, in order", async () => {
  using open = openRooms();
  const { rooms } = open;
  const [alice, bob] = [new Person("alice"), new Person("bob")];
  for (const person of [alice, bob]) await enter(rooms, person, "#lab");
  await say(open, alice, "stored");
  bob.payloads = [];
  open.history.close();

  const batch = open.pipeline.post({ to: "#lab", from: "alice", text: "one", by: alice, id: "1" });
  await batch.settled;
  await say(open, alice, "two", "2");

  expect(batch.failed).toBeTrue();
  expect(bob.events).toEqual([]);
  expect(alice.events.filter(({ type }) => type === "error")).toMatchObject([
    { id: "1", code: "unavailable", after: 1 },
    { id: "2", code: "unavailable", after: 1 },
  ]);
  expect(open.problems[0]).toStartWith("Cannot store 1 messages: ");
});

test("after unavailable nothing of that member is stored before the failed one is sent again; others go on", async () => {
  using open = openRooms();
  let full = false;
  const { history } = open;
  const append: History["append"] = (...args) =>
    full ? Promise.reject(new Error("disk full")) : history.append(...args);
  const again = wire(withAppend(history, append));
  const [alice, bob] = [new Person("alice"), new Person("bob")];
  for (const person of [alice, bob]) await enter(again.rooms, person, "#lab");

  full = true;
  await say(again, alice, "one", "1");
  full = false;
  await say(again, alice, "two", "2");
  await say(again, bob, "meanwhile", "b");
  await say(again, alice, "one", "1");
  await say(again, alice, "two", "2");

  const answers = alice.events.flatMap((event) => ("id" in event && event.id ? [`${event.type} ${event.id}`] : []));
  expect(answers).toEqual(["error 1", "error 2", "message b", "message 1", "message 2"]);
  expect(messagesOf(await history.read("#lab", 0, 9)).map(({ text }) => text)).toEqual(["meanwhile", "one", "two"]);
});
