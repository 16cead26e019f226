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
  doing: Doing;
  clients: number;
  options: string[]; // of the generator
  columns: Column[];
  reps?: number; // where it is not 3
  seconds?: number; // of measured traffic, where it is not 1
  warm?: number; // seconds of traffic before that, where it is not 0.5
  fresh?: boolean; // a new server for each run
  visitors?: number; // clients who sign in and leave before, so that the server has just started no longer
  allCores?: boolean; // the server is not bound to one
  isOwn?: boolean; // only Banter's own rows: with readers who confirm and without
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
const SIGN_INS: Column = { key: "signins_per_s", title: "sign-ins", unit: "1/s", better: "more" };
const FIRST: Column = { key: "first_signins_per_s", title: "the first 500 after a start", unit: "1/s", better: "more" };
const NEXT: Column = { ...SIGN_INS, title: "500 once others have been here" };
const MEMORY: Column[] = [
  { key: "session_kb", title: "memory per session", unit: "KiB", better: "less" },
  { key: "memory_kb", title: "memory in all", unit: "MiB", scale: 1 / 1024, better: "less" },
];
const SIGN_IN = "who connect, sign in (by token, or however the peer does it without hashing) and enter one room";
const TALK = ["--senders", "10", "--window", "8"];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "room10",
    title: "A room of 10, all talking at once",
    doing: "room",
    clients: 10,
    options: TALK,
    columns: [RATE, CPU],
  },
  {
    name: "room100",
    title: "A room of 100, ten of them talking at once",
    doing: "room",
    clients: 100,
    options: TALK,
    columns: [RATE, CPU],
  },
  {
    name: "room1000",
    title: "A room of 1,000, ten of them talking at once",
    doing: "room",
    clients: 1_000,
    options: TALK,
    columns: [RATE, CPU],
  },
  {
    name: "pairs",
    title: "50 pairs writing direct messages",
    doing: "pairs",
    clients: 100,
    options: ["--window", "8"],
    columns: [RATE, CPU],
  },
  {
    name: "pace",
    title: "A room of 100, 200 messages a second: from the sender to the last reader's screen",
    doing: "room",
    clients: 100,
    options: ["--senders", "10", "--rate", "200"],
    columns: [P50, P99, CPU],
    warm: 3,
    seconds: 5, // the 99th percentile of 1,000 messages, and not of a compiler that is still at work
  },
  {
    name: "readers",
    title: "A room of 1,000, 20 messages a second: what it costs that its readers confirm",
    doing: "room",
    clients: 1_000,
    options: ["--senders", "10", "--rate", "20"],
    columns: [P50, P99, CPU],
    warm: 3,
    seconds: 10,
    isOwn: true,
  },
  {
    name: "idle",
    title: "2,000 who are signed in and silent",
    doing: "nothing",
    clients: 2_000,
    options: [],
    columns: MEMORY,
    fresh: true,
    reps: 1,
  },
  {
    name: "idle10000",
    title: "10,000 who are signed in and silent",
    doing: "nothing",
    clients: 10_000,
    options: [],
    columns: MEMORY,
    fresh: true,
    reps: 1,
  },
  {
    name: "signin",
    title: `500 ${SIGN_IN}`,
    doing: "enter",
    clients: 500,
    options: [],
    columns: [NEXT, FIRST],
    fresh: true,
    visitors: 500,
  },
  {
    name: "signin-cores",
    title: `500 ${SIGN_IN}, at a server that is not bound to one core`,
    doing: "enter",
    clients: 500,
    options: [],
    columns: [NEXT, FIRST],
    fresh: true,
    visitors: 500,
    allCores: true,
  },
  {
    name: "signin5000",
    title: `5,000 ${SIGN_IN}`,
    doing: "enter",
    clients: 5_000,
    options: [],
    columns: [SIGN_INS],
    fresh: true,
    visitors: 500,
    reps: 1,
  },
];
