// Heartbeats that must be refused, each with the error that the contract names, and odd ones that say what is known already.
import { badBody } from "./heartbeat-bodies.ts";
import { MAX_BYTES, oddReport, scratchReport } from "./heartbeat-odd.ts";
import type { Draw } from "./draw.ts";
import { HOST, HTTP_LAYER, requestBytes, type Input, type Said } from "./input.ts";
import { TOKEN } from "../support/router.ts";

const BEARER = `authorization: Bearer ${TOKEN}`;
const BAD_CREDENTIALS = [
  [],
  ["authorization:"],
  ["authorization: Bearer"],
  ["authorization: Bearer "],
  [`authorization: Basic ${TOKEN}`],
  [`authorization: Bearer ${TOKEN}x`],
  [`authorization: Bearer ${TOKEN.slice(0, -1)}`],
  [`authorization: Bearer ${TOKEN.toUpperCase()}`],
  [`authorization: Bearer ${TOKEN} ${TOKEN}`],
  [`authorization: ${TOKEN}`],
  [`authorization: Bearer x`, BEARER],
  [`x-authorization: Bearer ${TOKEN}`],
  [`authorization: Bearer \xff${TOKEN}`],
  [`cookie: authorization=Bearer ${TOKEN}`],
];
const GOOD_CREDENTIALS = [[BEARER], [`AUTHORIZATION: bearer ${TOKEN}`], [`authorization: BEARER   ${TOKEN} `]];
const CONTENT_TYPES = ["application/json", "text/plain", "application/x-www-form-urlencoded", "a/b; charset=utf-16", "\xff", ""];

export function heartbeatInput(draw: Draw, _number: number): Input {
  const roll = draw.int(1, 100);
  if (roll <= 6) return brokenFraming(draw);
  if (roll <= 12) return wrongMethod(draw);
  const said = roll <= 75 ? badBody(draw) : roll <= 90 ? oddReport(draw) : scratchReport(draw);
  const denied = roll <= 75 && draw.chance(0.1);
  return framed(draw, denied ? { ...said, fault: "credentials", allowed: ["401 unauthorized"] } : said, denied);
}

function framed(draw: Draw, { fault, body, allowed }: Said, denied: boolean): Input {
  const lines = [
    ...draw.pick(denied ? BAD_CREDENTIALS : GOOD_CREDENTIALS),
    ...(draw.chance(0.3) ? [`content-type: ${draw.pick(CONTENT_TYPES)}`] : []),
  ];
  const chunks = draw.chance(0.2) ? [draw.int(1, 9), draw.int(1, 2000)] : null;
  const tooLarge = body.length > MAX_BYTES;
  return input({
    fault,
    bytes: requestBytes({ method: "POST", target: "/-/heartbeat", lines, body, chunks }),
    allowed: tooLarge ? ["413 payload_too_large"] : allowed,
    alone: tooLarge,
  });
}

function wrongMethod(draw: Draw): Input {
  const method = draw.pick(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"]);
  const { body } = oddReport(draw);
  const bytes = requestBytes({ method, target: "/-/heartbeat", lines: [BEARER], body });
  const made = input({ fault: "method", bytes, allowed: ["405 method_not_allowed"], alone: false });
  return { ...made, head: method === "HEAD" };
}

/** Lengths that are not the body's, and chunks that end too soon or are none. */
function brokenFraming(draw: Draw): Input {
  const { body } = badBody(draw);
  const small = body.subarray(0, 2000);
  const framing = draw.pick([
    () => [`content-length: ${small.length + draw.int(1, 5000)}`, small],
    () => [`content-length: ${draw.int(0, small.length)}`, small],
    () => [`content-length: ${draw.pick(["-1", "1e3", "0x10", "", "+5", "9".repeat(30), "5, 5", "5,6", "\u00b2"])}`, small],
    () => ["transfer-encoding: chunked", Buffer.concat([Buffer.from(`${(small.length + 9).toString(16)}\r\n`), small])],
    () => ["transfer-encoding: chunked", Buffer.concat([Buffer.from(`${draw.pick(["zz", "-1", "", " ", "g"])}\r\n`), small])],
    () => ["transfer-encoding: chunked", Buffer.concat([Buffer.from(`${"f".repeat(17)}\r\n`), small])],
  ])();
  const head = ["POST /-/heartbeat HTTP/1.1", `host: ${HOST}`, BEARER, String(framing[0]), "", ""].join("\r\n");
  const bytes = Buffer.concat([Buffer.from(head, "latin1"), framing[1] as Buffer]);
  const allowed = ["400 bad_request", "422 invalid_heartbeat", "413 payload_too_large", ...HTTP_LAYER];
  return input({ fault: "framing", bytes, allowed, alone: true });
}

function input(made: Pick<Input, "fault" | "bytes" | "allowed" | "alone">): Input {
  return { kind: "heartbeat", head: false, marked: null, ...made };
}
