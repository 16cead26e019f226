import { expect, setDefaultTimeout, test } from "bun:test";
import type { Ask } from "../../web/archive.ts";
import { readAll } from "../../web/archive.ts";
import type { Wire } from "../kit/harness.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** Asks over a wire; after every answer `then` happens before the next question. */
function asking(wire: Wire, then: (asked: number) => Promise<unknown> = async () => {}): Ask {
  let asked = 0;
  return async (request) => {
    const answer = await wire.ask(request);
    await then(++asked);
    return answer.type === "ok" ? answer.messages : undefined;
  };
}
const lines = (count: number, word = "line") => Array.from({ length: count }, (_, n) => `${word} ${n + 1}`);

test("a room is read whole; what is said while it is read is in it, and what is removed meanwhile is not", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  await bob.say("#lab", ...lines(450), "a secret");
  const alice = await chat.signedIn("alice", "#lab");
  const told: [number, number | undefined][] = [];
  const meanwhile = async (asked: number) => {
    if (asked !== 1) return;
    await bob.say("#lab", ...lines(250, "later"), "another secret");
    await bob.ask({ type: "remove", to: "#lab", of: "bob", on: 451, through: 451 });
    await bob.ask({ type: "remove", to: "#lab", of: "bob", last: 1 });
  };
  const all = await readAll("#lab", asking(alice, meanwhile), (...progress) => told.push(progress));
  expect(all!.map(({ seq }) => seq)).toEqual(Array.from({ length: 704 }, (_, n) => n + 1));
  expect(all!.slice(0, 451).map(({ text }) => text)).toEqual([...lines(450), "(removed)"]);
  expect(all![450]).toMatchObject({ removed: "bob", from: "bob" });
  expect(JSON.stringify(all)).not.toContain("secret");
  expect(told).toEqual([
    [200, 451],
    [400, 451],
    [451, 451],
  ]);
});

test("of direct messages there are only those with this person; what is refused, or wanted no more, is nothing at all", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol"]);
  const [alice, bob, carol] = await Promise.all(["alice", "bob", "carol"].map((name) => chat.signedIn(name)));
  await bob!.say("alice", ...lines(210));
  await carol!.say("alice", "from carol");
  const told: (number | undefined)[] = [];
  const all = await readAll("bob", asking(alice!), (_, of) => told.push(of));
  expect(all!.map(({ text }) => text)).toEqual(lines(210));
  expect(told).toEqual([undefined, undefined]);
  expect(await readAll("#lab", asking(alice!), () => {})).toBeUndefined(); // she is not in it
  let asked = 0;
  const ask: Ask = async (request) => (++asked === 2 ? undefined : asking(alice!)(request));
  expect(await readAll("bob", ask, () => {})).toBeUndefined();
  expect(asked).toBe(2);
});
