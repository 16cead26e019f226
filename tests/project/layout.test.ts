import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { PATIENCE, REPOSITORY } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const FOLDERS = ["server", "client", "web", "shared"] as const;
/** What a folder's files may import besides each other. */
const MAY_IMPORT: Record<(typeof FOLDERS)[number], readonly string[]> = {
  server: ["shared", "protocol.ts"],
  client: ["shared", "protocol.ts"],
  web: ["shared", "protocol.ts"],
  shared: ["protocol.ts"],
};
/** The programs, and the folders they are made of. */
const PROGRAMS: Record<string, readonly string[]> = {
  "server.ts": ["server"],
  "users.ts": ["server"],
  "backup.ts": ["server"],
  "client.ts": ["client"],
};

const read = (file: string) => readFileSync(join(REPOSITORY, file), "utf8");
const scripts = (folder: string) =>
  readdirSync(join(REPOSITORY, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
const files = Object.fromEntries(FOLDERS.map((folder) => [folder, scripts(folder)]));
const top = scripts(".");
const all = [...top, ...Object.values(files).flat()];

/** What a file imports, as it is written: types too, for what they describe is what it depends on. */
function imports(file: string): string[] {
  const found = read(file).matchAll(
    /^\s*(?:import|export)\b[^"';]*?\bfrom\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
  );
  return Array.from(found, ([, from, bare, dynamic]) => from ?? bare ?? dynamic!);
}
/** Those of them that are our own files, as seen from the top folder. */
function ours(file: string): string[] {
  const local = imports(file).filter((name) => name.startsWith("."));
  return local.map((name) => relative(REPOSITORY, join(REPOSITORY, dirname(file), name)));
}
/** The place of a file: its folder, or its own name at the top. */
function placeOf(file: string): string {
  return file.includes("/") ? dirname(file) : file;
}

test("the reader of imports misses none", () => {
  for (const file of all) {
    const words = read(file).match(/^(import|export \{[^}]*\} from|export \* from)\b/gm) ?? [];
    expect([file, imports(file).length]).toEqual([file, words.length]);
  }
});

test("what is run imports no package, so that nothing is ever fetched", () => {
  for (const file of all)
    expect([file, imports(file).filter((name) => !/^(\.|bun:|node:|bun$)/.test(name))]).toEqual([file, []]);
});

test("at the top are the programs and the one file they all speak, which imports nothing", () => {
  expect(top.toSorted()).toEqual([...Object.keys(PROGRAMS), "protocol.ts"].toSorted());
  expect(imports("protocol.ts")).toEqual([]);
});

test.each(Object.keys(PROGRAMS))("%s imports its folder, shared/ and protocol.ts, and no other program", (program) => {
  const allowed = [...PROGRAMS[program]!, "shared", "protocol.ts"];
  expect(ours(program).filter((file) => !allowed.includes(placeOf(file)))).toEqual([]);
});

test.each(FOLDERS)("%s/ imports itself and what is below it", (folder) => {
  for (const file of files[folder]!)
    expect([file, ours(file).filter((name) => ![folder, ...MAY_IMPORT[folder]].includes(placeOf(name)))]).toEqual([
      file,
      [],
    ]);
});
