// Few requests fail while there are healthy replicas that could serve them.
//
// A fault that draws a crowd comes with a steady stream of requests for one hint, which its replica owns. A request of the crowd is JUDGED if it
// - is not among the few from the first on that met the fault, as the router must learn what is wrong,
// - was not sent before the router could know, if replicas take so many requests at once that more than those few are on their way, and
// - lived wholly while enough replicas of the app stood that no fault could be felt at, and nothing else troubled the app: not its object,
//   which would forget what it has learned, nor the router's process, nor a burst.
// Of the judged requests fewer than a share may fail, of each kind of fault over the run, once there are enough of them to have a share. In each
// period no more may fail than would mean that nothing is learned. Requests that are turned away for want of room are not judged, and may not be
// nearly all. A kind that happened a few times must have been felt, and judged.
import { FAULTS, type Crowd, type FaultKind, type Injected } from "../faults.ts";
import { TIMES_MS } from "../settings.ts";
import { describedCase, describedFault, failed } from "./cases.ts";
import type { Case, Facts, Span, Violation } from "./facts.ts";

/** Of one kind of fault. */
export type CrowdFigures = ReturnType<typeof figuresOf>;

/**
 * Healthy replicas that there must be. With one of four, more than two thirds of the fleet look bad. Then looks don't count, and bad replicas are
 * tried too (docs/protocol.md, Ejection).
 */
const HEALTHY_LEAST = 2;
/** After an object or a process has started anew and all is as it was, what is wrong must be learned again. */
const RELEARNED_MS = 1500;
/** What is decided of a request is decided by then. A request that is never answered lives on. */
const DECIDED_MS = TIMES_MS.firstByteTimeoutMs + TIMES_MS.idleTimeoutMs + 1000;
/** In one period so many may fail: a probe after each ejection, and what was on its way. Or so many times the kind's share, if that is more. */
const PERIOD_MOST = { failed: 5, share: 2 };
/** A failure must be noticed, and told to the object and from there to the edge. */
const TOLD_MS = 300;
/** So many periods of a kind make it certain that something can be judged. */
const PERIODS_CERTAIN = 3;
/** Without the faulty replica and one other an app may have a third of its slots, and a crowd beside its usual requests fills those. */
const TURNED_AWAY_MOST = 0.75;
/** So many judged requests of a kind have a share. */
const JUDGED_LEAST = 100;
const SHOWN_MOST = 5;
const FEW_FAIL = "few requests fail while healthy replicas stand";

/** `learned`, `learning`: the request came while the router was learning; it failed in the latter. */
type Verdict = "fine" | "failed" | "turned_away" | "excused" | "learned" | "learning";

type Period = ReturnType<typeof periodOf>;

export function checkCrowds(facts: Facts) {
  const periods = facts.history.injected.flatMap((injected) => {
    const { crowd } = FAULTS[injected.fault.kind];
    return crowd === null || injected.fault.hint === "" ? [] : [periodOf(injected, crowd, facts)];
  });
  const byKind = [...Map.groupBy(periods, ({ injected }) => injected.fault.kind)];
  const figures = byKind.map(([kind, its]) => figuresOf(kind, its));
  const ofKinds = byKind.flatMap(([kind, its]) => checkKind(figuresOf(kind, its), its));
  return { figures, violations: [...periods.flatMap(checkPeriod), ...ofKinds] };
}

function periodOf(injected: Injected, crowd: Crowd, facts: Facts) {
  const { app, hint } = injected.fault;
  const requests = facts.cases
    .filter((its) => its.app === app && its.sending.asked.hint === hint && its.endedMs >= injected.beganMs)
    .sort((a, b) => a.sentMs - b.sentMs);
  const first = requests.findIndex((its) => feltBy(its, injected) > 0);
  const knownMs = facts.isWide ? firstEndMs(requests, injected) + TOLD_MS : -Infinity;
  const verdicts = requests.map((its, index): readonly [Case, Verdict] => {
    const isSentBefore = feltRuns(its, injected).some(({ beganMs }) => beganMs < knownMs);
    const isLearning = isSentBefore || (first >= 0 && index >= first && index < first + crowd.learning);
    if (!isLearning) return [its, verdictOn(its, injected, facts)];
    return [its, usual(its) === "failed" ? "learning" : "learned"];
  });
  return { injected, crowd, felt: requests.reduce((sum, its) => sum + feltBy(its, injected), 0), verdicts };
}

/** Runs at the faulty replica that were not served because of the fault. */
function feltRuns({ runs }: Case, { fault }: Injected): Case["runs"] {
  const isServed = ({ end, status }: (typeof runs)[number]) => end === "complete" && status === 200;
  return runs.filter((run) => run.replica === fault.replica && run.trouble !== null && !isServed(run));
}

