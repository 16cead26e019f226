import { expect, setDefaultTimeout, test } from "bun:test";
import { fuzz } from "../kit/fuzz.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

const MEGABYTE = 1024 * 1024;

test("damaged conversations over TCP and WebSocket end no server, leave no descriptor and little memory", async () => {
  const { problems, memory, descriptors, conversations } = await fuzz(20_260_101, { conversations: 800 });
  expect(problems).toEqual([]);
  expect(conversations).toBe(800);
  expect(descriptors.after).toBeLessThanOrEqual(descriptors.before);
  expect(memory.after - memory.before).toBeLessThan(64 * MEGABYTE);
});
