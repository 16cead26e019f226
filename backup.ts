// backup.ts: the program that copies a server's data, while the server runs or while it does not: bun backup.ts [--data DIR]
// How a copy is made is in server/backups.ts.

import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { version } from "./package.json";
import { makeBackup, requestBackup } from "./server/backups.ts";
import { checkCopy, copyDatabase } from "./server/copies.ts";
import type { Locked } from "./server/database.ts";
import { InUse, lockDatabase } from "./server/database.ts";
import { dataFolder } from "./server/options.ts";
import { StartError } from "./server/startup.ts";
import { ASIDE, understand } from "./shared/usage.ts";

const EXIT = { done: 0, failed: 1, usage: 2, data: 4 } as const;
const PROGRAM = "backup.ts";
const OPTIONS = { data: { type: "string" }, ...ASIDE } as const;
const HELP = `Usage: bun backup.ts [options]
Copies a Banter server's data into a new folder DIR/backup/TIME, while the
server runs or while it does not, and prints its path. To restore, copy the
files of that folder into an empty data folder and start the server there.

  --data DIR   folder of chat.db, users.json and secret.key (., or BANTER_DATA)
  --version    which Banter this is
  --help       this text

Exit codes: 0 done, 1 the copy failed, 2 usage, 4 there is no chat
`;

/** Makes the copy, or has it made by the server that holds the data, and checks it; its path. */
async function backup(data: string, file: string): Promise<string> {
  const path = await copyData(data, file);
  try {
    checkCopy(join(path, "chat.db"));
  } catch (problem) {
    throw new Error(`${(problem as Error).message} The messages in ${data} are damaged likewise: use an older backup.`);
  }
  return path;
}

async function copyData(data: string, file: string): Promise<string> {
  let locked: Locked;
  try {
    locked = lockDatabase(file);
  } catch (problem) {
    if (problem instanceof InUse) return requestBackup(data);
    throw problem;
  }
  try {
    const copy = (to: string, signal: AbortSignal) => copyDatabase(locked, to, signal);
    return await makeBackup(data, { copy }, Date.now, new AbortController().signal);
  } finally {
    locked.close();
  }
}

function isAbsent(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false; // opening it tells why it cannot be seen
  }
}

async function main(): Promise<number> {
  const { tokens } = parseArgs({ options: OPTIONS, strict: false, tokens: true });
  const { asks, wrong, values } = understand(tokens, { program: PROGRAM, options: OPTIONS, most: 0 });
  if (asks !== undefined) {
    process.stdout.write(asks === "help" ? HELP : `Banter ${version}\n`);
    return EXIT.done;
  }
  if (wrong !== undefined) {
    process.stderr.write(`${wrong}\n`);
    return EXIT.usage;
  }
  try {
    const data = dataFolder(values.data, process.env);
    const file = join(data, "chat.db");
    if (isAbsent(file)) {
      process.stderr.write(`There is no ${file}. Name the server's folder with --data.\n`);
      return EXIT.data;
    }
    process.stdout.write(`${await backup(data, file)}\n`);
    return EXIT.done;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return problem instanceof StartError ? problem.exitCode : EXIT.failed;
  }
}

if (import.meta.main) process.exitCode = await main();
