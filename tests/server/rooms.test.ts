import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Message } from "../../protocol.ts";
import type { History } from "../../server/history.ts";
import { EVERYBODY } from "../../server/conversations.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import type { Wired } from "../kit/rooms.ts";
import { enter, openRooms, Person, say, seenBy, upTo, wire, withAppend } from "../kit/rooms.ts";

setDefaultTimeout(PATIENCE);

describe("enter", () => {
  test("no hole and none twice, wherever in a paged replay new messages come", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    await enter(rooms, alice, "#lab");
    await Promise.all(upTo(500).map((n) => say(open, alice, `old ${n}`)));

    const bob = new Person("bob");
    let turn = Promise.withResolvers<void>();
    bob.reading = turn.promise;
    const entering = enter(rooms, bob, "#lab", 0);
    // Bob's reader takes one page at a time, and before each of them Alice says something.
    for (let page = 0; page < 5; page++) {
      await say(open, alice, "while Bob reads");
      const next = Promise.withResolvers<void>();
      bob.reading = next.promise;
      turn.resolve();
      turn = next;
      await say(open, alice, "and once more");
    }
    turn.resolve();
    bob.reading = Promise.resolve();
    expect((await entering).head).toBe(500);
    await say(open, alice, "live");

    expect(bob.seqs).toEqual(upTo(511));
    expect(alice.seqs).toEqual(upTo(511));
    expect(bob.payloads.length).toBeGreaterThan(3);
  });

  test("who is still being sent what was said before hears who comes and goes meanwhile", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    await enter(rooms, alice, "#lab");
    await say(open, alice, "old");
    const [bob, carol] = [new Person("bob"), new Person("carol")];
    const reading = Promise.withResolvers<void>();
    bob.reading = reading.promise;
    const entering = enter(rooms, bob, "#lab", 0);
    await say(open, alice, "while Bob reads");
    await enter(rooms, carol, "#lab");
    rooms.leave(alice, "#lab");
    await say(open, carol, "live");
    reading.resolve();
    await entering;

    const told = bob.events.map((event) => (event.type === "message" ? event.text : event.type));
    expect(told).toEqual(["joined", "left", "old", "while Bob reads", "live"]);
  });

  test("no hole and none twice for a slow reader on a real socket while messages pour in", async () => {
    await using chat = await startTestServer(["alice", "bob"]);
    const alice = await chat.signedIn("alice", "#lab");
    const flood = (from: number, to: number) => {
      for (const n of upTo(to, from))
        alice.send({ type: "say", to: "#lab", text: `${n} `.padEnd(3_000, "x"), id: `n-${n}` });
      return alice.quiet();
    };
    await flood(1, 1_500);

    const bob = await chat.signedIn("bob");
    bob.send({ type: "join", to: "#lab", since: 0 });
    await bob.next("ok");
    bob.socket.pause();
    await flood(1_501, 1_800);
    bob.socket.resume();
    const pouring = flood(1_801, 2_000);
    const seqs: number[] = [];
    while (seqs.length < 2_000) seqs.push((await bob.next<Message>("message")).seq);
    await pouring;

    expect(seqs).toEqual(upTo(2_000));
    expect((await bob.quiet()).filter(({ type }) => type === "message")).toEqual([]);
  });

  test("since decides where to begin; without it the start does; beyond the head is a reset", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    await enter(rooms, alice, "#lab");
    for (const n of upTo(60)) await say(open, alice, `${n}`);

    for (const [since, first, reset] of [
      [undefined, 11, false],
      [0, 1, false],
      [59, 60, false],
      [60, 61, false],
      [61, 11, true],
    ] as const) {
      const bob = new Person("bob");
      expect(await enter(rooms, bob, "#lab", since)).toEqual({ head: 60, reset });
      expect(rooms.who("#lab")).toEqual(["alice", "bob"]);
      expect(bob.seqs).toEqual(upTo(60, first));
      rooms.leaveAll(bob, "left");
    }
  });

  test("the first to enter after a restart finds the head, also when something is said at once", async () => {
    using open = openRooms();
    const alice = new Person("alice");
    await enter(open.rooms, alice, "#lab");
    await say(open, alice, "old");

    const again = wire(open.history);
    const { rooms } = again;
    const bob = new Person("bob");
    const entering = enter(rooms, bob, "#lab", 0);
    const said = say(again, bob, "new");
    await Promise.all([entering, said]);
    expect(bob.seqs).toEqual([1, 2]);
  });

  test("the first to enter while a message is stored and not delivered yet gets it once", async () => {
    using open = openRooms();
    const { history } = open;
    const bob = new Person("bob");
    const append: History["append"] = async (...args) => {
      const outcomes = await history.append(...args);
      if (!again.rooms.has(bob, "#lab")) await enter(again.rooms, bob, "#lab", 0);
      return outcomes;
    };
    const again: Wired = wire(withAppend(history, append));
    await say(again, new Person("alice"), "one");
    await say(again, new Person("alice"), "two");
    expect(bob.seqs).toEqual([1, 2]);
  });

  test("who leaves during its replay gets no more of it, and who is gone enters nothing", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    await enter(rooms, alice, "#lab");
    await Promise.all(upTo(500).map((n) => say(open, alice, `${n}`)));

    const bob = new Person("bob");
    bob.onSend = () => rooms.leaveAll(bob, "left");
    await enter(rooms, bob, "#lab", 0);
    expect(bob.seqs).toEqual(upTo(200));
    bob.gone = true;
    await rooms.enter(bob, "#lab", { since: 0, start: () => 0, begin: () => expect.unreachable() });
    expect(rooms.who("#lab")).toEqual(["alice"]);
  });

  test("who leaves while the head is read is told nothing", async () => {
    using open = openRooms();
    const bob = new Person("bob");
    const entering = open.rooms.enter(bob, "#lab", { start: (head) => head, begin: () => expect.unreachable() });
    open.rooms.leaveAll(bob, "left");
    await entering;
    await say(open, new Person("alice"), "one");
    expect(bob.payloads).toEqual([]);
  });
});

