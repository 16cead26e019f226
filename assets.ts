// assets.ts: the page's files as text, taken in when web.ts is loaded or compiled: a macro (https://bun.com/docs/bundler/macros),
// so that a program made by `bun build --compile` carries the page in itself. Called by web.ts.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Every file the browser gets, by its path in the repository: all of web/, and what the page shares with the server. */
export function readAssets(): Record<string, string> {
  const page = readdirSync(join(import.meta.dir, "web")).filter((name) => /\.(html|css|ts)$/.test(name));
  const paths = ["commands.ts", "protocol.ts", "unanswered.ts", ...page.map((name) => `web/${name}`)];
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(import.meta.dir, path), "utf8")]));
}
