// What must hold of a fleet and of a queue at every moment, computed by brute force from their records alone.
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Queue } from "../../../src/routing/ledger/queue.ts";
import { heldHints, hintsOf, inFlight, isReady, loadOf, type Replica } from "../../../src/routing/ledger/replica.ts";

import { unanswered } from "../../../src/routing/ledger/slots.ts";
import { freeHints } from "../../../src/routing/policy/candidates.ts";
import { paceOf } from "../../../src/routing/model/pace.ts";

const name = (replica: Replica) => `${replica.id}@${replica.incarnation}`;

/** All members of a priority queue, in its order. */
function inTurn<T>(queue: { readonly first: (usable: (member: T) => boolean) => T | null }): T[] {
  const all = new Set<T>();
  for (let next = queue.first(() => true); next !== null; next = queue.first((its) => !all.has(its))) all.add(next);
  return [...all];
}

function byRank(one: Replica, other: Replica): number {
  const by = (of: (replica: Replica) => number) => of(one) - of(other);
  return (
    by((replica) => loadOf(replica) / replica.concurrency) ||
    by(paceOf) ||
    by(({ served }) => served) ||
    (one.id < other.id ? -1 : 1)
  );
}

/** Collects in words what is not as it is due. */
function complaints() {
  const found: string[] = [];
  const text = (value: Iterable<string> | number) =>
    typeof value === "number" ? String(value) : [...value].toSorted().join(", ");
  const same = (what: string, held: Iterable<string> | number, due: Iterable<string> | number) => {
    if (text(held) !== text(due)) found.push(`${what}: held ${text(held)}; due ${text(due)}`);
  };
  return { found, same };
}

