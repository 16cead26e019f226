// needs.ts: what tests need that is not in this repository: programs of the system, and packages. Where one is missing, its
// name is printed and the test is skipped; .ci/run installs all of them. Packages are those of node_modules; in a clone
// without them Bun fetches them, in the versions of bun.lock, into a temporary folder. The clone stays as it is.

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, temporaryFolder } from "./harness.ts";

const PACKAGES = ["@xterm/addon-unicode-graphemes", "@xterm/headless", "axe-core", "fast-check"];
const FETCHING = 60_000; // ms after which a network that does not answer is none

const told = new Set<string>();
let fetched: { folder: string; problem: string } | undefined;

/** Whether all these programs and packages are here; tells which is not. For `test.if` and `describe.if`. */
export function has(...names: readonly string[]): boolean {
  const missing = names.filter((name) => (PACKAGES.includes(name) ? !find(name) : Bun.which(name) === null));
  for (const name of missing.filter((name) => !told.has(name))) {
    told.add(name);
    const why = PACKAGES.includes(name) ? `is not installed and cannot be fetched: ${fetched!.problem}` : "is not here";
    console.log(`skipped: what needs ${name}, which ${why}`);
  }
  return missing.length === 0;
}

/** Whether a command succeeds here, as whom the tests run; tells why not. */
export function works(program: string, ...args: string[]): boolean {
  if (!has(program)) return false;
  const { exitCode, stderr } = Bun.spawnSync([program, ...args]);
  if (exitCode !== 0) console.log(`skipped: what needs ${program}, which says: ${stderr.toString().trim()}`);
  return exitCode === 0;
}

/** What these packages export together; undefined where one is missing. */
export async function load<T>(...names: readonly string[]): Promise<T | undefined> {
  if (!has(...names)) return undefined;
  const modules = await Promise.all(names.map((name) => import(find(name)!)));
  return Object.assign({}, ...modules);
}

/** The file that a package, or a path in it, is imported from; undefined where the package is missing. */
export function find(name: string): string | undefined {
  try {
    return Bun.resolveSync(name, REPOSITORY);
  } catch {
    // It was not installed.
  }
  fetched ??= fetchPackages();
  try {
    return Bun.resolveSync(name, fetched.folder);
  } catch {
    return undefined;
  }
}

/** Installs the packages into a folder that stays until this process ends. */
function fetchPackages(): typeof fetched & {} {
  const { path: folder, [Symbol.dispose]: remove } = temporaryFolder();
  process.on("exit", remove);
  const { devDependencies } = require(join(REPOSITORY, "package.json"));
  const wanted = Object.fromEntries(PACKAGES.map((name) => [name, devDependencies[name]]));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "banter", devDependencies: wanted }));
  copyFileSync(join(REPOSITORY, "bun.lock"), join(folder, "bun.lock"));
  const { stderr } = Bun.spawnSync([process.execPath, "install"], { cwd: folder, timeout: FETCHING });
  return { folder, problem: /^error: (.*)$/m.exec(stderr.toString())?.[1] ?? "the network does not answer" };
}
