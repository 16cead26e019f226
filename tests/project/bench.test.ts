import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { signedIn } from "../../bench/asks.ts";
import { SOURCES } from "../../bench/benchmark.ts";
import { compile, generate, start } from "../../bench/load.ts";
import { banterIn, writeLoadAccounts } from "../../bench/peers.ts";
import { makeHistory } from "../../bench/stored.ts";
import type { Message } from "../../protocol.ts";
import { messagesOf, openHistory } from "../../server/history.ts";
import { PATIENCE, REPOSITORY, run, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

/** Runs a benchmark with its temporary files in `folder`. */
const bench = (folder: string, args: string, program = "bench/run.ts") =>
  run(["env", `TMPDIR=${folder}`, process.execPath, program, ...args.split(" ")]);

test("a small run measures Banter, another checkout and another server, prints tables of them, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const results = join(REPOSITORY, "bench", "RESULTS.md");
  const before = readFileSync(results, "utf8");
  const args = `--only room10,pairs --peers banter,banter-ids,bun-publish --before ${REPOSITORY} --reps 1 --seconds 0.1 --warm 0.1`;
  const { code, stdout, stderr } = await bench(folder.path, args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("Banter runs with its history on");
  if (!has("cc")) {
    expect(stdout).toContain("There is no C compiler");
  } else {
    const other = `● Banter in ${basename(REPOSITORY)}`;
    const rows = [...stdout.matchAll(/^\| (\S[^|]*?) +\| +(?:1× = )?[\d.,]+×? \| +(?:1× = )?[\d.,]+×? \|$/gm)];
    const titles = ["● Banter", "● Banter, ids made by its clients", other, `${other}, ids made by its clients`];
    titles.push("Bun.serve's publish (WebSocket)");
    expect(rows.map(([, title]) => title!)).toEqual([...titles, ...titles]);
    expect(stdout.match(/^\| ● Banter +\| +1× = /gm)).toHaveLength(2);
    expect(stdout.match(/^Median of 1 × 0\.1 s, each after 0\.1 s of warm-up\.$/gm)).toHaveLength(2);
    expect(stdout).not.toContain("lost");
  }
  expect(readdirSync(folder.path)).toEqual([]);
  expect(readFileSync(results, "utf8")).toBe(before);
});

test.if(has("cc"))("sign-ins are measured right after a start and once others have been there", async () => {
  using folder = temporaryFolder();
  const args = "--only signin,signin-cores --peers banter,banter-ids,bun-publish --reps 1";
  const { code, stdout, stderr } = await bench(folder.path, args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(
    stdout.match(/^\| +\| 500 once others have been here, .* \| the first 500 after a start, .* \|$/gm),
  ).toHaveLength(2);
  expect(stdout.match(/^\| ● Banter +\| +1× = [\d,]+ \| +1× = [\d,]+ \|$/gm)).toHaveLength(2);
  expect(stdout.match(/^\| Bun\.serve's publish \(WebSocket\) \| +[\d.]+× \| +[\d.]+× \|$/gm)).toHaveLength(2);
  expect(stdout).not.toContain("ids made by its clients"); // nobody says anything
});

test.if(has("cc"))("what needs more open files than there may be is left out, and says so", async () => {
  using folder = temporaryFolder();
  const program = [process.execPath, "bench/run.ts", "--only", "signin5000", "--peers", "banter"];
  const command = ["env", `TMPDIR=${folder.path}`, "sh", "-c", 'ulimit -n 5000; exec "$@"', "sh", ...program];
  const { code, stdout, stderr } = await run(command);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(
    "\n- Left out: signin5000: the server and the load generator each need 5256 open files, and this machine allows 5000 (ulimit -Hn).\n",
  );
  expect(stdout).not.toContain("| ● Banter");
});

test.if(has("cc"))(
  "clients that make ids count what they say after a prefix of their own, and confirm their inbox",
  async () => {
    using folder = temporaryFolder();
    const { signal: cancelled } = new AbortController();
    const kit = { floor: undefined, packages: undefined, cancelled, accounts: join(folder.path, "accounts") };
    await writeLoadAccounts(kit.accounts);
    const generator = (await compile("chatload", SOURCES, folder.path))!;
    const [, withIds] = banterIn(REPOSITORY, "banter", "Banter");
    await using server = await start(withIds!, kit, folder.path);
    for (const [doing, to] of [
      ["room", "#r0"],
      ["pairs", "@"],
    ] as const) {
      const options = ["--mode", doing, "--clients", "2", "--senders", "2", "--window", "8", "--seconds", "0.5"];
      await generate(generator, server, [...withIds!.wire(kit, doing), ...options]);
      const wire = await signedIn(server, kit, 0);
      await wire.ask({ type: "ping" });
      const replayed = wire.text.match(/"type":"message"/g) ?? [];
      expect(replayed.length).toBeLessThan(150); // it confirms a hundred at once
      if (doing === "room") await wire.ask({ type: "join", to });
      const { messages } = (await wire.ask({ type: "history", to, limit: 200 })) as { messages: Message[] };
      expect(messages).toHaveLength(200);
      for (const user of ["u0", "u1"]) {
        const own = messages.filter(({ from }) => from === user).map(({ id }) => /^([0-9a-z]{8,13})-(\d+)$/.exec(id)!);
        expect(new Set(own.map(([, prefix]) => prefix)).size).toBe(1);
        expect(own.map(([, , n]) => Number(n))).toEqual(own.map((_, i) => Number(own[0]![2]) + i));
      }
      expect(new Set(messages.map(({ id }) => id.split("-")[0])).size).toBe(2);
      wire.close();
    }
  },
);

test("a history is made in batches and one by one, by the code of the checkout that is named", async () => {
  using folder = temporaryFolder();
  for (const batch of [1, 40]) {
    const file = join(folder.path, `${batch}.db`);
    await makeHistory(file, { count: 100, batch }, REPOSITORY);
    const history = openHistory(file);
    expect(await history.head("#r0")).toBe(100);
    expect(messagesOf(await history.read("#r0", 0, 100)).map(({ from, id }) => `${from} ${id}`)).toEqual(
      Array.from({ length: 100 }, (_, i) => `u${i % 50} made-${i < 50 ? 1 : 2}`),
    );
    history.close();
  }
  await expect(makeHistory(join(folder.path, "none.db"), { count: 1, batch: 1 }, folder.path)).rejects.toThrow(
    `there is no history.ts in ${folder.path}`,
  );
});

test.each([
  ["--only tea", 'There is no "tea". There are: room10, '],
  ["--peers irc", 'There is no "irc". There are: banter, '],
  ["--before /dev", "There is no server.ts in /dev."],
  ["--warm none", '--warm must be more than 0 and at most 60, not "none".'],
  ["--reps none", '--reps must be more than 0 and at most 100, not "none".'],
  ["--fast", "Unknown option '--fast'"],
])("bun bench/run.ts %s is refused in one sentence before anything is measured", async (args, sentence) => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await bench(folder.path, args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toStartWith(sentence);
  expect(stderr.trimEnd()).not.toContain("\n");
});

test("a bystander's waits are measured at the servers that are named, in turn, and nothing is left behind", async () => {
  using folder = temporaryFolder();
  const args = "--server . --server . --only typos,pings,rooms-1000 --seconds 0.5";
  const { code, stdout, stderr } = await bench(folder.path, args, "bench/bystander.ts");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const waits = String.raw`+[\d.,]+ / [\d.,]+ / [\d.,]+ \((all answered|not done)\) `;
  for (const what of ["a text session's /aaa…", "100,000 pings", "rooms, 500"])
    expect(stdout).toMatch(new RegExp(`^\\| ${what}[^|]*\\| ${waits}\\| ${waits}\\|$`, "m"));
  expect(readdirSync(folder.path)).toEqual([]);
});

test.each([
  ["--only tea", 'There is no "tea". There are: nothing, '],
  ["--seconds none", '--seconds must be more than 0 and at most 60, not "none".'],
  ["--fast", "Unknown option '--fast'"],
])("bun bench/bystander.ts %s is refused in one sentence before anything is measured", async (args, sentence) => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await bench(folder.path, args, "bench/bystander.ts");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toStartWith(sentence);
  expect(stderr.trimEnd()).not.toContain("\n");
});
