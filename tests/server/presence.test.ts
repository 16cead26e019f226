import { expect, setDefaultTimeout, test } from "bun:test";
import type { Event } from "../../protocol.ts";
import { EVERYBODY } from "../../server/conversations.ts";
import type { Wire } from "../kit/harness.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import type { Wired } from "../kit/rooms.ts";
import { enter, openRooms, Person, say, upTo } from "../kit/rooms.ts";

setDefaultTimeout(PATIENCE);

/** A delivery in which nothing is said to anybody. */
const delivery = ({ pipeline }: Wired) =>
  pipeline.post({ to: "#nowhere", from: "nobody", text: "", by: new Person("nobody") }).settled;

/** The next time at which presence may be told, and how many ms it was away. */
async function nextTelling(open: Wired): Promise<number> {
  const ms = open.clock.next;
  open.clock.goOn();
  await delivery(open);
  return ms;
}

/** What somebody heard, in the short: who came and went where, and what was said. */
const short = (event: Event) =>
  event.type === "joined" || event.type === "left"
    ? `${event.users.join()} ${event.type} ${event.to}`
    : event.type === "message"
      ? `${event.from}: ${event.text}`
      : event.type;
const heard = ({ events }: Person) => events.map(short);

/** Alice is in the chat and in #lab, and so are others; of all of them everybody has heard. */
async function opened(...others: Person[]) {
  const open = openRooms();
  const alice = new Person("alice");
  for (const person of [alice, ...others])
    for (const name of [EVERYBODY, "#lab", `@${person.user}`]) await enter(open.rooms, person, name);
  await nextTelling(open);
  for (const person of [alice, ...others]) person.payloads = [];
  return { open, alice };
}

test("who comes and who goes is told together, in one write for each conversation, 20 ms after the first of them", async () => {
  const [bob, carol] = [new Person("bob"), new Person("carol")];
  const { open, alice } = await opened(bob);
  using _ = open;
  open.rooms.leaveAll(bob, "left");
  open.clock.now += 15;
  await enter(open.rooms, carol, EVERYBODY);
  await enter(open.rooms, new Person("dave"), EVERYBODY);
  await delivery(open);
  expect(heard(alice)).toEqual([]);
  expect(await nextTelling(open)).toBe(5);
  expect(heard(alice)).toEqual(["carol,dave joined *", "bob left *", "bob left #lab"]);
  expect(alice.payloads).toHaveLength(3);
  expect(heard(carol)).toEqual(["dave joined *", "bob left *"]);
});

test("telling takes at most a tenth of the time, and whoever comes after a long rest is told of after 20 ms", async () => {
  const { open, alice } = await opened();
  using _ = open;
  const { clock, rooms } = open;
  let cost = 7; // ms
  alice.onSend = () => void (clock.now += cost);
  const come = (name: string) => enter(rooms, new Person(name), EVERYBODY);

  await come("bob");
  expect(await nextTelling(open)).toBe(20);
  await come("carol");
  expect(await nextTelling(open)).toBe(70);
  cost = 300;
  await come("dave");
  expect(await nextTelling(open)).toBe(70);
  await come("erin");
  expect(await nextTelling(open)).toBe(2_000);
  clock.now += 5_000;
  await come("frank");
  expect(await nextTelling(open)).toBe(20);
  expect(heard(alice)).toEqual(["bob", "carol", "dave", "erin", "frank"].map((name) => `${name} joined *`));
});

test("who has just come and speaks in a room is announced before it, everywhere, and in the same write where they are in it", async () => {
  const [carol, bob] = [new Person("carol"), new Person("bob")];
  const { open, alice } = await opened();
  using _ = open;
  await enter(open.rooms, carol, EVERYBODY);
  for (const name of [EVERYBODY, "#lab"]) await enter(open.rooms, bob, name);
  await say(open, bob, "hello");
  expect(heard(alice)).toEqual(["carol,bob joined *", "bob joined #lab", "bob: hello"]);
  expect(alice.payloads).toHaveLength(2);
  expect(heard(carol)).toEqual(["bob joined *"]);
  alice.payloads = [];
  await nextTelling(open);
  expect(heard(alice)).toEqual([]);
});

test("who has just come and writes to somebody is announced before it", async () => {
  const bob = new Person("bob");
  const { open, alice } = await opened();
  using _ = open;
  await enter(open.rooms, bob, EVERYBODY);
  await open.pipeline.post({ to: "alice", from: "bob", text: "psst", by: bob }).settled;
  expect(heard(alice)).toEqual(["bob joined *", "bob: psst"]);
});

