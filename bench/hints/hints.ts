// `npm run bench -- hints`: what it takes to find the hint in a JSON body that is kept, and in one that comes in pieces, with the production's code.
import { mean, quantileSorted } from "simple-statistics";
import { hintInBody } from "../../src/edge/request-hints.ts";
import { BOUNDS } from "../../src/limits.ts";
import { parseSettings } from "../../src/settings/settings.ts";
import { JsonMember } from "../../src/wire/json-member.ts";
import { job, number, program } from "../command.ts";
import { table } from "../report.ts";

const KIBIBYTE = 1024;
const WARM_UP_ROUNDS = 300;
const PIECE_BYTES = 4 * KIBIBYTE;

const chat = (model: string, bytes: number) => `{${model}"messages":[{"role":"user","content":"${"word ".repeat(bytes / 5)}"}]`;
const image = (bytes: number) => `{"messages":[{"role":"user","content":[{"image_url":{"url":"data:,${"A".repeat(bytes)}"}}]}]`;
const tokens = (bytes: number) => `{${'"a":1,'.repeat(bytes / 6)}"b":1`;
const LAST = ',"model":"m"}';

const BODIES: Readonly<Record<string, string>> = {
  "a chat of 1 KiB, the model first": `${chat('"model":"m",', KIBIBYTE)}}`,
  "a chat of 64 KB, the model last": chat("", 64_000) + LAST,
  "small tokens, 64 KB, the model last": tokens(64_000) + LAST,
  "a chat of 1 MB, the model first": `${chat('"model":"m",', 1_000_000)}}`,
  "an image of 1 MB, the model last": image(1_000_000) + LAST,
  "small tokens, 1 MB, the model last": tokens(1_000_000) + LAST,
};

const command = program("hints", "Times the search for the hint in a JSON body, in microseconds.")
  .option("--rounds <number>", "how often each is timed", number(1, 1_000_000, "integer"), 500)
  .option("--json", "one JSON object a line for each body", false);

export const hints = job(command, async ({ rounds, json }, { print }) => {
  const parsed = parseSettings({ HINT_FROM_JSON: "model" });
  if (!parsed.ok) throw new Error(parsed.detail);
  const { settings } = parsed;
  const timed = Object.entries(BODIES).map(([name, text]) => {
    const bytes = new TextEncoder().encode(text);
    const kept = timesOf(() => hintInBody(bytes, settings), rounds);
    const streamed = timesOf(() => inPieces(bytes), rounds);
    return { body: name, bytes: bytes.length, kept, streamed };
  });
  const rows = timed.map(({ body, kept, streamed }) => [body, kept.mean_us, kept.p99_us, kept.found, streamed.mean_us, streamed.p99_us, streamed.found]); // prettier-ignore
  const head = ["us", "kept, mean", "p99", "hint", "streamed, mean", "p99", "hint"];
  print(json ? timed.map((its) => JSON.stringify(its)).join("\n") : table([head, ...rows]));
  return true;
});

/** As of a body that is streamed. */
function inPieces(bytes: Uint8Array): string | null {
  const member = new JsonMember(["model"]);
  const most = Math.min(bytes.length, BOUNDS.hintBodyBytes);
  let length = 0;
  do length = Math.min(most, length + PIECE_BYTES);
  while (!member.find(bytes.subarray(0, length)) && length < most);
  return member.text;
}

function timesOf(run: () => string | null, rounds: number) {
  let found: string | null = null;
  const times: number[] = [];
  for (let round = -Math.min(WARM_UP_ROUNDS, rounds); round < rounds; round++) {
    const start = performance.now();
    found = run();
    if (round >= 0) times.push((performance.now() - start) * 1000);
  }
  times.sort((a, b) => a - b);
  const us = (value: number) => Math.round(value * 10) / 10;
  return { mean_us: us(mean(times)), p99_us: us(quantileSorted(times, 0.99)), found: found ?? "none" };
}
