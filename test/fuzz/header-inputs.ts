// Requests with odd headers and parameters other than hints.
import { latin, REFUSED, withLines, type Odd } from "./client-input.ts";
import type { Draw } from "./draw.ts";
import { BAD_REQUEST, SERVED, type Input } from "./input.ts";

const TOO_LARGE = ["431 http", "400 http", "413 http", "closed"];

export function headerInput(draw: Draw, number: number): Input {
  return withLines(
    "header",
    number,
    draw.pick([oddTimeout, oddCost, oddPrewarm, oddQueueLength, oddPriority, oddVia, oddHost, oddConnection, harmless, large])(
      draw,
    ),
  );
}

const NO_SECONDS = [
  "", "0", "0.0", "-1", "-0", "abc", "1e3", "1E3", "1_000", "+1", ".5", "5.", "1,5", "0x10", "NaN", "Infinity", "1 2", "5s", "5;q=1", "5, 5",
  "'5'", '"5"', "00", "9999999999999", "1.000000000000000000001", "1.2.3", "\u00b2", "\u00bd", "5\x7f", "5\x01", "١", "true", "null", "[5]",
]; // prettier-ignore
/** Long enough for a request that a busy machine holds up. */
const SECONDS = ["15", "15.5", "  15  ", "\t15", "000015", "15.000000000000", "15.299999999999998934", "999999999999"];

function oddTimeout(draw: Draw): Odd {
  const name = "x-fal-request-timeout";
  if (draw.chance(0.1)) return { fault: "timeout twice", lines: [`${name}: 5`, `${name}: 6`], allowed: BAD_REQUEST };
  if (draw.chance(0.15)) return { fault: "none: timeout", lines: [`${name}: ${draw.pick(SECONDS)}`], allowed: SERVED };
  return { fault: "timeout", lines: [`${name}: ${latin(draw.pick(NO_SECONDS))}`], allowed: BAD_REQUEST };
}

function oddCost(draw: Draw): Odd {
  const name = "x-warmpath-cost";
  if (draw.chance(0.1)) return { fault: "cost twice", lines: [`${name}: 5`, `${name}: 6`], allowed: BAD_REQUEST };
  if (draw.chance(0.15))
    return { fault: "none: cost", lines: [`${name}: ${draw.pick(["5", "0.001", "86400", "86400.0", " 7 "])}`], allowed: SERVED };
  const value = draw.pick([...NO_SECONDS, "86400.1", "86401", "999999999999"]);
  return { fault: "cost", lines: [`${name}: ${latin(value)}`], allowed: BAD_REQUEST };
}

function oddPrewarm(draw: Draw): Odd {
  const name = "x-warmpath-prewarm";
  if (draw.chance(0.3))
    return { fault: "none: prewarm", lines: [`${name}: ${draw.pick(["a", "a,b", " , ", "a, a"])}`], allowed: SERVED };
  return { fault: "prewarm", lines: [`${name}: ${draw.pick(["x".repeat(513), "a,b,c,d,e,f,g,h,i"])}`], allowed: BAD_REQUEST };
}

function oddQueueLength(draw: Draw): Odd {
  const bad = draw.pick([
    "",
    "-1",
    "+1",
    "abc",
    "1.5",
    "1e3",
    "0x1",
    "%2D1",
    "1%00",
    "%31%20",
    "1234567890",
    "%FF",
    "%E2%82%AC",
    "null",
    "1;2",
    "[]",
  ]);
  if (draw.chance(0.15)) {
    const query = draw.pick([
      "?fal_max_queue_length=0",
      "?fal_max_queue_length=7&x",
      "?x=fal_max_queue_length",
      "?fal_max_queue_length=%31",
    ]);
    return { fault: "none: queue length", lines: [], allowed: SERVED, query };
  }
  const before = draw.pick(["", "a=1&", "&&", "%&", "a[]=&"]);
  const query = `?${before}fal_max_queue_length=${bad}${draw.pick(["", "&fal_max_queue_length=1", "&b"])}`;
  return { fault: "queue length", lines: [], allowed: BAD_REQUEST, query };
}

