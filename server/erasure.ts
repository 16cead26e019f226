// erasure.ts: no traces of what was removed are left in the file of a database. SQLite writes zeros over what it deletes (the pragma
// secure_delete), but not over what it moves from one page to another: a copy stays in the unallocated space of the first. Only a
// database that is written anew (vacuum) has none, and for a million messages that takes seconds in which nobody can speak. So that
// space is overwritten here, in the file and a slice at a time. What it is: https://sqlite.org/fileformat2.html#b_tree_pages

import type { Database } from "bun:sqlite";
import { fdatasync, read, readSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { Locked } from "./database.ts";
import { CHECKPOINT } from "./database.ts";

const SLICE = 256; // pages
const HEADER = 100; // bytes before the first page's own
/** By the first byte of a page: bytes of its header. All others have no unallocated space: what overflows begins with the number of
 *  another page, whose first byte is none of these in a file of less than 128 GiB. */
const KINDS: Readonly<Record<number, number>> = { 2: 12, 5: 12, 10: 8, 13: 8 };
const LARGEST = 2 ** 37; // bytes
const ZEROS = Buffer.alloc(64 * 1024);

/** Overwrites the unallocated space in the pages of a database that nobody else has open, while it is written to. Nothing else may copy
 *  it meanwhile. Resolves when it is on disk, or `goOn` says no; the write-ahead log still has its own traces. */
export async function overwriteUnallocated({ db, fd }: Locked, goOn: () => boolean): Promise<void> {
  const size = db.query<{ page_size: number }, []>("pragma page_size").get()!.page_size;
  const pages = db.query<{ page_count: number }, []>("pragma page_count").get()!.page_count;
  if (size * pages > LARGEST)
    throw new Error("it is too large for traces of what was removed to be told from the rest");
  const slice = Buffer.alloc(SLICE * size);
  writeBack(db);
  db.run("pragma wal_autocheckpoint = 0");
  try {
    for (let at = 0, count; (count = (await readSlice(fd, slice, at)).bytesRead) > 0 && goOn(); at += count)
      if (unallocated(slice.subarray(0, count), size, at === 0).some(isUsed)) overwrite(db, fd, slice, at, size);
    if (goOn()) await promisify(fdatasync)(fd);
  } finally {
    if (goOn()) db.run(`pragma wal_autocheckpoint = ${CHECKPOINT}`);
  }
}
const readSlice = (fd: number, into: Buffer, at: number) => promisify(read)(fd, into, 0, into.length, at);

/** Within a turn of the event loop: what is in the log is written back, so that the file has the newest pages, and then no old copy of
 *  one is left in memory. */
function overwrite(db: Database, fd: number, slice: Buffer, at: number, size: number): void {
  writeBack(db);
  const count = readSync(fd, slice, 0, slice.length, at);
  for (const space of unallocated(slice.subarray(0, count), size, at === 0)) {
    if (!isUsed(space)) continue;
    space.fill(0);
    writeSync(fd, space, 0, space.length, at + space.byteOffset - slice.byteOffset);
  }
  db.run("pragma shrink_memory");
}

function writeBack(db: Database): void {
  const state = db.query<{ log: number; checkpointed: number }, []>("pragma wal_checkpoint").get()!;
  if (state.log !== state.checkpointed) throw new Error("its log could not be written back");
}

/** The unallocated space of some pages: between the places of its cells and the first of them. */
function unallocated(pages: Buffer, size: number, isFirst: boolean): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + size <= pages.length; at += size) {
    const page = pages.subarray(at, at + size);
    const start = isFirst && at === 0 ? HEADER : 0;
    const header = KINDS[page[start]!];
    if (header === undefined) continue;
    const from = start + header + 2 * page.readUInt16BE(start + 3);
    const to = page.readUInt16BE(start + 5) || 64 * 1024;
    if (from < to && to <= size) found.push(page.subarray(from, to));
  }
  return found;
}
function isUsed(space: Buffer): boolean {
  return !space.equals(ZEROS.subarray(0, space.length));
}
