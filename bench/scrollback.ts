// scrollback.ts: what a long log costs the page: a reader scrolls it back to its beginning in Chromium, and then other things happen while
// all of it is loaded. A program of its own, as it can compare the pages of several checkouts. Prints a table; asserts nothing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { PASSWORD, Wire, writeAccounts } from "../tests/kit/harness.ts";
import type { Screen } from "../tests/kit/screen.ts";
import { enter } from "../tests/kit/screen.ts";
import { REPOSITORY } from "./peers.ts";
import { figure, format, median } from "./report.ts";

const STEP = 600; // px that the reader scrolls up in each frame
const PAGES = 10; // pages at the beginning and at the end that are compared
const PAGE = 100; // messages
const SETTLE = 1_500; // ms after something happened in which what follows from it is measured
const HELP = `Usage: bun bench/scrollback.ts [options]
Measures what a long log costs the page, in Chromium.

  --server DIR   a checkout whose page is measured; may be given again   this one
  --rows N       messages in the room                                    10000
  --help         this text

Exit codes: 0 done, 1 something could not be measured, 2 usage
`;

/** Watches in the page how long each frame takes. */
const WATCH = `(() => {
  window.frames = [];
  let last = performance.now();
  requestAnimationFrame(function frame(now) { frames.push(now - last); last = now; requestAnimationFrame(frame); });
})()`;
const scroll = (rows: number) => `new Promise((resolve) => {
  const box = document.getElementById("scroll"), log = document.getElementById("log");
  const drawn = () => log.querySelectorAll(".text").length;
  const pages = [performance.now()];
  let next = drawn() + ${PAGE};
  requestAnimationFrame(function step(now) {
    if (drawn() >= next) { pages.push(now); next = drawn() + ${PAGE}; }
    if (drawn() >= ${rows}) return resolve(pages.slice(1).map((page, i) => page - pages[i]));
    box.scrollTop = Math.max(0, box.scrollTop - ${STEP});
    requestAnimationFrame(step);
  });
})`;

interface Figures {
  task: number; // ms of a processor, the longest
  p95: number; // ms, of frames
}

/** What happens from now on until it is over. */
async function watch(screen: Screen, work: () => Promise<unknown>): Promise<Figures> {
  await screen.read("void (frames.length = 0)");
  const tasks = await screen.tasks(async () => {
    await work();
    await Bun.sleep(SETTLE);
  });
  const frames = await screen.read<number[]>("frames");
  return {
    task: Math.max(0, ...tasks),
    p95: frames.toSorted((a, b) => a - b)[Math.floor(frames.length * 0.95)] ?? NaN,
  };
}
function cell({ task, p95 }: Figures): string {
  return `${figure(task)} / ${figure(p95)}`;
}

/** The page of a checkout, with a room in which so much was said. */
async function measure(checkout: string, rows: number, folder: string): Promise<string[]> {
  writeAccounts(folder, ["alice", "bob", "ms.lee*"]);
  const { openHistory }: typeof import("../server/history.ts") = await import(join(checkout, "server/history.ts"));
  const history = openHistory(join(folder, "chat.db"));
  const text = (n: number) => `line ${n}, ${"of a talk that goes on and on ".repeat(n % 7)}`.trim();
  await history.append(
    Array.from({ length: rows }, (_, n) => ({
      to: "#lobby",
      from: `u${n % 5}${n % 3}`,
      id: `a-${n}`,
      text: text(n + 1),
    })),
  );
  history.close();
  const command = [process.execPath, "server.ts", "--port", "0", "--web-port", "0", "--rate", "0", "--data", folder];
  const server = Bun.spawn(command, { cwd: checkout, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  try {
    let said = "";
    const ports = () =>
      [/Server listening \S*?:(\d+)/, /Page listening \S*?:(\d+)/].map((port) => port.exec(said)?.[1]);
    for await (const part of server.stdout.pipeThrough(new TextDecoderStream())) {
      said += part;
      if (!ports().includes(undefined)) break;
    }
    const [port, webPort] = ports().map(Number) as [number, number];
    const bob = await signIn(port, "bob");
    await bob.ask({ type: "seen", to: "#lobby", seq: rows });
    bob.close();
    using screen = await enter({ webPort }, "bob", { width: 1280, height: 800 });
    return await use(screen, port, rows);
  } finally {
    server.kill();
    await server.exited;
  }
}

async function signIn(port: number, user: string): Promise<Wire> {
  const wire = await Wire.open(port);
  await wire.ask({ type: "login", user, password: PASSWORD });
  await wire.join("#lobby");
  return wire;
}

async function use(screen: Screen, port: number, rows: number): Promise<string[]> {
  await screen.until("document.querySelectorAll('#log .text').length >= 50");
  await screen.read(WATCH);
  let pages: number[] = [];
  const back = await watch(screen, async () => (pages = await screen.read<number[]>(scroll(rows))));
  const lee = await signIn(port, "ms.lee");
  const rule = (value: string) => lee.ask({ type: "set", to: "*", key: "removing", value });
  const happenings = [
    () => lee.say("#lobby", "while one reads what was long ago"),
    () => rule("hosts").then(() => rule("all")),
    async () => {
      await screen.unplug();
      await lee.say("#lobby", "missed");
      await screen.plug("Back online.");
    },
    () => screen.open("ms.lee").then(() => screen.open("#lobby")),
    () => screen.read("void document.getElementById('jump').click()").then(() => lee.say("#lobby", "at the end")),
  ];
  const cells = [cell(back), `${figure(median(pages.slice(0, PAGES)))} → ${figure(median(pages.slice(-PAGES)))}`];
  for (const happening of happenings) cells.push(cell(await watch(screen, happening)));
  lee.close();
  return cells;
}

async function main(): Promise<number> {
  const options = {
    server: { type: "string", multiple: true },
    rows: { type: "string" },
    help: { type: "boolean" },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];
  try {
    values = parseArgs({ options }).values;
  } catch (problem) {
    process.stderr.write(`${(problem as Error).message}\n`);
    return 2;
  }
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const rows = Number(values.rows ?? 10_000);
  if (!Number.isInteger(rows) || rows < PAGE) {
    process.stderr.write(`--rows must be a number from ${PAGE} on, not "${values.rows}".\n`);
    return 2;
  }
  const table: string[][] = [];
  for (const server of values.server ?? [REPOSITORY]) {
    const folder = mkdtempSync(join(tmpdir(), "banter-scrollback-"));
    try {
      table.push([server, ...(await measure(resolve(server), rows, folder))]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  const head = ["page of", "scrolled back", "first pages → last", "one more comes", "rights change", "connection lost"];
  head.push("another thread and back", "to the end");
  const title = `What ${rows.toLocaleString("en-US")} messages cost the page, in ms: longest task / p95 of frames`;
  process.stdout.write(format({ title, head, rows: table, notes: [] }));
  return 0;
}

if (import.meta.main)
  process.exitCode = await main().catch((problem: Error) => {
    process.stderr.write(`${problem.message}\n`);
    return 1;
  });
