import { expect, setDefaultTimeout, test } from "bun:test";
import { killAccounts, killAppends, killRotation } from "../kit/kills.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

test("the server and users.ts are killed while they change users.json: who was told has an account, all others are as they were", async () => {
  const { kept, broken } = await killAccounts(7, 8);
  expect(broken).toEqual([]);
  expect(kept).toBeGreaterThan(0);
});

test("a log is killed while its files move: no line is lost but those of the oldest file, and the next program goes on", async () => {
  const { kept, broken } = await killRotation(7, 8);
  expect(broken).toEqual([]);
  expect(kept).toBeGreaterThan(8);
});

test("a program is killed while it appends: what was told is stored, once and in its place, and known by its id", async () => {
  const { kept, broken } = await killAppends(7, 12);
  expect(broken).toEqual([]);
  expect(kept).toBeGreaterThan(1_000);
});
