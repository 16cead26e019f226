// metrics.ts: how the server is, as numbers for a monitoring system: Prometheus text, version 0.0.4.

import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Admission } from "./admission.ts";
import type { Services } from "./services.ts";

type Row = [name: string, type: "gauge" | "counter", help: string, value: number];

const RESOLUTION = 100; // ms between two looks at the event loop

export class Metrics {
  readonly #services: Services;
  readonly #admission: Admission;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION });

  constructor(services: Services, admission: Admission) {
    this.#services = services;
    this.#admission = admission;
  }

  start(): void {
    this.#delay.enable();
  }
  stop(): void {
    this.#delay.disable();
  }

  /** The numbers as they are now; the delays are those since the last call. */
  read(): string {
    const { users, pipeline, rooms } = this.#services;
    const connections = [...this.#admission.connections].filter(({ session }) => session !== undefined);
    const signedIn = connections.filter(({ session }) => session!.user !== "").length;
    const delay = this.#delay;
    const rows: Row[] = [
      ["connections", "gauge", "Open connections, TCP and WebSocket", connections.length],
      ["sessions", "gauge", "Connections that are signed in", signedIn],
      ["users_online", "gauge", "Accounts that are signed in", rooms.who().length],
      ["messages_total", "counter", "Messages stored", pipeline.stored],
      ["deliveries_total", "counter", "Messages handed to a connection", rooms.delivered],
      ["queued_bytes", "gauge", "Bytes that wait for slow readers", sum(connections.map(({ queued }) => queued))],
      ["hashes_waiting", "gauge", "Sign-ins that wait for their password check", users.gate.waiting],
      [
        "slow_readers_total",
        "counter",
        "Connections cut off because they did not keep up",
        this.#admission.slowReaders,
      ],
      ["event_loop_delay_p99_seconds", "gauge", "Event loop delay, 99th percentile", delay.percentile(99) / 1e9],
      ["event_loop_delay_max_seconds", "gauge", "Event loop delay, maximum", delay.max / 1e9],
    ];
    delay.reset();
    return rows.map(format).join("");
  }
}

function format([name, type, help, value]: Row): string {
  return `# HELP banter_${name} ${help}\n# TYPE banter_${name} ${type}\nbanter_${name} ${value}\n`;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
