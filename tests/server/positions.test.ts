import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { LIMITS } from "../../protocol.ts";
import { PATIENCE, run, spawnServer, startTestServer, temporaryFolder, Wire, writeAccounts } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("how far one has read is answered at the next join and sign-in, which name the rooms one follows with their ends", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const alice = await chat.wire();
  expect(await alice.login("alice")).toMatchObject({ seq: 0, seen: 0, follows: [] });
  expect(await alice.ask({ type: "join", to: "#lab" })).toMatchObject({ seq: 0, seen: 0 });
  await alice.ask({ type: "join", to: "#attic" });
  const bob = await chat.signedIn("bob", "#lab");
  for (const text of ["one", "two", "three"]) await bob.ask({ type: "say", to: "#lab", text });
  await bob.ask({ type: "say", to: "alice", text: "psst" });
  expect(await alice.ask({ type: "seen", to: "#lab", seq: 2 })).toMatchObject({ type: "ok" });
  expect(await alice.ask({ type: "seen", to: "#attic", seq: 0 })).toMatchObject({ type: "ok" });
  expect(await alice.ask({ type: "seen", to: "@", seq: 1 })).toMatchObject({ type: "ok" });
  await alice.ask({ type: "seen", to: "#lab", seq: 1 }); // never backwards

  const follows = [
    { to: "#attic", seen: 0, seq: 0 },
    { to: "#lab", seen: 2, seq: 3 },
  ];
  const phone = await chat.wire();
  expect(await phone.login("alice")).toMatchObject({ seq: 1, seen: 1, follows });
  expect(await phone.ask({ type: "join", to: "#lab" })).toMatchObject({ seq: 3, seen: 2 });
  await alice.ask({ type: "seen", to: "#lab", seq: 999 }); // at most to the end
  await chat.restart();
  const tablet = await chat.wire();
  expect(await tablet.login("alice")).toMatchObject({ seen: 1, follows: [follows[0], { ...follows[1], seen: 3 }] });
  expect((await tablet.quiet()).length).toBe(0); // nothing waits in the inbox
});

test("what is read on one connection is told to the account's others at once, and to nobody else", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const laptop = await chat.signedIn("alice", "#lab");
  const phone = await chat.signedIn("alice");
  const bob = await chat.signedIn("bob", "#lab");
  await bob.ask({ type: "say", to: "#lab", text: "one" });
  await bob.ask({ type: "say", to: "alice", text: "psst" });
  await laptop.ask({ type: "seen", to: "#lab", seq: 1 });
  await laptop.ask({ type: "seen", seq: 1 });
  await laptop.ask({ type: "leave", to: "#lab" });

  const isSeen = ({ type }: { type: string }) => type === "seen";
  expect((await phone.quiet()).filter(isSeen)).toEqual([
    { type: "seen", to: "#lab", seq: 1 },
    { type: "seen", to: "@", seq: 1 },
    { type: "seen", to: "#lab" },
  ]);
  for (const other of [laptop, bob]) expect((await other.quiet()).filter(isSeen)).toEqual([]);
});

test("a room that is left is followed no more; one whose connection is lost, or that a person with nc leaves, still is", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice", "#lab");
  await alice.ask({ type: "join", to: "#attic" });
  for (const to of ["#lab", "#attic"]) await alice.ask({ type: "seen", to, seq: 0 });
  await alice.ask({ type: "leave", to: "#lab" });
  alice.reset();
  const typist = await chat.typist("alice");
  for (const line of ["/join attic", "/leave"]) typist.type(line);
  await typist.line((line) => line.includes("You left attic"));

  const phone = await chat.wire();
  expect((await phone.login("alice")).follows).toEqual([{ to: "#attic", seen: 0, seq: 0 }]);
});

