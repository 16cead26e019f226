import { expect, test } from "bun:test";
import { join } from "node:path";
import { openHistory } from "../history.ts";
import type { Message } from "../protocol.ts";
import { startServer } from "../server.ts";
import { check } from "./checker.ts";
import { temporaryFolder, Wire, writeAccounts } from "./harness.ts";
import { runWorkload } from "./workload.ts";

test("eight people lose nothing and see nothing twice while the server is killed and connections are reset", async () => {
  const { run, counts } = await runWorkload({ seed: 20, seconds: 5, kills: 4, replacements: 3, rate: 250 });

  expect(check(run)).toEqual([]);
  expect(counts.kills).toBeGreaterThanOrEqual(3);
  expect(counts.stored).toBeGreaterThan(400);
  expect(counts.shown).toBeGreaterThan(2_000);
  expect(counts.refused).toBeGreaterThan(0);
  expect(counts.resets).toBeGreaterThan(40);
  expect(counts.late).toBeGreaterThan(5);
  expect(counts.resumed).toBeGreaterThan(100);
}, 60_000);

test("a reader who is too slow for the replay gets all of it, and then what was said meanwhile, in order", async () => {
  using folder = temporaryFolder();
  writeAccounts(folder.path, ["alice", "bob"]);
  const history = openHistory(join(folder.path, "chat.db"));
  const long = "✓".repeat(4_000); // 12 kB, so that the replay does not fit into what a socket takes
  const drafts = Array.from({ length: 1_500 }, (_, index) => ({
    to: "#lab",
    from: "bob",
    id: `d-${index}`,
    text: long,
  }));
  await history.append(drafts);
  history.close();
  const server = await startServer({ port: 0, data: folder.path, rate: 0 });
  const [alice, bob] = [await Wire.open(server.port), await Wire.open(server.port)];
  await alice.login("alice");
  await bob.login("bob");
  await bob.join("#lab", drafts.length);

  alice.send({ type: "join", to: "#lab", since: 0 });
  await alice.next((frame) => frame.type === "message" && frame.seq === 1);
  alice.socket.pause();
  for (let index = 0; index < 100; index++) await bob.ask({ type: "say", to: "#lab", text: `meanwhile ${index}` });
  alice.socket.resume();

  for (let seq = 2; seq <= drafts.length + 100; seq++) expect((await alice.next<Message>("message")).seq).toBe(seq);
  expect(await alice.quiet()).toEqual([]);
  alice.close();
  bob.close();
  await server.stop();
});
