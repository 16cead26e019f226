// keepalive.ts: detects dead connections, such as a pulled cable. Asks the kernel to probe connections that are idle and to give up on those whose
// bytes are not acknowledged, for a person at a raw socket cannot be asked for a sign of life.

import { dlopen, FFIType, ptr } from "bun:ffi";

const IDLE = 30_000; // ms without a byte after which the other end is probed
/** ms that sent bytes, or probes, may stay unacknowledged. Together with IDLE less than the 75 s a silent peer has. */
const UNACKNOWLEDGED = 40_000;
const LINUX = { library: "libc.so.6", IPPROTO_TCP: 6, TCP_USER_TIMEOUT: 18 };

/** Makes connections of this listener end when their bytes are not acknowledged. They inherit it; it is Linux's
 *  TCP_USER_TIMEOUT (RFC 5482), which Bun has no name for. Elsewhere the kernel gives up by itself, after minutes. */
export function boundUnacknowledged(listener: Bun.TCPSocketListener<unknown>): void {
  const { fd } = listener as unknown as { fd?: number };
  if (process.platform !== "linux" || fd === undefined) return;
  try {
    const { i32, u32, ptr: pointer } = FFIType;
    const libc = dlopen(LINUX.library, { setsockopt: { args: [i32, i32, i32, pointer, u32], returns: i32 } });
    const value = ptr(Int32Array.of(UNACKNOWLEDGED));
    libc.symbols.setsockopt(fd, LINUX.IPPROTO_TCP, LINUX.TCP_USER_TIMEOUT, value, Int32Array.BYTES_PER_ELEMENT);
    libc.close();
  } catch {
    // Another C library: idle connections are probed all the same.
  }
}

/** Has the kernel probe this connection whenever it is idle. */
export function probeWhenIdle(socket: Bun.Socket<unknown>): void {
  socket.setKeepAlive(true, IDLE);
}
