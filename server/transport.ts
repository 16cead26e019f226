// transport.ts: what a session needs of a connection, whether it came over TCP or as a WebSocket, and the bounds that both keep.

import type { Payload } from "./delivery.ts";
import type { Origin } from "./network.ts";

/** ms in which a reader for whom bytes wait must take some of them. */
export const MAX_STALL = 30_000;
/** ms a connection that we have closed may take to close its side. */
export const LINGER = 2_000;
/** Bytes that may wait for a reader when the next page of a replay is sent. */
export const REPLAY_MARK = 256 * 1024;

export interface Transport extends Origin {
  /** The first character that came and is no white space, "" until one has. */
  readonly opening: string;
  /** Bytes that wait for the reader. */
  readonly queued: number;
  /** Sends, now or as soon as the reader takes more. MUST NOT throw and MUST NOT block. */
  send(payload: Payload): void;
  /** Resolves when less than REPLAY_MARK waits, or the connection is closed. */
  drained(): Promise<void>;
  /** Stops or goes on reading. */
  pause(on: boolean): void;
  /** Somebody has signed in on it. */
  signedIn(): void;
  /** Sends what waits, then closes. */
  end(): void;
}
