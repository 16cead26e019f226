import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Reading } from "../../server/proxying.ts";
import { Balancers, readBalancers, readHeader } from "../../server/proxying.ts";
import { binary, binaryHeader, lineHeader } from "../kit/balancer.ts";
import { PATIENCE } from "../kit/harness.ts";
import { has, load } from "../kit/needs.ts";

setDefaultTimeout(PATIENCE);

const IPV6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7];
const none = Buffer.alloc(0);
const bytes = (text: string) => Buffer.from(text, "latin1");

describe("a header of the PROXY protocol", () => {
  const alice = { host: "192.0.2.7", port: 50_312 };
  test.each<[string, Buffer, { host: string; port: number } | undefined]>([
    ["1, IPv4", lineHeader("192.0.2.7", 50_312), alice],
    ["1, IPv6", lineHeader("2001:db8::7", 1), { host: "2001:db8::7", port: 1 }],
    [
      "1, IPv6 in its longest form",
      lineHeader("2001:0DB8:0000:0000:0000:0000:0000:0007", 0),
      { host: "2001:db8::7", port: 0 },
    ],
    ["1, mapped", lineHeader("::ffff:192.0.2.7", 50_312), alice],
    ["1, mapped, in hexadecimal", lineHeader("::FFFF:c000:207", 50_312), alice],
    ["1, IPv6 that ends as IPv4", lineHeader("64:ff9b::1:192.0.2.7", 1), { host: "64:ff9b::1:c000:207", port: 1 }],
    ["1, of 107 bytes", bytes(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), undefined],
    ["1, unknown", bytes("PROXY UNKNOWN\r\n"), undefined],
    ["1, unknown, with whatever", bytes("PROXY UNKNOWN \xff\n ::1 x\r\n"), undefined],
    ["2, IPv4", binaryHeader([192, 0, 2, 7], 50_312), alice],
    [
      "2, IPv4, its highest port",
      binaryHeader([255, 255, 255, 255], 65_535),
      { host: "255.255.255.255", port: 65_535 },
    ],
    ["2, IPv6", binaryHeader(IPV6, 50_312), { host: "2001:db8::7", port: 50_312 }],
    ["2, mapped", binaryHeader(MAPPED, 50_312), alice],
    ["2, with TLVs", binaryHeader([192, 0, 2, 7], 50_312, bytes("\x04\0\x03abc")), alice],
    ["2, of 4 KiB", binaryHeader([192, 0, 2, 7], 50_312, Buffer.alloc(4096 - 28)), alice],
    ["2, local", binary(0x20, 0x00, none), undefined],
    ["2, local, whose addresses are ignored", binary(0x20, 0x11, bytes("nothing like one")), undefined],
    ["2, local, whose family is ignored", binary(0x20, 0xff, none), undefined],
    ["2, of no family", binary(0x21, 0x00, bytes("something")), undefined],
    ["2, UDP", binary(0x21, 0x12, Buffer.alloc(12)), undefined],
    ["2, UDP over IPv6", binary(0x21, 0x22, Buffer.alloc(36)), undefined],
    ["2, a UNIX socket", binary(0x21, 0x31, Buffer.alloc(216)), undefined],
    ["2, a UNIX socket of datagrams", binary(0x21, 0x32, Buffer.alloc(216)), undefined],
  ])("version %s, is read, whatever follows it", (_, header, client) => {
    for (const rest of [none, header, bytes("\r\n"), bytes("\x16\x03\x01"), Buffer.alloc(10_000, "x")])
      expect(readHeader(Buffer.concat([header, rest]))).toEqual({ state: "whole", length: header.length, client });
    for (let n = 0; n < header.length; n++)
      expect([n, readHeader(header.subarray(0, n))]).toEqual([n, { state: "partial" }]);
  });

  const v1 = "has a PROXY header of version 1 that cannot be read";
  const no = "does not begin with a header of the PROXY protocol";
  test.each<[string | Buffer, string]>([
    ["GET / HTTP/1.1\r\n", no],
    ["login alice pass-word-9\n", no],
    ["\x16\x03\x01\x02", no],
    ["\r\n\r\n\0\r\nQUIt", no],
    ["\n", no],
    ["PROXY\tTCP4", no],
    ["proxy TCP4 ", no],
    ["PROXYTCP4 ", no],
    ["PROXY \r\n", v1],
    ["PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n", v1],
    ["PROXY TCP4\r\n", v1],
    ["PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n", v1],
    ["PROXY UNKNOWNS\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n", v1],
    ["PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n", v1],
    ["PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n", v1],
    ["PROXY TCP4 192.0.2.007 192.0.2.1 1 2\r\n", v1],
    ["PROXY TCP4 2001:db8::7 192.0.2.1 1 2\r\n", v1],
    ["PROXY TCP6 192.0.2.7 2001:db8::1 1 2\r\n", v1],
    ["PROXY TCP6 fe80::1%lo 2001:db8::1 1 2\r\n", v1],
    ["PROXY TCP6 1::2::3 2001:db8::1 1 2\r\n", v1],
    ["PROXY TCP4 192.0.2.7 banter 1 2\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 1 -2\r\n", v1],
    ["PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n", v1],
    [`PROXY UNKNOWN ${"f".repeat(92)}\r\n`, "has a PROXY header of more than 107 bytes"],
    [`PROXY ${"x".repeat(101)}`, "has a PROXY header of more than 107 bytes"],
    [binaryHeader([192, 0, 2, 7], 1, Buffer.alloc(4096 - 27)), "has a PROXY header of more than 4 KiB"],
    [binary(0x20, 0, Buffer.alloc(65_535)).subarray(0, 16), "has a PROXY header of more than 4 KiB"],
    [binary(0x11, 0x11, Buffer.alloc(12)), "has a PROXY header of an unknown version or command"],
    [binary(0x22, 0x11, Buffer.alloc(12)), "has a PROXY header of an unknown version or command"],
    [binary(0x21, 0x10, Buffer.alloc(12)), "has a PROXY header of an unknown address family"],
    [binary(0x21, 0x41, Buffer.alloc(36)), "has a PROXY header of an unknown address family"],
    [binary(0x21, 0x11, Buffer.alloc(11)), "has a PROXY header that is too short for its addresses"],
    [binary(0x21, 0x21, Buffer.alloc(35)), "has a PROXY header that is too short for its addresses"],
  ])("is not %j, which is refused", (start, why) => {
    const header = typeof start === "string" ? bytes(start) : start;
    for (const rest of [none, bytes("\r\n"), lineHeader("192.0.2.7", 1)])
      expect(readHeader(Buffer.concat([header, rest]))).toEqual({ state: "wrong", why });
  });

  test.if(has("fast-check"))("of any bytes is read without an exception, and the same however it comes", async () => {
    const fc = (await load<typeof import("fast-check")>("fast-check"))!;
    const byte = fc.nat(255);
    const port = fc.nat(65_535);
    const tlvs = fc.uint8Array({ maxLength: 4_000 });
    const headers = fc.oneof(
      fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), port).map(([host, port]) => lineHeader(host, port)),
      fc.tuple(fc.array(byte, { minLength: 4, maxLength: 4 }), port, tlvs).map((parts) => binaryHeader(...parts)),
      fc.tuple(fc.array(byte, { minLength: 16, maxLength: 16 }), port, tlvs).map((parts) => binaryHeader(...parts)),
      fc.tuple(byte, byte, fc.uint8Array({ maxLength: 5_000 })).map((parts) => binary(...parts)),
      fc.string({ unit: "binary", maxLength: 120 }).map((text) => bytes(`PROXY ${text}\r\n`)),
      fc.uint8Array({ maxLength: 200 }).map((any) => Buffer.from(any)),
    );
    const seen = new Set<Reading["state"]>();
    const property = fc.property(
      headers,
      fc.option(fc.tuple(fc.nat(30), byte), { freq: 3 }),
      fc.uint8Array({ maxLength: 50 }),
      fc.nat(4_200),
      (header, flaw, rest, cut) => {
        const sent = Buffer.concat([header, rest]);
        if (flaw !== null && flaw[0] < sent.length) sent[flaw[0]] = flaw[1];
        const reading = readHeader(sent);
        seen.add(reading.state);
        // What is decided stays decided whatever follows, and is not decided otherwise before it has come.
        const early = readHeader(sent.subarray(0, cut));
        if (early.state !== "partial") expect<Reading>(early).toEqual(reading);
        if (reading.state !== "whole") return;
        expect(reading.length).toBeWithin(15, sent.length + 1);
        expect(readHeader(sent.subarray(0, reading.length))).toEqual(reading);
        expect(readHeader(sent.subarray(0, reading.length - 1))).toEqual({ state: "partial" });
        const { host, port } = reading.client ?? { host: "::", port: 0 };
        expect(URL.parse(`http://${host.includes(":") ? `[${host}]` : host}:${port}`)).not.toBeNull();
      },
    );
    fc.assert(property, { numRuns: 3_000 });
    expect(seen).toEqual(new Set(["partial", "wrong", "whole"]));
  });
});

