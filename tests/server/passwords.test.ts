import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Asker } from "../../server/network.ts";
import { Gate } from "../../server/passwords.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** A gate that is taken until `open` is called, and what has run in it since, in order. */
function takenGate({ width = 1, max = 256 } = {}) {
  const gate = new Gate(width, max);
  const ran: string[] = [];
  const opened = Promise.withResolvers<void>();
  const first = gate.run(at("192.0.2.1"), () => opened.promise);
  const queue = (name: string, asker: Asker): Promise<string | undefined> =>
    gate.run(asker, async () => {
      ran.push(name);
      return name;
    });
  const open = (): Promise<unknown> => {
    opened.resolve();
    return first;
  };
  return { gate, ran, queue, open };
}
function at(network: string): { gone: boolean } & Asker {
  return { address: `${network}:50312`, network, gone: false };
}

describe("the queue for hashes", () => {
  test("takes one of each network in rotation, and within a network who came first", async () => {
    const { ran, queue, open } = takenGate();
    const [school, home, library] = [at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.3")];
    const all = ["s1", "s2", "s3", "s4"].map((name) => queue(name, school));
    all.push(queue("h1", home), queue("s5", at("192.0.2.1")), queue("h2", home), queue("l1", library));
    void open();
    expect(await Promise.all(all)).toEqual(["s1", "s2", "s3", "s4", "h1", "s5", "h2", "l1"]);
    expect(ran).toEqual(["s1", "h1", "l1", "s2", "h2", "s3", "s4", "s5"]);
  });

  test("skips who has gone when their turn comes, whose network loses no turn by it", async () => {
    const { gate, ran, queue, open } = takenGate();
    const [gone, school] = [at("192.0.2.1"), at("192.0.2.1")];
    const left = ["g1", "g2", "g3"].map((name) => queue(name, gone));
    const stayed = [queue("s1", school), queue("s2", school), queue("h1", at("192.0.2.2"))];
    gone.gone = true;
    await open();
    expect(await Promise.all(left)).toEqual([undefined, undefined, undefined]);
    expect(await Promise.all(stayed)).toEqual(["s1", "s2", "h1"]);
    expect(ran).toEqual(["s1", "h1", "s2"]);
    expect(gate.waiting).toBe(0);
    expect(await queue("later", school)).toBe("later");
  });

  test("when it is full, the last of the longest queue gives way to a network with fewer, and to nobody else", async () => {
    const { gate, ran, queue, open } = takenGate({ max: 4 });
    const [school, home] = [at("192.0.2.1"), at("192.0.2.2")];
    const schools = ["s1", "s2", "s3", "s4"].map((name) => queue(name, school));
    expect(await queue("s5", school)).toBeUndefined();
    const homes = [queue("h1", home)];
    expect(await schools[3]).toBeUndefined();
    homes.push(queue("h2", home));
    expect(await schools[2]).toBeUndefined();
    expect(await queue("h3", home)).toBeUndefined(); // it has as many as the longest
    expect(gate.waiting).toBe(4);
    await open();
    expect(await Promise.all([...schools.slice(0, 2), ...homes])).toEqual(["s1", "s2", "h1", "h2"]);
    expect(ran).toEqual(["s1", "h1", "s2", "h2"]);
  });

  test("when it is full of people who have gone, they give way first", async () => {
    const { gate, queue, open } = takenGate({ max: 2 });
    const [gone, school] = [at("192.0.2.1"), at("192.0.2.1")];
    const left = [queue("g1", gone), queue("g2", gone)];
    gone.gone = true;
    const stayed = [queue("s1", school), queue("s2", school)];
    expect(await Promise.all(left)).toEqual([undefined, undefined]);
    expect(gate.waiting).toBe(2);
    expect(await queue("s3", school)).toBeUndefined();
    await open();
    expect(await Promise.all(stayed)).toEqual(["s1", "s2"]);
  });

  test("goes on after work that failed", async () => {
    const { queue, open, gate } = takenGate();
    const failed = gate.run(at("192.0.2.1"), () => Promise.reject(new Error("no memory")));
    const next = queue("next", at("192.0.2.1"));
    void open();
    await expect(failed).rejects.toThrow("no memory");
    expect(await next).toBe("next");
  });
});
