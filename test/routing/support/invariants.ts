// What must hold of a fleet at every moment, computed by brute force from its records alone.
import { isEjected, isReady, loadOf, type Fleet, type Replica } from "../../../src/routing/fleet.ts";

const name = (replica: Replica) => `${replica.id}@${replica.incarnation}`;

/** Every index or total that is not what the records say, in words. Empty: all is well. */
export function violations(fleet: Fleet, now: number): string[] {
  const found: string[] = [];
  const same = (what: string, held: Iterable<string> | number, due: Iterable<string> | number) => {
    const text = (value: Iterable<string> | number) =>
      typeof value === "number" ? String(value) : [...value].toSorted().join(", ");
    if (text(held) !== text(due)) found.push(`${what}: held ${text(held)}; due ${text(due)}`);
  };
  const replicas = [...fleet.replicas.values()];
  same(
    "ids",
    fleet.replicas.keys(),
    replicas.map((replica) => replica.id),
  );
  same(
    "free",
    [...fleet.free].map(name),
    replicas.filter((replica) => isReady(replica) && loadOf(replica) < replica.concurrency).map(name),
  );

  const pairs = [...fleet.holders].flatMap(([hint, holders]) => [...holders].map((replica) => `${hint} ${name(replica)}`));
  const held = (replica: Replica) => new Set([...(replica.advertised ?? []), ...replica.loading.keys()]);
  same(
    "holders",
    pairs,
    replicas.flatMap((replica) => [...held(replica)].map((hint) => `${hint} ${name(replica)}`)),
  );
  if ([...fleet.holders.values()].some((holders) => holders.size === 0)) found.push("a hint is indexed that nobody holds");

  const advertised = replicas.flatMap((replica) => [...(replica.advertised ?? [])]);
  same("advertised hints", fleet.advertisedHints, advertised.length);
  same("advertised text", fleet.advertisedText, advertised.join("").length);

  same(
    "ejected",
    [...fleet.ejected].filter((replica) => isEjected(replica, now)).map(name),
    replicas.filter((replica) => isEjected(replica, now)).map(name),
  );
  same(
    "live and departed",
    [...fleet.departed.keys()].filter((id) => fleet.replicas.has(id)),
    [],
  );

  const records = [...replicas, ...[...fleet.departed.values()].flatMap((gone) => gone.record ?? [])];
  for (const record of records) {
    for (const [id, grant] of record.grants) {
      if (fleet.grants.get(id) !== grant || grant.replica !== record) found.push(`grant ${id} of ${name(record)} is nobody's`);
    }
    if (record.unclaimed < 0) found.push(`${name(record)} has ${record.unclaimed} unclaimed`);
    for (const [hint, { grantId }] of record.loading) {
      const grant = record.grants.get(grantId);
      if (grant?.hint !== hint || grant.answeredAtMs !== null)
        found.push(`${name(record)} loads ${hint} for no grant that could`);
    }
  }
  for (const [id, grant] of fleet.grants) {
    if (grant.id !== id || grant.replica.grants.get(id) !== grant) found.push(`grant ${id} is not on ${name(grant.replica)}`);
  }
  return found;
}
