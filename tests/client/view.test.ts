import { expect, setDefaultTimeout, test } from "bun:test";
import { PASSWORD, PATIENCE } from "../kit/harness.ts";
import { HAS_TERMINAL, sitAtClient, sitIn } from "../kit/pty.ts";
import { listen, welcome } from "../kit/scripted.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const message = (to: string, seq: number, text: string) => ({
  ...{ type: "message", to, seq, from: "bob", id: `b-${seq}`, at: Date.now(), text },
});

inTerminal(
  "what waited for this person is confirmed when it is on the screen, below the room, and not before",
  async () => {
    const confirmed: number[] = [];
    let finish = () => {};
    using server = listen((frame, write) => {
      if (frame.type === "seen" && frame.to === "@") confirmed.push(frame.seq);
      if (frame.type === "login") return write({ ...welcome(frame), seq: 3, seen: 2 }, message("alice", 3, "psst"));
      if (frame.type !== "join") return write(welcome(frame));
      write({ ...welcome(frame), seq: 2 }, message("#lobby", 1, "one"), { type: "notice", text: "Two is late." });
      finish = () => write(message("#lobby", 2, "two"));
    });
    await using alice = sitAtClient(server.port, ["--name", "alice"]);
    await alice.until("is hidden):");
    alice.type(`${PASSWORD}\r`);
    await alice.until("Two is late.");
    expect([confirmed, alice.screen.text.includes("psst")]).toEqual([[], false]);
    finish();
    await alice.until(/bob: one\n.*bob: two\n── while you were away: 1 message to you ──\n.*bob → you: psst\n/);
    alice.type("/exit\r");
    await alice.exited;
    expect(confirmed).toEqual([3]);
  },
);

inTerminal(
  "a server of version 1 knows no read positions and no people: rooms and persons are places all the same",
  async () => {
    const asked: string[] = [];
    const note = (seq: number, from: string, to: string, text: string) => ({ ...message(to, seq, text), from });
    const inbox = [
      note(1, "bob", "alice", "soup?"),
      note(2, "carol", "alice", "cake?"),
      note(3, "alice", "bob", "yes"),
    ];
    using server = listen((frame, write) => {
      asked.push(frame.type);
      const { id, type } = frame;
      if (type === "people") return write({ type: "error", id, code: "bad_request", text: "Cannot read that line." });
      if (type === "history")
        return write({ type: "ok", id, to: "@", messages: inbox.filter(({ seq }) => seq < (frame.before ?? 9)) });
      if (type === "join") return write({ ...welcome(frame), seq: 1 }, message("#lobby", 1, "hello"));
      write(welcome(frame));
    });
    await using alice = await sitIn(server.port, "alice");
    await alice.until(/alone so far ──\n.*bob: hello\n#lobby>$/);
    alice.type("/query bob\r");
    await alice.until(/── bob ──\n.*bob → you: soup\?\n.*you → bob: yes\n@bob>$/);
    expect(asked).toContain("people");
    expect(alice.screen.text).not.toMatch(/cake|Cannot read|── new/);
    alice.type("/exit\r");
    await alice.exited;
    expect(asked).not.toContain("seen"); // it would take one of a room for the inbox
  },
);

inTerminal(
  "a room that the server refuses after a lost connection is closed, and the next line is for the lobby",
  async () => {
    let joins = 0;
    using server = listen((frame, write) => {
      if (frame.type !== "join" || frame.to !== "#lab") return write(welcome(frame));
      if (++joins === 2) return write({ type: "error", id: frame.id, code: "closed", text: "That room is closed." });
      write({ ...welcome(frame), seq: 1 }); // and the connection is lost before what was said there has come
      for (const socket of server.sockets) socket.end();
    });
    await using alice = await sitIn(server.port, "alice");
    alice.type("/join lab\r");
    await alice.until("connection lost");
    alice.type("\r");
    await alice.until(/\* That room is closed\.\n── #lobby ──\n#lobby>$/);
    alice.type("/who\r");
    await alice.until(/\* Here: nobody\n#lobby>$/);
  },
);

inTerminal("a code that nobody knows ends what was asked", async () => {
  using server = listen((frame, write) => {
    if (frame.type === "say") write({ type: "error", id: frame.id, code: "quiet", text: "Nobody may speak now." });
    else write(welcome(frame));
  });
  await using alice = await sitIn(server.port, "alice");
  alice.type("hello?\r");
  await alice.until(/\* Nobody may speak now\.\n#lobby> hello\?$/);
  alice.type("\x03/exit\r");
  expect(await alice.exited).toBe(0);
  expect(alice.screen.text).not.toContain("Not sent");
});

inTerminal("that a room was left before it was confirmed as read is nothing to tell a person", async () => {
  using server = listen((frame, write) => {
    if (frame.type === "login") return write({ ...welcome(frame), follows: [] });
    if (frame.type !== "seen") return write(welcome(frame));
    if (frame.id !== undefined) return write(welcome(frame), message("#lobby", 1, "one")); // the room is followed
    write({ type: "error", code: "not_in_room", text: "You are not in that room." }, { type: "notice", text: "done" });
  });
  await using alice = await sitIn(server.port, "alice");
  expect(await alice.until("* done")).not.toContain("You are not in that room");
});
