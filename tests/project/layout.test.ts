import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { PATIENCE, REPOSITORY, run } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const FOLDERS = ["server", "client", "web", "shared"] as const;
type Folder = (typeof FOLDERS)[number];
/** What a folder's files may import besides each other. */
const MAY_IMPORT: Record<Folder, readonly string[]> = {
  server: ["shared", "protocol.ts"],
  client: ["shared", "protocol.ts"],
  web: ["shared", "protocol.ts"],
  shared: ["protocol.ts"],
};
/** The programs, and the folder each is made of. */
const PROGRAMS: Record<string, Folder> = {
  "server.ts": "server",
  "users.ts": "server",
  "backup.ts": "server",
  "client.ts": "client",
};
const MAX_LINES = 300;
const MAX_HEADER = 8; // lines

const read = (file: string) => readFileSync(join(REPOSITORY, file), "utf8");
const scripts = (folder: string) =>
  readdirSync(join(REPOSITORY, folder))
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
const top = scripts(".");
const files = Object.fromEntries(FOLDERS.map((folder) => [folder, scripts(folder)])) as Record<Folder, string[]>;
const all = [...top, ...FOLDERS.flatMap((folder) => files[folder])];

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
/** The files of each folder in the order of the README's table. */
function readingOrder(): Record<string, string[]> {
  const order: Record<string, string[]> = {};
  let folder = "";
  for (const row of read("README.md").match(/^\|.*$/gm)!) {
    const cell = row.split("|")[1]!;
    folder = /\*\*`(\w+)\/`\*\*/.exec(cell)?.[1] ?? folder;
    for (const [, name] of cell.matchAll(/`([\w-]+\.ts)`/g)) (order[folder] ??= []).push(join(folder, name!));
  }
  return order;
}

test("the reader of imports misses none", () => {
  for (const file of all) {
    const words = read(file).match(/^(import|export \{[^}]*\} from|export \* from)\b/gm) ?? [];
    expect([file, imports(file).length]).toEqual([file, words.length]);
  }
});

test("at the top are the programs and the one file they all speak, which imports nothing", () => {
  expect(top.toSorted()).toEqual([...Object.keys(PROGRAMS), "protocol.ts"].toSorted());
  expect(imports("protocol.ts")).toEqual([]);
});

test.each(Object.keys(PROGRAMS))("%s imports its folder, shared/ and protocol.ts, and no other program", (program) => {
  const allowed = [PROGRAMS[program]!, "shared", "protocol.ts", "package.json"]; // for its version
  expect(ours(program).filter((file) => !allowed.includes(placeOf(file)))).toEqual([]);
});

describe.each(FOLDERS)("%s/", (folder) => {
  test("imports itself and what is below it", () => {
    const allowed = [folder, ...MAY_IMPORT[folder]];
    const wrong = files[folder].map((file) => [file, ours(file).filter((name) => !allowed.includes(placeOf(name)))]);
    expect(wrong.filter(([, names]) => names!.length > 0)).toEqual([]);
  });

  test("has every file in the README's table, and no other", () => {
    expect(readingOrder()[folder]!.toSorted()).toEqual(files[folder].toSorted());
  });

  test("imports only downwards in the order of that table, so there are no circles", () => {
    const order = readingOrder()[folder]!;
    const upward = (file: string) => (name: string) =>
      placeOf(name) === folder && order.indexOf(name) <= order.indexOf(file);
    const wrong = files[folder].map((file) => [file, ours(file).filter(upward(file))]);
    expect(wrong.filter(([, names]) => names!.length > 0)).toEqual([]);
  });
});

describe("shared/", () => {
  /** Everything in shared/ that is reached from the files of one side. */
  function reached(from: readonly string[]): Set<string> {
    const found = new Set<string>();
    const visit = (file: string): void => {
      for (const name of ours(file).filter((one) => placeOf(one) === "shared" && !found.has(one))) {
        found.add(name);
        visit(name);
      }
    };
    for (const file of from) visit(file);
    return found;
  }
  const programsOf = (folder: Folder) => Object.keys(PROGRAMS).filter((program) => PROGRAMS[program] === folder);
  const sides = (["server", "client", "web"] as const).map((folder) =>
    reached([...files[folder], ...programsOf(folder)]),
  );

  test.each(files.shared)("%s is used by at least two of server, client and page", (file) => {
    expect(sides.filter((side) => side.has(file)).length).toBeGreaterThanOrEqual(2);
  });
});

test.each(["protocol.ts", ...files.shared, ...files.web])("%s names neither Bun nor Node", (file) => {
  const code = read(file).replace(/\/\*[\s\S]*?\*\/|(?<!:)\/\/.*$/gm, "");
  expect(code.match(/\bBun\.|\bnode:|\bbun:|\bBuffer\b|\bprocess\.|\bsetImmediate\b|\bNodeJS\b|: Timer\b/g)).toBeNull();
});

test("what is run imports nothing that does not come with Bun, so that nothing is ever fetched", () => {
  for (const file of all)
    for (const name of imports(file)) expect([file, name]).toEqual([file, expect.stringMatching(/^(\.|node:|bun:)/)]);
});

test.each(all)("%s opens with what it does, and is short enough for one role", (file) => {
  const lines = read(file).split("\n");
  expect(lines[0]).toStartWith(`// ${basename(file)}: `);
  expect(lines.findIndex((line) => !line.startsWith("//"))).toBeWithin(1, MAX_HEADER + 1);
  expect(lines.length - 1).toBeLessThanOrEqual(MAX_LINES);
});

/** Tests of a folder whose subject is not one file: they test what its files do together. */
const OF_SEVERAL = [
  "server/refusals",
  "client/client",
  "web/page",
  "web/accessibility",
  "web/look",
  "web/print",
  "web/scrollback",
];

test("the tests mirror the folders: FILE.test.ts tests that FILE, and what no file does alone is in whole/", () => {
  for (const folder of FOLDERS)
    for (const test of readdirSync(join(REPOSITORY, "tests", folder))) {
      const name = `${folder}/${test.replace(/\.test\.ts$/, "")}`;
      const isKnown = files[folder].includes(`${name}.ts`) || OF_SEVERAL.includes(name);
      expect([name, isKnown]).toEqual([name, true]);
    }
});

test.if(has("git"))("the users.json that everybody clones has nobody's password in it", async () => {
  const { code, stdout } = await run(["git", "show", "HEAD:users.json"]);
  if (code === 0) expect(JSON.parse(stdout)).toEqual({}); // else this is no clone
});
