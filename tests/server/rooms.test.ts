import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import type { Event, Message } from "../../protocol.ts";
import type { Member, Payload } from "../../server/delivery.ts";
import { broadcast } from "../../server/delivery.ts";
import type { History } from "../../server/history.ts";
import { Pipeline } from "../../server/pipeline.ts";
import { Rooms } from "../../server/rooms.ts";
import { Says } from "../../server/says.ts";
import { PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { EVERYBODY } from "../../server/conversations.ts";

setDefaultTimeout(PATIENCE);

/** Rooms and a pipeline on one history, as server.ts wires them. */
function wire(history: History, report: (event: string, problem: unknown) => void = () => {}) {
  const pipeline: Pipeline = new Pipeline(history, (entries) => rooms.deliver(entries), report);
  const rooms = new Rooms(history, pipeline);
  return { rooms, pipeline, history };
}
type Wired = ReturnType<typeof wire>;

/** A history whose `append` does something else as well, or fails. */
function withAppend(history: History, append: History["append"]): History {
  return {
    append,
    read: (...args) => history.read(...args),
    newest: (...args) => history.newest(...args),
    head: (...args) => history.head(...args),
    confirmed: (...args) => history.confirmed(...args),
    copy: (...args) => history.copy(...args),
    close: () => history.close(),
  };
}

/** The same on a history of their own. */
function openRooms(): Wired & { problems: string[] } & Disposable {
  const folder = temporaryFolder();
  const history = openHistory(join(folder.path, "chat.db"));
  const problems: string[] = [];
  return {
    ...wire(history, (event, problem) => problems.push(`${event}: ${problem}`)),
    problems,
    [Symbol.dispose]() {
      history.close();
      folder[Symbol.dispose]();
    },
  };
}

/** A member that keeps what it is sent. */
class Person implements Member {
  readonly user: string;
  readonly text: boolean;
  readonly says = new Says();
  partner: string | undefined;
  gone = false;
  payloads: Payload[] = [];
  onSend = () => {};
  /** Its reader is busy until this resolves. */
  reading: Promise<void> = Promise.resolve();

  constructor(user: string, text = false) {
    this.user = user;
    this.text = text;
  }
  send(payload: Payload): void {
    this.payloads.push(payload);
    this.onSend();
  }
  drained(): Promise<void> {
    return this.reading;
  }
  wasWrittenBy(from: string): void {
    this.partner = from;
  }
  get events(): Event[] {
    const lines = this.payloads.flatMap(({ text }) => text.split("\n")).filter(Boolean);
    return lines.map((line) => JSON.parse(line));
  }
  get seqs(): number[] {
    return this.events.flatMap((event) => (event.type === "message" ? [event.seq] : []));
  }
}

async function enter(rooms: Rooms, member: Member, name: string, since?: number) {
  let at: { head: number; users: string[]; reset: boolean } | undefined;
  await rooms.enter(member, name, {
    since,
    start: (head) => head - 50,
    begin: (told) => {
      at = told;
    },
  });
  return at!;
}

/** Says a line and waits until it is stored and delivered. */
const say = ({ pipeline }: Wired, by: Member, text: string, asked?: string) =>
  pipeline.post({ to: "#lab", from: by.user, text, by, asked }).settled;

const upTo = (last: number, first = 1) => Array.from({ length: last - first + 1 }, (_, n) => first + n);

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
      expect(await enter(rooms, bob, "#lab", since)).toEqual({ head: 60, users: ["alice", "bob"], reset });
      expect(bob.seqs).toEqual(upTo(60, first));
      rooms.leaveAll(bob);
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
    bob.onSend = () => rooms.leaveAll(bob);
    await enter(rooms, bob, "#lab", 0);
    expect(bob.seqs).toEqual(upTo(200));
    bob.gone = true;
    await rooms.enter(bob, "#lab", { since: 0, start: () => 0, begin: () => expect.unreachable() });
    expect(rooms.who("#lab")).toEqual(["alice"]);
  });
});

