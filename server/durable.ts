// durable.ts: files that are replaced whole. After a crash a file is the old one or the new one, never half of either; what was
// written is on disk when these functions are done, its name too. Private (0600) unless said otherwise. Takes care of one writer at a
// time: who may have company holds a lock.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fault } from "./faults.ts";

const PRIVATE = 0o600;
const PARTS_AT_ONCE = 500; // of one system call, which takes 1,024 at most
const HAS_FOLDER_SYNC = process.platform !== "win32"; // a folder cannot be opened there, and needs no fsync

/** The file that a link leads to, also one that is not there yet; `file` itself when it is no link. */
export function targetOf(file: string): string {
  try {
    return realpathSync(file);
  } catch (problem) {
    const target = (problem as NodeJS.ErrnoException).code === "ENOENT" ? readLink(file) : undefined;
    return target === undefined ? file : targetOf(target);
  }
}

function readLink(file: string): string | undefined {
  try {
    return resolve(realpathSync(dirname(file)), readlinkSync(file));
  } catch {
    return undefined; // it is no link
  }
}

/** Replaces a file, or what it links to, by these parts; resolves with what a look at the new one tells. Rejects, with the old one in
 *  its place, with a sentence for people when it cannot. */
export async function replaceFile(file: string, parts: readonly Uint8Array[]): Promise<Stats> {
  const target = targetOf(file);
  const temporary = `${target}.tmp`;
  let stats: Stats;
  try {
    discard(temporary); // of a program that was killed
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
    discard(temporary);
    throw fault("write", target, problem);
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

/** The same for a text, at a start, when nobody waits meanwhile. Throws likewise. */
export function replaceFileSync(file: string, text: string, mode = PRIVATE): void {
  const target = targetOf(file);
  const temporary = `${target}.tmp`;
  try {
    discard(temporary);
    writeFileSync(temporary, text, { mode, flag: "wx", flush: true });
    renameSync(temporary, target);
  } catch (problem) {
    discard(temporary);
    throw fault("write", target, problem);
  }
  syncFolderSync(dirname(target));
}

function discard(temporary: string): void {
  try {
    unlinkSync(temporary);
  } catch {
    // It is not there, or what is there is no file; opening it tells.
  }
}

/** Makes a folder, private, and those above it, where they are absent. Throws a sentence for people when it cannot. */
export function makeFolder(path: string): void {
  const folder = resolve(path);
  let first: string | undefined;
  try {
    first = mkdirSync(folder, { recursive: true, mode: 0o700 });
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

/** Puts the names in a folder on disk, before it returns. */
export function syncFolderSync(folder: string): void {
  if (!HAS_FOLDER_SYNC) return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
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
