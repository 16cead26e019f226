import { expect, setDefaultTimeout, test } from "bun:test";
import type { Accepted, Socket } from "../../server/socket.ts";
import { SocketConnection } from "../../server/socket.ts";
import { openParts } from "../kit/parts.ts";
import { PATIENCE, Wire } from "../kit/harness.ts";

setDefaultTimeout(PATIENCE);

/** A connection that keeps what it is handed, and pauses after each piece if it is told to. */
class Keeper extends SocketConnection {
  readonly session = undefined;
  readonly pieces: Uint8Array[] = [];
  isFinished = false;
  mayGoOn = false;

  constructor(accepted: Accepted) {
    super(accepted);
  }
  protected opened(): void {}
  protected received(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.pause(!this.mayGoOn);
  }
  protected finished(): void {
    this.isFinished = true;
  }
  protected ended(): void {}
  protected ticked(): void {}
  protected refused(): void {}
}

test("what comes is handed on in pieces: none while the connection is paused, all of it in order, and its end after the last", async () => {
  await using chat = openParts([]);
  const { services, admission } = chat;
  let keeper: Keeper | undefined;
  const origin = { address: "127.0.0.1:1", network: "127.0.0.1" };
  const listener = Bun.listen<SocketConnection>({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open(socket: Socket) {
        keeper = new Keeper({ socket, origin, services, admission, isEncrypting: false });
        socket.data = keeper;
      },
      data: (socket, chunk) => socket.data.receive(chunk),
      end: (socket) => socket.data.finish(),
      close: (socket, problem) => socket.data.closed(problem),
    },
  });
  const turn = () => new Promise<void>((resume) => setImmediate(resume));
  const wire = await Wire.open(listener.port);
  const sent = Buffer.from(Array.from({ length: 20_000 }, (_, n) => `line ${n}\n`).join(""));
  wire.raw(sent);
  wire.halfClose();
  while (keeper === undefined || keeper.pieces.length === 0 || wire.unsent > 0) await turn();
  for (let n = 0; n < 50; n++) await turn();
  expect([keeper.pieces.length, keeper.isFinished]).toEqual([1, false]);
  expect(keeper.pieces[0]!.length).toBeLessThanOrEqual(16 * 1024);

  keeper.pause(false); // for one more
  expect([keeper.pieces.length, keeper.isFinished]).toEqual([2, false]);
  keeper.mayGoOn = true;
  keeper.pause(false);
  while (!keeper.isFinished) await turn();
  expect(Buffer.concat(keeper.pieces).equals(sent)).toBe(true);
  keeper.terminate();
  listener.stop(true);
});
