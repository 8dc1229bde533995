// An isolate's copy of a fleet: whatever happens to the fleet, what is sent makes the copy say what the fleet is; what is damaged changes nothing.
import { expect, test } from "vitest";
import { BadBytes } from "../../../src/routing/direct/bytes.ts";
import { seeded } from "../../../bench/simulate/random.ts";
import { SnapshotEncoder } from "../../../src/routing/direct/codec.ts";
import { FleetCopy } from "../../../src/routing/direct/copy.ts";
import { FleetImage } from "../../../src/routing/direct/snapshot.ts";
import { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints, deleteReplica, setDrained, sweep } from "../../../src/routing/ledger/membership.ts";
import { evictedBy, heldHints, holdsHint, isReady, loadOf, type Grant } from "../../../src/routing/ledger/replica.ts";
import { answered, finish } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, occupy, schedulerOf, unreachable, TTL_MS } from "../support/fleets.ts";

const HINTS = Array.from({ length: 12 }, (_, index) => `https://models.example.com/lora-${index}/weights.safetensors`);
const IDS = ["a", "b", "c", "replica-1", "replica-2", "replica-22"];

/** What a copy should say, from the records of the fleet alone. */
function due(fleet: Fleet, now: number) {
  const ready = [...fleet.replicas.values()].filter(isReady).map((replica) => ({
    id: replica.id,
    incarnation: replica.incarnation,
    origin: replica.origin,
    concurrency: replica.concurrency,
    open: !fleet.unhealthy.has(replica) && (replica.loading.size === 0 || heldHints(replica) <= (replica.hintSlots ?? 0)),
    load: loadOf(replica),
    hints: [...HINTS, "only"]
      .filter(
        (hint) =>
          (heldHints(replica) === 1 || hint !== evictedBy(replica)) &&
          holdsHint(replica, hint) &&
          fleet.hintFailures.barredUntilMs(replica, hint, now) === 0,
      )
      .toSorted(),
  }));
  return ready.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function said(copy: FleetCopy) {
  const ready = copy.replicas.map(({ id, incarnation, origin, concurrency, open, load: its, hints }) => {
    return { id, incarnation, origin, concurrency, open, load: its, hints: hints.toSorted() };
  });
  const holders = [...HINTS, "only"].map((hint) => [hint, [...copy.holding(hint)].map(({ id }) => id).toSorted()]);
  return { ready: ready.toSorted((a, b) => (a.id < b.id ? -1 : 1)), holders };
}

function holdersOf(ready: ReturnType<typeof due>) {
  return [...HINTS, "only"].map((hint) => [hint, ready.filter(({ hints }) => hints.includes(hint)).map(({ id }) => id)]);
}

test.each(Array.from({ length: 60 }, (_, seed) => seed))("copies agree with the fleet after any changes, seed %i", (seed) => {
  const random = seeded(seed);
  const below = (most: number) => Math.floor(random() * most);
  const of = <T>(all: readonly T[]): T => all[below(all.length)]!;
  const fleet = new Fleet();
  const scheduler = schedulerOf(fleet);
  const image = new FleetImage(7);
  const encoder = new SnapshotEncoder();
  const copies = [new FleetCopy(), new FleetCopy(), new FleetCopy()];
  const grants: Grant[] = [];
  let now = 0;
  const someHints = () => HINTS.filter(() => random() < 0.3);
  const changes: (() => void)[] = [
    () =>
      void hears(
        fleet,
        of(IDS),
        { hints: someHints(), hintSlots: of([null, 6, 12]), concurrency: 1 + below(70), incarnation: 1 + below(3) },
        now,
      ),
    () => void hears(fleet, of(IDS), { hints: random() < 0.5 ? null : someHints(), concurrency: 8 }, now),
    () => void hears(fleet, of(IDS), { status: of(["starting", "draining", "stopped"] as const) }, now),
    () => void hears(fleet, of(IDS), { origin: `http://10.0.0.${below(3)}:8080`, concurrency: 4 }, now),
    () => void sweep(fleet, TTL_MS, now),
    () => withSome((id) => setDrained(fleet, known(fleet, id), random() < 0.5)),
    () => withSome((id) => deleteReplica(fleet, known(fleet, id), now + 1000)),
    () => withSome((id) => applyInBandHints(fleet, known(fleet, id), someHints(), now)),
    () => withFree((id) => grants.push(...occupy(fleet, id, 1, now))),
    () => withFree((id) => grants.push(load(fleet, id, of([...HINTS, "only"]), now))),
    () => withGrant((id) => answered(scheduler, id, { kind: random() < 0.6 ? "success" : "excused", hints: null }, now)),
    () => withGrant((id) => finish(scheduler, id, now)),
    () => withGrant((id) => unreachable(scheduler, id, now)),
  ];
  function withSome(act: (id: string) => unknown) {
    const ids = [...fleet.replicas.keys()];
    if (ids.length > 0) act(of(ids));
  }
  function withFree(act: (id: string) => unknown) {
    const ids = [...fleet.free].map(({ id }) => id);
    if (ids.length > 0) act(of(ids));
  }
  function withGrant(act: (id: number) => unknown) {
    if (grants.length > 0) act(of(grants).id);
  }
  for (let step = 0; step < 120; step++) {
    now += below(400);
    for (let change = below(4); change > 0; change--) of(changes)();
    const copy = of(copies);
    if (random() < 0.2) {
      image.refresh(
        schedulerOf(fleet),
        now,
        IDS.filter(() => random() < 0.5),
      );
      copy.apply(encoder.encode(image, copy.known), now);
    }
    if (random() < 0.3) {
      now += LIMITS.imageAgeMs;
      image.refresh(schedulerOf(fleet), now);
      copy.apply(encoder.encode(image, copy.known), now);
      const wanted = due(fleet, now);
      expect(said(copy)).toEqual({ ready: wanted, holders: holdersOf(wanted) });
      const whole = new FleetCopy();
      whole.apply(new SnapshotEncoder().encode(image, null), now);
      expect(said(whole)).toEqual(said(copy));
    }
  }
});

function small() {
  const fleet = fleetWith({ a: { hints: ["sdxl", "flux"], concurrency: 8 }, b: { hints: ["flux"], concurrency: 4 } });
  const image = new FleetImage(1);
  image.refresh(schedulerOf(fleet), 0);
  const encoder = new SnapshotEncoder();
  return { fleet, image, encoder, whole: encoder.encode(image, null) };
}

test("bytes that are cut short or altered are refused and change nothing", () => {
  const { whole, fleet, image, encoder } = small();
  const copy = new FleetCopy();
  copy.apply(whole, 5);
  hears(fleet, "b", { hints: ["sdxl"], concurrency: 4 });
  image.refresh(schedulerOf(fleet), LIMITS.imageAgeMs);
  const before = [structuredClone(said(copy)), copy.known, copy.atMs];
  for (const bytes of [whole, encoder.encode(image, copy.known)]) {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => copy.apply(bytes.subarray(0, length), 6)).toThrow(BadBytes);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 16, 128]) {
        const altered = bytes.slice();
        altered[at]! ^= bit;
        expect(() => copy.apply(altered, 6)).toThrow(BadBytes);
      }
    }
  }
  expect([said(copy), copy.known, copy.atMs]).toEqual(before);
});

