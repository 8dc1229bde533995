// Bytes that may be no request at all: valid requests with some bytes changed, and noise. What they are is open, but nothing of it may
// make the router fail, reach a replica that was not meant, or change what is known.
import type { Draw } from "./draw.ts";
import { scratchReport } from "./heartbeat-odd.ts";
import { HTTP_LAYER, requestBytes, SCRATCH_TOKEN, type Input, type Kind } from "./input.ts";

/**
 * Everything but the router's own failures and an answer of a replica that nobody means. A streamed body that breaks off is
 * `runner_disconnected`: the runtime says the same of it as of a replica that broke off.
 */
const ANYTHING = [
  ...HTTP_LAYER,
  "505 http",
  "413 http",
  "200 from t1",
  "200 router",
  "400 bad_request",
  "401 unauthorized",
  "403 forbidden",
  "404 not_found",
  "404 app_not_found",
  "405 method_not_allowed",
  "409 stale_heartbeat",
  "413 payload_too_large",
  "422 invalid_heartbeat",
  "400 from t1",
  "502 runner_disconnected",
  "508 loop_detected",
];

const TELLING = ["\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "/", "\\", "..", "%", "\xff", "0\r\n\r\n", "\r\n\r\n", "-", "chunked", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "HTTP/1.0", "HTTP/9.9", "Host: x\r\n", "Connection: close\r\n", "Expect: 100-continue\r\n"]; // prettier-ignore
const WORDS = ["GET ", "POST ", "/target/", "/-/heartbeat", " HTTP/1.1", "\r\n", "\r\n\r\n", "Host: x\r\n", "Content-Length: 10\r\n", "{}", "\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET / HTTP/0.9\r\n\r\n"]; // prettier-ignore

export function mutatedInput(draw: Draw, _number: number): Input {
  let text = validRequest(draw).toString("latin1");
  for (let change = draw.int(1, 4); change > 0; change--) text = mutate(draw, text);
  return raw("mutated", "changed bytes", text);
}

export function bytesInput(draw: Draw): Input {
  if (draw.chance(0.4)) return raw("bytes", "noise", draw.bytes(draw.int(1, 400)).toString("latin1"));
  const parts = Array.from({ length: draw.int(1, 12) }, () =>
    draw.chance(0.7) ? draw.pick(WORDS) : draw.bytes(draw.int(1, 20)).toString("latin1"),
  );
  return raw("bytes", "noise with words", parts.join(""));
}

function raw(kind: Kind, fault: string, text: string): Input {
  const bytes = Buffer.from(text, "latin1");
  return { kind, fault, bytes, allowed: ANYTHING, head: false, alone: true, marked: null };
}

function validRequest(draw: Draw): Buffer {
  const lines = [`x-fal-runner-hint: ${draw.word()}`, `x-own: ${draw.word()}`, "accept: */*"];
  const key = draw.bytes(16).toString("base64");
  const handshake = ["connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13", `sec-websocket-key: ${key}`];
  const body = Buffer.from(draw.word(40));
  const beat = {
    method: "POST",
    target: "/-/heartbeat",
    lines: [`authorization: Bearer ${SCRATCH_TOKEN}`],
    body: scratchReport(draw).body,
  };
  return draw.pick([
    () => requestBytes({ target: "/target/run?a=1", lines }),
    () => requestBytes({ method: "POST", target: "/target/run", lines, body }),
    () => requestBytes({ method: "POST", target: "/target/run", lines, body, chunks: [draw.int(1, 10)] }),
    () => Buffer.concat([requestBytes({ target: "/target/1" }), requestBytes({ target: "/target/2" })]),
    () => requestBytes(beat),
    () => requestBytes({ ...beat, chunks: [20] }),
    () => requestBytes({ target: "/-/healthz", lines }),
    () => requestBytes({ target: "/target/run", lines: handshake }),
  ])();
}

/** The text with one change somewhere. */
export function mutate(draw: Draw, text: string): string {
  const at = draw.int(0, text.length);
  const length = draw.int(1, 12);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  switch (draw.int(1, 8)) {
    case 1:
      return before + String.fromCharCode((after.charCodeAt(0) || 0) ^ (1 << draw.int(0, 7))) + after.slice(1);
    case 2:
      return before + after.slice(length);
    case 3:
      return before + after.slice(0, length) + after;
    case 4:
    case 5:
      return before + draw.pick(TELLING) + after;
    case 6:
      return before + draw.bytes(length).toString("latin1") + after;
    case 7:
      return draw.chance(0.3) ? before : before + after.slice(length) + after.slice(0, length);
    default:
      return text.replace("\r\n", draw.pick(["\n", "\r", " \r\n", "\r\n ", "\r\n\t"]));
  }
}
