// A place on a replica by this isolate's own copy of the fleet, without a call to the object: for requests whose replica is warm and clearly has room. The
// object hears of them with the isolate's next refresh.
import { decideDirect, DIRECT_RULE } from "../routing/direct/decide.ts";
import type { DirectReplica } from "../routing/direct/copy.ts";
import type { DirectSend } from "../routing/direct/report.ts";
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";
import { BOUNDS } from "../limits.ts";
import type { Exchange } from "./exchange.ts";
import type { Granted, HeldSlot, ReplicaFailure } from "./grant.ts";
import { healthOf, isLost, reportRunning, snapshotOf, type Snapshot } from "./snapshots.ts";

/** `edge`: replicas of few slots too. */
const EDGE_RULE = { ...DIRECT_RULE, concurrencyLeast: 1 };

/** Null: ask the object. O(replicas that hold the request's hints). */
export function sendDirect(exchange: Exchange): Granted | null {
  const { client, settings } = exchange;
  if (settings.DISPATCH === "registry") return null;
  const now = Date.now();
  const snapshot = snapshotOf(client.app, settings.SNAPSHOT_MAX_AGE_MS, now);
  if (snapshot === null || now > snapshot.directUntilMs) return null;
  snapshot.sends.sweep(now);
  const usable = (replica: DirectReplica) => snapshot.health.get(replica)?.hasFailed(now) !== true;
  const rule = settings.DISPATCH === "edge" ? EDGE_RULE : DIRECT_RULE;
  const choice = decideDirect(snapshot.copy, client.hints, usable, now, Math.random, rule);
  const sent = choice && snapshot.reporter.begin(choice, client.hints, now);
  if (choice === null || sent === null) return null;
  const { id: replica, origin } = choice.replica;
  const reason = choice.hint === null ? "least_loaded" : "hint_match";
  const to = { replica, origin, reason, waitedMs: 0, sentAtMs: now } as const;
  return { kind: "granted", to, slot: new DirectSlot(exchange, snapshot, sent) };
}

class DirectSlot implements HeldSlot {
  readonly proves = false;
  readonly passes = true;
  readonly #exchange: Exchange;
  readonly #snapshot: Snapshot;
  readonly #send: DirectSend;
  #endRenewal = () => {};
  #onLost = () => {};
  #hasAnswer = false;

  constructor(exchange: Exchange, snapshot: Snapshot, send: DirectSend) {
    this.#exchange = exchange;
    this.#snapshot = snapshot;
    this.#send = send;
    this.#renew();
  }

  /** The object says with a refresh of the copy that a replica is gone, so a request hears of that when it next renews its lease. */
  onLost(end: () => void): void {
    this.#onLost = end;
  }

  answered(kind: AnswerKind, hints: readonly string[] | null): null {
    this.#hasAnswer = true;
    this.#send.answered(kind, hints, Date.now());
    healthOf(this.#snapshot, this.#send.replica).note(false, Date.now());
    return null;
  }

  /** This isolate passes the replica over from now on; the others hear of the failure from the object. */
  async failed(failure: Failure, hints: readonly string[] | null = null): Promise<void> {
    this.#send.failed(failure, hints, Date.now());
    if (CORRECTS.has(failure.kind)) healthOf(this.#snapshot, this.#send.replica).note(true, Date.now());
  }

  handOver({ failure, hints }: ReplicaFailure): null {
    void this.failed(failure, hints);
    return null;
  }

  done(): null {
    this.#end(true);
    return null;
  }

  async brokeOff(): Promise<void> {
    this.#end(false);
  }

  release(): void {
    this.#end(false);
  }

  #renew(): void {
    const now = Date.now();
    if (!this.#hasAnswer && isLost(this.#snapshot, this.#send)) this.#onLost();
    this.#snapshot.sends.renew(this.#send, now);
    reportRunning(this.#exchange, this.#snapshot, now);
    this.#endRenewal = this.#exchange.alarm.after(BOUNDS.leaseMs / 3, () => this.#renew());
  }

  #end(whole: boolean): void {
    this.#endRenewal();
    const now = Date.now();
    this.#snapshot.sends.end(this.#send, whole, now);
    reportRunning(this.#exchange, this.#snapshot, now);
  }
}

/** Failures of which one is enough to try another replica. */
const CORRECTS: ReadonlySet<Failure["kind"]> = new Set(["unreachable", "disconnected", "unavailable"]);
