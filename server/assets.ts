// assets.ts: the page's files as text (a picture as base64), read when http.ts is loaded or compiled: a macro
// (https://bun.com/docs/bundler/macros), so that a program made by `bun build --compile` carries the page in itself.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every file the browser gets, by its path in the repository: `protocol.ts`, all of `shared/` and all of `web/`. */
export function readAssets(): Record<string, string> {
  const repository = join(import.meta.dir, "..");
  const filesOf = (folder: string) => readdirSync(join(repository, folder)).map((name) => `${folder}/${name}`);
  const paths = ["protocol.ts", ...filesOf("shared"), ...filesOf("web")];
  const read = (path: string) => readFileSync(join(repository, path), path.endsWith(".png") ? "base64" : "utf8");
  return Object.fromEntries(paths.map((path) => [path, read(path)]));
}