describe("delivery", () => {
  test("a member that closes in the middle of it makes nobody miss a batch", async () => {
    using open = openRooms();
    const { rooms } = open;
    const people = upTo(9).map((n) => new Person(`person-${n}`));
    for (const person of people) await enter(rooms, person, "#lab");
    const [first, second, , , fifth, sixth] = people;
    // The second one's outbox is full when the message comes, and the fifth takes its neighbours with it.
    second!.onSend = () => rooms.leaveAll(second!);
    fifth!.onSend = () => [first!, fifth!, sixth!].forEach((person) => void rooms.leaveAll(person));

    await say(open, people[2]!, "one");
    await say(open, people[2]!, "two");

    for (const n of [3, 4, 7, 8, 9]) expect([n, people[n - 1]!.seqs]).toEqual([n, [1, 2]]);
    expect(first!.seqs).toEqual([1]);
    expect(second!.seqs).toEqual([1]);
    expect(rooms.who("#lab")).toEqual(
      upTo(9)
        .filter((n) => [3, 4, 7, 8, 9].includes(n))
        .map((n) => `person-${n}`),
    );
    expect(open.problems).toEqual([]);
  });

  test("all who read frames share one buffer, all who read lines another", () => {
    const [a, b, c, d] = [new Person("a"), new Person("b"), new Person("c", true), new Person("d", true)];
    const event: Message = { type: "message", to: "#lab", seq: 1, from: "zoe", id: "1", at: 0, text: "hi" };
    broadcast([a, b, c, d], [{ event }]);
    expect(a.payloads[0]).toBe(b.payloads[0]!);
    expect(a.payloads[0]!.bytes).toBe(b.payloads[0]!.bytes);
    expect(c.payloads[0]).toBe(d.payloads[0]!);
    expect(a.payloads[0]!.text).toBe(JSON.stringify(event) + "\n");
    expect(c.payloads[0]!.text).toBe("zoe (in lab): hi\n");
  });

  test("what is for one only, or for all but one, reaches just them, and nobody hears of his own coming", () => {
    const [a, b, c] = [new Person("a"), new Person("b"), new Person("c")];
    broadcast(
      [a, b, c],
      [
        { event: { type: "joined", to: "#lab", users: ["a", "b"] } },
        { event: { type: "notice", text: "for b" }, only: b },
        { event: { type: "notice", text: "not for c" }, not: c },
      ],
    );
    expect(a.events).toEqual([
      { type: "joined", to: "#lab", users: ["b"] },
      { type: "notice", text: "not for c" },
    ]);
    expect(b.events).toMatchObject([{ users: ["a"] }, { text: "for b" }, { text: "not for c" }]);
    expect(c.events).toEqual([{ type: "joined", to: "#lab", users: ["a", "b"] }]);
  });

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

    const batch = open.pipeline.post({ to: "#lab", from: "alice", text: "one", by: alice, asked: "1" });
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
  expect((await history.read("#lab", 0, 9)).map(({ text }) => text)).toEqual(["meanwhile", "one", "two"]);
});

describe("presence", () => {
  test("an account comes with its first connection and goes with its last", async () => {
    using open = openRooms();
    const { rooms } = open;
    const alice = new Person("alice");
    const [laptop, phone] = [new Person("bob"), new Person("bob")];
    for (const person of [alice, laptop, phone]) await enter(rooms, person, EVERYBODY);
    await say(open, alice, "a turn later");
    expect(rooms.who()).toEqual(["alice", "bob"]);
    expect(rooms.isOnline("bob")).toBeTrue();

    alice.payloads = [];
    rooms.leaveAll(laptop);
    await say(open, alice, "a turn later");
    expect(alice.payloads).toEqual([]);
    rooms.leaveAll(phone);
    expect(rooms.isOnline("bob")).toBeFalse();
    await say(open, alice, "a turn later");
    expect(alice.events).toEqual([{ type: "left", to: "*", users: ["bob"] }]);
  });

  test("who goes and comes back in one turn was never away, and who comes and goes was never there", async () => {
    using open = openRooms();
    const { rooms } = open;
    const [alice, bob, carol] = [new Person("alice"), new Person("bob"), new Person("carol")];
    for (const person of [alice, bob]) await enter(rooms, person, "#lab");
    await say(open, alice, "a turn");
    alice.payloads = [];

    rooms.leaveAll(bob);
    const back = enter(rooms, bob, "#lab");
    const visit = enter(rooms, carol, "#lab");
    rooms.leaveAll(carol);
    await Promise.all([back, visit]);
    await say(open, alice, "another turn");

    expect(alice.events.map(({ type }) => type)).toEqual(["message"]);
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

    rooms.leaveAll(alice);
    expect(rooms.list()).toEqual([{ to: "#lab", users: 1 }]);
    rooms.leaveAll(bob);
    await open.pipeline.settled();
    expect(rooms.list()).toEqual([]);
    expect(rooms.who("#lab")).toEqual([]);
    expect(await enter(rooms, bob, "#lab")).toMatchObject({ head: 1, users: ["bob"] });
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

    await rooms.confirm("bob", 2).settled;
    expect(await open.history.confirmed("bob")).toBe(2);
    rooms.confirm("bob", 1);
    await rooms.confirm("bob", 0).settled;
    expect(await open.history.confirmed("bob")).toBe(2);
    await rooms.confirm("bob", 1_000).settled;
    expect(await open.history.confirmed("bob")).toBe(3);
  });

  test("what was shown to a person who reads lines counts as seen, and is who they reply to", async () => {
    using open = openRooms();
    const { rooms } = open;
    const [alice, bob] = [new Person("alice"), new Person("bob", true)];
    await enter(rooms, alice, "@alice");
    await enter(rooms, bob, "@bob");

    await open.pipeline.post({ to: "bob", from: "alice", text: "psst", by: alice }).settled;
    await say(open, alice, "a turn later");
    expect(await open.history.confirmed("bob")).toBe(1);
    expect(bob.partner).toBe("alice");
    expect(await open.history.confirmed("alice")).toBe(0);
  });
});
