// Lines of workerd's log that chaos explains. Any other is a violation.
import { FAULTS } from "../faults.ts";
import type { Facts } from "./facts.ts";
import type { Violation } from "./violations.ts";

interface Expected {
  readonly because: string;
  readonly pattern: RegExp;
}

/** An object or the router's other half that fails, ends or is out of reach. */
const OUT_OF_REACH = `[^"]*(chaos: the |Network connection lost|object to be reset|execution context which hosts this callback is no longer running)`;

const EXPECTED: readonly Expected[] = [
  {
    because: "the object failed, ended or was overloaded",
    pattern: new RegExp(`^{"message":"the fleet did not answer",.*"error":"${OUT_OF_REACH}`),
  },
  {
    because: "the object ended between a grant and its news",
    pattern: new RegExp(`^{"message":"a ticket was lost",.*"error":"${OUT_OF_REACH}`),
  },
  {
    because: "the object failed or ended while a request reported itself",
    pattern: new RegExp(`^{"message":"the fleet did not adopt a request",.*"error":"${OUT_OF_REACH}`),
  },
  { because: "the object failed or ended", pattern: new RegExp(`^{"message":"no new snapshot",.*"error":"${OUT_OF_REACH}`) },
  {
    because: "the Directory failed or ended",
    pattern: new RegExp(`^{"message":"the Directory could not be (asked|told)",.*"error":"${OUT_OF_REACH}`),
  },
  {
    because: "a heartbeat or an administrator met an object that failed",
    pattern: new RegExp(`^{"message":"a request failed in the router",.*"error":"${OUT_OF_REACH}`),
  },
];

/** A 502 of the router. Whether its client may have got that is checked with the outcomes. */
const NOT_ANSWERED = /^{"message":"a request was not answered",.*"why":"(refused|reset|expired|broke_off)"}$/;

/** Once a process: the end of a streamed answer can end its request before the slot is given back; then the runtime does that, and says so. */
const BY_RUNTIME = /^An RPC stub was not disposed properly\./;

/** Others only while something is wrong with an object, the Directory or the process. */
export function checkLog(facts: Facts): Violation[] {
  return facts.history.log
    .filter(({ line }) => !BY_RUNTIME.test(line) && !NOT_ANSWERED.test(line))
    .filter(({ line, atMs }) => !(EXPECTED.some(({ pattern }) => pattern.test(line)) && mayBeOutOfReach(facts, atMs)))
    .map(({ atMs, line }) => ({ rule: "nothing unexpected is logged", key: null, atMs, what: line.slice(0, 500) }));
}

function mayBeOutOfReach({ history }: Facts, atMs: number): boolean {
  return history.injected.some(({ fault, beganMs, endedMs }) => {
    const { target, lingersMs } = FAULTS[fault.kind];
    const reaches = target === "object" || target === "directory" || target === "router";
    return reaches && beganMs <= atMs && atMs <= (endedMs ?? Infinity) + lingersMs;
  });
}