/** Every index or total of the fleet that is not what the records say, in words. Empty: all is well. */
export function violations(fleet: Fleet, now: number): string[] {
  const { found, same } = complaints();
  const replicas = [...fleet.replicas.values()];
  const ready = replicas.filter(isReady);
  same(
    "ids",
    fleet.replicas.keys(),
    replicas.map((replica) => replica.id),
  );
  const withSlot = (free: boolean) =>
    replicas.filter((replica) => isReady(replica) && loadOf(replica) < replica.concurrency === free).map(name);
  same("free", [...fleet.free].map(name), withSlot(true));
  same("busy", [...fleet.busy].map(name), withSlot(false));

  same(
    "slots",
    fleet.slots,
    ready.reduce((slots, { concurrency }) => slots + concurrency, 0),
  );

  same(
    "running",
    fleet.running,
    replicas.reduce((running, replica) => running + inFlight(replica), 0),
  );

  const hints = [...fleet.holders.hints()];
  const pairs = (of: (hint: string) => Iterable<Replica>) =>
    hints.flatMap((hint) => [...of(hint)].map((replica) => `${hint} ${name(replica)}`));
  const held = (replica: Replica) =>
    new Set([...(replica.advertised?.keys() ?? []), ...replica.unreported.keys(), ...replica.loading.keys()]);
  const due = (its: readonly Replica[]) => its.flatMap((replica) => [...held(replica)].map((hint) => `${hint} ${name(replica)}`));
  const { holders } = fleet;
  same(
    "holders",
    pairs((hint) => holders.of(hint)),
    due(replicas),
  );
  same(
    "free holders",
    pairs((hint) => holders.freeOf(hint)),
    due([...fleet.free]),
  );
  for (const hint of hints) {
    const [count, hasFree] = [[...holders.of(hint)].length, [...holders.freeOf(hint)].length > 0];
    if (holders.count(hint) !== count || holders.hasFree(hint) !== hasFree) found.push(`${hint} is counted wrongly`);
    if (count === 0) found.push(`${hint} is indexed, and nobody holds it`);
  }
  same(
    "hints of free replicas",
    freeHints(fleet, Infinity) ?? [],
    hints.filter((hint) => holders.hasFree(hint)),
  );
  same(
    "unreported hints",
    fleet.unreportedHints,
    replicas.reduce((total, { unreported }) => total + unreported.size, 0),
  );
  for (const replica of replicas) {
    same(`hints of ${name(replica)}`, hintsOf(replica), held(replica));
    for (const hint of replica.usedAtMs.keys())
      if (replica.advertised?.has(hint)) found.push(`${name(replica)} has two last uses of ${hint}`);
    same(`number of hints of ${name(replica)}`, heldHints(replica), held(replica).size);
  }
  same("next expiry", fleet.nextExpiryMs, Math.min(...replicas.map(({ expiresAtMs }) => expiresAtMs)));
  if (inTurn(fleet.ready).map(name).join() !== ready.toSorted(byRank).map(name).join()) found.push("the order without hints");
  const loads = replicas.flatMap((replica) =>
    [...replica.loading.values()].flatMap(({ grantId }) => (grantId === null ? [] : [fleet.grants.get(grantId)])),
  );
  if (!loads.every((grant) => grant !== undefined && fleet.loads.has(grant))) found.push("a load would be believed for ever");
  if (fleet.loads.size > fleet.grants.size) found.push("loads of requests that are over");
  for (const part of ["sum", "weight"] as const) {
    const due = replicas.reduce((total, { errors }) => total + errors[part], 0);
    if (Math.abs(fleet.errors[part] - due) > 1e-9) found.push(`errors: held ${fleet.errors[part]}; due ${due}`);
  }

  const advertised = replicas.flatMap((replica) => [...(replica.advertised?.keys() ?? [])]);
  same("advertised hints", fleet.advertisedHints, advertised.length);
  same("advertised text", fleet.advertisedText, advertised.join("").length);

  same(
    "by origin",
    [...fleet.byOrigin].map(([origin, replica]) => `${origin} ${name(replica)}`),
    replicas.map((replica) => `${replica.origin} ${name(replica)}`),
  );
  same("withholding", [...fleet.withholding].map(name), replicas.filter(({ withheld }) => withheld > 0).map(name));

  same("suspects", [...fleet.unhealthy].map(name), replicas.filter((replica) => replica.ejectedFor !== null).map(name));
  same(
    "ejected, but not suspect",
    replicas.filter((replica) => replica.ejectedUntilMs > now && replica.ejectedFor === null).map(name),
    [],
  );
  same(
    "live and departed",
    [...fleet.tombstones.keys()].filter((id) => fleet.replicas.has(id)),
    [],
  );

  const records = [...replicas, ...[...fleet.tombstones.values()].flatMap((gone) => gone.record ?? [])];
  for (const record of records) {
    for (const [id, grant] of record.grants) {
      if (fleet.grants.get(id) !== grant || grant.replica !== record) found.push(`grant ${id} of ${name(record)} is nobody's`);
    }
    const hints = [...record.grants.values()].flatMap(({ hint }) => hint ?? []);
    same(
      `users of ${name(record)}`,
      [...record.users].flatMap(([hint, users]) => Array<string>(Math.max(0, users)).fill(hint)),
      hints,
    );
    if ([...record.users.values()].some((users) => users <= 0)) found.push(`${name(record)} counts a hint that nobody uses`);
    for (const hint of record.unreported.keys())
      if (record.advertised?.has(hint)) found.push(`${name(record)} has reported ${hint} and has not`);
    if (record.withheld < 0) found.push(`${name(record)} withholds ${record.withheld}`);
    if (fleet.replicas.get(record.id) !== record && record.withheld > 0)
      found.push(`${name(record)} has left and withholds slots`);
    if (record.unadopted < 0) found.push(`${name(record)} has ${record.unadopted} unadopted`);
    for (const [hint, { grantId }] of record.loading) {
      if (grantId === null) continue;
      const grant = record.grants.get(grantId);
      if (grant?.hint !== hint || grant.answered) found.push(`${name(record)} loads ${hint} for no grant that could`);
    }
  }
  for (const [id, grant] of fleet.reclaimed) {
    if (grant.id !== id || fleet.grants.has(id)) found.push(`grant ${id} has a slot and has none`);
  }
  for (const record of records) {
    for (const [id, grant] of record.reclaimed) {
      if (fleet.reclaimed.get(id) !== grant || grant.replica !== record) found.push(`grant ${id} of ${name(record)} had no slot`);
    }
    const { probe } = record;
    if (probe === null) continue;
    if ((fleet.grants.get(probe.id) ?? fleet.reclaimed.get(probe.id))?.replica !== record)
      found.push(`${name(record)} has a probe that is over`);
    if (record.ejectedFor === null) found.push(`${name(record)} has a probe though it is trusted`);
  }
  const isLive = (replica: Replica) => fleet.replicas.get(replica.id) === replica;
  same("live, and its requests are lost", replicas.filter(({ lost }) => lost).map(name), []);
  same("orphaning, and live or lost already", [...fleet.orphaning.keys()].filter((its) => isLive(its) || its.lost).map(name), []);
  for (const { replica } of [...fleet.grants.values(), ...fleet.reclaimed.values()]) {
    if (isLive(replica) || replica.lost || fleet.orphaning.has(replica)) continue;
    if (unanswered(replica).next().done !== true)
      found.push(`requests of ${name(replica)}, which has left, are waited for for ever`);
  }
  for (const [id, grant] of fleet.grants) {
    if (grant.id !== id || grant.replica.grants.get(id) !== grant) found.push(`grant ${id} is not on ${name(grant.replica)}`);
  }
  return found;
}