test("in a hurry or not, presence rests after it was told", async () => {
  const bob = new Person("bob");
  const { open, alice } = await opened();
  using _ = open;
  const { clock, rooms } = open;
  await enter(rooms, bob, EVERYBODY);
  alice.onSend = () => void (clock.now += 9);
  await open.pipeline.post({ to: "alice", from: "bob", text: "psst", by: bob }).settled;
  await enter(rooms, new Person("carol"), EVERYBODY);
  alice.payloads = [];
  for (let waited = 0; waited < 81; waited += await nextTelling(open)) expect(heard(alice)).toEqual([]);
  expect(heard(alice)).toEqual(["carol joined *"]);
});

/** Twenty people more are in the chat and in #lab, and to write to one of them takes a millisecond: two are told in a slice. */
async function crowded() {
  const crowd = upTo(20).map((n) => new Person(`person-${n}`));
  const { open, alice } = await opened(...crowd);
  for (const person of crowd) person.onSend = () => void (open.clock.now += 1);
  const whoHeard = (what: string) => crowd.filter((person) => heard(person).includes(what)).length;
  return { open, alice, crowd, whoHeard };
}
/** Everybody, a few in each turn, has been told everything. */
async function allTold(open: Wired): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await nextTelling(open);
}
const nextTurn = () => new Promise<void>((resume) => setImmediate(resume));

test("however many are told who came and went, others wait for a slice of it, and presence rests after all of them", async () => {
  const { open, crowd, whoHeard } = await crowded();
  using _ = open;
  const { clock, rooms } = open;
  await enter(rooms, new Person("bob"), EVERYBODY);
  const began = clock.now + clock.next;
  await nextTelling(open);
  const turns: number[] = [];
  for (let told = 0; told < crowd.length; await nextTurn()) {
    turns.push(whoHeard("bob joined *") - told);
    told = whoHeard("bob joined *");
  }
  expect(Math.max(...turns)).toBe(2);
  expect(crowd.map(heard)).toEqual(crowd.map(() => ["bob joined *"]));
  expect(clock.now - began).toBe(20);
  await enter(rooms, new Person("carol"), EVERYBODY);
  expect(clock.now + clock.next - began).toBeGreaterThan(200);
});

test("whoever is told something meanwhile is told before it who came, each once, and in the order in which it happened", async () => {
  const { open, crowd, whoHeard } = await crowded();
  using _ = open;
  const { rooms, pipeline } = open;
  const bob = new Person("bob");
  const [outside, reading, away, last] = crowd.slice(-4) as [Person, Person, Person, Person];
  await say(open, last, "one");
  for (const person of [outside, reading]) rooms.leave(person, "#lab");
  const { promise, resolve } = Promise.withResolvers<void>();
  reading.reading = promise;
  const entering = enter(rooms, reading, "#lab", 0);
  await allTold(open);
  for (const person of crowd) person.payloads = [];

  for (const name of [EVERYBODY, "#lab"]) await enter(rooms, bob, name);
  await nextTelling(open);
  expect(whoHeard("bob joined #lab")).toBeLessThan(crowd.length / 2);
  rooms.leave(away, "#lab");
  await pipeline.post({ to: "#lab", from: "bob", text: "two", by: bob }).settled;
  expect(heard(last)).toEqual(["bob joined *", "bob joined #lab", "bob: two", "person-19 left #lab"]);
  expect(heard(reading)).toEqual(["bob joined *", "bob joined #lab", "person-19 left #lab"]);
  resolve();
  await entering;
  expect(heard(reading).slice(3)).toEqual(["person-20: one", "bob: two"]);
  await enter(rooms, outside, "#lab", 0);
  expect(heard(outside)).toEqual(["bob joined *", "person-20: one", "bob: two"]);

  rooms.leaveAll(bob, "left");
  await allTold(open);
  expect(heard(away)).toEqual(["bob joined *", "bob left *"]); // it had left #lab before it was told
  for (const person of crowd) expect(new Set(heard(person)).size).toBe(heard(person).length);
  expect(whoHeard("bob left *")).toBe(crowd.length);
});

