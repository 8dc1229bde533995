// Origins in every spelling that could get an address, a private name or another host past the policy. Each is a heartbeat's text and goes through parser
// and policy, as in src/control.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { originFault } from "../../src/settings/origin-policy.ts";
import { parseSettings } from "../../src/settings/settings.ts";
import { CARELESS, judged } from "../support/origins.ts";

const ADDRESSES = [
  ...["127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1"],
  ...["169.254.169.254", "169.254.43518", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "8.8.8.8", "255.255.255.255"],
  ...["2130706433", "0x7f000001", "0x7F.1", "0177.0.0.1", "017700000001", "0x7f.0x0.0x0.0x1", "127.0x0.0.01", "0x0"],
  ...["[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:1]", "[::127.0.0.1]"],
  ...["[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2606:4700:4700::1111]"],
];
const PRIVATE_NAMES = [
  ...["localhost", "LOCALHOST", "gpu-1", "metadata", "instance-data", "com"],
  ...["a.localhost", "localhost.localdomain", "printer.local", "svc.cluster.local", "metadata.google.internal", "gpu.internal"],
  ...["gpu.test", "gpu.invalid", "gpu.example", "gpu.alt", "gpu.onion", "nas.home.arpa", "1.0.0.127.in-addr.arpa", "gpu.arpa"],
  ...["gpu.lan", "gpu.home", "gpu.corp", "gpu.intranet", "gpu.private", "GPU.Internal"],
];

describe("outside development", () => {
  test.each([...ADDRESSES, ...PRIVATE_NAMES])("%s is refused, whatever ORIGIN_ALLOW says", (host) => {
    for (const port of ["", ":443", ":8443", ":9000"]) {
      for (const end of ["", "/"]) {
        const own = `${host.toLowerCase()}${port}`;
        for (const allow of [CARELESS, /^[a-z0-9.-]+$/.test(host) ? own : "localhost"]) {
          const verdict = judged(`https://${host}${port}${end}`, allow);
          expect(verdict).toHaveProperty("refused");
        }
      }
    }
  });

  test("the endings that docs/protocol.md names are refused, and there are no others in the table here", () => {
    const protocol = readFileSync(path.join(import.meta.dirname, "../../docs/protocol.md"), "utf8");
    const [, list = ""] = /names under (`localhost`.*?) are\s+refused/s.exec(protocol) ?? [];
    const endings = [...list.matchAll(/`([a-z]+)`/g)].map(([, ending]) => ending ?? "");
    for (const ending of endings) expect(judged(`https://a.${ending}`, "*.com"), ending).toHaveProperty("refused");
    const used = PRIVATE_NAMES.filter((name) => name.includes(".")).map((name) => name.toLowerCase().split(".").at(-1));
    expect(new Set(endings)).toEqual(new Set(used));
  });

  test("plain http is refused", () => {
    expect(judged("http://one.gpu.example.com", CARELESS)).toHaveProperty("refused");
    expect(judged("https://one.gpu.example.com", CARELESS)).toHaveProperty("kept");
  });

  test.each(["https://router.example.com", "https://ROUTER.example.com:443/"])("%s is the router itself", (origin) => {
    expect(judged(origin, "*.example.com")).toHaveProperty("refused");
    expect(judged("https://other.example.com", "*.example.com")).toHaveProperty("kept");
  });

  const faultFor = (origin: string, own: string, development: boolean): string | null => {
    const ORIGIN_ALLOW = "router.example.com router.example.com:8443 other.example.com";
    const settings = parseSettings({ ORIGIN_ALLOW, ALLOW_PRIVATE_ORIGINS: development });
    if (!settings.ok) throw new Error(settings.detail);
    return originFault(origin, "a", own, settings.settings);
  };

  test.each([
    "router.example.com",
    "ROUTER.example.com",
    "router.example.com.",
    "router.example.com..",
    "router.example.com:443",
    "ROUTER.example.com:443",
    "router.example.com:8787",
    "Router.Example.com..:8443",
  ])("the router knows itself by its name on every port, however it is asked as: %s", (host) => {
    for (const origin of ["https://router.example.com", "https://router.example.com:8443"]) {
      for (const scheme of ["http", "https"]) {
        expect(faultFor(origin, `${scheme}://${host}/-/heartbeat`, false)).not.toBeNull();
      }
    }
    expect(faultFor("https://other.example.com", `https://${host}/-/heartbeat`, false)).toBeNull();
  });

  test.each([
    ["http://127.0.0.1:8787", "http://127.0.0.1:8787", false],
    ["http://127.0.0.1:9001", "http://127.0.0.1:8787", true],
    ["http://localhost:8787", "http://LOCALHOST.:8787", false],
    ["http://localhost:9001", "http://localhost:8787", true],
    ["http://localhost", "http://localhost:80", false],
    ["https://router.example.com:8443", "https://router.example.com:8443", false],
    ["https://router.example.com:8443", "https://router.example.com", true],
  ])("in development by its port too: %s is another than %s: %s", (origin, own, another) => {
    expect(faultFor(origin, `${own}/-/heartbeat`, true) === null).toBe(another);
  });

  test.each([
    ["https://one.gpu.example.com", "https://one.gpu.example.com"],
    ["HTTPS://One.GPU.Example.Com:443/", "https://one.gpu.example.com"],
    ["https://gpu.example.org:8443", "https://gpu.example.org:8443"],
    ["https://xn--mnchen-3ya.gpu.example.com", "https://xn--mnchen-3ya.gpu.example.com"],
    ["https://a_b.gpu.example.com", "https://a_b.gpu.example.com"],
    ["https://127-0-0-1.gpu.example.com", "https://127-0-0-1.gpu.example.com"],
    ["https://10.0.0.1.gpu.example.com", "https://10.0.0.1.gpu.example.com"],
  ])("%s is admitted", (origin, kept) => {
    expect(judged(origin, CARELESS)).toEqual({ kept });
  });
});

