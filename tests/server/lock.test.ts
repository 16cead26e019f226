import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { takeLock } from "../../server/lock.ts";
import { PATIENCE, REPOSITORY, run, temporaryFolder } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const LOCK = JSON.stringify(join(REPOSITORY, "server/lock.ts"));
const elapsed = () => performance.now();

/** A program that holds a lock until it is killed; resolves when it does. */
async function holder(path: string) {
  const script = `import { takeLock } from ${LOCK};
    const giveBack = await takeLock(${JSON.stringify(path)}, () => performance.now());
    console.log("held");
    setInterval(giveBack, 1e9);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  for await (const _ of child.stdout) break;
  return child;
}

/** What taking a lock is refused with by a clock that says that ten seconds have passed after a few tries. */
async function refusal(path: string): Promise<string> {
  let now = 0;
  const taken = takeLock(path, () => (now += 1_000));
  return taken.then(
    () => "taken",
    (problem: Error) => problem.message,
  );
}

test.each(["1970-01-01", "2100-01-01"])("a file of %s that nobody holds is no lock", async (date) => {
  using folder = temporaryFolder();
  const path = join(folder.path, "lock");
  writeFileSync(path, "");
  utimesSync(path, new Date(date), new Date(date));
  (await takeLock(path, elapsed))();
  expect(existsSync(path)).toBeFalse();
});

test("a program that holds it is waited for, at most ten seconds, and not when it was killed", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "lock");
  const alice = await holder(path);
  utimesSync(path, new Date(0), new Date(0)); // its age says nothing
  expect(await refusal(path)).toBe(
    `Another program has held ${path} for 10 seconds. Nothing was changed. Try again, or end that program.`,
  );
  const waiting = takeLock(path, elapsed);
  alice.kill("SIGKILL");
  const giveBack = await waiting;
  expect(statSync(path)).toMatchObject({ size: 0, mode: 0o100600 });
  expect(await refusal(path)).toContain("Another program has held");
  giveBack();
  expect(await refusal(path)).toBe("taken");
});

test("of many programs at once one holds it", async () => {
  using folder = temporaryFolder();
  const [path, count] = [join(folder.path, "lock"), join(folder.path, "count")];
  writeFileSync(count, "0");
  const script = `import { readFileSync, writeFileSync } from "node:fs";
    import { takeLock } from ${LOCK};
    const count = ${JSON.stringify(count)};
    for (let n = 0; n < 100; n++) {
      const giveBack = await takeLock(${JSON.stringify(path)}, () => performance.now());
      const before = Number(readFileSync(count, "utf8"));
      await new Promise((resume) => setImmediate(resume));
      writeFileSync(count, String(before + 1));
      giveBack();
    }`;
  const programs = Array.from({ length: 8 }, () => run([process.execPath, "-e", script]));
  for (const { code, stderr } of await Promise.all(programs)) expect([code, stderr]).toEqual([0, ""]);
  expect(readFileSync(count, "utf8")).toBe("800");
  expect(existsSync(path)).toBeFalse();
});

test("where there can be no such file, a sentence says why at once", async () => {
  using folder = temporaryFolder();
  const nowhere = join(folder.path, "nowhere", "lock");
  expect(await refusal(nowhere)).toBe(
    `Cannot write ${nowhere}: its folder is not there. Make that folder, or choose another --data folder.`,
  );
  const path = join(folder.path, "lock");
  writeFileSync(path, "somebody's letter to somebody\n".repeat(100));
  expect(await refusal(path)).toBe(`Cannot open ${path}: file is not a database. Check the file and its folder.`);
});
