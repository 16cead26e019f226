// needs.ts: what tests need that is not in this repository: programs of the system, and packages. Where one is missing, its
// name is printed and the test is skipped; .ci/run installs all of them. Packages are those of node_modules; in a clone
// without them Bun fetches them, in the versions of bun.lock, into a temporary folder. The clone stays as it is.

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, temporaryFolder } from "./harness.ts";

const PACKAGES = ["@xterm/addon-unicode-graphemes", "@xterm/headless", "axe-core", "fast-check", "jsqr", "qr"];
const FETCHING = 60_000; // ms after which a network that does not answer is none

const told = new Set<string>();
/** Where each package is, or, when it was fetched, what it exports. */
const installed = new Map<string, string | object>();
for (const name of PACKAGES)
  try {
    installed.set(name, Bun.resolveSync(name, REPOSITORY));
  } catch {
    // It was not installed.
  }
const problem = installed.size < PACKAGES.length ? await fetchPackages() : "";

/** Whether all these programs and packages are here; tells which is not. For `test.if` and `describe.if`. */
export function has(...names: readonly string[]): boolean {
  const missing = names.filter((name) => !installed.has(name) && (PACKAGES.includes(name) || Bun.which(name) === null));
  for (const name of missing.filter((name) => !told.has(name))) {
    told.add(name);
    const why = PACKAGES.includes(name) ? `is not installed and cannot be fetched: ${problem}` : "is not here";
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

/** Whether a small disk can be made: by root on Linux. */
export function canMount(): boolean {
  using folder = temporaryFolder();
  const mounted = has("umount") && works("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.path);
  if (mounted) Bun.spawnSync(["umount", folder.path]);
  return mounted;
}

/** What these packages export together; undefined where one is missing. */
export async function load<T>(...names: readonly string[]): Promise<T | undefined> {
  if (!has(...names)) return undefined;
  const modules: object[] = [];
  for (const name of names) {
    const place = installed.get(name)!;
    modules.push(typeof place === "string" ? await import(place) : place);
  }
  return Object.assign({}, ...modules);
}

/** Fetches and loads the packages; what went wrong, if anything did. */
async function fetchPackages(): Promise<string> {
  using folder = temporaryFolder();
  const { devDependencies } = await Bun.file(join(REPOSITORY, "package.json")).json();
  const wanted = Object.fromEntries(PACKAGES.map((name) => [name, devDependencies[name]]));
  writeFileSync(join(folder.path, "package.json"), JSON.stringify({ name: "banter", devDependencies: wanted }));
  copyFileSync(join(REPOSITORY, "bun.lock"), join(folder.path, "bun.lock"));
  const install = Bun.spawnSync([process.execPath, "install"], { cwd: folder.path, timeout: FETCHING });
  if (install.exitCode !== 0)
    return /^error: (.*?)(?: downloading .*)?$/m.exec(install.stderr.toString())?.[1] ?? "the network does not answer";
  for (const name of PACKAGES) installed.set(name, await import(Bun.resolveSync(name, folder.path)));
  return "";
}
