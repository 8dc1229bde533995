// Requests whose hint may stand in the path, the query or a body: JSON of all kinds, nearly JSON, and bytes. None is refused, and the replica says whether it
// got the body as it was sent.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { request } from "./client-input.ts";
import type { Draw } from "./draw.ts";
import { BODY, SERVED, type Input } from "./input.ts";

const TYPES = ["application/json", "application/json", "application/json; charset=utf-8", "Application/JSON", "application/x+json", "text/json", "text/plain", "application/json, text/plain", ";", "application/json;;", ""]; // prettier-ignore
const MODELS = ["sdxl", " sdxl\n", "a,b", "", "x".repeat(512), "x".repeat(513), "mod\u00e8le", "\u0000", "\ud83d\ude00", "__proto__", "alias", '"', "\\"]; // prettier-ignore
const NAMES = ["model", "model", "Model", "mod\\u0065l", "", "__proto__", "a", "input"];
const PATHS = ["/run", "/run", "/models/sdxl/run", "/models/%2C/run", "/models/%ff/run", "/models/%/run", "/models//run", "/models/a%00b/x", "/v1/models/sdxl/", "/slotless"]; // prettier-ignore
const QUERIES = ["", "", "?model=sdxl", "?model=", "?model=%ff", "?model=a,b", "?model", "?&&model=%00&model=b", `?model=${"x".repeat(600)}`, "?mod%65l=+"]; // prettier-ignore

export function bodyInput(draw: Draw, number: number): Input {
  const [fault, plain] = drawBody(draw);
  const zipped = draw.chance(0.1);
  const body = zipped ? gzipSync(plain) : plain;
  const type = draw.pick(TYPES);
  const lines = [
    `${BODY}: ${createHash("sha256").update(body).digest("hex")}`,
    ...(type === "" ? [] : [`content-type: ${type}`]),
  ];
  if (zipped || draw.chance(0.05))
    lines.push(`content-encoding: ${zipped ? "gzip" : draw.pick(["identity", "none", ",", "gzip"])}`);
  if (draw.chance(0.05)) lines.push("expect: 100-continue");
  const chunks = draw.chance(0.5)
    ? Array.from({ length: draw.int(1, 5) }, () => draw.pick([1, 2, draw.int(1, 50), 4096, 70_000]))
    : null;
  const target = draw.pick(PATHS) + draw.pick(QUERIES);
  const method = draw.pick(["POST", "POST", "POST", "PUT", "PATCH", "DELETE"]);
  const shape = `${fault}${chunks === null ? "" : " in chunks"}`;
  // Tiny chunks of a long body would be tens of thousands of them.
  const sizes = chunks !== null && body.length > 5000 ? chunks.map((size) => Math.max(size, 2000)) : chunks;
  return request("body", { fault: shape, lines: [], allowed: SERVED }, number, { method, target, lines, body, chunks: sizes });
}

function drawBody(draw: Draw): readonly [fault: string, body: Buffer] {
  const text = () => Buffer.from(draw.chance(0.1) ? `\ufeff${object(draw, 0)}` : object(draw, 0));
  switch (draw.int(1, 9)) {
    case 1:
      return ["bytes", draw.bytes(draw.int(0, 300))];
    case 2: {
      const body = text();
      return ["JSON cut off", body.subarray(0, draw.int(0, body.length))];
    }
    case 3: {
      const body = text();
      for (let left = draw.int(1, 4); left > 0 && body.length > 0; left--) body[draw.int(0, body.length - 1)] = draw.int(0, 255);
      return ["JSON with wrong bytes", body];
    }
    case 4:
      return ["deep", Buffer.from(draw.pick(["[", '{"model":', '[{"a":', '"\\']).repeat(draw.int(1000, 9000)))];
    case 5:
      return [
        "long, the model first",
        Buffer.from(`{"model":${value(draw)},"image":"${"A".repeat(draw.int(60_000, 200_000))}"}`),
      ];
    case 6:
      return ["long, the model last", Buffer.from(`{"image":"${"A".repeat(draw.int(60_000, 200_000))}","model":${value(draw)}}`)];
    case 7:
      return [
        "no object",
        Buffer.from(draw.pick(["[]", '"model"', "1", "null", " ", "", "{}{}", '{"model":"a"}{"model":"b"}', "model=sdxl"])),
      ];
    default:
      return ["JSON", text()];
  }
}

function object(draw: Draw, depth: number): string {
  const members = Array.from({ length: draw.int(0, 5) }, () => {
    const its = depth < 3 && draw.chance(0.3) ? object(draw, depth + 1) : value(draw);
    return `${space(draw)}"${draw.pick(NAMES)}"${space(draw)}:${space(draw)}${its}`;
  });
  return `{${members.join(",")}${space(draw)}}`;
}

function value(draw: Draw): string {
  if (draw.chance(0.6)) return JSON.stringify(draw.pick(MODELS));
  return draw.pick([
    "1",
    "-0.5e9",
    "true",
    "null",
    "[]",
    '["sdxl"]',
    '{"model":"sdxl"}',
    '"\\u0073dxl"',
    '"\\x"',
    '"a\tb"',
    "01",
    "NaN",
  ]);
}

const space = (draw: Draw) => draw.pick(["", "", " ", "\n", "\t", "\r\n  "]);
