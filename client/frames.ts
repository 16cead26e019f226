// frames.ts: the framing of WebSockets (RFC 6455, section 5) as a client speaks it: lines to masked frames, a server's bytes to
// pieces of its messages. Holds no message, however long one is. Touches no socket.

const CONTINUATION = 0x0;
const TEXT = 0x1;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const FIN = 0x80;
const MASKED = 0x80;
const MAX_CONTROL = 125; // bytes of a control frame (5.5)
const NORMALLY = 1000; // why a connection ends (7.4.1)

/** What came: a piece of a text message, a ping to be answered, or the end; `isBroken`: by what is no WebSocket. */
export type Piece = { text: Uint8Array; isLast: boolean } | { ping: Uint8Array } | { isBroken: boolean };

export function textFrame(text: Uint8Array): Uint8Array {
  return frame(TEXT, text);
}
export function pongFrame(payload: Uint8Array): Uint8Array {
  return frame(PONG, payload);
}
export function closeFrame(): Uint8Array {
  return frame(CLOSE, Uint8Array.of(NORMALLY >> 8, NORMALLY & 0xff));
}

/** A frame as a client sends it: final, and masked by a key that nobody can guess (5.3). */
function frame(opcode: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const size = length < 126 ? 2 : length < 0x10000 ? 4 : 10;
  const bytes = Buffer.alloc(size + 4 + length);
  bytes[0] = FIN | opcode;
  bytes[1] = MASKED | (size === 2 ? length : size === 4 ? 126 : 127);
  if (size === 4) bytes.writeUInt16BE(length, 2);
  if (size === 10) bytes.writeBigUInt64BE(BigInt(length), 2);
  const mask = crypto.getRandomValues(bytes.subarray(size, size + 4));
  for (let i = 0; i < length; i++) bytes[size + 4 + i] = payload[i]! ^ mask[i & 3]!;
  return bytes;
}

/** Reads a server's frames, however their bytes are split on the way. */
export class FrameReader {
  #head: number[] = []; // of the frame under way
  #left: number | undefined; // bytes of its payload that have not come; absent: its head is not whole
  #control: Uint8Array[] = []; // its payload so far, if it is a control frame
  #isInMessage = false; // a fragment came, and its message goes on
  #isOver = false;

  /** What these bytes bring. After the end nothing more comes. */
  push(chunk: Uint8Array): Piece[] {
    const pieces: Piece[] = [];
    let at = 0;
    while (!this.#isOver && at < chunk.length) {
      if (this.#left === undefined) {
        this.#head.push(chunk[at++]!);
        if (!this.#isAllowed()) pieces.push(this.#end(true));
        else if ((this.#left = lengthIn(this.#head)) === undefined || this.#left > 0) continue;
      }
      if (this.#isOver) break;
      const payload = chunk.subarray(at, at + this.#left!);
      at += payload.length;
      this.#left! -= payload.length;
      pieces.push(...this.#take(payload));
    }
    return pieces;
  }

  /** Whether a server may send what begins so: seen before its payload is waited for. No extension was agreed on, and servers
   *  do not mask. */
  #isAllowed(): boolean {
    const [first = 0, second] = this.#head;
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0 || ((second ?? 0) & MASKED) !== 0) return false;
    if (opcode >= CLOSE) return opcode <= PONG && (first & FIN) !== 0 && (second ?? 0) <= MAX_CONTROL;
    return opcode === (this.#isInMessage ? CONTINUATION : TEXT);
  }

  /** Takes a part of a payload, which may be its end. */
  #take(payload: Uint8Array): Piece[] {
    const isWhole = this.#left === 0;
    const first = this.#head[0]!;
    const opcode = first & 0x0f;
    if (isWhole) {
      this.#head = [];
      this.#left = undefined;
    }
    if (opcode < CLOSE) {
      const isLast = isWhole && (first & FIN) !== 0;
      if (isWhole) this.#isInMessage = !isLast;
      return [{ text: payload, isLast }];
    }
    this.#control.push(payload.slice());
    if (!isWhole) return [];
    const ping = Buffer.concat(this.#control.splice(0));
    return opcode === PING ? [{ ping }] : opcode === CLOSE ? [this.#end(false)] : [];
  }

  #end(isBroken: boolean): Piece {
    this.#isOver = true;
    return { isBroken };
  }
}

/** How many bytes the payload takes whose head this is; `undefined` while too little of it has come. */
function lengthIn(head: number[]): number | undefined {
  const short = head[1] ?? -1;
  const size = short === 127 ? 8 : short === 126 ? 2 : 0;
  if (short < 0 || head.length < 2 + size) return undefined;
  return size === 0 ? short : head.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
}
