// proxying.ts: the PROXY protocol, versions 1 and 2: the header by which a load balancer says from where a connection comes that it passes
// on, and which addresses are believed to be load balancers. Reads bytes and addresses only; knows no socket.
// https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt

import { BlockList, isIPv4, isIPv6 } from "node:net";

const MAX_LINE = 107; // bytes of a header of version 1, CR and LF included (2.1)
/** Bytes of a header of version 2. It could have 16 + 65,535, but nothing that balancers add needs so much. */
const MAX_BINARY = 4096;
const FIXED = 16; // bytes of a header of version 2 before its addresses
const LINE_START = Buffer.from("PROXY ");
const BINARY_START = Buffer.from("\r\n\r\n\0\r\nQUIT\n");
const LOCAL = 0x20; // version 2, command 0: the balancer speaks for itself
const PROXIED = 0x21;
const TCP4 = { family: 0x11, bytes: 4 };
const TCP6 = { family: 0x21, bytes: 16 };
/** Families that are valid and tell no address that is of use: none, UDP and UNIX sockets (2.2). */
const WITHOUT_ADDRESS = new Set([0x00, 0x12, 0x22, 0x31, 0x32]);

/** One end of a connection. */
export interface End {
  readonly host: string; // an IPv4 or IPv6 address
  readonly port: number;
}

/** What the first bytes of a connection are. */
export type Reading =
  | { readonly state: "partial" } // the beginning of a header, the rest of which has not come
  | { readonly state: "wrong"; readonly why: string } // never a header, whatever follows; `why` completes "the connection …"
  | {
      readonly state: "whole";
      readonly length: number; // bytes of the header; what the client says comes after them
      readonly client: End | undefined; // `undefined`: the balancer speaks for itself, or does not know
    };

const PARTIAL: Reading = { state: "partial" };
const NO_HEADER = wrong("does not begin with a header of the PROXY protocol");

/** Reads the header at the start of a connection. `bytes`: all that has come so far, and perhaps more than the header. */
export function readHeader(bytes: Uint8Array): Reading {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (mayBe(LINE_START, buffer)) return readLine(buffer);
  if (mayBe(BINARY_START, buffer)) return readBinary(buffer);
  return NO_HEADER;
}

/** Whether these bytes begin so, as far as they have come. */
function mayBe(start: Buffer, bytes: Buffer): boolean {
  const length = Math.min(start.length, bytes.length);
  return start.compare(bytes, 0, length, 0, length) === 0;
}

/** Version 1, such as `PROXY TCP4 192.0.2.7 10.0.0.5 50312 12345`, CR and LF (2.1). */
function readLine(bytes: Buffer): Reading {
  const end = bytes.subarray(0, MAX_LINE).indexOf("\r\n");
  if (end < 0) return bytes.length < MAX_LINE ? PARTIAL : wrong("has a PROXY header of more than 107 bytes");
  const length = end + 2;
  const line = bytes.toString("latin1", 0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { state: "whole", length, client: undefined };
  const [, protocol, host = "", to = "", port = "", toPort = ""] =
    /^PROXY TCP([46]) ([\da-fA-F.:]+) ([\da-fA-F.:]+) (\d+) (\d+)$/.exec(line) ?? [];
  const isAddress = protocol === "4" ? isIPv4 : isIPv6;
  if (!isAddress(host) || !isAddress(to) || !isPort(port) || !isPort(toPort))
    return wrong("has a PROXY header of version 1 that cannot be read");
  return { state: "whole", length, client: { host: canonical(host), port: Number(port) } };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** Version 2: 16 bytes, then addresses and TLVs, which are skipped (2.2). */
function readBinary(bytes: Buffer): Reading {
  if (bytes.length < FIXED) return PARTIAL;
  const command = bytes[12]!;
  const family = bytes[13]!;
  const following = bytes.readUInt16BE(14);
  const length = FIXED + following;
  if (length > MAX_BINARY) return wrong("has a PROXY header of more than 4 KiB");
  if (command !== LOCAL && command !== PROXIED) return wrong("has a PROXY header of an unknown version or command");
  const known = [TCP4, TCP6].find((one) => one.family === family);
  if (command === PROXIED && known === undefined && !WITHOUT_ADDRESS.has(family))
    return wrong("has a PROXY header of an unknown address family");
  if (command === PROXIED && known !== undefined && following < 2 * known.bytes + 4)
    return wrong("has a PROXY header that is too short for its addresses");
  if (bytes.length < length) return PARTIAL;
  if (command === LOCAL || known === undefined) return { state: "whole", length, client: undefined };
  const host = inWords(bytes.subarray(FIXED, FIXED + known.bytes));
  return { state: "whole", length, client: { host, port: bytes.readUInt16BE(FIXED + 2 * known.bytes) } };
}

/** The text of an IPv4 address of 4 bytes or an IPv6 address of 16. */
function inWords(address: Buffer): string {
  if (address.length === TCP4.bytes) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, n) => address.readUInt16BE(2 * n).toString(16));
  return canonical(groups.join(":"));
}

/** The one way to write an address (RFC 5952); an IPv4 address that is mapped into IPv6 is IPv4. */
function canonical(address: string): string {
  if (!isIPv6(address) || address.includes("%")) return address;
  const groups = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) => `${pair(a, b)}:${pair(c, d)}`);
  const text = new URL(`http://[${groups}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(text) ?? [];
  if (high === undefined || low === undefined) return text;
  return [high, low].flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]).join(".");
}

/** Two numbers of an IPv4 address as a group of an IPv6 address. */
function pair(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

function wrong(why: string): Reading {
  return { state: "wrong", why };
}

// ---- who is believed -----------------------------------------------------------------------------------------------

/** The addresses of the load balancers, whose connections all begin with a header. */
export class Balancers {
  readonly #list = new BlockList();

  /** Adds an address, such as `10.0.0.5`, or a network, such as `10.0.0.0/24` or `fd00::/64`. Refuses what is neither, and the network
   *  of all addresses, by returning `false`: then everybody could choose where he comes from. */
  add(text: string): boolean {
    const [address = "", bits, ...rest] = text.split("/");
    if (rest.length > 0 || address.includes("%") || !(isIPv4(address) || isIPv6(address))) return false;
    const host = canonical(address);
    const family = isIPv4(host) ? "ipv4" : "ipv6";
    if (bits === undefined) {
      this.#list.addAddress(host, family);
      return true;
    }
    const mapping = isIPv6(address) && family === "ipv4" ? 96 : 0; // bits of the prefix that all mapped addresses have
    const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) - mapping : 0;
    if (prefix < 1 || prefix > (family === "ipv4" ? 32 : 128)) return false;
    this.#list.addSubnet(host, prefix, family);
    return true;
  }

  /** Whether a connection from this address is a load balancer's. `address`: as the system tells it. */
  has(address: string): boolean {
    const host = canonical(address.split("%")[0]!); // a zone says by which interface it came
    if (isIPv4(host)) return this.#list.check(host, "ipv4");
    return isIPv6(host) && this.#list.check(host, "ipv6");
  }
}

/** The load balancers of a list that is separated by commas, or the first entry of it that is no address and no network. */
export function readBalancers(list: string): Balancers | string {
  const balancers = new Balancers();
  const wrong = list.split(",").find((entry) => !balancers.add(entry.trim()));
  return wrong === undefined ? balancers : wrong.trim();
}
