// Few requests fail while there are healthy replicas that could serve them.
//
// A fault that draws a crowd comes with a steady stream of requests for one hint, which its replica owns. JUDGED are those of its requests
// that
// - are not among the few from the first on that met the fault: the router must learn what is wrong; and
// - lived wholly while enough replicas of the app stood that no fault could be felt at, and nothing else troubled the app: not its object,
//   which would forget what it has learned, nor the router's process, nor a burst.
// Of those fewer than a share may fail, of each kind of fault over the run, once there are enough of them to have a share; and of each period
// no more than would mean that nothing is learned at all. Requests that are turned away for want of room are neither; they may not be nearly all. A kind that happened a few times must have
// been felt, and judged.
import { FAULTS, type Crowd, type FaultKind, type Injected } from "../faults.ts";
import { TIMES_MS } from "../settings.ts";
import { failed } from "./cases.ts";
import type { Case, Facts, Span } from "./facts.ts";
import { describedCase, describedFault } from "./said.ts";
import type { Violation } from "./violations.ts";

/** Of one kind of fault. */
export interface CrowdFigures {
  readonly kind: FaultKind;
  readonly periods: number;
  readonly requests: number;
  /** Runs at the replica that were not served because of the fault. */
  readonly felt: number;
  /** Requests that failed while the router learned. */
  readonly failed_learning: number;
  /** Requests not judged, as something else was wrong too. */
  readonly excused: number;
  readonly turned_away: number;
  readonly judged: number;
  readonly failed: number;
}

/**
 * Healthy replicas that there must be. With one of four, more than two thirds of the fleet look bad: then looks don't count, and bad ones are
 * tried too (docs/protocol.md, Ejection).
 */
const HEALTHY_LEAST = 2;
/** After an object or a process has started anew and all is as it was, what is wrong must be learned again. */
const RELEARNED_MS = 1500;
/** What is decided of a request is decided by then; one that is never answered lives on. */
const DECIDED_MS = TIMES_MS.firstByteTimeoutMs + TIMES_MS.idleTimeoutMs + 1000;
/** In one period so many may fail: a probe after each ejection, and what was on its way. Or a share, if that is more. */
const PERIOD_MOST = { failed: 5, share: 2 };
/** Of a kind, so many periods make it certain that something can be judged. */
const PERIODS_CERTAIN = 3;
/** Without the faulty replica and one other an app may have a third of its slots, and a crowd beside its usual requests fills those. */
const TURNED_AWAY_MOST = 0.75;
/** Of a kind, so many judged requests have a share. */
const JUDGED_LEAST = 100;
const SHOWN_MOST = 5;

type Verdict = "fine" | "failed" | "turned_away" | "excused";

interface Period {
  readonly injected: Injected;
  readonly felt: number;
  readonly requests: readonly Case[];
  readonly failedLearning: number;
  readonly verdicts: ReadonlyMap<Case, Verdict>;
}

export function checkCrowds(facts: Facts): { readonly figures: readonly CrowdFigures[]; readonly violations: Violation[] } {
  const byKind = new Map<FaultKind, Period[]>();
  for (const injected of facts.history.injected) {
    const { kind, hint } = injected.fault;
    const { crowd } = FAULTS[kind];
    if (crowd !== null && hint !== "") byKind.set(kind, [...(byKind.get(kind) ?? []), periodOf(injected, crowd, facts)]);
  }
  const figures = [...byKind].map(([kind, periods]) => figuresOf(kind, periods));
  const violations = [...byKind.values()].flatMap((periods) => periods.flatMap(checkPeriod));
  for (const [index, [kind, periods]] of [...byKind].entries()) violations.push(...checkKind(figures[index], kind, periods));
  return { figures, violations };
}

function periodOf(injected: Injected, { learning }: Crowd, facts: Facts): Period {
  const { app, hint } = injected.fault;
  const requests = facts.cases
    .filter(({ sending }) => sending.asked.app === app && sending.asked.hint === hint)
    .filter(({ endedMs }) => endedMs >= injected.beganMs)
    .sort((a, b) => a.sentMs - b.sentMs);
  const first = requests.findIndex((its) => feltBy(its, injected) > 0);
  const isLearning = (index: number) => first >= 0 && index >= first && index < first + learning;
  const judged = requests.filter((_, index) => !isLearning(index));
  const learned = requests.filter((_, index) => isLearning(index));
  return {
    injected,
    requests,
    felt: requests.reduce((sum, its) => sum + feltBy(its, injected), 0),
    failedLearning: learned.filter(({ outcome }) => !isFine(outcome) && !isTurnedAway(outcome)).length,
    verdicts: new Map(judged.map((its) => [its, verdictOn(its, injected, facts)])),
  };
}

function feltBy({ runs }: Case, { fault }: Injected): number {
  const isServed = ({ end, status }: (typeof runs)[number]) => end === "complete" && status === 200;
  return runs.filter((run) => run.replica === fault.replica && run.trouble !== null && !isServed(run)).length;
}

