import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import { PATIENCE, startChat } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test.each([
  ["a hundred thousand messages", 100_000, "nothing that anybody would look for, in a usual length"],
  ["two thousand of the longest messages", 2_000, "✓".repeat(4_000)],
])("a search over %s finds the one, and others are answered meanwhile", async (_, count, usual) => {
  await using chat = await startChat(["alice", "bob"]);
  await chat.restart(async () => {
    const history = openHistory(join(chat.data, "chat.db"));
    const drafts = Array.from({ length: count }, (_, index) => ({
      to: "#lab",
      from: "bob",
      id: `${index}`,
      text: usual,
    }));
    drafts[17]!.text = "Where is the TEAPOT?";
    await history.append(drafts);
    history.close();
  });
  const [alice, bob] = [await chat.signedIn("alice", "#lab"), await chat.signedIn("bob")];

  let found: Message[] | undefined;
  const search = alice.ask({ type: "history", to: "#lab", match: "teapot" }).then(({ messages }) => (found = messages));
  let answered = 0;
  for (; found === undefined; answered++) await bob.ask({ type: "ping" });

  expect(await search).toMatchObject([{ seq: 18, text: "Where is the TEAPOT?" }]);
  expect(answered).toBeGreaterThan(6);
});
