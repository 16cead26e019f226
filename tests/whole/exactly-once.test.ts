import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { connect } from "../../client.ts";
import { openHistory } from "../../server/history.ts";
import type { Message } from "../../protocol.ts";
import { PASSWORD, PATIENCE, startTestServer, temporaryFolder } from "../kit/harness.ts";
import { Proxy } from "../kit/proxy.ts";
import { Random } from "../kit/random.ts";
import { runWorkload } from "../kit/workload.ts";

setDefaultTimeout(PATIENCE);

test("fourteen people lose nothing, see nothing twice and all know what hosts did, through kills and cuts", async () => {
  using folder = temporaryFolder();
  const trouble = { kills: 2, replacements: 3, life: 20_000, nap: 0 };
  const plan = { seed: 20, stormy: 2.5, steady: 0, rate: 500, ...trouble };
  const { violations, counts } = await runWorkload(plan, folder.path);

  expect(violations).toEqual([]);
  expect(counts.kills).toBe(4);
  expect(counts.stored).toBeGreaterThan(400);
  expect(counts.shown).toBeGreaterThan(2_000);
  expect(counts.refused).toBeGreaterThan(0);
  expect(counts.acts).toBeGreaterThan(20);
  expect(counts.typed).toBeGreaterThan(4);
  expect(counts.sessions).toBeGreaterThan(4);
  expect(counts.cuts).toBeGreaterThan(40);
  expect(counts.late).toBeGreaterThan(10);
  expect(counts.fins).toBeGreaterThan(0);
  expect(counts.resumed).toBeGreaterThan(100);
});

test("a reader who is too slow for the replay gets all of it, and then what was said meanwhile, in order", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  const long = "✓".repeat(4_000); // 12 kB, so that the replay does not fit into what a socket takes
  await chat.restart(() => store(chat.data, 1_500, { to: "#lab", from: "bob", text: long }));
  const [alice, bob] = [await chat.signedIn("alice"), await chat.signedIn("bob")];
  await bob.join("#lab", 1_500);

  alice.send({ type: "join", to: "#lab", since: 0 });
  await alice.next((frame) => frame.type === "message" && frame.seq === 1);
  alice.socket.pause();
  for (let index = 0; index < 100; index++) await bob.ask({ type: "say", to: "#lab", text: `meanwhile ${index}` });
  alice.socket.resume();

  for (let seq = 2; seq <= 1_600; seq++) expect((await alice.next<Message>("message")).seq).toBe(seq);
  expect(await alice.quiet()).toEqual([]);
});

test("a client for whom thousands of messages wait gets in, answers the first at once, and gets them all", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await chat.restart(() => store(chat.data, 3_000, { to: "alice", from: "bob", text: "while you were away" }));

  const alice = await connect({ host: "127.0.0.1", port: chat.port, user: "alice", password: PASSWORD });

  const seqs: number[] = [];
  while (seqs.length < 3_000) {
    const event = await alice.next();
    if (event?.type !== "message") continue;
    seqs.push(event.seq);
    if (seqs.length === 1) expect((await alice.say("bob", "I am back")).seq).toBe(3_001);
  }
  expect(seqs).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
  await alice.close();
});

test("a client tells that it is offline when it is, and online when it is back", async () => {
  await using chat = await startTestServer(["alice"]);
  const alice = await connect({ host: "127.0.0.1", port: chat.port, user: "alice", password: PASSWORD });
  const told = [(await alice.next())?.type];

  await chat.restart();
  while (!told.includes("offline") || told.at(-1) !== "online") {
    const event = await alice.next();
    told.push(event?.type);
    if (event?.type === "offline") alice.retryNow();
  }

  expect(told.filter((type) => type !== "notice")).toEqual(["online", "inbox", "caught up", "offline", "online"]);
  await alice.close();
});

test("a client that was cut off shows what the same account has meanwhile read elsewhere", async () => {
  await using chat = await startTestServer(["alice", "bob"]);
  await using proxy = new Proxy(chat.port, new Random(1));
  proxy.calm = true;
  const laptop = await connect({ host: "127.0.0.1", port: proxy.port, user: "alice", password: PASSWORD });
  const [phone, bob] = [await chat.signedIn("alice"), await chat.signedIn("bob")];

  proxy.target = 1; // where nobody listens
  for (const pipe of proxy.pipes) pipe.end();
  await bob.ask({ type: "say", to: "alice", text: "read on the phone" });
  await phone.next("message");
  await phone.ask({ type: "seen", seq: 1 });
  proxy.target = chat.port;
  laptop.retryNow();
  await bob.ask({ type: "say", to: "alice", text: "and one more" });

  const shown: string[] = [];
  while (!shown.includes("and one more")) {
    const event = await laptop.next();
    if (event?.type === "message") shown.push(event.text);
    if (event?.type === "offline") laptop.retryNow();
  }
  expect(shown).toEqual(["read on the phone", "and one more"]);
  await laptop.close();
});

/** Stores messages while no server runs. */
async function store(data: string, count: number, draft: { to: string; from: string; text: string }): Promise<void> {
  const history = openHistory(join(data, "chat.db"));
  await history.append(Array.from({ length: count }, (_, index) => ({ ...draft, id: `d-${index}` })));
  history.close();
}
