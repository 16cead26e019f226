import { expect, test } from "bun:test";
import { RegistrationLimiter } from "../../server/rates.ts";

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
