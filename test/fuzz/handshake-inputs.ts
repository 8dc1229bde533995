// WebSocket handshakes with one thing wrong, for a replica that would accept any: it must not hear of them.
import { latin, request } from "./client-input.ts";
import type { Draw } from "./draw.ts";
import { BAD_REQUEST, SERVED, type Input } from "./input.ts";
import { METHODS } from "./method-inputs.ts";

interface Handshake {
  readonly fault: string;
  readonly allowed: readonly string[];
  readonly method?: string;
  readonly connection?: readonly string[];
  readonly upgrade?: string;
  readonly version?: readonly string[];
  readonly key?: readonly string[];
  readonly body?: Buffer;
  readonly chunks?: readonly number[];
}

export function handshakeInput(draw: Draw, number: number): Input {
  const drawn = draw.pick([good, wrongMethod, wrongConnection, wrongVersion, wrongKey, withBody, otherProtocol])(draw);
  const { fault, allowed, method = "GET", upgrade = "websocket", body = null, chunks = null } = drawn;
  const lines = [
    `upgrade: ${upgrade}`,
    ...(drawn.connection ?? ["Upgrade"]).map((value) => `connection: ${value}`),
    ...(drawn.version ?? ["13"]).map((value) => `sec-websocket-version: ${value}`),
    ...(drawn.key ?? [keyOf(draw, 16)]).map((value) => `sec-websocket-key: ${value}`),
  ];
  const parts = { target: "/run", method, lines: draw.shuffled(lines), body, chunks };
  return { ...request("handshake", { fault, allowed, lines: [] }, number, parts), alone: true };
}

/** Its 101 is no answer that ends, and the client closes right away. */
function good(draw: Draw): Handshake {
  return {
    fault: "none",
    allowed: [...SERVED, "closed"],
    upgrade: draw.pick(["websocket", "WebSocket", "WEBSOCKET", "\t websocket "]),
    connection: draw.pick([[], ["upgrade"], ["keep-alive, Upgrade"], ["Upgrade,close"], ["keep-alive", "UPGRADE"]]),
    version: draw.pick([["13"], [" \t13 "]]),
  };
}

function wrongMethod(draw: Draw): Handshake {
  return { fault: "method", allowed: BAD_REQUEST, method: draw.pick(METHODS.filter((method) => method !== "GET")) };
}

function wrongConnection(draw: Draw): Handshake {
  const connection = draw.pick([["close"], ["keep-alive"], ["upgraded"], ["up grade"], ["upgrade;q=1"], ["keep-alive", "close"]]);
  return { fault: "connection", allowed: BAD_REQUEST, connection };
}

function wrongVersion(draw: Draw): Handshake {
  const version = draw.pick([[], [""], ["8"], ["14"], ["13, 8"], ["013"], ["+13"], ["1 3"], ["13.0"], ["13", "13"], ["13,"], ["13\xa0"]]); // prettier-ignore
  return { fault: "version", allowed: BAD_REQUEST, version };
}

function wrongKey(draw: Draw): Handshake {
  const good = keyOf(draw, 16);
  const key = draw.pick([
    [],
    [""],
    [keyOf(draw, draw.int(0, 15))],
    [keyOf(draw, draw.int(17, 600))],
    [good, good],
    [good.slice(0, -1)],
    [`${good.slice(0, 8)} ${good.slice(9)}`],
    [`${good.slice(0, 8)}${draw.pick(["-", "_", "=", ",", "\xff", "\x80"])}${good.slice(9)}`],
    [draw.bytes(16).toString("hex")],
  ]);
  return { fault: "key", allowed: BAD_REQUEST, key };
}

function withBody(draw: Draw): Handshake {
  const body = { fault: "body", allowed: BAD_REQUEST, body: draw.bytes(draw.int(1, 200)) };
  return draw.chance(0.5) ? body : { ...body, chunks: [draw.int(1, 50)] };
}

/** No handshake for this router: a request like any other. */
function otherProtocol(draw: Draw): Handshake {
  const others = ["", "h2c", "websocket, h2c", "h2c, websocket", "websocket,", "websocket/13", "web socket", "webSoc\u212aet"];
  return { fault: "none: another protocol", allowed: SERVED, upgrade: latin(draw.pick(others)) };
}

function keyOf(draw: Draw, bytes: number): string {
  return draw.bytes(bytes).toString("base64");
}
