import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../client.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const PEOPLE = ["ms.lee*", "bob", "zoe"];
const member = (of: string, value: string) => ({ type: "set", to: "#team", key: "member", value, of });
const door = (value: string) => ({ type: "set", to: "#team", key: "door", value });
/** Ms. Lee and Bob in a room with a door. */
async function team() {
  const chat = await startTestServer(PEOPLE);
  const [lee, bob] = [await chat.signedIn("ms.lee", "#team"), await chat.signedIn("bob", "#team")];
  await lee.ask(door("on"));
  await bob.quiet();
  return { chat, lee, bob, [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose]() };
}

test("whoever is taken out of a room hears nothing that was said after it, not even in the same moment", async () => {
  await using scene = await team();
  const { lee, bob } = scene;
  lee.raw(
    [member("bob", "off"), { type: "say", to: "#team", text: "now that he is gone" }, member("bob", "on")]
      .map((frame) => JSON.stringify(frame) + "\n")
      .join(""),
  );
  await lee.quiet();
  const heard = (await bob.quiet()).filter(({ type, to }) => type === "message" && to === "#team");
  expect(heard).toMatchObject([{ act: "set", key: "member", value: "off", of: "bob" }]);
  expect((await bob.ask({ type: "say", to: "#team", text: "hello?" })).code).toBe("not_in_room");
});

test("what somebody says as they are taken out is answered", async () => {
  await using scene = await team();
  const { lee, bob } = scene;
  const ids = Array.from({ length: 50 }, (_, n) => `b-${n}`);
  const say = (id: string) => bob.send({ type: "say", to: "#team", text: id, id });
  lee.send(member("bob", "off"));
  for (const id of ids) say(id);
  const answered = (await bob.quiet()).flatMap(({ id }) => (ids.includes(id) ? [id] : []));
  expect(answered).toEqual(ids);
});

test("a retry of what was stored is answered by it, also when its sender is in that room no more", async () => {
  await using scene = await team();
  const { chat, lee, bob } = scene;
  const stored = await bob.ask({ type: "say", to: "#team", text: "stored", id: "b-1" });
  const removed = await bob.ask({ type: "remove", to: "#team", on: stored.seq, id: "b-r" });
  await lee.ask(member("bob", "off"));
  const again = await chat.signedIn("bob");
  expect(await again.ask({ type: "say", to: "#team", text: "stored", id: "b-1" })).toMatchObject({ removed: "bob" });
  expect(await again.ask({ type: "remove", to: "#team", on: stored.seq, id: "b-r" })).toEqual(removed);
  expect((await again.ask({ type: "say", to: "#team", text: "new", id: "b-2" })).code).toBe("not_in_room");
});

test("what was refused stays refused, whatever holds when the same comes again", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [lee, bob] = [await chat.signedIn("ms.lee", "#lobby"), await chat.signedIn("bob", "#lobby")];
  await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "on" });
  const request = { type: "say", to: "#lobby", text: "hello", id: "b-1" };
  const refused = await bob.ask(request);
  expect(refused.code).toBe("quiet");
  const empty = await bob.ask({ type: "remove", to: "#lobby", id: "b-2" });
  expect(empty.code).toBe("bad_request");
  await lee.ask({ type: "set", to: "#lobby", key: "lock", value: "off" });
  expect((await bob.ask({ type: "say", to: "#lobby", text: "hello" })).type).toBe("message");
  const again = await chat.signedIn("bob", "#lobby");
  expect(await again.ask(request)).toEqual(refused);
  expect(await again.ask({ type: "remove", to: "#lobby", id: "b-2" })).toEqual(empty); // and not what was said since
});

test("who is let in is told so once, and only by who may let them in", async () => {
  await using scene = await team();
  const { chat, lee, bob } = scene;
  expect((await bob.ask(member("zoe", "on"))).code).toBe("not_allowed");
  for (const id of ["l-1", "l-1"]) await lee.ask({ ...member("zoe", "on"), id });
  await lee.quiet();
  const zoe = await chat.signedIn("zoe");
  const told = (await zoe.quiet()).filter(({ type }) => type === "message");
  expect(told).toMatchObject([{ from: "ms.lee", text: "You can come into #team now: /join team" }]);
});

test("a door that is closed again lets in whoever is there then, also after a restart", async () => {
  await using scene = await team();
  const { chat, lee } = scene;
  await lee.ask(member("zoe", "on"));
  await lee.ask(door("on"));
  const [before] = [await (await chat.signedIn("zoe")).ask({ type: "join", to: "#team" })];
  await chat.restart();
  const after = await (await chat.signedIn("zoe")).ask({ type: "join", to: "#team" });
  expect([before.code, after.code]).toEqual(["no_entry", "no_entry"]);
});

test("whoever is in a room when its door closes is a member, however late they came", async () => {
  await using chat = await startTestServer(PEOPLE);
  const [lee, bob] = [await chat.signedIn("ms.lee", "#team"), await chat.signedIn("bob")];
  lee.send(door("on"));
  const joined = await bob.ask({ type: "join", to: "#team" });
  const said = await bob.ask({ type: "say", to: "#team", text: "here" });
  expect([joined.type, said.type]).toEqual(joined.type === "ok" ? ["ok", "message"] : ["error", "error"]);
  if (joined.type === "error") expect([joined.code, said.code]).toEqual(["no_entry", "not_in_room"]);
});

test("a client that was let in again stays, though it is told that it had been taken out", async () => {
  await using scene = await team();
  const { chat, lee } = scene;
  await lee.ask(member("bob", "off"));
  await lee.ask(member("bob", "on"));
  const bob = await connect({ host: "127.0.0.1", port: chat.port, user: "bob", password: PASSWORD, rooms: ["#team"] });
  await lee.ask({ type: "say", to: "#team", text: "welcome back" });
  const heard: string[] = [];
  while (!heard.includes("welcome back")) {
    const event = await bob.next();
    if (event?.type === "gone") expect.unreachable("it has left");
    if (event?.type === "message") heard.push(event.text);
  }
  expect(heard).toContain("took bob out of team");
  await bob.close();
});