/** As `violations`, of a queue. */
export function queueViolations(queue: Queue): string[] {
  const { found, same } = complaints();
  const all = [...queue.waiting.values()];
  const classes = [...queue.classes.values()];
  const ids = (some: Iterable<{ readonly id: number }>) => [...some].map(({ id }) => String(id));
  for (const [id, waiting] of queue.waiting) if (id !== waiting.id) found.push(`${waiting.id} is under ${id}`);
  same(
    "in classes",
    classes.flatMap(({ waiting }) => ids(waiting)),
    ids(all),
  );
  for (const [key, its] of queue.classes) {
    const [head] = its.waiting;
    if (head === undefined) found.push(`class ${key} is empty`);
    for (const [place, { arrivedAtMs, hints, avoid, priority }] of its.waiting.entries()) {
      if (arrivedAtMs < (its.waiting[place - 1]?.arrivedAtMs ?? -Infinity)) found.push(`class ${key} is not in order of arrival`);
      same(`hints in class ${key}`, hints.join(), its.hints.join());
      same(`avoided in class ${key}`, avoid.join(), its.avoid.join());
      same(`priority in class ${key}`, priority, head?.priority ?? "");
    }
  }
  same("avoiding", ids(queue.avoiding.values()), ids(all.filter(({ avoid }) => avoid.length > 0)));
  for (const priority of ["high", "normal", "low"] as const) {
    same(`waiting, ${priority}`, queue.count[priority], all.filter((waiting) => waiting.priority === priority).length);
  }
  const workMs = all.reduce((sum, { expectedMs, priority }) => (priority === "low" ? sum : sum + expectedMs), 0);
  if (Math.abs(queue.workMs - workMs) > 1e-6 * (1 + workMs)) found.push(`work: held ${queue.workMs}; due ${workMs}`);
  const lowWorkMs = all.reduce((sum, { expectedMs, priority }) => (priority === "low" ? sum + expectedMs : sum), 0);
  if (Math.abs(queue.lowWorkMs - lowWorkMs) > 1e-6 * (1 + lowWorkMs))
    found.push(`low work: held ${queue.lowWorkMs}; due ${lowWorkMs}`);
  if (all.length === 0) same("work of nobody", queue.workMs + queue.lowWorkMs, 0);
  for (const { id, deadlineMs } of all) if (deadlineMs < queue.nextDeadlineMs) found.push(`${id} ends before the next deadline`);
  return found;
}
