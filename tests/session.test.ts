import { expect, test } from "bun:test";
import { PASSWORD, startChat } from "./harness.ts";

test("register signs in, and say comes back to everyone in the room as the same message", async () => {
  await using chat = await startChat(["bob"]);
  const alice = await chat.wire();
  const welcome = await alice.ask({ type: "register", user: "Alice", password: PASSWORD });
  expect(welcome).toMatchObject({ type: "ok", user: "alice", seq: 0 });
  await alice.join("#lab");
  const bob = await chat.signedIn("bob", "#lab");

  const receipt = await alice.ask({ type: "say", to: "#Lab", text: "two sugars", id: "k3x-17" });

  expect(receipt).toMatchObject({
    type: "message",
    to: "#lab",
    seq: 1,
    from: "alice",
    id: "k3x-17",
    text: "two sugars",
  });
  expect(await bob.next("message")).toEqual(receipt);
});
