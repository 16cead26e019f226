import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PATIENCE, REPOSITORY, run, temporaryFolder } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

/** Runs a benchmark with its temporary files in `folder`. */
const bench = (folder: string, args: string, program = "bench/run.ts") =>
  run(["env", `TMPDIR=${folder}`, process.execPath, program, ...args.split(" ")]);

test("a small run measures Banter and another, prints a table of them, and leaves nothing behind", async () => {
  using folder = temporaryFolder();
  const results = join(REPOSITORY, "bench", "RESULTS.md");
  const before = readFileSync(results, "utf8");
  const args = "--only room10 --peers banter,bun-publish --reps 1 --seconds 0.1";
  const { code, stdout, stderr } = await bench(folder.path, args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("Banter runs with its history on");
  if (!has("cc")) {
    expect(stdout).toContain("There is no C compiler");
  } else {
    expect(stdout).toMatch(/^\| ● Banter +\| +1× = [\d.,]+ \| +1× = [\d.,]+ \|$/m);
    expect(stdout).toMatch(/^\| Bun\.serve's publish \(WebSocket\) \| +[\d.,]+× \| +[\d.,]+× \|$/m);
    expect(stdout).not.toContain("lost");
  }
  expect(readdirSync(folder.path)).toEqual([]);
  expect(readFileSync(results, "utf8")).toBe(before);
});

test.each([
  ["--only tea", 'There is no "tea". There are: room10, '],
  ["--peers irc", 'There is no "irc". There are: banter, '],
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
