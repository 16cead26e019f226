import { expect, setDefaultTimeout, test } from "bun:test";
import { emptyRemoved } from "../../client/removed.ts";
import type { Message } from "../../protocol.ts";
import { PATIENCE, startTestServer } from "../kit/harness.ts";
import { HAS_TERMINAL, sitIn } from "../kit/pty.ts";

setDefaultTimeout(PATIENCE);

const inTerminal = test.if(HAS_TERMINAL);
const NEXT = "\x1ba"; // Alt+A

test("an act empties the messages of whom it names in its range, keeps who removed one first, and no act is emptied", () => {
  const message = (seq: number, from: string, more: Partial<Message> = {}): Message => {
    return { type: "message", to: "#lab", seq, from, id: `x-${seq}`, at: seq, text: `line ${seq}`, ...more };
  };
  const remove = (seq: number, from: string, of: string, on: number, through: number) =>
    message(seq, from, { act: "remove", of, on, through, text: "removed" });
  const held = [
    message(1, "bob"),
    message(2, "bob", { cut: 9, host: true }),
    message(3, "zoe"),
    message(4, "bob", { text: "(removed)", removed: "bob", was: "oops" }),
    remove(5, "bob", "bob", 2, 2),
    remove(6, "ms.lee", "bob", 2, 5),
  ];
  const { cut: _, ...second } = held[1]!;
  const gone = { ...second, text: "(removed)", removed: "bob" };
  expect(emptyRemoved(held, false)).toEqual(held.with(1, gone));
  expect(emptyRemoved(held, true)).toEqual(held.with(1, { ...gone, was: "line 2" }));
});

inTerminal(
  "what is removed is nowhere any more that one turns to, calls nobody, and only hosts see what it said",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const bob = await chat.signedIn("bob", "#lab");
    await using lee = await sitIn(chat.port, "ms.lee");
    lee.type("/join lab\r");
    await lee.until(/#lab>$/);
    await using zoe = await sitIn(chat.port, "zoe");
    zoe.type("/join lab\r");
    await zoe.until(/#lab>$/);
    zoe.type("/join lobby\r");
    await zoe.until(/── #lobby ──\n#lobby>$/);
    await bob.say("#lab", "good day", "zoe is a toad\nand ugly");
    await zoe.until("  2:lab 2!  Alt+A to read\n#lobby>");
    await lee.until("toad");
    lee.type("/remove bob\r");
    await lee.until(/\n\d\d:\d\d \* you removed a message of bob in lab\n(?:\* zoe has joined the chat\n)?#lab>$/);
    await zoe.until("  2:lab 3  Alt+A to read\n#lobby>");
    zoe.type(NEXT);
    await zoe.until(
      /bob: good day\n\d\d:\d\d bob: \(removed by ms\.lee\)\n\d\d:\d\d \* ms\.lee removed a message of bob in lab\n#lab>$/,
    );
    zoe.type("/history 2\r");
    await zoe.until(/── the last 2 ──\n.*bob: \(removed by ms\.lee\)\n.*removed a message of bob.*\n── now ──\n#lab>$/);
    await using late = await sitIn(chat.port, "zoe", ["--room", "lab"]);
    await late.until(/bob: \(removed by ms\.lee\)\n/);
    for (const seat of [zoe, late]) expect(seat.output()).not.toContain("toad");
    zoe.type("/search toad\r");
    await zoe.until("* Nothing found.\n");

    const seen = /bob: \(removed by you: zoe is a toad\n {2}and ugly\)\n\d\d:\d\d \* you removed .*\n/;
    lee.type("/history 2\r");
    await lee.until(new RegExp(`── the last 2 ──\n.*${seen.source}── now`));
    lee.type("/join lobby\r");
    await lee.until(/#lobby>$/);
    lee.type("/join lab\r");
    await lee.until(new RegExp(`── #lab ──\n.*good day\n.*${seen.source}#lab>$`));
  },
);

inTerminal(
  "a private message that its sender removes is gone from the place of both; a flood leaves one line",
  async () => {
    await using chat = await startTestServer(["ms.lee*", "bob", "zoe"]);
    const bob = await chat.signedIn("bob", "#lobby");
    await using zoe = await sitIn(chat.port, "zoe");
    await bob.say("zoe", "psst", "a secret");
    await zoe.until("  2:@bob 2!  Alt+A to read");
    await bob.ask({ type: "remove", to: "zoe" });
    await zoe.until(/\n\d\d:\d\d \* bob removed a message\n {2}2:@bob 2!/);
    zoe.type(NEXT);
    await zoe.until(/── bob, 2 new ──\n.*psst\n.*bob → you: \(removed by bob\)\n.*bob removed a message\n@bob>$/);
    const lee = await chat.signedIn("ms.lee", "#lobby");
    await bob.say("#lobby", ...Array.from({ length: 20 }, (_, i) => `flood ${i}`));
    await lee.ask({ type: "remove", to: "#lobby", of: "bob", last: 20 });
    zoe.type("\x1b1");
    await zoe.until(
      /\n\d\d:\d\d bob: \(20 messages, removed by ms\.lee\)\n\d\d:\d\d \* ms\.lee removed 20 messages of bob\n#lobby>$/,
    );
  },
);