test("what does not follow on the copy's version is refused; a known version of another life of the object gets the whole", () => {
  const { fleet, image, encoder, whole } = small();
  const copy = new FleetCopy();
  copy.apply(whole, 0);
  const old = copy.known;
  hears(fleet, "a", { hints: [], concurrency: 8 });
  image.refresh(schedulerOf(fleet), LIMITS.imageAgeMs);
  const delta = encoder.encode(image, old);
  copy.apply(delta, 0);
  expect(() => copy.apply(delta, 0)).toThrow(BadBytes);
  expect(() => new FleetCopy().apply(delta, 0)).toThrow(BadBytes);
  const next = new FleetImage(2);
  next.refresh(schedulerOf(fleet), 0);
  copy.apply(new SnapshotEncoder().encode(next, copy.known), 1);
  expect(copy.known).toEqual({ epoch: 2, version: next.version });
});

test("a report's replicas are up to date at once, the others within 100 ms", () => {
  const { fleet, image, encoder, whole } = small();
  const copy = new FleetCopy();
  copy.apply(whole, 0);
  occupy(fleet, "a", 3);
  occupy(fleet, "b", 2);
  image.refresh(schedulerOf(fleet), 1, ["a"]);
  copy.apply(encoder.encode(image, copy.known), 1);
  expect(copy.replicas.map(({ load: its }) => its)).toEqual([3, 0]);
  image.refresh(schedulerOf(fleet), LIMITS.imageAgeMs);
  copy.apply(encoder.encode(image, copy.known), LIMITS.imageAgeMs);
  expect(copy.replicas.map(({ load: its }) => its)).toEqual([3, 2]);
});

test("1,000 replicas of 3 hints take less than 60 KB; a change of one less than 200 bytes; no change a few", () => {
  const fleet = new Fleet();
  for (let index = 0; index < 1000; index++) {
    const hints = [0, 1, 2].map((slot) => `hint-${(3 * index + slot) % 2000}`);
    hears(fleet, `replica-${index}`, { hints, hintSlots: 6, concurrency: 16, incarnation: 1_700_000_000_000 + index });
  }
  const image = new FleetImage(1_800_000_000_000_000);
  const encoder = new SnapshotEncoder();
  image.refresh(schedulerOf(fleet), 0);
  const copy = new FleetCopy();
  const whole = encoder.encode(image, null);
  copy.apply(whole, 0);
  expect(whole.length).toBeLessThan(60_000);
  expect(encoder.encode(image, null)).toBe(whole);
  image.refresh(schedulerOf(fleet), 1000);
  expect(encoder.encode(image, copy.known).length).toBeLessThan(32);
  hears(fleet, "replica-500", {
    hints: ["another", "and-another"],
    hintSlots: 6,
    concurrency: 32,
    incarnation: 1_700_000_000_500,
  });
  image.refresh(schedulerOf(fleet), 2000);
  expect(encoder.encode(image, copy.known).length).toBeLessThan(200);
  for (let index = 0; index < 1000; index += 2) occupy(fleet, `replica-${index}`, 1);
  image.refresh(schedulerOf(fleet), 3000);
  expect(encoder.encode(image, copy.known).length).toBeLessThan(1500);
});

test("rows and names of what is no more are used again", () => {
  const fleet = new Fleet();
  const image = new FleetImage(1);
  for (let round = 0; round < 100; round++) {
    const now = round * LIMITS.imageAgeMs;
    hears(fleet, `r${round}`, { hints: [`x${round}`, `y${round}`] }, now);
    hears(fleet, "always", { hints: ["always", `z${round}`] }, now);
    if (round > 0) hears(fleet, `r${round - 1}`, { status: "stopped" }, now);
    image.refresh(schedulerOf(fleet), now);
  }
  expect(image.rows.length).toBeLessThan(5);
  expect(image.names.length).toBeLessThan(12);
});
