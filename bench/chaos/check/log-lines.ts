// Lines of workerd's log that chaos explains. Any other is a violation.
import { FAULTS } from "../faults.ts";
import type { Facts, Violation } from "./facts.ts";

/** What is logged of an object or of the router's other half that fails, ends or is out of reach, by whoever asked it. */
const ASKED = [
  "the fleet did not answer",
  "a ticket was lost",
  "the fleet did not adopt a request",
  "no new snapshot",
  "the Directory could not be (asked|told)",
  "a request failed in the router",
].join("|");
const WHY =
  "chaos: the |Network connection lost|object to be reset|execution context which hosts this callback is no longer running";
const OUT_OF_REACH = new RegExp(`^{"message":"(${ASKED})",.*"error":"[^"]*(${WHY})`);

/** A 502 of the router. Whether its client may have got that is checked with the outcomes. */
const NOT_ANSWERED = /^{"message":"a request was not answered",.*"why":"(refused|reset|expired|broke_off)"}$/;

/** Once a process: the end of a streamed answer can end its request before the slot is given back; then the runtime does that, and says so. */
const BY_RUNTIME = /^An RPC stub was not disposed properly\./;

/** What is out of reach is explained only while something is wrong with an object, the Directory or the process. */
export function checkLog({ history }: Facts): Violation[] {
  const disturbed = history.injected.flatMap(({ fault, beganMs, endedMs }) => {
    const { target, lingersMs } = FAULTS[fault.kind];
    const reaches = target === "object" || target === "directory" || target === "router";
    return reaches ? [{ fromMs: beganMs, toMs: (endedMs ?? Infinity) + lingersMs }] : [];
  });
  const isDisturbed = (atMs: number) => disturbed.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
  return history.log
    .filter(({ line }) => !BY_RUNTIME.test(line) && !NOT_ANSWERED.test(line))
    .filter(({ line, atMs }) => !(OUT_OF_REACH.test(line) && isDisturbed(atMs)))
    .map(({ atMs, line }) => ({ rule: "nothing unexpected is logged", key: null, atMs, what: line.slice(0, 500) }));
}
