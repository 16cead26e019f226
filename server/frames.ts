// frames.ts: the framing of WebSockets (RFC 6455, section 5): bytes of a client to messages and control frames, and what a server
// sends to bytes. Holds one message at most, and says with which code a connection ends that breaks the rules. Touches no socket.

import { createHash } from "node:crypto";
import { utf8 } from "../shared/lines.ts";

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const MASKED = 0x80;
const EMPTY = Buffer.alloc(0);
const MAX_CONTROL = 125; // bytes of a control frame (5.5)

/** Why a connection ends (7.4.1). */
export const CLOSED = { normally: 1000, protocolError: 1002, notText: 1003, notUtf8: 1007, tooBig: 1009 } as const;

/** What came: a whole text message, a ping to be answered, or the end, with the code to answer it with. */
export type Received = { text: string } | { ping: Uint8Array } | { close: number };

/** A text message as one frame. */
export function textFrame(text: Uint8Array): Uint8Array {
  return frame(TEXT, text);
}
export function pingFrame(): Uint8Array {
  return frame(PING, new Uint8Array());
}
export function pongFrame(payload: Uint8Array): Uint8Array {
  return frame(PONG, payload);
}
export function closeFrame(code: number): Uint8Array {
  return frame(CLOSE, Uint8Array.of(code >> 8, code & 0xff));
}

/** The answer to a client's key, which proves that its request was understood (4.2.2). */
export function acceptKey(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

/** A frame as a server sends it: final and not masked. */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 0x10000 ? 4 : 10);
  head[0] = FIN | opcode;
  if (length < 126) head[1] = length;
  else if (length < 0x10000) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

/** Reads a client's frames, however their bytes are split on the way. */
export class FrameReader {
  readonly #limit: number;
  #held: Buffer = EMPTY; // an unfinished frame; grows by doubling, so a byte at a time stays linear
  #length = 0; // bytes of it
  #message: Buffer | undefined; // an unfinished message, in which a fragment was
  #size = 0; // bytes of it
  #isEnded = false;

  /** `limit`: bytes of one message; a longer one ends the connection. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What these bytes complete. After a `close` nothing more comes. Masked payloads in `chunk` are changed in place. */
  push(chunk: Uint8Array): Received[] {
    const received: Received[] = [];
    let bytes = this.#length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : this.#hold(chunk);
    const { length } = bytes;
    while (!this.#isEnded && bytes.length >= 2) {
      const head = readHead(bytes);
      const fault = this.#faultOf(bytes[0]!, bytes[1]!, head?.length ?? 0);
      if (fault !== undefined) this.#end(received, fault);
      else if (head === undefined || bytes.length < head.size + head.length) break;
      else {
        const { size, length } = head;
        this.#take(received, bytes[0]!, unmask(bytes.subarray(size, size + length), bytes.subarray(size - 4, size)));
        bytes = bytes.subarray(size + length);
      }
    }
    if (this.#isEnded || bytes.length === 0) {
      this.#held = EMPTY;
      this.#length = 0;
    } else if (this.#length === 0 || bytes.length < length) {
      this.#held = Buffer.from(bytes); // a copy, so that what is done with is not kept
      this.#length = bytes.length;
    }
    return received;
  }

  /** Adds to the unfinished frame; all of it. */
  #hold(chunk: Uint8Array): Buffer {
    const length = this.#length + chunk.length;
    if (this.#held.length < length) {
      const grown = Buffer.alloc(Math.max(length, 2 * this.#length));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    this.#held.set(chunk, this.#length);
    this.#length = length;
    return this.#held.subarray(0, length);
  }

  /** With which code a frame that starts so ends the connection, if it does: seen before its payload is waited for. */
  #faultOf(first: number, second: number, length: number): number | undefined {
    const opcode = first & 0x0f;
    const isFinal = (first & FIN) !== 0;
    if ((first & 0x70) !== 0 || (second & MASKED) === 0) return CLOSED.protocolError; // no extension was agreed on; clients mask
    if (opcode >= CLOSE)
      return opcode > PONG || !isFinal || (second & 0x7f) > MAX_CONTROL ? CLOSED.protocolError : undefined;
    if (opcode > BINARY || (opcode === CONTINUATION) !== (this.#message !== undefined)) return CLOSED.protocolError;
    if (opcode === BINARY) return CLOSED.notText;
    return this.#size + length > this.#limit ? CLOSED.tooBig : undefined;
  }

  #take(received: Received[], first: number, payload: Buffer): void {
    const opcode = first & 0x0f;
    if (opcode === PONG) return;
    if (opcode === PING) {
      received.push({ ping: payload });
      return;
    }
    if (opcode === CLOSE) {
      this.#end(received, codeToEcho(payload));
      return;
    }
    const whole = this.#message === undefined && (first & FIN) !== 0 ? payload : this.#append(payload);
    if ((first & FIN) === 0) return;
    this.#message = undefined;
    this.#size = 0;
    const text = utf8(whole);
    if (text === null) this.#end(received, CLOSED.notUtf8);
    else received.push({ text });
  }

  /** Keeps a fragment; the message so far. In one buffer, because there may be as many fragments as bytes. */
  #append(fragment: Buffer): Buffer {
    this.#message ??= Buffer.alloc(this.#limit);
    this.#size += fragment.copy(this.#message, this.#size);
    return this.#message.subarray(0, this.#size);
  }

  #end(received: Received[], close: number): void {
    this.#isEnded = true;
    this.#message = undefined;
    received.push({ close });
  }
}

/** How many bytes a frame's head takes, mask included, and its payload; `undefined` while too little of it has come. */
function readHead(bytes: Buffer): { size: number; length: number } | undefined {
  const short = bytes[1]! & 0x7f;
  if (short < 126) return { size: 6, length: short };
  if (short === 126) return bytes.length < 4 ? undefined : { size: 8, length: bytes.readUInt16BE(2) };
  return bytes.length < 10 ? undefined : { size: 14, length: Number(bytes.readBigUInt64BE(2)) };
}

function unmask(payload: Buffer, mask: Buffer): Buffer {
  for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i & 3]!;
  return payload;
}

/** The code that answers a client's close frame: its own, if it is one that may be sent (7.4). */
function codeToEcho(payload: Buffer): number {
  if (payload.length === 0) return CLOSED.normally;
  if (payload.length === 1 || utf8(payload.subarray(2)) === null) return CLOSED.protocolError;
  const code = payload.readUInt16BE(0);
  const isDefined =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code < 5000);
  return isDefined ? code : CLOSED.protocolError;
}
