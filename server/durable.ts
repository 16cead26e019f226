// durable.ts: files that are replaced whole. After a crash a file is the old one or the new one, never half of either; what was
// written is on disk when these functions are done, its name too. Private (0600) unless said otherwise. Takes care of one writer at a
// time: who may have company holds a lock.

import * as sync from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fault } from "./faults.ts";

const PRIVATE = 0o600;
const PARTS_AT_ONCE = 500; // of one system call, which takes 1,024 at most
const HAS_FOLDER_SYNC = process.platform !== "win32"; // a folder cannot be opened there, and needs no fsync

/** The file that a link leads to, also one that is not there yet; `file` itself when it is no link. */
export function targetOf(file: string): string {
  try {
    return sync.realpathSync(file);
  } catch (problem) {
    const target = (problem as NodeJS.ErrnoException).code === "ENOENT" ? readLink(file) : undefined;
    return target === undefined ? file : targetOf(target);
  }
}

function readLink(file: string): string | undefined {
  try {
    return resolve(sync.realpathSync(dirname(file)), sync.readlinkSync(file));
  } catch {
    return undefined; // it is no link
  }
}

/** Replaces a file by one of these parts, or what it links to; resolves with what the system tells of the new one. */
export async function replaceFile(file: string, parts: readonly Uint8Array[]): Promise<sync.Stats> {
  const target = targetOf(file);
  const temporary = `${target}.tmp`;
  let stats: sync.Stats;
  try {
    await rm(temporary, { force: true }); // of a program that was killed
    const handle = await open(temporary, "wx", PRIVATE);
    try {
      await write(handle, parts);
      await handle.sync();
      stats = await handle.stat();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (problem) {
    await rm(temporary, { force: true }).catch(() => {});
    throw problem;
  }
  await syncFolder(dirname(target));
  return stats;
}

async function write(handle: FileHandle, parts: readonly Uint8Array[]): Promise<void> {
  for (let i = 0; i < parts.length; i += PARTS_AT_ONCE) {
    const some = parts.slice(i, i + PARTS_AT_ONCE);
    const { bytesWritten } = await handle.writev(some);
    if (bytesWritten < some.reduce((sum, { length }) => sum + length, 0))
      throw Object.assign(new Error("the disk is full"), { code: "ENOSPC" });
  }
}

/** The same for a text, at a start, when nobody waits meanwhile. */
export function replaceFileSync(file: string, text: string, mode = PRIVATE): void {
  const target = targetOf(file);
  const temporary = `${target}.tmp`;
  try {
    sync.rmSync(temporary, { force: true });
    sync.writeFileSync(temporary, text, { mode, flag: "wx", flush: true });
    sync.renameSync(temporary, target);
  } catch (problem) {
    sync.rmSync(temporary, { force: true });
    throw problem;
  }
  syncFolderSync(dirname(target));
}

/** Makes a folder, private, and those above it, where they are absent. Throws a sentence for people when it cannot. */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  let first: string | undefined;
  try {
    first = sync.mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (problem) {
    throw fault("make", path, problem);
  }
  for (let made = folder; first !== undefined && made.length >= first.length; made = dirname(made))
    try {
      syncFolderSync(dirname(made));
    } catch {
      // One above it may be nobody's to read; its names reach the disk a little later.
    }
}

function syncFolderSync(folder: string): void {
  if (!HAS_FOLDER_SYNC) return;
  const fd = sync.openSync(folder, "r");
  try {
    sync.fsyncSync(fd);
  } finally {
    sync.closeSync(fd);
  }
}

/** Puts the names in a folder on disk. */
export async function syncFolder(folder: string): Promise<void> {
  if (!HAS_FOLDER_SYNC) return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