function firstEndMs(requests: readonly Case[], injected: Injected): number {
  return Math.min(...requests.flatMap((its) => feltRuns(its, injected)).map(({ endedMs }) => endedMs ?? Infinity));
}

function feltBy(its: Case, injected: Injected): number {
  return feltRuns(its, injected).length;
}

/** The verdict if nothing excuses the request. */
function usual({ outcome }: Case): Verdict {
  if (outcome === "200") return "fine";
  return outcome === "429 queue_full" || outcome === "504 request_timeout" ? "turned_away" : "failed";
}

function verdictOn(its: Case, injected: Injected, facts: Facts): Verdict {
  const span = { fromMs: its.sentMs, toMs: Math.min(its.endedMs, its.sentMs + DECIDED_MS) };
  if (!isClear(injected, span, facts)) return "excused";
  const verdict = usual(its);
  return verdict === "failed" && isOthersFailure(its, injected, span, facts) ? "excused" : verdict;
}

function isClear({ fault: { app, replica } }: Injected, span: Span, facts: Facts): boolean {
  const before = { ...span, fromMs: span.fromMs - RELEARNED_MS };
  if (facts.felt(app, before, ({ target }) => target === "object" || target === "router" || target === "app")) return false;
  const troubled = new Set([replica, ...facts.faults(app, span).map(({ fault }) => fault.replica)]);
  return facts.replicasOf(app).filter((its) => !troubled.has(its)).length >= HEALTHY_LEAST;
}

/** The request failed by another replica's fault. That one's own crowd, or the table of outcomes, judges it. */
function isOthersFailure({ last }: Case, { fault }: Injected, span: Span, facts: Facts): boolean {
  const others = facts.faults(fault.app, span, ({ fails }) => fails).filter((other) => other.fault.replica !== fault.replica);
  if (last === undefined || (last.replica === fault.replica && failed(last))) {
    return others.some((other) => FAULTS[other.fault.kind].refuses);
  }
  return last.replica !== fault.replica && others.some((other) => other.fault.replica === last.replica);
}

function figuresOf(kind: FaultKind, periods: readonly Period[]) {
  const sum = (of: (period: Period) => number) => periods.reduce((total, period) => total + of(period), 0);
  const counted = (...wanted: Verdict[]) => sum((period) => casesOf(period, ...wanted).length);
  return {
    ...{ kind, periods: periods.length, requests: sum(({ verdicts }) => verdicts.length), felt: sum(({ felt }) => felt) },
    failed_learning: counted("learning"),
    /** Not judged, as something else was wrong too. */
    excused: counted("excused"),
    turned_away: counted("turned_away"),
    ...{ judged: counted("fine", "failed"), failed: counted("failed") },
  };
}

function casesOf({ verdicts }: Period, ...wanted: readonly Verdict[]): Case[] {
  return verdicts.filter(([, verdict]) => wanted.includes(verdict)).map(([its]) => its);
}

function checkPeriod(period: Period): Violation[] {
  const { injected, crowd } = period;
  const failing = casesOf(period, "failed").length;
  const judged = casesOf(period, "fine", "failed").length;
  const most = Math.max(PERIOD_MOST.failed, judged * crowd.failing * PERIOD_MOST.share);
  if (failing <= most) return [];
  const head = `${describedFault(injected)}: ${failing} of ${judged} judged requests failed, at most ${Math.floor(most)} may`;
  return [{ rule: FEW_FAIL, key: null, atMs: injected.beganMs, what: head + shown([period]) }];
}

function checkKind({ kind, requests, judged, felt, failed, turned_away }: CrowdFigures, periods: readonly Period[]): Violation[] {
  const share = FAULTS[kind].crowd?.failing ?? 0;
  const isSure = periods.length >= PERIODS_CERTAIN;
  const broken: readonly [is: boolean, rule: string, what: string][] = [
    [
      judged >= JUDGED_LEAST && failed >= share * judged,
      FEW_FAIL,
      `${failed} of ${judged} judged requests failed, fewer than ${share * 100} % may${shown(periods)}`,
    ],
    [
      turned_away > 1 && turned_away > TURNED_AWAY_MOST * (judged + turned_away),
      "a crowd is not turned away",
      `${turned_away} requests found no room, and ${judged} were judged`,
    ],
    [isSure && felt === 0, "a fault that happens is felt", `nothing was felt of ${periods.length}`],
    [isSure && judged === 0, "a crowd is judged", `of ${requests} requests none was`],
  ];
  return broken.filter(([is]) => is).map(([, rule, what]) => ({ rule, key: null, atMs: null, what: `${kind}: ${what}` }));
}

/** Some requests that failed. */
function shown(periods: readonly Period[]): string {
  const lines = periods.flatMap((period) =>
    casesOf(period, "failed").map((its) => `\n    ${describedFault(period.injected)}: ${its.key}, ${describedCase(its)}`),
  );
  return lines.slice(0, SHOWN_MOST).join("");
}
