// ALLOW_PRIVATE_ORIGINS=listed: replicas in a private network, of which ORIGIN_ALLOW names each host. And ranges of addresses in ORIGIN_ALLOW.
import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressRange, isInRange } from "../../src/settings/address-range.ts";
import { judged } from "../support/origins.ts";

const LISTED = "*.gpu.internal, gpu-1, 10.20.0.0/16:8000, 192.168.1.5, [fd12:3456::]/32, gpu.example.com, 127.0.0.1:9000";

test.each([
  "http://a.gpu.internal",
  "https://a.gpu.internal",
  "http://gpu-1",
  "http://10.20.0.1:8000",
  "https://10.20.255.255:8000",
  "http://0x0a140001:8000",
  "http://192.168.1.5",
  "http://[fd12:3456::1]",
  "http://[fd12:3456:ffff::]",
  "http://127.0.0.1:9000",
  "https://gpu.example.com",
])("%s is admitted", (origin) => {
  expect(judged(origin, LISTED, "listed")).toHaveProperty("kept");
});

test.each([
  ["a private name that is not listed", "http://a.other.internal"],
  ["the apex of a listed name", "http://gpu.internal"],
  ["another name without a dot", "http://gpu-2"],
  ["another port", "http://10.20.0.1:8001"],
  ["no port, where one is listed", "http://10.20.0.1"],
  ["a port, where none is listed", "http://gpu-1:8080"],
  ["an address beside the range", "http://10.21.0.1:8000"],
  ["an IPv6 address beside the range", "http://[fd12:3457::1]"],
  ["an address of the range as IPv6", "http://[::ffff:10.20.0.1]:8000"],
  ["loopback, which is not listed on this port", "http://127.0.0.1:9001"],
  ["plain http at a public name", "http://gpu.example.com"],
])("%s is refused", (_, origin) => {
  expect(judged(origin, LISTED, "listed")).toHaveProperty("refused");
});

test.each([
  "http://169.254.169.254",
  "http://2852039166",
  "https://169.254.0.1",
  "http://[fe80::1]",
  "http://[febf::1]",
  "http://[::ffff:169.254.169.254]",
  "http://[64:ff9b::a9fe:a9fe]",
  "http://[fd00:ec2::254]",
])("%s, where clouds give credentials, is refused whatever is listed", (origin) => {
  const everything = `0.0.0.0/0 [::]/0 ${new URL(origin).host}`;
  expect(judged(origin, everything, "listed")).toHaveProperty("refused");
  expect(judged("http://[fd00:ec3::1]", everything, "listed")).toHaveProperty("kept");
});

test.each([false, true])("a range changes nothing without it (%s)", (allowPrivate) => {
  const is = allowPrivate ? "kept" : "refused";
  expect(judged("https://10.20.0.1:8000", LISTED, allowPrivate)).toHaveProperty(is);
  expect(judged("https://10.99.0.1:8000", LISTED, allowPrivate)).toHaveProperty(is);
});

test("a private router and its replica may share a host, not a port; a public name is the router's on all ports", () => {
  const verdict = (origin: string, own: string) =>
    judged(origin, "10.0.0.0/8:8787 10.0.0.0/8:9000 r.example.com:9000", "listed", own);
  expect(verdict("http://10.0.0.1:9000", "http://10.0.0.1:8787/-/heartbeat")).toHaveProperty("kept");
  expect(verdict("http://10.0.0.1:8787", "http://10.0.0.1:8787/-/heartbeat")).toHaveProperty("refused");
  expect(verdict("https://r.example.com:9000", "https://r.example.com/-/heartbeat")).toHaveProperty("refused");
});

describe("ranges", () => {
  test.each([
    ["more bits than IPv4 has", "10.0.0.0", 33],
    ["more bits than IPv6 has", "[::]", 129],
    ["a name", "gpu.internal", 8],
    ["an address in another spelling", "10.1", 8],
    ["a number over 255", "10.0.0.256", 8],
    ["no IPv6 address", "[1:2]", 8],
  ])("%s makes none", (_, address, bits) => {
    expect(addressRange(address, bits)).toBeNull();
  });

  const ipv4 = fc.ipV4();
  const ipv6 = fc.ipV6();
  test.each([
    ["ipv4", ipv4, 32],
    ["ipv6", ipv6, 128],
  ] as const)("hold what Node.js says that they hold: %s", (family, address, most) => {
    const written = (text: string) => (family === "ipv6" ? `[${text}]` : text);
    const nearby = fc.tuple(address, fc.integer({ min: 0, max: most }), address, fc.boolean());
    fc.assert(
      fc.property(nearby, ([base, bits, other, same]) => {
        const list = new BlockList();
        list.addSubnet(base, bits, family);
        const host = same ? base : other;
        const range = addressRange(written(base), bits);
        if (range === null) throw new Error(`${base}/${bits} is refused`);
        return isInRange(new URL(`http://${written(host)}`).hostname, range) === list.check(host, family);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  test("the last bit counts", () => {
    const range = addressRange("10.0.0.128", 25);
    expect(["10.0.0.127", "10.0.0.128", "10.0.0.255", "10.0.1.128"].map((host) => range && isInRange(host, range))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