function verdictOn(its: Case, injected: Injected, facts: Facts): Verdict {
  const { outcome, sentMs, endedMs } = its;
  const span = { fromMs: sentMs, toMs: Math.min(endedMs, sentMs + DECIDED_MS) };
  if (!isClear(injected, span, facts)) return "excused";
  if (isFine(outcome)) return "fine";
  if (isTurnedAway(outcome)) return "turned_away";
  return isOthersFailure(its, injected, span, facts) ? "excused" : "failed";
}

const isFine = (outcome: Case["outcome"]) => outcome === "complete";
const isTurnedAway = (outcome: Case["outcome"]) => outcome === "queue_full" || outcome === "queue_timeout";

function isClear({ fault }: Injected, span: Span, facts: Facts): boolean {
  const { app } = fault;
  const before = { ...span, fromMs: span.fromMs - RELEARNED_MS };
  if (facts.faults(app, before, ({ target }) => target === "object" || target === "router" || target === "app").length > 0) {
    return false;
  }
  const troubled = new Set(facts.faults(app, span, () => true).map(({ fault: { replica } }) => replica));
  troubled.add(fault.replica);
  const healthy = facts.history.replicas.filter((shape) => shape.app === app && !troubled.has(shape.replica));
  return healthy.length >= HEALTHY_LEAST;
}

/** It failed by another replica's fault: that one's own crowd, or the table of outcomes, judges it. */
function isOthersFailure({ runs }: Case, { fault }: Injected, span: Span, facts: Facts): boolean {
  const last = runs.at(-1);
  const others = facts.faults(fault.app, span, ({ fails }) => fails).filter((other) => other.fault.replica !== fault.replica);
  if (last === undefined || (last.replica === fault.replica && failed(last))) {
    return others.some((other) => FAULTS[other.fault.kind].refuses);
  }
  return last.replica !== fault.replica && others.some((other) => other.fault.replica === last.replica);
}

function figuresOf(kind: FaultKind, periods: readonly Period[]): CrowdFigures {
  const sum = (of: (period: Period) => number) => periods.reduce((total, period) => total + of(period), 0);
  const counted = (...verdicts: Verdict[]) => sum((period) => casesOf(period, ...verdicts).length);
  return {
    kind,
    periods: periods.length,
    requests: sum(({ requests }) => requests.length),
    felt: sum(({ felt }) => felt),
    failed_learning: sum(({ failedLearning }) => failedLearning),
    excused: counted("excused"),
    turned_away: counted("turned_away"),
    judged: counted("fine", "failed"),
    failed: counted("failed"),
  };
}

function casesOf({ verdicts }: Period, ...wanted: readonly Verdict[]): Case[] {
  return [...verdicts].filter(([, verdict]) => wanted.includes(verdict)).map(([its]) => its);
}

function checkPeriod(period: Period): Violation[] {
  const { kind } = period.injected.fault;
  const failing = casesOf(period, "failed");
  const judged = casesOf(period, "fine").length + failing.length;
  const most = Math.max(PERIOD_MOST.failed, judged * (FAULTS[kind].crowd?.failing ?? 0) * PERIOD_MOST.share);
  if (failing.length <= most) return [];
  return [violation(period, `${failing.length} of ${judged} judged requests failed, at most ${Math.floor(most)} may`, failing)];
}

function checkKind(figures: CrowdFigures | undefined, kind: FaultKind, periods: readonly Period[]): Violation[] {
  const share = FAULTS[kind].crowd?.failing ?? 0;
  if (figures === undefined) return [];
  const { judged, felt, turned_away: turnedAway } = figures;
  const violations: Violation[] = [];
  const about = (rule: string, what: string) => violations.push({ rule, key: null, atMs: null, what: `${kind}: ${what}` });
  if (judged >= JUDGED_LEAST && figures.failed >= share * judged) {
    const worst = periods.flatMap((period) => casesOf(period, "failed").map((its) => ({ period, its })));
    const shown = worst.slice(0, SHOWN_MOST).map(({ period, its }) => {
      return `\n    ${describedFault(period.injected)}: ${its.sending.asked.key}, ${describedCase(its)}`;
    });
    const head = `${figures.failed} of ${judged} judged requests failed, fewer than ${share * 100} % may`;
    about(FEW_FAIL, `${head}${shown.join("")}`);
  }
  if (turnedAway > 1 && turnedAway > TURNED_AWAY_MOST * (judged + turnedAway)) {
    about("a crowd is not turned away", `${turnedAway} requests found no room, and ${judged} were judged`);
  }
  if (periods.length < PERIODS_CERTAIN) return violations;
  if (felt === 0) about("a fault that happens is felt", `nothing was felt of ${periods.length}`);
  if (judged === 0) about("a crowd is judged", `of ${figures.requests} requests none was`);
  return violations;
}

const FEW_FAIL = "few requests fail while healthy replicas stand";

function violation({ injected }: Period, what: string, failing: readonly Case[]): Violation {
  const shown = failing.slice(0, SHOWN_MOST).map((its) => `\n    ${its.sending.asked.key}, ${describedCase(its)}`);
  return {
    rule: FEW_FAIL,
    key: null,
    atMs: injected.beganMs,
    what: `${describedFault(injected)}: ${what}${shown.join("")}`,
  };
}