test("seen of a room one is not in, and of more rooms than one account may follow, is refused", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await chat.signedIn("alice");
  expect(await alice.ask({ type: "seen", to: "#lab", seq: 1 })).toMatchObject({ code: "not_in_room" });
  expect(await alice.ask({ type: "seen", to: "bob", seq: 1 })).toMatchObject({ code: "bad_room" });

  const rooms = Array.from({ length: LIMITS.rooms }, (_, n) => `#room-${n}`);
  for (const to of rooms) {
    await alice.ask({ type: "join", to });
    expect(await alice.ask({ type: "seen", to, seq: 0 })).toMatchObject({ type: "ok" });
  }
  const phone = await chat.signedIn("alice", "#one-more");
  const refused = await phone.ask({ type: "seen", to: "#one-more", seq: 0 });
  expect(refused).toMatchObject({ code: "too_many", text: "One account follows at most 100 rooms. Leave one first." });
  await phone.ask({ type: "join", to: rooms[0] });
  expect(await phone.ask({ type: "seen", to: rooms[0], seq: 0 })).toMatchObject({ type: "ok" });
  await alice.ask({ type: "leave", to: rooms[1] });
  expect(await phone.ask({ type: "seen", to: "#one-more", seq: 0 })).toMatchObject({ type: "ok" });
});

test("the inbox can be asked for one person, and for whom one wrote with", async () => {
  await using chat = await startTestServer(["alice", "bob", "carol", "dave"]);
  const alice = await chat.signedIn("alice");
  const [bob, carol] = [await chat.signedIn("bob"), await chat.signedIn("carol")];
  const history = async (fields: object) =>
    (await alice.ask({ type: "history", to: "@", ...fields })).messages.map(({ text }: { text: string }) => text);
  expect(await alice.ask({ type: "people" })).toMatchObject({ type: "ok", people: [] });

  await bob.ask({ type: "say", to: "alice", text: "tea, two sugars" });
  await carol.ask({ type: "say", to: "alice", text: '"from":"bob" and two' });
  await alice.ask({ type: "say", to: "bob", text: "two it is" });
  await alice.ask({ type: "say", to: "dave", text: "bob, two" });
  await alice.ask({ type: "say", to: "alice", text: "a note about two" });

  expect(await history({ with: "BOB" })).toEqual(["tea, two sugars", "two it is"]);
  expect(await history({ with: "bob", limit: 1 })).toEqual(["two it is"]);
  expect(await history({ with: "bob", before: 3 })).toEqual(["tea, two sugars"]);
  expect(await history({ with: "bob", after: 1 })).toEqual(["two it is"]);
  expect(await history({ with: "bob", match: "sugars two" })).toEqual(["tea, two sugars"]);
  expect(await history({ with: "alice" })).toEqual(["a note about two"]);
  expect(await history({ with: "nobody" })).toEqual([]);
  expect((await alice.ask({ type: "people" })).people).toEqual([
    { user: "alice", seq: 5 },
    { user: "dave", seq: 4 },
    { user: "bob", seq: 3 },
    { user: "carol", seq: 2 },
  ]);

  await alice.ask({ type: "join", to: "#lab" });
  expect(await alice.ask({ type: "history", to: "#lab", with: "bob" })).toMatchObject({ code: "bad_request" });
  expect(await alice.ask({ type: "history", to: "@", with: "#lab" })).toMatchObject({ code: "unknown_user" });
});

test("what was confirmed is there after kill -9, and in a backup", async () => {
  using folder = temporaryFolder();
  const data = join(folder.path, "data");
  writeAccounts(data, ["alice"]);
  const positions = async (port: number) => {
    const { seen, follows } = await (await Wire.open(port)).login("alice");
    return { seen, follows };
  };
  const read = { seen: 1, follows: [{ to: "#lab", seen: 3, seq: 3 }] };
  {
    await using server = await spawnServer(data);
    const alice = await Wire.open(server.port);
    await alice.login("alice");
    await alice.join("#lab");
    for (const to of ["#lab", "alice", "#lab", "#lab"]) await alice.ask({ type: "say", to, text: "x" });
    await alice.ask({ type: "seen", to: "#lab", seq: 3 });
    await alice.ask({ type: "seen", seq: 1 });
    await server.kill9();
  }
  {
    await using server = await spawnServer(data);
    expect(await positions(server.port)).toEqual(read);
  }
  const { stdout } = await run([process.execPath, "backup.ts", "--data", data]);
  await using server = await spawnServer(stdout.trim());
  expect(await positions(server.port)).toEqual(read);
});
