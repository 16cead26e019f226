import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFolder, replaceFile, replaceFileSync, targetOf } from "../../server/durable.ts";
import { PATIENCE, temporaryFolder } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const bytes = (text: string) => [Buffer.from(text)];
/** Either way to replace a file. */
const WAYS: [string, (file: string, text: string) => Promise<void> | void][] = [
  ["replaceFile", async (file, text) => void (await replaceFile(file, bytes(text)))],
  ["replaceFileSync", (file, text) => replaceFileSync(file, text)],
];

test.each(WAYS)("%s makes a private file, and replaces one whatever a killed writer has left", async (_, replace) => {
  using folder = temporaryFolder();
  const file = join(folder.path, "file");
  await replace(file, "first");
  writeFileSync(`${file}.tmp`, "half of somethi", { mode: 0o644 });
  await replace(file, "second");
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["second", 0o600]);
  expect(readdirSync(folder.path)).toEqual(["file"]);
});

test.each(WAYS)("%s that fails leaves the file as it was, and nothing beside it", async (_, replace) => {
  using folder = temporaryFolder();
  const file = join(folder.path, "file");
  mkdirSync(join(file, "something"), { recursive: true }); // no file can take its place
  const failed = (async () => replace(file, "text"))();
  expect(await failed.catch(({ message }) => message)).toBe(
    `Cannot write ${file}: it is a folder. Move that folder away, or choose another --data folder.`,
  );
  expect(readdirSync(folder.path)).toEqual(["file"]);
  expect(readdirSync(file)).toEqual(["something"]);
});

test.each(WAYS)("%s follows links, also to what is not there yet, and they stay", async (_, replace) => {
  using folder = temporaryFolder();
  const at = (...names: string[]) => join(folder.path, ...names);
  mkdirSync(at("deep"));
  symlinkSync("deep/second", at("first"));
  symlinkSync("third", at("deep", "second"));
  for (const text of ["made", "replaced"]) {
    await replace(at("first"), text);
    expect(readFileSync(at("deep", "third"), "utf8")).toBe(text);
  }
  expect([readlinkSync(at("first")), readlinkSync(at("deep", "second"))]).toEqual(["deep/second", "third"]);
  expect(readdirSync(at("deep")).sort()).toEqual(["second", "third"]);
  expect(targetOf(at("first"))).toBe(at("deep", "third"));
});

test("a file in more parts than one system call takes is whole, and what is told of it is what a look at it tells", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "file");
  const texts = Array.from({ length: 2_500 }, (_, n) => `line ${n}\n`);
  const { ino, size, mtimeMs } = await replaceFile(
    file,
    texts.map((text) => Buffer.from(text)),
  );
  expect(readFileSync(file, "utf8")).toBe(texts.join(""));
  expect(statSync(file)).toMatchObject({ ino, size, mtimeMs });
});

test("a folder is made private with those above it; one that is there stays as it is", () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "new", "data");
  for (const _ of ["made", "found"]) makeFolder(path);
  const modes = [path, join(path, "..")].map((made) => statSync(made).mode & 0o777);
  expect(modes).toEqual([0o700, 0o700]);
  writeFileSync(join(path, "file"), "");
  expect(() => makeFolder(join(path, "file"))).toThrow(
    `Cannot make ${join(path, "file")}: there is something else of that name. Move it away, or choose another --data folder.`,
  );
});