function oddPriority(draw: Draw): Odd {
  const name = "x-fal-queue-priority";
  if (draw.chance(0.2))
    return { fault: "none: priority", lines: [`${name}: ${draw.pick(["normal", "low", "high"])}`], allowed: SERVED };
  const values = [
    "",
    "highest",
    "urgent",
    "0",
    "1",
    "lo",
    "lowest",
    "low,normal",
    "low low",
    "'low'",
    "low;q=1",
    "null",
    "l\xf6w",
    "low\x01",
    "__proto__",
  ];
  const lines = draw.chance(0.1) ? [`${name}: low`, `${name}: low`] : [`${name}: ${draw.pick(values)}`];
  return { fault: "priority", lines, allowed: BAD_REQUEST };
}

function oddVia(draw: Draw): Odd {
  const own = [
    "1.1 warmpath",
    "HTTP/1.1 warmpath",
    "1.0 a, 1.1 WARMPATH",
    "1.1 warmpath (comment), 2 b",
    "2\twarmpath",
    "1.1  warmpath,,",
  ];
  if (draw.chance(0.5)) return { fault: "loop", lines: [`via: ${draw.pick(own)}`], allowed: ["508 loop_detected"] };
  const others = ["1.1 notwarmpath", "1.1 warmpath2", "warmpath", "1.1 warmpath.example", "1.1 a (warmpath)", "", ",,", "\xff"];
  return { fault: "none: via", lines: [`via: ${draw.pick(others)}`], allowed: SERVED };
}

/** A Host that holds more than a host and a port would change which URL is asked for. */
function oddHost(draw: Draw): Odd {
  const refused = [...BAD_REQUEST, ...REFUSED];
  const hosts = [
    "", " ", "a b", "[::", "[::1", "a:b", "a:99999", "a:-1", "<a>", "a^b", "%zz", "x/bystander/y?", "x/-/healthz#", "x/-/apps", "x?", "x#",
    "x\\bystander\\", "/bystander", "?", "#", "@", "u@h", "u:p@h", "@h", "h@", "x/..", "x//", "http://x", "x, y", "x,y", "\xff", "a\x7f", "a\x01b",
    "a\tb", "x\t/bystander/", "1.2.3.4.5", "256.256.256.256", "[::1]x", "a..b:", "x;y",
  ]; // prettier-ignore
  if (draw.chance(0.1)) return { fault: "Host twice", lines: ["host: other"], allowed: refused };
  const lenient = ["a..b:", "x;y", "x,y", "1.2.3.4.5"];
  const host = draw.pick(hosts);
  return { fault: "Host", lines: [], allowed: lenient.includes(host) ? [...refused, ...SERVED] : refused, host };
}

function oddConnection(draw: Draw): Odd {
  const names = [
    "host",
    "content-length",
    "x-fal-request-id",
    "authorization",
    "via",
    "close ",
    "\xff",
    "x y",
    "__proto__",
    ",",
    "@",
    "via;q=1",
    "x-forwarded-host",
  ];
  const value = draw
    .shuffled(names)
    .slice(0, draw.int(1, 6))
    .join(draw.pick([",", ", ", " ,,"]));
  const name = draw.pick(["connection", "proxy-connection", "te", "trailer", "keep-alive", "upgrade", "expect"]);
  const allowed = name === "expect" ? [...SERVED, "417 from t1"] : SERVED;
  return { fault: "none: connection", lines: [`${name}: ${name === "connection" ? value : draw.word()}`], allowed };
}

function harmless(draw: Draw): Odd {
  const names = [
    "accept",
    "x-fal-no-retry",
    "x-own",
    "cookie",
    "range",
    "if-none-match",
    "content-type",
    "forwarded",
    "x-forwarded-for",
    "cf-connecting-ip",
    "__proto__",
    "constructor",
    "x-fal-endpoint",
    "x-warmpath-evict",
    "content-encoding",
    "accept-encoding",
    "cache-control",
    "!#$%&'*+-.^_`|~",
  ];
  const value = String.fromCharCode(
    ...Array.from({ length: draw.int(0, 60) }, () => draw.pick([9, draw.int(0x20, 0x7e), draw.int(0x80, 0xff)])),
  );
  return { fault: "none: any value", lines: [`${draw.pick(names)}: ${value}`], allowed: SERVED };
}

function large(draw: Draw): Odd {
  const size = draw.pick([1000, 8000, 30_000, 62_000, 70_000, 140_000, 300_000]);
  const lines = draw.chance(0.5)
    ? [`x-own: ${"x".repeat(size)}`]
    : Array.from({ length: size / 20 }, (_, index) => `x-${index}: 123456789`);
  return { fault: "size", lines, allowed: [...SERVED, ...TOO_LARGE] };
}