/** Texts that are no origin, not even in development. The URL parser would change or misread each of them. */
const MALFORMED: readonly (readonly [string, string])[] = [
  ["an empty port", "https://one.gpu.example.com:"],
  ["an empty port and a slash", "https://one.gpu.example.com:/"],
  ["port 0", "https://one.gpu.example.com:0"],
  ["port 00443", "https://one.gpu.example.com:00443"],
  ["port 65536", "https://one.gpu.example.com:65536"],
  ["two ports", "https://one.gpu.example.com:443:443"],
  ["a dot at the end", "https://one.gpu.example.com."],
  ["a dot at the end of an address", "https://127.0.0.1."],
  ["two dots", "https://one..gpu.example.com"],
  ["a leading dot", "https://.gpu.example.com"],
  ["a label that ends in a hyphen", "https://one-.gpu.example.com"],
  ["a label of 64 characters", `https://${"a".repeat(64)}.gpu.example.com`],
  ["a user", "https://gpu.example.com@127.0.0.1"],
  ["an empty user", "https://@one.gpu.example.com"],
  ["a percent-encoded host", "https://%31%32%37.0.0.1"],
  ["a percent-encoded dot", "https://127%2e0.0.1"],
  ["a percent-encoded slash", "https://one.gpu.example.com%2f.evil.test"],
  ["full-width digits", "https://\uff11\uff12\uff17.0.0.1"],
  ["an ideographic full stop", "https://127\u30020\u30020\u30021"],
  ["a half-width full stop", "https://127\uff610\uff610\uff611"],
  ["circled digits", "https://\u2460\u2461\u2466.0.0.1"],
  ["mathematical letters", "https://\u{1d425}ocalhost"],
  ["a soft hyphen", "https://local\u00adhost"],
  ["a zero-width space", "https://local\u200bhost"],
  ["a byte order mark", "\ufeffhttps://one.gpu.example.com"],
  ["letters outside ASCII", "https://m\u00fcnchen.gpu.example.com"],
  ["punycode that is no name", "https://xn--\u00fc.gpu.example.com"],
  ["a zone id", "https://[fe80::1%25eth0]"],
  ["a bare zone id", "https://[fe80::1%eth0]"],
  ["IPv6 without brackets", "https://::1"],
  ["an unfinished bracket", "https://[::1"],
  ["an address of a future version", "https://[v1.a]"],
  ["five numbers", "https://1.2.3.4.5"],
  ["a number too large", "https://4294967296"],
  ["a name that ends in a number", "https://gpu.example.1"],
  ["a backslash for a slash", "https:\\\\one.gpu.example.com"],
  ["a backslash at the end", "https://one.gpu.example.com\\"],
  ["a backslash that hides a user", "https://one.gpu.example.com\\@127.0.0.1"],
  ["three slashes", "https:///one.gpu.example.com"],
  ["one slash", "https:/one.gpu.example.com"],
  ["a question mark", "https://one.gpu.example.com?"],
  ["a hash", "https://one.gpu.example.com#"],
  ["a slash and a question mark", "https://one.gpu.example.com/?"],
  ["dot segments", "https://one.gpu.example.com/."],
  ["a semicolon", "https://one.gpu.example.com;a"],
  ["a comma", "https://one.gpu.example.com,evil.test"],
  ["a star", "https://*.gpu.example.com"],
  ["a placeholder", "https://{app}.gpu.example.com"],
];

const ODD_CHARACTERS = [
  ...Array.from({ length: 33 }, (_, code) => String.fromCharCode(code)),
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u2028",
];

describe("malformed, in development too", () => {
  test.each(MALFORMED)("%s", (_, origin) => {
    for (const development of [false, true]) {
      for (const spelled of [origin, origin.replace("https:", "http:")]) {
        expect(judged(spelled, CARELESS, development)).toEqual({ refused: expect.stringMatching(/^origin /) as string });
      }
    }
  });

  test("control characters and white space, at every place", () => {
    const good = "https://one.gpu.example.com:443/";
    for (const odd of ODD_CHARACTERS) {
      for (let place = 0; place <= good.length; place++) {
        const origin = good.slice(0, place) + odd + good.slice(place);
        expect(judged(origin, CARELESS, true), JSON.stringify(origin)).toHaveProperty("refused");
      }
    }
  });
});

describe("in development", () => {
  test.each([...ADDRESSES, ...PRIVATE_NAMES])("%s is admitted without ORIGIN_ALLOW, over http too", (host) => {
    for (const scheme of ["http", "https"]) expect(judged(`${scheme}://${host}:9000`, "", true)).toHaveProperty("kept");
  });

  test("a public name still needs a pattern", () => {
    expect(judged("https://gpu.example.com", "", true)).toEqual({ refused: expect.stringContaining("ORIGIN_ALLOW") as string });
  });
});
