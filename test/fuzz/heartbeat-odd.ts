// Heartbeats that are valid however odd they look. Those of `beats` say again what is known, so that nothing may change; those of
// `scratch` say anything within the bounds.
import type { Draw } from "./draw.ts";
import { BEATS_ORIGIN, type Said } from "./input.ts";

const ACCEPTED = ["200 router"];
export const MAX_BYTES = 267_264;

/** What the replica `h1` of `beats` always says. */
export function knownReport() {
  return {
    app: "beats",
    replica: "h1",
    origin: BEATS_ORIGIN,
    incarnation: 0,
    hints: ["sdxl", "flux"],
    hint_slots: 3,
    concurrency: 4,
    in_flight: 0,
    status: "ready",
  };
}

export function oddReport(draw: Draw): Said {
  const report = knownReport();
  const text = JSON.stringify(report);
  const forms: (() => string)[] = [
    () => JSON.stringify(Object.fromEntries(draw.shuffled(Object.entries(report)))),
    () => JSON.stringify(report, null, draw.pick(["\t", "  ", "\n\r\t "])),
    () => `\ufeff${text}`,
    () => escaped(draw, text),
    () => text.replace("{", `{"${draw.word()}":${draw.pick(["{}", "[]", "null", '"\\ud800"', "1e400"])},`),
    () => text.replace("{", '{"__proto__":{"hints":["poison"],"status":"stopped","sequence":5,"toJSON":1},'),
    () => text.replace("{", '{"hints":["poison"],"status":"stopped","concurrency":0,"origin":1,"replica":null,"app":[],'),
    () => text.replace('"concurrency":4', `"concurrency":${draw.pick(["4.0", "4e0", "40E-1", "0.4e+1"])}`),
    () => text.replace('"in_flight":0', `"in_flight":${draw.pick(["-0", "0.0", "0e99", "-0e-5", "null"])}`),
    () => text.replace('"incarnation":0', `"incarnation":${draw.pick(["null", "-0", "0.00"])}`),
    () => text.replace('"status":"ready"', '"status":null'),
    () => text.replace('["sdxl","flux"]', '[" sdxl","","flux ","sdxl","\\t"," ","\\nflux\\r\\n"]'),
    () => text.replace("{", `{"deep":${"[".repeat(2000)}${"]".repeat(2000)},`),
    () => text + " ".repeat(MAX_BYTES - text.length),
    () => text.replace("http://", "HTTP://").replace(/(:\d+)"/, '$1/"'),
  ];
  return { fault: "none: odd", body: Buffer.from(draw.pick(forms)()), allowed: ACCEPTED };
}

/** Some of the characters of its texts as escapes. */
function escaped(draw: Draw, text: string): string {
  return text.replaceAll(/[a-z]/g, (letter) =>
    draw.chance(0.3) ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : letter,
  );
}

const PRINTABLE = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index)).join("");

export function scratchReport(draw: Draw): Said {
  const hint = () => `h${draw.text(draw.int(0, draw.chance(0.05) ? 510 : 20), PRINTABLE.replace(",", ""))}h`;
  const id = `s${draw.int(0, 7)}`;
  const report: Record<string, unknown> = {
    app: "scratch",
    replica: draw.chance(0.2) ? id + draw.text(draw.int(0, 5), PRINTABLE.slice(1)) : id,
    origin: `http://127.0.0.1:${draw.int(1, 65_535)}`,
  };
  const any = (max: number) => draw.pick([0, 1, max, draw.int(0, max)]);
  if (draw.chance(0.3)) report["incarnation"] = draw.int(0, 3);
  if (draw.chance(0.3)) report["sequence"] = any(Number.MAX_SAFE_INTEGER);
  if (draw.chance(0.7)) report["hints"] = Array.from({ length: draw.pick([0, 1, 3, 60]) }, hint);
  if (draw.chance(0.5)) report["hint_slots"] = any(256);
  if (draw.chance(0.5)) report["concurrency"] = Math.max(1, any(10_000));
  if (draw.chance(0.5)) report["in_flight"] = any(Number.MAX_SAFE_INTEGER);
  if (draw.chance(0.8)) report["status"] = draw.pick(["starting", "ready", "draining", "stopped"]);
  return { fault: "none: any values", body: Buffer.from(JSON.stringify(report)), allowed: [...ACCEPTED, "409 stale_heartbeat"] };
}
