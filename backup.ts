// backup.ts: the program that copies a server's data, while the server runs or while it does not: bun backup.ts [--data DIR]
// How a copy is made is in server/backups.ts.

import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeBackup, requestBackup } from "./server/backups.ts";
import { checkCopy, copyDatabase } from "./server/copies.ts";
import type { Locked } from "./server/database.ts";
import { InUse, lockDatabase } from "./server/database.ts";

const EXIT = { done: 0, failed: 1, usage: 2, data: 4 } as const;
const HELP = `Usage: bun backup.ts [--data DIR]
Copies a Banter server's data into a new folder DIR/backup/TIME, while the server runs or while it does not, and prints its
path. To restore, copy the files of that folder into an empty data folder and start the server there.

  --data DIR   folder of chat.db, users.json and secret.key   .   BANTER_DATA

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
  try {
    const options = { data: { type: "string" }, help: { type: "boolean", short: "h" } } as const;
    const { values } = parseArgs({ options });
    if (values.help) {
      process.stdout.write(HELP);
      return EXIT.done;
    }
    const data = values.data ?? process.env.BANTER_DATA ?? ".";
    const file = join(data, "chat.db");
    if (isAbsent(file)) {
      process.stderr.write(`There is no ${file}. Name the server's folder with --data.\n`);
      return EXIT.data;
    }
    process.stdout.write(`${await backup(data, file)}\n`);
    return EXIT.done;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return (problem as { code?: string }).code?.startsWith("ERR_PARSE_ARGS") ? EXIT.usage : EXIT.failed;
  }
}

if (import.meta.main) process.exitCode = await main();
