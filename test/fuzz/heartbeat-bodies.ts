// Bodies that are no heartbeat. All but the fault would change what is known of the replica, so that accepting one shows.
import type { Draw } from "./draw.ts";
import { MAX_BYTES } from "./heartbeat-odd.ts";
import { HOST, type Said } from "./input.ts";

type Report = Record<string, unknown>;

const NO_JSON = ["400 bad_request"];
const OPTIONAL = ["incarnation", "sequence", "hints", "hint_slots", "concurrency", "in_flight", "status"] as const;
const COUNTS = ["incarnation", "sequence", "hint_slots", "concurrency", "in_flight"] as const;

const BAD_ORIGINS = [
  "", "http://", "https://", "://x", "http:127.0.0.1", "http:/127.0.0.1", "ftp://127.0.0.1", "javascript:alert(1)", "file:///etc/passwd",
  "ws://127.0.0.1", "http://127.0.0.1/x", "http://127.0.0.1//", "http://127.0.0.1?", "http://127.0.0.1#", "http://127.0.0.1/?a",
  "http://u@127.0.0.1", "http://u:p@127.0.0.1", "http://@127.0.0.1", "http://127.0.0.1\\x", "http:\\\\127.0.0.1", "http://127.0.0.1:65536",
  "http://127.0.0.1:99999", "http://127.0.0.1:-1", "http://127.0.0.1:a", "http://127.0.0.1 ", " http://127.0.0.1", "http://127.0.0.1\n",
  "http://127.0.0.1\r\nx: y", "http://a b", "http://a\tb", "http://[::1", "http://[g::1]", "http://256.1.1.1", "http://%zz", "http://a%00b",
  "http://a%2fb", "http://a^b", "http://a|b", "http://<a>", "http://example.com.", "http://public.example.com", "\ud800", "http://\ud800",
  "http://\u0000", "//127.0.0.1", "127.0.0.1", "127.0.0.1:80", "http://http://127.0.0.1", `http://${"a".repeat(300)}`,
] as const; // prettier-ignore

/** Characters that no app, replica id or hint may hold. */
const FOREIGN = [
  "\0",
  "\r\n",
  "\n",
  "\r",
  "\u001f",
  "\u007f",
  "\u0080",
  "é",
  "\ufffd",
  "\ud800",
  "\udc00",
  "🙂",
  "\u2028",
  "\u202e",
] as const;

export function badBody(draw: Draw): Said {
  const report: Report = {
    app: "beats",
    replica: "h1",
    origin: "http://127.0.0.1:1",
    hints: ["poison"],
    hint_slots: 200,
    concurrency: 9999,
    in_flight: 77,
    status: draw.pick(["starting", "draining", "stopped"]),
  };
  return draw.pick([
    cut,
    trailing,
    dialect,
    wholeOfOtherType,
    wrongType,
    missing,
    outOfRange,
    tooLong,
    foreign,
    rawBytes,
    badStatus,
    badOrigin,
    deep,
    duplicate,
    proto,
  ])(draw, report);
}

function said(fault: string, body: string | Buffer | Report, allowed: readonly string[]): Said {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return { fault, body: bytes, allowed };
}

function refusing(fault: string, body: string | Buffer | Report, field: string): Said {
  return said(fault, body, [`422 invalid_heartbeat ${field}`]);
}

function cut(draw: Draw, report: Report): Said {
  const text = JSON.stringify(report);
  return said("cut off", text.slice(0, draw.int(0, text.length - 1)), NO_JSON);
}

function trailing(draw: Draw, report: Report): Said {
  return said(
    "more after it",
    JSON.stringify(report) + draw.pick(["}", ",", "x", "\0", "{}", "]", '"', "\u00a0", "//"]),
    NO_JSON,
  );
}

function dialect(draw: Draw, report: Report): Said {
  const text = JSON.stringify(report);
  const forms = [
    text.replaceAll('"', "'"),
    text.replace("}", ",}"),
    text.replace("{", "{/**/"),
    text.replace(
      "77",
      draw.pick(["NaN", "Infinity", "-Infinity", "0x10", "01", "+1", ".5", "5.", "1_000", "undefined", "1n", "- 1"]),
    ),
    text.replace('"app"', "app"),
    text.replace("poison", "a\nb"),
    text.replace("poison", String.raw`\x41`),
    text.replace("poison", String.raw`\u12`),
    text.replace(":", "="),
    Buffer.from(text, "utf16le"),
    `\u0000${text}`,
    `\u00a0${text}`,
  ];
  return said("not quite JSON", draw.pick(forms), NO_JSON);
}

function wholeOfOtherType(draw: Draw, report: Report): Said {
  const other = draw.pick([[], [report], "beats", 1, true, null, 1e308, {}]);
  return said("other type", JSON.stringify(other), ["422 invalid_heartbeat app", "422 invalid_heartbeat body"]);
}

