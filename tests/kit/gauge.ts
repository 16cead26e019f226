// gauge.ts: what a server process holds, read from outside: its memory and its open descriptors, every second of its life, and
// whether they stay flat. Reads /proc, so only on Linux.

import { existsSync, readdirSync, readFileSync } from "node:fs";

const EVERY = 1_000; // ms
const FEWEST = 60; // samples by which memory can be judged: a garbage collector needs its time to settle
/** The median of the last fifth of a life may be at most so many times that of the second fifth; the first is the warm-up. */
const MAX_GROWTH = 1.3;

export const canGauge = existsSync("/proc/self/fd");

/** What a process keeps in memory, in bytes. */
export function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
}
/** How many descriptors a process has open. */
export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What was read of one life. */
export interface Readings {
  memory: number[]; // bytes, one a second
  descriptors: number[]; // likewise
  /** Descriptors before the first client came and after the last had gone. */
  rest: { before: number; after: number };
}

/** Watches one process until it is stopped. */
export class Gauge implements Disposable {
  readonly readings: Readings = { memory: [], descriptors: [], rest: { before: 0, after: 0 } };
  readonly #pid: number;
  readonly #timer: Timer | undefined;

  constructor(pid: number) {
    this.#pid = pid;
    if (!canGauge) return;
    this.readings.rest.before = descriptorsOf(pid);
    this.#timer = setInterval(() => this.#read(), EVERY);
  }

  #read(): void {
    try {
      const [memory, descriptors] = [memoryOf(this.#pid), descriptorsOf(this.#pid)];
      if (memory === 0) return; // it has ended
      this.readings.memory.push(memory);
      this.readings.descriptors.push(descriptors);
    } catch {
      this[Symbol.dispose](); // it has ended
    }
  }

  /** Reads the descriptors at rest, as soon as they are as few as before, after `bound` ms at the latest. */
  async rest(bound: number): Promise<void> {
    if (!canGauge) return;
    const { rest } = this.readings;
    const end = Date.now() + bound;
    do {
      rest.after = descriptorsOf(this.#pid);
      if (rest.after > rest.before) await Bun.sleep(100);
    } while (rest.after > rest.before && Date.now() < end);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** A sentence for everything that was not flat in a life without kills. */
export function judge({ memory, rest }: Readings): string[] {
  const problems: string[] = [];
  if (rest.after > rest.before)
    problems.push(`${rest.after} descriptors are open with nobody there, ${rest.before} were at the start`);
  if (memory.length < FEWEST) return problems;
  const [early, late] = [median(fifth(memory, 1)), median(fifth(memory, 4))];
  if (late > MAX_GROWTH * early)
    problems.push(`memory grew from ${mebibytes(early)} to ${mebibytes(late)} MiB, more than ${MAX_GROWTH} times`);
  return problems;
}

/** The medians of the fifths of a life, in MiB: how its memory went. */
export function fifths({ memory }: Readings): number[] {
  return [0, 1, 2, 3, 4].map((index) => mebibytes(median(fifth(memory, index))));
}

export function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

function fifth(values: readonly number[], index: number): number[] {
  return values.slice(Math.floor((index * values.length) / 5), Math.floor(((index + 1) * values.length) / 5));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