describe("presence", () => {
  test("an account comes with its first connection and goes with its last", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    const [laptop, phone] = [new Person("bob"), new Person("bob")];
    for (const person of [alice, laptop, phone]) await enter(rooms, person, EVERYBODY);
    open.clock.goOn();
    await say(open, alice, "a turn later");
    expect(rooms.who()).toEqual(["alice", "bob"]);
    expect(rooms.isOnline("bob")).toBeTrue();

    alice.payloads = [];
    rooms.leaveAll(laptop, "left");
    expect(open.clock.next).toBe(Infinity); // nothing is to be told
    await say(open, alice, "a turn later");
    expect(alice.payloads).toEqual([]);
    rooms.leaveAll(phone, "left");
    expect(rooms.isOnline("bob")).toBeFalse();
    open.clock.goOn();
    await say(open, alice, "a turn later");
    expect(alice.events).toEqual([{ type: "left", to: "*", users: ["bob"] }]);
  });

  test("a room lives as long as somebody is in it, and its messages longer", async () => {
    using open = openRooms();
    const { rooms } = open;
    const [alice, bob] = [new Person("alice"), new Person("bob")];
    await enter(rooms, alice, "#lab");
    await enter(rooms, alice, "#attic");
    await enter(rooms, bob, "#lab");
    expect(rooms.list()).toEqual([
      { to: "#lab", users: 2 },
      { to: "#attic", users: 1 },
    ]);
    await say(open, alice, "one");

    rooms.leaveAll(alice, "left");
    expect(rooms.list()).toEqual([{ to: "#lab", users: 1 }]);
    rooms.leaveAll(bob, "left");
    expect(rooms.list()).toEqual([]);
    expect(rooms.who("#lab")).toEqual([]);
    expect(await enter(rooms, bob, "#lab")).toMatchObject({ head: 1 });
    expect(rooms.who("#lab")).toEqual(["bob"]);
  });
});

describe("seen", () => {
  test("confirm goes to the head at most and never backwards", async () => {
    using open = openRooms();
    const { rooms } = open;
    const bob = new Person("bob");
    await enter(rooms, bob, "@bob");
    for (const text of ["one", "two", "three"])
      await open.pipeline.post({ to: "bob", from: "bob", text, by: bob }).settled;

    await rooms.read(bob, "@bob", 2).settled;
    expect(await seenBy(open.history, "bob")).toBe(2);
    rooms.read(bob, "@bob", 1);
    await rooms.read(bob, "@bob", 0).settled;
    expect(await seenBy(open.history, "bob")).toBe(2);
    await rooms.read(bob, "@bob", 1_000).settled;
    expect(await seenBy(open.history, "bob")).toBe(3);
  });

  test("what was shown to a person who reads lines counts as seen, and is who they reply to", async () => {
    using open = openRooms();
    const { rooms } = open;
    const [alice, bob] = [new Person("alice"), new Person("bob", true)];
    await enter(rooms, alice, "@alice");
    await enter(rooms, bob, "@bob");

    await open.pipeline.post({ to: "bob", from: "alice", text: "psst", by: alice }).settled;
    await say(open, alice, "a turn later");
    expect(await seenBy(open.history, "bob")).toBe(1);
    expect(bob.partner).toBe("alice");
    expect(await seenBy(open.history, "alice")).toBe(0);
  });
});
