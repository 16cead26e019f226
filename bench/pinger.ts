// pinger.ts: the bystander, in a process of its own: signs in, pings and waits for the answer, again and again, until its standard
// input ends; then prints how long the answers took, less what the server and the bystander waited for a core that others had
// (where Linux tells it). Called by bystander.ts: bun bench/pinger.ts PORT PID USER TOKEN

import { readFileSync } from "node:fs";
import { Wire } from "../tests/kit/harness.ts";

const PAUSE = 1; // ms between an answer and the next ping, so that the pings themselves are no load

const [port, pid, user, token] = process.argv.slice(2);

/** ms that both main threads were ready and had no core, so far (proc(5), schedstats): 0 where nobody counts it. */
function withoutCore(): number {
  let waited = 0;
  for (const one of [pid, "self"])
    try {
      waited += Number(readFileSync(`/proc/${one}/schedstat`, "utf8").split(" ")[1]) / 1e6;
    } catch {
      return 0;
    }
  return waited;
}

const wire = await Wire.open(Number(port));
const signedIn = await wire.ask({ type: "login", user, token });
if (signedIn.type !== "ok") throw new Error(`the bystander's sign-in was refused: ${signedIn.text}`);
await wire.ask({ type: "ping" });
process.stdout.write("ready\n");

let isOver = false;
void Bun.stdin.text().then(() => (isOver = true));
const waits: number[] = [];
while (!isOver) {
  const before = withoutCore();
  const began = performance.now();
  await wire.ask({ type: "ping" });
  const waited = performance.now() - began;
  waits.push(Math.max(0, waited - (withoutCore() - before)));
  wire.text = ""; // nothing that was read is kept
  await Bun.sleep(PAUSE);
}
waits.sort((a, b) => a - b);
const at = (share: number) => waits[Math.min(waits.length - 1, Math.floor(share * waits.length))] ?? Number.NaN;
process.stdout.write(JSON.stringify({ p50: at(0.5), p99: at(0.99), longest: at(1) }) + "\n");
wire.close();
