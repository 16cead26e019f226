// scenarios.ts: what is measured of every peer: how many clients do what, and which figures of it are compared.
// Data only. Called by run.ts.

import type { Doing } from "./peers.ts";

export interface Column {
  key: string; // of the generator's figures
  title: string;
  unit: string;
  scale?: number; // by which the figure is multiplied to be in `unit`
  better: "more" | "less";
}
export interface Scenario {
  name: string; // on the command line
  title: string;
  options: string[]; // of the generator
  columns: Column[];
  fresh?: boolean; // a new server for each run
  reps?: number; // fewer than asked for, where a run differs little from the next
  doing?: Doing; // "room" if absent
}

/** The one figure that the load generator may limit. */
export const RATE: Column = {
  key: "deliveries_per_s",
  title: "deliveries",
  unit: "1000/s",
  scale: 1e-3,
  better: "more",
};
const CPU: Column = { key: "cpu_ns", title: "server CPU per delivery", unit: "µs", scale: 1e-3, better: "less" };
const P50: Column = { key: "p50_us", title: "p50", unit: "ms", scale: 1e-3, better: "less" };
const P99: Column = { key: "p99_us", title: "p99", unit: "ms", scale: 1e-3, better: "less" };
const room = (clients: number): string[] => ["--clients", String(clients), "--senders", "10", "--window", "8"];

export const SCENARIOS: readonly Scenario[] = [
  { name: "room10", title: "A room of 10, all talking at once", options: room(10), columns: [RATE, CPU] },
  { name: "room100", title: "A room of 100, ten of them talking at once", options: room(100), columns: [RATE, CPU] },
  {
    name: "room1000",
    title: "A room of 1,000, ten of them talking at once",
    options: room(1000),
    columns: [RATE, CPU],
  },
  {
    name: "pairs",
    title: "50 pairs writing direct messages",
    options: ["--mode", "pairs", "--clients", "100", "--window", "8"],
    columns: [RATE, CPU],
    doing: "pairs",
  },
  {
    name: "pace",
    title: "A room of 100, 200 messages a second: from the sender to the last reader's screen",
    options: ["--clients", "100", "--senders", "10", "--rate", "200"],
    columns: [P50, P99, CPU],
  },
  {
    name: "idle",
    title: "2,000 who are signed in and silent",
    options: ["--mode", "silent", "--clients", "2000", "--no-room"],
    columns: [
      { key: "session_kb", title: "memory per session", unit: "KiB", better: "less" },
      { key: "memory_kb", title: "memory in all", unit: "MiB", scale: 1 / 1024, better: "less" },
    ],
    doing: "nothing",
    fresh: true,
    reps: 1,
  },
  {
    name: "signin",
    title: "500 who connect, sign in (by token, or however the peer does it without hashing) and enter one room",
    options: ["--mode", "silent", "--clients", "500"],
    columns: [{ key: "signins_per_s", title: "sign-ins", unit: "1/s", better: "more" }],
    fresh: true,
  },
];
