import { expect, test } from "bun:test";
import type { Request } from "../../protocol.ts";
import { RegistrationLimiter, RequestLimiter } from "../../server/rates.ts";

const PING: Request = { type: "ping" };

test("a request waits ten seconds at most, whatever came before it, and what is owed is no more than that", () => {
  let now = 0;
  const limiter = new RequestLimiter(10, () => now);
  const waits = Array.from({ length: 100_000 }, () => limiter.take(PING));
  expect(Math.max(...waits)).toBe(10_000);
  now += 10_005;
  expect(limiter.take(PING)).toBe(0);
});

test("lists of people and rooms are charged by their length: 32 of the longest at once, then less often", () => {
  let now = 0;
  const limiter = new RequestLimiter(10, () => now);
  const ask = (size: number) => {
    const wait = limiter.take({ type: "rooms" });
    limiter.answered({ type: "rooms" }, size);
    return wait;
  };
  const long = 320 * 1024;
  expect(Array.from({ length: 32 }, () => ask(long))).toEqual(Array(32).fill(0));
  while (ask(long) === 0);
  now += 10_000;
  let answers = 0;
  while (ask(long) === 0) answers++;
  expect(answers).toBeWithin(40, 60); // 500 points, at 11 each
  now += 10_000;
  const short = Array.from({ length: 400 }, () => ask(1_000));
  expect(Math.max(...short)).toBe(0);
});

const HOUR = 3_600_000; // ms

test("a network creates 200 accounts at once, then one every 18 seconds, and 200 again after a quiet hour", () => {
  let now = 5_000;
  const limiter = new RegistrationLimiter(() => now);
  const create = (network: string): number => {
    let created = 0;
    for (; limiter.secondsToWait(network) === 0; created++) limiter.count(network);
    return created;
  };
  expect(create("192.0.2.1")).toBe(200);
  expect(limiter.secondsToWait("192.0.2.1")).toBe(18);
  expect(create("192.0.2.2")).toBe(200);
  now += 17_999;
  expect(limiter.secondsToWait("192.0.2.1")).toBe(1);
  now += 1;
  expect(create("192.0.2.1")).toBe(1);
  now += HOUR / 2;
  expect(create("192.0.2.1")).toBe(100);
  now += 10 * HOUR;
  expect(create("192.0.2.1")).toBe(200);
});

test("ten thousand networks are remembered; the one that created an account longest ago is forgotten first", () => {
  const limiter = new RegistrationLimiter(() => 0);
  const fill = (network: string) => Array.from({ length: 200 }, () => limiter.count(network));
  for (const network of ["first", "second"]) fill(network);
  limiter.count("first");
  for (let n = 0; n < 9_999; n++) limiter.count(`network ${n}`);
  expect(limiter.secondsToWait("first")).toBeGreaterThan(0);
  expect(limiter.secondsToWait("second")).toBe(0);
});