function wrongType(draw: Draw, report: Report): Said {
  const field = draw.pick(["app", "replica", "origin", ...OPTIONAL]);
  const values: unknown[] = [true, false, {}, { length: 1 }, [[]], [null], [1], [{}]];
  if (field !== "hints") values.push([], ["h1"]);
  if (!COUNTS.some((name) => name === field)) values.push(0, 1, -1, 1.5);
  if (!["app", "replica", "origin", "status"].includes(field)) values.push("1", "", "h1", "null");
  return refusing("wrong type", { ...report, [field]: draw.pick(values) }, field);
}

function missing(draw: Draw, report: Report): Said {
  const field = draw.pick(["app", "replica", "origin"]);
  const { [field]: _, ...rest } = report;
  return refusing("missing", draw.chance(0.5) ? rest : { ...rest, [field]: null }, field);
}

function outOfRange(draw: Draw, report: Report): Said {
  const field = draw.pick(COUNTS);
  const written = [
    "-1",
    "0.5",
    "1.0000000001",
    "9007199254740992",
    "1e16",
    "1e308",
    "1e400",
    "-1e400",
    "9".repeat(400),
    "-9007199254740991",
  ];
  if (field === "concurrency") written.push("0", "-0", "10001");
  if (field === "hint_slots") written.push("257", "256.5");
  const { [field]: _, ...rest } = report;
  return refusing("out of range", JSON.stringify(rest).replace("{", `{"${field}":${draw.pick(written)},`), field);
}

function tooLong(draw: Draw, report: Report): Said {
  const [field, value] = draw.pick<[string, unknown]>([
    ["app", "a".repeat(draw.int(129, 3000))],
    ["app", `a/${"a".repeat(draw.int(129, 3000))}`],
    ["app", "a/b/c"],
    ["replica", "r".repeat(draw.int(257, 3000))],
    ["replica", ""],
    ["replica", "."],
    ["replica", ".."],
    ["origin", `http://${"a".repeat(draw.int(294, 3000))}`],
    ["hints", ["x".repeat(draw.int(513, 3000))]],
    ["hints", Array.from({ length: draw.int(257, 600) }, (_, index) => `h${index}`)],
    ["hints", ["a,b"]],
    ["padding", " ".repeat(draw.int(MAX_BYTES, MAX_BYTES + 25_000))],
  ]);
  return refusing("too long", { ...report, [field]: value }, field);
}

function foreign(draw: Draw, report: Report): Said {
  const value = draw.word() + draw.pick(FOREIGN) + draw.word();
  const field = draw.pick(["app", "replica", "hints"]);
  return refusing("foreign characters", { ...report, [field]: field === "hints" ? ["sdxl", value] : value }, field);
}

/** Bytes that are no UTF-8 inside a text: they become U+FFFD, which nothing admits. */
function rawBytes(draw: Draw, report: Report): Said {
  const bad = draw.pick([[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82], [0x80]]);
  const field = draw.pick(["app", "replica", "origin", "hints", "status"]);
  const [before = "", after = ""] = JSON.stringify({ ...report, [field]: field === "hints" ? ["~~"] : "~~" }).split("~~");
  return refusing("not UTF-8", Buffer.concat([Buffer.from(`${before}a`), Buffer.from(bad), Buffer.from(`a${after}`)]), field);
}

function badStatus(draw: Draw, report: Report): Said {
  const status = draw.pick([
    "",
    "READY",
    "ready ",
    " ready",
    "dead",
    "toString",
    "__proto__",
    "ready\0",
    "ready,draining",
    draw.word(),
  ]);
  return refusing("status", { ...report, status }, "status");
}

function badOrigin(draw: Draw, report: Report): Said {
  const own = [`http://${HOST}`, `HTTP://${HOST}/`];
  return refusing("origin", { ...report, origin: draw.chance(0.1) ? draw.pick(own) : draw.pick(BAD_ORIGINS) }, "origin");
}

function deep(draw: Draw, report: Report): Said {
  const depth = draw.int(2, 15_000);
  const value = draw.chance(0.5) ? "[".repeat(depth) + "]".repeat(depth) : '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
  const field = draw.pick(["replica", "origin", ...OPTIONAL]);
  const { [field]: _, ...rest } = report;
  const body = JSON.stringify(rest).replace("{", `{"${field}":${value},`);
  return said("deep", body, [`422 invalid_heartbeat ${field}`, ...NO_JSON]);
}

/** The last of two is the one that counts. */
function duplicate(draw: Draw, report: Report): Said {
  const field = draw.pick(["app", "replica", "origin", "status"]);
  return refusing(
    "duplicate key",
    JSON.stringify(report).replace(/\}$/, `,"${field}":${draw.pick(["1", "[]", '""', "{}"])}}`),
    field,
  );
}

function proto(draw: Draw, report: Report): Said {
  const { app, replica, origin, ...rest } = report;
  const hidden = JSON.stringify({ app, replica, origin });
  const key = draw.pick(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"]);
  return refusing("hidden in a prototype", JSON.stringify(rest).replace("{", `{"${key}":${hidden},`), "app");
}
