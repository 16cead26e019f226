// faulty.ts: the real server as a process that is killed and started anew on the same data, and the bad network to both of its
// ports. Reads what the process holds. Called by workload.ts.

import { setTimeout as pass } from "node:timers/promises";
import type { Ports } from "./devices.ts";
import type { Readings } from "./gauge.ts";
import { Gauge } from "./gauge.ts";
import type { Process } from "./harness.ts";
import { spawnServer } from "./harness.ts";
import { Proxy } from "./proxy.ts";
import type { Random } from "./random.ts";

const MOST_PIECES = 40; // that the network passes on before a kill, so that it comes in the middle of something
const SILENT = 300; // ms after which it comes all the same

export class FaultyServer implements AsyncDisposable {
  kills = 0;
  /** Called with the time (ms since 1970) of each kill. */
  onKilled: ((at: number) => void) | undefined;
  /** Readers that servers which were killed had cut off because they did not keep up. */
  #slowReaders = 0;
  /** Where each way to it leads now. */
  readonly ports: Ports;
  readonly tcp: Proxy;
  readonly page: Proxy;
  #process: Process;
  #gauge: Gauge;
  readonly #folder: string;
  readonly #random: Random;

  private constructor(process: Process, folder: string, random: Random, life: number) {
    this.#process = process;
    this.#gauge = new Gauge(process.pid);
    this.#folder = folder;
    this.#random = random;
    this.tcp = new Proxy(process.port, random.fork(), life);
    this.page = new Proxy(process.webPort, random.fork(), life);
    this.ports = { tcp: this.tcp.port, page: this.page.port, straight: process.port };
  }

  /** Starts it. `life`: bytes after which a connection through the network is cut, at most. */
  static async start(folder: string, random: Random, life: number): Promise<FaultyServer> {
    return new FaultyServer(await spawnServer(folder, ["--rate", "0"]), folder, random, life);
  }

  /** What the process of now has held. */
  get readings(): Readings {
    return this.#gauge.readings;
  }
  /** Readers that were cut off because they did not keep up. */
  get slowReaders(): number {
    return this.#slowReaders + countSlow(this.#process);
  }

  /** From now on everything passes at once and nothing is cut. */
  calm(): void {
    this.tcp.calm = this.page.calm = true;
  }

  /** Kills the server without a warning, in the middle of what passes, and starts another on the same data; where lines wait
   *  in the session, for some of these starts, its rate is limited. `meanwhile`: while no server runs. */
  async kill(isLimited = false, meanwhile?: () => Promise<void>): Promise<void> {
    await this.#passed(this.#random.between(1, MOST_PIECES));
    this.kills++;
    this.#gauge[Symbol.dispose]();
    await this.#process.kill9();
    await meanwhile?.();
    this.onKilled?.(Date.now());
    this.#slowReaders += countSlow(this.#process);
    await pass(this.#random.between(0, 100));
    this.#process = await spawnServer(this.#folder, ["--rate", isLimited ? "60" : "0"]);
    this.#gauge = new Gauge(this.#process.pid);
    this.tcp.target = this.ports.straight = this.#process.port;
    this.page.target = this.#process.webPort;
  }

  /** Everybody has gone: reads the descriptors that are still open, within `bound` ms. */
  async rest(bound: number): Promise<Readings> {
    this.#gauge[Symbol.dispose]();
    await this.#gauge.rest(bound);
    return this.readings;
  }

  /** Resolves when bytes of the server have been passed on `times` times, or soon if it is silent. */
  #passed(times: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = times;
    const done = (): void => {
      this.tcp.onPassed = undefined;
      resolve();
    };
    this.tcp.onPassed = () => {
      if (--left <= 0) done();
    };
    setTimeout(done, SILENT);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gauge[Symbol.dispose]();
    await this.tcp[Symbol.asyncDispose]();
    await this.page[Symbol.asyncDispose]();
    await this.#process[Symbol.asyncDispose]();
  }
}

function countSlow(process: Process): number {
  return process.output().split("did not keep up").length - 1;
}
