// ORIGIN_ALLOW: the grammar of host patterns. The other origin tests say what patterns match.
import { expect, test } from "vitest";
import { parseSettings, type OriginPattern } from "../../src/settings/settings.ts";

function patterns(value: unknown): readonly OriginPattern[] | string {
  const result = parseSettings({ ORIGIN_ALLOW: value });
  if (result.ok) return result.settings.ORIGIN_ALLOW;
  expect(result.setting).toBe("ORIGIN_ALLOW");
  return result.detail;
}

const pattern = (host: string, rest: Partial<OriginPattern> = {}): OriginPattern => ({
  host,
  wildcard: false,
  port: null,
  range: null,
  ...rest,
});
const hosts = (count: number) => Array.from({ length: count }, (_, index) => `h${index}.example.com`);

test.each<[string, string, OriginPattern[]]>([
  ["a host", "gpu.example.org", [pattern("gpu.example.org")]],
  ["a host with a port", "gpu.example.org:8443", [pattern("gpu.example.org", { port: "8443" })]],
  ["any name below a host", "*.gpu.example.com", [pattern("gpu.example.com", { wildcard: true })]],
  ["any name below a host, with a port", "*.example.com:1", [pattern("example.com", { wildcard: true, port: "1" })]],
  ["lower-cased", "*.GPU.Example.com", [pattern("gpu.example.com", { wildcard: true })]],
  ["one label", "localhost:3000", [pattern("localhost", { port: "3000" })]],
  ["an address", "10.0.0.1:9000", [pattern("10.0.0.1", { port: "9000" })]],
  [
    "an IPv6 address, however it is written",
    "[0:0::1]:9000",
    [pattern("[0:0::1]", { port: "9000", range: { bytes: [...Array<number>(15).fill(0), 1], bits: 128 } })],
  ],
  [
    "several, by commas or spaces",
    "a.com, b.com\n*.c.com,,",
    [pattern("a.com"), pattern("b.com"), pattern("c.com", { wildcard: true })],
  ],
  ["duplicates", "a.com,a.com", [pattern("a.com")]],
  ["only separators: none", " , ", []],
  ["exactly 256", hosts(256).join(), hosts(256).map((host) => pattern(host))],
])("%s", (_, text, is) => {
  expect(patterns(text)).toEqual(is);
});

test.each([
  ["everything", "*"],
  ["everything below everything", "*."],
  ["a star inside", "gpu-*.example.com"],
  ["two stars", "*.*.example.com"],
  ["a star without its dot", "*example.com"],
  ["a scheme", "https://gpu.example.com"],
  ["a path", "gpu.example.com/run"],
  ["a slash at the end", "gpu.example.com/"],
  ["a user", "user@gpu.example.com"],
  ["a leading dot", ".example.com"],
  ["a dot at the end", "example.com."],
  ["a leading hyphen", "-example.com"],
  ["an empty port", "example.com:"],
  ["a port that is no number", "example.com:https"],
  ["a port of six digits", "example.com:123456"],
  ["letters outside ASCII, which an origin shows in its ASCII form", "münchen.example"],
  ["an IPv6 address without brackets", "::1"],
  ["stars around a name", "*example*"],
])("%s is refused by its place", (_, text) => {
  const fault = (place: number) => new RegExp(`\\belement ${place}\\b`);
  expect(patterns(text)).toMatch(fault(1));
  expect(patterns(`good.example.com, ${text}`)).toMatch(fault(2));
  expect(patterns(`good.example.com,,good.example.com\n${text} ${text}, other.example.com`)).toMatch(fault(3));
});

test("257 are refused", () => {
  expect(patterns(hosts(257).join())).toMatch(/\b256\b/);
});

// No origin that a URL parser has written looks like these, so such a pattern would silently admit nobody.
test.each([
  ["a port over 65535", "example.com:99999"],
  ["a port with a leading zero", "example.com:0443"],
  ["port 0", "example.com:0"],
  ["an empty label", "a..example.com"],
])("%s is refused", (_, text) => {
  expect(patterns(text)).toBeTypeOf("string");
});
