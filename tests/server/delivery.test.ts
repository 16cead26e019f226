import { expect, setDefaultTimeout, test } from "bun:test";
import type { Message } from "../../protocol.ts";
import { broadcast, Payload } from "../../server/delivery.ts";
import { PATIENCE } from "../kit/harness.ts";
import { enter, openRooms, Person, say, textOf, upTo } from "../kit/rooms.ts";

setDefaultTimeout(PATIENCE);

test("a member that closes in the middle of it makes nobody miss a batch", async () => {
  using open = openRooms();
  const { rooms } = open;
  const people = upTo(9).map((n) => new Person(`person-${n}`));
  for (const person of people) await enter(rooms, person, "#lab");
  const [first, second, , , fifth, sixth] = people;
  // The second one's outbox is full when the message comes, and the fifth takes its neighbours with it.
  second!.onSend = () => rooms.leaveAll(second!, "left");
  fifth!.onSend = () => [first!, fifth!, sixth!].forEach((person) => void rooms.leaveAll(person, "left"));

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
  expect(textOf(a.payloads[0]!)).toBe(JSON.stringify(event) + "\n");
  expect(textOf(c.payloads[0]!)).toBe("zoe (in lab): hi\n");
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

test("a message that was encoded goes out as that very line, to those who read frames", () => {
  const [frames, lines] = [new Person("a"), new Person("b", true)];
  const event: Message = { type: "message", to: "#lab", seq: 1, from: "zoe", id: "1", at: 0, text: "hi" };
  broadcast([frames, lines], [{ event, line: "as it was stored\n" }]);
  expect(textOf(frames.payloads[0]!)).toBe("as it was stored\n");
  expect(textOf(lines.payloads[0]!)).toBe("zoe (in lab): hi\n");
});

test("who typed a line reads the others' lines, each as all read it, and own ones on another device", () => {
  const [typist, phone, other] = [new Person("zoe", true), new Person("zoe", true), new Person("bob", true)];
  const said = (seq: number, from: string, by: Person) => {
    const event: Message = { type: "message", to: "#lab", seq, from, id: `${seq}`, at: 0, text: `line ${seq}` };
    return { event, not: by };
  };
  const notice = { event: { type: "notice", text: "too long" } as const, only: typist };
  broadcast([other, typist, phone], [said(1, "zoe", typist), notice, said(2, "bob", other)]);
  expect(textOf(typist.payloads[0]!)).toBe("* too long\nbob (in lab): line 2\n");
  expect(textOf(phone.payloads[0]!)).toBe("zoe (in lab): line 1\nbob (in lab): line 2\n");
  expect(textOf(other.payloads[0]!)).toBe("zoe (in lab): line 1\n");
});

test("bytes are sent as they are, also as a WebSocket's frame", () => {
  const bytes = new TextEncoder().encode('{"text":"gr\u00fc\u00dfe"}\n');
  const payload = new Payload(bytes);
  expect(payload.bytes).toBe(bytes);
  expect(payload.frame).toEqual(new Payload('{"text":"gr\u00fc\u00dfe"}\n').frame);
  expect([payload.isEmpty, new Payload(new Uint8Array()).isEmpty, new Payload("").isEmpty]).toEqual([
    false,
    true,
    true,
  ]);
});