test("what is told of a room travels with the room's own messages, and for other rooms it waits", async () => {
  const [bob, carol] = [new Person("bob"), new Person("carol")];
  const { open, alice } = await opened(bob);
  using _ = open;
  await enter(open.rooms, alice, "#attic");
  open.rooms.leave(bob, "#lab");
  await enter(open.rooms, bob, "#attic");
  await say(open, alice, "one");
  expect(heard(alice)).toEqual(["alice: one", "bob left #lab"]);
  expect(alice.payloads).toHaveLength(1);
  await nextTelling(open);
  expect(heard(alice)).toEqual(["alice: one", "bob left #lab", "bob joined #attic"]);

  // An answer for one alone says nothing in the room.
  await say(open, alice, "one", "id-1");
  await enter(open.rooms, carol, "#lab");
  alice.payloads = [];
  await say(open, alice, "another text for id-1", "id-1");
  expect(heard(alice)).toEqual(["error"]);
});

test("who goes right after speaking goes after it, and was here even if the coming was not told yet", async () => {
  const bob = new Person("bob");
  const { open, alice } = await opened();
  using _ = open;
  for (const name of [EVERYBODY, "#lab"]) await enter(open.rooms, bob, name);
  const said = say(open, bob, "the connection is lost");
  open.rooms.leaveAll(bob, "left");
  await said;
  expect(heard(alice)).toEqual([
    "bob joined *",
    "bob joined #lab",
    "bob: the connection is lost",
    "bob left #lab",
    "bob left *",
  ]);
});

test("who comes and goes before it is told was never there, and who goes and comes back was never away", async () => {
  const [bob, carol] = [new Person("bob"), new Person("carol")];
  const { open, alice } = await opened(bob);
  using _ = open;
  for (const n of upTo(3)) {
    await enter(open.rooms, carol, EVERYBODY);
    open.rooms.leaveAll(bob, "left");
    await delivery(open);
    await enter(open.rooms, bob, EVERYBODY);
    await enter(open.rooms, bob, "#lab");
    open.rooms.leaveAll(carol, "left");
    await delivery(open);
    expect([n, heard(alice)]).toEqual([n, []]);
  }
  await nextTelling(open);
  expect(heard(alice)).toEqual([]);
});

test("who is lost and is back within 30 s was never away; who is not has left then, and not before", async () => {
  const [bob, again] = [new Person("bob"), new Person("bob")];
  const { open, alice } = await opened(bob);
  using _ = open;
  const { clock, rooms } = open;
  rooms.leaveAll(bob, "lost");
  expect([rooms.who(), rooms.who("#lab"), rooms.isOnline("bob")]).toEqual([["alice", "bob"], ["alice", "bob"], false]);
  clock.now += 29_999;
  rooms.tick();
  for (const name of [EVERYBODY, "#lab"]) await enter(rooms, again, name);
  clock.now += 29_999;
  rooms.tick();
  expect([heard(alice), clock.next]).toEqual([[], Infinity]);

  rooms.leaveAll(again, "lost");
  clock.now += 30_000;
  rooms.tick();
  expect([rooms.who(), rooms.who("#lab")]).toEqual([["alice"], ["alice"]]);
  expect(await nextTelling(open)).toBe(20);
  expect(heard(alice)).toEqual(["bob left *", "bob left #lab"]);
});

test("of who comes back to some rooms only, the others are told after 30 s", async () => {
  const [bob, again, last] = [new Person("bob"), new Person("bob"), new Person("bob")];
  const { open, alice } = await opened(bob);
  using _ = open;
  const { clock, rooms } = open;
  rooms.leaveAll(bob, "lost");
  clock.now += 10_000;
  await enter(rooms, again, EVERYBODY);
  rooms.leaveAll(again, "lost");
  clock.now += 10_000;
  await enter(rooms, last, EVERYBODY);
  clock.now += 20_000;
  rooms.tick();
  await allTold(open);
  expect(heard(alice)).toEqual(["bob left #lab"]);
});

test("who leaves is told at once, also of where a connection was lost before; and who is lost while nobody is there has left", async () => {
  const [laptop, phone, carol] = [new Person("bob"), new Person("bob"), new Person("carol")];
  const { open, alice } = await opened(laptop, carol);
  using _ = open;
  const { rooms } = open;
  rooms.leaveAll(laptop, "lost");
  await enter(rooms, phone, EVERYBODY);
  rooms.leaveAll(phone, "left");
  expect(await nextTelling(open)).toBe(20);
  expect(heard(alice)).toEqual(["bob left *", "bob left #lab"]);

  for (const person of [alice, carol]) rooms.leaveAll(person, "lost");
  expect([rooms.who(), rooms.who("#lab"), rooms.list()]).toEqual([[], [], []]);
  await enter(rooms, carol, EVERYBODY);
  await enter(rooms, alice, EVERYBODY);
  carol.payloads = [];
  await allTold(open);
  expect(heard(carol)).toEqual(["alice joined *"]);
});