describe("load balancers", () => {
  test.each<[string, string[], string[]]>([
    ["10.0.0.5", ["10.0.0.5", "::ffff:10.0.0.5"], ["10.0.0.6", "::ffff:10.0.0.6", "::a00:5", "unknown", ""]],
    ["10.0.0.0/24, 192.0.2.1", ["10.0.0.0", "10.0.0.255", "192.0.2.1"], ["10.0.1.0", "192.0.2.2", "::1"]],
    ["10.0.0.77/24", ["10.0.0.1"], ["10.0.1.77"]],
    ["10.0.0.5/32", ["10.0.0.5"], ["10.0.0.4"]],
    ["::ffff:10.0.0.5", ["10.0.0.5", "::ffff:10.0.0.5"], ["10.0.0.6"]],
    ["::ffff:10.0.0.0/120", ["10.0.0.9"], ["10.0.1.9"]],
    ["fd00::/64,::1", ["fd00::7", "FD00:0::7", "fd00::7%eth0", "::1"], ["fd00:0:0:1::7", "::2", "127.0.0.1"]],
  ])("at %s", (list, inside, outside) => {
    const balancers = readBalancers(list) as Balancers;
    expect(balancers).toBeInstanceOf(Balancers);
    expect(inside.filter((address) => !balancers.has(address))).toEqual([]);
    expect(outside.filter((address) => balancers.has(address))).toEqual([]);
  });

  test.each([
    ["", ""],
    ["10.0.0.5,", ""],
    ["10.0.0.5 10.0.0.6", "10.0.0.5 10.0.0.6"],
    ["10.0.0.5, balancer.lan", "balancer.lan"],
    ["10.0.0.256", "10.0.0.256"],
    ["10.0.0.5/33", "10.0.0.5/33"],
    ["10.0.0.5/", "10.0.0.5/"],
    ["10.0.0.5/8/8", "10.0.0.5/8/8"],
    ["10.0.0.5/0x8", "10.0.0.5/0x8"],
    ["::/129", "::/129"],
    ["::ffff:10.0.0.0/95", "::ffff:10.0.0.0/95"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::/0", "::/0"],
  ])("are not at %j", (list, wrong) => {
    expect(readBalancers(list)).toBe(wrong);
  });
});
