// One line a client's request, with LOG=requests.
import type { RequestFacts } from "./request-record.ts";
import type { Settings } from "./settings/settings.ts";

/** `random` from 0 to 1 decides whether the request is among those of which LOG_SAMPLE_PERCENT has a line. */
export function logRequest(facts: RequestFacts, headersMs: number, settings: Settings, random: number): void {
  if (settings.LOG !== "requests" || random * 100 >= settings.LOG_SAMPLE_PERCENT) return;
  console.log(JSON.stringify({ message: "request", ...facts, headersMs }));
}
