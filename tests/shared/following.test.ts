import { expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "../../client.ts";
import type { ConnectOptions } from "../../client/connect.ts";
import { LIMITS } from "../../protocol.ts";
import type { Connection } from "../../shared/connection.ts";
import { receiveMessages } from "../../shared/connection.ts";
import type { ClientEvent } from "../../shared/feed.ts";
import type { TestServer } from "../kit/harness.ts";
import { PASSWORD, PATIENCE, startTestServer } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** One device of alice's, which keeps all that it is handed on. */
class Device {
  readonly connection: Connection;
  readonly all: ClientEvent[] = [];
  readonly #stream: AsyncGenerator<ClientEvent>;

  constructor(connection: Connection) {
    this.connection = connection;
    this.#stream = receiveMessages(connection);
  }
  static async open({ port }: TestServer, more: Partial<ConnectOptions> = {}): Promise<Device> {
    return new Device(await connect({ port, user: "alice", password: PASSWORD, follows: true, ...more }));
  }
  /** The next event that has these fields. */
  async next(fields: Partial<ClientEvent>): Promise<ClientEvent> {
    for (;;) {
      const { value, done } = await this.#stream.next();
      if (done) throw new Error(`closed after ${JSON.stringify(this.all.slice(-5))}`);
      this.all.push(value);
      if (Object.entries(fields).every(([key, wanted]) => value[key as keyof ClientEvent] === wanted)) return value;
    }
  }
  async [Symbol.asyncDispose]() {
    await this.connection.close();
  }
}

test("the rooms that one is in come back on every device, with how far they were read and their ends", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  for (let n = 1; n <= 60; n++) await bob.ask({ type: "say", to: "#lab", text: `old ${n}` });
  {
    await using laptop = await Device.open(chat, { rooms: ["#lab", "#attic"] });
    // What was said before the first visit is not new.
    expect(await laptop.next({ type: "entered", to: "#lab" })).toMatchObject({ seq: 60, seen: 60 });
    await laptop.next({ type: "caught up" });
    await bob.ask({ type: "say", to: "#lab", text: "new 1" });
    await laptop.next({ type: "message", seq: 61 } as Partial<ClientEvent>);
    laptop.connection.seen("#lab", 61);
  }
  for (let n = 2; n <= 6; n++) await bob.ask({ type: "say", to: "#lab", text: `new ${n}` });

  await using phone = await Device.open(chat);
  expect(await phone.next({ type: "entered", to: "#lab" })).toMatchObject({ seq: 66, seen: 61 });
  await phone.next({ type: "caught up" });
  expect(phone.connection.rooms.sort()).toEqual(["#attic", "#lab"]);
  // Devices that do not follow are in the rooms they name, and nobody is told.
  await using bot = await Device.open(chat, { follows: false, rooms: ["#den"] });
  await bot.next({ type: "caught up" });
  expect(bot.connection.rooms).toEqual(["#den"]);
  await using tablet = await Device.open(chat);
  expect(tablet.connection.rooms.sort()).toEqual(["#attic", "#lab"]);
});

test("what one device has read the others hear of, and a room that one leaves is left by all, also by one that was away", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  await using laptop = await Device.open(chat, { rooms: ["#lab", "#attic", "#den"] });
  await laptop.next({ type: "caught up" });
  await laptop.connection.ask({ type: "ping" });
  await using phone = await Device.open(chat);
  await phone.next({ type: "caught up" });
  await bob.ask({ type: "say", to: "#lab", text: "one" });
  await bob.ask({ type: "say", to: "alice", text: "psst" });
  await laptop.next({ type: "message", to: "alice" } as Partial<ClientEvent>);
  laptop.connection.seen("#lab", 1);
  laptop.connection.seen("@", 1);
  await phone.next({ type: "seen", to: "#lab", seq: 1 });
  await phone.next({ type: "seen", to: "@", seq: 1 });

  await laptop.connection.ask({ type: "leave", to: "#attic" });
  await phone.next({ type: "gone", to: "#attic" });
  expect(phone.connection.rooms.sort()).toEqual(["#den", "#lab"]);

  phone.connection.unplug();
  await phone.next({ type: "offline" });
  await laptop.connection.ask({ type: "leave", to: "#den" });
  phone.connection.retryNow();
  await phone.next({ type: "gone", to: "#den" });
  await phone.next({ type: "caught up" });
  expect(phone.connection.rooms).toEqual(["#lab"]);
  expect((await (await chat.wire()).login("alice")).follows).toMatchObject([{ to: "#lab", seen: 1 }]);
});

test("a busy room is confirmed at once, then not before two seconds are over, and at the end", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const bob = await chat.signedIn("bob", "#lab");
  const frames: string[] = [];
  const onWire = (direction: string, line: string) => void (direction === "out" && frames.push(line));
  const alice = await Device.open(chat, { rooms: ["#lab"], onWire });
  await alice.next({ type: "caught up" });
  const began = performance.now();
  for (let seq = 1; seq <= 100; seq++) {
    await bob.ask({ type: "say", to: "#lab", text: `${seq}` });
    await alice.next({ type: "message", seq } as Partial<ClientEvent>);
    alice.connection.seen("#lab", seq);
  }
  const ms = performance.now() - began;
  await alice.connection.close();
  const told = frames.map((line) => JSON.parse(line)).filter(({ type, id }) => type === "seen" && id === undefined);
  expect(told.length).toBeLessThanOrEqual(2 + Math.floor(ms / 2_000));
  expect(told.at(-1)).toMatchObject({ to: "#lab", seq: 100 });
  expect((await (await chat.wire()).login("alice")).follows).toMatchObject([{ to: "#lab", seen: 100 }]);
});

test("a room beyond those that an account may follow is read like any other, and no refusal is handed on", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await using laptop = await Device.open(chat);
  await laptop.next({ type: "caught up" });
  const phone = await chat.signedIn("alice");
  for (let n = 1; n <= LIMITS.rooms; n++) {
    await phone.ask({ type: "join", to: `#room-${n}` });
    await phone.ask({ type: "seen", to: `#room-${n}`, seq: 0 });
  }
  await laptop.connection.ask({ type: "join", to: "#one-more" });
  const bob = await chat.signedIn("bob", "#one-more");
  await bob.ask({ type: "say", to: "#one-more", text: "one" });
  await laptop.next({ type: "message" });
  laptop.connection.seen("#one-more", 1);
  await laptop.connection.ask({ type: "ping" });
  await bob.ask({ type: "say", to: "#one-more", text: "two" });
  await laptop.next({ type: "message", seq: 2 } as Partial<ClientEvent>);
  expect(laptop.all.filter(({ type }) => type === "error")).toEqual([]);
});

test("who leaves the lobby on one device is in it on the others all the same", async () => {
  await using chat = await startTestServer(["alice"]);
  await using laptop = await Device.open(chat, { rooms: ["#lobby"] });
  await laptop.next({ type: "caught up" });
  const bot = await chat.signedIn("alice", "#lobby");
  await bot.ask({ type: "leave", to: "#lobby" });
  await laptop.connection.ask({ type: "ping" });
  await laptop.connection.say("#lobby", "still here");
  await laptop.next({ type: "message" });
  expect(laptop.all.filter(({ type }) => type === "gone")).toEqual([]);
});
