import { expect, setDefaultTimeout, test } from "bun:test";
import { fuzz } from "../kit/fuzz.ts";
import { PATIENCE } from "../kit/harness.ts";
import { has } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const MEGABYTE = 1024 * 1024;

test.if(has("fast-check"))(
  "damaged conversations over TCP and WebSocket end no server, leave no descriptor and little memory",
  async () => {
    const { problem, conversations, left, grown } = await fuzz(20_260_101, { rounds: 120 });
    expect(problem).toBeUndefined();
    expect(conversations).toBeGreaterThan(800);
    expect(left).toBeLessThanOrEqual(0);
    expect(grown).toBeLessThan(64 * MEGABYTE);
  },
);
