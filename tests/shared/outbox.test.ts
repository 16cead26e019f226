import { expect, setDefaultTimeout, test } from "bun:test";
import { Outbox, OUTBOX_LIMIT } from "../../shared/outbox.ts";
import { PATIENCE } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** An outbox on one end of a real connection, and the reader on the other, who does not read until it is told to. */
async function openPair(now?: () => number) {
  const { promise: accepted, resolve: accept } = Promise.withResolvers<Bun.Socket>();
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let outbox: Outbox | undefined;
  const got: Buffer[] = [];
  let wake = () => {};
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: { open: (socket) => accept(socket), drain: () => outbox?.drain(), data() {}, close: () => close() },
  });
  const reader = await Bun.connect({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: {
      data(_, chunk) {
        got.push(Buffer.from(chunk));
        wake();
      },
      end: () => end(),
      close: () => end(),
    },
  });
  reader.pause();
  const socket = await accepted;
  outbox = new Outbox(
    {
      write: (bytes, offset) => socket.write(bytes, offset, bytes.length - offset),
      shutdown: () => socket.shutdown(),
      terminate: () => socket.terminate(),
    },
    now,
  );
  return {
    outbox,
    reader,
    socket,
    closed,
    ended,
    read: () => Buffer.concat(got),
    /** Resolves when the reader has got this many bytes. */
    async until(length: number) {
      while (got.reduce((sum, { length }) => sum + length, 0) < length)
        await new Promise<void>((resolve) => (wake = resolve));
      return Buffer.concat(got);
    },
    [Symbol.dispose]() {
      reader.terminate();
      socket.terminate();
      listener.stop(true);
    },
  };
}

/** Numbered pieces of odd lengths, characters of several bytes among them. */
const pieces = Array.from({ length: 600 }, (_, n) => Buffer.from(`${n}: ${"ü\u{1f44b}x".repeat(700 + (n % 7))}\n`));
const everything = Buffer.concat(pieces);

/** Fills the connection until the reader's silence makes bytes wait. */
function clog(outbox: Outbox): number {
  const piece = Buffer.alloc(64 * 1024, "x");
  let sent = 0;
  for (; outbox.queued === 0; sent += piece.length) outbox.send(piece);
  return sent;
}

test("what a reader that does not read misses waits, in order and whole, until it reads", async () => {
  using pair = await openPair();
  const clogged = clog(pair.outbox);
  for (const piece of pieces) pair.outbox.send(piece);
  expect(pair.outbox.queued).toBeGreaterThan(everything.length);

  pair.reader.resume();
  const got = await pair.until(clogged + everything.length);

  expect(got.subarray(clogged).equals(everything)).toBeTrue();
  expect(pair.outbox.queued).toBe(0);
  expect(pair.outbox.overrun).toBeFalse();
});

test("the bytes of one buffer go to many readers, and none of them changes it", async () => {
  using one = await openPair();
  using two = await openPair();
  const shared = Buffer.alloc(3 * 1024 * 1024, "abc");
  const copy = Buffer.from(shared);
  for (const { outbox } of [one, two]) outbox.send(shared);
  for (const { outbox } of [one, two]) outbox.send(Buffer.from("end"));
  for (const { reader } of [one, two]) reader.resume();

  for (const { until } of [one, two]) expect((await until(copy.length + 3)).subarray(0, -3).equals(copy)).toBeTrue();
  expect(shared.equals(copy)).toBeTrue();
});

test("a reader that does not keep up is cut off at the bound, and holds no memory from then on", async () => {
  using pair = await openPair();
  clog(pair.outbox);
  const piece = Buffer.alloc(64 * 1024, "y");
  while (!pair.outbox.overrun) {
    expect(pair.outbox.queued).toBeLessThanOrEqual(OUTBOX_LIMIT);
    pair.outbox.send(piece);
  }

  await pair.closed;
  expect(pair.outbox.queued).toBe(0);
  pair.outbox.send(piece);
  pair.outbox.drain();
  expect(pair.outbox.queued).toBe(0);
});

test("below resolves when the reader has caught up so far, and at once where nothing waits", async () => {
  using pair = await openPair();
  await pair.outbox.below(0);
  clog(pair.outbox);
  for (let n = 0; n < 10; n++) pair.outbox.send(Buffer.alloc(64 * 1024));
  let caughtUp = false;
  const below = pair.outbox.below(100_000).then(() => (caughtUp = true));
  await Promise.resolve();
  expect(caughtUp).toBeFalse();

  pair.reader.resume();
  await below;
  expect(pair.outbox.queued).toBeLessThanOrEqual(100_000);
});

test("below resolves also when the reader is cut off or the connection closes", async () => {
  using cut = await openPair();
  clog(cut.outbox);
  const cutOff = cut.outbox.below(0);
  cut.outbox.cut();
  await cutOff;

  using closed = await openPair();
  clog(closed.outbox);
  const over = closed.outbox.below(0);
  closed.outbox.close();
  await over;
  expect(closed.outbox.queued).toBe(0);
});

test("end hands over everything that waits, then ends; what comes after end is not sent", async () => {
  using pair = await openPair();
  const clogged = clog(pair.outbox);
  for (const piece of pieces) pair.outbox.send(piece);
  pair.outbox.end();
  pair.outbox.send(Buffer.from("too late"));

  pair.reader.resume();
  await pair.ended;

  expect(pair.read().subarray(clogged).equals(everything)).toBeTrue();
});

test("end with nothing waiting ends at once, and a second one does nothing", async () => {
  using pair = await openPair();
  pair.reader.resume();
  pair.outbox.send(Buffer.from("bye"));
  pair.outbox.end();
  pair.outbox.end();

  await pair.ended;
  expect(pair.read().toString()).toBe("bye");
});

test("stuck tells how long the reader has taken nothing, and forgets it when it takes something", async () => {
  let now = 0;
  using pair = await openPair(() => now);
  now = 100_000;
  expect(pair.outbox.stuck(30_000)).toBeFalse(); // nothing waits
  const clogged = clog(pair.outbox);
  now += 29_999;
  expect(pair.outbox.stuck(30_000)).toBeFalse();
  now += 1;
  expect(pair.outbox.stuck(30_000)).toBeTrue();

  pair.reader.resume();
  await pair.until(clogged);
  expect(pair.outbox.stuck(30_000)).toBeFalse();
});

test("sending to a connection that is closed does nothing and throws nothing", async () => {
  using pair = await openPair();
  pair.reader.terminate();
  await pair.closed;
  pair.outbox.send(Buffer.from("hello?"));
  pair.outbox.drain();
  pair.outbox.end();
  expect(pair.outbox.queued).toBe(0);
});