test("what was told and the lists that were given out meanwhile come to the same", async () => {
  const people = ["bob", "carol", "dave", "erin", "frank"].map((name) => new Person(name));
  const [bob, carol, dave, erin, frank] = people as [Person, Person, Person, Person, Person];
  const { open, alice } = await opened(bob, erin);
  using _ = open;
  const { rooms } = open;
  await enter(rooms, carol, "#lab");
  rooms.leave(bob, "#lab");
  await enter(rooms, dave, "#lab");
  const users = rooms.who("#lab"); // with Carol and without Bob
  await enter(rooms, bob, "#lab");
  rooms.leave(carol, "#lab");
  rooms.leave(erin, "#lab"); // of this no list tells, so it need not be told
  await enter(rooms, erin, "#lab");
  await enter(rooms, frank, "#lab");
  rooms.leave(frank, "#lab");
  await nextTelling(open);

  expect(users).toEqual(["alice", "erin", "carol", "dave"]);
  for (const [person, list] of [
    [alice, ["alice", "bob", "erin"]],
    [dave, users],
  ] as const) {
    const here = new Set<string>(list);
    for (const event of person.events) {
      if (event.type === "joined") for (const user of event.users) here.add(user);
      if (event.type === "left") for (const user of event.users) here.delete(user);
    }
    here.add(person.user); // nobody hears of their own coming
    expect([...here].sort()).toEqual(rooms.who("#lab").sort());
  }
  expect(heard(alice).join()).not.toMatch(/erin|frank/);
  expect(heard(alice).join()).toMatch(/carol.* joined .*carol.* left/);
});

test("whoever comes to an empty room hears nothing of those who were there, and nobody hears of who was first", async () => {
  const [bob, carol] = [new Person("bob"), new Person("carol")];
  const { open, alice } = await opened(bob);
  using _ = open;
  for (const person of [bob, alice]) open.rooms.leave(person, "#lab");
  await enter(open.rooms, carol, "#lab");
  await enter(open.rooms, alice, "#lab");
  await nextTelling(open);
  expect(heard(carol)).toEqual(["alice joined #lab"]);
  expect(heard(alice)).toEqual([]);
});

test("a storm of people who come is told in few writes, and everybody hears of everybody before they speak", async () => {
  const names = upTo(100).map((n) => `person-${n}`);
  await using chat = await startTestServer(["alice", ...names]);
  const alice = await chat.signedIn("alice", "#lab");
  const wires = await Promise.all(names.map((name) => chat.signedIn(name, "#lab")));
  for (const wire of wires) wire.send({ type: "say", to: "#lab", text: "hello" });

  const known = { "*": new Set<string>(), "#lab": new Set<string>() };
  let [tellings, spoken] = [0, 0];
  while (spoken < names.length) {
    const event = await alice.next();
    if (event.type === "joined") {
      tellings++;
      for (const user of event.users) known[event.to as "*" | "#lab"].add(user);
    }
    if (event.type !== "message") continue;
    spoken++;
    expect([event.from, known["*"].has(event.from), known["#lab"].has(event.from)]).toEqual([event.from, true, true]);
  }
  expect(tellings).toBeLessThan(names.length);
});

test("who closes a connection and is back soon was never away, whatever it was; who says exit has left at once", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.signedIn("alice", "#lobby");
  const isNews = ({ type }: Event) => type === "joined" || type === "left";
  const arrivals: [come: () => Promise<Wire>, end: (bob: Wire) => void][] = [
    [() => chat.signedIn("bob", "#lobby"), (bob) => bob.close()],
    [() => chat.signedIn("bob", "#lobby"), (bob) => bob.reset()],
    [() => chat.typist("bob"), (bob) => bob.halfClose()],
    [() => chat.typist("bob"), (bob) => bob.reset()],
  ];
  for (const [n, [come, end]] of arrivals.entries()) {
    const bob = await come();
    if (n === 0) await alice.hears("bob", "joined", "#lobby");
    end(bob);
    while ((chat.log().match(/bob .*disconnected/g) ?? []).length <= n) await alice.ask({ type: "ping" });
    expect((await alice.ask({ type: "who" })).users.sort()).toEqual(["alice", "bob"]);
  }
  const last = await chat.typist("bob");
  expect((await alice.quiet()).filter(isNews)).toEqual([]);
  last.type("!exit");
  await alice.hears("bob", "left");
  expect((await alice.ask({ type: "who" })).users).toEqual(["alice"]);
});
