// The object's side of edge dispatch with one isolate, and reports by hand.
import { expect } from "vitest";
import { SnapshotEncoder } from "../../../src/routing/direct/codec.ts";
import { FleetCopy } from "../../../src/routing/direct/copy.ts";
import { decideDirect, DIRECT_RULE } from "../../../src/routing/direct/decide.ts";
import { Isolates } from "../../../src/routing/direct/isolates.ts";
import { Reporter, type DirectReport, type ReportedPair } from "../../../src/routing/direct/report.ts";
import { FleetImage } from "../../../src/routing/direct/snapshot.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { Replica } from "../../../src/routing/ledger/replica.ts";
import { learnHeld } from "../../../src/routing/model/model.ts";
import { fleetWith, schedulerOf, type Said } from "./fleets.ts";
import { violations } from "./invariants.ts";

/** The invariants of a fleet; users of hints are compared with the object's own requests there. */
export function complaints(fleet: Fleet, now: number): string[] {
  return violations(fleet, now).filter((its) => !its.startsWith("users of"));
}

/** An object's side, and one isolate. */
export function world(replicas: Readonly<Record<string, Said>> = { a: { hints: ["x"], hintSlots: 8, concurrency: 8 } }) {
  const fleet = fleetWith(replicas);
  const scheduler = schedulerOf(fleet);
  const isolates = new Isolates();
  learnHeld(scheduler.model, { replica: new Replica("other", 1), hint: null, warmth: "none", declaredMs: null }, 400);
  const image = new FleetImage(1);
  const encoder = new SnapshotEncoder();
  const copy = new FleetCopy();
  const reporter = new Reporter("one", copy);
  const its = {
    ...{ fleet, scheduler, isolates, copy, reporter },
    tells(report: DirectReport, now: number) {
      const applied = isolates.apply(scheduler, report, now);
      expect(complaints(fleet, now)).toEqual([]);
      return applied;
    },
    /** One round of the isolate with the object. */
    refresh(now: number) {
      const { touched } = its.tells(reporter.take(now), now);
      image.refresh(scheduler, now, touched);
      copy.apply(encoder.encode(image, copy.known), now);
    },
    sends(hints: readonly string[], now: number) {
      const choice = decideDirect(
        copy,
        hints,
        () => true,
        now,
        () => 0.5,
        { ...DIRECT_RULE, concurrencyLeast: 4 },
      );
      if (choice === null) throw new Error("nobody has room");
      const send = reporter.begin(choice, hints, now);
      if (send === null) throw new Error("too many");
      return send;
    },
    serves(hints: readonly string[], at: number, answerMs: number, heldMs: number) {
      const send = its.sends(hints, at);
      send.answered("success", null, at + answerMs);
      send.finish(true, at + heldMs);
    },
  };
  its.refresh(0);
  return its;
}

export const report = (isolate: string, sequence: number, pairs: readonly Partial<ReportedPair>[] = []): DirectReport => {
  const blank = {
    replica: "a",
    incarnation: 1,
    hint: "x",
    unfinished: 0,
    sent: 0,
    succeeded: 0,
    lastWell: true,
    answerMs: 0,
    heldMs: 0,
  };
  return { isolate, sequence, pairs: pairs.map((pair) => ({ ...blank, ...pair })), demand: [], failures: [], lists: [] };
};
