// The document's schemas of what clients and replicas send admit what the router takes, and refuse what it refuses.
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CLIENT_PARAMETERS } from "../../../src/control/openapi/clients.ts";
import { jsonSchemaOf } from "../../../src/control/openapi/json-schema.ts";
import { readClientRequest } from "../../../src/edge/client-request.ts";
import { parseSettings } from "../../../src/settings/settings.ts";
import { HeartbeatBody, parseHeartbeat } from "../../../src/wire/heartbeat.ts";
import { HintParameters, parseHintParameters } from "../../../src/wire/hints.ts";
import { splitUrl } from "../../../src/wire/request-url.ts";
import { seeded } from "../../routing/support/seeded.ts";
import { heartbeatBody } from "./heartbeat-body.ts";

const ajv = new Ajv2020({ strictTypes: false });
const isHeartbeat = ajv.compile(jsonSchemaOf(HeartbeatBody));
const areHints = ajv.compile(jsonSchemaOf(HintParameters));

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value) ?? "null");

test("a heartbeat; but beyond the schema the router takes other spellings of an origin, and white space around hints", () => {
  const counts = { both: 0, neither: 0, router: 0 };
  fc.assert(
    fc.property(heartbeatBody.map(asJson), (said) => {
      const result = parseHeartbeat(said);
      if (isHeartbeat(said)) {
        const { hints } = said as { hints?: string[] | null };
        const many = new Set(hints?.map((hint) => hint.trim())).size > 256;
        expect(result.ok || many, JSON.stringify(result)).toBe(true);
        counts.both++;
        return;
      }
      const lenient = isHeartbeat.errors?.every(({ instancePath }) => /^\/(origin|hints)/.test(instancePath));
      if (result.ok) expect(lenient, JSON.stringify(isHeartbeat.errors)).toBe(true);
      counts[result.ok ? "router" : "neither"]++;
    }),
    seeded(5000),
  );
  expect(counts.both).toBeGreaterThan(300);
  expect(counts.neither).toBeGreaterThan(500);
});

test("an origin that the schema admits is a URL", () => {
  const label = fc.oneof(
    fc.stringMatching(/^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,8}[a-zA-Z0-9_])?$/),
    fc.constantFrom("0", "0x", "0x1", "255", "256", "08"),
  );
  const host = fc.oneof(
    fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join(".")),
    fc.constantFrom("[::1]", "[::2]", "[1]"),
  );
  const port = fc.oneof(
    fc.constant(""),
    fc.integer({ min: 0, max: 70_000 }).map((number) => `:${number}`),
  );
  const origin = fc.tuple(fc.constantFrom("http", "https", "HTTPS", "ftp"), host, port, fc.constantFrom("", "/", "/x"));
  let [admitted, refused] = [0, 0];
  fc.assert(
    fc.property(origin, ([scheme, its, at, end]) => {
      const said = { app: "a", replica: "r", origin: `${scheme}://${its}${at}${end}` };
      if (!isHeartbeat(said)) return void refused++;
      admitted++;
      expect(parseHeartbeat(said), said.origin).toMatchObject({ ok: true });
    }),
    seeded(5000),
  );
  expect(admitted).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(500);
});

test("the parameters of explain's hints, exactly", () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom("a", "b", ",", " ", "~"), maxLength: 12 }),
    fc.string({ unit: "grapheme-ascii", minLength: 505, maxLength: 520 }),
    fc.string({ unit: "binary", maxLength: 5 }),
    fc.constantFrom("a,b,c,d,e,f,g,h", "a,b,c,d,e,f,g,h,i", "\t", "é"),
  );
  const counts = { good: 0, bad: 0 };
  fc.assert(
    fc.property(fc.oneof(fc.array(text, { maxLength: 10 }), fc.array(text, { maxLength: 1 })), (texts) => {
      expect(parseHintParameters(texts).ok, JSON.stringify(texts)).toBe(areHints(texts));
      counts[areHints(texts) ? "good" : "bad"]++;
    }),
    seeded(5000),
  );
  expect(counts.good).toBeGreaterThan(500);
  expect(counts.bad).toBeGreaterThan(500);
});

/** Texts like those that a schema admits, good ones and near misses. */
const digits = (maxLength: number) => fc.string({ unit: fc.constantFrom("0", "0", "8", "6", "4", "1"), maxLength });
const seconds = fc.oneof(
  fc.tuple(digits(13), fc.constantFrom(".", "", "..", "e"), digits(21)).map((parts) => parts.join("")),
  fc.double({ min: 0, max: 100_000, noNaN: true }).map(String),
);
const hints = fc.string({ unit: fc.constantFrom("a", "b", ",", " ", "é"), maxLength: 20 });

test.each<[keyof typeof CLIENT_PARAMETERS, fc.Arbitrary<string>, "exactly" | "at least"]>([
  ["Timeout", seconds, "exactly"],
  ["Cost", seconds, "exactly"],
  ["Priority", fc.constantFrom("low", "normal", "high", "LOW", "urgent", ""), "at least"],
  ["NoRetry", fc.constantFrom("1", "0", "no"), "exactly"],
  ["Hints", hints, "at least"],
])("a client's header %s: what its schema admits is taken, %3$s", (key, texts, how) => {
  const { name, schema } = CLIENT_PARAMETERS[key];
  const isGood: ValidateFunction = ajv.compile(schema);
  const settings = parseSettings({});
  if (!settings.ok) throw new Error(settings.detail);
  fc.assert(
    fc.property(
      texts.map((text) => text.trim()),
      (text) => {
        const request = new Request("http://router.test/app/x", { headers: { [name]: text } });
        const taken = readClientRequest(request, splitUrl(request.url), settings.settings).ok;
        if (isGood(text)) expect(taken, text).toBe(true);
        else if (how === "exactly") expect(taken, text).toBe(false);
      },
    ),
    seeded(3000),
  );
});
